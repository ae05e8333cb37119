"""What a child printed last, fit to stand in a report: the same in every run, and without our own part of a traceback."""

from __future__ import annotations

import re
from pathlib import Path

MAX_TEXT = 2000
"""Characters that are shown, the latest ones."""

_OURS = re.compile(rf'  File "(<frozen runpy>|{re.escape(str(Path(__file__).parents[1]))}/)')

_THREAD = re.compile(r"(Current thread|Thread) 0x[0-9a-f]+( \[[^]]*\])?( \(most recent call first\))?:")
"""How Python's fault handler begins a traceback; the address differs from run to run."""

_NOISE = "Extension modules:"
"""How it ends one: with a line of everything that is loaded."""


def tidy(words: str) -> str:
    """The words without addresses, without frames of bnspec, and without the list of loaded modules."""
    lines = [line for line in words.splitlines() if not _OURS.match(line) and not line.startswith(_NOISE)]
    return _THREAD.sub("most recent call first:", "\n".join(lines)).strip()[-MAX_TEXT:]
