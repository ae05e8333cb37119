"""torch.autograd.gradcheck and gradgradcheck, through an autograd.Function around the implementation's own forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.autograd.gradcheck import GradcheckError

from rivals.asked import Asked

TITLE = "torch.autograd.gradcheck and gradgradcheck"


def check(asked: Asked) -> Iterator[str]:
    """Both, in training and in inference, with the defaults of torch: float64, steps of 1e-6, tolerances 1e-5 and 1e-3."""
    torch.manual_seed(0)
    shapes = [(4, 3), (2, 3, 2, 2)] if max(asked.convention.ranks) >= 4 else [(4, 3)]
    for shape in shapes:
        for training in (True, False):
            function = _function(asked, training)
            if function is None:
                continue
            inputs = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in (shape, (3,), (3,))]
            for name, look in (("gradcheck", torch.autograd.gradcheck), ("gradgradcheck", torch.autograd.gradgradcheck)):
                yield from _said(name, look, function, inputs)


def _said(name: str, look: Callable[..., bool], function: Callable[..., Any], inputs: list[Any]) -> Iterator[str]:
    try:
        look(function, inputs)
    except GradcheckError as error:
        yield f"{name}: {str(error).strip().splitlines()[0]}"


def _function(asked: Asked, training: bool) -> Callable[..., Any] | None:
    """x, gamma, beta -> y with the implementation's gradients; None where it has none of all three in this mode."""
    probe = torch.arange(6, dtype=torch.float64).reshape(2, 3).numpy()
    ask = asked.train if training else asked.infer
    found = ask(probe, probe)
    if found.dx is None or found.dgamma is None or found.dbeta is None:
        return None

    class Backward(torch.autograd.Function):
        """The implementation's backward; its own derivative is that of the formula, by autograd."""

        @staticmethod
        def forward(ctx: Any, dy: Any, x: Any, gamma: Any, beta: Any) -> Any:
            ctx.save_for_backward(dy, x, gamma, beta)
            parameters = {"gamma": gamma.detach().numpy(), "beta": beta.detach().numpy()}
            with torch.enable_grad():  # what is asked may differentiate by torch itself
                answer = ask(x.detach().numpy(), dy.detach().numpy(), **parameters)
            return tuple(torch.from_numpy(part.copy()) for part in (answer.dx, answer.dgamma, answer.dbeta))

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            with torch.enable_grad():
                dy, x, gamma, beta = (part.detach().requires_grad_() for part in ctx.saved_tensors)
                first = torch.autograd.grad(_formula(x, gamma, beta, training), (x, gamma, beta), dy, create_graph=True)
                return torch.autograd.grad(first, (dy, x, gamma, beta), upstream, allow_unused=True, materialize_grads=True)

    class Forward(torch.autograd.Function):
        """The implementation's forward."""

        @staticmethod
        def forward(ctx: Any, x: Any, gamma: Any, beta: Any) -> Any:
            ctx.save_for_backward(x, gamma, beta)
            parameters = {"gamma": gamma.detach().numpy(), "beta": beta.detach().numpy()}
            return torch.from_numpy(ask(x.detach().numpy(), **parameters).y.copy())

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return Backward.apply(dy, *ctx.saved_tensors)

    return Forward.apply


def _formula(x: Any, gamma: Any, beta: Any, training: bool) -> Any:
    axes, shape = (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))
    mean, var = (x.mean(axes), x.var(axes, correction=0)) if training else (torch.zeros(3).double(), torch.ones(3).double())
    x_hat = (x - mean.reshape(shape)) / torch.sqrt(var.reshape(shape) + 1e-5)
    return gamma.reshape(shape) * x_hat + beta.reshape(shape)
