"""The record as one HTML page: no script, no font, nothing from elsewhere; light or dark as the reader prefers."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from bnspec.reports.inert import clean, clip, one_line
from bnspec.reports.pages import summary, wording
from bnspec.reports.record import Record
from bnspec.reports.verdict import SCOPE, title_of


def render(record: Record) -> str:
    """The report of one record, complete in itself."""
    return environment().get_template("report.html").render(record=record)


def environment() -> jinja2.Environment:
    """Templates in which text is escaped and cleaned by default; `line` and `clipped` bound its length as well."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=_inert,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "line": lambda value: one_line(str(value)),
        "clipped": clip,
        "path": quote,
        "title": title_of,
        "number": wording.number,
    }
    words: dict[str, Any] = {"MARKS": wording.MARKS, "STATES": wording.STATES, "PARTS": wording.PARTS, "SCOPE": SCOPE}
    templates.globals.update(words, summary=summary, wording=wording)
    return templates


def _inert(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
