"""The user's side: which frames and modules are the user's own, and neither refold's nor those of Python and its packages."""

from __future__ import annotations

import os
import pathlib
import sys
import sysconfig
from collections.abc import Container
from functools import lru_cache
from types import FrameType, ModuleType

_HERE = pathlib.Path(__file__).resolve().parents[2]
OURS = tuple(str(_HERE / name) + os.sep for name in ("model", "properties", "systems", "search", "reports", "refold"))
"""Where code of refold is."""
OTHERS = OURS + tuple(
    place + os.sep
    for place in (*(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),)
)
"""Where code is that is not the user's."""


@lru_cache(maxsize=4096)
def is_users(file: str) -> bool:
    """Whether a file with code is the user's."""
    return not file.startswith("<") and not os.path.realpath(file).startswith(OTHERS)


def where(frame: FrameType | None) -> str:
    """The user's line nearest to a frame, as `` (FILE:LINE)``; "" if none of his is on the stack."""
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return f" ({os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno})"
        frame = frame.f_back
    return ""


STDLIB = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib"))
PACKAGES = tuple(sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib"))


def is_pythons(cls: type) -> bool:
    """Whether a class is one of Python's own."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return file is None or (file.startswith(STDLIB) and not file.startswith(PACKAGES))


UNTOUCHED = frozenset(
    {"refold", "hypothesis", "pytest", "pluggy", "xdist", "execnet", "coverage", "psycopg", "psycopg_binary"}
)
"""Packages in which no name is replaced: tools that test, and a driver that waits for real sockets."""


def patched_modules(known: Container[int]) -> list[ModuleType]:
    """The modules of the user's and of libraries that he uses, but for those whose `id` is known already."""
    return [
        module
        for name, module in list(sys.modules.items())
        if id(module) not in known
        and name.partition(".")[0].lstrip("_") not in UNTOUCHED
        and isinstance(file := getattr(module, "__file__", None), str)
        and (is_users(file) or (file.startswith(PACKAGES) or not file.startswith(STDLIB)))
        and not os.path.realpath(file).startswith(OURS)
    ]
