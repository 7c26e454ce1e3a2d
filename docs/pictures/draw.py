"""Draws the pictures of the documentation: every plan in this folder is run, and its counterexample becomes an SVG beside it.

The pictures of reports lean on style sheets and on the reader's colour scheme. These must look the same wherever a page is
shown, so every element carries its own style, on a white ground.

    python docs/pictures/draw.py [--check]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

from refold.model.documents.plan import plan_from_json
from refold.reports.pictures.spacetime import STYLE, spacetime_svg
from refold.search.objects.application_check import application_named
from refold.search.run import execute
from refold.systems.registry import resolve

FOLDER = pathlib.Path(__file__).parent
SVG = "http://www.w3.org/2000/svg"
Rule = tuple[tuple[int, int], list[set[str]], dict[str, str]]


def rules() -> list[Rule]:
    """The style sheet as (weight, compound selectors from the outside in, declarations), lightest first."""
    sheet = re.sub(r"@media[^{]*\{([^{}]*\{[^{}]*\})*\s*\}", "", STYLE)
    colours = dict(re.findall(r"(--\w+):([^;}]+)", sheet))
    found: list[Rule] = []
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet):
        declarations = {}
        for declaration in filter(None, (part.strip() for part in body.split(";"))):
            name, _, value = declaration.partition(":")
            value = re.sub(r"var\((--\w+)\)", lambda match: colours[match[1]], value.strip())
            if name == "font":
                size, _, family = value.partition(" ")
                declarations.update({"font-size": size, "font-family": family.replace('"', "'")})
            elif not name.startswith("--"):
                declarations[name] = value
        for selector in selectors.split(","):
            compounds = [set(re.findall(r"\.?[\w-]+", compound)) for compound in selector.split()[1:]]
            if compounds and declarations:
                names = [name for compound in compounds for name in compound]
                weight = (sum(name.startswith(".") for name in names), len(names))
                found.append((weight, compounds, declarations))
    return sorted(found, key=lambda rule: rule[0])


def inline(picture: str) -> str:
    """The picture with every style in the element that it is for."""
    paper = re.search(r"--paper:([^;}]+)", STYLE)
    ground = paper[1] if paper else "#fff"
    root = ElementTree.fromstring(picture)
    sheet = rules()

    def dress(element: ElementTree.Element, outside: list[set[str]]) -> None:
        names = {"." + name for name in element.get("class", "").split()} | {element.tag.rpartition("}")[2]}
        style: dict[str, str] = {}
        for _, compounds, declarations in sheet:
            *outer, own = compounds
            if own <= names and all(any(compound <= other for other in outside) for compound in outer):
                style.update(declarations)
        if style:
            element.set("style", ";".join(f"{name}:{value}" for name, value in style.items()))
        for name, value in element.attrib.items():
            if value == "var(--paper)":
                element.set(name, ground)
        element.attrib.pop("class", None)
        for child in list(element):
            if child.tag == f"{{{SVG}}}style":
                element.remove(child)
            else:
                dress(child, [*outside, names])

    dress(root, [])
    root.insert(1, ElementTree.Element("rect", {"width": "100%", "height": "100%", "fill": ground}))
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def draw(plan: pathlib.Path) -> str:
    """The picture of the counterexample that a plan shows."""
    document = json.loads(plan.read_text())
    application = application_named(document["application"])
    run = execute(resolve(document["system"]), application, plan_from_json(document, application), whole=True)
    finding = next(finding for finding in run.findings if finding.anomaly == document["anomaly"])
    return inline(spacetime_svg(run.history, finding, title=f"{finding.anomaly}, step by step"))


def main() -> None:
    """Draw them all; with --check only say which are out of date."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    stale = []
    for plan in sorted(FOLDER.rglob("*.json")):
        picture, target = draw(plan), plan.with_suffix(".svg")
        if not target.exists() or target.read_text() != picture:
            stale.append(target.name)
            if not options.check:
                target.write_text(picture)
    print(f"out of date: {', '.join(stale)}" if options.check and stale else f"{len(stale)} drawn")
    sys.exit(bool(options.check and stale))


if __name__ == "__main__":
    main()
