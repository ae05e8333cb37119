"""`--resume DIR`: each finished row is kept as soon as it is known, so that a run that was ended goes on where it was.

A file holds one target in one state of things, as JSON lines: first what decides its rows, then a row a line as records have them;
where a law's cases are asked in blocks, a line is the row of one block, and says which.
Lines are only ever appended, each in one piece. What is half written, because the machine or somebody with `kill -9` was quicker,
is no JSON and counts as never asked.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from bnspec.cli.rows import recorded, restored
from bnspec.properties.rows import Row
from bnspec.properties.session import Session
from bnspec.reports import record
from bnspec.reports.record import as_json, write_atomically

UNFINISHED = ("not-run", "cut")
"""Statuses of rows that are asked again."""

HASHED = "sha256:"
"""How what decides begins where only its digest is kept."""


class Heading(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="bnspec-rows/1"):
    """The first line: name -> value of all that decides a row, the target among it."""

    decided_by: dict[str, str]


class Place(msgspec.Struct, frozen=True):
    """What a line says besides its row: which block of the law's cases it is of."""

    block: int = 0


class Keeper:
    """A pytest plug-in that leaves out what is finished already, and keeps what gets finished now."""

    def __init__(self, file: Path, session: Session) -> None:
        self._file = file
        self._session = session
        self._known = kept_rows(file)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Runs when the session has its plan: kept rows take their places in it."""
        rows, left = self._session.rows, []
        for item in items:
            row = rows.get(item.nodeid)
            kept = None if row is None else self._known.get((row.property, row.dtype, 0))
            if kept is None:
                left.append(item)
            else:
                rows[item.nodeid] = restored(kept)
                config.hook.pytest_bnspec_row(row=rows[item.nodeid])
        items[:] = left

    @pytest.hookimpl(tryfirst=True)
    def pytest_bnspec_row(self, row: Row) -> None:
        """One row more is finished: kept before anybody can be interrupted in showing it."""
        if (row.property, row.dtype, 0) not in self._known and row.status not in UNFINISHED:
            keep(self._file, recorded(row))


def keep(file: Path, row: record.Row, block: int = 0) -> None:
    """Add a finished row to a file."""
    _append(file, as_json({**msgspec.to_builtins(row), "block": block}))


def kept_rows(file: Path) -> dict[tuple[str, str, int], record.Row]:
    """The finished rows in a file, by property, dtype and block."""
    rows: dict[tuple[str, str, int], record.Row] = {}
    for line in file.read_bytes().splitlines()[1:]:
        try:
            block = msgspec.json.decode(line, type=Place).block
            row = msgspec.json.decode(line, type=record.Row)
        except (ValueError, RecursionError):
            continue  # torn, or no row of ours
        rows[row.property, row.dtype, block] = row
    return rows


def opened(directory: Path, decided_by: Mapping[str, str]) -> tuple[Path, str]:
    """The file for this state of things, begun where there is none, and what has changed since the target was last kept there.

    What was kept of another state stays in its own file: nothing is mixed, and nothing is lost.
    """
    file = directory / _file_name(decided_by)
    if _heading(file) == decided_by:
        if not file.read_bytes().endswith(b"\n"):
            _append(file, b"")
        return file, ""
    earlier = [path for path in directory.glob("*.jsonl") if _heading(path).get("target") == decided_by["target"]]
    latest = max(earlier, key=lambda path: path.stat().st_mtime_ns, default=None)
    write_atomically(file, as_json(Heading(decided_by=dict(decided_by))) + b"\n")
    return file, "" if latest is None else _changes(_heading(latest), decided_by)


def _file_name(decided_by: Mapping[str, str]) -> str:
    stem = re.sub("[^a-z0-9]+", "-", decided_by["target"].lower()).strip("-")[:60] or "target"
    return f"{stem}-{hashlib.sha256(as_json(dict(decided_by))).hexdigest()[:12]}.jsonl"


def _heading(file: Path) -> dict[str, str]:
    """What decides the rows of a file; nothing where it is no such file, or larger than any of ours."""
    try:
        if file.is_symlink() or not file.is_file() or file.stat().st_size > record.LARGEST_FILE:
            return {}
        with file.open("rb") as lines:
            return msgspec.json.decode(lines.readline(), type=Heading).decided_by
    except (OSError, ValueError, RecursionError):
        return {}


def _append(file: Path, line: bytes) -> None:
    """Add a line by one call of the system: several processes may do so at the same time."""
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(descriptor, line + b"\n")
    finally:
        os.close(descriptor)


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """What is different, in words: "--seed was 0 and is 1, layer.py has changed"."""
    return ", ".join(_change(name, old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name))


def _change(name: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"{name} is {'new' if old is None else 'gone'}"
    return f"{name} has changed" if new.startswith(HASHED) else f"{name} was {old} and is {new}"
