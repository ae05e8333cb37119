"""BatchNorm as a torch.nn.Module: parameters, buffers, train() and eval(); autograd runs the steps' own backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bnspec.convention import TORCH
from bnspec.implementation import Setup
from bnspec.reference.bugs.steps import Steps

CONVENTION = TORCH


class Step(torch.autograd.Function):
    """One forward and its backward."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, steps: Steps, training: bool) -> Any:
        """y for x; the layer's own memory of this forward is kept for backward."""
        y = steps.respond(x.detach().numpy(), training=training)
        ctx.steps, ctx.kept = steps, steps.kept
        return torch.from_numpy(np.ascontiguousarray(y))

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        """dx, dgamma, dbeta; the layer itself has no gradient."""
        ctx.steps.kept = ctx.kept
        gradients = ctx.steps.differentiate(dy.detach().numpy())
        return *(torch.from_numpy(np.ascontiguousarray(one)) for one in gradients), None, None


class BatchNorm(torch.nn.Module):
    """For x of shape (N, C, ...) in float16, float32 or float64."""

    running_mean: Any
    running_var: Any

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = CONVENTION.momentum_default) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.steps = Steps(Setup(None, None, None, None, eps, momentum, "float64", 1, 2, num_features), CONVENTION)
        self.weight = torch.nn.Parameter(torch.ones(num_features))
        self.bias = torch.nn.Parameter(torch.zeros(num_features))
        for name, start in zip(("running_mean", "running_var"), self.steps.state(), strict=True):
            self.register_buffer(name, torch.tensor(start, dtype=self.weight.dtype))

    def forward(self, x: Any) -> Any:
        """y for x; in training the buffers move."""
        steps, arrays = self.steps, (self.weight, self.bias, self.running_mean, self.running_var)
        steps.gamma, steps.beta, steps.running_mean, steps.running_var = (one.detach().numpy() for one in arrays)
        steps.eps, steps.momentum = self.eps, self.momentum
        y = Step.apply(x, self.weight, self.bias, steps, self.training)
        self.update()
        return y

    def update(self) -> None:
        """Write the running statistics into the buffers."""
        for buffer, values in zip((self.running_mean, self.running_var), self.steps.state(), strict=True):
            buffer.copy_(torch.from_numpy(values))
