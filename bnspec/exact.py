"""The same mathematics a second time, in integers with one integer square root: it never rounds until the very end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bnspec.case import Array


@dataclass(frozen=True, eq=False)
class Exact:
    """The true values of a case, each rounded once to float64, as columns: (C,) a channel, (m, C) an element.

    mean, var, inv_std  the statistics that normalized: the batch's in training, the running ones in inference; var is biased
    y, x_hat, centered  centered = x - mean, x_hat = centered * inv_std
    abs_mean, abs_max   mean |x| and max |x|: what the error bounds need besides
    running_mean, running_var   after the call (in inference: unchanged, as given); the variance in the convention's kind
    dbeta, dgamma, dx   the gradients, None where the case has no dy; residual = dy - mean(dy) - x_hat mean(dy x_hat), dy in inference
    low                 name -> what remains beyond float64, so that (value + low[name]) is good to about 2**-100; absent names: 0 or unknown
    roundoff            unit roundoff of the values themselves: 2**-53 without `low`, about 2**-100 with it
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
    roundoff: float = 2.0**-53
