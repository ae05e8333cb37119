"""Records put side by side: what differs but for times."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bnspec.reports.record import Record, Row, load


def timeless(record: Record) -> tuple[Record, list[Row]]:
    """The record and its rows, without the seconds that they took."""
    rows = [msgspec.structs.replace(row, seconds=0.0) for row in record.results]
    return msgspec.structs.replace(record, seconds=0.0, results=[]), rows


def timeless_in(file: Path) -> list[tuple[Record, list[Row]]]:
    """The same for all records in a file."""
    return [timeless(record) for record in load(file)]
