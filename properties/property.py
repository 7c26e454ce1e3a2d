"""What a property is, what it finds, and the checker that feeds a history to many properties at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import attrs

from refold.model.application import Application
from refold.model.record import Step, read_payloads
from refold.properties.window import Window

Handler = Callable[[int, Any], "Finding | None"]

Asking = Callable[[int, Any], "Sequence[Handler]"]
"""Says which handlers are asked about a record."""

Sorter = Callable[[list[Handler], list[Handler]], Asking]
"""Makes, of the handlers that are asked about a regular record and those that are asked about any other (see `refold.properties.regular`),
what tells for each record which of the two these are. For a regular one it does what those would do that are not asked."""

PLAIN = frozenset({int, str, bool, type(None)})
"""Types whose values are the same after a round trip through JSON."""


@attrs.frozen
class Evidence:
    """A record that proves a finding: its number in the history (from 1), the record itself, and its role in the finding."""

    number: int
    record: Any
    role: str


@attrs.frozen
class Wording:
    """What a user's own property says about its findings. `headline` is a template, as those of `refold.reports` are; `rule` and `fix` are
    plain text. `definition` is the clause of the property that is broken, or the beginning of its docstring, for want of a rule."""

    headline: str = ""
    rule: str = ""
    fix: str = ""
    definition: str = ""


@attrs.frozen
class Finding:
    """A violated guarantee. It holds only data; `refold.reports` produces the sentences.

    `anomaly` is the name of what went wrong, and `guarantee` is the code of the guarantee (LOG, CAS, CKPT, ORD, SNAP,
    REPL, DUAL, READ, LOCK, CDC, LIVE). `judge` is the property that found it, and `where` is the consumer, stream or
    client. `position` is the first divergent position, or None if there is none. `expected` and `actual` are the two
    values that differ. `number` is the number of the record in the history at which the violation became apparent.
    `clause` is the part of the property's definition that does not hold, and `wording` is what a user's own property
    says about it."""

    anomaly: str
    guarantee: str
    judge: str
    where: str
    number: int
    position: int | None = None
    expected: Any = None
    actual: Any = None
    evidence: tuple[Evidence, ...] = ()
    clause: str = ""
    wording: Wording | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def signature(self) -> tuple[str, str]:
        """The part of a finding that must stay the same while a plan is shrunk."""
        return (self.anomaly, self.guarantee)


class Property:
    """The base of all properties: a streaming fold of the history.

    A property lists in `handlers` which records it looks at; each handler is passed the record's number and the record,
    and returns a finding or None. The work per record is O(1) amortised. Memory is bounded by the keys, the consumers
    and what is in flight, not by the length of the history. The class docstring begins with the definition of the
    guarantee. `needs` names the capability without which there is nothing to check.

    A definition consists of clauses that can be violated one by one. `clauses` maps a short name for each clause to the
    clause in words. Every finding names the clause that does not hold. For every clause, the tests have a history that
    breaks only this clause, and a similar history that breaks none.
    """

    name: ClassVar[str]
    guarantee: ClassVar[str]
    clauses: ClassVar[Mapping[str, str]] = {}
    """Name of a clause of the definition -> the clause in words."""
    headline: ClassVar[str] = ""
    """For a property of your own: what happened, in one line. ``{where}``, ``{position}``, ``{event}``, ``{expected}`` and ``{actual}``
    stand for these values of the finding."""
    rule: ClassVar[str] = ""
    """For a property of your own: what should have happened. Without it, reports use the clause or, if there is none,
    the first sentence of the docstring."""
    fix: ClassVar[str] = ""
    """For a property of your own: the usual cause, and what to do about it."""
    watches: ClassVar[bool] = False
    """Whether the property looks at steps only while the user's own consumers are watched. At other times, steps are
    stored but not judged, which saves time, because every third record is a step."""
    needs_application: ClassVar[bool] = False
    needs: ClassVar[str] = ""
    """The capability without which a system has nothing that this property could judge."""
    more_guarantees: ClassVar[tuple[str, ...]] = ()
    """Codes of other guarantees that the property judges as well."""
    judges: ClassVar[tuple[type, ...]] = ()
    """The kinds of records of which a history must contain at least one before this property counts as having judged
    anything; empty if any record that the property looks at is enough."""
    shared: ClassVar[bool] = False
    """Whether other properties use what this property keeps, even though this property is created only when certain
    records occur. If several processes judge, each of them runs this property."""
    after: ClassVar[tuple[str, ...]] = ()
    """Names of properties, and of parts of the oracle, that must see a record before this property does, because it uses what they know
    about the record."""
    passes: ClassVar[frozenset[type]] = frozenset()
    """Kinds of records of which the property sees only the irregular ones, because it would find nothing in a regular
    record and would not need to remember anything from it."""
    windows: Sequence[Window] = ()
    """The parts of the property's memory that are bounded."""
    plain: Callable[[Any], Any] | None = None
    """How values look in a history that was read from a file; None for histories in memory."""

    def __init__(self, application: Application | None = None) -> None:
        self.application = application

    def handlers(self) -> dict[type, Handler]:
        """Record class -> bound method."""
        raise NotImplementedError

    def sorters(self) -> dict[type, Sorter]:
        """Record class -> a function that separates the regular records of this class from the others. No two
        properties have such a function for the same class."""
        return {}

    def judged(self, kinds: Collection[type]) -> bool:
        """Whether there was something to judge in histories with records of these kinds."""
        return any(kind in kinds for kind in self.judges or self.handlers())

    def same(self, stored: Any, expected: Any) -> bool:
        """Whether a recorded value, in memory or as it was read from a file, equals the expected one."""
        if stored == expected:
            return True
        return self.plain is not None and (rows_of_lists(stored, expected) or bool(stored == self.plain(expected)))

    def finish(self) -> Iterable[Finding]:
        """Findings that only the end of the history can show."""
        return ()

    def observations(self) -> dict[str, int]:
        """What is worth counting but is not a violation: name -> how often it happened."""
        return {}

    def given_up(self) -> list[str]:
        """What could not be checked because something had to be forgotten, in words; empty if nothing was forgotten."""
        return [window.given_up() for window in self.windows if window.dropped]

    def finding(
        self,
        anomaly: str,
        where: str,
        number: int,
        *,
        clause: str = "",
        guarantee: str | None = None,
        position: int | None = None,
        expected: Any = None,
        actual: Any = None,
        evidence: Sequence[Evidence] = (),
    ) -> Finding:
        """A finding of this property, under one of its clauses. Raises ValueError if the property has no such
        clause."""
        if self.clauses and clause not in self.clauses:
            raise ValueError(
                f"the property {self.name} has no clause {clause!r}; name one of its clauses: {', '.join(self.clauses)}"
            )
        for proof in evidence:
            read_payloads(proof.record)
        return Finding(
            anomaly=anomaly,
            guarantee=guarantee or self.guarantee,
            judge=self.name,
            where=where,
            number=number,
            position=position,
            expected=expected,
            actual=actual,
            evidence=tuple(evidence),
            clause=clause,
            wording=self.wording(clause),
        )

    @classmethod
    def wording(cls, clause: str) -> Wording | None:
        """What the property says about a finding under this clause; None for refold's own properties, whose words are
        in `refold.reports`."""
        if cls.__module__.partition(".")[0] == "refold":
            return None
        return Wording(cls.headline, cls.rule, cls.fix, cls.clauses.get(clause) or first_sentence(cls.__doc__))


def first_sentence(docstring: str | None) -> str:
    """What a docstring begins with, in one line and without its full stop."""
    paragraph = inspect.cleandoc(docstring or "").partition("\n\n")[0]
    return re.split(r"\.(?:\s|$)", " ".join(paragraph.split()), maxsplit=1)[0]


def rows_of_lists(stored: Any, expected: Any) -> bool:
    """Whether these are the same rows, as far as that is seen without writing them as JSON: it makes a list of a tuple, and leaves whole
    numbers, words, truth and nothing as they are."""
    if type(stored) is not dict or type(expected) is not dict or len(stored) != len(expected):
        return False
    for key, value in expected.items():
        if type(value) is tuple:
            if not PLAIN.issuperset(map(type, value)):
                return False
            value = list(value)
        elif type(value) not in PLAIN:
            return False
        if key not in stored or stored[key] != value:
            return False
    return True


def as_recorded(recorded: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether these are the expected payloads; a history may leave payloads of requests out (null)."""
    if recorded == expected:
        return True
    return len(recorded) == len(expected) and all(
        data is None or data == other for data, other in zip(recorded, expected, strict=True)
    )


class Table:
    """Record class -> handlers; the first record of a class without any may bring properties that nobody needed so far.

    `handlers` are all of them, `regular` those that are asked about regular records too. `known` tells for each record which these are: a
    plain dict, which Python looks things up in faster than in one with a `__missing__`.
    """

    def __init__(self, properties: list[Property], late: Callable[[type], Sequence[Property]]) -> None:
        self.known: dict[type, Asking] = {}
        self.handlers: dict[type, list[Handler]] = {}
        self.regular: dict[type, list[Handler]] = {}
        self.properties = properties
        self.late = late
        for judge in properties:
            self.add(judge)

    def add(self, judge: Property) -> None:
        """Ask this property about the records that it looks at, after all others."""
        for kind, handler in judge.handlers().items():
            if kind not in self.handlers:
                self.begin(kind)
            self.handlers[kind].append(handler)
            if kind not in judge.passes:
                self.regular[kind].append(handler)
        for kind, sorter in judge.sorters().items():
            if kind not in self.handlers:
                self.begin(kind)
            self.known[kind] = sorter(self.regular[kind], self.handlers[kind])

    def begin(self, kind: type) -> None:
        """Nobody is asked about this class so far; without a sorter, everybody will be about each record."""
        handlers = self.handlers[kind] = []
        self.regular[kind] = []
        self.known[kind] = lambda number, record: handlers

    def met(self, kind: type) -> Asking:
        """The first record of this kind has come: what tells who is asked."""
        self.begin(kind)
        for judge in self.late(kind):
            self.properties.append(judge)
            self.add(judge)
        return self.known[kind]


def nobody(kind: type) -> Sequence[Property]:
    """No property waits for records of this kind."""
    return ()


class Checker:
    """Feeds records to properties. `feed` is the hot path of refold.

    `late` creates the properties that are needed only once records of certain kinds occur, so that runs without such
    records do not pay for these properties. They judge after all other properties, so they look only at their own kinds
    of records and at the oracle.
    """

    def __init__(self, properties: Sequence[Property], late: Callable[[type], Sequence[Property]] = nobody) -> None:
        self.properties = list(properties)
        self.findings: list[Finding] = []
        self.number = 0
        self.table = Table(self.properties, late)
        self.known = self.table.known

    def feed(self, record: Any) -> None:
        """Judge one record, in the order of the history."""
        self.number = number = self.number + 1
        try:
            asking = self.known[type(record)]
        except KeyError:
            asking = self.table.met(type(record))
        for handler in asking(number, record):
            finding = handler(number, record)
            if finding is not None:
                self.findings.append(finding)

    def feed_all(self, records: Sequence[Any], findings_max: int) -> bool:
        """Judge many records, in the same way as `feed` judges one. Returns False as soon as there are `findings_max`
        findings. If a property raises, `number` is the number of the last record that was judged."""
        found, enough = self.findings, False
        known, met = self.known, self.table.met
        number = self.number
        try:
            for record in records:
                number += 1
                try:
                    handlers = known[type(record)](number, record)
                except KeyError:
                    if type(record) in known:
                        raise
                    handlers = met(type(record))(number, record)
                if handlers:
                    for handler in handlers:
                        finding = handler(number, record)
                        if finding is not None:
                            self.note(number, record, handler, finding)
                            enough = len(found) >= findings_max
                    if enough:
                        break
        except BaseException:
            self.number = number - 1
            raise
        self.number = number
        return not enough

    def note(self, number: int, record: Any, handler: Handler, finding: Finding) -> None:
        """Store what a handler found."""
        self.findings.append(finding)

    def recorder(self, records: list[Any]) -> Callable[[Any], None]:
        """Returns a function that adds each record to `records` and judges it, as `feed` does but without the attribute
        look-ups. The attribute `unjudged` of this function does the same for steps while no consumer is watched. If no
        property looks at steps at such times, `unjudged` only adds them to `records`, which saves time, because every
        third record is a step."""
        keep, found = records.append, self.findings.append
        known, met = self.known, self.table.met

        def emit(record: Any) -> None:
            keep(record)
            number = len(records)
            try:
                asking = known[type(record)]
            except KeyError:
                asking = met(type(record))
            for handler in asking(number, record):
                finding = handler(number, record)
                if finding is not None:
                    found(finding)

        judges = [getattr(handler, "__self__", None) for handler in self.table.handlers.get(Step, ())]
        judged = any(not getattr(judge, "watches", False) for judge in judges)
        emit.unjudged = emit if judged else keep  # type: ignore[attr-defined]
        return emit

    def finish(self) -> list[Finding]:
        """End the history. Returns the findings, but only the first one for each anomaly and place."""
        for checked in self.properties:
            self.findings.extend(checked.finish())
        return self.distinct()

    def observations(self) -> dict[str, int]:
        """What the properties counted."""
        return {name: count for checked in self.properties for name, count in checked.observations().items()}

    def given_up(self) -> tuple[str, ...]:
        """What could not be checked because something had to be forgotten, in words."""
        return tuple(dict.fromkeys(words for judge in self.properties for words in judge.given_up()))

    def distinct(self) -> list[Finding]:
        """One finding per anomaly and place, in the order of their detection."""
        return distinct(self.findings)


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """The first finding of each anomaly and place."""
    seen: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        seen.setdefault((finding.anomaly, finding.judge, finding.where), finding)
    return list(seen.values())
