"""The samples of PyTorch's OpInfo for batch_norm: its shapes, its numbers and its tolerances, beside torch's own operator."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.testing import make_tensor

from rivals.asked import Asked, differing

TITLE = "OpInfo-like samples"

SAMPLES = (
    ((5, 5, 5), True, 0.5, 0.6),
    ((3, 2, 4), False, 0.1, 1e-5),
    ((3, 1), True, 0.0, 1e-5),
    ((3, 2, 3, 4), True, 0.9, 0.5),
    ((3, 2, 3, 4), False, 0.9, 0.5),
    ((2, 1), False, 0.1, 1e-5),
    ((2, 1), True, 0.1, 1e-5),
    ((1, 2, 3), True, 0.1, 1e-5),
)
"""Shape, training, momentum and eps; of its negative momenta the sign is left out, and empty batches, which many refuse."""

TOLERANCES = {"float32": {"rtol": 1.3e-6, "atol": 1e-5}, "float64": {"rtol": 1e-7, "atol": 1e-7}}
"""Those of torch.testing.assert_close; for gradients and for (2, 1), where torch itself is further off, a hundred times these."""


def check(asked: Asked) -> Iterator[str]:
    """Every sample in two dtypes, with its gradients."""
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        for shape, training, momentum, eps in SAMPLES:
            if len(shape) > max(asked.convention.ranks) or (asked.convention.debias == "zero" and not momentum):
                continue  # a debiased average in which no batch has any weight is 0 / 0
            yield from _sample(asked, dtype, shape, training, momentum, eps)


def _sample(asked: Asked, dtype: torch.dtype, shape: tuple[int, ...], training: bool, momentum: float, eps: float) -> Iterator[str]:
    x, dy = (make_tensor(shape, dtype=dtype, device="cpu") for _ in range(2))
    gamma, beta = (make_tensor(shape[1], dtype=dtype, device="cpu") for _ in range(2))
    mean, var = (make_tensor(shape[1], dtype=dtype, device="cpu", low=0) for _ in range(2))
    given = {"gamma": gamma.numpy(), "beta": beta.numpy(), "mean": mean.numpy(), "var": var.numpy(), "eps": eps, "weight": momentum}
    ours = (asked.train if training else asked.infer)(x.numpy(), dy.numpy(), **given)
    if ours.y.dtype != x.numpy().dtype:
        return  # not offered in this dtype
    wanted = [part.requires_grad_() for part in (x, gamma, beta)]
    y = torch.nn.functional.batch_norm(x, mean.clone(), var.clone(), gamma, beta, training, momentum, eps)
    dx, dgamma, dbeta = (part.detach().numpy() for part in torch.autograd.grad(y, wanted, dy))
    name, close = f"{shape} {dtype}", TOLERANCES[str(dtype).removeprefix("torch.")]
    wider = {side: 100 * value for side, value in close.items()}
    yield from differing(f"{name}: y", ours.y, y.detach().numpy(), **(wider if shape == (2, 1) else close))
    for part, got, want in (("dx", ours.dx, dx), ("dgamma", ours.dgamma, dgamma), ("dbeta", ours.dbeta, dbeta)):
        yield from differing(f"{name}: {part}", got, want, **wider)
    if training:
        values, axes = x.detach().numpy(), (0, *range(2, x.ndim))
        moved = asked.moved(given["var"], values.var(axes) * asked.factor(values), momentum)
        yield from differing(f"{name}: running_mean", ours.mean, asked.moved(given["mean"], values.mean(axes), momentum), **close)
        yield from differing(f"{name}: running_var", ours.var, moved, **wider)
