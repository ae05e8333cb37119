"""One target, asked: opens it, lets pytest run the properties, and makes the record."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
import pytest

from bnspec import __version__, properties
from bnspec.cli import frameworks
from bnspec.cli.interruption import interruptions
from bnspec.cli.keeping import Keeper
from bnspec.cli.rows import recorded
from bnspec.cli.selection import Selection
from bnspec.convention import BadConvention
from bnspec.plugs.link import Fault
from bnspec.properties.budget import MAX_SECONDS
from bnspec.properties.catalogue import VERSION as LAWS
from bnspec.properties.catalogue import file_of
from bnspec.properties.laws import CHAPTERS, DEEP_CHAPTERS
from bnspec.properties.outcomes import OUR_FAULT
from bnspec.properties.plugin import PROFILES
from bnspec.properties.session import ENOUGH, Session, open_session
from bnspec.reports import expectations, record
from bnspec.reports.expectations import Expectations
from bnspec.reports.grades import grades
from bnspec.reports.verdict import judge_rows

BEFORE_THE_FIRST = "interrupted before the first question"
"""Why an interrupted target has no rows."""


UNSEPARATED = "asked in the judge's own process, for a debugger: nothing kept the two apart"
"""The warning of a run in process."""


@dataclass(frozen=True)
class Options:
    """What `bnspec check` was asked for; see its help.

    diagnose   whether the causes of what fails are looked for
    cases   cases a property, instead of the profile's
    kept    the file in which finished rows are kept, and which is taken up where it has some
    """

    profile: str = "standard"
    seed: int = 0
    dtypes: tuple[str, ...] = ("float32", "float64")
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    convention: str | None = None
    timeout: float = 10.0
    in_process: bool = False
    campaign: bool = False
    enough: int = ENOUGH
    diagnose: bool = True
    max_seconds: float | None = None
    database: str | None = None
    kept: str | None = None
    cases: int | None = None
    expectations: Expectations | None = None

    @property
    def examples(self) -> int:
        """Cases a property, before its share."""
        return self.cases or PROFILES[self.profile]

    @property
    def deep(self) -> bool:
        """Whether the deep profile is asked for, and what belongs to it on top of its number of cases."""
        return self.profile == "deep" and not self.campaign

    @property
    def seconds(self) -> float | None:
        """How long the run may take in all."""
        return MAX_SECONDS.get(self.profile) if self.max_seconds is None else self.max_seconds


@dataclass(frozen=True)
class Outcome:
    """The record of a run, and whether it was interrupted."""

    record: record.Record
    interrupted: bool = False


def run(target: str, options: Options, progress: object) -> Outcome:
    """Ask one target. Whatever happens there is a record: of a target that cannot be asked too. `progress` is a pytest plug-in."""
    started, session = perf_counter(), None
    try:
        with interruptions(raising=True) as interruption:
            session = _open(target, options)
            selection = Selection(options.only, options.skip)
            keeping = [] if options.kept is None else [Keeper(Path(options.kept), session)]
            ask(target, session, [selection, *keeping, interruption, progress])
    except (Fault, BadConvention) as trouble:
        why, status = (trouble.text, trouble.status) if isinstance(trouble, Fault) else (str(trouble), "error")
        return Outcome(msgspec.structs.replace(unasked(target, options, why, perf_counter() - started), opening=status))
    except KeyboardInterrupt:
        interruption.came = True
    finally:
        if session is not None:
            session.subject.link.close()
    if session is None:
        return Outcome(unasked(target, options, BEFORE_THE_FIRST, perf_counter() - started), interrupted=True)
    found = record_of(target, options, session, perf_counter() - started, interruption.came)
    return Outcome(found if options.expectations is None else expectations.apply(found, options.expectations), interruption.came)


def _open(target: str, options: Options) -> Session:
    session = open_session(
        target,
        dtypes=options.dtypes,
        examples=options.examples,
        seed=options.seed,
        convention=options.convention,
        timeout=options.timeout,
        in_process=options.in_process,
        campaign=options.campaign,
        max_seconds=options.seconds,
        database=options.database,
        deep=options.deep,
    )
    prepare(session, target, options)
    return session


def prepare(session: Session, target: str, options: Options) -> None:
    """Tell a session when a campaign ends, and which failures are known."""
    session.enough = options.enough
    if options.expectations is not None:
        known = expectations.about(options.expectations, target)
        versions = environment()
        session.known = lambda row: expectations.foreseen(known, row.property, row.dtype, row.scope, versions)


def ask(target: str, session: Session, plugins: Sequence[object], chapters: Collection[str] | None = None) -> None:
    """Run the property files under pytest, quietly and out of reach of the user's own configuration. `chapters`: only these."""
    files = Path(properties.__file__).parent
    asked = [*CHAPTERS, *(DEEP_CHAPTERS if session.deep else ())]
    arguments = [
        *(str(file_of(name)) for name in asked if chapters is None or name in chapters),
        f"--rootdir={files}",
        f"--config-file={os.devnull}",
        "--import-mode=importlib",
        "--assert=plain",
        "--bn",
        target,
    ]
    for quiet in ("terminal", "cacheprovider", "warnings", "faulthandler", "junitxml", "unraisableexception", "threadexception"):
        arguments += ["-p", f"no:{quiet}"]
    _forget_properties(files)
    with _environment(
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS="", PYTEST_PLUGINS="", HYPOTHESIS_STORAGE_DIRECTORY=os.devnull
    ):
        from bnspec.properties import plugin

        pytest.main(arguments, plugins=[plugin, _Named(session), *plugins])


def _forget_properties(files: Path) -> None:
    """Let every run import the property files anew: Hypothesis' settings stick to a function once they are on it."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if Path(path).is_relative_to(files) and Path(path).name.startswith("test_"):
            del sys.modules[name]


class _Named:
    """Registers the opened session under the name that the plug-in looks for."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self.session, "bnspec-session")
        config.option.tbstyle = "no"  # nobody is shown the tracebacks, for which pytest would parse the files again

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Say so in the rows that were not asked for it."""
        for row in self.session.rows.values():
            if row.status == "not-run":
                row.reason = OUR_FAULT.format(type(excinfo.value).__name__, excinfo.value)


@contextmanager
def _environment(**changes: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def record_of(target: str, options: Options, session: Session, seconds: float = 0.0, interrupted: bool = False) -> record.Record:
    """What a session found."""
    rows = [recorded(row) for row in session.rows.values()]
    verdict, scope, reason = judge_rows(rows)
    if interrupted:
        reason = f"interrupted; {reason}"
    started = session.subject.link.started
    return record.Record(
        **_said(target, options),
        verdict=verdict,
        scope=scope,
        reason=reason,
        grades=grades(rows),
        convention=session.measured.convention.to_mapping(),
        bound=started.text("bound").splitlines(),
        adapter=started.text("adapter"),
        seconds=seconds,
        warnings=[*session.measured.warnings, *([UNSEPARATED] if options.in_process else [])],
        results=rows,
    )


def unasked(target: str, options: Options, why: str, seconds: float = 0.0) -> record.Record:
    """The record of a target that could not be asked."""
    return record.Record(**_said(target, options), verdict="inconclusive", scope=[], reason=why, seconds=seconds)


def _said(target: str, options: Options) -> Mapping[str, Any]:
    return {
        "suite": __version__,
        "laws": LAWS,
        "target": target,
        "profile": options.profile,
        "cases": options.cases or 0,
        "dtypes": list(options.dtypes),
        "seed": options.seed,
        "environment": environment(),
    }


def environment() -> dict[str, str]:
    """What the answers may depend on: Python, the machine's kind, the versions of what is installed."""
    found = {"python": platform.python_version(), "system": platform.system(), "machine": platform.machine()}
    for package in ("numpy", "hypothesis", "ml_dtypes"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return {**found, **frameworks.versions()}
