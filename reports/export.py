"""Failures as tests for the user's own suite: which of them such a test can express, and what all its forms have in common."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bnspec.reports.calls import refusable
from bnspec.reports.checks import Check, checks_of
from bnspec.reports.inert import clip, one_line
from bnspec.reports.pages.wording import convention_line
from bnspec.reports.record import Record, Row
from bnspec.reports.trace import Step
from bnspec.reports.verdict import title_of

ENDS = {
    "crash": "it ended its process, and would end that of the test run",
    "timeout": "it gave no answer, and the test would wait for ever",
    "flaky": "it does not fail each time, and neither would the test",
}
"""Why some failures are no tests."""


class Unexpressible(ValueError):
    """A failure that no such test can show; the sentence says why, and what to do instead."""


@dataclass(frozen=True)
class Exported:
    """A failure as a test: what the calls of its row must answer.

    sure   whether code that fails in the check fails in the test; else somebody has to try
    """

    record: Record
    row: Row
    checks: Sequence[Check]
    sure: bool

    @property
    def trace(self) -> list[Step]:
        """The calls, as far as something is compared."""
        assert self.row.counterexample is not None
        return self.row.counterexample.trace[: max(check.step for check in self.checks) + 1]

    @property
    def may_refuse(self) -> set[int]:
        """The steps that a right layer may refuse."""
        return refusable(self.trace, [check.step for check in self.checks])

    @property
    def name(self) -> str:
        """The test's name."""
        return f"{self.row.property}_{self.row.dtype}"

    def heading(self) -> list[str]:
        """What stands above every form of the test, line by line; plain text of any origin, cleaned."""
        assert self.row.counterexample is not None
        said = [line.rstrip() for line in clip(self.row.counterexample.message).splitlines()[:12]]
        return [
            f"{one_line(title_of(self.row))} ({self.row.property}, {self.row.dtype}).",
            "",
            *said,
            "",
            f"Found by bnspec {one_line(self.record.suite)} in {one_line(self.record.target)}.",
            f"Judged by its convention: {convention_line(self.record.convention) or 'the usual one'}.",
        ]


def exported(record: Record, row: Row) -> Exported:
    """The failure as a test; raises `Unexpressible` where its law is about something that the calls' answers do not show."""
    example = row.counterexample
    if row.status in ENDS:
        raise Unexpressible(f"this failure is no test: {ENDS[row.status]}; {instead(record, row)}")
    if example is None or not example.trace:
        raise Unexpressible(f"its law compares many layers, and the record holds no calls for it; {instead(record, row)}")
    if example.component == "purity":
        raise Unexpressible(f"its answers may be right: what failed is that the caller's array was changed; {instead(record, row)}")
    checks = checks_of(record, row)
    if not checks.of:
        raise Unexpressible(f"exact arithmetic has no answer to these calls that a test could compare with; {instead(record, row)}")
    return Exported(record, row, checks.of, checks.sure and row.status == "fail")


def instead(record: Record, row: Row) -> str:
    """The command that asks a whole law."""
    command = ["bnspec", "check", one_line(record.target), "--only", row.property, "--dtype", row.dtype, "--seed", str(record.seed)]
    return f"what you can run in its place is: {shlex.join(command)}"
