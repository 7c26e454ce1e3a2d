"""Tracebacks of the user's code, as if no gate had been there."""

from __future__ import annotations

import os
import traceback
from types import TracebackType

HERE = os.path.dirname(__file__) + os.sep
"""Where the code of this room is."""


def forget_locals(error: BaseException | None) -> None:
    """Empty the frames in which an error was raised, and those of what led to it, as when nobody has it any more: a connection that was
    open there is closed. The lines of the user's traceback stay; those of this room go."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = _without_ours(error.__traceback__)
        error = error.__cause__ or error.__context__


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    frames = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        if not frame.tb_frame.f_code.co_filename.startswith(HERE):
            frame.tb_next = kept
            kept = frame
    return kept
