"""An exception of somebody else's code in words: what it says, and the line of their file that it came from."""

from __future__ import annotations

import sysconfig
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType

MAX_TEXT = 2000
"""Characters of an exception that are passed on; a message with a whole tensor in it helps nobody."""


def told(error: BaseException) -> str:
    """ "TypeName: message" and, on a second line, "at mybn.py:17 in forward", where such a line is known."""
    text = f"{type(error).__name__}: {_message(error)}".removesuffix(": ")
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 3] + "..."
    place = _place(error.__traceback__)
    return f"{text}\nat {place}" if place else text


def _message(error: BaseException) -> str:
    """What the exception says of itself; its `__str__` is somebody else's code as well, and may fail like the rest of it."""
    try:
        return str(error)
    except Exception as second:
        return f"(its message cannot be shown: {type(second).__name__})"


def _place(trace: TracebackType | None) -> str:
    """The innermost line of a traceback that concerns the user."""
    return innermost([(frame.f_code.co_filename, number, frame.f_code.co_name) for frame, number in traceback.walk_tb(trace)])


def innermost(lines: Sequence[tuple[str, int, str]]) -> str:
    """Of lines (file, number, function), the last in a file of the user's own, else in a library they called, as "mybn.py:17 in
    forward"; "" where only bnspec was running.
    """
    foreign = [line for line in lines if not line[0].startswith(str(Path(__file__).parent))]
    own = [line for line in foreign if not line[0].startswith(_libraries())]
    for file, number, function in reversed(own or foreign):
        return f"{Path(file).name}:{number} in {function}"
    return ""


@cache
def _libraries() -> tuple[str, ...]:
    """Where Python and what is installed live; "<frozen" is where Python keeps its import machinery."""
    paths = sysconfig.get_paths()
    return ("<frozen ", *(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")))
