"""How far a correct float implementation may stray from the exact values: absolute bounds, derived in reference/bounds.md.

Four grades, each a set of algorithms: A accurate, B stable (the conformance limit in float32 and float64), C unstable but
semantically right, H stable with statistics and parameters kept in half (the limit in half dtypes). Two correct implementations
differ by at most the sum of their bounds. An implementation outside C on an informative case is wrong: F.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnspec.bounds_backward import dbeta_error, dgamma_error, dgamma_sum_error, dx_error, upstream
from bnspec.bounds_forward import (
    StatisticsError,
    output_error,
    repeated_running_bound,
    running_mean_error,
    running_var_error,
    statistics_error,
    step_weights,
)
from bnspec.bounds_scalars import FORMATS, GRADES, Rounding, known, no_statement, rounding
from bnspec.case import HALF_DTYPES, Array, Case, parameter_dtype
from bnspec.convention import Convention
from bnspec.exact import Exact

__all__ = [
    "GRADES",
    "Bounds",
    "conformance_grade",
    "infer_bounds",
    "informative",
    "may_overflow",
    "repeated_running_bound",
    "train_bounds",
]

INFORMATIVE_SHARE = 0.1
"""A bound of more than this share of the judged quantity cannot tell right from wrong."""


@dataclass(frozen=True, eq=False)
class Bounds:
    """Absolute error bounds, columns as in `Exact`: (C,) a channel, (m, C) an element; infinite where nothing is promised.

    mean, var, inv_std           of the statistics that normalized
    running_mean, running_var    of the state after the call; 0 in inference, where it must not move
    dbeta, dgamma, dx            None where the case has no dy
    """

    mean: Array
    var: Array
    inv_std: Array
    y: Array
    running_mean: Array
    running_var: Array
    dbeta: Array | None = None
    dgamma: Array | None = None
    dx: Array | None = None


@np.errstate(all="ignore")
def train_bounds(
    case: Case,
    exact: Exact,
    convention: Convention,
    *,
    grade: str = "B",
    step: int = 1,
    arithmetic: str | None = None,
    flush_to_zero: bool = False,
) -> Bounds:
    """The bounds of a training call; `step` counts the calls from 1, for conventions whose weights depend on it.

    arithmetic      dtype name of the accumulation, which must hold gamma, beta and the state; None: float32 for half x, else x's
    flush_to_zero   whether subnormal results may become 0, as on some accelerators

    Raises ValueError for an unknown grade or dtype.
    """
    k = rounding(case.m, case.dtype, grade, True, arithmetic, flush_to_zero)
    error = statistics_error(case, exact, k)
    weights = step_weights(case, convention, step)
    unbiased = case.m > 1 and convention.variance_kind(case.x.ndim) == "unbiased"
    factor = case.m / (case.m - 1) if unbiased else 1.0
    return Bounds(
        error.mean,
        error.var,
        no_statement(error.inv_std * exact.inv_std),
        output_error(case, exact, error, k),
        running_mean_error(case, exact, error, weights, k),
        running_var_error(case, exact, error, weights, k, factor=factor),
        *_gradients(case, exact, error, k),
    )


@np.errstate(all="ignore")
def infer_bounds(
    case: Case, exact: Exact, *, grade: str = "B", arithmetic: str | None = None, flush_to_zero: bool = False
) -> Bounds:
    """The bounds of an inference call: the statistics are given, so only rounding is left, and the state must not move by a bit.

    Arguments and errors as for `train_bounds`.
    """
    k = rounding(case.m, case.dtype, grade, False, arithmetic, flush_to_zero)
    still = np.zeros(case.channels)
    return bounds_of(case, exact, statistics_error(case, exact, k), k, still, still)


def bounds_of(case: Case, exact: Exact, error: StatisticsError, k: Rounding, running_mean: Array, running_var: Array) -> Bounds:
    """The bounds that follow from a known `error` of the statistics that normalize, and from known bounds of the state, (C,)."""
    inv_std, y = no_statement(error.inv_std * exact.inv_std), output_error(case, exact, error, k)
    return Bounds(error.mean, error.var, inv_std, y, running_mean, running_var, *_gradients(case, exact, error, k))


def _gradients(case: Case, exact: Exact, error: StatisticsError, k: Rounding) -> tuple[Array | None, Array | None, Array | None]:
    """Bounds of dbeta, dgamma and dx (B9 to B13), or three times None."""
    if case.dy is None:
        return None, None, None
    up = upstream(case.columns(case.dy), exact, error, k)
    sum_error = dgamma_sum_error(exact, error, up, k)
    return dbeta_error(exact, up, k), dgamma_error(exact, sum_error, k), dx_error(case, exact, error, up, sum_error, k)


def conformance_grade(dtype: str) -> str:
    """The grade that decides about inputs of `dtype`: H for half types, else B."""
    return "H" if known(dtype) in HALF_DTYPES else "B"


def informative(bound: ArrayLike, magnitude: ArrayLike) -> NDArray[np.bool_]:
    """Where a case can tell right from wrong: the judged quantity's bound is at most a tenth of its magnitude, elementwise."""
    return np.asarray(np.asarray(bound) <= INFORMATIVE_SHARE * np.abs(magnitude))


def may_overflow(case: Case, *, training: bool = True, arithmetic: str | None = None) -> bool:
    """Whether some intermediate of some correct algorithm may leave the range of the arithmetic (B14): such cases decide nothing.

    Sums of m squares, both products of a fused y and, with a dy, r**3 sum(dy x) in the chain through dvar must stay under a quarter
    of the largest finite number; r**3 itself, which automatic differentiation forms, must not be subnormal. `arithmetic` as above.
    """
    held = FORMATS[known(arithmetic or parameter_dtype(known(case.dtype)).name)]
    x, gamma = np.abs(case.columns(case.x)), np.maximum(1.0, np.abs(case.gamma.astype(np.float64)))
    state = [np.abs(values.astype(np.float64)) for values in (case.running_mean, case.running_var, case.beta)]
    var = case.columns(case.x).var(0) if training and case.m else state[1]
    size, m = np.maximum(1.0, np.maximum(x.max(0, initial=0.0), state[0])), max(case.m, 1)
    with np.errstate(all="ignore"):
        r = 1 / np.sqrt(var + case.eps)
        steep = np.maximum(1.0, r)
        sizes = [m * size**2, 2 * gamma * steep * size + state[2], 4 * state[1]]
        if case.dy is not None:
            sizes.append(steep**3 * gamma * np.abs(case.columns(case.dy)).max(0, initial=0.0) * m * size)
            if (r**3 < held.normal).any():
                return True
        return not all((one <= held.largest / 4).all() for one in sizes)
