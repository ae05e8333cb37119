"""The bounds of second order hold for the closed form and for PyTorch's own double backward, and are near to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trials

from bnspec import exact
from bnspec.bounds_second_order import double_backward_bounds
from bnspec.case import Array, Case
from bnspec.gradients import double_backward
from bnspec.spec import normalize

Seeds = tuple[Array, ...]
"""v_dx (m, C), v_dgamma and v_dbeta (C,): what the gradients are weighed by."""


def closed_form(case: Case, seeds: Seeds, dtype: str) -> list[Array]:
    """The double backward pass in closed form, all of it in `dtype`, as columns."""
    x, dy, gamma, beta = trials.columns(case, dtype)
    v_dx, v_dgamma, v_dbeta = (seed.astype(dtype) for seed in seeds)
    return list(double_backward(dy, gamma, normalize(x, gamma, beta, eps=case.eps), v_dx, v_dgamma, v_dbeta))


def by_torch(case: Case, seeds: Seeds, dtype: str) -> list[Array]:
    """The same by PyTorch's own double backward."""
    torch = pytest.importorskip("torch")
    x, dy, gamma, beta = (torch.tensor(values, requires_grad=True) for values in trials.columns(case, dtype))
    y = torch.nn.functional.batch_norm(x, None, None, gamma, beta, True, 0.1, case.eps)
    gradients = torch.autograd.grad(y, (x, gamma, beta), dy, create_graph=True)
    total = sum((gradient * torch.tensor(seed.astype(dtype))).sum() for gradient, seed in zip(gradients, seeds, strict=True))
    return [found.numpy() for found in torch.autograd.grad(total, (x, dy, gamma))]


@pytest.mark.parametrize("computed_by", [closed_form, by_torch])
def test_double_backward_stays_within_its_bound(computed_by: Callable[[Case, Seeds, str], list[Array]]) -> None:
    rng, worst = np.random.default_rng(6), np.zeros(3)
    cases = np.random.default_rng(7)
    for case in (trials.random_case("float32", cases) for _ in range(150)):
        shape = (case.m, case.channels)
        seeds = tuple(rng.standard_normal(size).astype(np.float32) for size in (shape, shape[1], shape[1]))
        limit = double_backward_bounds(case, exact.train(case), *seeds)
        with np.errstate(all="ignore"):
            got, true = computed_by(case, seeds, "float32"), closed_form(case, seeds, "float64")
            for index, (one, other, bound) in enumerate(zip(got, true, limit, strict=True)):
                error = np.abs(one.astype(float) - other)
                worst[index] = max(worst[index], np.where((error == 0) | np.isinf(bound), 0, error / bound).max())
    assert (worst <= 1).all(), worst
    assert (worst > 0.02).all(), worst


def test_double_backward_needs_a_dy() -> None:
    case = trials.plain_case(np.eye(3)).replace(dy=None)
    with pytest.raises(ValueError, match="needs a case with a dy"):
        double_backward_bounds(case, exact.train(case), np.ones((3, 3)), np.ones(3), np.ones(3))
