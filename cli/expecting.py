"""The pytest plug-in for known deviations: `pytest --pyargs bnspec.properties --bn TARGET --bn-expect FILE`.

A law that fails as the list says is an expected failure, and so is a recommended one, which decides nothing; an entry that is
wrong or stale fails the run, with the edit to make.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bnspec.properties.session import Session
    from bnspec.reports.expectations import Expectations

OPTION = "--bn-expect"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, also by the name that the command line has for it where no other plug-in has taken that."""
    words = {"metavar": "FILE", "default": None, "help": "known deviations, TOML: what fails as they say is an expected failure"}
    group = parser.getgroup("bnspec", "verification of Batch Normalization")
    try:
        group.addoption(OPTION, "--expect", **words)
    except ValueError:
        group.addoption(OPTION, **words)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the list, once the implementation is open."""
    file, session = config.getoption(OPTION), config.pluginmanager.getplugin("bnspec-session")
    if file is None:
        return
    if session is None:
        raise pytest.UsageError(f"{OPTION} is about an implementation: name it with --bn TARGET")
    from bnspec.reports import expectations

    try:
        known = expectations.about(expectations.load(Path(file)), config.getoption("--bn"))
    except expectations.BadExpectations as trouble:
        raise pytest.UsageError(str(trouble)) from None
    config.pluginmanager.register(Expecting(known, session), "bnspec-expecting")


class Expecting:
    """Marks the reports of rows that fail as they are known to, and compares the list with what came."""

    def __init__(self, known: Expectations, session: Session) -> None:
        from bnspec.cli.runner import environment
        from bnspec.reports import expectations

        self._known, self._session, self._versions = known, session, environment()
        self._edits: list[str] = []
        self._left_out = False
        session.known = lambda row: expectations.foreseen(known, row.property, row.dtype, row.scope, self._versions)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Not all laws are asked: an entry may be about one of the others."""
        self._left_out |= bool(items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Turn a known failure into an expected one, when its row is settled."""
        from bnspec.cli.rows import recorded
        from bnspec.reports import expectations

        report = yield
        row = self._session.rows.get(item.nodeid)
        if row is None or report.when != "call" or not report.failed:
            return report
        reason = expectations.reason_for(self._known, recorded(row), self._versions)
        advice = f"recommended, not required: {row.reason}" if row.level == "recommended" else ""
        if reason or advice:
            report.outcome, report.wasxfail = "skipped", reason or advice
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare; entries about laws that were left out are left alone."""
        from bnspec.cli.rows import recorded
        from bnspec.reports import expectations

        rows = [recorded(row) for row in self._session.rows.values() if row.status != "not-run"]
        asked = [one for one in self._known.deviation if any(expectations.applies(one, row, self._versions) for row in rows)]
        known = expectations.Expectations(asked) if self._left_out or session.shouldstop or session.shouldfail else self._known
        self._edits = expectations.compared(rows, known, self._versions)[1]
        if self._edits and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which edits are to be made."""
        if self._edits:
            terminalreporter.section("known deviations that are to be edited")
            for edit in self._edits:
                terminalreporter.write_line(edit)
