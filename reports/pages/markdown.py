"""The record as Markdown: for a pull request, a ticket or a terminal pager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from bnspec.reports.inert import markdown_code, markdown_fence, markdown_text
from bnspec.reports.pages import summary, wording
from bnspec.reports.record import Record
from bnspec.reports.verdict import title_of


class Markup(str):
    """Text that is Markdown already. Every other text that a template prints is escaped."""


def render(record: Record) -> str:
    """The report of one record, as GitHub-flavoured Markdown."""
    return environment().get_template("report.md").render(record=record)


def environment() -> jinja2.Environment:
    """Templates in which text is inert by default; `code` and `fence` quote it, `in_cell` keeps a quote in its table cell."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=False,
        finalize=_inert,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {
        "code": lambda text: Markup(markdown_code(str(text))),
        "fence": lambda text, language="": Markup(markdown_fence(text, language)),
        "in_cell": lambda markup: Markup(markup.replace("|", "\\|")),
        "title": title_of,
        "number": wording.number,
    }
    templates.globals |= {"summary": summary, "wording": wording}
    return templates


def _inert(value: Any) -> str:
    return value if isinstance(value, Markup) else markdown_text(str(value))
