"""What a child printed last, fit to stand in a report: the same in every run, and without our own part of a traceback."""

from __future__ import annotations

import re
from pathlib import Path

from bnspec.blame import innermost

MAX_TEXT = 2000
"""Characters that are shown, the latest ones."""

MAX_CALLS = 20
"""Lines of a traceback that are shown, the latest calls; endless recursion has a hundred."""

_OURS = re.compile(rf'  File "(<frozen runpy>|{re.escape(str(Path(__file__).parents[1]))}/)')

_THREAD = re.compile(r"((Current thread|Thread) 0x[0-9a-f]+( \[[^]]*\])?|Stack)( \(most recent call first\))?:")
"""How Python's fault handler begins a traceback; the address differs from run to run."""

_CALL = re.compile(r'  File "([^"]*)", line (\d+) in (.*)')
"""How it writes a line of one."""

CALLS = "calls, the latest first:"
"""How a traceback begins here."""

_NOISE = "Extension modules:"
"""How it ends one: with a line of everything that is loaded."""


def tidy(words: str) -> str:
    """The words without addresses, without frames of bnspec, and without the list of loaded modules."""
    lines = [line for line in words.splitlines() if not _OURS.match(line) and not line.startswith(_NOISE)]
    said, header, calls = _THREAD.sub(CALLS, "\n".join(lines)).strip().partition(CALLS)
    return said[-MAX_TEXT:] + header + "\n".join(calls.splitlines()[: MAX_CALLS + 1])


def told_place(words: str) -> str:
    """Where the process was, by the fault handler's traceback in its words: "mybn.py:17 in forward"; "" where there is none."""
    headers = [match.end() for match in _THREAD.finditer(words) if not match[0].startswith("Thread")]
    if not headers:
        return ""
    calls = words[headers[-1] :].strip("\n").partition("\n\n")[0].splitlines()
    found = [(file, int(number), function) for file, number, function in _CALL.findall("\n".join(calls))]
    return innermost(found[::-1])
