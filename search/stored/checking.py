"""`check`: judge a history that was recorded before, in production or by another tool."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from refold.model.application import Application
from refold.model.documents.history import MalformedHistory
from refold.model.errors import UsageError
from refold.properties.linearizability import History, Specification, sniff
from refold.search.objects.given import application_given
from refold.search.stored.black_box import BlackBox
from refold.search.stored.cloudevents import cloudevents_history
from refold.search.stored.files import FileSource, MemorySource, Source, head_of, refuse_pipe
from refold.search.stored.history import StoredHistory
from refold.search.stored.judged import Judged

FORMATS = ("auto", "refold", "minimal", "jepsen-log", "edn", "register", "otlp", "cloudevents")

Given = str | os.PathLike[str] | History | Iterable[Any]


def check(
    history: Given,
    *,
    application: Application | type[Application] | str | None = None,
    model: str | Specification = "cas-register",
    format: str = "auto",
    initial: Any = None,
    nil_reads: Literal["value", "any"] = "value",
    fail: Literal["refuses", "nothing"] | None = None,
    keys: Literal["auto", "one", "independent"] = "auto",
    seconds: float | None = None,
    jobs: int | None = 1,
) -> Judged:
    """Judge a history, as `refold check` does, and print nothing.

    `history` is one of the following: the path of a file; the records themselves, as refold's objects, as maps or as
    lines of text; or operations as defined in `refold.properties.linearizability`. A history of refold is judged by all
    properties that apply, with `application` (an object, a class, a name of an example or MODULE:OBJECT) or else with
    the example that it names. A history without positions is judged with `model`, which starts from the `initial`
    value. `seconds` is the CPU time that judging may take. `jobs` processes judge a history of refold (None: as many as
    there are cores, if that saves enough time); what is found does not depend on the number.

    The verdict is ``held`` or ``broken``, ``linearizable`` or ``not linearizable``, or ``undecided``. If something ended the reading
    early, such as a malformed line or Ctrl-C, it is the `error` of the result, which keeps what was found before.

    If there is nothing to judge, it raises `UsageError` (a `ValueError`), `HistoryError`, `MalformedHistory` or `OSError`, with a
    sentence that says what is wrong.
    """
    subject = None if application is None else application_given(application)
    box = BlackBox(model, initial, nil_reads, fail, keys, seconds)
    if isinstance(history, History):
        return box.judged(history, "operations")
    source = source_of(history)
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}; use one of {', '.join(FORMATS)}")
    known = format if format != "auto" else format_of(source)
    if known == "refold":
        return StoredHistory(source, subject, seconds=seconds, jobs=jobs).judged()
    if known == "cloudevents":
        return judged_events(source, subject, seconds=seconds)
    return box.judged(source, known)


def judged_events(source: Source, application: Application | None = None, **options: Any) -> Judged:
    """The verdict on a stream of CloudEvents; `options` are those of a stored history."""
    records, left_out = cloudevents_history(source, () if application is None else application.event_classes)
    judged = StoredHistory(MemorySource.of(records, source.name), application, **options).judged()
    return attrs.evolve(judged, format="cloudevents", not_checked=(*judged.not_checked, *left_out))


def source_of(history: Given) -> Source:
    """Where its lines are. Raises `UsageError`."""
    if isinstance(history, str | os.PathLike):
        path = os.fspath(history)
        refuse_pipe(path)
        return FileSource(path)
    if isinstance(history, Mapping | bytes) or not isinstance(history, Iterable):
        raise UsageError(f"a history is a path or the records of one, not a {type(history).__name__}")
    return MemorySource.of(history)


def format_of(source: Source) -> str:
    """The format of a history, from its first lines; raises `MalformedHistory`."""
    head = head_of(source)
    if not head.strip():
        raise MalformedHistory(1, "the file is empty" if isinstance(source, FileSource) else "the history is empty")
    found = sniff(head.splitlines())
    if found is None:
        raise MalformedHistory(
            1, f"this is none of the formats that refold reads; name it with --format ({', '.join(FORMATS[1:])})"
        )
    return found
