"""Finite differences of the layer's own loss L = sum(dy y), with every tolerance derived (reference/bounds.md, B20).

Exact arithmetic says how much the difference of exact losses misses the exact gradient: that is subtracted, so a step need not be
small. What is left is what rounding may do to the two outputs and to the gradient.
"""

from __future__ import annotations

import numpy as np

from bnspec.bounds import Bounds
from bnspec.case import Array, Case, from_columns
from bnspec.confidence import finite_difference_check
from bnspec.exact import Exact
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import columns, judge, train_truth

STEP = {"float32": 2.0**-4, "float64": 2.0**-15}
"""Half the distance of the two points in standard deviations, near the cube root of the unit roundoff."""


def _truth(case: Case) -> tuple[Exact, Bounds]:
    truth = train_truth(case)
    return truth.exact, truth.bounds


def _direction(case: Case) -> Array:
    """A normal direction, one a channel. Its seed is the case itself, so that a replay goes the same way."""
    rng = np.random.default_rng(np.frombuffer(case.x.tobytes()[:16].ljust(16, b"."), np.uint32))
    return rng.standard_normal((case.m, case.channels))


def along_x(bn: Subject, case: Case) -> None:
    """L(x + h d) - L(x - h d) against <dx, 2 h d>, in one normal direction a channel."""
    centre = _truth(case)
    check = finite_difference_check(case, _direction(case), STEP[case.dtype], _truth, centre=centre)
    plus, minus, answer = bn.train(check.plus), bn.train(check.minus), bn.train_gradients(case)
    asked = [columns(one, name, case) for one, name in ((plus, "y"), (minus, "y"), (answer, "dx"))]
    y_plus, y_minus, dx = (from_columns(part, case.x.shape, case.channel_axis) for part in asked)
    moved = case.columns(check.plus.x) - case.columns(check.minus.x)
    slope = (np.asarray(centre[0].dx) * moved).sum(0)
    got = slope - check.residual(y_plus, y_minus, dx)
    judge(answer, "dx", got, slope, check.tolerance + 2.0**-51 * np.abs(slope), case=case, why=_why("x", "<dx, d>"))


def along_parameter(bn: Subject, case: Case, name: str) -> None:
    """The same for gamma or beta, in which y is a straight line: the step may be as large as the parameter."""
    here, parameter = train_truth(case), getattr(case, name)
    step = np.exp2(np.floor(np.log2(np.abs(parameter) + 1))).astype(parameter.dtype)
    plus, minus = (case.replace(**{name: (parameter + sign * step).astype(parameter.dtype), "dy": None}) for sign in (1, -1))
    moved = getattr(plus, name).astype(float) - getattr(minus, name).astype(float)
    difference = columns(bn.train(plus), "y", case) - columns(bn.train(minus), "y", case)
    answer = bn.train_gradients(case)
    gradient = getattr(answer.gradients, f"d{name}")
    if gradient is None:
        return
    slope, truths = here.value(f"d{name}") * moved, (train_truth(plus), train_truth(minus))
    weights = np.abs(case.columns(case.upstream))
    size = (weights * sum(np.abs(truth.value("y")) for truth in truths)).sum(0) + np.abs(slope)
    tolerance = (weights * sum(truth.bound("y") for truth in truths)).sum(0) + np.abs(moved) * here.bound(f"d{name}")
    got = gradient.astype(float) * moved + slope - (case.columns(case.upstream) * difference).sum(0)
    judge(answer, f"d{name}", got, slope, tolerance + (case.m + 4) * 2.0**-51 * size, case=case, why=_why(name, f"d{name} h"))


def _why(name: str, predicted: str) -> str:
    return f"along a step in {name}: {predicted} predicted by the gradient, corrected by how the layer's own sum(dy y) really moved"
