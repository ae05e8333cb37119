"""Bugs of rounding: the formula is right on paper and has no digits left. They are really computed in the working precision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Steps, values_a_channel

FAR: Mapping[str, Any] = {"mean": 2e4, "std": 1.0, "dtype": "float32", "tolerance": 0.05, "shape": (64, 3)}
"""|mean| far above the deviation, in float32."""


@known_bug(
    "var-one-pass-unclamped",
    "the variance is E[x**2] - E[x]**2, and may come out negative",
    damages="y_train running_var dx dgamma",
    right="var = mean((x - mean)**2)",
    wrong="var = mean(x**2) - mean(x)**2",
    effect="In float32 with mean 1e4 and deviation 1 half of the channels are NaN and others off by 987.",
    seen="google/flax #1491; tensorflow #3290; tensorflow #118701; dm-haiku 0.0.17; keras #18795; tt-metal #45968; equinox #314",
    exposes=Question("|mean| 3,000 times the deviation, in float32", **FAR),
    laws="values_far_from_zero_keep_their_digits running_statistics_move_by_one_exact_step",
    kind="rounding",
)
class OnePassVariance(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.square(x).mean(self.axes(x), keepdims=True) - np.square(mean)

    def inv_std(self, var: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return 1 / np.sqrt(var + var.dtype.type(self.eps))


@known_bug(
    "var-one-pass-clamped",
    "the variance is E[x**2] - E[x]**2, and 0 where that is negative",
    damages="y_train running_var dx dgamma",
    right="var = mean((x - mean)**2)",
    wrong="var = max(0, mean(x**2) - mean(x)**2)",
    effect="In float32 with mean 1e4 and deviation 1 some |y| reach 1064, where none can be above 16; there is no NaN to tell.",
    seen="flax 0.12.8, use_fast_variance=True; keras, synchronized path; tf-keras",
    exposes=Question("|mean| 3,000 times the deviation, in float32", **FAR),
    laws="values_far_from_zero_keep_their_digits training_output_is_exact",
    kind="rounding",
)
class OnePassVarianceClamped(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.maximum(np.square(x).mean(self.axes(x), keepdims=True) - np.square(mean), 0)


@another_form(
    OnePassVarianceClamped, "magnitude", wrong="var = |mean(x**2) - mean(x)**2|", seen=("folklore: abs() instead of a clamp",)
)
class OnePassVarianceMagnitude(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.abs(np.square(x).mean(self.axes(x), keepdims=True) - np.square(mean))


@known_bug(
    "var-one-pass-unbiased-sums",
    "the variance is (sum(x**2) - m mean**2) / m, from two sums",
    damages="y_train running_var dx dgamma",
    right="var = sum((x - mean)**2) / m",
    wrong="var = max(0, sum(x**2) - m mean**2) / m",
    effect="As E[x**2] - E[x]**2, and worse: the sums are m times as large, and float16 ends at 65504.",
    seen="folklore: kernels that keep sum and sum of squares",
    exposes=Question("|mean| 3,000 times the deviation, in float32", **FAR),
    laws="values_far_from_zero_keep_their_digits zero_mean_and_unit_variance_after_normalization",
    kind="rounding",
    same_as="var-one-pass-clamped",
)
class VarianceFromTwoSums(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        m = values_a_channel(x)
        squares = np.square(x).sum(self.axes(x), keepdims=True)
        return np.maximum(squares - m * np.square(mean), 0) / x.dtype.type(m)


@known_bug(
    "statistics-accumulated-in-half",
    "the sums of mean and variance run in float16",
    damages="y_train running_mean running_var dx dgamma",
    right="sums in float32 or better",
    wrong="mean = sum(half(x)) / m, and the variance likewise, every partial sum rounded to float16",
    effect="66 values near 1,000 overflow at 65504, and y is NaN; near 1 a sum stops growing at 2048.",
    seen="tensorflow #8535; tensorflow #7164; dm-haiku 0.0.17, float16 with mean 300: all NaN",
    exposes=Question("|mean| 30 times the deviation", mean=30.0, std=1.0, dtype="float32", tolerance=1e-4, shape=(33, 3)),
    laws="training_output_is_exact running_statistics_move_by_one_exact_step",
    kind="rounding",
)
class StatisticsInHalf(Steps):
    def batch_mean(self, x: Array) -> Array:
        with np.errstate(over="ignore"):
            return x.astype(np.float16).mean(self.axes(x), keepdims=True, dtype=np.float16).astype(x.dtype)

    def batch_var(self, x: Array, mean: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square((x - mean).astype(np.float16))
            return squares.mean(self.axes(x), keepdims=True, dtype=np.float16).astype(x.dtype)


@known_bug(
    "persistent-kernel-overflow",
    "squares of x overflow where squares of x - mean would not",
    damages="edge",
    right="var = mean((x - mean)**2)",
    wrong="var = mean((x / m**0.5)**2) m - mean**2, or any other form with x**2 in it: infinite for |x| above 1.8e19",
    effect="A fast kernel gives NaN on inputs that the slow one handles, so that a model fails on one GPU only.",
    seen="PaddlePaddle/Paddle #16545; PaddlePaddle/Paddle #16243",
    exposes=Question(
        "values near 1e20 with a deviation of 1e18, in float32",
        mean=1e20,
        std=1e18,
        dtype="float32",
        tolerance=1e-3,
        edge=True,
        sessions=(("train",),),
    ),
    laws="values_far_from_zero_keep_their_digits running_statistics_move_by_one_exact_step",
    kind="rounding",
    same_as="var-one-pass-clamped",
)
class SquaresOverflow(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.maximum(np.square(x).mean(self.axes(x), keepdims=True) - np.square(mean), 0)


@known_bug(
    "inv-std-approximate",
    "the reciprocal root is a fast approximation that was never refined",
    damages="y_train y_infer dx dgamma",
    right="inv_std = 1 / sqrt(var + eps), to a few units in the last place",
    wrong="inv_std = (an integer trick on the bits of var + eps), after one step of Newton's method",
    effect="Every y is off by up to 0.18 %, in one direction, whatever the precision of x.",
    seen="folklore: rsqrt intrinsics, whose 12 bits want a Newton step",
    exposes=Question("any batch"),
    laws="training_output_is_exact inference_output_is_exact",
)
class ApproximateInverse(Steps):
    def inv_std(self, var: Array) -> Array:
        narrow = (var + self.eps).astype(np.float32)
        guess = (np.int32(0x5F3759DF) - (narrow.view(np.int32) >> 1)).view(np.float32)
        return (guess * (np.float32(1.5) - np.float32(0.5) * narrow * guess * guess)).astype(var.dtype)
