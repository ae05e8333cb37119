"""`bnspec check`: asks each target in turn, shows and writes what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bnspec.cli.jobs import run_side_by_side
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, unasked
from bnspec.cli.screen import Screen
from bnspec.cli.selection import Selection
from bnspec.convention import BadConvention
from bnspec.properties.session import declared_choices
from bnspec.reports import directory, expectations, record, verdict
from bnspec.reports.pages import index, terminal
from bnspec.reports.record import Record
from bnspec.reports.repro import write_repros

__all__ = ["Options", "check"]


def check(
    targets: Sequence[str],
    options: Options,
    *,
    json: Path | None,
    report: Path | None,
    expect: Path | None = None,
    jobs: int = 1,
) -> int:
    """Ask every target, show and write each as soon as it is known; the exit code of them all."""
    try:
        options = options if expect is None else replace(options, expectations=expectations.load(expect))
    except expectations.BadExpectations as bad:
        return _refused(str(bad))
    if trouble := _unwritable(json, report):
        return _refused(trouble)
    if trouble := _unknown(options):
        if json is not None:
            _write([unasked(target, options, trouble) for target in targets], len(targets), json, None)
        return _refused(trouble)
    console = Screen()
    records: list[Record] = []
    interrupted = False
    for target in targets:
        with Progress(console, target) as progress:
            outcome = run_side_by_side(target, options, progress, jobs)
        records.append(outcome.record)
        files = _write(records, len(targets), json, report)
        terminal.render(records[-1], console, files=files)
        if interrupted := outcome.interrupted:
            break
    return verdict.exit_code(["inconclusive"] if interrupted else [expectations.outcome(one) for one in records])


def _write(records: list[Record], targets: int, json: Path | None, report: Path | None) -> list[str]:
    """Write what was asked for, anew after each target, so that an interruption loses nothing; the latest target's paths."""
    files: list[Path] = []
    if report is not None:
        place = report if targets == 1 else report / index.places(records)[-1]
        records[-1] = write_repros(records[-1], place)
        files = directory.write(records[-1], place)
        if targets > 1:
            index.write(records, report)
    if json is not None:
        record.save(records[0] if targets == 1 else records, json)
        files.append(json)
    return [str(path) for path in files]


def _refused(trouble: str) -> int:
    """Say in one sentence why nothing was asked; the exit code for it."""
    print(f"bnspec: {trouble}", file=sys.stderr)
    return verdict.exit_code(["inconclusive"])


def _unknown(options: Options) -> str:
    """One sentence where an option names what there is not, before any target is opened; "" where all is well."""
    try:
        declared_choices(options.convention, "")
    except BadConvention as trouble:
        return str(trouble)
    except (OSError, UnicodeDecodeError) as trouble:
        return f"--convention takes a TOML file; {options.convention} cannot be read as one: {trouble}"
    return Selection(options.only, options.skip).unknown()


def _unwritable(json: Path | None, report: Path | None) -> str:
    """One sentence where an output cannot be written, before time is spent on what could not be kept; "" where all is well."""
    if json is not None and json.is_dir():
        return f"--json names a file to write; {json} is a directory"
    if report is not None and report.exists() and not report.is_dir():
        return f"--report names a directory to write into; {report} is a file"
    for option, place in (("--json", json and json.parent), ("--report", report)):
        if place is not None and (why := _unusable(place)):
            return f"{option} cannot write into {place}: {why}"
    return ""


def _unusable(place: Path) -> str:
    """Why no file can be made in a directory, which is made first where it is missing; "" where one can."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        return "it is a file"
    except OSError as trouble:
        return (trouble.strerror or str(trouble)).lower()
    return "" if os.access(place, os.W_OK) else "permission denied"
