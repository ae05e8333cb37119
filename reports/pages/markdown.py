"""The record as Markdown: for a pull request, a ticket or a terminal pager."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jinja2

from bnspec.reports.inert import LONGEST, markdown_code, markdown_fence, markdown_text
from bnspec.reports.pages.templating import templates
from bnspec.reports.record import Record


class Markup(str):
    """Text that is Markdown already. Every other text that a template prints is escaped."""


def render(record: Record) -> str:
    """The report of one record, as GitHub-flavoured Markdown."""
    return environment().get_template("report.md").render(record=record)


@cache
def environment() -> jinja2.Environment:
    """Templates in which text is inert by default; `prose` is longer, `code` and `fence` quote, `in_cell` is for tables."""
    filters: dict[str, Callable[..., Any]] = {
        "prose": lambda text: Markup(markdown_text(str(text), LONGEST)),
        "code": lambda text: Markup(markdown_code(str(text))),
        "fence": lambda text, language="": Markup(markdown_fence(text, language)),
        "in_cell": lambda markup: Markup(markup.replace("|", "\\|")),
    }
    return templates(_inert, filters, html=False)


def _inert(value: Any) -> str:
    return value if isinstance(value, Markup) else markdown_text(str(value))
