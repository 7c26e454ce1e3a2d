"""What a package keeps for the whole process, and how a process that begins is without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from refold.model.errors import UsageError
from refold.systems.gate import ModuleState


@pytest.fixture
def package() -> Iterator[Any]:
    """A package with an instance for all, and a module in it."""
    made: Any = ModuleType("one_for_all")
    inner: Any = ModuleType("one_for_all.inner")
    made.instance, inner.ready = None, False
    sys.modules.update({"one_for_all": made, "one_for_all.inner": inner})
    made.inner = inner
    yield made
    del sys.modules["one_for_all"], sys.modules["one_for_all.inner"]


def test_names_stand_again_for_what_they_stood_for(package: Any) -> None:
    at_first = ModuleState("one_for_all")
    package.instance, package.inner.ready, package.later = object(), True, 1
    at_first.restore()
    assert (package.instance, package.inner.ready, package.later) == (None, False, 1)


def test_what_is_not_imported_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no module 'one_for_nobody' yet; import it first"):
        ModuleState("one_for_nobody")
