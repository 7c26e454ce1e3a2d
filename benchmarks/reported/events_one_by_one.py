"""steveklabnik/docket#44: "Fix atomic event writes with transactions and corruption recovery".

Bugs are kept as events in a file, one line each. A command may cause several events (a change of title and of priority), and writes one
line after the other. If it dies in between, part of the change is there.
Fixed: the old lines and all new ones are written to a temporary file, which replaces the old one.
"""

import json
import os
import pathlib
import tempfile
from dataclasses import dataclass

from refold import Application, Refusal
from refold.model import Appended, Conflict, Stored


class EventFile:
    """Lines of JSON. `before_write` is called before anything is written that lasts."""

    def __init__(self, path, before_write):
        self.path, self.before_write = path, before_write
        self.path.touch()

    def lines(self):
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def add(self, records):
        for record in records:
            self.before_write()
            with open(self.path, "a") as file:
                file.write(json.dumps(record) + "\n")


class FixedEventFile(EventFile):
    """Writes all records or none."""

    def add(self, records):
        temporary = self.path.with_suffix(".tmp")
        self.before_write()
        temporary.write_text(self.path.read_text() + "".join(json.dumps(record) + "\n" for record in records))
        self.before_write()
        os.replace(temporary, self.path)


@dataclass(frozen=True)
class Report:
    bug: str


@dataclass(frozen=True)
class Update:
    bug: str
    title: str
    priority: int


@dataclass(frozen=True)
class Close:
    bug: str


@dataclass(frozen=True)
class Reported(Report): ...


@dataclass(frozen=True)
class Retitled:
    bug: str
    title: str


@dataclass(frozen=True)
class Prioritised:
    bug: str
    priority: int


@dataclass(frozen=True)
class Closed(Close): ...


# What refold needs to know of it.


class App(Application):
    events = (Reported, Retitled, Prioritised, Closed)

    def commands(self):
        bugs = ("b1", "b2")
        updates = [Update(bug, *change) for bug in bugs for change in (("crash", 1), ("slow", 3))]
        return [*(Report(bug) for bug in bugs), *updates, *(Close(bug) for bug in bugs)]

    def decide(self, command, state):
        if isinstance(command, Report):
            if state is not None and state != "closed":
                raise Refusal("is reported", "duplicate-create")
            return [Reported(command.bug)]
        if state is None or state == "closed":
            raise Refusal("is not open", "lost-update")
        if isinstance(command, Close):
            return [Closed(command.bug)]
        return [Retitled(command.bug, command.title), Prioritised(command.bug, command.priority)]

    def evolve(self, state, event):
        if isinstance(event, Reported):
            return ("", 0)
        if isinstance(event, Closed):
            return "closed"
        return (event.title, state[1]) if isinstance(event, Retitled) else (state[0], event.priority)


class Bad:
    """The log."""

    file, application = EventFile, App()

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.events = self.file(pathlib.Path(self.folder.name) / "bugs.jsonl", lambda: self.durable())

    def append(self, request):
        events = self.events.lines()
        version = sum(event["stream"] == request.stream for event in events)
        if not request.expected.holds(version):
            return Conflict(found=version)
        self.events.add(
            {"stream": request.stream, "id": event.id, "type": event.type, "data": self.application.encode(event.data)}
            for event in request.events
        )
        return Appended(tuple(range(len(events) + 1, len(events) + len(request.events) + 1)))

    def read(self, after, limit):
        versions, found = {}, []
        for position, event in enumerate(self.events.lines(), 1):
            stream = event["stream"]
            versions[stream] = versions.get(stream, 0) + 1
            data = self.application.decode(event["type"], event["data"])
            found.append(Stored(position, stream, versions[stream], event["id"], event["type"], data))
        return found[after : after + limit]

    def durable(self): ...

    def crash(self): ...

    def restart(self): ...

    def close(self):
        self.folder.cleanup()


class Good(Bad):
    file = FixedEventFile
