"""Fixed cases of bad condition: |mean| / deviation large, tiny and huge values."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import PRECISE, Recipe, recipe

FAR = {"float16": 1024.0, "bfloat16": 128.0, "float32": 4096.0, "float64": 2.0**26}
"""A mean at which squares have lost the digits of a variance near 1."""

FARTHER = {"float32": -32768.0, "float64": -(2.0**28)}
"""The same on the other side, and further off."""

HUGE = {"float16": 8.0, "bfloat16": 2.0**20, "float32": 2.0**30, "float64": 2.0**300}
"""Scales at which squares and their sums are still numbers."""

TINY = {"float16": 2.0**-6, "bfloat16": 2.0**-20, "float32": 2.0**-30, "float64": 2.0**-300}
"""Scales at which squares are nearly none."""

CONDITION: tuple[Recipe, ...] = (
    recipe(
        "far-mean-of-two",
        "one-pass-variance half-accumulation",
        "two values 4,096 from zero (in float32), 2 apart",
        calls="train",
        shape=(2, 2),
        x=numbers.exact,
        offset=FAR,
        eps=1e-5,
    ),
    recipe(
        "far-mean-of-four",
        "one-pass-variance half-accumulation",
        "four values 4,096 from zero",
        calls="train",
        x=numbers.exact,
        offset=FAR,
        eps=1e-5,
    ),
    recipe(
        "farther-mean-of-eight",
        "one-pass-variance",
        "eight values -32,768 from zero",
        calls="train",
        shape=(8, 2),
        x=numbers.exact,
        offset=FARTHER,
        dtypes=PRECISE,
        eps=1e-5,
    ),
    recipe(
        "farther-mean-of-two",
        "one-pass-variance half-accumulation",
        "two values -32,768 from zero",
        calls="train",
        shape=(2, 2),
        x=numbers.alternating,
        offset=FARTHER,
        dtypes=PRECISE,
        eps=1e-5,
    ),
    recipe(
        "farther-mean-of-four",
        "one-pass-variance half-accumulation",
        "four values -32,768 from zero",
        calls="train",
        x=numbers.alternating,
        offset=FARTHER,
        dtypes=PRECISE,
        eps=1e-3,
    ),
    recipe(
        "farther-mean-of-an-image",
        "one-pass-variance",
        "an image -32,768 from zero",
        calls="train",
        shape=(1, 2, 2, 2),
        x=numbers.alternating,
        offset=FARTHER,
        dtypes=PRECISE,
        eps=1e-5,
    ),
    recipe(
        "far-mean-gradients",
        "half-accumulation",
        "dx and dgamma 4,096 from zero",
        x=numbers.exact,
        offset=FAR,
        shape=(4, 2),
    ),
    recipe(
        "mean-of-thirty-deviations",
        "mean-not-subtracted",
        "a mean of some thirty deviations",
        calls="train",
        x=numbers.exact,
        offset=100.0,
    ),
    recipe(
        "constant-far-from-zero",
        "constant-channel-is-nan",
        "a channel of one large value: y is beta",
        calls="train",
        shape=(3, 2),
        x=numbers.flat,
        scale=0.0,
        offset=FAR,
        eps=0.25,
    ),
    recipe(
        "huge-values",
        "half-accumulation",
        "deviations near the end of the range",
        calls="train",
        scale=HUGE,
        shape=(4, 2),
    ),
    recipe(
        "tiny-values",
        "eps-missing",
        "deviations far below eps: y is nearly beta",
        calls="train",
        scale=TINY,
        shape=(4, 2),
    ),
    recipe(
        "huge-and-tiny-channels",
        "statistics-of-everything",
        "one channel of large values and one of small",
        calls="train",
        x=numbers.ramp,
        shape=(3, 3),
        scale=16.0,
        eps=1e-3,
    ),
    recipe(
        "digits-of-float64",
        "computed-narrower one-pass-variance",
        "differences of 2**-30 on top of 1",
        calls="train",
        x=numbers.exact,
        scale=2.0**-30,
        offset=1.0,
        eps=2.0**-60,
        dtypes=("float64",),
    ),
    recipe(
        "digits-of-float32",
        "eps-clamped small-variance-replaced",
        "differences of 2**-10 on top of 1",
        calls="train",
        x=numbers.exact,
        scale=2.0**-10,
        offset=1.0,
        eps=2.0**-20,
        dtypes=PRECISE,
    ),
)
