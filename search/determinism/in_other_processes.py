"""Replay elsewhere: folding the same events in another process, under another hash seed and at another time, gives the same bytes, and so
does deciding the same commands on the same states (A12).

For a user's own application, whose code nobody here has read. Usually broken by iteration over a set that decides what comes out first, by
`hash()` or `id()` in a row, and by a clock or a random number in a handler (catalogue: hash-order-dependence, nondeterministic-handler).
One process cannot see the first two: it has only one hash seed. The other processes are in other time zones, so far apart that they never
agree on the date.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import math
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from refold.model.application import Application, Refusal
from refold.model.datastore import write
from refold.model.documents.history import plain
from refold.model.documents.plan import command_classes, command_from_json, command_to_json
from refold.model.event import Stored
from refold.model.record import Declined, Opened, Prepared
from refold.properties.property import Evidence, Finding
from refold.systems.user.errors import let_through

SEEDS = ("1", "2", "3", "4")
"""Hash seeds of the processes. Two strings in a set have the same order under all four in one case of eight."""

ZONES = ("UTC0", "EAST-14", "WEST+12")
"""Time zones of the processes, in turn; 26 hours lie between the second and the third."""

SECONDS = 20.0
"""How long the processes may take together."""

ANOMALY = "replay-differs-elsewhere"


class Unreplayable(Exception):
    """The application could not be brought to another process; the message is a sentence that says why."""


class Luggage(msgspec.Struct):
    """What the other process needs to make the application: where its module is, and the pickled object."""

    path: list[str]
    module: str
    file: str | None
    pickled: str
    seconds: float
    projections: list[str]


class Again(msgspec.Struct, tag_field="kind", tag="again"):
    """Here another history begins."""


class Decision(msgspec.Struct, tag_field="kind", tag="decision"):
    """A command that a client decided on the first `seen` events of its stream."""

    command: Any
    stream: str
    seen: int


class Fold(msgspec.Struct):
    """After one event: the state of its key, and what the view and the consumers' own projections changed; or a decision."""

    state: Any = None
    view: Any = None
    rows: dict[str, Any] = {}
    decision: Any = None

    def parts(self) -> dict[str, Any]:
        """All that may differ, by name."""
        return {"state": self.state, "view": self.view, **self.rows, "decision": self.decision}


def replay_in_other_processes(
    application: Application, history: Iterable[Any], seeds: Sequence[str] = SEEDS, seconds: float = SECONDS
) -> Finding | None:
    """Fold the events of `history` in one process per seed; the finding for the first record after which they differ, or None.

    Raises `Unreplayable` if the application cannot be made in another process, or fails there.
    """
    found = replay_all_in_other_processes(application, [tuple(history)], seeds, seconds)
    return None if found is None else found[1]


def replay_all_in_other_processes(
    application: Application, histories: Sequence[Sequence[Any]], seeds: Sequence[str] = SEEDS, seconds: float = SECONDS
) -> tuple[Sequence[Any], Finding] | None:
    """The same for several histories, one after the other in the same processes; with the history that the finding is about."""
    asked = [(history, number, item) for history in histories for number, item in questions(application, history)]
    if not asked:
        return None
    lines: list[bytes] = [luggage(application, histories, seconds)]
    for place, (history, _, item) in enumerate(asked):
        if place and asked[place - 1][0] is not history:
            lines.append(msgspec.json.encode(Again()) + b"\n")
        lines.append(line(application, item))
    answers = ask(seeds, b"".join(lines), seconds)
    if any(len(answer) != len(asked) for answer in answers):
        raise Unreplayable("the replay in another process ended before the last event")
    first = answers[0]
    for place, (history, number, _) in enumerate(asked):
        for seed, other in zip(seeds[1:], answers[1:], strict=True):
            if other[place] != first[place]:
                return history, differs(number, history[number - 1], first[place], other[place], (seeds[0], seed))
    return None


def questions(application: Application, history: Sequence[Any]) -> Iterator[tuple[int, Stored | Decision]]:
    """What the other processes are asked: the events of a history, and the decisions on streams that clients have loaded."""
    versions: dict[str, int] = {}
    for number, record in enumerate(history, 1):
        if type(record) is Stored:
            versions[record.stream] = versions.get(record.stream, 0) + 1
            yield number, record
        elif (
            (type(record) is Prepared or type(record) is Declined)
            and record.source == "log"
            and (not application.tagged or application.condition(record.command) is None)
            and record.seen <= versions.get(record.stream, 0)
            and record.stream == application.key(record.command)
        ):
            yield number, Decision(record.command, record.stream, record.seen)


def line(application: Application, item: Stored | Decision) -> bytes:
    """A question as a line. What is no event of the application's classes was read from a file, and is plain already."""
    if type(item) is Stored:
        if isinstance(item.data, tuple(application.event_classes.values())):
            item = msgspec.structs.replace(item, data=application.encode(item.data))
    elif type(item) is Decision:
        item = Decision(command_to_json(item.command), item.stream, item.seen)
    return msgspec.json.encode(item) + b"\n"


def differs(number: int, record: Any, expected: bytes, actual: bytes, seeds: tuple[str, str]) -> Finding:
    """The finding."""
    one, other = (msgspec.json.decode(line, type=Fold).parts() for line in (expected, actual))
    where = next(part for part in one if one[part] != other.get(part))
    role = "is folded to something else" if type(record) is Stored else "is decided in another way"
    return Finding(
        anomaly=ANOMALY,
        guarantee="REPL",
        judge="elsewhere",
        where=where,
        number=number,
        position=record.position if type(record) is Stored else None,
        expected={f"hash seed {seeds[0]}": one[where]},
        actual={f"hash seed {seeds[1]}": other[where]},
        evidence=(Evidence(number, record, f"{role} in another process"),),
    )


def luggage(application: Application, histories: Iterable[Sequence[Any]], seconds: float) -> bytes:
    """The first line that the other process reads."""
    cls = type(application)
    try:
        pickled = pickle.dumps(application)
    except BaseException as error:
        let_through(error)
        raise Unreplayable(
            f"application {cls.__name__} cannot be pickled, so no other process can replay: {error}"
        ) from error
    home = application.home
    module = sys.modules.get(home)
    file = getattr(module, "__file__", None)
    path = [os.path.abspath(place) for place in sys.path]
    opened = (record for history in histories for record in history[:1] if type(record) is Opened)
    used = dict.fromkeys(spec.projection for record in opened for spec in record.consumers)
    own = [name for name in used if not hasattr(Application, name)]
    packed = base64.b64encode(pickled).decode()
    return msgspec.json.encode(Luggage(path, home, file, packed, seconds, own)) + b"\n"


def ask(seeds: Sequence[str], lines: bytes, seconds: float) -> list[list[bytes]]:
    """What the processes answer, one line for each event; they run side by side, and none outlives this function."""
    until = time.monotonic() + seconds
    children: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "events.jsonl")
        file.write_bytes(lines)
        try:
            for number, seed in enumerate(seeds):
                children.append(start(seed, ZONES[number % len(ZONES)], file))
            return [answer(child, max(until - time.monotonic(), 0.01)) for child in children]
        except subprocess.TimeoutExpired:
            raise Unreplayable(f"the replay in another process took more than {seconds:g} s") from None
        finally:
            for child in children:
                if child.poll() is None:
                    child.kill()
                    child.communicate()


def start(seed: str, zone: str, file: pathlib.Path) -> subprocess.Popen[bytes]:
    """A process that reads the file."""
    with file.open("rb") as lines:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "refold.search.determinism.in_other_processes"],
            stdin=lines,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        )


def answer(child: subprocess.Popen[bytes], seconds: float) -> list[bytes]:
    """What it prints, when it has ended."""
    out, err = child.communicate(timeout=seconds)
    if child.returncode:
        complaint = err.decode(errors="replace").strip().splitlines()
        raise Unreplayable(f"the replay in another process failed: {complaint[-1] if complaint else child.returncode}")
    return out.splitlines()


# -- in the other process


def unpack(luggage: Luggage) -> Application:
    """The application; its module is imported by name, or else read from its file."""
    sys.path[:] = [*luggage.path, *(place for place in sys.path if place not in luggage.path)]
    if luggage.file is not None:
        sys.path.extend(above(luggage.module, pathlib.Path(luggage.file)))
    if luggage.module == "__main__" or not importable(luggage.module):
        if luggage.file is None:
            raise ImportError(f"no module named {luggage.module!r}")
        spec = importlib.util.spec_from_file_location(luggage.module.replace("__main__", "__replayed__"), luggage.file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{luggage.file} is no Python module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[luggage.module] = module
        spec.loader.exec_module(module)
    application: Application = pickle.loads(base64.b64decode(luggage.pickled))
    return application


def above(module: str, file: pathlib.Path) -> list[str]:
    """The folder that holds the outermost package of a module, if the file lies where the dotted name says; pytest's import mode
    “importlib” gives such names without putting the folder on the path."""
    names = module.split(".")
    here = file.with_suffix("").parts
    return [str(file.parents[len(names) - 1])] if len(names) > 1 and list(here[-len(names) :]) == names else []


def importable(name: str) -> bool:
    """Whether the module can be imported by its name."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


class Replay:
    """One history after the other, folded and decided. `states` are those of a stream after each of its events."""

    def __init__(self, application: Application, projections: Iterable[str]) -> None:
        self.application = application
        self.commands = command_classes(application)
        self.projections = {name: application.projection(name) for name in projections}
        self.begin()

    def begin(self) -> None:
        """Nothing has happened yet."""
        self.states: dict[str, list[Any]] = {}
        self.events: list[Stored] = []
        self.rows: dict[str, dict[str, Any]] = {name: {} for name in ("", *self.projections)}

    def stream(self, key: str) -> list[Any]:
        """The states of a stream."""
        if key not in self.states:
            self.states[key] = [self.application.initial(key)]
        return self.states[key]

    def fold(self, event: Stored) -> Fold:
        """State, view and rows after an event; of an application without a decider all states, replayed from the beginning."""
        application = self.application
        payload = application.decode(event.type, event.data)
        event = msgspec.structs.replace(event, data=payload)
        if application.replayed:
            self.events.append(event)
            return Fold(plain(dict(application.replay(tuple(self.events)))))
        states = self.stream(application.key(payload))
        states.append(application.evolve(states[-1], payload))
        view = self.write("", application.view(payload, self.rows[""]))
        rows = {name: self.write(name, project(event, self.rows[name])) for name, project in self.projections.items()}
        return Fold(plain(states[-1]), view, rows)

    def write(self, name: str, writes: dict[str, Any]) -> Any:
        """Put the writes into the rows called `name`; they as plain values."""
        write(self.rows[name], writes)
        return plain(writes)

    def decide(self, decision: Decision) -> Fold:
        """The events that a command causes, or why it causes none."""
        application = self.application
        command = command_from_json(decision.command, self.commands)
        try:
            events = application.decide(command, self.stream(decision.stream)[decision.seen])
        except Refusal as refusal:
            return Fold(decision=str(refusal))
        return Fold(decision=[{type(event).__name__: plain(application.encode(event))} for event in events])


def main() -> None:
    """Luggage and events come in, folds go out. Whatever the application prints is no answer, and a process that nobody waits for any more
    ends by itself."""
    lines = iter(sys.stdin.buffer)
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    packed = msgspec.json.decode(next(lines), type=Luggage)
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(packed.seconds) + 1)
    application = unpack(packed)
    replay = Replay(application, packed.projections)
    decoder: Any = msgspec.json.Decoder(Stored | Decision | Again)
    for item in map(decoder.decode, lines):
        if type(item) is Again:
            replay.begin()
        else:
            answer = replay.fold(item) if type(item) is Stored else replay.decide(item)
            out.write(msgspec.json.encode(answer, order="deterministic") + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
