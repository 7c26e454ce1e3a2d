"""Draws the pictures of the documentation: every plan in this folder is run, and its counterexample becomes an SVG beside it. So does every
exhibit of the gallery of anomalies.

The pictures of reports lean on style sheets and on the reader's colour scheme. These must look the same wherever a page is
shown, so every element carries its own style, on a white ground.

    python docs/pictures/draw.py [--check]
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from refold.reports.pictures import clients
from refold.reports.pictures.spacetime import STYLE, spacetime_svg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from exhibits import FOLDER as GALLERY
from exhibits import Exhibit, exhibits, from_plan
from own_code import NOT_LINEARIZABLE, stale_read

FOLDER = pathlib.Path(__file__).resolve().parent
SVG = "http://www.w3.org/2000/svg"
Rule = tuple[tuple[int, int], list[set[str]], dict[str, str]]


def rules(style: str) -> list[Rule]:
    """A style sheet as (weight, compound selectors from the outside in, declarations), lightest first."""
    sheet = re.sub(r"@media[^{]*\{([^{}]*\{[^{}]*\})*\s*\}", "", style)
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


def inline(picture: str, style: str = STYLE) -> str:
    """The picture with every style in the element that it is for."""
    paper = re.search(r"--paper:([^;}]+)", style)
    ground = paper[1] if paper else "#fff"
    root = ElementTree.fromstring(picture)
    sheet = rules(style)
    families: set[str] = set()

    def dress(element: ElementTree.Element, outside: list[set[str]]) -> None:
        names = {"." + name for name in element.get("class", "").split()} | {element.tag.rpartition("}")[2]}
        style: dict[str, str] = {}
        for _, compounds, declarations in sheet:
            *outer, own = compounds
            if own <= names and all(any(compound <= other for other in outside) for compound in outer):
                style.update(declarations)
        if family := style.pop("font-family", ""):
            families.add(family)
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
    (family,) = families
    root.set("font-family", family)
    root.insert(1, ElementTree.Element("rect", {"width": "100%", "height": "100%", "fill": ground}))
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def draw(exhibit: Exhibit) -> str:
    """The picture of a run."""
    return inline(spacetime_svg(exhibit.history, exhibit.finding, title=f"{exhibit.anomaly}, step by step"))


def timeline() -> str:
    """The picture of a history without positions: the names of the clients and their bars, one above the other."""
    _, _, drawn = stale_read()
    heads, bars = (ElementTree.fromstring(part) for part in re.findall(r"<svg.*?</svg>", drawn, re.DOTALL))
    height = int(heads.get("height", "0"))
    bars.set("y", str(height))
    whole = ElementTree.Element(
        f"{{{SVG}}}svg",
        {
            "class": "cl",
            "width": bars.get("width", ""),
            "height": str(height + int(bars.get("height", "0"))),
            "role": "img",
        },
    )
    ElementTree.SubElement(whole, f"{{{SVG}}}title").text = f"{NOT_LINEARIZABLE}, client by client"
    whole.extend([heads, bars])
    for link in whole.iter(f"{{{SVG}}}a"):
        link.tag = f"{{{SVG}}}g"
        link.attrib.clear()
    return inline(ElementTree.tostring(whole, encoding="unicode"), clients.STYLE)


def pictures() -> Iterator[tuple[pathlib.Path, str]]:
    """Where they go, and what they are."""
    for plan in sorted(FOLDER.glob("*.json")):
        yield plan.with_suffix(".svg"), draw(from_plan(plan))
    for exhibit in exhibits():
        yield GALLERY / f"{exhibit.anomaly}.svg", draw(exhibit)
    yield GALLERY / f"{NOT_LINEARIZABLE}.svg", timeline()


def main() -> None:
    """Draw them all; with --check only say which are out of date."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    stale = []
    for target, picture in pictures():
        if not target.exists() or target.read_text() != picture:
            stale.append(target.name)
            if not options.check:
                target.write_text(picture)
    print(f"out of date: {', '.join(stale)}" if options.check and stale else f"{len(stale)} drawn")
    sys.exit(bool(options.check and stale))


if __name__ == "__main__":
    main()
