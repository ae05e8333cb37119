"""What every page shows of a record, computed once: chapters, laws and findings."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from bnspec.reports.inert import one_line
from bnspec.reports.record import Record, Row
from bnspec.reports.verdict import FAILING, UNDECIDED, failures, title_of

COMPONENTS = ("y", "y_infer", "running_mean", "running_var", "dx", "dgamma", "dbeta", "state", "purity", "dtype")
"""In the order in which mistakes follow from one another: a wrong y explains a wrong dx, never the other way round."""


@dataclass(frozen=True)
class Law:
    """One law and its rows, one a dtype."""

    title: str
    text: str
    level: str
    rows: list[Row]

    @property
    def state(self) -> str:
        """The state of its rows together, see `state_of`."""
        return state_of(self.rows)


@dataclass(frozen=True)
class Chapter:
    """Rows that belong together, counted. A check is one law asked of one dtype."""

    name: str
    rows: list[Row]

    def count(self, *states: str) -> int:
        """How many of its checks are in one of these states, see `state_of`."""
        return sum(state_of([row]) in states for row in self.rows)

    @property
    def state(self) -> str:
        """The state of its checks together."""
        return state_of(self.rows)

    @property
    def cases(self) -> int:
        """Cases that ran."""
        return sum(row.examples for row in self.rows)

    @property
    def informative(self) -> int:
        """Cases that could have told right from wrong."""
        return sum(row.informative for row in self.rows)

    @property
    def worst(self) -> float | None:
        """The largest error / bound of its checks; None where nothing was measured."""
        return worst_of(self.rows)

    @property
    def laws(self) -> list[Law]:
        """Its rows by law, in the order of the record."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            grouped.setdefault(row.property, []).append(row)
        return [Law(title_of(rows[0]), rows[0].law, rows[0].level, rows) for rows in grouped.values()]


@dataclass(frozen=True, eq=False)
class Finding:
    """One law that does not hold: `row` shows it best, `number` is its place among the failures, `dtypes` are all that fail."""

    number: int
    row: Row
    dtypes: list[str]

    @property
    def kind(self) -> str:
        """What is wrong: the component (dx, also where it was sum(dx)), or the status where no answer came to be judged."""
        if self.row.counterexample is None or self.row.status != "fail":
            return self.row.status
        judged = self.row.counterexample.component
        component = next((word for word in re.findall(r"\w+", judged) if word in COMPONENTS), judged)
        return "y_infer" if component == "y" and self.row.scope == ["infer"] else component


def state_of(rows: Iterable[Row]) -> str:
    """fail, undecided, advice, pass or unsupported: the first that some row is in.

    advice is a recommended law that does not hold; a recommended law that proved nothing is undecided, as any other.
    """
    states = {_state(row) for row in rows}
    return next((state for state in ("fail", "undecided", "advice", "pass") if state in states), "unsupported")


def chapters(record: Record) -> list[Chapter]:
    """The chapters in the order of the record, their names as words."""
    grouped: dict[str, list[Row]] = {}
    for row in record.results:
        grouped.setdefault(row.chapter.replace("_", " "), []).append(row)
    return [Chapter(name, rows) for name, rows in grouped.items()]


def cases(record: Record) -> int:
    """Cases that ran, over all checks."""
    return sum(row.examples for row in record.results)


def findings(record: Record) -> list[Finding]:
    """One a failing law, the most telling first: what others follow from, and a new kind before a second of the same kind.

    Within a kind the order of the record stays, which goes from the formula itself to what follows from it.
    """
    numbered: dict[tuple[str, str], list[tuple[int, Row]]] = {}
    for number, row in enumerate(failures(record.results), start=1):
        numbered.setdefault((row.chapter, row.property), []).append((number, row))
    found = []
    for group in numbered.values():
        number, row = min(group, key=lambda pair: pair[1].counterexample is None)
        found.append(Finding(number, row, [row.dtype for _, row in group]))
    found.sort(key=_rank)
    firsts = list({finding.kind: finding for finding in reversed(found)}.values())
    return sorted(found, key=lambda finding: (*_weight(finding), finding not in firsts))


def going_on(record: Record) -> str:
    """The command that goes on with an interrupted run; "" for one that came to its end."""
    if not record.reason.startswith("interrupted"):
        return ""
    options = {"--profile": [record.profile] if record.profile else [], "--seed": [str(record.seed)], "--dtype": record.dtypes}
    words = [word for name, values in options.items() for value in values for word in (name, value)]
    return shlex.join(["bnspec", "check", one_line(record.target), *map(one_line, words), "--resume", "DIR"])


def worst_of(rows: Iterable[Row]) -> float | None:
    """The largest error / bound of rows that ran; NaN counts as infinite."""
    ratios = [float(row.worst_ratio) for row in rows if row.examples]
    return max((math.inf if math.isnan(ratio) else ratio for ratio in ratios), default=None)


def _state(row: Row) -> str:
    if row.status in FAILING:
        return "fail" if row.level == "required" else "advice"
    return "undecided" if row.status in UNDECIDED else row.status


def _weight(finding: Finding) -> tuple[bool, bool]:
    return finding.row.expected, finding.row.level != "required"


def _rank(finding: Finding) -> tuple[bool, bool, int]:
    order = COMPONENTS.index(finding.kind) if finding.kind in COMPONENTS else len(COMPONENTS)
    return *_weight(finding), order
