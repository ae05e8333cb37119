"""BatchNorm as a NumPy class: forward(x, mode="train" or "test"), backward(dy), parameters and running statistics of its own."""

from __future__ import annotations

from typing import Literal

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.implementation import Setup
from bnspec.reference.bugs.steps import Steps

CONVENTION = Convention(momentum_weighs="running", momentum_default=0.9, running_var="biased", single_value="beta")


class BatchNorm(Steps):
    """For x of shape (N, C, ...). `momentum` weighs the old value; the running variance is the biased one."""

    def __init__(self, num_features: int, momentum: float | None = CONVENTION.momentum_default, epsilon: float = 1e-5) -> None:
        super().__init__(Setup(None, None, None, None, epsilon, momentum, "float64", 1, 2, num_features), CONVENTION)

    def forward(self, x: Array, mode: Literal["train", "test"] = "train") -> Array:
        """y for x: with the batch's statistics in "train", where the running ones move, with those in "test"."""
        return self.respond(x, training=mode == "train")

    def backward(self, dy: Array) -> tuple[Array, Array, Array]:
        """(dx, dgamma, dbeta) of the latest forward."""
        return self.differentiate(dy)
