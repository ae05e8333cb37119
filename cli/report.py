"""`bnspec report`: joins records into one page, with a report for each target beside it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bnspec.reports import record
from bnspec.reports.pages import index


def report(files: Sequence[Path], out: Path) -> int:
    """Read every record, write index.html and index.md; 2 and one sentence for a file that is no record."""
    try:
        records = [one for file in files for one in record.load(file)]
    except record.BadRecord as trouble:
        print(f"bnspec: {trouble}", file=sys.stderr)
        return 2
    index.write(records, out)
    print(f"{len(records)} reports joined: {out / 'index.html'}, {out / 'index.md'}")
    return 0
