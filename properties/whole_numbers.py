"""Inputs of whole numbers: cases that hold them, and the comparison with the floats that they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from bnspec.bounds_scalars import FORMATS
from bnspec.case import Array, Case, dtype_named
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import Truth, columns, component, judge, reject
from bnspec.properties.refusals import unless_refused
from bnspec.properties.stage import Refused
from bnspec.properties.strategies import SEEDS, cases

WHOLE_KINDS = "iub"
"""NumPy's letters for signed and unsigned whole numbers and for truth values."""


class Range(NamedTuple):
    """Multiples of `step` from low * step to high * step, in a dtype of whole numbers."""

    dtype: str
    low: int
    high: int
    step: int


RANGES = (
    Range("uint8", 0, 8, 1),
    Range("uint8", 0, 255, 1),
    Range("int32", -4, 4, 1),
    Range("int32", -(2**20), 2**20, 2**10),
    Range("int64", -(2**20), 2**20, 2**16),
)
"""Small ones first. Differences of bytes wrap around, their sums leave uint8; sums of the large int32 leave int32, and their
squares too, as those of the large int64 leave int64. All are exact in float32: few digits, then zeros."""


def whole_number_cases() -> st.SearchStrategy[Case]:
    """Cases whose x is of whole numbers; parameters, state and dy are floats of the stage's dtype, as in every case."""
    return st.builds(_with_whole_numbers, cases(max_values=32), st.sampled_from(RANGES), SEEDS)


def _with_whole_numbers(case: Case, range_: Range, seed: int) -> Case:
    rng = np.random.Generator(np.random.PCG64(seed))
    numbers = rng.integers(range_.low, range_.high, case.x.shape, endpoint=True) * range_.step
    return case.replace(x=numbers.astype(range_.dtype))


def ask_whole_numbers(bn: Subject, case: Case, ask: Callable[[Case], Answer]) -> Answer:
    """The answer; raises `Refused` where it is an error, and the same numbers in the parameters' float dtype are answered."""
    return unless_refused(bn, floats_of(case), lambda: ask(case), f"{case.dtype} input")


def floats_of(case: Case, *answered: Array) -> Case:
    """The same case in floats, for the dtype in which it is judged: the coarsest of the answers' and the parameters'.

    Which float dtype whole numbers become is the implementation's choice. From float32 parameters a float64 y may come, with
    the digits of float32; an answer in whole numbers is judged as if it were of the parameters' dtype. Raises `Refused` where
    these numbers are not exact in the dtype.
    """
    names = [part.dtype.name for part in (case.gamma, *answered) if part.dtype.name in FORMATS]
    floats = case.x.astype(dtype_named(max(names, key=lambda name: FORMATS[name].unit)))
    if not np.array_equal(floats.astype(np.float64), case.x.astype(np.float64)):
        raise Refused(f"{case.dtype} becomes {floats.dtype.name}, in which these numbers are not exact")
    return case.replace(x=floats)


def assert_as_floats(answer: Answer, truth: Truth, came: str, *names: str) -> None:
    """Each component that there is within its bound of what floats give; `came`: the dtype of the x that was given."""
    for name in names:
        found = component(answer, name)
        if found is None:
            continue
        want, got = truth.value(name), columns(answer, name, truth.case)
        cut = _is_whole(got) and not _is_whole(want)
        if cut and found.dtype.kind in WHOLE_KINDS:
            reject(name, answer, f"{name} comes back as {found.dtype} for an x of {came}: the fractions are cut off; {ADVICE}")
        why = f"x is of dtype {came}" + (f"; every {name} is a whole number: the fractions are cut off; {ADVICE}" if cut else "")
        judge(answer, name, got, want, truth.bound(name), low=truth.exact.low.get(name, 0.0), case=truth.case, why=why)


ADVICE = "make x a float first, and no result like it (empty_like(x), astype(x.dtype)) before that"
"""What to do where whole numbers make an answer whole."""


def _is_whole(values: Array) -> bool:
    return bool(np.all(values == np.rint(values)))
