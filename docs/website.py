"""The documentation as a site, for mkdocs: the navigation out of README.md, and pages for the files outside of this folder.

Pages link to files of the checkout: examples, sources, the changelog. Markdown becomes a page of the site as it is, everything else a page
that shows its text. So the site needs no address of a repository, and no link in it leaves it unless it names a host.
"""

from __future__ import annotations

import os
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from links import LINK, outside_code, relinked

DOCS = pathlib.Path(__file__).resolve().parent
ROOT = DOCS.parent
INDEX = "README.md"
DECISIONS = "decisions/README.md"
AROUND = "checkout"
"""Folder of the site in which files outside of `docs` are."""

LANGUAGES = {".py": "python", ".js": "javascript", ".json": "json", ".toml": "toml", ".txt": "text"}
Entry = dict[str, Any]


def navigation() -> list[Entry]:
    """What mkdocs wants to know: the headings of the index, and under each the first link of each of its lines, and the further ones."""
    entries: list[Entry] = [{"Home": INDEX}]
    levels: dict[int, list[Entry]] = {1: entries}
    for line in (DOCS / INDEX).read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"(##+) (.*)", line):
            level = len(heading[1])
            inside: list[Entry] = []
            levels[level - 1].append({heading[2]: inside})
            levels[level] = inside
            for deeper in [one for one in levels if one > level]:
                del levels[deeper]
        elif line.startswith("- "):
            levels[max(levels)] += [
                {plain(text): placed(DOCS, target)} for _, text, target in LINK.findall(line) if target != DECISIONS
            ]
    decisions = [{title(page): f"decisions/{page.name}"} for page in sorted((DOCS / "decisions").glob("0*.md"))]
    entries.append({"Decisions": [{"All decisions": DECISIONS}, *decisions]})
    entries.append({"About": [{"The project": f"{AROUND}/README.md"}, *others()]})
    return entries


def others() -> list[Entry]:
    """Pages about the project that are not in this folder."""
    return [{title(ROOT / name): f"{AROUND}/{name}"} for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]


def title(page: pathlib.Path) -> str:
    """The first heading."""
    return plain(re.sub(r"^# (\d+\. )?", "", page.read_text(encoding="utf-8").partition("\n")[0]))


def plain(text: str) -> str:
    """Without marks of Markdown."""
    return text.replace("`", "").replace("*", "")


def placed(folder: pathlib.Path, target: str) -> str:
    """The place in the site of what a page in `folder` links to, heading included."""
    path, mark, heading = target.partition("#")
    whole = pathlib.Path(os.path.normpath(folder / path))
    if whole == DOCS or DOCS in whole.parents:
        name = whole.relative_to(DOCS).as_posix()
        return f"{name}{mark}{heading}" if whole.suffix not in LANGUAGES else f"{AROUND}/docs/{name}.md"
    name = whole.relative_to(ROOT).as_posix()
    return f"{AROUND}/{name}{'' if whole.suffix == '.md' else '.md'}{mark}{heading}"


def around() -> dict[str, pathlib.Path]:
    """Place in the site -> the file, for all files that are linked to and are not pages of this folder; those that they link to as well."""
    found: dict[str, pathlib.Path] = {}
    waiting = [
        *DOCS.rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    ]
    seen: set[pathlib.Path] = set()
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        if DOCS not in page.parents:
            found[placed(page.parent, page.name)] = page
        for target in targets(page) if page.suffix == ".md" else ():
            place = placed(page.parent, target).partition("#")[0]
            file = pathlib.Path(os.path.normpath(page.parent / target.partition("#")[0]))
            if place.startswith(f"{AROUND}/"):
                waiting.append(file)
    return found


def targets(page: pathlib.Path) -> Iterator[str]:
    """The files of this project that a page links to."""
    found: list[str] = []
    relinked(page.read_text(encoding="utf-8"), lambda target: found.append(target) or target)
    yield from found


def text_of(file: pathlib.Path) -> str:
    """A file as a page."""
    if file.is_dir():
        names = sorted(f"{path.name}{'/' if path.is_dir() else ''}" for path in file.iterdir() if shown(path))
        return f"# {file.relative_to(ROOT)}\n\n" + "\n".join(f"- `{name}`" for name in names) + "\n"
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return text
    return f"# {file.relative_to(ROOT)}\n\n````{LANGUAGES.get(file.suffix, 'text')}\n{text.rstrip()}\n````\n"


def shown(path: pathlib.Path) -> bool:
    """Whether a file is the project's own."""
    return not path.name.startswith((".", "__pycache__")) and path.suffix != ".pyc"


def folder_of(place: str) -> pathlib.Path:
    """The folder of the checkout from which the links of a page lead."""
    around = place.removeprefix(f"{AROUND}/")
    return (DOCS / place).parent if around == place else (ROOT / around).parent


def within_site(page: str, place: str) -> str:
    """The text of a page with links to where things are in the site."""

    def moved(target: str) -> str:
        found = placed(folder_of(place), target)
        path, mark, heading = found.partition("#")
        return os.path.relpath(path, pathlib.PurePath(place).parent.as_posix()).replace(os.sep, "/") + mark + heading

    return with_plain_lists(relinked(page, moved))


def with_plain_lists(page: str) -> str:
    """Python's Markdown wants an empty line before a list."""
    return outside_code(
        page, lambda prose: re.sub(r"(?m)^(?!(?:\s*[-*]|\s*\d+\.|\s|\|)\s)(\S.*)\n(?=(?:- |\d+\. ))", r"\1\n\n", prose)
    )


def on_config(config: Any) -> Any:
    """The navigation."""
    config["nav"] = navigation()
    return config


def on_files(files: Any, *, config: Any) -> Any:
    """Pages for the files around."""
    from mkdocs.structure.files import File

    for place, file in around().items():
        files.append(File.generated(config, place, content=text_of(file)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links that lead somewhere in the site; sources are not searched."""
    if page.file.src_uri.startswith(f"{AROUND}/") and not page.file.src_uri.endswith(("README.md", "CHANGELOG.md")):
        page.meta["search"] = {"exclude": True}
    return within_site(markdown, page.file.src_uri)


def on_post_page(output: str, **_: Any) -> str:
    """A name for the search, which the theme has none for."""
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )


def on_page_content(html: str, **_: Any) -> str:
    """Pictures are loaded when they are needed."""
    return html.replace("<img ", '<img loading="lazy" ')
