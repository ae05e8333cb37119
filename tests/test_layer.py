"""The reference layer: its memory, in every convention, against schedules written out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from bnspec.case import Array, dtype_named
from bnspec.convention import KERAS, NAMED, ONNX, PAPER, TORCH, TUTORIAL, Convention
from bnspec.implementation import NotOffered, Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.spec import EmptyBatch, SingleValue, ZeroVariance

MEANS = (4, 12, -20)
"""Of three batches of two values, mean - 1 and mean + 1: biased variance 1, unbiased 2."""

SCHEDULES: dict[str, tuple[Convention, list[str]]] = {
    "batch": (Convention(momentum_weighs="batch"), ["1/4", "1/4", "1/4"]),
    "running": (Convention(momentum_weighs="running"), ["3/4", "3/4", "3/4"]),
    "cumulative": (Convention(momentum_weighs="cumulative"), ["1", "1/2", "1/3"]),
    "first": (Convention(debias="first"), ["1", "1/4", "1/4"]),
    "zero": (Convention(debias="zero"), ["1", "4/7", "16/37"]),
    "running, first": (Convention(momentum_weighs="running", debias="first"), ["1", "3/4", "3/4"]),
    "running, zero": (Convention(momentum_weighs="running", debias="zero"), ["1", "4/5", "16/21"]),
}
"""With momentum 1/4, the weight of each batch; for "zero" that is (1 - keep) / (1 - keep**k)."""


def batch(mean: float, shape: Sequence[int] = (2, 1)) -> Array:
    signs = np.where(np.arange(np.prod(shape)) % 2, 1.0, -1.0)
    return (mean + signs).reshape(shape)


@pytest.mark.parametrize("kind", ["biased", "unbiased"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_running_statistics_follow_the_schedule_of_the_convention(name: str, kind: str) -> None:
    convention, weights = SCHEDULES[name]
    convention = Convention.from_mapping({**convention.to_mapping(), "running_var": kind})
    layer = BatchNorm(1, momentum=0.25, dtype="float64", convention=convention)
    mean, var = Fraction(0), Fraction(1)
    for batch_mean, said in zip(MEANS, weights, strict=True):
        weight = Fraction(said)
        mean = (1 - weight) * mean + weight * batch_mean
        var = (1 - weight) * var + weight * (1 if kind == "biased" else 2)
        layer.forward(batch(batch_mean), training=True)
        assert [part.tolist() for part in layer.running()] == [[pytest.approx(float(one), rel=1e-15)] for one in (mean, var)]


@pytest.mark.parametrize("momentum", [0.25, 0.9])
def test_debias_zero_is_a_zero_started_average_divided_by_what_it_lacks(momentum: float) -> None:
    layer = BatchNorm(1, momentum=momentum, dtype="float64", convention=Convention(momentum_weighs="running", debias="zero"))
    keep, total = Fraction(momentum), Fraction(0)
    for step, mean in enumerate(MEANS, start=1):
        total = keep * total + (1 - keep) * mean
        layer.forward(batch(mean), training=True)
        assert layer.running_mean[0] == pytest.approx(float(total / (1 - keep**step)), rel=1e-14)


def test_the_paper_averages_over_the_training_batches() -> None:
    layer = BatchNorm(1, dtype="float64", convention=PAPER)
    for mean in MEANS:
        layer.forward(batch(mean), training=True)
    assert layer.running_mean[0] == pytest.approx(sum(MEANS) / 3, rel=1e-15)
    assert layer.running_var[0] == pytest.approx(2.0, rel=1e-15)  # "m / (m - 1) E[var]"


def test_each_rank_may_keep_its_own_variance() -> None:
    convention = Convention(running_var={2: "biased", 4: "unbiased"})
    for rank, want in ((2, 1), (3, 1), (4, 2), (5, 2)):  # a rank that is not listed follows the nearest
        layer = BatchNorm(1, momentum=1.0, dtype="float64", convention=convention)
        layer.forward(batch(5, (2, *[1] * (rank - 1))), training=True)
        assert layer.running_var.tolist() == [want]


def test_inference_uses_what_training_collected_and_collects_nothing() -> None:
    layer = BatchNorm(1, momentum=1.0, eps=2.0, dtype="float64")
    layer.forward(batch(5), training=True)  # keeps mean 5, variance 2
    before = [part.tobytes() for part in layer.running()]
    assert layer.forward(np.array([[9.0], [3.0]]), training=False).tolist() == [[2.0], [-1.0]]
    assert [part.tobytes() for part in layer.running()] == before


@pytest.mark.parametrize("axis", [1, -1, 0, 2])
def test_channels_may_be_on_any_axis(axis: int) -> None:
    x = np.random.default_rng(3).normal(2, 3, (4, 3, 5))
    usual, moved = BatchNorm(3, dtype="float64"), BatchNorm(3, dtype="float64", channel_axis=axis)
    want = usual.forward(x, training=True)
    got = moved.forward(np.moveaxis(x, 1, axis), training=True)
    np.testing.assert_allclose(np.moveaxis(got, axis, 1), want, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(moved.running(), usual.running(), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(moved.backward(np.moveaxis(x, 1, axis))[1]), np.asarray(usual.backward(x)[1]), rtol=1e-13)


def test_one_value_a_channel_is_what_the_convention_says() -> None:
    x = np.array([[3.0, 5.0]])
    given: dict[str, Any] = {"gamma": np.ones(2), "beta": np.array([0.5, -1.0]), "momentum": 0.5, "dtype": "float64"}
    with pytest.raises(SingleValue, match=r"training needs more than one value a channel; x has shape \(1, 2\)"):
        BatchNorm(**given, convention=TORCH).forward(x, training=True)
    for choice, mean, var in (("beta", [1.5, 2.5], [0.5, 0.5]), ("unchanged-state", [0, 0], [1, 1])):
        layer = BatchNorm(**given, convention=Convention(single_value=choice))
        assert layer.forward(x, training=True).tolist() == [[0.5, -1.0]]
        assert [part.tolist() for part in layer.running()] == [mean, var]
        assert [None if part is None else part.tolist() for part in layer.backward(x)] == [[[0, 0]], [0, 0], [3, 5]]
    assert BatchNorm(**given, convention=TORCH).forward(x, training=False).shape == (1, 2)


@pytest.mark.parametrize("name", NAMED)
def test_every_named_convention_answers_one_value_as_it_says(name: str) -> None:
    layer = Reference(name, NAMED[name]).layer(Setup(None, None, None, None, None, None, "float32", NAMED[name].channel_axis, 2, 3))
    x = np.ones((1, 3), np.float32)
    if NAMED[name].single_value == "error":
        with pytest.raises(SingleValue):
            layer.forward(x, training=True)
    else:
        assert layer.forward(x, training=True).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("shape", [(0, 2), (0, 2, 3), (4, 2, 0)])
def test_an_empty_batch_is_what_the_convention_says(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape, np.float32)
    with pytest.raises(EmptyBatch):
        BatchNorm(2).forward(x, training=True)
    layer = BatchNorm(2, convention=Convention(empty_batch="unchanged", backward="train"))
    assert layer.forward(x, training=True).shape == shape
    assert [part.tolist() for part in layer.running()] == [[0, 0], [1, 1]]
    dx, dgamma, dbeta = layer.backward(x)
    assert dx.shape == shape
    assert [np.asarray(part).tolist() for part in (dgamma, dbeta)] == [[0, 0], [0, 0]]
    layer.forward(batch(4, (2, 2)), training=True)
    assert layer.steps == 1


def test_no_channels_at_all_is_an_empty_batch() -> None:
    with pytest.raises(EmptyBatch):
        BatchNorm(0).forward(np.zeros((4, 0), np.float32), training=True)


def test_zero_variance_without_eps_is_an_error_and_moves_nothing() -> None:
    layer = BatchNorm(1, eps=0.0)
    for training in (True, False):
        layer.running_var = np.zeros(1, np.float32)
        with pytest.raises(ZeroVariance):
            layer.forward(np.ones((3, 1), np.float32), training=training)
    assert (layer.steps, layer.running_mean.tolist()) == (0, [0.0])


def test_parameter_gradients_accumulate_where_the_convention_says_so() -> None:
    dy = np.array([[1.0], [3.0]])
    for accumulate, dbetas in ((False, [4, 4, 4]), (True, [4, 8, 12])):
        layer = BatchNorm(1, dtype="float64", convention=Convention(accumulate=accumulate))
        layer.forward(batch(0), training=True)
        answers = [layer.backward(dy) for _ in range(3)]
        assert [np.asarray(dbeta).item() for _, _, dbeta in answers] == dbetas
        assert len({dx.tobytes() for dx, _, _ in answers}) == 1


@pytest.mark.parametrize(("offered", "in_training", "in_inference"), [("none", 0, 0), ("train", 1, 0), ("train+infer", 1, 1)])
def test_gradients_that_the_convention_lacks_are_not_offered(offered: str, in_training: bool, in_inference: bool) -> None:
    layer = BatchNorm(1, dtype="float64", convention=Convention(backward=offered))
    for training, right in ((True, in_training), (False, in_inference)):
        layer.forward(batch(0), training=training)
        if right:
            assert layer.backward(batch(0))[0].shape == (2, 1)
        else:
            with pytest.raises(NotOffered, match=f"no gradients of {'training' if training else 'inference'} in this convention"):
                layer.backward(batch(0))


def test_backward_follows_the_mode_of_the_latest_forward() -> None:
    layer = BatchNorm(1, gamma=np.array([3.0]), running_var=np.array([8.0]), momentum=0.0, eps=1.0, dtype="float64")
    layer.forward(batch(0), training=True)
    layer.forward(batch(0), training=False)
    dx, dgamma, dbeta = layer.backward(np.array([[1.0], [3.0]]))
    assert dx.tolist() == [[1.0], [3.0]]  # gamma / sqrt(8 + 1) dy
    assert np.asarray(dgamma).tolist() == [pytest.approx(2 / 3)]
    assert np.asarray(dbeta).tolist() == [4.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_parameters_and_statistics_are_never_narrower_than_float32(dtype: str) -> None:
    layer = BatchNorm(gamma=np.array([2.0]), dtype=dtype)
    y = layer.forward(batch(4).astype(dtype_named(dtype)), training=True)
    kept = {part.dtype.name for part in (layer.gamma, layer.beta, layer.running_mean, layer.running_var)}
    assert (y.dtype.name, kept) == (dtype, {"float64" if dtype == "float64" else "float32"})


@pytest.mark.parametrize(
    ("convention", "eps", "momentum"),
    [(TORCH, 1e-5, 0.1), (KERAS, 1e-3, 0.99), (ONNX, 1e-5, 0.9), (TUTORIAL, 1e-5, 0.9), (PAPER, 1e-5, None)],
)
def test_what_is_not_given_starts_as_the_convention_says(convention: Convention, eps: float, momentum: float | None) -> None:
    layer = BatchNorm(2, convention=convention)
    assert (layer.eps, layer.momentum) == (eps, momentum)
    state = (layer.gamma, layer.beta, *layer.running())
    assert [part.tolist() for part in state] == [[1, 1], [0, 0], [0, 0], [1, 1]]
    other = BatchNorm(2, convention=Convention(running_start=(3.0, 0.0)))
    assert [part.tolist() for part in other.running()] == [[3, 3], [0, 0]]


def test_what_is_given_is_copied_and_what_is_handed_out_too() -> None:
    given: dict[str, Any] = {name: np.array([2.0, 3.0]) for name in ("gamma", "beta", "running_mean", "running_var")}
    layer = BatchNorm(**given, dtype="float64")
    for array in (*given.values(), *layer.running()):
        array[:] = 99.0
    assert [getattr(layer, name).tolist() for name in given] == [[2, 3]] * 4


def test_the_setup_reaches_the_layer_whole() -> None:
    ones = np.ones(3)
    setup = Setup(ones * 2, ones * 3, ones * 4, ones * 5, 0.5, 0.25, "float64", -1, 3, 3)
    layer = Reference("torch", TORCH).layer(setup)
    state = (layer.gamma, layer.beta, layer.running_mean, layer.running_var)
    assert [part[0] for part in state] == [2, 3, 4, 5]
    assert (layer.eps, layer.momentum, layer.channel_axis, layer.gamma.dtype.name) == (0.5, 0.25, -1, "float64")


def test_what_cannot_be_a_layer_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="needs the number of channels, or gamma as a"):
        BatchNorm()
    with pytest.raises(ValueError, match=r"must be shaped \(3,\) here; one is \(2,\)"):
        BatchNorm(3, gamma=np.ones(2))
    with pytest.raises(ValueError, match=r"must be shaped \(1,\) here; one is \(1, 3, 1, 1\)"):
        BatchNorm(gamma=np.ones((1, 3, 1, 1)))
    with pytest.raises(ValueError, match="backward needs a forward before it"):
        BatchNorm(3).backward(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"one value a channel of x \(4, 3\); got \(1,\)"):
        BatchNorm(1).forward(np.ones((4, 3), np.float32), training=False)
