"""Keras 3: a layer asked through stateless_call; the three functions are those of the backend that it runs on."""

import json
from functools import cache, partial
from typing import Any

import keras

WIDER = {"float16": "mixed_float16", "bfloat16": "mixed_bfloat16", "float64": "float64"}
"""Dtypes of x -> policy of the layer; of all others it is float32."""


@cache
def built_keras(kind: Any, config: str, shape: Any) -> Any:
    """One layer of a kind and a size; all that varies is given to each call."""
    layer = kind.from_config(json.loads(config))
    layer.build(shape)
    return layer


def call_keras(layer: Any, numbers: Any, x: Any, learned: Any, kept: Any, *, training: bool) -> Any:
    """(y, moving statistics). The numbers are no constants: or each eps and momentum would be compiled anew."""
    usual = {name: getattr(layer, name) for name in numbers}
    vars(layer).update(numbers)
    try:
        y, moved = layer.stateless_call(learned, kept, x, training=training)
    finally:
        vars(layer).update(usual)
    return y, moved


if keras.backend.backend() == "jax":
    import jax

    call_keras = partial(jax.jit, static_argnames=("layer", "training"))(call_keras)


class KerasLayers:
    """An adapter over the backend's tensors for a BatchNormalization of Keras, of any size, or its class."""

    def __init__(self, bn: Any, **described: Any) -> None:
        self.bn = bn() if isinstance(bn, type) else bn
        self.name = f"keras.layers.{type(self.bn).__name__} on {keras.backend.backend()}"
        vars(self).update(described)

    def vjp(self, function: Any, wanted: Any) -> Any:
        """The backend's own, or its backward by another name."""
        told_before = getattr(super(), "vjp", None)
        if told_before:
            return told_before(function, wanted)
        y, state = function(*wanted)
        return (y, state), lambda dy: self.backward(y, dy, wanted)  # type: ignore[attr-defined]

    def layer(self, setup: Any) -> Any:
        """One layer of the size that is wanted, with the settings that this one has."""
        if self.bn.axis % setup.rank != setup.channel_axis % setup.rank:
            raise NotImplementedError(f"its channels are on axis {self.bn.axis}")
        return KerasLayer(self, setup)


class KerasLayer:
    """The layer, with its variables beside it."""

    def __init__(self, adapter: Any, setup: Any) -> None:
        shape = [1] * setup.rank
        shape[setup.channel_axis] = setup.channels
        config = {**adapter.bn.get_config(), "dtype": WIDER.get(setup.dtype, "float32"), "name": "bn"}
        config = {name: value for name, value in config.items() if not isinstance(value, dict)}
        kind: Any = type(adapter.bn)
        self.bn = built_keras(kind, json.dumps(config), tuple(shape))
        self.gamma = self.value(self.bn.gamma, setup.gamma)
        self.beta = self.value(self.bn.beta, setup.beta)
        self.state = [
            self.value(self.bn.moving_mean, setup.running_mean),
            self.value(self.bn.moving_variance, setup.running_var),
        ]
        numbers = {"epsilon": setup.eps, "momentum": setup.momentum}
        self.numbers = {name: value for name, value in numbers.items() if value is not None}

    def value(self, variable: Any, given: Any) -> Any:
        """What a variable starts with, None where there is no such variable."""
        if variable is None and given is not None:
            raise NotImplementedError("it has no such parameter: scale or center is False")
        return variable.value if given is None and variable is not None else given

    def forward(self, x: Any, gamma: Any, beta: Any, state: Any, *, training: bool) -> Any:
        """(y, the state after it)."""
        learned = [part for part in (gamma, beta) if part is not None]
        return call_keras(self.bn, self.numbers, x, learned, list(state), training=training)

    def running(self, state: Any) -> Any:
        """(mean, var)."""
        return state
