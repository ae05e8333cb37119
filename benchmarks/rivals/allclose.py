"""One allclose against torch on randn: the check that most pull requests have. Outputs, state and gradients of one small batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from rivals.asked import Asked, differing

TITLE = "one allclose against torch on randn"

TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
"""What people write; torch's own default for float32 is hardly ever met across implementations."""


def check(asked: Asked) -> Iterator[str]:
    """A training step with gradients and the inference after it, beside torch's."""
    rng = np.random.default_rng(0)
    shape = (8, 3, 5, 5) if max(asked.convention.ranks) > 2 else (32, 3)
    x, dy, later = (rng.standard_normal(shape).astype(np.float32) for _ in range(3))
    layer = asked.layer(x)
    ours = asked.call(layer, x, dy, training=True)
    theirs = torch.nn.BatchNorm2d(3) if len(shape) == 4 else torch.nn.BatchNorm1d(3)
    given = torch.from_numpy(x).requires_grad_()
    y = theirs(given)
    dx, dgamma, dbeta = torch.autograd.grad(y, (given, theirs.weight, theirs.bias), torch.from_numpy(dy))
    for name, got, want in (("y", ours.y, y), ("dx", ours.dx, dx), ("dgamma", ours.dgamma, dgamma), ("dbeta", ours.dbeta, dbeta)):
        yield from differing(name, got, want.detach().numpy(), **TOLERANCE)
    mean, var = x.mean((0, 2, 3) if len(shape) == 4 else 0), x.var((0, 2, 3) if len(shape) == 4 else 0) * asked.factor(x)
    want_mean, want_var = asked.moved(np.zeros(3), mean, 0.1), asked.moved(np.ones(3), var, 0.1)
    yield from differing("running_mean", ours.mean, want_mean, **TOLERANCE)
    yield from differing("running_var", ours.var, want_var, **TOLERANCE)
    theirs.running_mean[:], theirs.running_var[:] = torch.from_numpy(want_mean), torch.from_numpy(want_var)
    got = asked.call(layer, later, training=False).y
    yield from differing("y of inference", got, theirs.eval()(torch.from_numpy(later)).detach().numpy(), **TOLERANCE)
