"""The error bound of the double backward pass: the gradient of the training gradient (reference/bounds.md, B15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bnspec.bounds_backward import Upstream, dx_error, residual_error, upstream
from bnspec.bounds_forward import StatisticsError, statistics_error
from bnspec.bounds_scalars import EVALUATION, Rounding, no_statement, rounding
from bnspec.case import Array, Case
from bnspec.exact import Exact


@dataclass(frozen=True, eq=False)
class _Projection:
    """A cotangent t (dy, or v_dx) with its channel means: mean t, mean t x_hat, their errors and that of t's residual."""

    values: Array
    mean: Array
    mean_error: Array
    along: Array
    along_error: Array
    up: Upstream
    sum_error: Array


@np.errstate(all="ignore")
def double_backward_bounds(
    case: Case, exact: Exact, v_dx: Array, v_dgamma: Array, v_dbeta: Array, *, arithmetic: str | None = None
) -> tuple[Array, Array, Array]:
    """Bounds of the gradients of <v_dx, dx> + <v_dgamma, dgamma> + <v_dbeta, dbeta> by x, dy and gamma, in training, grade B.

    v_dx (m, C) columns; v_dgamma, v_dbeta (C,); the result: (m, C), (m, C), (C,), absolute
    exact        of the training case, with its gradients
    arithmetic   None: x's own dtype, half too, since frameworks compose this pass of elementary operations

    Raises ValueError where the case has no dy.
    """
    if case.dy is None:
        raise ValueError("a double backward pass needs a case with a dy; this one has none")
    k = rounding(case.m, case.dtype, "B", True, arithmetic or case.dtype)
    error = statistics_error(case, exact, k)
    dy = _projection(case.columns(case.dy), exact, error, k)
    v = _projection(np.asarray(v_dx, np.float64), exact, error, k)
    c, c_error = _correlation(dy, v, k)
    by_x = _by_x(case, exact, error, (dy, v), (c, c_error), np.abs(v_dgamma), k)
    by_dy = _by_dy(case, exact, error, v, np.abs(v_dgamma), np.abs(v_dbeta), k)
    grown = k.grown(6) + k.stored
    by_gamma = k.m * exact.inv_std * (c_error * (1 + error.inv_std) * (1 + grown) + np.abs(c) * (error.inv_std + 2 * grown))
    tiny = 4 * k.m * (1 + error.highest) * k.underflow + k.output_underflow
    return by_x, by_dy, no_statement((by_gamma + tiny) * EVALUATION)


def _projection(values: Array, exact: Exact, error: StatisticsError, k: Rounding) -> _Projection:
    """The means of `values` and their errors: B10 and B11 divided by m, whichever cotangent it is."""
    up = upstream(values, exact, error, k)
    mean, along = values.mean(0), (values * exact.x_hat).mean(0)
    summing = k.grown(k.height + 3)
    sums = np.abs(along) * error.inv_std + error.highest * error.mean * np.abs(mean) + k.underflow * 3 * (1 + error.highest)
    summed = sums + (up.size * (up.own + up.largest * summing)).mean(0)
    mean_error = summing * up.total / k.m + k.underflow
    along_error = summed + k.grown(2) * (np.abs(along) + summed)
    return _Projection(values, mean, mean_error, along, along_error, up, k.m * summed)


def _correlation(dy: _Projection, v: _Projection, k: Rounding) -> tuple[Array, Array]:
    """c = mean(v dy) - mean(v) mean(dy) - p q and its error, whichever of its three equal forms is summed. Shape (C,) both.

    The sizes are those of mean((v - mean(v) - x_hat p) dy) with every term made positive: no form is summed of larger ones.
    """
    a, b, q, p = (np.abs(t) for t in (dy.mean, v.mean, dy.along, v.along))
    size = (v.up.size * dy.up.size).mean(0)
    spread = size + b * dy.up.total / k.m + a * v.up.total / k.m
    spread += (p + v.along_error) * (dy.up.size * dy.up.largest).mean(0) + (q + dy.along_error) * (v.up.size * v.up.largest).mean(0)
    means = (b + v.mean_error) * dy.mean_error + a * v.mean_error
    alongs = (p + v.along_error) * dy.along_error + q * v.along_error
    c = (v.values * dy.values).mean(0) - v.mean * dy.mean - v.along * dy.along
    return c, means + 3 * alongs + (k.grown(k.height + 3) + 8 * k.unit) * spread + 3 * k.underflow


def _by_x(
    case: Case,
    exact: Exact,
    error: StatisticsError,
    projections: tuple[_Projection, _Projection],
    correlation: tuple[Array, Array],
    v_dgamma: Array,
    k: Rounding,
) -> Array:
    """-gamma r**2 (h (c - 2 p q) + p (dy - a) + q (v - b)) + v_dgamma r T: each product with the errors of its factors.

    Roundings, and r's own error, count at the sizes of the products, not of their sum: other forms group them differently.
    """
    dy, v = projections
    c, c_error = correlation
    a, b, q, p = (np.abs(t) for t in (dy.mean, v.mean, dy.along, v.along))
    hat = np.abs(exact.x_hat)
    hat_error = hat * error.inv_std + 2 * error.highest * error.mean + dy.up.own
    slope_size = np.abs(c) + 3 * p * q
    slope_error = c_error + 2 * (p * dy.along_error + (q + dy.along_error) * v.along_error) + 8 * k.unit * slope_size
    from_dy, from_v = dy.up.size + a, v.up.size + b
    factors = hat_error * (np.abs(c - 2 * v.along * dy.along) + slope_error) + hat * slope_error
    factors += v.along_error * (from_dy + dy.mean_error) + p * dy.mean_error
    factors += dy.along_error * (from_v + v.mean_error) + q * v.mean_error
    sizes = hat * slope_size + p * from_dy + q * from_v
    twice, outer = (1 + error.inv_std) ** 2, np.abs(case.gamma) * exact.inv_std**2
    bound = outer * (factors * (twice * (1 + k.grown(6))) + sizes * (twice * (1 + k.grown(8)) - 1))
    residual_size, from_residual = _residual_part(exact, error, dy, v_dgamma, k)
    bound = (bound + from_residual) * (1 + k.stored) + (outer * sizes + residual_size) * (k.stored + 2 * k.unit)
    tiny = 16 * k.underflow * (1 + np.abs(case.gamma) + v_dgamma) * (1 + error.highest) ** 3
    return no_statement((bound + tiny * (1 + hat) + k.output_underflow) * EVALUATION)


def _residual_part(exact: Exact, error: StatisticsError, dy: _Projection, v_dgamma: Array, k: Rounding) -> tuple[Array, Array]:
    """|v_dgamma r T| and its error: B12, times r."""
    outer = v_dgamma * exact.inv_std
    size = outer * np.abs(dy.values - dy.mean - exact.x_hat * dy.along)
    rise = error.inv_std + (1 + error.inv_std) * k.grown(4)
    loose = residual_error(exact, error, dy.up, dy.sum_error, k)
    return size, size * rise + outer * loose * (1 + rise)


def _by_dy(case: Case, exact: Exact, error: StatisticsError, v: _Projection, v_dgamma: Array, v_dbeta: Array, k: Rounding) -> Array:
    """gamma r (v - b - p h) is dx of the upstream gradient v (B13); v_dgamma h and v_dbeta are added to it."""
    residual = v.values - v.mean - exact.x_hat * v.along
    as_gradient = Exact(
        **{name: getattr(exact, name) for name in ("mean", "var", "inv_std", "y", "x_hat", "centered", "abs_mean", "abs_max")},
        running_mean=exact.running_mean,
        running_var=exact.running_var,
        dbeta=k.m * v.mean,
        dgamma=k.m * v.along,
        residual=residual,
        dx=case.gamma * exact.inv_std * residual,
        roundoff=exact.roundoff,
    )
    bound = dx_error(case, as_gradient, error, v.up, v.sum_error, k)
    hat = np.abs(exact.x_hat)
    hat_error = hat * error.inv_std + error.highest * error.mean + v.up.own
    value = np.abs(case.gamma) * exact.inv_std * np.abs(residual) + v_dgamma * hat + v_dbeta
    bound += v_dgamma * hat_error + (value + bound + v_dgamma * hat_error) * (k.grown(3) + k.stored)
    return no_statement(bound * EVALUATION)
