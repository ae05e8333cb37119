"""BatchNorm as a pair of functions: batchnorm_forward(x, gamma, beta, bn_param) and batchnorm_backward(dout, cache)."""

from __future__ import annotations

from typing import Any

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.implementation import Setup
from bnspec.reference.bugs.steps import Steps

CONVENTION = Convention(momentum_weighs="running", momentum_default=0.9, running_var="biased", single_value="beta")


def batchnorm_forward(x: Array, gamma: Array, beta: Array, bn_param: dict[str, Any]) -> tuple[Array, Steps]:
    """(y, cache) for x of shape (N, C, ...); bn_param has "mode" ("train" or "test"), and may have eps, momentum and the state."""
    state = bn_param.get("running_mean"), bn_param.get("running_var")
    setup = Setup(
        gamma, beta, *state, bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.9), x.dtype.name, 1, x.ndim, x.shape[1]
    )
    bn = Steps(setup, CONVENTION)
    y = bn.respond(x, training=bn_param["mode"] == "train")
    bn_param["running_mean"], bn_param["running_var"] = bn.state()
    return y, bn


def batchnorm_backward(dout: Array, cache: Steps) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta) of the forward that gave the cache."""
    return cache.differentiate(dout)
