"""An implementation as somebody has it who checks it by hand: arrays in, arrays out, in the axes (N, C, *S) that books use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnspec.case import Array, from_columns, to_columns
from bnspec.convention import Convention
from bnspec.implementation import Implementation, NotOffered, Setup
from bnspec.properties.strategies import fit_rank, placed


@dataclass
class Answer:
    """What came back; None for what is not offered."""

    y: Array
    mean: Array | None = None
    var: Array | None = None
    dx: Array | None = None
    dgamma: Array | None = None
    dbeta: Array | None = None


@dataclass
class Asked:
    """The implementation, and the convention that whoever checks it knows."""

    implementation: Implementation
    convention: Convention

    def layer(self, x: Array, *, eps: float = 1e-5, weight: float = 0.1, **given: Array) -> Any:
        """A fresh layer for arrays like x. `weight`: of the batch in the running statistics; given: gamma, beta, mean, var."""
        c, kept = x.shape[1], x.dtype
        gamma, beta = given.get("gamma", np.ones(c)).astype(kept), given.get("beta", np.zeros(c)).astype(kept)
        mean, var = given.get("mean", np.zeros(c)).astype(kept), given.get("var", np.ones(c)).astype(kept)
        rank, axis = len(self._shape(x)), self.convention.channel_axis
        momentum = self.convention.argument(weight)
        return self.implementation.layer(Setup(gamma, beta, mean, var, eps, momentum, kept.name, axis, rank, c))

    def train(self, x: Array, dy: Array | None = None, **given: Any) -> Answer:
        """A training step of a fresh layer."""
        return self.call(self.layer(x, **given), x, dy, training=True)

    def infer(self, x: Array, dy: Array | None = None, **given: Any) -> Answer:
        """An inference of a fresh layer."""
        return self.call(self.layer(x, **given), x, dy, training=False)

    def call(self, layer: Any, x: Array, dy: Array | None = None, *, training: bool) -> Answer:
        """A call on a layer, and its gradients where these are asked and offered."""
        answer = Answer(self._back(layer.forward(self._there(x), training=training), x))
        if callable(running := getattr(layer, "running", None)):
            answer.mean, answer.var = (np.array(part).ravel() for part in running())
        offered = self.convention.backward != "none" and (training or self.convention.backward == "train+infer")
        if dy is not None and offered and hasattr(layer, "backward"):
            try:
                dx, dgamma, dbeta = layer.backward(self._there(dy))
            except (NotOffered, NotImplementedError):
                return answer
            answer.dx = self._back(dx, x)
            answer.dgamma, answer.dbeta = (None if part is None else np.array(part).ravel() for part in (dgamma, dbeta))
        return answer

    def moved(self, old: Array, batch: Array, weight: float) -> Array:
        """What a running statistic should be after the first step of this convention."""
        moved = float(self.convention.batch_weight(self.convention.argument(weight)))
        return (1 - moved) * old + moved * batch

    def factor(self, x: Array) -> float:
        """What the batch's biased variance is multiplied by on its way into the running one."""
        shape = self._shape(x)
        return float(self.convention.variance_factor(x.size // x.shape[1], len(shape)))

    def _shape(self, x: Array) -> tuple[int, ...]:
        return fit_rank(x.shape, self.convention.ranks)

    def _there(self, x: Array) -> Array:
        axis = self.convention.channel_axis
        return from_columns(to_columns(x, 1), placed(self._shape(x), axis), axis)

    def _back(self, y: Any, x: Array) -> Array:
        array = np.asarray(y)
        expected = placed(self._shape(x), self.convention.channel_axis)
        if array.shape != expected:
            raise ValueError(f"an answer has shape {array.shape}, not {expected}")
        return from_columns(to_columns(array, self.convention.channel_axis), x.shape, 1)


def differing(name: str, got: Array | None, want: Array, *, rtol: float, atol: float) -> Iterator[str]:
    """A complaint where two arrays are not close, element by element; nothing where there is no answer."""
    if got is not None and not np.allclose(np.asarray(got, np.float64), want, rtol=rtol, atol=atol):
        worst = np.nanmax(np.abs(np.asarray(got, np.float64) - want)) if np.isfinite(got).any() else float("nan")
        yield f"{name} is off by {worst:.2g}"
