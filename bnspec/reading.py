"""Files that others wrote: read whole and as text, or refused before they can cost time or memory."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST_TOML = 1 << 18
"""Bytes of a TOML file: a hundred times the longest that we know."""

LONGEST_LINE = 2000
"""Characters of a line of TOML: its parser takes time by the square of the parts of one key."""


class Unreadable(ValueError):
    """A file that is not read; the message goes on after the file's name: "cannot be read: permission denied"."""


def read_text(path: str | os.PathLike[str], limit: int) -> str:
    """The text of a regular file of at most `limit` bytes, in UTF-8 with or without a byte order mark; else `Unreadable`.

    A pipe or a device is refused without being opened, which alone could wait forever.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise Unreadable("cannot be read: it is no regular file")
        with Path(path).open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise Unreadable(f"cannot be read: it has more than {_size(limit)}, which none of its kind needs")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"cannot be read: it is no text in UTF-8 (byte {error.start} is not)") from None


def read_toml(path: str | os.PathLike[str]) -> str:
    """The text of a TOML file, short enough for its parser; else `Unreadable`."""
    return short_lines(read_text(path, LARGEST_TOML))


def short_lines(text: str) -> str:
    """The text, if none of its lines is longer than a person writes; else `Unreadable`."""
    number, line = max(enumerate(text.split("\n"), start=1), key=lambda numbered: len(numbered[1]))
    if len(line) > LONGEST_LINE:
        raise Unreadable(f"cannot be read: its line {number} has {len(line)} characters, and {LONGEST_LINE} are the most")
    return text


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of at most `limit`, which no link leads to; else `Unreadable`."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise Unreadable("cannot be read: it is no regular file")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise Unreadable(f"cannot be read: it has more than {_size(limit)}, which none of its kind needs")
    return content
