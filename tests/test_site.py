"""The documentation as a site, and the README on a package index: navigation and links, without building anything."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import pathlib
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from refold import Application, verify
from refold.reports.words.anomalies import ANOMALIES

from .consoles import ROOT

DOCS = ROOT / "docs"
GALLERY = DOCS / "pictures" / "gallery"
CONFIG = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def loaded(path: pathlib.Path) -> ModuleType:
    """A module that belongs to no package."""
    if path.stem in sys.modules:
        return sys.modules[path.stem]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


website, links = loaded(DOCS / "website.py"), loaded(DOCS / "links.py")
readme, reference = loaded(ROOT / ".packaging" / "readme.py"), loaded(DOCS / "python_reference.py")
AROUND: dict[str, pathlib.Path] = website.around()


def places(entries: list[dict[str, Any]]) -> Iterator[str]:
    """The pages that a navigation leads to."""
    for entry in entries:
        for inside in entry.values():
            if isinstance(inside, str):
                yield inside
            else:
                yield from places(inside)


def test_every_page_is_in_the_navigation_once() -> None:
    """Pages of the folder; of those around it only some are."""
    found = [place for place in places(website.navigation()) if not place.startswith("checkout/")]
    assert sorted(found) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def test_the_navigation_leads_to_pages() -> None:
    """In the folder, or around it."""
    for place in places(website.navigation()):
        assert (DOCS / place).is_file() or place in AROUND, place


@pytest.mark.parametrize(
    "place", [*sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")), *sorted(AROUND)]
)
def test_links_stay_in_the_site(place: str) -> None:
    """Each leads to a page or a picture of it."""
    text = website.text_of(AROUND.get(place, DOCS / place))
    for _, _, target in links.LINK.findall(links.FENCED.sub("", website.within_site(text, place))):
        if "://" in target or target.startswith("#"):
            continue
        found = os.path.normpath(pathlib.PurePath(place).parent / target.partition("#")[0])
        assert found in AROUND or (DOCS / found).is_file(), f"{place}: {target}"


def test_the_site_loads_nothing_from_elsewhere() -> None:
    """No fonts, no addresses; and the name by which the search is known is in the theme's place for it."""
    assert "://" not in CONFIG
    assert "font: false" in CONFIG
    assert "polyfills: [assets/iframe-worker.js]" in CONFIG
    assert "://" not in (DOCS / "assets" / "site.css").read_text()


def test_what_builds_the_site_is_pinned() -> None:
    """By name and version alone."""
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    assert {"mkdocs", "mkdocs-material", "pymdown-extensions"} <= {pin.partition("==")[0] for pin in pins}
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", pin) for pin in pins)


PAGE = """See [the tutorial](docs/first.md#run), [below](#here) and [elsewhere](https://example.org).

![a picture](docs/one.svg)

```text
[not a link](docs/first.md)
```
"""


def test_a_readme_without_an_address_has_no_dead_links() -> None:
    """Paths are in their place; blocks of code, headings and other sites stay."""
    told = readme.apart(PAGE, "")
    assert "See the tutorial (`docs/first.md`), [below](#here) and [elsewhere](https://example.org)." in told
    assert "\n*Picture: a picture.*\n" in told
    assert told.endswith("are those of files in the source distribution.\n")
    assert "[not a link](docs/first.md)" in told


def test_a_readme_that_links_to_no_file_stays_as_it_is() -> None:
    """A path that is the text of its link is not said twice."""
    assert readme.apart("See [elsewhere](https://example.org).\n", "") == "See [elsewhere](https://example.org).\n"
    assert readme.apart("[docs/x.md](docs/x.md)\n", "").startswith("`docs/x.md`\n")


def test_every_path_in_the_description_is_in_the_source_distribution() -> None:
    """Which has the folders that MANIFEST.in names, and what setuptools takes by itself."""
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8").split()
    told = readme.apart((ROOT / "README.md").read_text(encoding="utf-8"), "")
    paths = re.findall(r"\(`([\w./-]+)`\)", told)
    assert len(paths) > 15
    for path in paths:
        assert (ROOT / path).exists(), path
        assert path.split("/")[0] in (*manifest, "LICENSE", "README.md"), path


def test_a_readme_with_an_address_leads_there() -> None:
    """Pictures to their bytes."""
    told = readme.apart(PAGE, "https://code.example/refold")
    assert "[the tutorial](https://code.example/refold/blob/main/docs/first.md#run)" in told
    assert "![a picture](https://code.example/refold/raw/main/docs/one.svg)" in told
    assert "[not a link](docs/first.md)" in told


def test_only_the_description_of_a_distribution_is_changed() -> None:
    """Its head stays, byte for byte."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    head = "Metadata-Version: 2.4\nName: refold\n\n"
    told = readme.described((head + text).encode()).decode()
    assert told.startswith(head)
    for _, _, target in links.LINK.findall(links.FENCED.sub("", told.removeprefix(head))):
        assert "://" in target or target.startswith("#"), target


def test_lists_are_lists_for_every_markdown() -> None:
    """Python's wants an empty line before them, and none between their items."""
    assert website.with_plain_lists("In short:\n- one\n- two\n  more\n") == "In short:\n\n- one\n- two\n  more\n"
    assert website.with_plain_lists("- one\n- two\n") == "- one\n- two\n"


def test_the_reference_lists_what_a_user_overrides() -> None:
    """Every public method of an application, with its types."""
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    for name, member in vars(Application).items():
        if inspect.isfunction(member) and not name.startswith("_"):
            assert f"- `{name}(" in page, name
    assert "- `decide(command: Command, state: State) -> Sequence[Payload]`: The events" in page


def test_signatures_are_those_of_the_code() -> None:
    """With defaults, and with the mark of what can only be named."""
    told = reference.signature(verify, "verify")
    assert "    *,\n    seconds: float | None = 10.0,\n" in told
    assert told.endswith(") -> Result")


def test_the_gallery_shows_every_anomaly_or_says_why_not() -> None:
    """That a run shows its anomaly is tested when it is drawn."""
    page = (DOCS / "reference" / "gallery.md").read_text(encoding="utf-8")
    shown, _, without = page.partition("## Without a picture")
    headings = re.findall(r"(?m)^### (.+)$", shown)
    reasons = re.findall(r"(?m)^- `(.+?)`: ", without)
    assert sorted(headings + reasons) == sorted(ANOMALIES)
    pictures = re.findall(r"\(\.\./pictures/gallery/(.+?)\.svg\)", shown)
    assert pictures == headings
    assert {path.stem for path in GALLERY.glob("*.svg")} == set(pictures)


def test_a_plan_of_the_gallery_is_called_by_its_anomaly() -> None:
    for path in GALLERY.glob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["anomaly"] == path.stem
