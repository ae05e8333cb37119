"""Error bounds of the forward pass, one function a numbered bound of reference/bounds.md. Channels are columns: (C,) and (m, C)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnspec.bounds_scalars import EVALUATION, FORMATS, Averaging, Rounding, averaging, no_statement
from bnspec.case import Array, Case
from bnspec.convention import Convention
from bnspec.exact import Exact

INV_STD_ROUNDINGS = 4.0
"""A square root and a division round twice; a hardware reciprocal square root is good to 2 ulp, 4 units."""


@dataclass(frozen=True, eq=False)
class StatisticsError:
    """How far the statistics that normalize may be off, a channel; with the oracle's own error.

    mean, var   absolute: E and Dv
    inv_std     relative
    highest     the largest inv_std within the bound
    size        |x|, (m, C), to a rounding of |x| + 2 |mean|
    reach       2 (|mean| + E): with |x|, the size at which a fused y = a x + c rounds
    """

    mean: Array
    var: Array
    inv_std: Array
    highest: Array
    size: Array
    reach: Array


def mean_error(exact: Exact, k: Rounding) -> Array:
    """B1. E = growth(K) mean|x| + underflow, K = m + 3 (2 + ln m) + 2: any order of sums, Welford, Chan; A: K = height + 2.

    C admits a mean shifted by any value between the data and 0. Half statistics are rounded once more. Shape (C,), absolute.
    """
    error = exact.abs_mean * ((k.mean_growth + exact.roundoff) * EVALUATION) + k.mean_underflow
    if k.grade == "C":
        far = np.abs(exact.mean) + exact.abs_max
        shifted = (exact.abs_mean + exact.abs_max) * k.mean_growth + k.mean_underflow
        error = np.maximum(error, (shifted + 2 * k.unit * far) * EVALUATION)
    if k.statistic:
        error = error + k.statistic * (np.abs(exact.mean) + error) + k.statistic_underflow
    return error


def variance_error(exact: Exact, error: Array, k: Rounding) -> Array:
    """B2, B3. Dv = growth(m + 5) v + cW sqrt(v) E + c2 E**2 + underflow, for `error` = E of B1; A is two-pass: cW = 0, c2 = 1.

    C adds what E[x**2] - E[x]**2 and one-pass sums of x - K lose to cancellation. Shape (C,), absolute.
    """
    var = exact.var
    cross = np.sqrt(var) * (k.var_cross * EVALUATION) + error * (k.var_square * EVALUATION)
    bound = var * ((k.var_growth + exact.roundoff) * EVALUATION) + error * cross + k.var_underflow
    if k.grade == "C":
        far = np.abs(exact.mean) + exact.abs_max
        shifted = (exact.abs_mean + exact.abs_max) * k.mean_growth + k.mean_underflow
        squares = var + far * far
        cancelled = (k.grown(k.height + 7) + 2 * k.unit) * squares + (1 + 2 * k.unit) * shifted * (2 * far + shifted)
        bound = np.maximum(bound, cancelled * EVALUATION + k.var_underflow)
    if k.statistic:
        bound = bound + k.statistic * (var + bound) + k.statistic_underflow
    return bound


def inv_std_error(exact: Exact, error: Array, eps: float, k: Rounding) -> Array:
    """B4. rr = phi + (1 + phi) 4 u, phi = (1 - rho)**-1/2 - 1, rho = (Dv + u eps + u (s + Dv) + underflow) / s, s = v + eps.

    Relative, (C,), infinite where rho >= 1: the variance is lost in its own error and nothing can be said. `error` is Dv.
    """
    rho = (error * (1 + k.unit) + (k.unit * eps + k.underflow)) / (exact.var + eps) + k.unit
    root = np.sqrt(1 - np.fmin(rho, 1.0))
    phi: Array = rho / (root + root * root)  # 1 / root - 1 without cancellation
    rounded = INV_STD_ROUNDINGS * k.unit + k.statistic + exact.roundoff
    return phi * (EVALUATION + rounded) + rounded * EVALUATION


def statistics_error(case: Case, exact: Exact, k: Rounding) -> StatisticsError:
    """B1 to B4 in a row; in inference the statistics are given, and at most rounded to half (grade H)."""
    if k.training:
        mean = mean_error(exact, k)
        var = variance_error(exact, mean, k)
    else:
        mean = np.abs(exact.mean) * k.statistic + k.statistic_underflow
        var = exact.var * k.statistic + k.statistic_underflow
    inv_std = inv_std_error(exact, var, case.eps, k)
    highest = exact.inv_std * (1 + inv_std)
    size = np.abs(exact.centered + exact.mean)
    return StatisticsError(mean, var, inv_std, highest, size, 2 * (np.abs(exact.mean) + mean))


def output_error(case: Case, exact: Exact, error: StatisticsError, k: Rounding) -> Array:
    """B5. Dt = |g| (r |d| rr + R (|d| + E) growth(4) + R E) + |g| R u (1 + 3u) (|x| + 2 (|m| + E)) + u |b|, then rounding y.

    R is the largest inv_std within its bound. The first three terms are those of (x - m) r g + b, the others of a x + c, a = g r.
    A in inference has the first three only. A half y is rounded once (A) or, with its intermediates, three times. Shape (m, C).
    """
    gamma, beta = np.abs(case.gamma), np.abs(case.beta)
    scale = gamma * error.highest
    grown = k.grown(4)
    a_distance = gamma * exact.inv_std * error.inv_std + scale * (grown + k.intermediates) + k.underflow
    a_size = scale * k.fused + k.underflow
    constant = scale * error.mean * (1 + grown + k.intermediates) + error.reach * a_size
    constant += beta * (k.unit + k.intermediates) + k.underflow * (1 + gamma)
    # What multiplies everything multiplies the channels' factors, which are fewer than the elements.
    once = (1 + k.stored) * EVALUATION
    bound = np.abs(exact.centered) * (a_distance * once) + error.size * (a_size * once) + (constant * once + k.output_underflow)
    bound += np.abs(exact.y) * ((k.stored + exact.roundoff) * EVALUATION)
    return no_statement(bound)


def step_weights(case: Case, convention: Convention, step: int) -> Averaging:
    """The weights of this step of the running average, from a cache that asks only what decides them."""
    return averaging(convention.momentum_weighs, convention.debias, case.momentum, step)


def running_error(
    new: Array, change: Array, old: Array, weights: Averaging, k: Rounding, *, extra: float, roundoff: float
) -> Array:
    """B6. w D + c u |old| + (c + extra) u (|new| + D) + up (|1 - w| |old| + w (|new| + D)) + underflow, c = 5 (B7 where debiased).

    For old + w (new - old) in any arrangement and any rounded weight; `new` is |the batch's statistic|, D = `change` its error.
    The oracle's own error is at most roundoff (|1 - w| |old| + w |new|).
    """
    slack = weights.roundings * max(k.unit, k.statistic)
    w, keep = abs(weights.new), abs(weights.old)
    a_new = (slack + extra * k.unit + w * (k.parameter + roundoff)) * EVALUATION
    a_old = (slack + keep * (k.parameter + k.statistic + roundoff)) * EVALUATION
    return no_statement(change * (w * EVALUATION + a_new) + np.abs(old) * a_old + new * a_new + 4 * k.parameter_underflow)


def running_mean_error(case: Case, exact: Exact, error: StatisticsError, weights: Averaging, k: Rounding) -> Array:
    """B6 for the mean: new = |mean|, D = E. Shape (C,), absolute, with the oracle's own error."""
    return running_error(np.abs(exact.mean), error.mean, case.running_mean, weights, k, extra=0.0, roundoff=exact.roundoff)


def running_var_error(case: Case, exact: Exact, error: StatisticsError, weights: Averaging, k: Rounding, *, factor: float) -> Array:
    """B6 for the variance: new = f v, D = f Dv, three roundings more for the factor f (1, or m / (m - 1)). Shape (C,), absolute."""
    new, change = exact.var * factor, error.var * factor
    return running_error(new, change, case.running_var, weights, k, extra=3.0, roundoff=exact.roundoff)


def repeated_running_bound(
    local: Sequence[Array], convention: Convention, momentum: float | None, dtype: str, *, first_step: int = 1
) -> Array:
    """B8. e_t = (|1 - w_t| + c u) e_(t-1) + local_t: the error of a running statistic after len(local) steps that start exact.

    local   the bound of each step, its old value taken exact; `dtype` names the dtype in which the average is kept
    """
    error = np.zeros_like(local[0])
    for step, bound in enumerate(local, start=first_step):
        weights = averaging(convention.momentum_weighs, convention.debias, momentum, step)
        error = (abs(weights.old) + weights.roundings * FORMATS[dtype].unit) * error + bound
    return error
