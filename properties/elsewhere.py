"""Replay elsewhere: folding the same events in another process, under another hash seed and at another time, gives the same bytes (A12).

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

from refold.model.application import Application
from refold.model.event import Stored
from refold.model.history import plain
from refold.properties.property import Evidence, Finding

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


class Fold(msgspec.Struct):
    """After one event: the state of its key, and what the view changed."""

    state: Any
    view: Any


def replay_elsewhere(
    application: Application, history: Iterable[Any], seeds: Sequence[str] = SEEDS, seconds: float = SECONDS
) -> Finding | None:
    """Fold the events of `history` in one process per seed; the finding for the first event after which they differ, or None.

    Raises `Unreplayable` if the application cannot be made in another process, or fails there.
    """
    events = [(number, record) for number, record in enumerate(history, 1) if type(record) is Stored]
    if not events:
        return None
    answers = ask(seeds, b"".join(luggage(application, [event for _, event in events], seconds)), seconds)
    if any(len(answer) != len(events) for answer in answers):
        raise Unreplayable("the replay in another process ended before the last event")
    first = answers[0]
    for seed, other in zip(seeds[1:], answers[1:], strict=True):
        for (number, event), expected, actual in zip(events, first, other, strict=True):
            if expected != actual:
                return differs(number, event, expected, actual, (seeds[0], seed))
    return None


def differs(number: int, event: Stored, expected: bytes, actual: bytes, seeds: tuple[str, str]) -> Finding:
    """The finding."""
    one, other = (msgspec.json.decode(line, type=Fold) for line in (expected, actual))
    where = "state" if one.state != other.state else "view"
    return Finding(
        anomaly=ANOMALY,
        guarantee="REPL",
        judge="elsewhere",
        where=where,
        number=number,
        position=event.position,
        expected={f"hash seed {seeds[0]}": getattr(one, where)},
        actual={f"hash seed {seeds[1]}": getattr(other, where)},
        evidence=(Evidence(number, event, "is folded to something else in another process"),),
    )


def luggage(application: Application, events: Sequence[Stored], seconds: float) -> Iterator[bytes]:
    """The lines that the other process reads."""
    cls = type(application)
    try:
        pickled = pickle.dumps(application)
    except Exception as error:
        raise Unreplayable(
            f"application {cls.__name__} cannot be pickled, so no other process can replay: {error}"
        ) from error
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    path = [os.path.abspath(place) for place in sys.path]
    yield msgspec.json.encode(Luggage(path, cls.__module__, file, base64.b64encode(pickled).decode(), seconds)) + b"\n"
    for event in events:
        yield msgspec.json.encode(msgspec.structs.replace(event, data=application.encode(event.data))) + b"\n"


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
            [sys.executable, "-m", "refold.properties.elsewhere"],
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


def importable(name: str) -> bool:
    """Whether the module can be imported by its name."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def fold(application: Application, events: Iterable[Stored]) -> Iterator[Fold]:
    """State and view after each event."""
    states: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    for event in events:
        payload = application.decode(event.type, event.data)
        key = application.key(payload)
        before = states[key] if key in states else application.initial(key)
        states[key] = application.evolve(before, payload)
        writes = application.view(payload, rows)
        for row, value in writes.items():
            if value is None:
                rows.pop(row, None)
            else:
                rows[row] = value
        yield Fold(plain(states[key]), plain(writes))


def main() -> None:
    """Luggage and events come in, folds go out. Whatever the application prints is no answer, and a process that nobody waits for any more
    ends by itself."""
    lines = iter(sys.stdin.buffer)
    out, sys.stdout = sys.stdout.buffer, sys.stderr
    packed = msgspec.json.decode(next(lines), type=Luggage)
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(packed.seconds) + 1)
    application = unpack(packed)
    decoder = msgspec.json.Decoder(Stored)
    for folded in fold(application, map(decoder.decode, lines)):
        out.write(msgspec.json.encode(folded, order="deterministic") + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
