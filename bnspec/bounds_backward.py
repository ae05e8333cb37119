"""Error bounds of the gradients, one function a numbered bound of reference/bounds.md. Channels are columns: (C,) and (m, C)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnspec.bounds_forward import StatisticsError
from bnspec.bounds_scalars import EVALUATION, Rounding, no_statement
from bnspec.case import Array, Case
from bnspec.exact import Exact


@dataclass(frozen=True, eq=False)
class Upstream:
    """What every gradient's bound needs of dy and of x_hat's own error, computed once.

    size        |dy|, (m, C)
    total       sum |dy|, (C,)
    x_hat       |x_hat|, (m, C)
    own         error of one x_hat that is not shared by its channel, (m, C)
    largest     largest |x_hat| within its bound, (m, C)
    """

    size: Array
    total: Array
    x_hat: Array
    own: Array
    largest: Array


def upstream(dy: Array, exact: Exact, error: StatisticsError, k: Rounding) -> Upstream:
    """B9. x_hat's error is x_hat rr + R E, shared by its channel, and of its own
    nu = growth(3) (1 + rr) (|x_hat| + r E) + 4 u R (|x| + 2 (|m| + E)).

    The second part of nu is for backward passes that are fused like the forward one; a half x_hat is rounded once more.
    `dy` is (m, C) columns in float64.
    """
    size, x_hat = np.abs(dy), np.abs(exact.x_hat)
    factor = 1 + error.inv_std
    relative, fused = factor * k.hat_growth, error.highest * k.fused_hat
    own = x_hat * relative + error.size * fused
    own += relative * exact.inv_std * error.mean + fused * error.reach + k.underflow
    largest = x_hat * factor + error.highest * error.mean + own
    return Upstream(size, size.sum(0), x_hat, own, largest)


def dbeta_error(exact: Exact, up: Upstream, k: Rounding) -> Array:
    """B10. growth(height + 1) sum|dy| + up |dbeta| + underflow. Shape (C,), absolute."""
    bound = up.total * k.grown(k.height + 1) + np.abs(_given(exact.dbeta)) * (k.parameter + exact.roundoff) + k.parameter_underflow
    return no_statement(bound * EVALUATION)


def dgamma_sum_error(exact: Exact, error: StatisticsError, up: Upstream, k: Rounding) -> Array:
    """B11. |dgamma| rr + R E |dbeta| + sum |dy| nu + growth(height + 3) sum |dy| (|x_hat| + its error) + underflow.

    What the statistics' errors share over a channel multiplies |dgamma| and |dbeta|, not sum|dy|. C adds the sums of dy x and
    mean dy taken apart. Shape (C,), before the result is stored.
    """
    summing = k.grown(k.height + 3)
    bound: Array = np.abs(_given(exact.dgamma)) * error.inv_std + error.highest * error.mean * np.abs(_given(exact.dbeta))
    bound += (up.size * (up.own + up.largest * summing)).sum(0) + 3 * k.m * k.underflow * (1 + error.highest)
    if k.grade == "C":
        apart = (up.size * error.size).sum(0) + error.reach * up.total
        bound += error.highest * summing * apart
    return bound


def dgamma_error(exact: Exact, sum_error: Array, k: Rounding) -> Array:
    """B11 and the rounding to the parameters' dtype. Shape (C,), absolute."""
    bound = sum_error * (1 + k.parameter) + np.abs(_given(exact.dgamma)) * (k.parameter + exact.roundoff) + k.parameter_underflow
    return no_statement(bound * EVALUATION)


def residual_error(exact: Exact, error: StatisticsError, up: Upstream, sum_error: Array, k: Rounding) -> Array:
    """B12. T = dy - g - x_hat q, g = mean dy, q = dgamma / m: DT = Dg + |x_hat| Dq + (|q| + Dq) (x_hat's error) + 6 u (sizes).

    Dg = growth(height + 3) (mean|dy| + |q| + Dq): the second part is the sum of x - mean, exactly 0, that automatic differentiation
    evaluates. Shape (m, C); the mean's error counts twice for the same reason.
    """
    g, q = np.abs(_given(exact.dbeta)) / k.m, np.abs(_given(exact.dgamma)) / k.m
    dq = sum_error / k.m + k.grown(2) * (q + sum_error / k.m) + k.half_sums * q
    most = q + dq
    dg = k.grown(k.height + 3) * (up.total / k.m + most) + k.half_sums * g
    rounded = 6 * k.unit + 2 * k.half_sums
    a_hat = dq + most * error.inv_std + rounded * q
    constant = dg + most * (2 * error.highest * error.mean) + rounded * g
    total: Array = up.x_hat * a_hat + up.own * most + up.size * rounded + constant
    return total


def dx_error(case: Case, exact: Exact, error: StatisticsError, up: Upstream, sum_error: Array, k: Rounding) -> Array:
    """B13. |g| r (DT (1 + rr) (1 + growth(4)) + |T| (rr + (1 + rr) growth(4))) and the roundings to dx's dtype. Shape (m, C).

    In inference T = dy, DT = 0. Covers g r (dy - mean dy - x_hat mean(dy x_hat)), (g r / m) (m dy - dbeta - x_hat dgamma), the form
    by sum((x - mean) dy) r**2 / m, and the chain through dvar and dmean.
    """
    gamma = np.abs(case.gamma)
    grown = k.grown(4) + k.statistic
    outer = gamma * exact.inv_std
    once, tiny = (1 + k.dx_stored) * EVALUATION, (k.m + 1) * k.underflow
    rise = error.inv_std + (1 + error.inv_std) * grown
    bound = np.abs(_given(exact.residual)) * ((outer * rise + tiny) * once)
    if k.training:
        bound += residual_error(exact, error, up, sum_error, k) * ((outer * (1 + rise) + tiny) * once)
    # Each product on the way may underflow: g r, g x_hat, r**2 sum((x - mean) dy), each then multiplied by the others.
    lost = (8 * k.underflow) * ((1 + gamma * error.highest) * (1 + error.highest) + gamma)
    bound += up.x_hat * lost + (lost + 2 * k.output_underflow)
    bound += np.abs(_given(exact.dx)) * ((k.dx_stored + exact.roundoff) * EVALUATION)
    return no_statement(bound)


def _given(values: Array | None) -> Array:
    """The exact gradient, which is there whenever the case has a dy."""
    if values is None:
        raise ValueError("the exact values have no gradients; compute them from a case with a dy")
    return values
