"""The catalogue of known bugs as one page to read, as Markdown or as HTML."""

from __future__ import annotations

from pathlib import PurePath

from bnspec.reference.bugs.catalogue import BUGS, CHAPTERS, forms
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.pages import html, markdown


def render(name: str) -> str:
    """The page for a file of this name: HTML where it ends so, else Markdown."""
    page, environment = (
        ("bugs.html", html.environment()) if PurePath(name).suffix == ".html" else ("bugs.md", markdown.environment())
    )
    return environment.get_template(page).render(bugs=BUGS, chapters=_chapters(), forms=forms)


def _chapters() -> list[tuple[str, list[Bug]]]:
    names = [chapter.__name__.rpartition(".")[2] for chapter in CHAPTERS]
    return [(name, [bug for bug in BUGS.values() if bug.chapter == name]) for name in names]
