"""Flax linen: a Module with the collections params and batch_stats, compiled by jax.jit."""

from functools import partial
from typing import Any

import flax.linen
import jax

from bnspec.plugs.presets.for_jax import Jax


@partial(jax.jit, static_argnames=("module", "training"))
def apply_linen(module: Any, numbers: Any, variables: Any, x: Any, *, training: bool) -> Any:
    """(y, batch_stats). The numbers are no constants: or each eps and momentum would be compiled anew."""
    module = module.clone(use_running_average=not training, **numbers)
    y, moved = module.apply(variables, x, mutable=["batch_stats"])
    return y, moved["batch_stats"]


class Linen(Jax):
    """An adapter over tensors for a BatchNorm of linen, or one derived from it, with the settings that it has."""

    def __init__(self, module: Any, **described: Any) -> None:
        self.module = module if isinstance(module, flax.linen.Module) else module()
        self.name = f"flax.linen.{type(self.module).__name__}"
        vars(self).update(described)

    def layer(self, setup: Any) -> Any:
        """One layer, with what the setup leaves open as linen starts it."""
        axis = self.module.axis if isinstance(self.module.axis, int) else None
        if axis is None or axis % setup.rank != setup.channel_axis % setup.rank:
            raise NotImplementedError(f"its channels are on axis {self.module.axis}")
        return LinenLayer(self.module, setup)


class LinenLayer:
    """The module with its variables beside it."""

    def __init__(self, module: Any, setup: Any) -> None:
        shape = [1] * setup.rank
        shape[setup.channel_axis] = setup.channels
        kept = "float64" if setup.dtype == "float64" else "float32"
        given = [part for part in (setup.gamma, setup.beta, setup.running_mean, setup.running_var) if part is not None]
        self.module = module.clone(param_dtype=given[0].dtype if given else kept)
        start = self.module.clone(use_running_average=True).init(jax.random.PRNGKey(0), jax.numpy.ones(shape, kept))
        params, stats = start.get("params", {}), start["batch_stats"]
        if (setup.gamma is not None and "scale" not in params) or (setup.beta is not None and "bias" not in params):
            raise NotImplementedError("it has no such parameter: use_scale or use_bias is False")
        self.gamma = params.get("scale") if setup.gamma is None else setup.gamma
        self.beta = params.get("bias") if setup.beta is None else setup.beta
        mean = stats["mean"] if setup.running_mean is None else setup.running_mean
        self.state = {"mean": mean, "var": stats["var"] if setup.running_var is None else setup.running_var}
        numbers = {"epsilon": setup.eps, "momentum": setup.momentum}
        self.numbers = {name: value for name, value in numbers.items() if value is not None}

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        params = {name: value for name, value in (("scale", gamma), ("bias", beta)) if value is not None}
        return apply_linen(self.module, self.numbers, {"params": params, "batch_stats": state}, x, training=training)

    def running(self, state: Any) -> Any:
        """(mean, var)."""
        return state["mean"], state["var"]
