"""Equinox: a BatchNorm under vmap over the samples, compiled by jax.jit."""

from functools import partial
from typing import Any

import equinox
import jax

from bnspec.plugs.presets.for_jax import Jax


def made_equinox(settings: Any, dtype: Any, numbers: Any) -> Any:
    """(layer, state)."""
    kind, channels, mode, affine = settings
    make = equinox.nn.make_with_state(kind)
    return make(channels, axis_name="batch", mode=mode, channelwise_affine=affine, dtype=dtype, **numbers)


@partial(jax.jit, static_argnames=("settings", "dtype", "training"))
def call_equinox(settings: Any, dtype: Any, numbers: Any, x: Any, learned: Any, leaves: Any, *, training: bool) -> Any:
    """(y, leaves of the state). The numbers are no constants: or each eps and momentum would be compiled anew."""
    bn, fresh = made_equinox(settings, dtype, numbers)
    if bn.weight is not None:
        bn = equinox.tree_at(lambda one: (one.weight, one.bias), bn, learned)
    state = jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(fresh), leaves)
    over_samples = jax.vmap(partial(bn, inference=not training), axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    y, moved = over_samples(x, state)
    return y, jax.tree_util.tree_leaves(moved)


class EquinoxLayers(Jax):
    """An adapter over tensors for a BatchNorm of Equinox, of any size."""

    def __init__(self, bn: Any, **described: Any) -> None:
        self.bn = bn
        self.name = f'equinox.nn.{type(bn).__name__}(mode="{bn.mode}")'
        vars(self).update(described)

    def layer(self, setup: Any) -> Any:
        """One layer; the statistics start as it likes, since they mean nothing without its count of steps."""
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("a sample has its channels first")
        if setup.running_mean is not None or setup.running_var is not None:
            raise NotImplementedError("running statistics cannot be given: they are divided by a function of the steps so far")
        if not self.bn.channelwise_affine and not (setup.gamma is None and setup.beta is None):
            raise NotImplementedError("channelwise_affine is False: there are no such parameters")
        return EquinoxLayer((type(self.bn), setup.channels, self.bn.mode, self.bn.channelwise_affine), setup)


class EquinoxLayer:
    """The layer, as what it is made of."""

    def __init__(self, settings: Any, setup: Any) -> None:
        numbers = {"eps": setup.eps, "momentum": setup.momentum}
        self.numbers = {name: value for name, value in numbers.items() if value is not None}
        self.settings, self.dtype = settings, jax.numpy.dtype("float64" if setup.dtype == "float64" else "float32")
        self.bn, state = made_equinox(settings, self.dtype, self.numbers)
        self.gamma = self.bn.weight if setup.gamma is None else setup.gamma
        self.beta = self.bn.bias if setup.beta is None else setup.beta
        self.state, self.structure = jax.tree_util.tree_flatten(state)

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        return call_equinox(self.settings, self.dtype, self.numbers, x, (gamma, beta), state, training=training)

    def running(self, state: Any) -> Any:
        """(mean, var), as its inference reckons them."""
        state = jax.tree_util.tree_unflatten(self.structure, state)
        if self.bn.mode == "ema":
            return state.get(self.bn.ema_state_index)
        steps = state.get(self.bn.batch_counter)
        share = jax.numpy.where(steps == 0, 1, 1 - self.bn.momentum**steps)
        mean, var = state.get(self.bn.batch_state_index)
        return mean / share, var / share
