"""Rows on their way from the engine to a record, and back again where they were kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from bnspec.properties.rows import Row
from bnspec.reports import record


def recorded(row: Row) -> record.Row:
    """The row as a record has it."""
    return msgspec.convert(asdict(row), record.Row, strict=False)


def restored(row: record.Row) -> Row:
    """The row as the engine had it."""
    plain: dict[str, Any] = msgspec.to_builtins(row)
    return Row(**{**plain, "worst_ratio": float(row.worst_ratio)})
