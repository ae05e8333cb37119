"""The templates of all pages: what they may say, and that every text in them goes through one function that makes it inert."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from bnspec.reports.pages import examples, folding, summary, wording
from bnspec.reports.verdict import SCOPE, title_of

FILTERS: dict[str, Callable[..., Any]] = {"title": title_of, "number": wording.number}

GLOBALS: dict[str, Any] = {
    "MARKS": wording.MARKS,
    "STATES": wording.STATES,
    "PARTS": wording.PARTS,
    "SCOPE": SCOPE,
    "examples": examples,
    "folding": folding,
    "summary": summary,
    "wording": wording,
}


def templates(inert: Callable[[Any], Any], filters: dict[str, Callable[..., Any]], *, html: bool) -> jinja2.Environment:
    """The environment of one format: `inert` sees all that a template prints, `filters` come to the common ones."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=html,
        finalize=inert,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
    )
    environment.filters |= FILTERS | filters
    environment.globals |= GLOBALS
    return environment
