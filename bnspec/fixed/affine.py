"""Fixed cases of training: gamma and beta, and what they and the running statistics have no part in."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import Recipe, recipe

AFFINE: tuple[Recipe, ...] = (
    recipe(
        "plain-parameters",
        "root-missing unbiased-normalization",
        "gamma 1, beta 0, as a fresh layer has them",
        calls="train",
        gamma=(1.0,),
        beta=(0.0,),
        mean=(0.0,),
        var=(1.0,),
    ),
    recipe("gamma-of-two", "gamma-ignored affine-too-early", "gamma 2 and beta 0", calls="train", gamma=(2.0,), beta=(0.0,)),
    recipe("beta-of-five", "beta-ignored affine-too-early", "gamma 1 and beta 5", calls="train", gamma=(1.0,), beta=(5.0,)),
    recipe("gamma-negative", "gamma-magnitude", "every gamma is below zero", gamma=(-2.0, -0.5, -3.0)),
    recipe(
        "gamma-of-both-signs",
        "gamma-magnitude gamma-and-beta-swapped",
        "gamma changes its sign from channel to channel",
        gamma=(1.0, -1.0, 2.0),
        beta=(0.5, 0.25, -0.5),
    ),
    recipe(
        "gamma-and-beta-apart",
        "gamma-and-beta-swapped beta-ignored",
        "gamma 0.5 and beta 3",
        calls="train",
        gamma=(0.5,),
        beta=(3.0,),
    ),
    recipe(
        "gamma-zero-in-one-channel",
        "division-by-gamma gamma-and-beta-swapped",
        "where gamma is 0, y is beta and dgamma is as ever",
        gamma=(0.0, 2.0, -1.0),
    ),
    recipe("gamma-zero-everywhere", "division-by-gamma", "no channel passes anything on, but dgamma lives", gamma=(0.0,)),
    recipe("gamma-tiny", "gamma-ignored", "gamma 2**-7", gamma=(0.0078125,), beta=(1.0,)),
    recipe(
        "parameters-by-channel",
        "gamma-and-beta-swapped channels-out-of-order",
        "five channels, no two with the same parameters",
        shape=(3, 5),
    ),
    recipe(
        "running-statistics-far-away",
        "running-statistics-in-training mode-ignored mode-inverted",
        "training does not look at a running mean of 50 and a variance of 100",
        calls="train",
        mean=(50.0,),
        var=(100.0,),
    ),
    recipe(
        "running-statistics-of-the-batch",
        "running-statistics-in-training",
        "the running statistics are nearly the batch's, so only a careful look tells them apart",
        calls="train",
        shape=(2, 1),
        x=numbers.exact,
        mean=(1.5,),
        var=(1.25,),
    ),
    recipe(
        "batch-weighs-all",
        "running-statistics-in-training",
        "even with weight 1 the biased variance normalizes",
        shape=(2, 2),
        calls="train",
        x=numbers.exact,
        weight=1.0,
        declinable=True,
    ),
)
