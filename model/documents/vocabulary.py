"""The whole vocabulary: importing this module makes every action and record of the extensions known to plans and histories."""

from __future__ import annotations

from refold.model.parts.claims import lock_calls as lock_calls
from refold.model.parts.extensions import EXTENSIONS as EXTENSIONS
from refold.model.parts.reading import consulting as consulting
from refold.model.parts.reading import looks as looks

__all__ = ["EXTENSIONS"]
