"""The scalars of the error bounds: what a dtype rounds by, and how a sum of m values lets that grow (reference/bounds.md, B0)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bnspec.case import HALF_DTYPES, Array, parameter_dtype
from bnspec.convention import Convention

GRADES = ("A", "B", "C", "H")
"""Accurate, stable, unstable but semantically right, stable with half statistics. Outside C a result is F: wrong."""

EVALUATION = 1 + 2.0**-20
"""The bounds are themselves evaluated in float64, some thirty roundings deep; this factor covers them."""

ORACLE_UNIT = 2.0**-53
"""Unit roundoff of float64, in which exact values are handed over and moments are evaluated."""

RANDOM_WALK = 8.0
"""Grade A sums as if roundings were independent: height 8 sqrt(m), exceeded with probability 3e-14 a sum (Higham & Mary 2019)."""

WEIGHT_ROUNDINGS = 5.0
"""Roundings that one update of a running statistic may spend on each of its two terms: 4, and 1 for their products (B6)."""


@dataclass(frozen=True)
class Format:
    """A floating-point format: unit roundoff, smallest subnormal, smallest normal and largest finite number."""

    unit: float
    subnormal: float
    normal: float
    largest: float


FORMATS = {
    "float64": Format(2.0**-53, 2.0**-1074, 2.0**-1022, float(np.finfo(np.float64).max)),
    "float32": Format(2.0**-24, 2.0**-149, 2.0**-126, float(np.finfo(np.float32).max)),
    "float16": Format(2.0**-11, 2.0**-24, 2.0**-14, 65504.0),
    "bfloat16": Format(2.0**-8, 2.0**-133, 2.0**-126, (2 - 2.0**-7) * 2.0**127),
}
"""The dtypes that can be judged, by name."""


def growth(roundings: float, unit: float) -> float:
    """k u / (1 - k u): the most by which k successive roundings change a value, relatively; infinite from k u = 1 on."""
    product = roundings * unit
    return product / (1 - product) if product < 1 else math.inf


def no_statement(bound: Array) -> Array:
    """`bound` with every NaN (an inf * 0, where a channel's variance is lost) made infinite in place: nothing is promised."""
    return np.fmin(bound, np.inf, out=bound)


@dataclass(frozen=True)
class Rounding:
    """What one (m, dtype, grade, arithmetic, mode) comes to in scalars; `height` is that of the summation tree.

    unit, underflow           of the arithmetic: relative error, absolute error of one underflowing operation
    mean_growth               times mean |x| is the error of a sum of m values, divided by m
    mean_underflow            absolute
    var_growth, var_cross, var_square, var_underflow   the coefficients of var, sqrt(var) E, E**2 and 1 in the variance's error
    statistic, statistic_underflow     of the dtype in which the statistics are kept; 0 where that is the arithmetic's
    stored, intermediates     roundings of y beyond the formula's: of the final value, of its half intermediates
    fused, fused_hat          roundings at the size of |x| / std: in y = a x + c, and in a backward pass made likewise
    hat_growth                relative error of one x_hat, besides that of the statistics
    half_sums                 relative error of channel means that a half backward pass keeps in half
    dx_stored                 roundings of dx to its dtype
    parameter, parameter_underflow     of the dtype of dgamma, dbeta and the running statistics
    """

    m: int
    grade: str
    training: bool
    height: int
    unit: float
    underflow: float
    mean_growth: float
    mean_underflow: float
    var_growth: float
    var_cross: float
    var_square: float
    var_underflow: float
    statistic: float
    statistic_underflow: float
    stored: float
    intermediates: float
    output_underflow: float
    fused: float
    fused_hat: float
    hat_growth: float
    half_sums: float
    dx_stored: float
    parameter: float
    parameter_underflow: float

    def grown(self, roundings: float) -> float:
        """`growth` of so many roundings in the arithmetic."""
        return growth(roundings, self.unit)


@lru_cache(maxsize=4096)
def rounding(
    m: int, dtype: str, grade: str, training: bool, arithmetic: str | None = None, flush_to_zero: bool = False
) -> Rounding:
    """The scalars of the bounds, computed once for each combination.

    Raises ValueError for a grade that is not one of `GRADES` and for a dtype that is not one of `FORMATS`.
    """
    if grade not in GRADES:
        raise ValueError(f"grade must be one of {', '.join(GRADES)}; got {grade!r}")
    accumulation = arithmetic or parameter_dtype(known(dtype)).name
    work, out = FORMATS[known(accumulation)], FORMATS[dtype]
    narrow = grade == "H" and dtype in HALF_DTYPES
    kept = FORMATS[dtype if narrow else parameter_dtype(dtype).name]
    underflow = work.normal if flush_to_zero else work.subnormal
    half_out = out.unit if dtype != accumulation else 0.0
    accurate = grade == "A"
    loose_half = 0.0 if accurate else half_out
    statistic = out.unit if narrow else 0.0
    height = min(m - 1, max(8, math.ceil(RANDOM_WALK * math.sqrt(m)))) if accurate else m - 1
    # Welford's running mean rounds at the size of every prefix mean, a plain sum only once a level of its tree.
    mean_roundings = height + 2 if accurate else m + 3 * (2 + math.log(max(m, 2))) + 2
    levels = math.log2(max(m, 2))
    plain = growth(height + 5, work.unit)
    return Rounding(
        m=m,
        grade=grade,
        training=training,
        height=height,
        unit=work.unit,
        underflow=underflow,
        mean_growth=growth(mean_roundings, work.unit),
        mean_underflow=underflow * (4 if accurate else 4 + m / 2),
        var_growth=plain if accurate else growth(height + 6, work.unit),
        var_cross=0.0 if accurate else max(1 + math.sqrt(2), 4 * math.sqrt(levels / 2)),
        var_square=1 + plain if accurate else max(1.0, 2 * levels),
        var_underflow=underflow * (4 if accurate else 4 + 2 * levels),
        statistic=statistic,
        statistic_underflow=out.subnormal if narrow else 0.0,
        stored=work.unit + (1 if accurate else 3) * half_out,
        intermediates=2 * loose_half + statistic,
        output_underflow=(out.normal if flush_to_zero and not half_out else out.subnormal) / 2 + 2 * underflow,
        fused=work.unit * (1 + 3 * work.unit) if training or not accurate else 0.0,
        fused_hat=work.unit * ((1 if training else 0) if accurate else 4),
        hat_growth=growth(3, work.unit) + loose_half,
        half_sums=loose_half,
        dx_stored=half_out if accurate else 3 * half_out,
        parameter=kept.unit,
        parameter_underflow=kept.normal if flush_to_zero else kept.subnormal,
    )


def known(dtype: str) -> str:
    """`dtype` itself, or a ValueError that lists the dtypes that can be judged."""
    if dtype not in FORMATS:
        raise ValueError(f"bounds are known for {', '.join(FORMATS)}; got dtype {dtype!r}")
    return dtype


@dataclass(frozen=True)
class Averaging:
    """One step of a running average: the weights of the new and of the old value, and how many roundings each may be off by."""

    new: float
    old: float
    roundings: float


@lru_cache(maxsize=4096)
def averaging(momentum_weighs: str, debias: str, momentum: float | None, step: int) -> Averaging:
    """The weights of a step (counted from 1) and the error an implementation may make in each, in unit roundoffs (B6, B7).

    A weight may be computed from the rounded other one, so its error is absolute, not relative: think of 1 - fl(0.99).
    """
    convention = Convention(momentum_weighs=momentum_weighs, debias=debias)
    exact = convention.batch_weight(momentum, step)
    new, old = float(exact), float(1 - exact)
    roundings = WEIGHT_ROUNDINGS * max(1.0, abs(new), abs(old))
    if debias == "zero" and momentum is not None and exact:
        plain = Convention(momentum_weighs=momentum_weighs).batch_weight(momentum)
        left = abs(float(1 - plain)) ** step
        correction = abs(float(plain / exact))  # 1 - keep**k
        roundings = (roundings + (2 * step + 2) * left) / correction + 2
    return Averaging(new, old, roundings)
