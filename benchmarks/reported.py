"""Bugs from public reports that refold was not made for: does `refold verify` find them, and does it leave the repaired code alone?

Each module of `benchmarks/reported/` rebuilds the mechanism of one report as an ordinary developer would write it: `Bad` has the bug, and
`Good` is repaired as in the report. Each of them is searched with each seed, in a process of its own and an empty folder. The guarantee
that a bug breaks (the table below) was fixed before the first search. Printed: for each mechanism, in how many searches it was found, what
the first finding was, and in how many the repaired one held; on standard error every search when it is done. Ctrl-C ends early, with the
table of what was measured. The exit code is 1 if a correct system was accused, 2 if a search could not be made, and otherwise 0, whatever
was found.

    python benchmarks/reported.py [NAME ...] [--seconds S] [--seeds 1 2 3] [--jobs N] [--json]

The mechanisms were rebuilt in three sets of fifteen, each by somebody who had not looked at refold's code. What follows is what was found
the first time, with 20 seconds and seeds 1 to 3; nothing had been done for these mechanisms then. Of the first set 37 of 45 were found, of
the second 40, of the third 29; the expected guarantee came first in 31, 40 and 27 of these; and all 135 correct ones held. Decisions 0135
and 0136 say what was done about those that were missed, and what is still missed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Any

import attrs

FOLDER = pathlib.Path(__file__).with_suffix("")
COMMAND = "import sys; sys.argv[0] = 'refold'; from refold.reports.commands.cli import main; main()"


@attrs.frozen
class Report:
    """Where a mechanism comes from, and the guarantee that it breaks."""

    guarantee: str
    url: str
    title: str
    application: str = "App"


GITHUB = "https://github.com/"
REPORTS = {
    "swallowed_save": Report(
        "CAS",
        GITHUB + "ReactiveDomain/reactive-domain/issues/298",
        "A failed Save is silent under caching, and leaves the aggregate unable to retry",
    ),
    "version_read_at_save": Report(
        "CAS", GITHUB + "looplab/eventhorizon/issues/17", "[aggregatestore/events] aggregate version handling"
    ),
    "stale_fill": Report(
        "READ",
        GITHUB + "ZiggyCreatures/FusionCache/issues/625",
        "[BUG] A `Remove(MyKey)` during load will keep serving stale data",
    ),
    "checkpoint_without_state": Report(
        "CKPT",
        GITHUB + "kurrent-io/KurrentDB/issues/1517",
        "Projection loses state after restarting EventStore",
    ),
    "shared_state_row": Report(
        "CKPT",
        GITHUB + "zitadel/zitadel/issues/10453",
        "Adding 2 prjections with the same table should not be allowed",
    ),
    "position_at_start": Report(
        "CKPT", GITHUB + "zitadel/zitadel/pull/12703", "fix(eventstore): prevent projections from skipping events"
    ),
    "drained_batch": Report(
        "CKPT",
        GITHUB + "JasperFx/fisher/issues/12",
        "A retried projection batch silently dropped its document writes",
    ),
    "produce_not_awaited": Report(
        "DUAL",
        GITHUB + "abpframework/abp/issues/24340",
        "Outbox events are marked as published (and deleted) even when Kafka broker is down",
    ),
    "stranded_draft": Report(
        "DUAL",
        GITHUB + "nextcloud/mail/issues/13421",
        "Outbox message stranded forever when the send request is lost: type=OUTGOING + send_at=NULL matches neither findDue() nor"
        " findDueDrafts()",
    ),
    "job_run_twice": Report(
        "DUAL",
        GITHUB + "silverstripe/silverstripe-queuedjobs/issues/26",
        "Ensure multiple queue processors don't run duplicate jobs",
    ),
    "completion_ignored": Report(
        "CKPT",
        GITHUB + "Particular/NServiceBus.Persistence.Sql/issues/262",
        "Saga completion is ignored when the saga concurrently processes another message",
    ),
    "saga_completed_twice": Report(
        "DUAL", GITHUB + "wework/grabbit/issues/109", "A completing saga action may get executed twice"
    ),
    "unlock_by_name": Report(
        "LOCK",
        GITHUB + "lukas-krecan/ShedLock/issues/74",
        "node1 unlock may overwrite node2's lock's info in MongoLockProvider?",
        "inventory",
    ),
    "token_expires": Report(
        "LOCK",
        GITHUB + "Azure-Samples/cosmos-db-design-patterns/pull/91",
        "Fix distributed lock losing the lock when work exceeds the TTL",
        "inventory",
    ),
    "stop_commits": Report(
        "CKPT",
        GITHUB + "aio-libs/aiokafka/issues/900",
        "[QUESTION] what's the recommended way to stop a consumer without auto-committing?",
    ),
    "sequence_not_unique": Report(
        "CAS",
        GITHUB + "eventflow/EventFlow/issues/598",
        "MongoDB: Concurrently execute 2 commands against the same aggregate does not throw OptimisticConcurrencyException for"
        " persistence component",
    ),
    "unguarded_update": Report(
        "CAS",
        GITHUB + "hoangdaochuz/booking/issues/27",
        "Seat reservation UPDATE has no status guard — double booking possible under concurrency",
    ),
    "version_not_restored": Report(
        "CAS",
        GITHUB + "looplab/eventhorizon/issues/414",
        "Version is not set when recreating Aggregate from SnapShot",
    ),
    "timer_ends_catch_up": Report(
        "CKPT",
        GITHUB + "commanded/eventstore/pull/327",
        "Keep catching up when the checkpoint timer fires",
    ),
    "gap_at_head": Report(
        "CKPT",
        GITHUB + "faust-streaming/faust/issues/606",
        "Wrong offset commit in case of gaps",
    ),
    "fold_across_rebuild": Report(
        "CKPT",
        GITHUB + "pragmaticalabs/pragmatica/issues/1298",
        "Projection rebuild: a fold in flight across rebuild() is applied twice",
    ),
    "precommit_unconfirmed": Report(
        "CKPT",
        GITHUB + "Altinity/clickhouse-sink-connector/issues/1299",
        "preCommit() commits Kafka offsets before ClickHouse write is confirmed — potential data loss",
    ),
    "cache_before_commit": Report(
        "READ",
        GITHUB + "ardanlabs/service/issues/653",
        "Cache pollution on rollback — load-bearing bug",
    ),
    "version_as_position": Report(
        "REPL",
        GITHUB + "prooph/micro/issues/13",
        "Version vs. event no problem with snapshots",
    ),
    "issued_in_memory": Report(
        "DUAL",
        GITHUB + "noetl/noetl/issues/255",
        "[NoETL] In-memory state cache becomes stale when command issuance fails",
    ),
    "published_in_transaction": Report(
        "DUAL",
        GITHUB + "headsnet/domain-events-bundle/issues/27",
        "Events get published while rollback transaction is open",
    ),
    "locked_not_started": Report(
        "DUAL",
        GITHUB + "schmittjoh/JMSJobQueueBundle/issues/258",
        "Crash between lock and start of a job renders it stuck",
    ),
    "setnx_then_expire": Report(
        "LOCK",
        GITHUB + "laravel/horizon/issues/1738",
        "Lock::get() uses non-atomic SETNX + EXPIRE (potential permanent deadlock)",
        "inventory",
    ),
    "lease_by_own_clock": Report(
        "LOCK",
        GITHUB + "johanhaleby/occurrent/issues/662",
        "A competing consumer judges another node's lease against its own clock",
        "inventory",
    ),
    "events_one_by_one": Report(
        "LOG",
        GITHUB + "steveklabnik/docket/pull/44",
        "Fix atomic event writes with transactions and corruption recovery",
    ),
    "refresh_in_place": Report(
        "CAS",
        GITHUB + "jonsequitur/Its.Cqrs/issues/80",
        "redesign IEventSourcedRepository.Refresh",
    ),
    "claimed_by_user": Report(
        "CAS",
        GITHUB + "QuantumNous/new-api/pull/4302",
        "Fix redemption code double-claim race",
    ),
    "two_lock_managers": Report(
        "CAS",
        GITHUB + "lvlup-sw/exarchos/issues/1293",
        "EventStore.append* and AtomicAppender hold separate per-stream locks (race on JSONL)",
    ),
    "stop_all_goes_on": Report(
        "CKPT",
        GITHUB + "JasperFx/marten/issues/1845",
        "Async Daemon skips event on StopAll exception handling strategy.",
    ),
    "count_then_read": Report(
        "CKPT",
        GITHUB + "johanhaleby/occurrent/pull/208",
        "Close count-to-read window event loss in CatchupSubscriptionModel handover",
    ),
    "no_inbox": Report(
        "CKPT",
        GITHUB + "proteanhq/protean/issues/1042",
        "No consume-side idempotency: at-least-once redelivery double-applies non-idempotent projectors",
    ),
    "counters_apart": Report(
        "CKPT",
        GITHUB + "aws-samples/sample-voice-of-customer-datalake/pull/383",
        "fix(aggregator): make an arrival idempotent under stream redelivery (#264)",
    ),
    "cached_miss": Report(
        "READ",
        GITHUB + "factcast/factcast/issues/2685",
        "Invalidate cached cache misses in SchemaRegistry's schemaNearCache",
    ),
    "snapshot_bypassed": Report(
        "REPL",
        GITHUB + "KanishJebaMathewM/Truxify/pull/9369",
        "fix(eventsourcing): preserve historical snapshot state when replaying post-snapshot events",
    ),
    "manager_started_lazily": Report(
        "DUAL",
        GITHUB + "eventuate-tram/eventuate-tram-sagas/issues/40",
        "SagaManagers are initialized lazily when saga is started => doesn't process replies in failure scenario",
    ),
    "cleaned_up_while_written": Report(
        "DUAL",
        GITHUB + "actionhero/node-resque/issues/317",
        "Use watch to ensure that cleanupTimetamps doesn't delete a delayed queue as a new job is being writtten",
    ),
    "recovery_stops_at_first": Report(
        "DUAL",
        GITHUB + "oxidecomputer/omicron/issues/5947",
        "saga recovery stops if Nexus fails to recover a saga",
    ),
    "get_then_delete": Report(
        "LOCK",
        GITHUB + "BerriAI/litellm/issues/21225",
        "Race condition: PodLockManager.release_lock can delete another pod's reacquired lock",
        "inventory",
    ),
    "heartbeat_blind_set": Report(
        "LOCK",
        GITHUB + "CERT-Polska/Artemis/pull/2670",
        "Fix stale resource lock release ownership",
        "inventory",
    ),
    "part_of_batch_known": Report(
        "LOG",
        GITHUB + "sliceworkz/eventstore/pull/166",
        "Idempotent appends: batch as unit of de-duplication",
    ),
}


@attrs.frozen
class Run:
    """One search: what it found, in the order in which refold tells it, or why it could not be made."""

    name: str
    version: str
    seed: int
    seconds: float
    findings: tuple[dict[str, Any], ...] = ()
    trouble: str = ""

    @property
    def first(self) -> str:
        """The first finding: its guarantee and its anomaly."""
        return f"{self.findings[0]['guarantee']} {self.findings[0]['anomaly']}"

    def __str__(self) -> str:
        if self.trouble:
            told = f"COULD NOT BE MADE: {self.trouble}"
        elif self.findings:
            rest = "".join(f" +{finding['anomaly']}" for finding in self.findings[1:])
            told = f"{'ACCUSED: ' if self.version == 'Good' else ''}{self.first}, {self.findings[0]['actions']} actions{rest}"
        else:
            told = "held" if self.version == "Good" else "MISSED"
        return f"{self.name} {self.version} seed {self.seed}: {told}, {self.seconds:.1f} s"


class Ended(Exception):
    """The benchmark is ending; this search does not count."""


@attrs.define
class Searches:
    """Searches in child processes, each the leader of a process group, so that they are ended by nobody else and with all they began."""

    seconds: float
    ended: bool = False
    _running: set[int] = attrs.field(factory=set)
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def run(self, name: str, version: str, seed: int) -> Run:
        """`refold verify` of one system with one seed."""
        application = REPORTS[name].application
        if application == "App":
            application = f"{name}:App"
        command = [
            sys.executable,
            "-c",
            COMMAND,
            "verify",
            "--system",
            f"{name}:{version}",
            "--application",
            application,
        ]
        command += [
            "--seconds",
            str(self.seconds),
            "--seed",
            str(seed),
            "--jobs",
            "1",
            "--report-dir",
            "reports",
            "--json",
        ]
        started = time.monotonic()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            code, said, errors = self._done(command, folder)
        made = Run(name, version, seed, round(time.monotonic() - started, 1))
        if code not in (0, 1):
            return attrs.evolve(made, trouble=(errors or said).strip()[-2000:] or f"exit code {code}")
        fields = ("guarantee", "anomaly", "actions", "found_at")
        try:
            found = tuple({field: finding[field] for field in fields} for finding in json.loads(said)["findings"])
        except (ValueError, KeyError) as error:
            return attrs.evolve(made, trouble=f"not understood ({error!r}): {said[-500:]}{errors[-1500:]}")
        return attrs.evolve(made, findings=found)

    def _done(self, command: list[str], folder: str) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        environment = {
            name: text for name, text in os.environ.items() if not name.startswith(("REFOLD_", "PYTEST_", "CI"))
        }
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(FOLDER), environment.get("PYTHONPATH")]))
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": folder}
        with self._lock:
            if self.ended:
                raise Ended
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._running.add(process.pid)
        limit = 120 + 10 * self.seconds
        try:
            said, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            kill(process.pid)
            process.communicate()
            return 2, "", f"no end after {limit:.0f} s"
        finally:
            with self._lock:
                self._running.discard(process.pid)
        if self.ended:
            raise Ended
        return process.returncode, said, errors

    def end(self) -> None:
        """Ends those that run, and begins no more."""
        with self._lock:
            self.ended = True
            for number in self._running:
                kill(number)


def kill(group: int) -> None:
    """End a search, and what it began."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def every_run(tasks: list[tuple[str, str, int]], seconds: float, jobs: int) -> list[Run]:
    """The runs of these systems with these seeds, or those that were made before an interrupt."""
    searches = Searches(seconds)
    with ThreadPoolExecutor(jobs) as pool:
        futures: list[Future[Run]] = []
        try:
            futures += [pool.submit(searches.run, *task) for task in tasks]
            for number, future in enumerate(as_completed(futures), 1):
                print(f"{number} of {len(tasks)}: {future.result()}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("ended early", file=sys.stderr, flush=True)
        finally:
            searches.end()
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures if not future.cancelled() and future.exception() is None]


def row_of(name: str, runs: Iterable[Run]) -> dict[str, Any]:
    """What is known of one mechanism."""
    report = REPORTS[name]
    mine = [run for run in runs if run.name == name]
    bad, good = ([run for run in mine if run.version == version and not run.trouble] for version in ("Bad", "Good"))
    found = [run for run in bad if run.findings]
    return {
        "name": name,
        "url": report.url,
        "title": report.title,
        "expected": report.guarantee,
        "bad": len(bad),
        "found": len(found),
        "as_expected": sum(run.findings[0]["guarantee"] == report.guarantee for run in found),
        "first": dict(Counter(run.first for run in found).most_common()),
        "good": len(good),
        "held": sum(not run.findings for run in good),
        "accusations": [str(run) for run in good if run.findings],
        "trouble": [str(run) for run in mine if run.trouble],
    }


def line_of(row: dict[str, Any]) -> str:
    """A mechanism on one line."""
    first = ", ".join(f"{times} {first}" for first, times in row["first"].items())
    accused = f", {len(row['accusations'])} ACCUSED" if row["accusations"] else ""
    trouble = f", {len(row['trouble'])} COULD NOT BE MADE" if row["trouble"] else ""
    return (
        f"{row['name']:25} expected {row['expected']:4}  found {row['found']} of {row['bad']}{f': {first}' if first else ''};"
        f" correct held {row['held']} of {row['good']}{accused}{trouble}"
    )


def main() -> None:
    """Make all runs, print what they come to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(REPORTS))
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.names) - set(REPORTS):
        parser.error(f"no mechanism {', '.join(sorted(unknown))}; there are {', '.join(REPORTS)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = list(dict.fromkeys(options.names)) or list(REPORTS)
    tasks = [(name, version, seed) for seed in options.seeds for name in names for version in ("Bad", "Good")]
    runs = every_run(tasks, options.seconds, options.jobs)
    rows = [row_of(name, runs) for name in names]
    counted = ("bad", "found", "as_expected", "good", "held")
    totals = {what: sum(row[what] for row in rows) for what in counted}
    totals |= {what: sum(len(row[what]) for row in rows) for what in ("accusations", "trouble")}
    if options.json:
        print(json.dumps({"rows": rows, "totals": totals, "runs": [attrs.asdict(run) for run in runs]}))
    else:
        print("\n".join(map(line_of, rows)))
        print(
            f"found {totals['found']} of {totals['bad']}, {totals['as_expected']} with the expected guarantee first;"
            f" {totals['held']} of {totals['good']} correct ones held"
            + (f"; {totals['trouble']} could not be made" if totals["trouble"] else "")
        )
    sys.exit(1 if totals["accusations"] else 2 if totals["trouble"] else 0)


if __name__ == "__main__":
    main()
