"""The record as one HTML page: no script, no font, nothing from elsewhere; light or dark as the reader prefers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from bnspec.reports.inert import clip, one_line
from bnspec.reports.pages import climb
from bnspec.reports.pages.templating import templates
from bnspec.reports.record import Record


def render(record: Record) -> str:
    """The report of one record, complete in itself."""
    drawn = climb.plot(record)
    plot = Markup(drawn[drawn.index("<svg") :]) if drawn else ""
    return environment().get_template("report.html").render(record=record, climb=plot)


@cache
def environment() -> jinja2.Environment:
    """Templates in which text is escaped, cleaned and bounded by default; `line` makes it one line, `path` part of an address."""
    filters: dict[str, Callable[..., Any]] = {
        "line": lambda value: one_line(str(value)),
        "clipped": clip,
        "path": lambda name: quote(name, safe=""),
    }
    return templates(_inert, filters, html=True)


def _inert(value: Any) -> Any:
    return clip(value) if isinstance(value, str) and not isinstance(value, Markup) else value
