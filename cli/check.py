"""`bnspec check`: asks each target in turn, shows and writes what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bnspec.cli import frameworks, keeping, project
from bnspec.cli.asking import completed
from bnspec.cli.fingerprint import decided_by
from bnspec.cli.interruption import interruptions
from bnspec.cli.outputs import Outputs, unusable
from bnspec.cli.progress import Progress
from bnspec.cli.runner import BEFORE_THE_FIRST, Options, Outcome, unasked
from bnspec.cli.screen import Screen
from bnspec.cli.selection import Selection
from bnspec.cli.told import NOTHING, Told
from bnspec.cli.ways import Ask, NoCluster, asking
from bnspec.convention import BadConvention
from bnspec.plugs.nurseries import kept_nurseries
from bnspec.properties.drawing import REDIS, without_password
from bnspec.properties.outcomes import OUR_FAULT
from bnspec.properties.session import declared_choices
from bnspec.reports import expectations, verdict
from bnspec.reports.inert import one_line
from bnspec.reports.pages import terminal
from bnspec.reports.record import Record

__all__ = ["Options", "check"]

DTYPES = ("float32", "float64", "float16", "bfloat16")
"""The order in which dtypes are asked, whatever their order on the command line."""

CONNECT = 5.0
"""Seconds that a Redis server gets to answer."""


def check(
    targets: Sequence[str],
    options: Options,
    *,
    json: Path | None,
    report: Path | None,
    save_adapter: Path | None = None,
    expect: Path | None = None,
    resume: Path | None = None,
    jobs: int = 1,
    dask: str | None = None,
    again: str = "",
    told: Told = NOTHING,
) -> int:
    """Ask every target, or without any the project's, show and write each as soon as it is known; the exit code of them all.

    resume   the directory in which finished rows are kept
    dask     the address of the scheduler whose workers ask, instead of so many jobs of this machine
    again    the command that makes this run, for whoever interrupts it
    told     what is said about the targets
    """
    options = replace(options, dtypes=tuple(sorted(set(options.dtypes), key=DTYPES.index)))
    outputs = Outputs(len(targets), json, report, save_adapter)
    try:
        expect = frameworks.expected(expect or project.known_deviations(targets))
        targets = frameworks.named(project.wanted(targets, told))
        outputs = replace(outputs, targets=len(targets))
        options = options if expect is None else replace(options, expectations=expectations.load(expect))
        trouble = outputs.trouble() or unknown(options) or _unkept(options, resume)
    except (expectations.BadExpectations, project.BadProject) as bad:
        trouble = str(bad)
    if trouble:
        return _refused(trouble, targets, options, outputs.possible())
    outputs.forget()
    with interruptions(raising=False) as interruption, ExitStack() as stack:
        records: list[Record] = []
        try:
            ask = stack.enter_context(asking(targets, options, lambda target: _kept(target, options, resume), jobs=jobs, dask=dask))
        except NoCluster as trouble:
            return _refused(str(trouble), targets, options, outputs)
        for target in targets:
            if interruption.came:
                records.append(unasked(target, options, BEFORE_THE_FIRST))
                outputs.write(records)
                continue
            outcome = _ask(ask, target, options, records, outputs, elsewhere=dask is not None)
            interruption.came |= outcome.interrupted
            files, following = outputs.write(records), _continued(again, resume) if interruption.came else ""
            terminal.render(records[-1], Screen(), files=files, following=following)
    return verdict.exit_code(["inconclusive"] if interruption.came else [expectations.outcome(one) for one in records])


def _ask(ask: Ask, target: str, options: Options, records: list[Record], outputs: Outputs, *, elsewhere: bool) -> Outcome:
    """The next record: of a failure of ours too, before it is raised. `elsewhere`: what is installed here tells nothing."""
    if not elsewhere and (why := frameworks.missing(target)):
        records.append(unasked(target, options, why))
        return Outcome(records[-1])
    try:
        with Progress(Screen(), target) as progress, kept_nurseries():
            outcome = ask(len(records), progress)
            outcome = completed(outcome, options)
    except Exception as ours:
        records.append(unasked(target, options, OUR_FAULT.format(type(ours).__name__, ours)))
        outputs.write(records)
        raise
    records.append(outcome.record)
    return outcome


def _kept(target: str, options: Options, resume: Path | None) -> Options:
    """The options with the file that keeps this target's rows; what has changed since they were kept is said."""
    if resume is None:
        return options
    file, changes = keeping.opened(resume, decided_by(target, options))
    if changes:
        print(f"bnspec: {target} is asked afresh, and not resumed from {resume}: {changes}", file=sys.stderr)
    return replace(options, kept=str(file))


def _continued(again: str, resume: Path | None) -> str:
    """What to do after an interruption."""
    if resume is not None:
        return f"{again}   (goes on from here)"
    return f"{again} --resume DIR   (keeps what is finished in DIR, so that the same command goes on after an interruption)"


def _refused(trouble: str, targets: Sequence[str], options: Options, outputs: Outputs) -> int:
    """Say in one sentence, on the screen and in all records that were asked for, why nothing was asked; the exit code for it."""
    records: list[Record] = []
    for target in targets:
        records.append(unasked(target, options, trouble))
        outputs.write(records)
    print(f"bnspec: {one_line(trouble, 1000)}", file=sys.stderr)
    return verdict.exit_code(["inconclusive"])


def unknown(options: Options) -> str:
    """One sentence where an option names what there is not, before any target is opened; "" where all is well."""
    try:
        declared_choices(options.convention, "")
    except BadConvention as trouble:
        return str(trouble)
    except (OSError, UnicodeDecodeError) as trouble:
        return f"--convention takes a TOML file; {options.convention} cannot be read as one: {trouble}"
    return Selection(options.only, options.skip).unknown(deep=options.deep)


def _unkept(options: Options, resume: Path | None) -> str:
    """One sentence where rows, or failures, cannot be kept as was asked; "" where they can."""
    if options.campaign and resume is not None:
        return "--campaign stops at the second failure, and leaves nothing to go on with; leave out --resume or --campaign"
    if options.database is not None and options.database.startswith(REDIS):
        return unusable("--resume", resume) or _unreachable(options.database)
    return unusable("--resume", resume) or unusable("--database", None if options.database is None else Path(options.database))


def _unreachable(url: str) -> str:
    """One sentence where no Redis answers; "" where one does."""
    try:
        import redis
    except ImportError:
        return "--database redis://... needs the package redis: pip install 'bnspec[redis]'"
    try:
        redis.Redis.from_url(url, socket_connect_timeout=CONNECT).ping()
    except (redis.RedisError, ValueError, OSError) as trouble:
        return f"--database: no Redis server answers at {without_password(url)}: {one_line(str(trouble), 200)}"
    return ""
