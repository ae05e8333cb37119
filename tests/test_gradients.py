"""The closed forms of the gradients against difference quotients in 60 decimal digits, where these are right to 25."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest

from bnspec import gradients, spec
from bnspec.case import Array, dtype_named, parameter_dtype

H = Decimal("1e-18")
"""Half the width of a central difference; its error is about H**2."""

Vector = list[Decimal]
Function = Callable[[dict[str, Vector]], Decimal]

X = [0.5, -1.25, 3.0, 0.75, 2.0]
DY = [1.0, -0.5, 0.25, 2.0, -3.0]
V_DX = [0.125, 1.5, -1.0, 0.5, 0.25]
GAMMA, BETA, EPS, V_DGAMMA, V_DBETA = 1.75, -0.25, 0.375, 0.625, -2.0
RUNNING = (0.5, 1.25)


def exactly(**values: float | list[float]) -> dict[str, Vector]:
    return {name: [Decimal(v) for v in (value if isinstance(value, list) else [value])] for name, value in values.items()}


def mean(values: Vector) -> Decimal:
    return sum(values, Decimal(0)) / len(values)


def x_hat(x: Vector, *, training: bool) -> tuple[Vector, Decimal]:
    center = mean(x) if training else Decimal(RUNNING[0])
    var = mean([(v - center) ** 2 for v in x]) if training else Decimal(RUNNING[1])
    r = 1 / (var + Decimal(EPS)).sqrt()
    return [(v - center) * r for v in x], r


def loss(at: dict[str, Vector], *, training: bool) -> Decimal:
    """<dy, y>, of which dx, dgamma and dbeta are the derivatives."""
    hat, _ = x_hat(at["x"], training=training)
    return sum((w * (at["gamma"][0] * h + at["beta"][0]) for w, h in zip(at["dy"], hat, strict=True)), Decimal(0))


def slopes(function: Function, at: dict[str, Vector], name: str) -> list[float]:
    """Central differences of `function` by each number under `name`."""
    found = []
    for index in range(len(at[name])):
        sides = []
        for step in (H, -H):
            moved = [value + step if place == index else value for place, value in enumerate(at[name])]
            sides.append(function({**at, name: moved}))
        found.append(float((sides[0] - sides[1]) / (2 * H)))
    return found


def column(values: list[float]) -> Array:
    return np.array(values)[:, None]


def close(found: Array | None, wanted: list[float]) -> None:
    assert found is not None
    np.testing.assert_allclose(found.ravel(), wanted, rtol=0, atol=64 * 2.0**-53)


@pytest.mark.parametrize("training", [True, False])
def test_first_gradients_are_the_slopes_of_the_forward_pass(training: bool) -> None:
    one = [np.array([value]) for value in (GAMMA, BETA, *RUNNING)]
    if training:
        normalized = spec.normalize(column(X), one[0], one[1], eps=EPS)
        found = gradients.train_backward(column(DY), one[0], normalized)
    else:
        normalized = spec.infer(column(X), *one, eps=EPS)
        found = gradients.infer_backward(column(DY), one[0], normalized)
    with localcontext(prec=60):
        at = exactly(x=X, dy=DY, gamma=GAMMA, beta=BETA)
        wanted = {name: slopes(lambda moved: loss(moved, training=training), at, name) for name in ("x", "gamma", "beta")}
    close(found.dx, wanted["x"])
    close(found.dgamma, wanted["gamma"])
    close(found.dbeta, wanted["beta"])


def backward_loss(at: dict[str, Vector]) -> Decimal:
    """<v_dx, dx> + <v_dgamma, dgamma> + <v_dbeta, dbeta>, with dx in the closed form that the test above confirms."""
    hat, r = x_hat(at["x"], training=True)
    dy, gamma = at["dy"], at["gamma"][0]
    along = mean([w * h for w, h in zip(dy, hat, strict=True)])
    dx = [gamma * r * (w - mean(dy) - h * along) for w, h in zip(dy, hat, strict=True)]
    pairing = sum((Decimal(v) * d for v, d in zip(V_DX, dx, strict=True)), Decimal(0))
    return pairing + Decimal(V_DGAMMA) * along * len(dy) + Decimal(V_DBETA) * mean(dy) * len(dy)


def test_second_gradients_are_the_slopes_of_the_backward_pass() -> None:
    gamma = np.array([GAMMA])
    normalized = spec.normalize(column(X), gamma, np.array([BETA]), eps=EPS)
    v = (column(V_DX), np.array([V_DGAMMA]), np.array([V_DBETA]))
    found = gradients.double_backward(column(DY), gamma, normalized, *v)
    with localcontext(prec=60):
        at = exactly(x=X, dy=DY, gamma=GAMMA)
        wanted = {name: slopes(backward_loss, at, name) for name in ("x", "dy", "gamma")}
    close(found.dx, wanted["x"])
    close(found.ddy, wanted["dy"])
    close(found.dgamma, wanted["gamma"])


@pytest.mark.parametrize("axis", [1, -1, 0])
def test_the_identities_of_the_training_gradient(axis: int) -> None:
    rng = np.random.default_rng(2)
    x, dy = rng.normal(3, 2, (2, 4, 5, 3, 3)), rng.normal(1, 1, (2, 4, 5, 3, 3))
    gamma = rng.normal(size=(x.shape[axis],))
    normalized = spec.normalize(x, gamma, gamma, eps=EPS, channel_axis=axis)
    found = gradients.train_backward(dy, gamma, normalized, channel_axis=axis)
    axes = spec.reduction_axes(x, axis)
    inv_std = normalized.inv_std.ravel()
    assert found.dgamma is not None
    along = (found.dx * normalized.x_hat).sum(axes)
    np.testing.assert_allclose(found.dx.sum(axes), 0, atol=1e-13)
    np.testing.assert_allclose(along, gamma * inv_std * found.dgamma * EPS * inv_std**2, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dx_comes_in_the_dtype_of_dy_and_parameters_are_never_narrowed(dtype: str) -> None:
    x = np.array([[1.0], [2.0], [4.0]]).astype(dtype_named(dtype))
    normalized = spec.normalize(x, np.ones(1), np.zeros(1), eps=1.0)
    found = gradients.train_backward(x, np.ones(1), normalized)
    assert found.dx.dtype == x.dtype
    assert [None if one is None else one.dtype for one in (found.dgamma, found.dbeta)] == [parameter_dtype(dtype)] * 2
