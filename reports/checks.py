"""What the answers to a counterexample's calls must be: the comparisons that a replay and a regression test make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from bnspec.case import Array
from bnspec.comparing import compared
from bnspec.convention import BadConvention, Convention
from bnspec.reports.course import Due, Dues
from bnspec.reports.reckoning import reckon
from bnspec.reports.record import Counterexample, Record, Row
from bnspec.reports.trace import Values

SAME = 2.0**-44
"""Relative difference of two numbers that are the same number rounded by two derivations."""


PARTS = {
    "train": ("y",),
    "infer": ("y",),
    "running": ("running_mean", "running_var"),
    "grad_train": ("dx", "dgamma", "dbeta"),
    "grad_infer": ("dx", "dgamma", "dbeta"),
}
"""The results that belong to each part of a row's scope."""


@dataclass(frozen=True, eq=False)
class Check:
    """The result `name` of step number `step` is to be `expected`, within `tolerance`: float64, shaped as the result.

    tolerance   0: to the last bit; infinite: anything;  dtype: beyond whose largest number infinity is right
    index       where the record has the failure
    """

    step: int
    name: str
    expected: Array
    tolerance: Array
    dtype: str
    index: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class Difference:
    """Where an answer is furthest from what it should be, in bounds; no index: the whole of it has the wrong shape."""

    check: Check
    index: tuple[int, ...] | None
    got: float
    want: float
    bound: float
    ratio: float
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Checks:
    """The comparisons of one failure. `sure`: where all of them pass, it is gone; else its law compares something else as well."""

    of: Sequence[Check]
    sure: bool


def checks_of(record: Record, row: Row) -> Checks:
    """What the calls of a failing row must answer.

    Where the law compares one answer with the truth, that one. Where it compares answers with each other, all of them with the
    truth: within their bounds they are near one another too, and what stood against them in the record may be wrong as well.
    """
    example = row.counterexample
    if example is None or not example.trace:
        return Checks([], sure=False)
    dues = reckon(example.trace, Convention.from_mapping(record.convention))
    if row.status in ("error", "crash", "timeout"):
        return Checks(_all(row, dues), sure=True)
    shown = _shown(example, dues)
    if shown is not None:
        step, name, due = shown
        index = None if example.index is None else tuple(example.index)
        return Checks([Check(step, name, due.expected, due.tolerance, row.dtype, index)], sure=True)
    return Checks(_all(row, dues), sure=False)


def truthful(record: Record, row: Row) -> Counterexample | None:
    """The row's counterexample with the truth as what was expected, where the record has another answer in its place.

    Where the answer that it shows is right by itself, and another one was wrong, it shows nothing any more.
    """
    example = row.counterexample
    if example is None or example.shows is None or example.expected is None or row.status != "fail":
        return example
    try:
        dues = reckon(example.trace, Convention.from_mapping(record.convention))
    except BadConvention:
        return example
    if not (example.shows.step < len(dues) and example.shows.name in dues[example.shows.step]):
        return example
    if (shown := _shown(example, dues)) is None:
        return msgspec.structs.replace(example, shows=None, expected=None, tolerance=None)
    due = shown[2]
    return msgspec.structs.replace(example, expected=Values.of(due.expected), tolerance=Values.of(due.tolerance))


def difference(check: Check, answer: Mapping[str, Array]) -> Difference | None:
    """Where this answer is wrong; None where it is right, or is not given at all, as parameters' gradients need not be.

    Where it is equally wrong in several places, that of the record is preferred.
    """
    if check.name not in answer:
        return None
    got, want = np.asarray(answer[check.name], np.float64), check.expected
    if got.shape != want.shape:
        return Difference(check, None, np.nan, np.nan, np.nan, np.inf, got.shape)
    error, tolerance, ratio = compared(got, want, check.tolerance, check.dtype)
    if np.all(error <= tolerance):
        return None
    at = tuple(int(one) for one in np.unravel_index(np.argmax(ratio), ratio.shape))
    if check.index is not None and _inside(check.index, ratio.shape) and ratio[check.index] == ratio[at]:
        at = check.index
    return Difference(check, at, float(got[at]), float(want[at]), float(tolerance[at]), float(ratio[at]), got.shape)


def _inside(index: Sequence[int], shape: Sequence[int]) -> bool:
    return len(index) == len(shape) and all(0 <= at < size for at, size in zip(index, shape, strict=True))


def _all(row: Row, dues: Sequence[Dues]) -> list[Check]:
    """Everything that the law asks about and exact arithmetic can speak of; not where a right algorithm may overflow."""
    about = {name for part in row.scope for name in PARTS.get(part, ())} or {name for names in PARTS.values() for name in names}
    return [
        Check(number, name, due.expected, due.tolerance, row.dtype)
        for number, results in enumerate(dues)
        for name, due in results.items()
        if name in about and not due.risky
    ]


def _shown(example: Counterexample, dues: Sequence[Dues]) -> tuple[int, str, Due] | None:
    """The one answer that is wrong by itself: with the judge's own values where these are the truth, else with those of `dues`."""
    shows = example.shows
    due = dues[shows.step].get(shows.name) if shows is not None and shows.step < len(dues) else None
    if shows is None or due is None or example.expected is None:
        return None
    if judged := _truth(example.expected, example.tolerance, due):
        return shows.step, shows.name, judged
    index = None if example.index is None else tuple(example.index)
    if index is None or example.got is None or not _inside(index, due.expected.shape):
        return None
    off = abs(float(example.got) - due.expected[index]) > due.tolerance[index]
    return (shows.step, shows.name, due) if off else None


def _truth(expected: Values, tolerance: Values | None, due: Due) -> Due | None:
    """What the judge expected, where that is the truth and not another answer; it may have been stricter, but not to the bit."""
    want, allowed = (None if values is None else np.asarray(values.numpy(), np.float64) for values in (expected, tolerance))
    allowed = np.zeros(due.expected.shape) if allowed is None else allowed
    if want is None or want.shape != due.expected.shape or allowed.shape != want.shape:
        return None
    with np.errstate(all="ignore"):
        near = np.abs(want - due.expected) <= SAME * np.abs(due.expected) + np.minimum(due.tolerance, allowed) * SAME
    near |= (want == due.expected) | (np.isnan(want) & np.isnan(due.expected))
    to_the_bit = (allowed == 0) & (due.tolerance > 0)
    return Due(want, allowed) if near.all() and not to_the_bit.any() else None
