"""A server that refold starts itself: on loopback, at a free port, with files of its own, gone whatever happens.

What may happen to it: SIGKILL (it loses what it had in memory, and nothing that it had handed to the operating system), a pause, an
orderly restart. With a disk of refold's own under its data directory its machine may lose its power, and with it what was not synced.
"""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import pwd
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from refold.model.errors import SystemUnavailable
from refold.systems.servers import keeper, records

START = 30.0
"""Seconds within which a server must answer."""
ORDER = 15.0
"""Seconds within which a keeper must have done what it was asked for."""
STOP = 20.0
"""Seconds within which a server that was told to stop must have come to its end."""
LOOK = 0.002
"""Seconds between two looks whether a server is ready."""
SAYING = 2.0
"""Seconds after which a server is asked although it has not said that it is ready: another version may say it in other words."""
PORTS = range(15_000, 32_000)
"""Where servers listen: not where the system takes ports for outgoing connections, or one may be taken while the server is down."""


class NotStarted(SystemUnavailable):
    """The server did not come up, or did not answer in time."""


class NotHere(NotStarted):
    """The machine is why: nobody obeys, or somebody else has the port."""


class Keeper:
    """The other end of a keeper's pipe."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.owner = os.getpid()
        self.folder, record = records.new_record(kind)
        program = [sys.executable, "-I", "-S", keeper.__file__, str(self.folder), str(record)]
        self.process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        records.take_over(record)
        self.rest = b""
        self.number = 0
        self.turn = _thread.allocate_lock()
        """Who orders something waits for the answer before anybody else does. No lock of `threading`, which the gate may have replaced."""
        self.order("look")

    def order(self, what: str, within: float = ORDER, **details: object) -> dict[str, Any]:
        """Have something done; raises `NotStarted` if it cannot be done."""
        try:
            with self.turn:
                answer = self.asked({"do": what, **details}, time.monotonic() + within)
        except (OSError, ValueError) as error:
            raise NotHere(f"server {self.kind}: its keeper, process {self.process.pid}, does not answer") from error
        if "error" in answer:
            raise NotHere(f"server {self.kind}: cannot be run ({answer['error']})")
        return answer

    def asked(self, order: dict[str, Any], until: float) -> dict[str, Any]:
        """The answer to an order, which bears its number: one before it may have been given up by who gave it. Raises `OSError` or
        `ValueError` if none comes until then."""
        assert self.process.stdin is not None
        self.number += 1
        os.write(self.process.stdin.fileno(), json.dumps({"order": self.number, **order}).encode() + b"\n")
        while True:
            answer: dict[str, Any] = json.loads(self.line(until))
            if answer.pop("order") == self.number:
                return answer

    def line(self, until: float) -> bytes:
        """The next line that the keeper writes; an empty one if none comes until then."""
        assert self.process.stdout is not None
        while b"\n" not in self.rest:
            readable, _, _ = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if readable else b""
            if not data:
                return b""
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def end(self) -> None:
        """The server is killed and its files are removed; in the process that asked for it, and not in a fork of it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if self.owner != os.getpid():
            return
        self.process.stdin.close()
        try:
            self.process.wait(ORDER)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            records.clean_up()
        self.process.stdout.close()
        records.tidy()


class Server:
    """One server. `up` starts it if it is not running; the first time it gets its files. Use it in a ``with`` statement, or `end` it; it
    ends by itself with this process at the latest.

    What a kind of server is made of: `command`, `prepare` (its first files), `answers` (whether it is ready).
    """

    kind: ClassVar[str]
    as_root: ClassVar[bool] = True
    """Whether it runs as the superuser too."""
    end_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """What a service manager sends to stop it."""
    says: ClassVar[bytes] = b""
    """What it writes when it is ready, if it does. Before that it is not asked: to refuse costs it more than the look costs us."""

    def __init__(self) -> None:
        self.port = 0
        self.keeper: Keeper | None = None
        self.finish: Callable[[], object] | None = None
        self.deadline = START
        self.disk = ""
        """The kind of disk under its files, whose power can be cut (`disks.files`); "" for the machine's own."""

    # -- what kinds differ in

    def prepare(self) -> None:
        """Make its first files, in `template`."""
        self.template.mkdir()

    def command(self) -> list[str]:
        """How it is started."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """The variables that it sees."""
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def answers(self) -> bool:
        """Whether it is ready to work; False if not yet."""
        raise NotImplementedError

    # -- life

    @property
    def folder(self) -> Path:
        """Where its files are."""
        assert self.keeper is not None
        return self.keeper.folder

    @property
    def template(self) -> Path:
        """Its files as they are before its first start."""
        return self.folder / "template"

    @property
    def data(self) -> Path:
        """Its files."""
        return self.folder / "data"

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def up(self) -> None:
        """Start it if it is not running, and wait until it answers. Raises `NotStarted`."""
        if self.keeper is None:
            self.begin()
        elif not self.pid():
            self.launch()

    def begin(self) -> None:
        """The first start: its keeper, its files, its port."""
        records.clean_up()
        self.keeper = Keeper(self.kind)
        self.finish = weakref.finalize(self, self.keeper.end)
        try:
            self.prepare()
            self.copy_template()
            self.listen()
        except BaseException:
            self.end()
            raise

    def listen(self) -> None:
        """Find a port that is free, and stays so until the server has it."""
        for attempt in range(5):
            self.port = free_port()
            try:
                self.launch()
                return
            except NotStarted:
                if attempt == 4 or "in use" not in self.output():
                    raise

    def launch(self) -> None:
        """Start it and wait until it answers; that it has ended while it started is seen at once."""
        before = self.written()
        started = self.order("start", command=self.command(), env=self.environment(), user=self.user())
        now = time.monotonic()
        until, asks_from = now + self.deadline, now + (SAYING if self.says else 0)
        with self.life(int(started["pid"])) as ended_within:
            while not ((time.monotonic() > asks_from or self.says in self.said_since(before)) and self.answers()):
                if ended_within(LOOK):
                    said = self.output()
                    self.demand_peace()
                    ended = NotHere if "in use" in said else NotStarted
                    raise ended(f"server {self.kind}: it ended while it started; it said: {said}")
                if time.monotonic() > until:
                    self.demand_peace()
                    self.kill()
                    raise NotStarted(
                        f"server {self.kind}: it did not answer within {self.deadline:g} seconds; it said: {self.output()}"
                    )

    def demand_peace(self) -> None:
        """Raises `NotHere` if somebody else has ended the server or made it stand still: what it does then is not its fault."""
        if self.keeper is not None and (signal_name := self.order("look")["unordered"]):
            raise NotHere(f"server {self.kind}: somebody else has sent it {signal_name}; refold has not")

    @contextlib.contextmanager
    def life(self, pid: int) -> Iterator[Callable[[float], bool]]:
        """Waits so many seconds and tells whether the process has ended. Where the system can tell of the end of a process, it is asked:
        an order to the keeper costs more than all other work of a look."""

        def by_keeper(seconds: float) -> bool:
            time.sleep(seconds)
            return not self.pid()

        try:
            handle = os.pidfd_open(pid)
        except (AttributeError, OSError):  # not Linux; or it has ended already
            yield by_keeper
            return
        try:
            yield lambda seconds: bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)

    def kill(self) -> None:
        """SIGKILL for it and all its processes; then they are gone."""
        if self.keeper is not None:
            self.order("kill")

    def pause(self) -> None:
        """It stands still, with its connections open (SIGSTOP)."""
        self.order("signal", number=int(signal.SIGSTOP))

    def resume(self) -> None:
        """It goes on."""
        self.order("signal", number=int(signal.SIGCONT))

    def stop(self) -> None:
        """It is told to stop, and comes to its end in order. Raises `SystemUnavailable` if it does not, and kills it."""
        answer = self.order("stop", ORDER + STOP, number=int(self.end_signal), seconds=STOP)
        if answer["pid"]:
            self.kill()
            raise SystemUnavailable(
                f"server {self.kind}: it was still there {STOP:g} seconds after {self.end_signal.name}; it said: {self.output()}"
            )

    def cut_power(self, how: str) -> int:
        """Its machine loses its power: it is dead, and of what it had not synced is left what `how` says. The number of changes that are
        lost."""
        return int(self.order("cut power", how=how)["lost"])

    def sync(self) -> None:
        """What it has written so far is durable, as on a machine that has been running for long."""
        if self.disk:
            self.order("sync disk")

    def fill_up(self, full: bool = True) -> None:
        """Its disk is full: nothing on it grows any more; or has room again."""
        self.order("full disk", full=full)

    def restart(self) -> None:
        """Kill it and start it again."""
        self.kill()
        self.launch()

    def renew(self) -> None:
        """Start it again as if it had never run. Nothing that it had stored is there any more."""
        self.kill()
        if not self.disk:
            keeper.remove(self.data)
        self.copy_template()
        self.launch()

    def end(self) -> None:
        """Nothing is left of it."""
        finish, self.finish, self.keeper = self.finish, None, None
        if finish is not None:
            finish()

    # -- helpers

    def order(self, what: str, within: float = ORDER, **details: object) -> dict[str, Any]:
        """Have the keeper do something."""
        assert self.keeper is not None
        return self.keeper.order(what, within, **details)

    def pid(self) -> int:
        """The number of its process; 0 if it does not run."""
        return int(self.order("look")["pid"]) if self.keeper is not None else 0

    def run(self, *command: str, seconds: float = 60.0) -> None:
        """Run a program that makes files for it. Raises `NotStarted` if it fails."""
        answer = self.order(
            "run", seconds + ORDER, command=command, env=self.environment(), user=self.user(), seconds=seconds
        )
        if answer["status"]:
            raise NotStarted(
                f"server {self.kind}: {Path(command[0]).name} ended with status {answer['status']}; it said: {self.output()}"
            )

    def copy_template(self) -> None:
        """Its first files."""
        if self.disk:
            self.fill_disk()
            return
        shutil.copytree(self.template, self.data, symlinks=True)
        self.give(self.data)

    def fill_disk(self) -> None:
        """Its first files, on a disk of its own. Raises `SystemUnavailable` if this machine has none."""
        try:
            self.order("fill disk", kind=self.disk, template=str(self.template), place=str(self.data))
        except NotHere as error:
            raise SystemUnavailable(
                f"server {self.kind}: its power cannot be cut here, because no disk of refold's own can be mounted ({error});"
                " this takes Linux with /dev/fuse, and root or user namespaces (a container: --device /dev/fuse --cap-add SYS_ADMIN);"
                " else use crash=kill"
            ) from error

    def user(self) -> list[int]:
        """Number and group of the user that it runs as; empty for ours."""
        if os.geteuid() or self.as_root:
            return []
        for name in (self.kind, "nobody"):
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
            return [found.pw_uid, found.pw_gid]
        raise SystemUnavailable(
            f"server {self.kind}: it refuses to run as root, and there is no user {self.kind} or nobody; run refold as somebody else"
        )

    def give(self, place: Path) -> None:
        """Let the server's user have a place, with all that is in it."""
        if user := self.user():
            number, group = user
            os.chown(place, number, group)
            for inner in place.rglob("*"):
                os.chown(inner, number, group, follow_symlinks=False)

    def written(self) -> int:
        """How many bytes it has written to its output so far."""
        place = self.folder / "output"
        return place.stat().st_size if place.exists() else 0

    def said_since(self, before: int) -> bytes:
        """What it has written since then."""
        with (self.folder / "output").open("rb") as output:
            output.seek(before)
            return output.read()

    def output(self) -> str:
        """The last of what it has said, on one line."""
        try:
            lines = (self.folder / "output").read_text(errors="replace").split("\n")
        except (OSError, AssertionError):
            return "nothing"
        said = [line.strip() for line in lines if line.strip()]
        return " / ".join(said[-4:])[-600:] or "nothing"


def free_port() -> int:
    """A port that nobody has at the moment."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def listens(port: int) -> bool:
    """Whether somebody takes connections at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
