"""The first test of a project, which fits its code: an application of the library eventsourcing, a service, or neither."""

from __future__ import annotations

import pathlib

import attrs

from refold.reports.skeletons.code import Code
from refold.reports.skeletons.library import application_in
from refold.reports.skeletons.project import Project
from refold.reports.skeletons.services import service_in
from refold.reports.skeletons.skeletons import module_of


@attrs.frozen
class Fit:
    """A test: its file, what is in it, sentences about it, the folder in which Python finds what it imports, and the extra of refold that
    it needs."""

    file: pathlib.Path
    text: str
    notes: list[str]
    top: pathlib.Path | None = None
    extra: str = "sqlite"


def fitting(code: Code, project: Project) -> Fit:
    """The test that fits."""
    root, folder = project.root, project.tests
    found = application_in(code) or service_in(code)
    if found is not None:
        file = folder / f"test_refold_{found.name}.py"
        shown = file.relative_to(root).as_posix()
        where = found.module.path.relative_to(root).as_posix()
        notes = [
            f"found: {found.what.replace('{where}', where)}",
            *(note.replace("{file}", shown) for note in found.notes),
        ]
        return Fit(file, found.text.replace("{file}", shown), notes, found.module.top, found.extra)
    file, text = module_of("application", "reservations", folder)
    notes = [
        "found no application built on the eventsourcing library, and no service on SQLite or PostgreSQL: the test is an example"
    ]
    return Fit(file, text.replace(file.as_posix(), file.relative_to(root).as_posix()), notes if code.modules else [])
