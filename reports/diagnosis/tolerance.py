"""How far two answers to a script may lie apart by rounding alone: derived bounds, where there are some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bnspec import bounds, exact
from bnspec.bounds import Bounds
from bnspec.bounds_scalars import FORMATS
from bnspec.case import Array, Case, from_columns
from bnspec.convention import Convention
from bnspec.exact import Exact, Undefined
from bnspec.implementation import Setup
from bnspec.reference.bugs.steps import BatchNorm
from bnspec.reports.diagnosis.scripts import Script
from bnspec.requests import setup_of

TWO_SIDES = 2.0
"""What is asked and what is simulated both round."""

LOOSE = 2.0**12
"""Units in the last place that answers may be off by where no bound says anything: edge cases, and what comes of them."""

Tolerances = Mapping[tuple[int, str], Array]
"""By step and name, an array that broadcasts over the answer. What is not there has no bound: see `LOOSE`."""


@dataclass(frozen=True)
class Laxity:
    """By which bounds answers are judged: those of a grade, and of an accumulation in some dtype. None: those that conform."""

    grade: str | None = None
    arithmetic: str | None = None

    def __or__(self, other: Laxity) -> Laxity:
        """Both at once."""
        return Laxity(other.grade or self.grade, other.arithmetic or self.arithmetic)


CONFORMING = Laxity()
"""The bounds of correct code."""


@dataclass
class Walk:
    """A correct layer on its way through a script, and how far its state may be off by now."""

    layer: BatchNorm
    setup: Setup
    mean: Array = field(default_factory=lambda: np.zeros(1))
    var: Array = field(default_factory=lambda: np.zeros(1))
    case: Case | None = None
    training: bool = False
    laxity: Laxity = CONFORMING


def tolerances(script: Script, convention: Convention, laxity: Laxity = CONFORMING) -> Tolerances:
    """The bounds of all arrays of a script. Later calls carry along what earlier ones left in the state."""
    found: dict[tuple[int, str], Array] = {}
    walks: dict[str, Walk] = {}
    for step, request in enumerate(script.requests):
        number = request.words.get("layer", "")
        try:
            if request.op == "layer":
                setup = setup_of(request)
                walks[number] = Walk(BatchNorm(setup, convention), setup, laxity=laxity)
            elif request.op == "forward":
                found[step, "y"] = _forward(walks[number], request.arrays["x"], request.words["training"] == "1")
            elif request.op == "backward":
                for name, bound in _backward(walks[number], request.arrays["dy"]).items():
                    found[step, name] = bound
            elif request.op == "running":
                found[step, "mean"], found[step, "var"] = TWO_SIDES * walks[number].mean, TWO_SIDES * walks[number].var
            else:
                break
        except (KeyError, ValueError, ArithmeticError, Undefined):
            break
    return found


def _forward(walk: Walk, x: Array, training: bool) -> Array:
    """The bound of y, shaped as x; the state's error grows by what the step adds."""
    setup, layer = walk.setup, walk.layer
    mean, var = layer.state()
    momentum = layer.momentum if setup.momentum is None else setup.momentum
    case = Case(x, layer.gamma, layer.beta, mean, var, layer.eps, momentum, None, setup.channel_axis)
    walk.case, walk.training = case, training
    if _is_beyond(walk):
        walk.mean, walk.var = np.full(case.channels, np.inf), np.full(case.channels, np.inf)
        layer.forward(x, training=training)
        return np.full(x.shape, np.inf)
    true, bound = _judged(walk, case)
    y = np.array(bound.y)
    if training:
        walk.mean, walk.var = walk.mean + bound.running_mean, walk.var + bound.running_var
    else:
        y = y + 2 * np.abs(layer.gamma) * true.inv_std * (walk.mean + np.abs(true.centered) * true.inv_std**2 * walk.var)
    layer.forward(x, training=training)
    return TWO_SIDES * from_columns(y, x.shape, setup.channel_axis)


def _backward(walk: Walk, dy: Array) -> Mapping[str, Array]:
    """The bounds of the gradients of the latest forward."""
    if walk.case is None:
        raise ValueError("backward needs a forward before it")
    if _is_beyond(walk):
        return {name: np.full(shape, np.inf) for name, shape in (("dx", dy.shape), ("dgamma", (1,)), ("dbeta", (1,)))}
    true, bound = _judged(walk, replace(walk.case, dy=dy))
    state = np.zeros(1) if walk.training else 2 * true.inv_std * (walk.mean + true.inv_std * walk.var)
    dx, dgamma, dbeta = (np.array(part) for part in (bound.dx, bound.dgamma, bound.dbeta))
    dx = dx * (1 + state) + np.abs(true.dx) * state * true.inv_std  # type: ignore[arg-type]
    dgamma = dgamma + np.abs(walk.case.columns(dy)).sum(0) * (state + np.abs(true.x_hat).max(0) * state * true.inv_std)
    shaped = from_columns(dx, dy.shape, walk.setup.channel_axis)
    return {"dx": TWO_SIDES * shaped, "dgamma": TWO_SIDES * dgamma, "dbeta": TWO_SIDES * dbeta}


def _is_beyond(walk: Walk) -> bool:
    """Whether what is asked may be beyond the range of the arithmetic that is supposed: then any answer may come of it."""
    arithmetic = walk.laxity.arithmetic
    return (
        arithmetic is not None
        and walk.case is not None
        and bounds.may_overflow(walk.case, training=walk.training, arithmetic=arithmetic)
    )


def _judged(walk: Walk, case: Case) -> tuple[Exact, Bounds]:
    grade, arithmetic = walk.laxity.grade or bounds.conformance_grade(case.dtype), walk.laxity.arithmetic
    if not walk.training:
        true = exact.infer(case, low=False)
        return true, bounds.infer_bounds(case, true, grade=grade, arithmetic=arithmetic)
    step = walk.layer.steps + 1
    true = exact.train(case, walk.layer.convention, step=step, low=False)
    return true, bounds.train_bounds(case, true, walk.layer.convention, grade=grade, step=step, arithmetic=arithmetic)


def agree(one: Array, other: Array, tolerance: Array | None, right: Array | None, dtype: str) -> bool:
    """Whether two answers are the same but for rounding.

    right   what correct code would answer: where the two are larger than that, so may be their errors, in proportion
    dtype   of x
    """
    if one.shape != other.shape:
        return False
    a, b = one.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if same.all():
            return True
        allowed = _allowed(b, tolerance, right, dtype)
        return bool((same | (np.abs(a - b) <= allowed) | np.isposinf(allowed)).all())


def _allowed(answer: Array, tolerance: Array | None, right: Array | None, dtype: str) -> Array | float:
    """The bound, magnified as the answer is; and a few units at the size of the answer."""
    unit = FORMATS[dtype].unit
    size = float(np.abs(answer[np.isfinite(answer)]).max(initial=0.0))
    if tolerance is None:
        return LOOSE * unit * size
    whole = size if right is None else float(np.abs(right[np.isfinite(right)]).astype(np.float64).max(initial=0.0))
    return tolerance * max(1.0, size / whole if whole else 1.0) + 8 * unit * np.abs(answer)
