"""Tags: the names under which documents write actions and records, one class each."""

from __future__ import annotations

from refold.model.errors import UsageError


def tag_of(cls: type) -> str:
    """The name under which documents write the class."""
    return str(cls.__struct_config__.tag)  # type: ignore[attr-defined]


def refuse_second(cls: type, first: type | None, tag: str, documents: str) -> None:
    """Raise `UsageError` if another class has the tag; the same class, defined once more, takes the place of the first."""
    if first is None or (first.__module__, first.__qualname__) == (cls.__module__, cls.__qualname__):
        return
    raise UsageError(
        f"{cls.__module__}.{cls.__qualname__} cannot be written in {documents} as {tag!r}: "
        f'{first.__module__}.{first.__qualname__} is. Give it a tag of its own: class {cls.__name__}(..., tag="another-name").'
    )
