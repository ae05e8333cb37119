"""Fixed cases of gradients: each term of dx in training, those of gamma and beta, and the same in inference."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import Recipe, recipe

TERMS: tuple[Recipe, ...] = (
    recipe(
        "gradients",
        "mean-term-missing variance-term-missing statistics-held-constant sums-for-means",
        "a dy with a mean and a part along x: every term of dx matters",
    ),
    recipe(
        "gradients-of-two",
        "dx-with-m-minus-1 variance-term-missing",
        "two values a channel, where dx is all but eps",
        shape=(2, 2),
        x=numbers.exact,
        eps=1.0,
    ),
    recipe("gradients-of-three", "dx-with-m-minus-1 sums-for-means", "three values a channel", shape=(3, 2), x=numbers.exact),
    recipe(
        "gradients-of-constant-dy",
        "mean-term-missing statistics-held-constant",
        "dy is 1 everywhere, as of a plain sum: dx is 0",
        dy=numbers.constant_upstream,
    ),
    recipe(
        "gradients-of-one-dy",
        "mean-term-missing variance-term-missing statistics-held-constant",
        "dy is 1 in one place: dx elsewhere comes through mean and variance alone",
        dy=numbers.one_upstream,
    ),
    recipe(
        "gradients-along-x",
        "variance-term-missing variance-term-sign",
        "dy is x itself: what is left of dx comes from eps",
        shape=(4, 2),
        x=numbers.exact,
        dy=numbers.exact,
    ),
    recipe(
        "gradients-variance-term-of-either-sign",
        "variance-term-sign",
        "sum(dy x_hat) is above zero in one channel and below in another",
        shape=(5, 4),
        dy=numbers.exact,
    ),
    recipe(
        "gradients-with-gamma-three",
        "gamma-missing-in-dx gamma-in-parameter-gradients",
        "gamma 3: in every part of dx, nowhere else",
        gamma=(3.0,),
    ),
    recipe(
        "gradients-with-gamma-negative",
        "gamma-missing-in-dx gamma-magnitude gamma-in-parameter-gradients",
        "gamma -0.5",
        gamma=(-0.5,),
    ),
    recipe("gradients-of-large-deviation", "deviation-missing-in-dx", "a deviation of some thirty makes dx small", scale=8.0),
    recipe(
        "gradients-of-small-deviation",
        "deviation-missing-in-dx eps-differs-in-backward",
        "a deviation of a sixteenth makes dx large",
        scale=0.03125,
        eps=0.0009765625,
    ),
    recipe(
        "gradients-with-running-statistics-away",
        "running-scale-in-dx running-statistics-in-training",
        "dx of training knows nothing of a running variance of 64",
        var=(64.0,),
        mean=(-8.0,),
    ),
    recipe(
        "gradients-of-an-image",
        "dx-with-batch-count dx-means-over-batch sums-for-means",
        "two images of 2 x 2: m is 8, N is 2",
        shape=(2, 2, 2, 2),
    ),
    recipe(
        "gradients-of-one-image",
        "dx-with-batch-count dx-means-over-batch",
        "one image of 2 x 3: m is 6, N is 1",
        shape=(1, 2, 2, 3),
    ),
    recipe("gradients-of-a-line", "dx-with-batch-count dx-means-over-batch", "three lines of 2", shape=(3, 2, 2)),
    recipe("gradients-where-y-is-negative", "relu-in-backward", "most y lie below zero, and dy passes all the same", beta=(-8.0,)),
    recipe(
        "gradients-after-overwriting",
        "activation-overwritten",
        "gamma and beta make y unlike x_hat, which backward needs",
        gamma=(2.0, -3.0),
        beta=(5.0, 1.0),
        shape=(3, 2),
    ),
    recipe(
        "gradients-of-constant-channel",
        "small-variance-replaced constant-channel-is-nan",
        "a channel that does not vary: eps alone divides",
        x=numbers.flat_first,
        eps=0.25,
    ),
    recipe(
        "gradients-where-the-mean-is-far",
        "dgamma-without-x-hat mean-not-subtracted",
        "x lies around 32: dgamma is about x_hat",
        offset=32.0,
    ),
    recipe(
        "gradients-in-seventeen-digits",
        "computed-narrower",
        "dx of sevenths: float32 or half inside shows",
        shape=(7, 2),
        scale=0.1,
        eps=0.0078125,
    ),
    recipe(
        "gradients-with-eps-sixteen",
        "eps-differs-in-backward eps-missing variance-term-missing",
        "eps = 16, above every variance",
        eps=16.0,
    ),
)

PARAMETERS: tuple[Recipe, ...] = (
    recipe("dgamma-and-dbeta", "parameter-gradients-averaged dgamma-and-dbeta-swapped dgamma-zero", "sums, and not means, of four"),
    recipe(
        "dgamma-with-mean-and-deviation", "dgamma-without-x-hat", "neither the mean is 0 nor the deviation 1", offset=4.0, scale=2.0
    ),
    recipe(
        "dgamma-with-gamma-and-beta",
        "dgamma-without-x-hat gamma-in-parameter-gradients",
        "y is far from x_hat",
        gamma=(4.0,),
        beta=(8.0,),
    ),
    recipe(
        "dgamma-of-an-image",
        "parameter-gradients-over-batch parameter-gradients-averaged",
        "images of 2 x 3: sums over all positions",
        shape=(2, 2, 2, 3),
    ),
    recipe("dgamma-of-seven", "odd-count batch-tail-dropped", "seven values a channel", shape=(7, 2)),
    recipe("dgamma-of-an-odd-image", "odd-count parameter-gradients-over-batch", "one image of 3 x 3", shape=(1, 2, 3, 3)),
    recipe("dgamma-of-plain-parameters", "dgamma-zero", "gamma 1 and beta 0: dgamma is no less needed", gamma=(1.0,), beta=(0.0,)),
    recipe(
        "dbeta-of-constant-dy",
        "parameter-gradients-averaged",
        "dbeta of dy = 1 is the number of values",
        dy=numbers.constant_upstream,
        shape=(6, 1),
    ),
)

INFERENCE: tuple[Recipe, ...] = (
    recipe(
        "inference-gradients",
        "training-gradient-in-inference batch-statistics-in-dgamma",
        "dx is gamma dy / sqrt(var + eps), no more",
        calls="infer+dy",
    ),
    recipe(
        "inference-gradients-of-constant-dy",
        "training-gradient-in-inference",
        "dy is 1 everywhere: training's formula would give 0",
        calls="infer+dy",
        dy=numbers.constant_upstream,
    ),
    recipe(
        "inference-gradients-of-one-sample",
        "training-gradient-in-inference batch-statistics-in-dgamma",
        "one sample alone",
        calls="infer+dy",
        shape=(1, 3),
    ),
    recipe(
        "inference-gradients-mean-apart",
        "batch-statistics-in-dgamma dgamma-without-x-hat",
        "dgamma with a running mean of 10",
        calls="infer+dy",
        mean=(10.0,),
        var=(4.0,),
    ),
    recipe(
        "inference-gradients-eps-one",
        "eps-missing-in-inference eps-outside-root",
        "dx and dgamma with eps = 1 and a running variance of 1",
        calls="infer+dy",
        var=(1.0,),
        eps=1.0,
    ),
    recipe(
        "inference-gradients-variance-zero",
        "eps-missing-in-inference small-variance-replaced",
        "running variance 0",
        calls="infer+dy",
        var=(0.0,),
        eps=0.25,
    ),
    recipe(
        "inference-gradients-gamma-negative",
        "gamma-missing-in-dx gamma-magnitude",
        "gamma -2 turns dx round",
        calls="infer+dy",
        gamma=(-2.0,),
    ),
    recipe(
        "inference-gradients-of-an-image",
        "training-gradient-in-inference parameter-gradients-over-batch",
        "images of 2 x 2",
        calls="infer+dy",
        shape=(2, 2, 2, 2),
    ),
)
