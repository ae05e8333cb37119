"""`bnspec report`: joins records into one page, with a report for each target beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bnspec import __version__
from bnspec.properties.catalogue import VERSION as LAWS
from bnspec.reports import directory, record
from bnspec.reports.inert import one_line
from bnspec.reports.record import Record


def report(files: Sequence[Path], out: Path) -> int:
    """Read every record, write index.html and index.md; 2 and one sentence for a file that is no record."""
    try:
        records = [one for file in _expanded(files) for one in record.load(file)]
    except record.BadRecord as trouble:
        print(f"bnspec: {one_line(str(trouble), 1000)}", file=sys.stderr)
        return 2
    if not records:
        print(f"bnspec: no records in {', '.join(map(str, files))}; bnspec check TARGET --json FILE writes one", file=sys.stderr)
        return 2
    for one in records:
        if one.laws != LAWS:
            print(_otherwise_made(one), file=sys.stderr)
    directory.write_all(records, out)
    print(f"{len(records)} reports joined: {out / 'index.html'}, {out / 'index.md'}")
    return 0


def _otherwise_made(record: Record) -> str:
    """One sentence about a record whose rows are the answers to another set of laws."""
    made = f"{one_line(record.target)} was asked with laws {one_line(record.laws, 30)} of bnspec {one_line(record.suite, 30)}"
    return f"bnspec: {made}, and these are laws {LAWS} of bnspec {__version__}: its rows are not those of a run today"


def _expanded(files: Sequence[Path]) -> list[Path]:
    """Each file, and each directory as the .json files in it, by name."""
    return [found for file in files for found in (sorted(file.glob("*.json")) if file.is_dir() else [file])]
