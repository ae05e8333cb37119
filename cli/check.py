"""`bnspec check`: asks each target in turn, shows and writes what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, run
from bnspec.reports import directory, record, verdict
from bnspec.reports.pages import index, terminal
from bnspec.reports.record import Record
from bnspec.reports.repro import write_repros

__all__ = ["Options", "check"]


def check(targets: Sequence[str], options: Options, *, json: Path | None, report: Path | None) -> int:
    """Ask every target, show and write each as soon as it is known; the exit code of them all."""
    console = Console(highlight=False)
    if trouble := _unwritable(json, report):
        print(f"bnspec: {trouble}", file=sys.stderr)
        return verdict.exit_code(["inconclusive"])
    records: list[Record] = []
    interrupted = False
    for target in targets:
        with Progress(console, target) as progress:
            outcome = run(target, options, progress)
        records.append(outcome.record)
        files = _write(records, len(targets), json, report)
        terminal.render(records[-1], console, files=files)
        if interrupted := outcome.interrupted:
            break
    return verdict.exit_code(["inconclusive"] if interrupted else [one.verdict for one in records])


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


def _unwritable(json: Path | None, report: Path | None) -> str:
    """One sentence where an output cannot be written, before time is spent on what could not be kept; "" where all is well."""
    if json is not None and json.is_dir():
        return f"--json names a file to write; {json} is a directory"
    if report is not None and report.exists() and not report.is_dir():
        return f"--report names a directory to write into; {report} is a file"
    if json is not None:
        json.parent.mkdir(parents=True, exist_ok=True)
    return ""
