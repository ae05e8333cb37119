"""What the error bounds mean for laws about whole outputs: moments, the undone transform, running averages, finite differences.

Derivations: reference/bounds.md, B16 to B20. The statistical ones hold with probability 1 - alpha, the others always.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from bnspec.bounds import Bounds
from bnspec.bounds_scalars import EVALUATION, FORMATS, ORACLE_UNIT, growth
from bnspec.case import Array, Case, from_columns, parameter_dtype
from bnspec.exact import Exact

FALSE_ALARM = 1e-12
"""Default probability that a correct layer leaves a statistical interval."""

STEP_EXPONENTS = range(-14, 2)
"""Steps tried for finite differences, 2**k standard deviations each: rounding drowns smaller ones, curvature larger ones."""


class Interval(NamedTuple):
    """Two ends, each a float or an array of (C,), both included."""

    low: Array
    high: Array

    def holds(self, value: Array, allowance: Array | float = 0.0) -> Array:
        """Where `value` lies inside, give or take `allowance` (rounding, for instance); NaN lies nowhere."""
        inside: Array = (value >= self.low - allowance) & (value <= self.high + allowance)
        return inside


def moment_bounds(exact: Exact, y_bound: Array, case: Case) -> tuple[Array, Array]:
    """B16. How far mean(y) may lie from beta, and var(y) from gamma**2 var / (var + eps), in training; (C,) each.

    mean(Dy), and 2 |gamma| sqrt(v) r rms(Dy) + rms(Dy)**2, for y_bound = Dy (m, C); and the rounding of both sides in float64:
    mean(y) in any order, the biased var(y) in two passes. Nothing is assumed about y but that it holds to Dy.
    """
    m = case.m
    gamma, beta = np.abs(case.gamma.astype(np.float64)), np.abs(case.beta.astype(np.float64))
    with np.errstate(all="ignore"):
        spread = gamma * np.sqrt(exact.var) * exact.inv_std
        average, square = y_bound.mean(0), np.square(y_bound).mean(0)
        size = np.abs(exact.y).mean(0) + average
        mean_bound = average + growth(m + 2, ORACLE_UNIT) * size + ORACLE_UNIT * beta
        drift = 2 * spread * np.sqrt(square) + square
        evaluated = growth(m + 8, ORACLE_UNIT) * (spread**2 + drift) + (growth(m + 2, ORACLE_UNIT) * size) ** 2
        var_bound = drift + evaluated + 8 * ORACLE_UNIT * spread**2
    return np.fmin(mean_bound * EVALUATION, np.inf), np.fmin(var_bound * EVALUATION, np.inf)


def undo_bound(exact: Exact, y_bound: Array, case: Case) -> Array:
    """B17. |y - x| <= Dy + 2 u (|x - mean| + |mean|) where gamma = fl(sqrt(var + eps)) and beta = fl(mean), each to an ulp. (m, C).

    Ioffe & Szegedy 2015, sec. 3: these parameters recover the original activations. u is that of the parameters' dtype.
    """
    unit = FORMATS[parameter_dtype(case.dtype).name].unit
    bound: Array = (y_bound + 2 * (unit + ORACLE_UNIT) * (np.abs(exact.centered) + np.abs(exact.mean))) * EVALUATION
    return bound


def schedule(batch_weights: Sequence[float]) -> tuple[float, Array]:
    """What a running average comes to after steps of these weights: (weight left of the start, weight of each batch in order)."""
    weights = np.asarray(batch_weights, np.float64)
    left = np.append(np.cumprod((1 - weights)[::-1])[::-1], 1.0)
    return float(left[0]), weights * left[1:]


def running_mean_confidence(
    batch_weights: Sequence[float],
    start: Array | float,
    mu: Array | float,
    sigma: Array | float,
    m: int,
    *,
    alpha: float = FALSE_ALARM,
) -> Interval:
    """B18. Where the running mean of a stream of batches of m draws from N(mu, sigma**2) lies with probability 1 - alpha.

    Exactly normal: centre left start + sum(a) mu, variance sum(a**2) sigma**2 / m, for `schedule`'s left and a. Where several
    channels are judged at once, divide alpha by their number.
    """
    left, a = schedule(batch_weights)
    centre = left * np.asarray(start, np.float64) + a.sum() * np.asarray(mu, np.float64)
    reach = -NormalDist().inv_cdf(alpha / 2) * np.asarray(sigma, np.float64) * math.sqrt(float(np.square(a).sum()) / m)
    return Interval(centre - reach, centre + reach)


def running_var_confidence(
    batch_weights: Sequence[float],
    start: Array | float,
    sigma: Array | float,
    m: int,
    *,
    unbiased: bool,
    alpha: float = FALSE_ALARM,
) -> Interval:
    """B19. The same for the running variance: a weighted sum of chi-squares with m - 1 degrees (Laurent & Massart 2000, lemma 1).

    Centre left start + sum(a) f (m - 1) / m sigma**2, f = m / (m - 1) if unbiased, else 1: biased ones settle below sigma**2.
    With l = a f sigma**2 / m, x = ln(2 / alpha): above by 2 |l|_2 sqrt(x) + 2 |l|_inf x, below by 2 |l|_2 sqrt(x).
    """
    left, a = schedule(batch_weights)
    factor = m / (m - 1) if unbiased and m > 1 else 1.0
    power = np.square(np.asarray(sigma, np.float64))
    centre = left * np.asarray(start, np.float64) + a.sum() * factor * (m - 1) / m * power
    x = math.log(2 / alpha)
    norm = factor * power / m * math.sqrt((m - 1) * float(np.square(a).sum()))
    largest = factor * power / m * float(np.abs(a).max(initial=0.0))
    return Interval(centre - 2 * norm * math.sqrt(x), centre + 2 * norm * math.sqrt(x) + 2 * largest * x)


@dataclass(frozen=True, eq=False)
class DirectionalCheck:
    """B20. Two neighbours of a case, and how well a layer's own outputs at them must agree with its own dx at the centre.

    plus, minus   the cases to ask for y; they lie `step` standard deviations on either side of `centre`, which is asked for dx
    expected      [L(plus) - L(minus)] - <dx, plus - minus> of the true values, L = <dy, y>: the curvature, known exactly; (C,)
    tolerance     what rounding may add to that, (C,)
    """

    centre: Case
    plus: Case
    minus: Case
    expected: Array
    tolerance: Array

    def residual(self, y_plus: Array, y_minus: Array, dx: Array) -> Array:
        """The same for a layer's answers (shaped as x), less what is expected: within `tolerance` if dx belongs to y. (C,)."""
        columns = self.centre.columns
        return _directional(self, columns(y_plus), columns(y_minus), columns(dx)) - self.expected

    def detectable(self) -> Array:
        """The smallest |<error of dx, plus - minus>| that is sure to be noticed, (C,)."""
        return 2 * self.tolerance


def _directional(check: DirectionalCheck, y_plus: Array, y_minus: Array, dx: Array) -> Array:
    """L(plus) - L(minus) - <dx, plus - minus>, a channel; all in columns."""
    centre = check.centre
    distance = centre.columns(check.plus.x) - centre.columns(check.minus.x)
    total: Array = (_weights(centre) * (y_plus - y_minus)).sum(0) - (dx * distance).sum(0)
    return total


def _weights(case: Case) -> Array:
    """dy as columns: the weights of the scalar loss <dy, y> whose gradient dx is."""
    if case.dy is None:
        raise ValueError("finite differences weigh y by dy; this case has none")
    return case.columns(case.dy)


Judge = Callable[[Case], tuple[Exact, Bounds]]
"""From a case to its exact values and the bounds of its grade: training, with the caller's convention, grade and arithmetic."""


def finite_difference_check(
    case: Case, direction: Array, step: float, judge: Judge, *, centre: tuple[Exact, Bounds] | None = None
) -> DirectionalCheck:
    """The check of <dy, y> along `direction` (m, C) at x -+ step * standard deviation * direction, rounded to x's dtype.

    tolerance = sum|dy| (Dy(plus) + Dy(minus)) + sum Ddx |plus - minus| and the rounding of the sums in float64.
    Gaussian directions miss no error for its shape; +-1 ones do. `centre`: judge(case), where it is known already.
    Raises ValueError where the case has no dy.
    """
    middle, middle_bounds = centre or judge(case)
    scale = np.where(middle.var > 0, np.sqrt(middle.var), np.sqrt(case.eps)) * step
    plus, minus = (_moved(case, sign * scale * direction) for sign in (1, -1))
    (right, right_bounds), (left, left_bounds) = judge(plus), judge(minus)
    check = DirectionalCheck(case, plus, minus, np.zeros(case.channels), np.zeros(case.channels))
    dy, distance = np.abs(_weights(case)), np.abs(case.columns(plus.x) - case.columns(minus.x))
    dx, dx_bound = _present(middle.dx), _present(middle_bounds.dx)
    sizes = (dy * (np.abs(right.y) + np.abs(left.y))).sum(0) + (np.abs(dx) * distance).sum(0)
    rounding = (dy * (right_bounds.y + left_bounds.y)).sum(0) + (dx_bound * distance).sum(0)
    tolerance = (rounding * (1 + growth(case.m + 4, ORACLE_UNIT)) + 2 * growth(case.m + 4, ORACLE_UNIT) * sizes) * EVALUATION
    return DirectionalCheck(case, plus, minus, _directional(check, right.y, left.y, dx), tolerance)


def finite_difference_tolerance(case: Case, direction: Array, judge: Judge) -> DirectionalCheck:
    """The sharpest check over the steps 2**k: the least tolerance and curvature for its length, summed over the channels.

    Only the true values decide. The layer under test is never asked, so the choice cannot favour it.
    """
    centre = judge(case)
    checks = {2.0**k: finite_difference_check(case, direction, 2.0**k, judge, centre=centre) for k in STEP_EXPONENTS}
    blur = {step: float(np.sum(check.tolerance + np.abs(check.expected))) / step for step, check in checks.items()}
    return checks[min(blur, key=lambda step: blur[step])]


def _moved(case: Case, shift: Array) -> Case:
    """The case with x moved by `shift` (m, C) and rounded to x's dtype."""
    x = from_columns(case.columns(case.x) + shift, case.x.shape, case.channel_axis).astype(case.x.dtype)
    return case.replace(x=x)


def _present(values: Array | None) -> Array:
    """A gradient, or its bound, that must be there."""
    if values is None:
        raise ValueError("finite differences need the exact dx and its bound; the judge gave none")
    return values
