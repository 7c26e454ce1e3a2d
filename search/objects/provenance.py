"""Where a plan comes from: application and system by the names under which a command finds them again, and the test that has them."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
from typing import Any

import attrs

from refold.model.application import Application
from refold.model.errors import UsageError
from refold.search.objects.object_names import application_name, system_name

OPTION = "--refold-replay"
"""Of the pytest plugin: machines that are run replay this plan, instead of searching."""


@attrs.frozen
class Origin:
    """`application` and `system` are names, or None where no name leads to the object; `unnamed` says in words which those are. `test` is
    the pytest test that has both, if one is running."""

    application: str | None
    system: str | None
    unnamed: dict[str, str]
    test: str

    @classmethod
    def of(cls, application: Application, system: Any, test: str = "", called: str | None = None) -> Origin:
        """Of these two objects; `system` may be its name, and `called` is a name of the application for want of another."""
        names = {"application": application_name(application) or called, "system": system_name(system)}
        found = {"application": application, "system": system}
        return cls(
            **names, unnamed={role: described(found[role]) for role, name in names.items() if name is None}, test=test
        )

    def fields(self) -> dict[str, Any]:
        """The fields of a plan document, without the application."""
        unnamed = {"unnamed": self.unnamed} if self.unnamed else {}
        return {"system": self.system, **unnamed, **({"test": self.test} if self.test or self.unnamed else {})}

    def replay(self, plan: str) -> str:
        """The command that runs the plan in this file again; without a name and a test, a sentence that says how to come by one."""
        if not self.unnamed:
            return replay_command(plan)
        return f"pytest {shlex.quote(self.test)} {OPTION}={shlex.quote(plan)}" if self.test else nameless(self.unnamed)

    def search(self) -> str:
        """The command that searches again."""
        if self.application is None or self.system is None:
            return f"pytest {shlex.quote(self.test)}" if self.test else nameless(self.unnamed)
        names = shlex.join(["--system", self.system, "--application", self.application])
        return f"refold verify {names} --examples 64"


def replay_command(plan: str) -> str:
    """The command that runs a plan whose objects have names."""
    return f"refold replay {shlex.quote(plan)}"


def described(found: Any) -> str:
    """An object in a word or two."""
    return str(getattr(found, "__qualname__", None) or f"an object of class {type(found).__qualname__}")


def nameless(unnamed: dict[str, str]) -> str:
    """What to do about objects that no command can find."""
    what = " and ".join(f"the {role} ({words})" for role, words in unnamed.items())
    return f"no command finds {what} again: give it a name at the top of a module, NAME = …, and pass that to machine()"


def running_test() -> str:
    """The pytest test that is running, as pytest is told to run it from the working directory; "" if none is."""
    test = re.sub(r" \(\w+\)$", "", os.environ.get("PYTEST_CURRENT_TEST", ""))
    file, separator, rest = test.partition("::")
    working = pathlib.Path.cwd()
    for root in (working, *working.parents):
        if file and (root / file).is_file():
            return f"{os.path.relpath(root / file)}{separator}{rest}"
    return ""


def named(path: str, document: dict[str, Any], role: str, given: str | None) -> str | None:
    """The name of a plan's application or system: the one that was `given`, else the one in the document, None if it says nothing. Raises
    `UsageError` if it says that no name leads there: a replay must not run something else. `path` is where the plan is."""
    if given is None and role in document and document[role] is None:
        unnamed, test = document.get("unnamed"), document.get("test")
        words = unnamed.get(role) if isinstance(unnamed, dict) else None
        command = f"pytest {shlex.quote(str(test))} {OPTION}={shlex.quote(path)}"
        remedy = f"run {command}, or name" if test else "name"
        raise UsageError(f"no name leads to the plan's {role} ({words}); {remedy} one with --{role}")
    return given or document.get(role)
