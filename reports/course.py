"""One layer in exact arithmetic: what each of its calls should return, and how far a right answer may be from that."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec import bounds, exact
from bnspec.case import Array, Case, from_columns, parameter_dtype
from bnspec.convention import Convention
from bnspec.exact import Exact, Undefined
from bnspec.ledger import Ledger
from bnspec.reports.trace import DIMENSIONS, LayerStep, numpy_dtype

WHOLE_KINDS = "iub"
"""NumPy's letters for signed and unsigned whole numbers and for truth values."""


MOST_CHANNELS = 4096
"""Channels of a layer that is given no array from which they could be counted."""


@dataclass(frozen=True, eq=False)
class Due:
    """One result as it should be: `expected` in float64, shaped as the result, and how far it may be off, absolutely.

    A tolerance of 0 is to the last bit; an infinite one promises nothing. `risky`: some right algorithm may overflow here.
    """

    expected: Array
    tolerance: Array
    risky: bool = False


Dues = dict[str, Due]
"""The results of one step, by the names that `rerun` gives them."""


@dataclass(frozen=True, eq=False)
class Latest:
    """A forward, for the backward that may follow: `error` is how far the statistics that it read may be off."""

    case: Case
    training: bool
    number: int
    error: tuple[Array, Array]


class Course:
    """One layer in exact arithmetic.

    lost      its state is not known any more;  whole: it is for whole numbers
    nan, odd  channels whose statistics must be NaN by now, and those that met an infinity: of these nothing is said
    """

    def __init__(self, step: LayerStep, convention: Convention) -> None:
        case = start_of(step, convention)
        self.ledger = Ledger(case, convention)
        self.lost = False
        self.whole = numpy_dtype(step.dtype).kind in WHOLE_KINDS
        self.nan = np.zeros(case.channels, bool)
        self.odd = np.zeros(case.channels, bool)
        self._latest: Latest | None = None
        self._backwards = 0

    def train(self, x: Array) -> Dues:
        """y of a training step; the state moves on, but not of an empty batch, which is refused or left out.

        Raises `Undefined` where it is for the layer to refuse the step.
        """
        self._latest, convention, ledger = None, self.ledger.convention, deepcopy(self.ledger)
        if not x.size:
            return {}
        case, true, limit = ledger.step(_finite(_floats(x)))
        if case.m == 1 and convention.single_value in ("error", "unobservable"):
            raise Undefined("training on one value a channel is for the layer to refuse")
        if case.m > 1 or convention.single_value != "unchanged-state":
            self.ledger = ledger
        nan, odd = _channels_with(np.isnan, x, case), _channels_with(np.isinf, x, case)
        self.nan, self.odd = self.nan | nan, self.odd | odd
        if not (nan | odd).any():
            self._latest = Latest(case, True, len(ledger.weights), (np.zeros(case.channels), np.zeros(case.channels)))
        y, tolerance = _spoiled(true.y, limit.y, nan, odd)
        return {"y": _due(y, tolerance, case, true.low.get("y"))}

    def infer(self, x: Array) -> Dues:
        """y of an inference, by the statistics that the steps so far have left, as exactly as those are known."""
        self._latest = None
        if self.lost:
            return {}
        case, error = self._now(_finite(_floats(x))), (self.ledger.bounds["running_mean"], self.ledger.bounds["running_var"])
        true = exact.infer(case)
        self._latest = Latest(case, False, 0, error)
        gamma, (grow, more), columns = case.gamma.astype(np.float64), _moved(case, true, error), case.columns(_floats(x))
        y = np.where(np.isfinite(columns), true.y, columns * np.where(gamma == 0, np.nan, gamma))
        limit = bounds.infer_bounds(case, true, grade=bounds.conformance_grade(case.dtype))
        y, tolerance = _spoiled(y, limit.y * grow + np.abs(gamma) * more, self.nan, self.odd)
        return {"y": _due(y, tolerance, case, true.low.get("y"))}

    def backward(self, dy: Array) -> Dues:
        """The gradients of the latest forward; where they add up over calls, those of the parameters are known only at first."""
        latest, self._backwards = self._latest, self._backwards + 1
        if latest is None:
            return {}
        convention, case = self.ledger.convention, latest.case.replace(dy=dy)
        true, tolerances = _gradients(latest, case, convention)
        anew = ("dx",) if convention.accumulate and self._backwards > 1 else tuple(tolerances)
        return {name: _due(getattr(true, name), tolerances[name], case, true.low.get(name)) for name in anew}

    def running(self) -> Dues:
        """The running statistics as the steps so far must have left them; those beside whole numbers are the layer's affair."""
        if self.lost or self.whole:
            return {}
        found = {}
        for name, (want, rest) in self.ledger.state().items():
            found[name] = Due(*_spoiled(want, self.ledger.bounds[name] + np.abs(rest), self.nan, self.odd))
        return found

    def load(self, state: Course) -> None:
        """Take over parameters and statistics, and the count of the steps."""
        own = self.ledger.case
        self.ledger, self.lost, self.nan, self.odd = state.ledger, state.lost, state.nan, state.odd
        self.ledger.case = self.ledger.case.replace(eps=own.eps, momentum=own.momentum)
        self._latest = None

    def _now(self, x: Array) -> Case:
        return self.ledger.case.replace(x=x, **{name: values for name, (values, _) in self.ledger.state().items()})


def start_of(step: LayerStep, convention: Convention) -> Case:
    """All that a fresh layer has, as a case whose x has no values yet: what the step leaves to it is what the convention says.

    ValueError for an eps that nobody knows.
    """
    starts = {"gamma": 1.0, "beta": 0.0, **dict(zip(("running_mean", "running_var"), convention.running_start, strict=True))}
    given = [values for name in starts if (values := getattr(step, name)) is not None]
    if step.rank > DIMENSIONS or (step.channels > MOST_CHANNELS and [step.channels] not in [values.shape for values in given]):
        raise ValueError("no layer of ours is as large")
    kept = parameter_dtype(_float_dtype(numpy_dtype(step.dtype)).name)
    arrays: dict[str, Any] = {}
    for name, start in starts.items():
        values = getattr(step, name)
        arrays[name] = np.full(step.channels, start, kept) if values is None else values.numpy()
    eps = convention.eps_default if step.eps is None else step.eps
    if eps is None:
        raise ValueError("the trace leaves eps to the layer, and the convention has no default")
    momentum = convention.momentum_default if step.momentum is None else step.momentum
    shape = [1] * step.rank
    shape[step.channel_axis] = step.channels
    x = np.zeros(shape, _float_dtype(numpy_dtype(step.dtype)))
    return Case(x, **arrays, eps=eps, momentum=momentum, channel_axis=step.channel_axis)


def _gradients(latest: Latest, case: Case, convention: Convention) -> tuple[Exact, dict[str, Array]]:
    """The true gradients of a forward for the case's dy, and their bounds."""
    grade = bounds.conformance_grade(case.dtype)
    if latest.training:
        true = exact.train(case, convention, step=latest.number)
        limit = bounds.train_bounds(case, true, convention, grade=grade, step=latest.number)
    else:
        true = exact.infer(case)
        limit = bounds.infer_bounds(case, true, grade=grade)
    grow, more = _moved(case, true, latest.error)
    size, outer = np.abs(case.columns(case.upstream)), np.abs(case.gamma.astype(np.float64)) * true.inv_std
    assert limit.dx is not None
    assert limit.dgamma is not None
    assert limit.dbeta is not None
    dx, dgamma = limit.dx * grow + size * (outer * (grow - 1)), limit.dgamma * grow + (size * more).sum(0)
    return true, {"dx": dx, "dgamma": dgamma, "dbeta": limit.dbeta}


def _moved(case: Case, true: Exact, error: tuple[Array, Array]) -> tuple[Array, Array]:
    """What statistics that are off by `error` do to an inference: the largest r over the true one, and x_hat's error.

    |x_hat' - x_hat| <= (|x - mean| + error of the mean) (largest r - r) + error of the mean r, r = 1 / sqrt(var + eps).
    """
    mean, var = error
    with np.errstate(all="ignore"):
        largest = 1 / np.sqrt(np.maximum(true.var - var, 0) + case.eps)
        grow = np.where(var > 0, largest / true.inv_std, 1.0)
        more = (np.abs(true.centered) + mean) * (grow - 1) * true.inv_std + mean * true.inv_std
    return grow, more


def _float_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Whole numbers are judged in float32, the coarsest of the floats that they may become."""
    return np.dtype(np.float32) if dtype.kind in WHOLE_KINDS else dtype


def _floats(x: Array) -> Array:
    """x in floats; ValueError where float32 does not hold its whole numbers."""
    floats = x.astype(_float_dtype(x.dtype))
    if x.dtype.kind in WHOLE_KINDS and not np.array_equal(floats.astype(np.float64), x.astype(np.float64)):
        raise ValueError(f"float32 does not hold these numbers of dtype {x.dtype}")
    return floats


def _finite(x: Array) -> Array:
    """x with 0 for what is no number: of those places and channels something else is said."""
    return np.where(np.isfinite(x.astype(np.float64)), x, x.dtype.type(0))


def _channels_with(question: Callable[[Array], Array], x: Array, case: Case) -> Array:
    """The channels for some value of which the answer is yes, (C,)."""
    return np.asarray(question(case.columns(x)).any(0))


def _spoiled(want: Array, tolerance: Array, nan: Array, odd: Array) -> tuple[Array, Array]:
    """Values and tolerances with NaN due in some channels, and nothing promised of others."""
    return np.where(nan, np.nan, want), np.where(nan, 0.0, np.where(odd, np.inf, tolerance))


def _due(columns: Array, tolerance: Array, case: Case, low: Array | None) -> Due:
    """Columns as the layer returns them; what float64 cannot hold of the true value is added to the tolerance."""
    allowed = tolerance if low is None else tolerance + np.abs(low)
    allowed = np.broadcast_to(np.where(np.isnan(allowed), np.inf, allowed), columns.shape)
    risky = bounds.may_overflow(case)
    if columns.ndim == 1:
        return Due(columns, allowed, risky)
    want, most = (from_columns(np.ascontiguousarray(part), case.x.shape, case.channel_axis) for part in (columns, allowed))
    return Due(want, most, risky)
