"""The accuracy of an implementation, one letter a dtype: the worst of the rows about the fixed cases, which no seed decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bnspec.reports.record import Row
from bnspec.reports.verdict import UNDECIDED

LETTERS = {
    "A": "accurate",
    "B": "stable",
    "H": "stable, statistics in half",
    "C": "loses digits where the mean is far from zero",
    "F": "wrong on some golden case",
}
"""The grades, the best first, and what each says."""


def grades(rows: Iterable[Row]) -> dict[str, str]:
    """The grade of each dtype in which fixed cases were answered; none where some of them were not asked to the end."""
    found: dict[str, list[str]] = {}
    open_dtypes = set[str]()
    for row in rows:
        if row.chapter == "vectors" and row.status in UNDECIDED:
            open_dtypes.add(row.dtype)
        if row.grade:
            found.setdefault(row.dtype, []).append(row.grade)
    return {dtype: max(letters, key=list(LETTERS).index) for dtype, letters in found.items() if dtype not in open_dtypes}


def accuracy(letters: Mapping[str, str]) -> str:
    """The grades in one line, each letter explained once; "" where there are none."""
    dtypes: dict[str, list[str]] = {}
    for dtype, letter in letters.items():
        dtypes.setdefault(letter, []).append(dtype)
    told = [f"{letter} in {' and '.join(named)} ({LETTERS.get(letter, 'unknown')})" for letter, named in dtypes.items()]
    return f"accuracy: {'; '.join(told)}" if told else ""
