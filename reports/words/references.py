"""References to public bug reports: spelled out, so that each says which repository it is about, and linked where that is known.

The catalogue cites as people do: ``marten#4591 (6 of 8 racers won), #1665``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

REPOSITORIES: dict[str, str] = {
    name.rpartition("/")[2]: name
    for name in (
        "AxonFramework/AxonFramework",
        "Eventuous/eventuous",
        "JasperFx/jasperfx",
        "JasperFx/marten",
        "MassTransit/MassTransit",
        "Particular/NServiceBus.NHibernate",
        "RTBHOUSE/kafka-workers",
        "RailsEventStore/rails_event_store",
        "airbytehq/airbyte",
        "akka/akka-persistence-cassandra",
        "apache/pekko",
        "camunda/camunda",
        "commanded/commanded",
        "confluentinc/librdkafka",
        "dbos-inc/dbos-transact-py",
        "debezium/debezium",
        "elastic/elasticsearch",
        "event-driven-io/emmett",
        "eventflow/EventFlow",
        "fd4s/fs2-kafka",
        "kamu-data/kamu-cli",
        "kurrent-io/KurrentDB",
        "mailgun/kafka-pixy",
        "nats-io/nats-server",
        "proteanhq/protean",
        "pyeventsourcing/eventsourcing",
        "redis/redis",
        "redis/redis-py",
        "tulios/kafkajs",
        "zio/zio-kafka",
    )
} | {"Eventuous": "Eventuous/eventuous", "patchlevel": "patchlevel/event-sourcing"}
"""What a reference calls a repository -> its owner and name."""

CITED = re.compile(r"(?:(?P<repository>(?!PR\b)[\w.-]*\w(?:/[\w.-]*\w)?)(?P<gap> ?))?(?P<kind>PR)?#(?P<number>\d+)")


@attrs.frozen
class Part:
    """Some words of a reference, and the page that they lead to, if it is known."""

    text: str
    url: str = ""


def parts(reference: str) -> list[Part]:
    """A reference in pieces; a number without a repository gets the one that was named before it."""
    reference = re.sub(r"/(?=(?:PR)?#)", ", ", reference)
    first = re.match(r"[\w.-]*\w", reference)
    named = first[0] if first and first[0] in REPOSITORIES else ""
    found: list[Part] = []
    end = 0
    for match in CITED.finditer(reference):
        before, text = reference[end : match.start()], match[0]
        if match["repository"]:
            named = match["repository"]
        elif named:
            text = f"{named}{' ' if match['kind'] else ''}{text}"
        repository = named if "/" in named else REPOSITORIES.get(named, "")
        url = f"https://github.com/{repository}/issues/{match['number']}" if repository else ""
        found += [Part(before), Part(text, url)] if before else [Part(text, url)]
        end = match.end()
    return [*found, Part(reference[end:])] if reference[end:] else found


def spelled_out(references: Iterable[str]) -> str:
    """All of them in one line."""
    return "; ".join("".join(part.text for part in parts(reference)) for reference in references)
