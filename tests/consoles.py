"""Runs the consoles of a page: what a page says that a command prints, it prints.

A block of Python that begins with ``# NAME.py``, or of JavaScript with ``// NAME.js``, is a file. A block of console holds
commands after ``$ `` and what they print; a line ``…`` stands for any number of lines. Seconds are not compared. Only
``refold``, ``pytest`` and ``ls`` are run, and those only of which a page shows the output or keeps it (``> FILE``).
"""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = {
    "refold": [sys.executable, "-c", "from refold.reports.commands.cli import main; main(prog_name='refold')"],
    "pytest": [sys.executable, "-m", "pytest"],
    "ls": ["ls"],
}
GAP = "…"
FILES = {"python": r"# ([\w/]+\.py)\n", "javascript": r"// ([\w/]+\.js)\n"}
"""How a block begins that is a file."""


def blocks(page: str, kind: str) -> list[str]:
    """The fenced blocks of one kind."""
    return [body for found, body in BLOCK.findall(page) if found == kind]


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """A console's commands, each with the lines that it is said to print."""
    command, said = None, []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, said
            command, said = line[2:], []
        else:
            said.append(line)
    if command is not None:
        yield command, said


def expanded(word: str, folder: pathlib.Path) -> list[str]:
    """What the shell would make of a word with a star."""
    found = sorted(str(path.relative_to(folder)) for path in folder.glob(word)) if "*" in word else []
    return found or [word]


def run(command: str, folder: pathlib.Path) -> tuple[int, str]:
    """Exit code, and what a command prints, both streams together."""
    command, _, target = command.partition(" > ")
    program, *words = shlex.split(command.partition("  #")[0])
    arguments = [name for word in words for name in expanded(word, folder)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("REFOLD_", "PYTEST_"))},
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        [*RUN[program], *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if target:
        (folder / target).write_text(done.stdout)
        return done.returncode, ""
    return done.returncode, done.stdout


def plain(line: str) -> str:
    """A line without what changes from run to run."""
    line = re.sub(r"\d+(\.\d+)? ?s\b", "N s", line.rstrip())
    return re.sub(r" +", " ", line)


def alike(printed: str, wanted: str) -> bool:
    """Whether a printed line is the wanted one; ``…`` within it stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, wanted.split(GAP))), printed) is not None


def segments(said: list[str]) -> list[list[str]]:
    """The pieces between the gaps."""
    pieces: list[list[str]] = [[]]
    for line in said:
        if line.strip() == GAP:
            pieces.append([])
        else:
            pieces[-1].append(line)
    return pieces


def differences(said: list[str], printed: str) -> str | None:
    """What a page says against what is printed; None if they agree."""
    lines = [plain(line) for line in printed.splitlines()]
    at = 0
    pieces = segments(said)
    for number, piece in enumerate(pieces):
        wanted = [plain(line) for line in piece]
        while number == len(pieces) - 1 and wanted and not wanted[-1]:
            wanted.pop()
        if not wanted:
            continue
        last = at if number == 0 else len(lines) - len(wanted)
        for start in range(at, last + 1):
            if len(lines) >= start + len(wanted) and all(map(alike, lines[start:], wanted)):
                at = start + len(wanted)
                break
        else:
            return "the page says\n\n" + "\n".join(piece) + "\n\nand this is printed\n\n" + printed
    return None


def check(path: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """Run a page's consoles in `folder`, in order; returns what is wrong."""
    wrong = []
    page = path.read_text(encoding="utf-8")
    for kind, body in BLOCK.findall(page):
        if name := re.match(FILES.get(kind, r"(?!)"), body):
            (folder / name[1]).write_text(body)
        if kind == "console":
            for command, said in commands(body):
                if command.split()[0] not in RUN or not (said or " > " in command):
                    continue
                _, printed = run(command, folder)
                if said and (found := differences(said, printed)):
                    wrong.append(f"{path.name}: $ {command}\n{found}")
    return wrong
