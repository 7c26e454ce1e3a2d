"""Styles and the script of a page, and the policy that allows this script and nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from refold.reports.words.values import inert


@functools.cache
def text_of(file: str) -> str:
    """A file of the reports, such as ``pages/page.css``."""
    return resources.files("refold.reports").joinpath(file).read_text(encoding="utf-8")


def style() -> Markup:
    """All styles."""
    return Markup(text_of("pages/page.css") + text_of("pages/stacked.css") + text_of("pages/explorer.css"))


def script() -> Markup:
    """The script, as it stands in the page."""
    return Markup("\n" + text_of("pages/explorer.js"))


@functools.cache
def policy() -> str:
    """The Content-Security-Policy: nothing is loaded, nothing is sent, and no script runs but ours, which is known by its hash."""
    return policy_of(script())


def policy_of(code: str) -> str:
    """The same for another script."""
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=harmless,
    )


def harmless(thing: Any) -> Any:
    """What is put into a page: what cannot be seen is spelled out. So no page can forget it, and every page can be written to a
    file, which a lone surrogate would prevent."""
    return thing if isinstance(thing, Markup) else inert(str(thing))


def template(file: str) -> jinja2.Template:
    """A template of the reports, such as ``pages/check.html``, which may include others. What is put into it is escaped and harmless."""
    return _environment().get_template(file)
