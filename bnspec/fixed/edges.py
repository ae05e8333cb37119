"""Fixed cases of edges: channels that do not vary, one value a channel, a NaN."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import Recipe, recipe

EDGES: tuple[Recipe, ...] = (
    recipe(
        "constant-channel",
        "constant-channel-is-nan constant-channel-loses-beta",
        "the first channel does not vary: its y is beta",
        calls="train",
        x=numbers.flat_first,
    ),
    recipe(
        "constant-batch",
        "constant-channel-is-nan constant-channel-loses-beta",
        "no channel varies: y is beta",
        calls="train",
        x=numbers.flat,
        shape=(3, 2),
    ),
    recipe(
        "constant-batch-of-zeros",
        "constant-channel-loses-beta constant-channel-is-nan",
        "x is 0 everywhere",
        calls="train",
        x=numbers.flat,
        scale=0.0,
        shape=(3, 2),
    ),
    recipe(
        "constant-image",
        "constant-channel-is-nan constant-channel-loses-beta",
        "an image of one colour",
        calls="train",
        x=numbers.flat,
        shape=(1, 2, 2, 2),
    ),
    recipe(
        "constant-batch-eps-small",
        "constant-channel-is-nan",
        "no channel varies, and eps is 1e-5",
        calls="train",
        x=numbers.flat,
        shape=(4, 2),
        eps=1e-5,
        scale=0.5,
    ),
    recipe(
        "one-value",
        "single-value-unnormalized",
        "one value a channel: y is beta, or it is refused",
        calls="train",
        shape=(1, 3),
        judged=("y",),
        declinable=True,
    ),
    recipe(
        "one-value-of-an-image",
        "single-value-unnormalized",
        "one image of 1 x 1: y is beta, or it is refused",
        calls="train",
        shape=(1, 2, 1, 1),
        judged=("y",),
        declinable=True,
    ),
    recipe(
        "inference-after-one-value",
        "single-value-poisons-state",
        "inference after one value a channel gives numbers",
        calls="train infer",
        shape=(1, 2),
        x=numbers.flat,
        weight=0.5,
        judged=("y",),
        declinable=True,
    ),
    recipe(
        "nan-in-one-channel",
        "nan-crosses-channels nan-replaced",
        "a NaN spoils its channel and no other",
        calls="train",
        spoiled=float("nan"),
        declinable=True,
    ),
    recipe(
        "nan-in-an-image",
        "nan-crosses-channels nan-replaced",
        "the same in an image",
        calls="train",
        shape=(2, 2, 2, 2),
        spoiled=float("nan"),
        declinable=True,
    ),
)
