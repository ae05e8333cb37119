"""The progress bar of a run: on a terminal only."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich import progress as bars
from rich.console import Console

from bnspec.cli.rows import recorded
from bnspec.reports import record
from bnspec.reports.verdict import FAILING

if TYPE_CHECKING:
    from bnspec.plugs.subject import Subject
    from bnspec.properties.rows import Row


class Progress:
    """A pytest plug-in that moves a bar with each row. Nothing is drawn where the output is no terminal."""

    def __init__(self, console: Console, target: str) -> None:
        columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(), bars.TimeElapsedColumn())
        self._bars = bars.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bars.add_task(f"opening {target}", total=None)
        self._failed = self._total = 0

    def __enter__(self) -> Progress:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def pytest_bnspec_plan(self, subject: Subject, rows: list[Row]) -> None:
        """The number of rows is known."""
        self.plan(len(rows))

    def pytest_bnspec_row(self, row: Row) -> None:
        """One row more."""
        self.row(recorded(row))

    def plan(self, rows: int) -> None:
        """So many rows more are to be asked."""
        self._total += rows
        self._bars.update(self._task, total=self._total, description="asking")

    def row(self, row: record.Row) -> None:
        """One row more is known."""
        self._failed += row.level == "required" and row.status in FAILING
        failed = f", {self._failed} failed" if self._failed else ""
        words = f"{row.chapter.replace('_', ' ')}, {row.dtype}"
        self._bars.update(self._task, advance=1, description=words + failed)
