"""`bnspec replay RECORD --worst PROPERTY`: the right answer of a deep run that came nearest to its bound, asked again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from bnspec.cli.choice import Unchosen
from bnspec.cli.replay import GONE, Outcome, Replay, Wanted
from bnspec.cli.screen import Screen
from bnspec.comparing import compared
from bnspec.reports.checks import Check
from bnspec.reports.inert import one_line
from bnspec.reports.record import Record, Row
from bnspec.reports.verdict import title_of


def worst_row(record: Record, name: str) -> Row:
    """The row of this property, in the dtype where it came nearest to its bound, with that case as if it had failed."""
    kept = [row for row in record.results if row.property == name and row.worst is not None]
    if not kept:
        there = sorted({row.property for row in record.results if row.worst is not None})
        says = f"it has those of {', '.join(there[:6])}" if there else "only --profile deep keeps them"
        raise Unchosen(f"the record of {one_line(record.target, 80)} has no worst case of {one_line(name, 80)!r}; {says}")
    row = max(kept, key=_ratio)
    return msgspec.structs.replace(row, counterexample=row.worst, status="fail")


class WorstReplay(Replay):
    """One case that came near its bound, compared with it again."""

    def __init__(self, record: Record, row: Row, wanted: Wanted, screen: Screen) -> None:
        super().__init__(record, row, wanted, screen)
        self._recorded = _ratio(row)

    def _heading(self) -> str:
        return f"worst case, {self.row.dtype}: {one_line(title_of(self.row))} ({self.row.property}, {self.row.level})"

    def _conclude(self, outcomes: Sequence[Outcome]) -> int:
        """How near the bound it comes now; beyond it, it fails."""
        ratios = [_nearness(check, outcomes[check.step]) for check in self.checks.of]
        if not ratios:
            raise Unchosen(f"{one_line(self.row.property)} compares answers with each other; its calls alone show no error")
        if max(ratios) > 1:
            return super()._conclude(list(outcomes))
        self._say(f"the error is {max(ratios):.3g} of its bound; in the record it was {self._recorded:.3g}", "bold green")
        return GONE


def _ratio(row: Row) -> float:
    return 0.0 if row.worst is None else float(row.worst.ratio or 0.0)


def _nearness(check: Check, outcome: Outcome) -> float:
    """The largest error of an answer in units of its bound; infinity where there is none."""
    if isinstance(outcome, Exception) or check.name not in outcome or outcome[check.name].shape != check.expected.shape:
        return float("inf")
    _, _, ratio = compared(np.asarray(outcome[check.name], np.float64), check.expected, check.tolerance, check.dtype)
    return float(np.max(ratio, initial=0.0))
