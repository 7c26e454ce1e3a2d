"""The reference system: the model's parts, in memory, as correct as they are simple."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import ClassVar

from refold.model.application import Application
from refold.model.client import Client
from refold.model.consumer import Consumer
from refold.model.declarations.capability import CORE, Capability
from refold.model.errors import UsageError
from refold.model.extension import Extension
from refold.model.log import Log
from refold.model.parts.extensions import EXTENSIONS as EXTENSIONS
from refold.model.process import Emit
from refold.model.strategies.strategy import STRATEGIES
from refold.model.tape import Menu
from refold.model.words import short, suggestion
from refold.systems.deployment import CLIENTS, CONSUMERS, Deployment, Parts, consumer_specs

EVERYTHING = frozenset(CORE)
"""The capabilities of the core, all of them."""
EXTENDED = 2
"""How many times their usual weight the words of a run's extensions have: a run is about one or two of them
(docs/decisions/0130-what-a-run-is-about.md)."""

DESIGNS: dict[str, type] = {
    "log": Log,
    "deployment": Deployment,
    **{name: design for name, (design, _) in CONSUMERS.items()},
    **dict.fromkeys(CLIENTS, Client),
}
"""Part of the core -> what one that takes its place must be like."""


def check_parts(name: str, parts: Parts, extensions: Sequence[type[Extension]]) -> None:
    """Whether the parts that are replaced exist, and what replaces them can take their place; raises `UsageError`."""
    known = {**DESIGNS, **dict.fromkeys((extension.name for extension in extensions), Extension)}
    for part, replacement in parts.items():
        if part not in known:
            raise UsageError(
                f"system {name!r}: there is no part {part!r}{suggestion(part, known)}; parts are {', '.join(known)}"
            )
        if part == "log" and callable(replacement) and not isinstance(replacement, type):
            continue  # a function that makes one
        kinds = (Consumer,) if part in CONSUMERS else (Extension, Consumer) if part not in DESIGNS else (DESIGNS[part],)
        if not isinstance(replacement, type) or not issubclass(replacement, kinds):
            raise UsageError(
                f"system {name!r}: part {part!r} is {short(replacement)}, expected a class derived from"
                f" {' or '.join(f'{kind.__module__}.{kind.__name__}' for kind in kinds)}"
            )


class Reference:
    """Opens deployments of model parts. `parts` replaces individual parts by name, which is how a broken system is made."""

    OPTIONS: ClassVar[dict[str, tuple[tuple[str, ...], str]]] = {
        "strategy": (tuple(STRATEGIES), "expected-version"),
    }

    clients = tuple(CLIENTS)
    spans = True
    """Whether its clients can decide on events of several streams."""

    @classmethod
    def from_options(cls, options: Mapping[str, str]) -> Reference:
        """The system for ``reference?option=value&…``; raises `UsageError`."""
        for option, value in options.items():
            if option not in cls.OPTIONS:
                raise UsageError(
                    f"system 'reference' has no option {option!r}; its options are {', '.join(cls.OPTIONS)}"
                )
            allowed = cls.OPTIONS[option][0]
            if value not in allowed:
                raise UsageError(
                    f"system 'reference': option {option} is {value!r}, expected one of {', '.join(allowed)}"
                )
        return cls.with_strategy(options["strategy"]) if "strategy" in options else cls()

    @classmethod
    def with_strategy(cls, name: str) -> Reference:
        """The reference system with a different strategy for conditional updates."""
        strategy = STRATEGIES[name]
        replaced = {extension.name: extension for extension in strategy.extensions}
        extensions = [
            replaced.pop(extension.name, extension) for extension in EXTENSIONS if extension.name not in strategy.lacks
        ]
        system = cls(f"reference?strategy={name}", strategy.parts, [*extensions, *replaced.values()])
        system.capabilities = system.capabilities - strategy.lacks | strategy.brings
        system.spans = strategy.spans
        return system

    def __init__(
        self,
        name: str = "reference",
        parts: Parts | None = None,
        extensions: Sequence[type[Extension]] = EXTENSIONS,
    ) -> None:
        self.name = name
        self.parts = dict(parts or {})
        check_parts(name, self.parts, extensions)
        self.parallel = all(str(part.__module__).startswith("refold.") for part in self.parts.values())
        """Whether its runs are known to share nothing, so that several processes may make them at once."""
        self.consumers = consumer_specs(self.parts)
        self.extensions: list[type[Extension]] = [
            extension.replaced(self.parts.get(extension.name)) for extension in extensions
        ]
        self.capabilities = EVERYTHING | {Capability(extension.name) for extension in extensions}

    def core(self) -> Reference:
        """The same system without its extensions, for plans that contain no actions of extensions."""
        core = copy.copy(self)
        core.extensions = []
        return core

    def menu(self, application: Application) -> Menu:
        """All actions that the model knows. Raises `UsageError` for an application that its strategy cannot protect."""
        if application.tagged and not self.spans:
            raise UsageError(
                f"application {application.name!r} has conditions over tags, and the strategy of {self.name!r} protects one key at a time;"
                " take strategy=expected-version, which appends under the condition"
            )
        commands = application.commands()
        keys = tuple(dict.fromkeys([application.key(command) for command in commands]))
        return Menu(
            commands,
            self.clients,
            self.consumers,
            self.capabilities,
            extensions=self.extensions,
            keys=keys,
            extended=EXTENDED,
        )

    def open(self, application: Application, emit: Emit) -> Deployment:
        """A new, empty system."""
        make: type[Deployment] = self.parts.get("deployment", Deployment)
        return make(
            self.name,
            application,
            emit,
            log=self.parts.get("log", Log)(),
            capabilities=self.capabilities,
            parts=self.parts,
            extensions=self.extensions,
        )
