"""The range of a dtype (B14): each intermediate of a correct algorithm is followed to the very edge, and a thousandth beyond."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnspec.bounds import may_overflow
from bnspec.case import Case

QUARTER = float(np.finfo(np.float32).max) / 4

SUBNORMAL = float(np.finfo(np.float32).tiny) ** (-2 / 3)
"""var + eps at which r**3 is as small as a normal number can be."""

EDGES: dict[str, Any] = {
    "the sum of four squares": lambda edge: {"x": (QUARTER * edge) ** 0.5 / 2},
    "four squares of the running mean": lambda edge: {"running_mean": -((QUARTER * edge) ** 0.5) / 2},
    "both products of a fused y": lambda edge: {"gamma": -QUARTER * edge / 2},
    "both products, with the deviation at work": lambda edge: {"gamma": QUARTER * edge / 2e10, "eps": 1e-20},
    "both products, where x is far": lambda edge: {"gamma": QUARTER * edge / 2e10, "x": 1e10},
    "both products, however small gamma is": lambda edge: {"gamma": 0.0, "eps": (2 / QUARTER / edge) ** 2},
    "both products, however large the variance": lambda edge: {"gamma": QUARTER * edge / 2, "running_var": 1e4},
    "beta beside them": lambda edge: {"beta": QUARTER * edge - 2},
    "the unbiased running variance": lambda edge: {"running_var": QUARTER * edge / 4},
    "the sum of dy": lambda edge: {"dy": -QUARTER * edge / 4},
    "the sum of dy gamma": lambda edge: {"dy": QUARTER * edge / 4e6, "gamma": 1e6},
    "the sum of dy x": lambda edge: {"dy": QUARTER * edge / 4e6, "x": 1e6},
    "the chain through the variance": lambda edge: {"dy": QUARTER * edge / 4e12, "eps": 1e-8},
    "the chain, however large the variance": lambda edge: {"dy": QUARTER * edge / 4, "running_var": 1e4},
    "the chain, however small dy is": lambda edge: {"dy": QUARTER * edge / 4e39, "eps": 1e-26},
    "a third power that is subnormal": lambda edge: {"dy": 0.0, "eps": SUBNORMAL * edge},
}


def inference(**values: float) -> Case:
    """Four zeros in one channel, of variance 0 and eps 1, but for what is given."""
    given = {"x": 0.0, "gamma": 1.0, "beta": 0.0, "running_mean": 0.0, "running_var": 0.0, "eps": 1.0} | values
    eps = given.pop("eps")
    arrays = {name: np.full((4, 1) if name in ("x", "dy") else (1,), value, np.float64) for name, value in given.items()}
    return Case(**arrays, eps=eps, momentum=0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", EDGES)
def test_a_case_is_told_from_the_first_that_may_overflow(what: str) -> None:
    inside, outside = (inference(**EDGES[what](edge)) for edge in (0.999, 1.001))
    assert not may_overflow(inside, training=False, arithmetic="float32")
    assert may_overflow(outside, training=False, arithmetic="float32")


def test_the_edge_itself_is_inside() -> None:
    assert not may_overflow(inference(running_var=QUARTER / 4), training=False, arithmetic="float32")
    smallest = inference(dy=0.0, eps=2.0**84)
    assert not may_overflow(smallest, training=False, arithmetic="float32"), "r**3 is the smallest normal number, 2**-126"


def test_a_single_value_is_one_square() -> None:
    alone = inference().replace(x=np.full((1, 1), (QUARTER * 0.999) ** 0.5))
    assert not may_overflow(alone, arithmetic="float32")
    assert may_overflow(alone.replace(x=np.full((2, 1), alone.x[0, 0])), arithmetic="float32")


def test_training_is_steep_by_its_own_variance() -> None:
    spread = inference(gamma=QUARTER / 3, running_var=1.0).replace(x=np.array([[0.0], [2.0], [0.0], [2.0]]), eps=1e-9)
    still = spread.replace(x=np.ones((4, 1)))
    assert not may_overflow(spread.replace(gamma=np.array([QUARTER / 5])), arithmetic="float32")
    assert may_overflow(still.replace(gamma=np.array([QUARTER / 5])), arithmetic="float32"), "its variance is 0"
    assert not may_overflow(still.replace(gamma=np.array([QUARTER / 5])), training=False, arithmetic="float32")


def test_an_empty_batch_is_judged_by_its_state() -> None:
    empty = inference(running_var=1.0, gamma=QUARTER / 3, eps=1e-9).replace(x=np.zeros((0, 1)), dy=np.zeros((0, 1)))
    assert not may_overflow(empty, arithmetic="float32")
    assert may_overflow(empty.replace(running_var=np.zeros(1)), arithmetic="float32")
    assert may_overflow(empty.replace(running_mean=np.full(1, 2 * QUARTER**0.5), gamma=np.ones(1)), arithmetic="float32")


def test_one_channel_is_enough() -> None:
    two = {name: np.array([1.0, 1.0]) for name in ("gamma", "beta", "running_mean")}
    case = Case(np.zeros((4, 2)), **two, running_var=np.array([0.0, QUARTER]), eps=1.0, momentum=0.1)
    assert may_overflow(case, training=False, arithmetic="float32")
