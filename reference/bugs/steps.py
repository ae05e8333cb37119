"""A correct BatchNorm in small steps, each a method of its own, so that a mistake in one of them is an override of a few lines.

Inside, arrays are (N, C, *S) in the working dtype, statistics are (1, C, 1, ...), parameters and running statistics (C,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bnspec.case import Array, parameter_dtype
from bnspec.convention import TORCH, Convention
from bnspec.implementation import NotOffered, Setup
from bnspec.spec import EmptyBatch, SingleValue, inverse_std, working_dtype

if TYPE_CHECKING:
    from bnspec.reference.bugs.facts import Bug


@dataclass(frozen=True, eq=False)
class Kept:
    """What a forward keeps for its backward: x, x_hat and y (N, C, *S), the statistics that normalized, and the mode."""

    x: Array
    mean: Array
    inv_std: Array
    x_hat: Array
    y: Array
    training: bool


def values_a_channel(x: Array) -> int:
    """m: how many values of x (N, C, *S) share a channel's statistics."""
    return x.size // max(x.shape[1], 1)


def per_channel(values: Array, x: Array) -> Array:
    """(C,) values in the dtype of x and shaped to broadcast over x (N, C, *S)."""
    return values.astype(x.dtype, copy=False).reshape(1, -1, *[1] * (x.ndim - 2))


class Steps:
    """One layer, under any convention. Half inputs are computed in float32, others in their own dtype, and rounded once.

    Subclasses override steps; what overrides different steps combines by inheriting from both. `bug` is what is known about the
    mistake in a subclass. Errors are those of `bnspec.layer.BatchNorm`: `EmptyBatch`, `SingleValue`, `ZeroVariance`, `NotOffered`.
    """

    bug: ClassVar[Bug | None] = None

    def __init__(self, setup: Setup, convention: Convention = TORCH) -> None:
        def start(given: Array | None, own: float) -> Array:
            return np.array(np.full(setup.channels, own) if given is None else given, parameter_dtype(setup.dtype))

        start_mean, start_var = convention.running_start
        self.gamma, self.beta = start(setup.gamma, 1.0), start(setup.beta, 0.0)
        self.running_mean, self.running_var = start(setup.running_mean, start_mean), start(setup.running_var, start_var)
        self.eps = (1e-5 if convention.eps_default is None else convention.eps_default) if setup.eps is None else setup.eps
        self.momentum = convention.momentum_default if setup.momentum is None else setup.momentum
        self.channel_axis, self.convention = setup.channel_axis, convention
        self.steps = 0
        self.training = True
        self.kept: Kept | None = None
        self.summed: tuple[Array, Array] | None = None

    def respond(self, x: Array, *, training: bool) -> Array:
        """y for x, both as the caller has them: any channel axis, any float dtype."""
        self.training = training
        values = self.arranged(x)
        y = self.train(values) if training else self.infer(values)
        return self.handed_back(y, x)

    def differentiate(self, dy: Array) -> tuple[Array, Array, Array]:
        """(dx, dgamma, dbeta) of the latest forward, in that forward's mode; dx as the caller has dy."""
        kept, values = self.recalled(), self.arranged(dy)
        if self.convention.backward == "none" or (self.convention.backward == "train" and not kept.training):
            raise NotOffered(f"no gradients of {'training' if kept.training else 'inference'} in this convention")
        dgamma, dbeta = self.accumulated(self.dgamma(values, kept), self.dbeta(values, kept))
        dx = self.dx_training(values, kept) if kept.training else self.dx_inference(values, kept)
        return self.handed_back(dx, dy), dgamma, dbeta

    def state(self) -> tuple[Array, Array]:
        """Copies of (running_mean, running_var), (C,) each."""
        return self.running_mean.copy(), self.running_var.copy()

    def arranged(self, x: Array) -> Array:
        """The caller's x (or dy) as (N, C, *S) in the working dtype."""
        return np.moveaxis(x, self.channel_axis, 1).astype(working_dtype(x.dtype), copy=False)

    def handed_back(self, y: Array, x: Array) -> Array:
        """y (or dx) with its channels where the caller's x has them, in the dtype of x."""
        return np.moveaxis(y, 1, self.channel_axis).astype(x.dtype, copy=False)

    def train(self, x: Array) -> Array:
        """Normalize with the statistics of the batch, and let the running ones move (Ioffe & Szegedy 2015, Alg. 1)."""
        m = values_a_channel(x)
        if m == 0:
            return self.no_values(x)
        if m == 1 and self.convention.single_value == "error":
            raise SingleValue(f"training needs more than one value a channel; x has shape {x.shape}")
        mean = self.batch_mean(x)
        var = self.batch_var(x, mean)
        if not (m == 1 and self.convention.single_value == "unchanged-state"):
            self.update(x, mean, var)
        mean, var = self.training_statistics(x, mean, var)
        return self.normalize(x, mean, self.inv_std(var), training=True)

    def no_values(self, x: Array) -> Array:
        """What training on an empty batch does; raises `EmptyBatch` unless the convention is to leave all as it is."""
        if self.convention.empty_batch != "unchanged":
            raise EmptyBatch(f"a mean needs at least one value a channel; x has shape {x.shape}")
        return self.infer(x)

    def infer(self, x: Array) -> Array:
        """Normalize with the running statistics, and change nothing (Alg. 2, line 11)."""
        mean, var = self.inference_statistics(x)
        return self.normalize(x, mean, self.inv_std(var), training=False)

    def normalize(self, x: Array, mean: Array, inv_std: Array, *, training: bool) -> Array:
        """y with the given statistics; what backward will need is kept."""
        x_hat = self.standardized(x, mean, inv_std)
        y = self.affine(x_hat)
        self.keep(Kept(x, mean, inv_std, x_hat, y, training))
        return y

    def axes(self, x: Array) -> tuple[int, ...]:
        """The axes of x (N, C, *S) that share one mean: all but the channel's."""
        return (0, *range(2, x.ndim))

    def batch_mean(self, x: Array) -> Array:
        """mean = sum(x) / m."""
        return x.mean(self.axes(x), keepdims=True)

    def batch_var(self, x: Array, mean: Array) -> Array:
        """var = sum((x - mean)**2) / m, the biased one."""
        return np.square(x - mean).mean(self.axes(x), keepdims=True)

    def training_statistics(self, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
        """(mean, var) that normalize in training: the batch's own. The running ones have moved already."""
        return mean, var

    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        """(mean, var) that normalize in inference: the running ones."""
        return per_channel(self.running_mean, x), per_channel(self.running_var, x)

    def inv_std(self, var: Array) -> Array:
        """1 / sqrt(var + eps)."""
        return inverse_std(var, self.eps)

    def standardized(self, x: Array, mean: Array, inv_std: Array) -> Array:
        """x_hat = (x - mean) inv_std."""
        return (x - mean) * inv_std

    def affine(self, x_hat: Array) -> Array:
        """y = gamma x_hat + beta."""
        return per_channel(self.gamma, x_hat) * x_hat + per_channel(self.beta, x_hat)

    def keep(self, kept: Kept) -> None:
        """Remember the latest forward for its backward."""
        self.kept = kept

    def recalled(self) -> Kept:
        """The forward that backward is of: the latest one."""
        if self.kept is None:
            raise ValueError("backward needs a forward before it")
        return self.kept

    def update(self, x: Array, mean: Array, var: Array) -> None:
        """Move the running statistics by one step towards the batch's."""
        self.steps += 1
        weight = self.weight()
        self.running_mean = self.moved_mean(self.by_channel(mean), weight)
        self.running_var = self.moved_var(self.stored_var(self.by_channel(var), x), weight)

    def weight(self) -> float:
        """What the new batch weighs in this step of the running averages."""
        return float(self.convention.batch_weight(self.momentum, self.steps))

    def by_channel(self, statistic: Array) -> Array:
        """A statistic that broadcasts over x, as (C,)."""
        others = tuple(axis for axis in range(statistic.ndim) if axis != 1)
        return np.array(np.broadcast_to(statistic.mean(others), self.gamma.shape))

    def stored_var(self, var: Array, x: Array) -> Array:
        """The batch's variance (C,) as the running one takes it: biased, or unbiased with m / (m - 1)."""
        return var * float(self.convention.variance_factor(values_a_channel(x), x.ndim))

    def moved(self, old: Array, batch: Array, weight: float) -> Array:
        """(1 - weight) old + weight batch, in the dtype of the old."""
        return (1 - weight) * old + weight * batch.astype(old.dtype, copy=False)

    def moved_mean(self, mean: Array, weight: float) -> Array:
        """The running mean after this step, (C,)."""
        return self.moved(self.running_mean, mean, weight)

    def moved_var(self, var: Array, weight: float) -> Array:
        """The running variance after this step, (C,)."""
        return self.moved(self.running_var, var, weight)

    def dgamma(self, dy: Array, kept: Kept) -> Array:
        """dgamma = sum(dy x_hat), (C,)."""
        return (dy * kept.x_hat).sum(self.axes(dy))

    def dbeta(self, dy: Array, kept: Kept) -> Array:
        """dbeta = sum(dy), (C,)."""
        return dy.sum(self.axes(dy))

    def accumulated(self, dgamma: Array, dbeta: Array) -> tuple[Array, Array]:
        """The gradients of the parameters, added to earlier ones where that is the convention."""
        if self.convention.accumulate:
            earlier = self.summed or (np.zeros_like(dgamma), np.zeros_like(dbeta))
            dgamma, dbeta = self.summed = (earlier[0] + dgamma, earlier[1] + dbeta)
        return dgamma, dbeta

    def mean_term(self, dy: Array, kept: Kept) -> Array:
        """mean(dy): the part of dx that goes through the batch's mean."""
        return dy.mean(self.axes(dy), keepdims=True)

    def var_term(self, dy: Array, kept: Kept) -> Array:
        """x_hat mean(dy x_hat): the part of dx that goes through the batch's variance."""
        return kept.x_hat * (dy * kept.x_hat).mean(self.axes(dy), keepdims=True)

    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        """gamma inv_std, by which every part of dx is multiplied."""
        return per_channel(self.gamma, dy) * kept.inv_std

    def dx_training(self, dy: Array, kept: Kept) -> Array:
        """dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat)) (sec. 3, collected)."""
        return self.gradient_scale(dy, kept) * (dy - self.mean_term(dy, kept) - self.var_term(dy, kept))

    def dx_inference(self, dy: Array, kept: Kept) -> Array:
        """dx = gamma inv_std dy: the statistics are constants."""
        return self.gradient_scale(dy, kept) * dy


class BatchNorm(Steps):
    """The steps as a layer that can be asked (bnspec.implementation.Layer)."""

    def forward(self, x: Array, *, training: bool) -> Array:
        """y for x, in training or inference."""
        return self.respond(x, training=training)

    def backward(self, dy: Array) -> tuple[Array, Array, Array]:
        """(dx, dgamma, dbeta) of the latest forward."""
        return self.differentiate(dy)

    def running(self) -> tuple[Array, Array]:
        """(running_mean, running_var), (C,) each."""
        return self.state()
