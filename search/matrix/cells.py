"""Cells: the systems and applications of a campaign, each pair searched by itself."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from refold.model.application import Application
from refold.search.objects.application_check import application_named
from refold.systems.port import SystemPort
from refold.systems.registry import application_suiting, resolve


@attrs.frozen(order=True)
class Cell:
    """A system and an application, by the names under which any process finds them."""

    system: str
    application: str

    def __str__(self) -> str:
        return f"{self.system} with {self.application}"

    def objects(self) -> tuple[SystemPort, Application]:
        """Both; raises a sentence for the user where there is no such thing."""
        return resolve(self.system), application_named(self.application)


def matrix(systems: Sequence[str], applications: Sequence[str]) -> list[Cell]:
    """Every system with every application; without applications, each with the one that suits it."""
    pairs = [
        Cell(system, application)
        for system in systems
        for application in (applications or [application_suiting(system, resolve(system))])
    ]
    return list(dict.fromkeys(pairs))
