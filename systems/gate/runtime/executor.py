"""The executor of a loop that the gate drives: what is run in a thread is an actor like any other."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import Context
from typing import Any

import attrs

from refold.systems.gate.actor import Actor, Death
from refold.systems.gate.crossing import Stopped


class OneThreadEach(Executor):
    """The default executor of a driven loop: each call has a thread of its own, which is an actor and ends with the call."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As the real one."""
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except Death:
                raise
            except BaseException as error:  # as every executor does
                future.set_exception(error)
            else:
                future.set_result(result)

        thread = threading.Thread(target=run)
        thread.start()
        child: Actor | None = getattr(thread, "_refold_actor", None)
        if child is not None and isinstance(child.status, Stopped):
            child.crossing = attrs.evolve(child.status.crossing, words=f"{_named(fn)} in a thread")
            child.status = Stopped(child.crossing)
        return future


def _named(function: Any) -> str:
    """What is called: `asyncio.to_thread` wraps it."""
    while isinstance(function, functools.partial):
        bound = getattr(function.func, "__self__", None)
        function = function.args[0] if isinstance(bound, Context) and function.args else function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _of_the_living(record: logging.LogRecord) -> bool:
    """Whether a message of an executor is not about a thread whose process is dead."""
    return not (record.exc_info and isinstance(record.exc_info[1], Death))


logging.getLogger("concurrent.futures").addFilter(_of_the_living)
