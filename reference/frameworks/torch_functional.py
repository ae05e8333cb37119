"""torch.nn.functional.batch_norm through an adapter written by hand: `bnspec.reference.frameworks.torch_functional:Functional`."""

from __future__ import annotations

import numpy as np
import torch

from bnspec.case import Array, dtype_named
from bnspec.implementation import Setup


def to_torch(array: Array) -> torch.Tensor:
    """A copy as a tensor; NumPy's bfloat16 goes over as its bits."""
    if array.dtype.name == "bfloat16":
        return torch.tensor(array.view(np.int16)).view(torch.bfloat16)
    return torch.tensor(array)


def to_numpy(tensor: torch.Tensor) -> Array:
    """A copy as an array; torch's bfloat16 comes over as its bits."""
    if tensor.dtype is torch.bfloat16:
        return np.array(tensor.detach().view(torch.int16).numpy()).view(dtype_named("bfloat16"))
    return np.array(tensor.detach().numpy())


class Functional:
    """The function, which keeps nothing itself; its convention is that of torch's layers, for every rank."""

    name = "torch.nn.functional.batch_norm"
    convention = {"momentum_weighs": "batch", "running_var": "unbiased", "single_value": "error", "backward": "train+infer"}  # noqa: RUF012

    def layer(self, setup: Setup) -> FunctionalLayer:
        """A layer that keeps the state for the function."""
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("torch has its channels on axis 1")
        return FunctionalLayer(setup)


class FunctionalLayer:
    """The ten lines that an adapter comes to."""

    def __init__(self, setup: Setup) -> None:
        fresh = np.zeros(setup.channels, "float64" if setup.dtype == "float64" else "float32")
        state = (setup.gamma, setup.beta, setup.running_mean, setup.running_var)
        given = [
            start if values is None else values for values, start in zip(state, (fresh + 1, fresh, fresh, fresh + 1), strict=True)
        ]
        self.gamma, self.beta, self.mean, self.var = map(to_torch, given)
        self.momentum = 0.1 if setup.momentum is None else setup.momentum
        self.eps = 1e-5 if setup.eps is None else setup.eps
        self.learned = [self.gamma.requires_grad_(), self.beta.requires_grad_()]

    def forward(self, x: Array, *, training: bool) -> Array:
        """y; in training the function itself moves `mean` and `var`."""
        self.x = to_torch(x).requires_grad_()
        state = (self.mean, self.var, self.gamma, self.beta)
        self.y = torch.nn.functional.batch_norm(self.x, *state, training, self.momentum, self.eps)
        return to_numpy(self.y)

    def backward(self, dy: Array) -> tuple[Array, ...]:
        """(dx, dgamma, dbeta) by autograd."""
        return tuple(map(to_numpy, torch.autograd.grad(self.y, [self.x, *self.learned], to_torch(dy), retain_graph=True)))

    def running(self) -> tuple[Array, Array]:
        """(running_mean, running_var), as the function left them."""
        return to_numpy(self.mean), to_numpy(self.var)
