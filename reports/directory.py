"""A directory with all that can be said about a record: JSON, JUnit, Markdown, HTML, and a script a failure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bnspec.reports.pages import climb, html, index, junit, markdown
from bnspec.reports.record import Record, save, write_atomically
from bnspec.reports.repro import write_repros


def write(record: Record, directory: str | os.PathLike[str]) -> list[Path]:
    """Write report.json, junit.xml, report.md, report.html, of a deep run climb.svg, and repro_*.py; the paths written."""
    directory = Path(directory)
    record = write_repros(record, directory)
    pages = {"junit.xml": junit.render(record), "report.md": markdown.render(record), "report.html": html.render(record)}
    if drawn := climb.plot(record):
        pages["climb.svg"] = drawn
    save(record, directory / "report.json")
    for name, text in pages.items():
        write_atomically(directory / name, text.encode())
    scripts = [row.repro for row in record.results if row.repro]
    return [directory / name for name in ("report.json", *pages, *scripts)]


def write_all(records: Sequence[Record], directory: str | os.PathLike[str]) -> list[Path]:
    """Write index.html and index.md, and each record's report in a directory of its own below; the paths of the index."""
    for record, place in zip(records, index.places(records), strict=True):
        write(record, below(directory, place))
    return index.write(records, directory)


def below(directory: str | os.PathLike[str], place: str) -> Path:
    """The directory of one report; a link that stands in its place is taken away, so that nothing is written where it leads."""
    path = Path(directory) / place
    if path.is_symlink():
        path.unlink()
    return path
