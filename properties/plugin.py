"""The pytest plug-in: `pytest --pyargs bnspec.properties --bn TARGET` asks every property of an implementation.

It gives the properties their `bn`, asks each in every dtype, counts examples, and turns what happened into one row a property
and dtype. Rows are announced by the hook `pytest_bnspec_row`, as soon as they are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bnspec.plugs.subject import Subject
    from bnspec.properties.laws import Law
    from bnspec.properties.rows import Row
    from bnspec.properties.session import Session

PROFILES = {"smoke": 16, "standard": 300, "deep": 10_000}
"""Cases a property, before its own share."""


class Hooks:
    """The hooks that this plug-in calls."""

    @staticmethod
    def pytest_bnspec_plan(subject: Subject, rows: list[Row]) -> None:
        """Called once, before the first question: every row that will be asked, as not-run."""

    @staticmethod
    def pytest_bnspec_row(row: Row) -> None:
        """Called for each row when it is known."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make our hooks known."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options, all beginning with --bn."""
    group = parser.getgroup("bnspec", "verification of Batch Normalization")
    group.addoption("--bn", metavar="TARGET", help="the implementation to ask: file.py:Name or package.module:Name")
    group.addoption("--bn-profile", default="smoke", choices=sorted(PROFILES), help="how many cases a property gets (smoke)")
    group.addoption("--bn-examples", type=int, metavar="N", help="cases a property, instead of a profile's")
    group.addoption("--bn-seed", type=int, default=0, metavar="N", help="the same seed asks the same cases (0)")
    group.addoption("--bn-dtypes", default="float32,float64", metavar="NAMES", help="dtypes to ask in (float32,float64)")
    group.addoption("--bn-convention", metavar="FILE|NAME", help="the declared convention, TOML or a name; else it is measured")
    group.addoption("--bn-timeout", type=float, default=10.0, metavar="S", help="seconds a call may take (10)")
    group.addoption("--bn-in-process", action="store_true", help="ask without a child process, for a debugger")


def pytest_configure(config: pytest.Config) -> None:
    """Open the implementation once for the whole run, unless the caller has opened it already."""
    target = config.getoption("--bn", default=None)
    if target and not config.pluginmanager.hasplugin("bnspec-session"):
        config.pluginmanager.register(_open(config, target), "bnspec-session")


def _open(config: pytest.Config, target: str) -> Session:
    from bnspec.convention import BadConvention
    from bnspec.plugs.link import Fault
    from bnspec.properties.session import open_session

    try:
        return open_session(
            target,
            dtypes=[name for name in config.getoption("--bn-dtypes").split(",") if name],
            examples=config.getoption("--bn-examples") or PROFILES[config.getoption("--bn-profile")],
            seed=config.getoption("--bn-seed"),
            convention=config.getoption("--bn-convention"),
            timeout=config.getoption("--bn-timeout"),
            in_process=config.getoption("--bn-in-process"),
        )
    except (Fault, BadConvention) as trouble:
        raise pytest.UsageError(str(trouble)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask each property in every dtype that it can be asked in."""
    law: Law | None = getattr(metafunc.function, "law", None)
    if law is None:
        return
    session = metafunc.config.pluginmanager.getplugin("bnspec-session")
    if session is None:
        raise pytest.UsageError(
            "the properties ask an implementation: name it with --bn TARGET, for example --bn mybn.py:MyBatchNorm"
        )
    dtypes = [dtype for dtype in session.dtypes if not law.dtypes or dtype in law.dtypes]
    metafunc.parametrize("bn", dtypes, indirect=True, scope="session")


@pytest.fixture(scope="session")
def bn(request: pytest.FixtureRequest) -> Subject:
    """The implementation under question, in the dtype of this row."""
    session = request.config.pluginmanager.getplugin("bnspec-session")
    subject: Subject = session.subject
    return subject
