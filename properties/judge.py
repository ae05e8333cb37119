"""The judge: compares answers with the truth within derived bounds. The only code that words a failure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnspec import bounds, exact
from bnspec.bounds import Bounds
from bnspec.bounds_scalars import FORMATS
from bnspec.case import Array, Case, from_columns
from bnspec.comparing import compared
from bnspec.exact import Exact
from bnspec.plugs.subject import Answer
from bnspec.properties.limits import groups_of, joined
from bnspec.properties.stage import current
from bnspec.protocol import Message

INFORMATIVE = 0.1
"""A case tells right from wrong when the bound is at most this share of what it judges (reference/bounds.md)."""

KEPT = 512
"""Values of x up to which the worst case of a deep run is kept: a record holds one for each of its rows."""

ELEMENTWISE = ("y", "dx")
"""The components shaped as x; the others are (C,)."""


@dataclass(frozen=True, eq=False)
class Finding:
    """One deviation: where, got, wanted, how far beyond its bound, and the calls that show it."""

    component: str
    message: str
    index: tuple[int, ...] | None = None
    got: float | None = None
    want: float | None = None
    bound: float | None = None
    ratio: float | None = None
    trace: tuple[Message, ...] = ()
    step: int | None = None
    expected: Array | None = None
    tolerance: Array | None = None


class Deviation(AssertionError):
    """An answer outside its bound. Carries its `Finding`."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


@dataclass(frozen=True, eq=False)
class Truth:
    """What a case's answers are in exact arithmetic, and how far a correct implementation may stray: columns."""

    case: Case
    exact: Exact
    bounds: Bounds

    def value(self, name: str) -> Array:
        """The exact values of a component, rounded once."""
        return np.asarray(getattr(self.exact, name))

    def bound(self, name: str) -> Array:
        """The bounds of a component."""
        return np.asarray(getattr(self.bounds, name))


def train_truth(case: Case, *, step: int = 1, grade: str | None = None) -> Truth:
    """The truth of a training step in the subject's convention; by default within the limit of conformance."""
    convention, grade = current().convention, grade or bounds.conformance_grade(case.dtype)
    truths = []
    for group in groups_of(case, current().subject):
        true = exact.train(group, convention, step=step)
        truths.append((true, bounds.train_bounds(group, true, convention, grade=grade, step=step)))
    return Truth(case, *(truths[0] if len(truths) == 1 else joined(truths, FORMATS[case.dtype].unit)))


def infer_truth(case: Case, *, grade: str | None = None) -> Truth:
    """The truth of an inference."""
    true = exact.infer(case)
    return Truth(case, true, bounds.infer_bounds(case, true, grade=grade or bounds.conformance_grade(case.dtype)))


def component(answer: Answer, name: str) -> Array | None:
    """A component of an answer by name, None where the implementation has none."""
    holder = answer.gradients if name in ("dx", "dgamma", "dbeta") else answer
    found: Array | None = getattr(holder, name, None)
    return found


def shaped(answer: Answer, name: str, case: Case) -> Array:
    """A component that must be there, as it came; a wrong shape is a deviation."""
    found = component(answer, name)
    assert found is not None
    wanted = case.x.shape if name in ELEMENTWISE else (case.channels,)
    if found.shape != wanted:
        reject(name, answer, f"{name} has shape {found.shape}; {wanted} was expected, for x of shape {case.x.shape}")
    return found


def columns(answer: Answer, name: str, case: Case) -> Array:
    """The same in float64: (m, C), or (C,) for what is a channel's."""
    found = shaped(answer, name, case)
    return case.columns(found) if name in ELEMENTWISE else found.astype(np.float64)


def assert_near(answer: Answer, truth: Truth, *names: str) -> None:
    """Each named component within its bound of the truth, element by element."""
    for name in names:
        if component(answer, name) is not None:
            got, low = columns(answer, name, truth.case), truth.exact.low.get(name, 0.0)
            judge(answer, name, got, truth.value(name), truth.bound(name), low=low, case=truth.case)


def assert_same(
    answer: Answer, other: Answer, name: str, case: Case, tolerance: Array | float = 0.0, *, factor: float = 1.0, why: str = ""
) -> None:
    """A component of two answers equal, times an exact `factor`: to the bit where `tolerance` is 0, else within it."""
    if component(answer, name) is None or component(other, name) is None:
        return
    given, wanted = columns(answer, name, case), columns(other, name, case) * factor
    judge(answer, name, given, wanted, np.broadcast_to(tolerance, given.shape), case=case, why=why)


def judge(
    answer: Answer,
    name: str,
    got: Array,
    want: Array,
    tolerance: Array,
    *,
    case: Case,
    low: Array | float = 0.0,
    why: str = "",
    chance: bool = False,
) -> None:
    """The one comparison: |got - want| <= tolerance everywhere, in float64 columns; `want + low` where `low` is given.

    `chance`: the tolerance is mostly of chance and not of rounding, so its ratio is no measure of accuracy.
    """
    error, tolerance, ratio = compared(got, want, tolerance, case.dtype, low)
    is_worst = _count(ratio * (not chance), want, tolerance) and current().deep and case.x.size <= KEPT
    is_wrong = np.any(error > tolerance)
    if is_worst or is_wrong:
        worst = np.unravel_index(np.argmax(ratio), ratio.shape)
        place = tuple(int(at) for at in worst)
        want, tolerance = np.broadcast_to(want, got.shape), np.broadcast_to(tolerance, got.shape)
        finding = _finding(answer, name, got, want, tolerance, place, float(ratio[worst]), case, why)
        if is_wrong:
            raise Deviation(finding)
        current().tally.worst = finding


def reject(name: str, answer: Answer | None, message: str) -> None:
    """A deviation that is no matter of distance: a wrong shape, a changed input."""
    step = None if answer is None else answer.steps.get(name)
    raise Deviation(Finding(name, message, trace=_trace(), step=step))


def seen(informative: bool = True) -> None:
    """Count an example that was judged without numbers (equal bits, unchanged inputs)."""
    current().tally.told |= informative


def _count(ratio: Array, want: Array, tolerance: Array) -> bool:
    """Count a comparison; True where none before it came nearer to its bound."""
    tally, largest = current().tally, float(np.max(ratio, initial=0.0))
    tally.told |= bool(np.any(tolerance <= INFORMATIVE * np.abs(want)))
    tally.ratio = max(tally.ratio, largest)
    if largest <= tally.worst_ratio:
        return False
    tally.worst_ratio = largest
    tally.climb.append((tally.examples + 1 - tally.declined, largest))
    return True


def _trace() -> tuple[Message, ...]:
    subject = current().subject
    return () if subject is None else tuple(subject.trace)


def _finding(
    answer: Answer, name: str, got: Array, want: Array, tolerance: Array, place: tuple[int, ...], ratio: float, case: Case, why: str
) -> Finding:
    index, expected, allowed = place, None, None
    if (name in ELEMENTWISE) == (want.ndim == 2):
        expected, allowed = want, np.asarray(tolerance, dtype=np.float64)
    if want.ndim == 2:
        index = _index_in_x(place, case)
    if expected is not None and want.ndim == 2:
        expected, allowed = (from_columns(np.ascontiguousarray(part), case.x.shape, case.channel_axis) for part in (want, allowed))
    a, b, limit = float(got[place]), float(want[place]), float(tolerance[place])
    message = _words(name, index, a, b, limit, ratio, case, why)
    return Finding(name, message, index, a, b, limit, ratio, _trace(), answer.steps.get(name), expected, allowed)


def _index_in_x(place: tuple[int, ...], case: Case) -> tuple[int, ...]:
    """Where an entry of the columns (value, channel) stands in x."""
    axis = case.channel_axis % case.x.ndim
    others = [size for at, size in enumerate(case.x.shape) if at != axis]
    index = [int(at) for at in np.unravel_index(place[0], others)]
    index.insert(axis, place[1])
    return tuple(index)


def _words(name: str, index: tuple[int, ...], got: float, want: float, limit: float, ratio: float, case: Case, why: str) -> str:
    lines = [in_words(name, index, got, want, limit, ratio)]
    if why:
        lines.append(why)
    lines.append(f"{case.m} values a channel, {case.dtype}, eps = {case.eps:g}, momentum = {case.momentum}")
    return "\n".join(lines)


def in_words(name: str, index: tuple[int, ...], got: float, want: float, limit: float, ratio: float) -> str:
    """One number that is wrong, in one line: where it is, what it should be, and how far it is off."""
    digits = 17 if f"{got:.9g}" == f"{want:.9g}" else 9
    line = f"{name}[{', '.join(map(str, index))}] is {got:.{digits}g}, should be {want:.{digits}g}"
    if limit <= 0:
        return f"{line}; these must be equal to the last bit"
    if np.isfinite(got):
        line += f": off by {abs(got - want):.3g}, {_times(ratio)} what rounding can explain ({limit:.2g})"
    return line


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.3g} times"
