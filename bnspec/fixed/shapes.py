"""Fixed cases of shapes: ranks 2 to 5, one value of everything, sizes that no vector length divides, which axis is whose."""

from __future__ import annotations

from bnspec.fixed import numbers
from bnspec.fixed.recipes import PRECISE, Recipe, recipe

AXES: tuple[Recipe, ...] = (
    recipe(
        "samples-with-means-of-their-own",
        "statistics-per-sample",
        "each sample lies 8 above the one before",
        calls="train",
        shape=(3, 2, 3),
        by_sample=8.0,
    ),
    recipe(
        "images-with-means-of-their-own",
        "statistics-per-sample statistics-per-position",
        "each image lies 8 above the one before",
        calls="train",
        shape=(3, 2, 2, 2),
        by_sample=8.0,
    ),
    recipe(
        "positions-with-means-of-their-own",
        "statistics-per-position wrong-axis",
        "each position lies 4 above the one before",
        calls="train",
        shape=(3, 2, 2, 2),
        by_position=4.0,
    ),
    recipe(
        "line-with-means-of-its-own",
        "statistics-per-position wrong-axis",
        "each place of a line lies 4 above the one before",
        calls="train",
        shape=(3, 2, 4),
        by_position=4.0,
    ),
    recipe(
        "channels-far-apart",
        "statistics-of-everything statistics-across-channels one-statistic-for-all",
        "channels of 0, 1, 2 ... and of two, three and four times that",
        calls="train",
        shape=(4, 4),
        x=numbers.ramp,
    ),
    recipe(
        "channels-equal-samples",
        "statistics-across-channels",
        "as many channels as samples: no shape tells them apart",
        calls="train",
        shape=(3, 3),
        x=numbers.ramp,
    ),
    recipe("channels-equal-positions", "axes-exchanged wrong-axis", "as many channels as places of a line", shape=(2, 3, 3)),
    recipe(
        "all-sizes-equal",
        "wrong-axis axes-exchanged statistics-across-channels",
        "two of everything",
        calls="train",
        shape=(2, 2, 2, 2),
        by_position=2.0,
        by_sample=4.0,
    ),
    recipe(
        "all-sizes-unequal", "wrong-axis statistics-across-channels", "2 samples, 3 channels, 1 x 4 positions", shape=(2, 3, 1, 4)
    ),
    recipe("wide-image", "wrong-axis dx-means-over-batch", "one row of five", shape=(2, 2, 1, 5)),
    recipe("high-image", "wrong-axis dx-means-over-batch", "one column of five", shape=(2, 2, 5, 1)),
)

RANKS: tuple[Recipe, ...] = (
    recipe("rank-2", "rank-2-as-image", "samples and channels, no positions", shape=(5, 3)),
    recipe("rank-2-inference", "rank-2-as-image", "the same in inference", shape=(5, 3), calls="infer"),
    recipe("rank-3", "statistics-per-position", "samples, channels, places of a line", shape=(2, 2, 3)),
    recipe("rank-3-inference", "axes-exchanged", "the same in inference", shape=(2, 3, 3), calls="infer+dy"),
    recipe("rank-4", "statistics-per-position statistics-per-sample", "images", shape=(2, 3, 2, 2)),
    recipe("rank-5", "statistics-per-position statistics-per-sample", "volumes", shape=(2, 2, 1, 2, 2)),
    recipe("rank-5-inference", "batch-statistics-in-inference", "volumes in inference", shape=(1, 2, 2, 2, 2), calls="infer"),
    recipe("rank-4-of-one-position", "statistics-per-sample", "H x W = 1: as rank 2", shape=(5, 2, 1, 1)),
    recipe("rank-5-of-one-position", "statistics-per-sample", "a volume of one place: as rank 2", shape=(5, 2, 1, 1, 1)),
    recipe("one-image", "statistics-per-position bessel-with-batch-count", "a batch of one image", shape=(1, 3, 2, 2)),
)

SIZES: tuple[Recipe, ...] = (
    recipe("one-channel", "unbiased-normalization", "C = 1", shape=(5, 1)),
    recipe("batch-of-two", "unbiased-normalization dx-with-m-minus-1", "N = 2", shape=(2, 3)),
    recipe("batch-of-five", "batch-tail-dropped odd-count", "N = 5: one more than a vector of four", shape=(5, 2)),
    recipe("batch-of-seven", "batch-tail-dropped", "N = 7: one less than a vector of eight", calls="train", shape=(7, 1)),
    recipe("batch-of-thirteen", "batch-tail-dropped", "N = 13", shape=(13, 1)),
    recipe("batch-of-thirty-three", "batch-tail-dropped", "N = 33: one more than a warp", calls="train", shape=(33, 1)),
    recipe("five-channels", "channels-out-of-order", "C = 5: one more than a vector of four", shape=(3, 5)),
    recipe(
        "thirty-three-channels",
        "channel-tail-dropped",
        "C = 33: one more than a warp",
        calls="train",
        shape=(2, 33),
        x=numbers.alternating,
        dtypes=PRECISE,
    ),
    recipe(
        "thirty-three-channels-inferred",
        "channel-tail-dropped",
        "the same in inference",
        calls="infer",
        shape=(1, 33),
        dtypes=PRECISE,
    ),
)
