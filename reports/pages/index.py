"""Several records side by side: a matrix of targets and chapters, as HTML and as Markdown."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from bnspec.reports.inert import one_line
from bnspec.reports.pages import html, markdown
from bnspec.reports.pages.folding import folded
from bnspec.reports.pages.summary import Chapter, chapters, state_of, worst_of
from bnspec.reports.record import Record, write_atomically

STATE_OF_VERDICT = {"conformant": "pass", "nonconformant": "fail", "inconclusive": "undecided"}
"""In which colour a verdict is shown."""

RESERVED = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)})
"""Names of devices, which Windows lets nobody give to a directory."""


@dataclass(frozen=True, eq=False)
class Line:
    """One target: `cells` has its chapter for each column, None where it was not asked; `place` is the directory of its report."""

    record: Record
    place: str
    cells: list[Chapter | None]

    @property
    def worst(self) -> float | None:
        """The largest error / bound of all its checks."""
        return worst_of(self.record.results)

    @property
    def causes(self) -> list[str]:
        """What is wrong with its target, a cause each, by name."""
        return [cause.named for cause in folded(self.record).causes]

    @property
    def unsupported(self) -> int:
        """Checks that its target does not offer."""
        return sum(state_of([row]) == "unsupported" for row in self.record.results)


def write(records: Sequence[Record], directory: str | os.PathLike[str]) -> list[Path]:
    """Write index.html and index.md, which link to the reports in `places(records)`; the paths written."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    by_name = [{chapter.name: chapter for chapter in chapters(record)} for record in records]
    names = list(dict.fromkeys(name for named in by_name for name in named))
    lines = [
        Line(record, place, [named.get(name) for name in names])
        for record, place, named in zip(records, places(records), by_name, strict=True)
    ]
    written = []
    for page, templates in (("index.html", html.environment()), ("index.md", markdown.environment())):
        text = templates.get_template(page).render(lines=lines, names=names, STATE_OF_VERDICT=STATE_OF_VERDICT)
        write_atomically(directory / page, text.encode())
        written.append(directory / page)
    return written


def places(records: Sequence[Record]) -> list[str]:
    """For each record the directory of its report: its target in letters, digits and dashes, numbered where two are alike."""
    taken: list[str] = []
    for record in records:
        stem = re.sub("[^a-z0-9]+", "-", one_line(record.target).lower()).strip("-")[:60] or "target"
        stem = f"{stem}-target" if stem in RESERVED else stem
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        taken.append(next(name for name in names if name not in taken))
    return taken
