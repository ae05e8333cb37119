"""Bugs of dx: what is lost, doubled or divided by the wrong number on the way through mean and variance."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, values_a_channel

ANY = Question("any dy that has a mean and a part along x")
IMAGES = Question("images with more than one position", shape=(3, 3, 2, 2))
DX = "dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat))"


@known_bug(
    "dx-no-stat-terms",
    "the batch's mean and variance are treated as constants",
    damages="dx",
    right=DX,
    wrong="dx = gamma inv_std dy",
    effect="The gradient pushes all of a channel one way, which the next normalization undoes: training crawls or diverges.",
    seen="deeplearning4j #8335; deeplearning4j #8379",
    exposes=ANY,
    laws="training_gradients_are_exact gradients_of_x_sum_to_zero",
)
class NoStatisticTerms(Steps):
    def dx_training(self, dy: Array, kept: Kept) -> Array:
        return self.gradient_scale(dy, kept) * dy


@known_bug(
    "dx-missing-mean-term",
    "dx lacks what goes through the mean",
    damages="dx",
    right=DX,
    wrong="dx = gamma inv_std (dy - x_hat mean(dy x_hat))",
    effect="sum(dx) is not 0: adding a constant to x, which changes nothing, is learned.",
    seen="folklore: gradient paths that are not added up",
    exposes=ANY,
    laws="gradients_of_x_sum_to_zero training_gradients_are_exact",
)
class NoMeanTerm(Steps):
    def mean_term(self, dy: Array, kept: Kept) -> Array:
        return np.zeros_like(kept.mean)


@known_bug(
    "dx-missing-var-term",
    "dx lacks what goes through the variance",
    damages="dx",
    right=DX,
    wrong="dx = gamma inv_std (dy - mean(dy))",
    effect="Stretching x, which changes nothing, is learned: weights before the layer grow without end.",
    seen="folklore",
    exposes=ANY,
    laws="gradients_of_x_against_x_hat_leave_only_eps training_gradients_are_exact",
)
class NoVarianceTerm(Steps):
    def var_term(self, dy: Array, kept: Kept) -> Array:
        return np.zeros_like(kept.x_hat)


@known_bug(
    "dx-sum-instead-of-mean",
    "a sum stands where a mean should",
    damages="dx",
    right=DX,
    wrong="dx = gamma inv_std (dy - sum(dy) - x_hat mean(dy x_hat))",
    effect="The mean's part is m times too large: with 32 samples it outweighs the gradient itself.",
    seen="mlpack #1327; mlpack #1923",
    exposes=ANY,
    laws="gradients_of_x_sum_to_zero training_gradients_are_exact",
)
class SumForMean(Steps):
    def mean_term(self, dy: Array, kept: Kept) -> Array:
        return super().mean_term(dy, kept) * dy.dtype.type(values_a_channel(dy))


@another_form(
    SumForMean,
    "variance",
    wrong="dx = gamma inv_std (dy - mean(dy) - x_hat sum(dy x_hat))",
    laws=(
        "training_gradients_are_exact",
        "gradients_of_x_agree_with_finite_differences",
    ),
)
class SumForMeanOfProducts(Steps):
    def var_term(self, dy: Array, kept: Kept) -> Array:
        return super().var_term(dy, kept) * dy.dtype.type(values_a_channel(dy))


@another_form(SumForMean, "both", wrong="dx = gamma inv_std (dy - sum(dy) - x_hat sum(dy x_hat))")
class SumsForMeans(SumForMean, SumForMeanOfProducts):
    """Both sums."""


@known_bug(
    "dx-divides-by-m-minus-1",
    "the means of dx divide by m - 1",
    damages="dx",
    right=DX + ", with means over m values",
    wrong="the same with sums divided by m - 1",
    effect="With 2 values a channel the correction is doubled; sum(dx) is not 0.",
    seen="folklore: ddof=1 carried over from a variance",
    exposes=Question("2 to 4 values a channel", shape=(3, 3)),
    laws="gradients_of_x_sum_to_zero training_gradients_are_exact",
)
class DxWithMMinus1(Steps):
    def mean_term(self, dy: Array, kept: Kept) -> Array:
        m = values_a_channel(dy)
        return super().mean_term(dy, kept) * dy.dtype.type(m / max(m - 1, 1))

    def var_term(self, dy: Array, kept: Kept) -> Array:
        m = values_a_channel(dy)
        return super().var_term(dy, kept) * dy.dtype.type(m / max(m - 1, 1))


@another_form(
    DxWithMMinus1,
    "variance",
    wrong="dx = gamma inv_std (dy - mean(dy) - x_hat sum(dy x_hat) / (m - 1))",
    effect="With 2 values a channel what goes through the variance is doubled.",
    laws=(
        "training_gradients_are_exact",
        "gradients_of_x_agree_with_finite_differences",
    ),
)
class DxVarianceWithMMinus1(Steps):
    def var_term(self, dy: Array, kept: Kept) -> Array:
        m = values_a_channel(dy)
        return super().var_term(dy, kept) * dy.dtype.type(m / max(m - 1, 1))


@another_form(
    DxWithMMinus1,
    "mean",
    wrong="dx = gamma inv_std (dy - sum(dy) / (m - 1) - x_hat mean(dy x_hat))",
    effect="With 2 values a channel what goes through the mean is doubled; sum(dx) is not 0.",
)
class DxMeanWithMMinus1(Steps):
    def mean_term(self, dy: Array, kept: Kept) -> Array:
        m = values_a_channel(dy)
        return super().mean_term(dy, kept) * dy.dtype.type(m / max(m - 1, 1))


@known_bug(
    "dx-divides-by-batch-count",
    "the means of dx divide by N on images",
    damages="dx",
    right=DX + ", with means over m = N H W values",
    wrong="the same with sums over N, H, W divided by N",
    effect="On 8 x 8 positions the correction is 64 times too large; on (N, C) it is right.",
    seen="folklore: x.shape[0] for m",
    exposes=IMAGES,
    laws="gradients_of_x_sum_to_zero training_gradients_are_exact",
)
class DxWithBatchCount(Steps):
    def mean_term(self, dy: Array, kept: Kept) -> Array:
        return super().mean_term(dy, kept) * dy.dtype.type(values_a_channel(dy) / len(dy))

    def var_term(self, dy: Array, kept: Kept) -> Array:
        return super().var_term(dy, kept) * dy.dtype.type(values_a_channel(dy) / len(dy))


@known_bug(
    "dx-means-over-batch-only",
    "the means of dx run over the batch axis alone",
    damages="dx",
    right=DX + ", with means over N, H and W",
    wrong="the same with a mean for every position, over N alone",
    effect="On images each pixel gets a gradient of its own statistics, which forward does not have.",
    seen="folklore: axis=0 left from (N, C)",
    exposes=IMAGES,
    laws="training_gradients_are_exact gradients_of_x_agree_with_finite_differences",
)
class DxMeansOverBatch(Steps):
    def mean_term(self, dy: Array, kept: Kept) -> Array:
        return dy.mean(0, keepdims=True)

    def var_term(self, dy: Array, kept: Kept) -> Array:
        return kept.x_hat * (dy * kept.x_hat).mean(0, keepdims=True)


@known_bug(
    "dx-var-term-sign",
    "what goes through the variance has the wrong sign",
    damages="dx",
    right=DX,
    wrong="dx = gamma inv_std (dy - mean(dy) + x_hat mean(dy x_hat))",
    effect="Outliers are driven further out, by twice what was to be taken away.",
    seen="folklore: the -1/2 of the root lost its sign",
    exposes=ANY,
    laws="training_gradients_are_exact gradients_of_x_against_x_hat_leave_only_eps",
)
class VarTermSign(Steps):
    def var_term(self, dy: Array, kept: Kept) -> Array:
        return -super().var_term(dy, kept)


@another_form(
    VarTermSign,
    "halved",
    wrong="dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat) / 2)",
    effect="Half of the gradient along x_hat remains, and x is stretched in every step.",
    seen=("folklore: the 2 of the square, or the 1/2 of the root, forgotten",),
)
class VarTermHalved(Steps):
    def var_term(self, dy: Array, kept: Kept) -> Array:
        return super().var_term(dy, kept) / 2


@another_form(
    VarTermSign,
    "doubled",
    wrong="dx = gamma inv_std (dy - mean(dy) - 2 x_hat mean(dy x_hat))",
    effect="The gradient along x_hat is turned round, and x shrinks in every step.",
    seen=("folklore: the 1/2 of the root forgotten",),
)
class VarTermDoubled(Steps):
    def var_term(self, dy: Array, kept: Kept) -> Array:
        return super().var_term(dy, kept) * 2


@known_bug(
    "ema-in-train-scales-gradient",
    "statistics that are averaged into training scale down their part of the gradient",
    damages="dx",
    right=DX,
    wrong="dx = gamma inv_std (dy - w (mean(dy) + x_hat mean(dy x_hat))), w the weight of the batch",
    effect="With w = 0.01 99 % of what goes through mean and variance is lost: nearly a layer with constant statistics.",
    seen="equinox #659",
    exposes=ANY,
    laws="gradients_of_x_sum_to_zero training_gradients_are_exact",
)
class AverageScalesGradient(Steps):
    def dx_training(self, dy: Array, kept: Kept) -> Array:
        through = self.mean_term(dy, kept) + self.var_term(dy, kept)
        return self.gradient_scale(dy, kept) * (dy - dy.dtype.type(self.weight()) * through)
