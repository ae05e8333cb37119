"""What a fixed case's answers are in exact arithmetic, and how far a correct implementation may stray, call by call.

Within a sequence the exact state goes on from call to call, and what rounding may have done to the implementation's own state
goes into the bounds of the calls after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnspec import bounds, exact
from bnspec.bounds import Bounds
from bnspec.bounds_forward import inv_std_error, statistics_error
from bnspec.bounds_scalars import EVALUATION, ORACLE_UNIT, rounding
from bnspec.case import HALF_DTYPES, Array, Case
from bnspec.convention import Convention
from bnspec.exact import Exact
from bnspec.fixed.recipes import Call

STATE = ("running_mean", "running_var")
"""The running statistics, by the names that `Case`, `Exact` and `Bounds` have for them."""


Drift = Mapping[str, Mapping[str, Array]]
"""grade -> running statistic -> how far it may have come from the exact one by now, (C,)."""


def letters(dtype: str) -> tuple[str, ...]:
    """The grades that answers in `dtype` can have, the best first; what keeps none is F."""
    return ("A", "B", "H") if dtype in HALF_DTYPES else ("A", "B", "C")


@dataclass(frozen=True, eq=False)
class Truth:
    """One call: `case` has the exact state before it, as float64; `bounds` are by grade. Columns, as in `Exact` and `Bounds`."""

    training: bool
    case: Case
    exact: Exact
    bounds: Mapping[str, Bounds]


def truths(
    start: Case, calls: Sequence[Call], convention: Convention, grades: Sequence[str], *, low: bool | None = None
) -> Iterator[Truth]:
    """The truth of each call in turn on one layer that begins as `start` says, in this convention. Raises `exact.Undefined`.

    start, calls   laid out as the convention has them; start.momentum is the argument that the layer was given
    low            whether to give what remains beyond float64; None: in float64 cases only
    """
    state = {name: getattr(start, name).astype(np.float64) for name in STATE}
    drift = {grade: {name: np.zeros(start.channels) for name in STATE} for grade in grades}
    step = 1
    for call in calls:
        case = start.replace(x=call.x, dy=call.dy, **state)
        truth = _train(case, convention, step, drift, low) if call.training else _infer(case, drift, low)
        yield _spoiled(truth) if np.isnan(call.x).any() else truth
        if call.training:
            step += 1
            state = {name: getattr(truth.exact, name) for name in STATE}
            drift = {
                grade: {name: _rounded(getattr(limit, name), state[name]) for name in STATE}
                for grade, limit in truth.bounds.items()
            }


def _rounded(error: Array, value: Array) -> Array:
    """The error of a state whose exact value is itself rounded to float64."""
    return error + ORACLE_UNIT * np.abs(value)


def _clean(case: Case) -> Case:
    """The case with 0 for every NaN of x: what the other channels are is the same."""
    return case.replace(x=np.where(np.isnan(case.x), 0, case.x).astype(case.x.dtype))


def _train(case: Case, convention: Convention, step: int, drift: Drift, low: bool | None) -> Truth:
    clean = _clean(case)
    true = exact.train(clean, convention, step=step, low=low)
    old = abs(float(1 - convention.batch_weight(case.momentum, step)))
    limits = {}
    for grade, moved in drift.items():
        limit = bounds.train_bounds(clean, true, convention, grade=grade, step=step)
        later = {name: getattr(limit, name) + old * moved[name] * EVALUATION for name in STATE}
        limits[grade] = replace(limit, **later)
    return Truth(True, case, true, limits)


def _infer(case: Case, drift: Drift, low: bool | None) -> Truth:
    clean = _clean(case)
    true = exact.infer(clean, low=low)
    return Truth(False, case, true, {grade: _infer_bounds(clean, true, grade, moved) for grade, moved in drift.items()})


@np.errstate(all="ignore")
def _infer_bounds(case: Case, true: Exact, grade: str, moved: Mapping[str, Array]) -> Bounds:
    """Bounds of an inference from a state that may be `moved` from the exact one: B4 and B5 with that error of the statistics."""
    if not any(error.any() for error in moved.values()):
        return bounds.infer_bounds(case, true, grade=grade)
    k = rounding(case.m, case.dtype, grade, False)
    error = statistics_error(case, true, k)
    mean, var = error.mean + moved["running_mean"], error.var + moved["running_var"]
    relative = inv_std_error(true, var, case.eps, k)
    highest, reach = true.inv_std * (1 + relative), 2 * (np.abs(true.mean) + mean)
    wider = replace(error, mean=mean, var=var, inv_std=relative, highest=highest, reach=reach)
    return bounds.bounds_of(case, true, wider, k, moved["running_mean"], moved["running_var"])


def _spoiled(truth: Truth) -> Truth:
    """The truth where x holds a NaN: in training its channel is NaN, in inference its place alone."""
    lost = np.isnan(truth.case.columns(truth.case.x))
    if truth.training:
        lost = np.broadcast_to(lost.any(0), lost.shape)
    true = truth.exact
    changed: dict[str, Any] = {"y": np.where(lost, np.nan, true.y)}
    if truth.training:
        changed |= {name: np.where(lost.any(0), np.nan, getattr(true, name)) for name in STATE}
    rests = {name: np.where(np.isnan(changed[name]), 0.0, rest) if name in changed else rest for name, rest in true.low.items()}
    limits = {grade: _promising(limit, changed) for grade, limit in truth.bounds.items()}
    return replace(truth, exact=replace(true, low=rests, **changed), bounds=limits)


def _promising(limit: Bounds, values: Mapping[str, Array]) -> Bounds:
    """The bounds, but 0 wherever a value must be NaN: a number there is made up, however large its bound."""
    return replace(limit, **{name: np.where(np.isnan(value), 0.0, getattr(limit, name)) for name, value in values.items()})
