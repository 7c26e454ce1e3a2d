"""A pytest plugin that collects tests once and then runs some of them again and again, each time in a fork with another mutant.

    pytest -p forks --serve 5,6 ...     requests come from file descriptor 5, a line of JSON each; answers go to 6,
                                        the first of them when the tests are collected

A fork costs next to nothing, where a fresh process would import and collect for seconds. In the fork every function of the file gets
the code that it has with the mistake. What ran while modules were imported or tests collected, ran without it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import time
import types
from typing import Any, NoReturn

import pytest

START_SECONDS = 40
PATIENCE = 4
"""A test may use so many times its seconds, as CPU time, and some more: it may have to do what an earlier test had done for it when it
was measured. Then the mutant made it hang."""

BUSY_SECONDS = 300
"""All of them may take so long by the clock, beyond that."""

MEMORY = 6 << 30
"""What a process may take: a mutant can make a loop endless that fills a list."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where requests come from, and answers go."""
    parser.getgroup("mutation testing").addoption("--serve", help="file descriptors to read from and to write to")


def pytest_configure(config: pytest.Config) -> None:
    """What was asked for."""
    if config.getoption("serve"):
        requests, answers = map(int, config.getoption("serve").split(","))
        config.pluginmanager.register(Server(requests, answers))


class Server:
    """Answers each request with the number of functions that were changed, and the test that failed: an empty name if all were green,
    null if one took too long."""

    def __init__(self, requests: int, answers: int) -> None:
        self.requests, self.answers = requests, answers
        self.failed = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of running everything."""
        items = {item.nodeid: item for item in session.items}
        gc.freeze()
        with os.fdopen(self.requests) as requests, os.fdopen(self.answers, "w") as answers:
            print("ready", file=answers, flush=True)
            for line in requests:
                answers.write(json.dumps(self.answer(items, **json.loads(line))) + "\n")
                answers.flush()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The first one that fails."""
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def answer(
        self, items: dict[str, pytest.Item], path: str, before: str, after: str, tests: dict[str, float]
    ) -> tuple[int, str | None]:
        """Of a fork."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self.forked(items, (before, after, path), tests, writing)
        os.close(writing)
        waited(child, BUSY_SECONDS + 10 * PATIENCE * sum(tests.values()))
        with os.fdopen(reading) as said:
            changed, *failed = said.read().split("\n", 1)
        return int(changed), failed[0] if failed else None

    def forked(
        self, items: dict[str, pytest.Item], change: tuple[str, str, str], tests: dict[str, float], writing: int
    ) -> NoReturn:
        """Test after test, until one fails."""
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            os.write(writing, f"{swap(*change)}".encode())
            there = [name for name in tests if name in items]
            for name, following in zip(there, [*there[1:], None], strict=True):
                limit(START_SECONDS + PATIENCE * tests[name])
                item, nextitem = items[name], items[following] if following else None
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
                if self.failed:
                    break
        except BaseException as error:
            self.failed = self.failed or f"pytest does not get through the tests ({type(error).__name__})"
        os.write(writing, f"\n{self.failed}".encode())
        os._exit(0)


def limit(seconds: float) -> None:
    """So much CPU time from here on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 1, resource.RLIM_INFINITY))


def waited(child: int, patience: float) -> None:
    """Until a fork has come to its end, or for so long; nothing that it started goes on."""
    until = time.monotonic() + patience
    pause = 0.001
    while not (ended := os.waitpid(child, os.WNOHANG)[0]) and time.monotonic() < until:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)


def swap(before: str, after: str, path: str) -> int:
    """Give the functions of a file their code with the mistake, and say how many were given it; none if that is not possible.

    A function is known by its code, or by its place: pytest rewrites those that have assertions.
    """
    gc.unfreeze()
    old = codes(compile(before, "", "exec", dont_inherit=True))
    places = [(code.co_qualname, code.co_firstlineno) for code in old]

    def number(code: types.CodeType) -> int | None:
        if code in old:
            return old.index(code)
        place = (code.co_qualname, code.co_firstlineno)
        return places.index(place) if code.co_filename.endswith(f"/{path}") and places.count(place) == 1 else None

    things: list[Any] = [thing for thing in gc.get_objects() if type(thing) is types.FunctionType]
    numbers = [(thing, found) for thing in things if (found := number(thing.__code__)) is not None]
    names = {function.__code__.co_filename for function, _ in numbers}
    new = {name: codes(compile(after, name, "exec", dont_inherit=True)) for name in names}
    if any([code.co_qualname for code in other] != [code.co_qualname for code in old] for other in new.values()):
        return 0
    pairs = [(function, new[function.__code__.co_filename][found]) for function, found in numbers]
    if any(function.__code__.co_freevars != code.co_freevars for function, code in pairs):
        return 0
    for function, code in pairs:
        function.__code__ = code
    return len(pairs)


def codes(module: types.CodeType) -> list[types.CodeType]:
    """The code of every function of a file, in its order."""
    found = [module]
    for code in found:
        found.extend(part for part in code.co_consts if isinstance(part, types.CodeType))
    return found
