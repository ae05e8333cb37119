"""Fixed cases of training: the formula itself."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import Recipe, recipe

FORMULA: tuple[Recipe, ...] = (
    recipe(
        "two-values",
        "unbiased-normalization root-missing",
        "the smallest batch with a variance, -1 and 1 and their like",
        shape=(2, 2),
        calls="train",
        x=numbers.exact,
    ),
    recipe(
        "three-values",
        "absolute-deviation unbiased-normalization",
        "-3, 0, 3: three different values tell deviations apart",
        shape=(3, 1),
        calls="train",
        x=numbers.exact,
    ),
    recipe(
        "variance-of-nine",
        "root-missing",
        "-3 and 3: a variance far from 1 shows a missing root",
        shape=(2, 1),
        calls="train",
        x=numbers.alternating,
        scale=3.0,
        eps=0.0625,
    ),
    recipe("mean-of-sixteen", "mean-not-subtracted", "every channel lies around 16", shape=(5, 2), calls="train", offset=16.0),
    recipe(
        "one-value-apart",
        "absolute-deviation",
        "one value as far from the mean as nine can have it",
        shape=(9, 1),
        calls="train",
        x=numbers.one_apart,
        scale=8.0,
    ),
    recipe(
        "one-value-of-sixteen-apart",
        "values-clipped",
        "one value of 16 lies sqrt(15) deviations away: nothing may cut it off",
        shape=(16, 1),
        calls="train",
        x=numbers.one_apart,
        scale=64.0,
        eps=0.015625,
    ),
    recipe(
        "exact-sums-of-four",
        "unbiased-normalization approximate-root",
        "mean and variance are exact in any order of summation",
        shape=(4, 3),
        calls="train",
        x=numbers.exact,
    ),
    recipe(
        "exact-sums-of-five",
        "unbiased-normalization approximate-root",
        "mean and variance are exact in any order of summation",
        shape=(5, 3),
        calls="train",
        x=numbers.exact,
        eps=0.25,
    ),
    recipe(
        "exact-sums-of-twelve",
        "unbiased-normalization approximate-root",
        "mean and variance are exact in any order of summation",
        shape=(12, 1),
        calls="train",
        x=numbers.exact,
        eps=4.0,
    ),
    recipe(
        "positive-values",
        "mean-not-subtracted",
        "what comes out of a ReLU: no value below zero",
        shape=(6, 2),
        x=numbers.positive,
    ),
    recipe(
        "seventeen-digits",
        "computed-narrower approximate-root",
        "thirds and sevenths: float32 inside shows in the last nine digits",
        shape=(7, 2),
        scale=0.1,
        eps=0.0078125,
    ),
)
