"""The oracle: the true outputs of a case, against which every implementation is judged, by a second derivation of its own.

Everyday cases go through `bnspec.integers`, which never rounds until the end; larger tensors through `bnspec.doubledouble`,
which is faster there and rounds at 2**-102. Neither shares a line with the specification in `bnspec.spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bnspec import doubledouble, integers
from bnspec.case import Array, Case
from bnspec.columns import Columns, Undefined, columns_of, weight_of
from bnspec.convention import TORCH, Convention

__all__ = ["Exact", "Undefined", "infer", "train"]

INTEGER_ELEMENTS = 1000
"""Elements of x up to which the integers are asked. Pairs of float64 are faster from about 600 on, but not correctly rounded."""


@dataclass(frozen=True, eq=False)
class Exact:
    """The true values of a case, each rounded once to float64, as columns: (C,) a channel, (m, C) an element.

    mean, var, inv_std  the statistics that normalized: the batch's in training, the running ones in inference; var is biased
    y, x_hat, centered  centered = x - mean, x_hat = centered * inv_std
    abs_mean, abs_max   mean |x| and max |x|: what the error bounds need besides
    running_mean, running_var   after the call (in inference: unchanged, as given); the variance in the convention's kind
    dbeta, dgamma, dx   the gradients, None where the case has no dy
    residual            dy - mean(dy) - x_hat mean(dy x_hat) in training, dy in inference
    low                 name -> what remains beyond float64 of each output that is judged; empty where it was not asked for
    roundoff            unit roundoff of the values, or of value + low[name] where there is `low`

    x_hat, centered, residual and inv_std only feed bounds: they are right to a few units in the last place.
    """

    mean: Array
    var: Array
    inv_std: Array
    y: Array
    x_hat: Array
    centered: Array
    abs_mean: Array
    abs_max: Array
    running_mean: Array
    running_var: Array
    dbeta: Array | None = None
    dgamma: Array | None = None
    dx: Array | None = None
    residual: Array | None = None
    low: Mapping[str, Array] = field(default_factory=dict)
    roundoff: float = field(kw_only=True)


def train(case: Case, convention: Convention = TORCH, *, step: int = 1, low: bool | None = None) -> Exact:
    """Statistics, y and gradients in training; `step` counts the calls from 1, for conventions whose weights depend on it.

    low: whether to give what remains beyond float64; None: in float64 cases only, where the judged is as fine as the judge.
    Raises `Undefined`.
    """
    columns, weight = columns_of(case), weight_of(case, convention, step)
    derive = doubledouble.train if _large(columns) else integers.train
    outputs = derive(columns, weight, convention.variance_factor(case.m, case.x.ndim), low=_wants_low(case, low))
    return Exact(**outputs.values, low=outputs.rests, roundoff=outputs.roundoff)


def infer(case: Case, *, low: bool | None = None) -> Exact:
    """The same in inference, where case.running_mean and case.running_var normalize and nothing moves. Raises `Undefined`."""
    columns = columns_of(case)
    derive = doubledouble.infer if _large(columns) else integers.infer
    outputs = derive(columns, low=_wants_low(case, low))
    return Exact(**outputs.values, low=outputs.rests, roundoff=outputs.roundoff)


def _wants_low(case: Case, low: bool | None) -> bool:
    return case.x.dtype.itemsize == 8 if low is None else low


def _large(columns: Columns) -> bool:
    return columns.x.size > INTEGER_ELEMENTS and doubledouble.fits(columns)
