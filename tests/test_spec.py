"""The specification against numbers worked out by hand and in fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bnspec import spec
from bnspec.case import Array, dtype_named

DTYPES = ("float16", "bfloat16", "float32", "float64")

SHAPES_AND_AXES = [
    (shape, axis) for shape in ((4, 3), (2, 3, 2), (2, 3, 1, 2), (2, 1, 3, 2, 1)) for axis in range(-len(shape), len(shape))
]


def numbered(shape: tuple[int, ...], axis: int) -> tuple[Array, dict[int, list[Fraction]]]:
    """An x of small whole numbers, no two channels alike, and its values by channel, sorted out one index at a time."""
    x = np.zeros(shape)
    channels: dict[int, list[Fraction]] = {}
    for count, index in enumerate(np.ndindex(shape)):
        x[index] = (count * 7 % 11) + 3 * index[axis]
        channels.setdefault(index[axis], []).append(Fraction(int(x[index])))
    return x, channels


def average(values: list[Fraction]) -> Fraction:
    return sum(values, Fraction(0)) / len(values)


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
def test_mean_and_biased_variance_are_those_of_each_channel_by_itself(shape: tuple[int, ...], axis: int) -> None:
    x, channels = numbered(shape, axis)
    c = shape[axis]
    found = spec.normalize(x, np.ones(c), np.zeros(c), eps=1.0, channel_axis=axis)
    for at, values in channels.items():
        mean = average(values)
        var = average([(value - mean) ** 2 for value in values])
        assert abs(Fraction(float(found.mean[at])) - mean) <= Fraction(1, 2**48)
        assert abs(Fraction(float(found.var[at])) - var) <= Fraction(1, 2**46)


@pytest.mark.parametrize(("shape", "axis"), SHAPES_AND_AXES)
def test_every_element_is_normalized_by_its_own_channel(shape: tuple[int, ...], axis: int) -> None:
    x, channels = numbered(shape, axis)
    c = shape[axis]
    gamma, beta = np.arange(c) - 1.5, np.arange(c) * 2.0
    y = spec.normalize(x, gamma, beta, eps=0.5, channel_axis=axis).y
    assert y.shape == x.shape
    for index in np.ndindex(shape):
        values = channels[index[axis]]
        mean = average(values)
        square = average([(value - mean) ** 2 for value in values]) + Fraction(1, 2)
        # y = beta + gamma (x - mean) / sqrt(square), compared squared, where everything is a fraction
        scaled = Fraction(float(y[index])) - Fraction(float(beta[index[axis]]))
        right = Fraction(float(gamma[index[axis]])) * (Fraction(float(x[index])) - mean)
        assert abs(scaled**2 * square - right**2) <= Fraction(1, 2**40)
        assert scaled * right >= 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_eps_is_added_inside_the_root(dtype: str) -> None:
    x = np.array([[2.0], [8.0]]).astype(dtype_named(dtype))  # mean 5, variance 9; 9 + 7 is the square of 4
    found = spec.normalize(x, np.array([2.0]), np.array([1.0]), eps=7.0)
    assert found.y.dtype == x.dtype
    assert found.y.astype(float).tolist() == [[1 - 2 * 0.75], [1 + 2 * 0.75]]
    assert (found.mean.tolist(), found.var.tolist(), found.inv_std.ravel().tolist()) == ([5.0], [9.0], [0.25])


@pytest.mark.parametrize("dtype", DTYPES)
def test_inference_uses_the_statistics_it_is_given(dtype: str) -> None:
    x = np.array([[[2.0, 6.0]], [[-2.0, 5.0]]]).astype(dtype_named(dtype))
    found = spec.infer(x, np.array([2.0]), np.array([1.0]), np.array([4.0]), np.array([9.0]), eps=7.0)
    assert found.y.dtype == x.dtype
    assert found.y.astype(float).tolist() == [[[0.0, 2.0]], [[-2.0, 1.5]]]


def test_inference_answers_each_sample_by_itself() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 2))
    state = (np.array([1.5, -1.0, 0.5]), np.array([0.0, 1.0, 2.0]), np.array([0.25, 0.0, -3.0]), np.array([1.0, 2.0, 0.5]))
    together = spec.infer(x, *state, eps=1e-5).y
    alone = [spec.infer(x[at : at + 1], *state, eps=1e-5).y for at in range(len(x))]
    assert together.tobytes() == np.concatenate(alone).tobytes()
    assert spec.infer(x[:0], *state, eps=1e-5).y.shape == (0, 3, 2)


@pytest.mark.parametrize("shape", [(6, 2), (1, 2), (1, 2, 3)])
def test_a_constant_channel_becomes_beta(shape: tuple[int, ...]) -> None:
    found = spec.normalize(np.full(shape, 0.75), np.array([3.0, -2.0]), np.array([0.25, 7.0]), eps=1e-300)
    assert found.var.tolist() == [0.0, 0.0]
    assert np.moveaxis(found.y, 1, -1).reshape(-1, 2).tolist() == [[0.25, 7.0]] * (found.y.size // 2)


def test_rounding_of_the_mean_is_all_that_moves_a_constant_channel() -> None:
    x = np.full((6, 1), 0.1)  # six times 0.1 is not 0.6 in floats
    y = spec.normalize(x, np.array([1.0]), np.array([2.0]), eps=1e-4).y
    assert np.abs(y - 2).max() <= 6 * 0.1 * 2.0**-53 / 1e-2 + 2 * 2.0**-53


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zero_variance_without_eps_is_an_error_in_both_modes(dtype: str) -> None:
    x = np.array([[1.0, 2.0], [1.0, 3.0]], dtype)
    one, zero = np.ones(2, dtype), np.zeros(2, dtype)
    with pytest.raises(spec.ZeroVariance, match=r"must be positive in every channel to be divided by; the smallest is 0\.0"):
        spec.normalize(x, one, zero, eps=0.0)
    with pytest.raises(spec.ZeroVariance, match="the smallest is -1"):
        spec.infer(x, one, zero, zero, -one, eps=0.0)


def test_an_eps_that_vanishes_in_the_dtype_is_an_error_too() -> None:
    x = np.ones((3, 1), np.float32)
    with pytest.raises(spec.ZeroVariance):
        spec.normalize(x, np.ones(1), np.zeros(1), eps=1e-60)
    assert spec.normalize(x.astype(float), np.ones(1), np.zeros(1), eps=1e-60).y.tolist() == [[0.0]] * 3


@pytest.mark.parametrize("shape", [(0, 3), (2, 3, 0), (0, 3, 4, 4)])
def test_an_empty_batch_has_no_mean(shape: tuple[int, ...]) -> None:
    with pytest.raises(spec.EmptyBatch, match=r"at least one value a channel; x has shape \((0|2), 3"):
        spec.normalize(np.zeros(shape), np.ones(3), np.zeros(3), eps=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_channel(bad: float) -> None:
    x = np.array([[1.0, 0.0], [3.0, bad], [5.0, 1.0]])
    with np.errstate(invalid="ignore"):
        y = spec.normalize(x, np.ones(2), np.zeros(2), eps=1e-5).y
    assert np.isfinite(y[:, 0]).all()
    assert np.isnan(y[:, 1]).any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_inputs_are_calculated_in_float32_and_rounded_once(dtype: str) -> None:
    half = dtype_named(dtype)
    x = np.array([[60000.0], [-60000.0], [100.0], [3.0]]).astype(half)  # squares and sums leave float16
    found = spec.normalize(x, np.array([1.5]), np.array([0.125]), eps=1e-5)
    wide = spec.normalize(x.astype(np.float32), np.array([1.5]), np.array([0.125]), eps=1e-5)
    assert {part.dtype.name for part in (found.mean, found.var, found.x_hat, found.inv_std)} == {"float32"}
    assert found.y.tobytes() == wide.y.astype(half).tobytes()
    assert np.isfinite(found.y.astype(float)).all()


def test_running_average_is_weighted_as_said_and_keeps_its_dtype() -> None:
    old, batch = np.array([4.0, -8.0], np.float32), np.array([8.0, 0.0])
    for weight, want in ((0.25, [5.0, -6.0]), (0.0, [4.0, -8.0]), (1.0, [8.0, 0.0])):
        moved = spec.running_average(old, batch, weight)
        assert (moved.tolist(), moved.dtype) == (want, old.dtype)


def test_nothing_given_is_changed() -> None:
    x, parameter = np.random.default_rng(1).normal(size=(4, 3, 2)), np.array([1.0, 2.0, 3.0])
    for given in (x, parameter):
        given.flags.writeable = False
    spec.normalize(x, parameter, parameter, eps=1e-5)
    spec.infer(x, parameter, parameter, parameter, parameter, eps=1e-5)
    spec.running_average(parameter, parameter, 0.5)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_parameters_of_another_size_are_refused_and_never_broadcast(size: int) -> None:
    x, right, wrong = np.arange(12.0).reshape(4, 3), np.ones(3), np.ones(size)
    sentence = rf"must have shape \(3,\), one value a channel of x \(4, 3\); got \({size},\)"
    with pytest.raises(ValueError, match=sentence):
        spec.normalize(x, wrong, right, eps=1e-5)
    with pytest.raises(ValueError, match=sentence):
        spec.infer(x, right, right, right, wrong, eps=1e-5)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_whole_numbers_are_refused_rather_than_cut_off(dtype: str) -> None:
    with pytest.raises(TypeError, match=f"must be of a float dtype, not {dtype}; convert it first"):
        spec.normalize(np.ones((4, 3), dtype), np.ones(3), np.zeros(3), eps=1e-5)
