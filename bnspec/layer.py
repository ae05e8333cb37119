"""The reference layer: `spec` and `gradients` with a memory, in any convention, for any channel axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bnspec import gradients, spec
from bnspec.case import Array, Gradients, parameter_dtype
from bnspec.convention import TORCH, Convention
from bnspec.implementation import NotOffered, Setup


class BatchNorm:
    """Batch Normalization with running statistics: train with `forward(x, training=True)`, use with `training=False`.

    channels            C; or give `gamma` and the rest as (C,) arrays; what is not given starts as the convention says
                        (gamma 1, beta 0)
    eps, momentum       None: the convention's defaults; what momentum weighs is the convention's affair
    dtype               of the inputs; parameters and statistics are kept in it, but never narrower than float32

    Raises `EmptyBatch`, `SingleValue` where the convention makes these errors, `ZeroVariance` where var + eps is 0,
    `NotOffered` for gradients that the convention does not have, and ValueError for parameters that are not (C,).
    """

    def __init__(
        self,
        channels: int | None = None,
        *,
        gamma: Array | None = None,
        beta: Array | None = None,
        running_mean: Array | None = None,
        running_var: Array | None = None,
        eps: float | None = None,
        momentum: float | None = None,
        dtype: str = "float32",
        channel_axis: int | None = None,
        convention: Convention = TORCH,
    ) -> None:
        given = [values for values in (gamma, beta, running_mean, running_var) if values is not None]
        if channels is None and not given:
            raise ValueError("BatchNorm needs the number of channels, or gamma as a (C,) array; neither was given")
        size = len(given[0]) if channels is None else channels
        start_mean, start_var = convention.running_start
        kept = parameter_dtype(dtype)

        def parameter(values: Array | None, start: float) -> Array:
            if values is not None and np.shape(values) != (size,):
                raise ValueError(f"gamma, beta and the running statistics must be shaped ({size},) here; one is {np.shape(values)}")
            return np.full(size, start, kept) if values is None else np.array(values, kept)

        self.gamma, self.beta = parameter(gamma, 1.0), parameter(beta, 0.0)
        self.running_mean, self.running_var = parameter(running_mean, start_mean), parameter(running_var, start_var)
        self.eps = (1e-5 if convention.eps_default is None else convention.eps_default) if eps is None else eps
        self.momentum = convention.momentum_default if momentum is None else momentum
        self.channel_axis = convention.channel_axis if channel_axis is None else channel_axis
        self.convention = convention
        self.steps = 0
        self._latest: tuple[spec.Normalized, bool] | None = None
        self._gradients: Gradients | None = None

    def forward(self, x: Array, *, training: bool) -> Array:
        """y shaped as x. Training normalizes with the batch's statistics and moves the running ones; inference reads them only."""
        normalized = self._train(x) if training else self._infer(x)
        self._latest = (normalized, training)
        return normalized.y

    def copied(self, duplicate: Callable[[BatchNorm], BatchNorm]) -> BatchNorm:
        """The layer that `duplicate` makes of this one; a layer that wraps another has its own to duplicate and to wrap again."""
        return duplicate(self)

    def backward(self, dy: Array) -> tuple[Array, Array | None, Array | None]:
        """(dx, dgamma, dbeta) of the latest forward, in that forward's mode; dx shaped as dy, the others (C,)."""
        if self._latest is None:
            raise ValueError("backward needs a forward before it")
        normalized, training = self._latest
        if self.convention.backward == "none" or (self.convention.backward == "train" and not training):
            raise NotOffered(f"no gradients of {'training' if training else 'inference'} in this convention")
        by_batch = training and dy.size > 0  # of no values there is no mean to go through
        differentiate = gradients.train_backward if by_batch else gradients.infer_backward
        latest = differentiate(dy, self.gamma, normalized, channel_axis=self.channel_axis)
        if self.convention.accumulate:
            latest = _added(self._gradients, latest)
            self._gradients = latest
        return latest.dx, latest.dgamma, latest.dbeta

    def running(self) -> tuple[Array, Array]:
        """Copies of (running_mean, running_var), (C,) each."""
        return self.running_mean.copy(), self.running_var.copy()

    def _infer(self, x: Array) -> spec.Normalized:
        parameters = (self.gamma, self.beta, self.running_mean, self.running_var)
        return spec.infer(x, *parameters, eps=self.eps, channel_axis=self.channel_axis)

    def _train(self, x: Array) -> spec.Normalized:
        m = x.size // max(len(self.gamma), 1)
        if m == 0 and self.convention.empty_batch == "unchanged":
            return self._infer(x)
        if m == 1 and self.convention.single_value == "error":
            raise spec.SingleValue(f"training needs more than one value a channel; x has shape {x.shape}")
        normalized = spec.normalize(x, self.gamma, self.beta, eps=self.eps, channel_axis=self.channel_axis)
        if not (m == 1 and self.convention.single_value == "unchanged-state"):
            self._remember(normalized, m, x.ndim)
        return normalized

    def _remember(self, normalized: spec.Normalized, m: int, rank: int) -> None:
        self.steps += 1
        weight = float(self.convention.batch_weight(self.momentum, self.steps))
        var = normalized.var * float(self.convention.variance_factor(m, rank))
        self.running_mean = spec.running_average(self.running_mean, normalized.mean, weight)
        self.running_var = spec.running_average(self.running_var, var, weight)


def _added(before: Gradients | None, latest: Gradients) -> Gradients:
    """Gradients of the parameters add up over calls; dx belongs to one call."""
    if before is None or before.dgamma is None or before.dbeta is None or latest.dgamma is None or latest.dbeta is None:
        return latest
    return Gradients(latest.dx, before.dgamma + latest.dgamma, before.dbeta + latest.dbeta)


class Reference:
    """The reference layer as an implementation that can be asked, in one convention."""

    def __init__(self, name: str, convention: Convention) -> None:
        self.name = name
        self.convention = convention

    def layer(self, setup: Setup) -> BatchNorm:
        """A fresh reference layer with everything that `setup` says."""
        return BatchNorm(
            setup.channels,
            gamma=setup.gamma,
            beta=setup.beta,
            running_mean=setup.running_mean,
            running_var=setup.running_var,
            eps=setup.eps,
            momentum=setup.momentum,
            dtype=setup.dtype,
            channel_axis=setup.channel_axis,
            convention=self.convention,
        )
