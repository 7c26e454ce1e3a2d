"""Blame: the line of the user's own code in which an error was raised."""

from __future__ import annotations

import os
import pathlib
import sysconfig
import traceback

_HERE = pathlib.Path(__file__).resolve().parent.parent
OURS = tuple(str(_HERE / name) + os.sep for name in ("model", "properties", "reports", "systems"))
"""Where code of refold is."""
INSTALLED = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib"))
"""Where code of Python and of installed packages is."""


def line_of(error: BaseException) -> str:
    """« (FILE:LINE)» of the innermost frame that is the user's, relative to the working directory; of an installed package if that is
    all there is; "" if there is none."""
    frames = [
        (os.path.realpath(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    others = [(file, line) for file, line in frames if not file.startswith(OURS) and os.path.isfile(file)]
    users = [(file, line) for file, line in others if not file.startswith(INSTALLED)]
    for file, line in (users or others)[-1:]:
        relative = os.path.relpath(file)
        return f" ({file if relative.startswith(os.pardir) else relative}:{line})"
    return ""
