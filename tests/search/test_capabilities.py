"""Capabilities in words: none is forgotten, and a reader is not buried under those that hardly any system has."""

from __future__ import annotations

from refold.model.declarations.capability import APPEND, CORE
from refold.search.capabilities import CAPABILITIES, in_short, not_checked
from refold.systems.reference import EXTENSIONS, Reference
from refold.systems.registry import resolve


class Lesser(Reference):
    """A system that can do next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = frozenset({APPEND})


def test_every_capability_has_words() -> None:
    """Those of the port, and one for each extension of the reference system."""
    core = [name for name, words in CAPABILITIES.items() if not words.part]
    parts = [name for name, words in CAPABILITIES.items() if words.part]
    assert core == list(CORE)
    assert parts == [extension.name for extension in EXTENSIONS]
    assert len({words.missing for words in CAPABILITIES.values()}) == len(CAPABILITIES)


def test_what_a_system_cannot_do_is_listed_as_not_checked() -> None:
    """In words; the reference can do everything."""
    assert not_checked(Reference()) == ()
    assert len(not_checked(Lesser())) == len(CAPABILITIES) - 1
    assert any("power cuts" in text for text in not_checked(Lesser()))


def test_what_sqlite_lacks_is_named_whole_and_in_short() -> None:
    """Scripts get a text for each, readers one line for all parts of the model together."""
    texts = not_checked(resolve("sqlite"))
    assert len(texts) == 2 + len(EXTENSIONS)
    slow, syncs, _, parts = in_short([*texts, "replays in other processes: no run held"])
    assert syncs.startswith("failing syncs")
    assert slow.startswith("appends that take their position early")
    assert parts.startswith(
        "what only these parts of the model show, which the system lacks: queries, listings of pointers, "
    )
    assert parts.endswith("upgrades")
    assert in_short(texts[:1]) == [texts[0]]
