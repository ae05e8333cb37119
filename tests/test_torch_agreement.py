"""The reference layer and PyTorch, asked the same: they may differ by the sum of their error bounds and by nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnspec import bounds, exact, gradients, spec
from bnspec.bounds_second_order import double_backward_bounds
from bnspec.case import Array, Case, from_columns
from bnspec.convention import TORCH
from bnspec.implementation import Setup
from bnspec.layer import Reference
from bnspec.properties.stage import Stage, on_stage
from bnspec.properties.strategies import cases

CLASSES = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}

ASKED = settings(max_examples=80, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Answer:
    """y, the running statistics and the gradients, from one call of either side."""

    y: Array
    running_mean: Array
    running_var: Array
    dx: Array
    dgamma: Array
    dbeta: Array


@pytest.fixture(params=["float32", "float64"], autouse=True, scope="module")
def stage(request: pytest.FixtureRequest) -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # cases are small
    with on_stage(Stage(dtype=request.param)):
        yield
    torch.set_num_threads(threads)


def torch_layer(case: Case) -> Any:
    layer = CLASSES[case.x.ndim](case.channels, eps=case.eps, momentum=case.momentum, dtype=getattr(torch, case.dtype))
    state = {"weight": case.gamma, "bias": case.beta, "running_mean": case.running_mean, "running_var": case.running_var}
    layer.load_state_dict({name: torch.tensor(values) for name, values in state.items()}, strict=False)
    return layer


def by_torch(case: Case, *, training: bool) -> Answer:
    layer = torch_layer(case).train(training)
    x = torch.tensor(case.x, requires_grad=True)
    y = layer(x)
    found = torch.autograd.grad(y, [x, layer.weight, layer.bias], torch.tensor(case.dy))
    return Answer(*(part.detach().numpy() for part in (y, layer.running_mean, layer.running_var, *found)))


def by_reference(case: Case, *, training: bool) -> Answer:
    layer = Reference("torch", TORCH).layer(Setup.of(case))
    y = layer.forward(case.x, training=training)
    assert case.dy is not None
    return Answer(y, *layer.running(), *(np.asarray(part) for part in layer.backward(case.dy)))


def assert_within(one: Array, other: Array, bound: Array, name: str) -> None:
    """|one - other| <= 2 bound, both in columns; an infinite bound says nothing."""
    distance = np.abs(one.astype(np.float64) - other.astype(np.float64))
    assert (distance <= 2 * bound).all(), f"{name} differs by {np.max(distance / (2 * bound))} times the sum of the bounds"


def assert_agreement(case: Case, *, training: bool) -> None:
    here, there = by_reference(case, training=training), by_torch(case, training=training)
    true = exact.train(case, TORCH) if training else exact.infer(case)
    limit = bounds.train_bounds(case, true, TORCH) if training else bounds.infer_bounds(case, true)
    for name in ("y", "dx"):
        assert_within(case.columns(getattr(here, name)), case.columns(getattr(there, name)), getattr(limit, name), name)
    for name in ("running_mean", "running_var", "dgamma", "dbeta"):
        assert_within(getattr(here, name), getattr(there, name), getattr(limit, name), name)


@ASKED
@given(cases())
def test_training_its_statistics_and_its_gradients_agree(case: Case) -> None:
    assert_agreement(case, training=True)


@ASKED
@given(cases())
def test_inference_and_its_gradients_agree(case: Case) -> None:
    assert_agreement(case, training=False)


def doubly_by_torch(case: Case, v: tuple[Array, Array, Array]) -> tuple[Array, ...]:
    layer = torch_layer(case)
    x, dy = torch.tensor(case.x, requires_grad=True), torch.tensor(case.dy, requires_grad=True)
    first = torch.autograd.grad(layer(x), [x, layer.weight, layer.bias], dy, create_graph=True)
    paired = torch.stack([(part * torch.tensor(along)).sum() for part, along in zip(first, v, strict=True)]).sum()
    return tuple(part.numpy() for part in torch.autograd.grad(paired, [x, dy, layer.weight]))


@ASKED
@given(cases(), st.integers(0, 2**32 - 1))
def test_second_gradients_agree(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns = rng.standard_normal((case.m, case.channels)).astype(case.dtype)
    v_dgamma, v_dbeta = rng.standard_normal((2, case.channels)).astype(case.dtype)
    v_dx = from_columns(columns, case.x.shape, case.channel_axis)
    normalized = spec.normalize(case.x, case.gamma, case.beta, eps=case.eps)
    assert case.dy is not None
    here = gradients.double_backward(case.dy, case.gamma, normalized, v_dx, v_dgamma, v_dbeta)
    by_x, by_dy, by_gamma = double_backward_bounds(case, exact.train(case, TORCH), columns, v_dgamma, v_dbeta)
    there = doubly_by_torch(case, (v_dx, v_dgamma, v_dbeta))
    assert_within(case.columns(here.dx), case.columns(there[0]), by_x, "the gradient of x")
    assert_within(case.columns(here.ddy), case.columns(there[1]), by_dy, "the gradient of dy")
    assert_within(here.dgamma, there[2], by_gamma, "the gradient of gamma")


@pytest.mark.parametrize("momentum", [0.1, None])
def test_both_remember_several_batches_alike(momentum: float | None) -> None:
    rng = np.random.default_rng(4)
    convention = TORCH if momentum else type(TORCH)(momentum_weighs="cumulative", momentum_default=None)
    there: Any = torch.nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
    here = Reference("torch", convention).layer(Setup(None, None, None, None, None, momentum, "float64", 1, 2, 3))
    for size in (2, 5, 3, 8):
        x = rng.normal(2, 3, (size, 3))
        here.forward(x, training=True)
        there(torch.tensor(x))
    np.testing.assert_allclose(here.running_mean, there.running_mean.numpy(), rtol=1e-14)
    np.testing.assert_allclose(here.running_var, there.running_var.numpy(), rtol=1e-14)


def test_both_refuse_one_value_a_channel_in_training_and_answer_it_in_inference() -> None:
    x = np.ones((1, 3))
    here, there = (
        Reference("torch", TORCH).layer(Setup(None, None, None, None, None, None, "float64", 1, 2, 3)),
        torch.nn.BatchNorm1d(3),
    )
    with pytest.raises(spec.SingleValue):
        here.forward(x, training=True)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        there(torch.tensor(x, dtype=torch.float32))
    assert here.forward(x, training=False).shape == there.eval()(torch.tensor(x, dtype=torch.float32)).shape
