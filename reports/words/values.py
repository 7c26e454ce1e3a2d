"""Values as a person would say them, and as plain JSON; and strings made harmless.

Events, commands and names come from the system under test, so they may hold anything: terminal escapes, markup, null bytes,
marks that turn the direction of the text around. Every text of a report passes through `inert`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Set
from typing import Any

from refold.systems.user.errors import let_through

TEXT_MAX = 160
"""Characters of one string inside a sentence; what is longer is cut, and its length said."""
ITEMS_MAX = 12
"""Items of one collection inside a sentence."""
DEPTH_MAX = 6
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})


def inert(text: str) -> str:
    """`text` with everything that is not visible (control characters, direction marks, lone surrogates) spelled out as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _UNSEEN else char for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`; a cut is marked and the whole length said."""
    if len(text) <= limit:
        return text
    return f"{text[: max(limit - 24, 8)]}… ({len(text):,} characters)"


def value(thing: Any, depth: int = 0) -> str:
    """Any value, as a person would write it down; deterministic (sets are sorted), bounded in length, inert."""
    if isinstance(thing, str):
        return inert(_quoted(thing))
    if thing is None or isinstance(thing, (bool, int, float)):
        return repr(thing)
    if depth >= DEPTH_MAX:
        return "…"
    if fields_of(thing) is not None and "__str__" in vars(type(thing)):
        return inert(shorten(_of_itself(str, thing), TEXT_MAX))
    if (named := _tagged(thing)) is not None:
        name, fields = named
        return f"{inert(name)}({', '.join(_items(fields, depth))})"
    if isinstance(thing, Mapping):
        pairs = [f"{value(k, depth + 1)}: {value(v, depth + 1)}" for k, v in list(thing.items())[:ITEMS_MAX]]
        return "{" + ", ".join(_more(pairs, len(thing))) + "}"
    if isinstance(thing, Set):
        items = sorted(value(item, depth + 1) for item in thing)
        return "{" + ", ".join(_more(items[:ITEMS_MAX], len(items))) + "}"
    if isinstance(thing, list):
        return f"[{', '.join(_items(thing, depth))}]"
    if isinstance(thing, tuple):
        return f"({', '.join(_items(thing, depth))})"
    return inert(shorten(_of_itself(repr, thing), TEXT_MAX))


def _quoted(text: str) -> str:
    if len(text) <= TEXT_MAX:
        return repr(text)
    return f"{text[:60]!r}… ({len(text):,} characters)"


def _items(things: Any, depth: int) -> list[str]:
    things = list(things)
    return _more([value(item, depth + 1) for item in things[:ITEMS_MAX]], len(things))


def _more(texts: list[str], total: int) -> list[str]:
    return [*texts, f"… {total - ITEMS_MAX:,} more"] if total > ITEMS_MAX else texts


def _of_itself(say: Callable[[Any], str], thing: Any) -> str:
    try:
        return say(thing)
    except BaseException as error:  # an application's own method must not stop the report of its failure
        let_through(error)
        return f"<{type(thing).__name__} without a readable repr>"


def fields_of(thing: Any) -> dict[str, Any] | None:
    """The fields of a Struct, an attrs or data class instance, by name; None for any other value, such as a class itself."""
    if isinstance(thing, type):
        return None
    cls = type(thing)
    names = getattr(cls, "__struct_fields__", None)
    if names is None and (attributes := getattr(cls, "__attrs_attrs__", None)) is not None:
        names = [attribute.name for attribute in attributes]
    if names is None:
        names = getattr(cls, "__dataclass_fields__", None)
    return None if names is None else {name: getattr(thing, name, None) for name in names}


def _tagged(thing: Any) -> tuple[str, list[Any]] | None:
    """(class name, values of the fields): of an object, or of what a file keeps of one, ``{"Register": {"org": "acme"}}``."""
    fields = fields_of(thing)
    if fields is not None:
        return type(thing).__name__, list(fields.values())
    if isinstance(thing, Mapping) and len(thing) == 1:
        ((name, inner),) = thing.items()
        if isinstance(name, str) and isinstance(inner, Mapping) and name.isidentifier() and name[0].isupper():
            return name, list(inner.values())
    return None


def told(thing: Any, limit: int = 600) -> str:
    """What was expected, or what was found: words as they are, rows and the items of a list one by one, anything else as a value."""
    if isinstance(thing, str):
        return inert(shorten(thing, limit))
    if isinstance(thing, Mapping) and _tagged(thing) is None:
        return rows(thing, limit)
    if isinstance(thing, (list, tuple)) and all(_tagged(item) is not None for item in thing):
        return shorten(" and ".join(_more([value(item) for item in thing[:ITEMS_MAX]], len(thing))) or "nothing", limit)
    if isinstance(thing, (list, tuple)) and all(item is None or isinstance(item, (bool, int, float)) for item in thing):
        return shorten(", ".join(_items(thing, 0)), limit)
    return shorten(value(thing), limit)


def rows(found: Mapping[Any, Any] | None, limit: int = 600, none: str = "no rows") -> str:
    """Rows of a store: ``ada@acme = 'acme', bob@acme absent``; `none` where there are none."""
    if not found:
        return none
    names = list(found)[:ITEMS_MAX]
    texts = [f"{name(key)} {'absent' if found[key] is None else f'= {value(found[key])}'}" for key in names]
    return shorten(", ".join(_more(texts, len(found))), limit)


def name(thing: Any) -> str:
    """A name (a stream, a client, a row): bare, cut if it is very long, inert."""
    return inert(shorten(thing if isinstance(thing, str) else _of_itself(repr, thing), 80))


def plain(thing: Any, depth: int = 0) -> Any:
    """`thing` as values that every JSON reader takes; objects keep their class's name: ``{"Register": {"org": "acme"}}``."""
    if thing is None or isinstance(thing, (bool, int, str)):
        return thing
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else repr(thing)
    if depth >= 4 * DEPTH_MAX:
        return _of_itself(repr, thing)
    fields = fields_of(thing)
    if fields is not None:
        return {type(thing).__name__: {key: plain(inner, depth + 1) for key, inner in fields.items()}}
    if isinstance(thing, Mapping):
        return {key if isinstance(key, str) else value(key): plain(inner, depth + 1) for key, inner in thing.items()}
    if isinstance(thing, Set):
        return [plain(item, depth + 1) for item in sorted(thing, key=value)]
    if isinstance(thing, (list, tuple)):
        return [plain(item, depth + 1) for item in thing]
    return _of_itself(repr, thing)


def duration(seconds: float) -> str:
    """A length of time for a reader: ``42 s``, ``12 min``, ``3 h 20 min``, ``5 days 2 h``."""
    if seconds < 119.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(minutes / 60), 24, "days", "h")


def _two(number: int, size: int, large: str, small: str) -> str:
    whole, rest = divmod(number, size)
    return f"{whole:,} {large} {rest} {small}" if rest else f"{whole:,} {large}"
