"""What is known of one target while its units are asked, and what is still to be asked. The record is made here, whoever asked."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import msgspec

from bnspec.cli.joining import ends, joined
from bnspec.cli.keeping import UNFINISHED, keep, kept_rows
from bnspec.cli.progress import Progress
from bnspec.cli.runner import BEFORE_THE_FIRST, Options, Outcome, unasked
from bnspec.cli.units import Done, Known, Message, Opened, Opening, Task, Unit, units_of
from bnspec.properties.blocks import blocks_of
from bnspec.properties.catalogue import all_laws, deep_laws
from bnspec.reports import expectations
from bnspec.reports.grades import grades
from bnspec.reports.record import Record, Row
from bnspec.reports.verdict import judge_rows

ATTEMPTS = 2
"""How often a unit is sent: once more than it may be lost with the process that asked it."""

OUT_OF_TIME = "the run was out of time after {} cases; --max-seconds gives it more"
"""Why the rest is not asked."""

Key = tuple[str, str, int]
"""Property, dtype, and the number of the block."""


class Board:
    """One target: its units, and its rows by property, dtype and block. A row that comes twice is there once.

    `openings`: how many processes are told at the start to open the target.
    """

    def __init__(self, target: str, options: Options, openings: int = 1) -> None:
        self.target = target
        self.options = options
        self._kept = None if options.kept is None else Path(options.kept)
        self._asked = replace(options, kept=None)
        self._waiting = deque[Task](Opening(target, self._asked) for _ in range(openings))
        self._sent = 0
        self._began: float | None = None
        self._attempts = Counter[str]()
        self._opened: Opened | None = None
        self._rows: dict[Key, Row] = dict(kept_rows(self._kept)) if self._kept else {}
        self._lost: dict[tuple[str, str], str] = {}
        self._progress: Progress | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be asked or heard any more."""
        return self._opened is not None and not self._sent and not any(isinstance(task, Unit) for task in self._waiting)

    def show(self, progress: Progress) -> None:
        """Show from now on how far it is."""
        self._progress = progress
        if self._opened is not None:
            self._show_plan()

    def next_task(self) -> Task | None:
        """The next task to be sent, None where there is none now. Units of which nothing is left to ask are passed over."""
        self._began = perf_counter() if self._began is None else self._began
        while self._waiting:
            next_one = self._waiting.popleft()
            if isinstance(next_one, Opening):
                task: Task | None = None if self._opened else next_one
            else:
                task = self._left_of(next_one)
            if task is not None:
                self._sent += 1
                return task
        return None

    def hear(self, task: Task, message: Message) -> None:
        """Take in what a task told."""
        match message:
            case Known(row, block):
                self._take(row, block or 0)
            case Opened():
                self._sent -= 1
                self._open(message)
            case Done(interrupted, trouble):
                self._sent -= 1
                if trouble and not interrupted:
                    self._lose(task, trouble)

    def lose(self, task: Task, why: str) -> None:
        """Take in that a task was lost with what asked it: it is sent again, but not for ever."""
        self._sent -= 1
        self._attempts[name := _name(task)] += 1
        if self._attempts[name] < ATTEMPTS:
            self._waiting.appendleft(task)
        elif isinstance(task, Opening):
            self._open(Opened(unasked(self.target, self.options, why), []))
        else:
            self._lose(task, why)

    def outcome(self, *, interrupted: bool) -> Outcome:
        """The record of what is known now."""
        seconds = 0.0 if self._began is None else perf_counter() - self._began
        if self._opened is None:
            return Outcome(unasked(self.target, self.options, BEFORE_THE_FIRST, seconds), interrupted)
        if not self._opened.rows:
            return Outcome(msgspec.structs.replace(self._opened.record, target=self.target, seconds=seconds), interrupted)
        return Outcome(self._record(self._opened, seconds, interrupted), interrupted)

    def _record(self, opened: Opened, seconds: float, interrupted: bool) -> Record:
        of, blocks = self._blocks(), dict[tuple[str, str], dict[int, Row]]()
        for (name, dtype, number), row in self._rows.items():
            if number < of.get((name, dtype), 0):
                blocks.setdefault((name, dtype), {})[number] = row
        rows = []
        for row in opened.rows:
            at = row.property, row.dtype
            rows.append(joined(row, blocks.get(at, {}), of[at], self._lost.get(at, "")))
        verdict, scope, reason = judge_rows(rows)
        reason = f"interrupted; {reason}" if interrupted else reason
        said = {
            "verdict": verdict,
            "scope": scope,
            "reason": reason,
            "grades": grades(rows),
            "results": rows,
            "target": self.target,
        }
        found = msgspec.structs.replace(opened.record, **said, seconds=seconds)
        return found if self.options.expectations is None else expectations.apply(found, self.options.expectations)

    def _blocks(self) -> Mapping[tuple[str, str], int]:
        """How many blocks each row has."""
        assert self._opened is not None
        laws = {law.name: law for law in (*all_laws(), *deep_laws())}
        examples, deep = self._opened.examples, self.options.deep
        return {
            (row.property, row.dtype): 1 if self.options.campaign else len(blocks_of(laws[row.property], examples, deep=deep))
            for row in self._opened.rows
        }

    def _open(self, opened: Opened) -> None:
        if self._opened is not None:
            return  # the first that opened the target says what is asked
        self._opened = opened
        self._waiting.extend(units_of(self.target, self._asked, opened))
        if self._progress is not None:
            self._show_plan()

    def _show_plan(self) -> None:
        assert self._opened is not None
        assert self._progress is not None
        of = self._blocks()
        self._progress.plan(sum(of.values()))
        for (name, dtype, number), row in self._rows.items():
            if number < of.get((name, dtype), 0):
                self._progress.row(row)

    def _take(self, row: Row, block: int) -> None:
        key = row.property, row.dtype, block
        if key in self._rows and self._rows[key].status not in UNFINISHED:
            return  # asked twice, by one that was thought lost: it counts once
        self._rows[key] = row
        if self._kept is not None and row.status not in UNFINISHED:
            keep(self._kept, row, block)
        if self._progress is not None:
            self._progress.row(row)

    def _left_of(self, unit: Unit) -> Unit | None:
        """The unit without what is known, or no longer of use, and with the time that is left; None where nothing remains."""
        left = tuple(name for name in unit.properties if not self._is_settled(name, unit.dtype, unit.block or 0))
        if not left:
            return None
        limit = self.options.seconds
        if limit is None or self._began is None:
            return msgspec.structs.replace(unit, properties=left)
        if (seconds := limit - (perf_counter() - self._began)) <= 0:
            for name in left:
                self._cut(name, unit.dtype)
            return None
        return msgspec.structs.replace(unit, properties=left, options=replace(unit.options, max_seconds=seconds))

    def _is_settled(self, name: str, dtype: str, block: int) -> bool:
        return any(
            key in self._rows and (number == block or ends(self._rows[key], number))
            for number in range(block + 1)
            for key in [(name, dtype, number)]
        )

    def _cut(self, name: str, dtype: str) -> None:
        """There is no time left for a law."""
        assert self._opened is not None
        known = [row for (other, of, _), row in self._rows.items() if (other, of) == (name, dtype)]
        if any(row.status == "cut" for row in known):
            return
        planned = next(row for row in self._opened.rows if (row.property, row.dtype) == (name, dtype))
        reason = OUT_OF_TIME.format(sum(row.examples for row in known))
        number = next(at for at in range(len(known) + 1) if (name, dtype, at) not in self._rows)
        self._rows[name, dtype, number] = msgspec.structs.replace(planned, status="cut", reason=reason)

    def _lose(self, task: Task, why: str) -> None:
        if isinstance(task, Unit):
            self._lost.update({(name, task.dtype): why for name in task.properties})


def _name(task: Task) -> str:
    """The same for a task that is sent again, of which less may be left."""
    return f"{task.dtype} {task.block} {task.properties[-1]}" if isinstance(task, Unit) else "opening"
