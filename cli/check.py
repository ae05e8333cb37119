"""`bnspec check`: asks each target in turn, shows and writes what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, run
from bnspec.reports import directory, record, verdict
from bnspec.reports.pages import terminal
from bnspec.reports.record import Record
from rich.console import Console

__all__ = ["Options", "check"]


@dataclass(frozen=True)
class Finished:
    """A record, and whether its run was interrupted."""

    record: Record
    interrupted: bool


def check(targets: Sequence[str], options: Options, *, json: Path | None, report: Path | None) -> int:
    """Ask every target, render each on the terminal, write files; the exit code of them all."""
    console = Console(highlight=False)
    if trouble := _unwritable(json, report):
        print(f"bnspec: {trouble}", file=sys.stderr)
        return 2
    finished: list[Finished] = []
    for target in targets:
        with Progress(console, target) as progress:
            outcome = run(target, options, progress)
        one = outcome.record
        if report is not None:
            one = directory.write(one, report if len(targets) == 1 else report / _folder(target))
        finished.append(Finished(one, outcome.interrupted))
        terminal.render(one, console)
        if outcome.interrupted:
            break
    records = [one.record for one in finished]
    if json is not None:
        record.save(records[0] if len(targets) == 1 else records, json)
    if any(one.interrupted for one in finished):
        return 2
    return verdict.exit_code(records)


def _unwritable(json: Path | None, report: Path | None) -> str:
    """One sentence where an output cannot be written, before an hour is spent on what could not be kept; "" where all is well."""
    if json is not None and json.is_dir():
        return f"--json names a file to write; {json} is a directory"
    if json is not None and not json.absolute().parent.is_dir():
        return f"--json {json} cannot be written: there is no directory {json.parent}"
    if report is not None and report.exists() and not report.is_dir():
        return f"--report names a directory to write into; {report} is a file"
    return ""


def _folder(target: str) -> str:
    """A target as the name of a directory."""
    return "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in target).strip("._") or "target"
