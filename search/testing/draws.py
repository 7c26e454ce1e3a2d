"""Tapes as Hypothesis draws them."""

from __future__ import annotations

import base64
import sys
import zlib

from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from refold.model.tape import Menu
from refold.search.tapes import LENGTHS, tape

SEED = 17
"""Bytes from which a tape is grown. Not 16: Hypothesis draws constants of the modules that are loaded, if they have the right length, and
constants of 16 bytes are common (the head of an SQLite file is one)."""


class Tape(bytes):
    """A tape whose repr is short: Hypothesis prints it when a test fails, and what it says can be pasted back."""

    def __repr__(self) -> str:
        return f"Tape.unpack({base64.b85encode(zlib.compress(self, 9)).decode()!r})"

    @classmethod
    def unpack(cls, text: str) -> Tape:
        """The inverse of the repr."""
        return cls(zlib.decompress(base64.b85decode(text)))


def tapes(words: int) -> st.SearchStrategy[Tape]:
    """Tapes of so many words, each drawn in one go."""
    length = Menu.length(words)
    return st.binary(min_size=length, max_size=length).map(Tape)


def whole(words: int) -> st.SearchStrategy[Tape]:
    """The same, with all families of the core in every run."""
    length = Menu.length(words) - 1
    return st.binary(min_size=length, max_size=length).map(lambda rest: Tape(b"\0" + rest))


def burst_tapes() -> st.SearchStrategy[Tape]:
    """The lengths of a campaign's tapes in equal parts, half of the tapes with all families of the core; drawn byte by byte, so that
    Hypothesis can shrink them where rules of the user's take part."""
    return st.sampled_from([make(words) for words in LENGTHS for make in (tapes, whole)]).flatmap(lambda tape: tape)


def campaign_tapes(menu: Menu) -> st.SearchStrategy[Tape]:
    """Tapes as a campaign draws them. Hypothesis draws their seed, which is quicker, and enough where it need not shrink them. It always
    begins with the simplest one, zeros, which are the empty tape."""

    def grown(seed: bytes) -> Tape:
        if not any(seed):
            return Tape(bytes(menu.length(0)))
        number = int.from_bytes(seed, "big")
        return Tape(tape(number, number % (2 * len(LENGTHS)), menu))

    return st.binary(min_size=SEED, max_size=SEED).map(grown)


def spare_hypothesis() -> None:
    """Hypothesis draws constants that occur in local modules, for which it parses them all: in a checkout also those of refold, which takes
    a third of a second. A tape has none."""
    seen = getattr(providers, "_seen_modules", None)
    if isinstance(seen, set):
        seen.update(id(module) for name, module in list(sys.modules.items()) if name.startswith("refold."))
