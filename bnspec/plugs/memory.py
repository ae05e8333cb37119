"""How much memory a call takes at its highest, as Linux tells of a process."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

FORGET_PEAK = "5"
"""Written to clear_refs, it sets the highest resident size to the present one (proc(5))."""


def extra_bytes(call: Callable[[], object]) -> int | None:
    """Resident bytes that `call` adds at their highest, what it returns included; None where the system does not tell.

    What the process has kept for itself from earlier arrays is not counted again: start it with a fixed mmap threshold.
    """
    try:
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK)
        before = _kibibytes("VmRSS")
    except OSError:
        return None
    kept = call()
    highest = _kibibytes("VmHWM")
    del kept
    return max(0, highest - before) << 10


def available() -> int | None:
    """Bytes that can be had without swapping; None where the system does not tell."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) << 10 if found else None


def _kibibytes(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"no {field} in /proc/self/status")
    return int(found[1])
