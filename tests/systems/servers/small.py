"""A server of a few lines that needs no wheel: it has a child, keeps a file, and answers with the number of its process.

As a program, ``small.py WAY``, it starts one and comes to its end in some way.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from refold.systems.servers.server import Server, listens

PROGRAM = """
import os, socket, sys, time
if os.fork() == 0:
    os.setsid()
    time.sleep(600)
open("data/file", "a").write("x")
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    while True:
        listener.accept()[0].close()
"""


class Small(Server):
    """Says "ready" by listening."""

    kind = "small"
    program = PROGRAM

    def command(self) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", self.program, str(self.port)]

    def answers(self) -> bool:
        return listens(self.port)


def main(way: str) -> None:
    server = Small()
    server.up()
    print(server.folder, server.pid(), server.keeper.process.pid if server.keeper else 0, flush=True)
    if way == "raises":
        raise ValueError
    if way == "exits at once":
        os._exit(0)
    if way == "terminates":
        os.kill(os.getpid(), signal.SIGTERM)
    if way == "interrupted":
        signal.raise_signal(signal.SIGINT)
    while way == "works":
        server.restart()
    if way == "waits":
        time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1])
