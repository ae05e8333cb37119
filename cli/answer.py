"""What `bnspec.check` gives back: the record of the run, and the one-screen answer wherever Python shows an object."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from bnspec.plugs.code import OPEN_FILE, OPEN_TEXT
from bnspec.plugs.given import Given
from bnspec.reports import directory, expectations
from bnspec.reports.inert import one_line
from bnspec.reports.pages import html, terminal
from bnspec.reports.record import Diagnosis, Record, Row, as_json, write_atomically
from bnspec.reports.verdict import failures

WIDTH = 118
"""Columns of the answer, unless a terminal has fewer."""

IN_A_CELL = '<pre style="white-space: pre-wrap; line-height: 1.35">{code}</pre>'
"""The one-screen answer as a notebook shows it; text and background are the notebook's own."""


class NonconformantError(AssertionError):
    """What `raise_for_verdict` raises; the message is the one-screen answer."""


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """What came of a check. In a notebook, or at a prompt, it shows itself.

    record   all that is known: verdict, scope, convention, a row for each law and dtype, the causes of what fails
    source   the text of a file in which the code that was asked stands, where that has no file of its own; else ""
    """

    record: Record
    source: str = ""

    @property
    def verdict(self) -> str:
        """conformant, nonconformant or inconclusive."""
        return self.record.verdict

    @property
    def failures(self) -> list[Row]:
        """The rows that do not hold, recommended laws included, in the order of the record."""
        return failures(self.record.results)

    @property
    def diagnoses(self) -> Sequence[Diagnosis]:
        """The causes of what fails, the most telling first."""
        return self.record.diagnoses

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The first of the causes; None where nothing fails, or no cause was looked for."""
        return next(iter(self.record.diagnoses), None)

    def raise_for_verdict(self) -> None:
        """Raise `NonconformantError` unless it is conformant; with known deviations, unless they alone fail, as they say."""
        if expectations.outcome(self.record) != "conformant":
            raise NonconformantError(repr(self))

    def save(self, place: str | os.PathLike[str]) -> list[Path]:
        """Write report.json, the pages, and a script for each failure into a directory; the paths that were written.

        What was defined in a session is written beside them, so that the record names a file that can be asked again.
        """
        record, place = self.record, Path(place)
        place.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        if self.source:
            name = record.target.partition("(")[0]
            file = place / f"{name}.py"
            write_atomically(file, self.source.encode())
            record = msgspec.structs.replace(record, target=f"{file}:{record.target}")
            written.append(file)
        return [*directory.write(record, place), *written]

    def to_html(self) -> str:
        """The whole report as one HTML page."""
        return html.render(self.record)

    def __repr__(self) -> str:
        width = min(WIDTH, Console(force_jupyter=False).width)
        console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False, force_jupyter=False)
        self._show(console)
        return str(console.file.getvalue()).rstrip()  # type: ignore[attr-defined]

    def _repr_html_(self) -> str:
        console = Console(record=True, file=io.StringIO(), width=WIDTH, highlight=False, force_jupyter=False, legacy_windows=False)
        self._show(console)
        return console.export_html(inline_styles=True, code_format=IN_A_CELL)

    def _show(self, console: Console) -> None:
        deeper = {"smoke": "standard", "standard": "deep"}.get(self.record.profile, "deep")
        saved = '.save("report") writes the pages, and a script for each failure'
        following = (
            saved if self.failures else f'bnspec.check(..., profile="{deeper}")' if self.record.results else "help(bnspec.check)"
        )
        terminal.render(self.record, console, following=following)


def answer(record: Record, given: Given, warnings: Sequence[str]) -> Answer:
    """The answer about what was given; the text of a file that was written for it becomes a part of the adapter."""
    adapter, path = record.adapter, Path(given.target.partition(":")[0])
    if given.text:
        opened = OPEN_TEXT.format(name=path.stem, text=_quoted(given.text))
        adapter = adapter.replace(OPEN_FILE.format(path=str(path), name=path.stem, package=""), opened)
    changes = {"target": one_line(given.label), "adapter": adapter, "warnings": [*warnings, *record.warnings]}
    record = msgspec.structs.replace(record, **changes)
    if given.text:
        record = msgspec.json.decode(as_json(record).replace(f"{path.parent}/".encode(), b""), type=Record)
    return Answer(record, given.text)


def _quoted(text: str) -> str:
    """The text as Python has it: as it is to be read where that can be."""
    return repr(text) if "\\" in text or "'''" in text else f"'''\\\n{text}'''"
