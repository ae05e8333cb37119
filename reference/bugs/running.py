"""Bugs of the running statistics: which statistic goes in, and how the average moves."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Steps, per_channel, values_a_channel

STEP = "q <- (1 - w) q + w "
"""One step of the running variance q, before the batch's; w is the weight of the batch."""


@known_bug(
    "rv-bessel-with-batch-count",
    "Bessel's correction counts samples and not values",
    damages="running_var",
    right=STEP + "var m / (m - 1), with m = N H W",
    wrong=STEP + "var N / (N - 1), with N samples",
    effect="Two images of 32 x 32 double the variance, where 1.0005 is the factor: inference then shrinks y by 29 %.",
    seen="folklore: code written for (N, C) and used on images",
    exposes=Question("two images", shape=(2, 3, 2, 2)),
    laws="running_statistics_move_by_one_exact_step positions_are_samples",
)
class BesselWithBatchCount(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        n = len(x)
        return var * (n / (n - 1) if n > 1 else 1.0)


@known_bug(
    "rs-contains-eps",
    "the running variance has eps in it, and inference adds eps again",
    damages="running_var",
    right=STEP + "var",
    wrong=STEP + "(var + eps)",
    effect="With eps = 1 inference divides by sqrt(1 + 2 eps) instead of sqrt(1 + eps): 18 % too small.",
    seen="chainer/chainer #4505; chainer/chainer #7506; nnstreamer/nntrainer #677; keras-contrib #287",
    exposes=Question("eps = 1", eps=1.0),
    laws="running_statistics_move_by_one_exact_step the_ends_of_momentum_freeze_and_replace",
)
class RunningVarContainsEps(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        return super().stored_var(var, x) + self.eps


@known_bug(
    "rs-keeps-std",
    "the average is of the standard deviation and is used as a variance",
    damages="running_var",
    right=STEP + "var",
    wrong=STEP + "sqrt(var)",
    effect="Channels with deviation 0.1 keep 0.1 where 0.01 belongs: inference divides by three times too much.",
    seen="CS231n, older assignment: running_std; hmchen47/DataScience batchnorm_forward.py",
    exposes=Question("a variance that is not 1"),
    laws="running_statistics_move_by_one_exact_step the_ends_of_momentum_freeze_and_replace",
)
class RunningStd(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        return np.sqrt(super().stored_var(var, x))


@another_form(
    RunningStd,
    "squared-average",
    wrong="sqrt(q) <- (1 - w) sqrt(q) + w sqrt(var)",
    effect="A running variance of 1 and a batch's of 9 give 2.25 at weight 1/4, where 3 belongs.",
    laws=(
        "running_statistics_move_by_one_exact_step",
        "running_averages_follow_the_closed_form",
    ),
)
class AverageOfRoots(Steps):
    def moved_var(self, var: Array, weight: float) -> Array:
        return np.square(self.moved(np.sqrt(self.running_var), np.sqrt(var), weight))


@known_bug(
    "rv-about-running-mean",
    "the variance is taken about the running mean",
    damages="running_var",
    right=STEP + "mean((x - mean)**2)",
    wrong=STEP + "mean((x - running_mean)**2)",
    effect="As long as the running mean lags behind, its distance goes into the variance: 100 too much for a mean of 10.",
    seen="folklore",
    exposes=Question("a running mean far from the batch's"),
    laws="running_statistics_move_by_one_exact_step running_averages_follow_the_closed_form",
)
class VarianceAboutRunningMean(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        about = per_channel(self.running_mean, x)
        super().update(x, mean, np.square(x - about).mean(self.axes(x), keepdims=True))


@known_bug(
    "rs-of-output",
    "the averages are of y, and so know gamma and beta",
    damages="running_mean running_var",
    right="r <- (1 - w) r + w mean(x)",
    wrong="r <- (1 - w) r + w mean(y), and q of y likewise",
    effect="The running mean goes to beta and the variance to gamma**2, whatever the data are.",
    seen="folklore: an update after x = self.normalize(x)",
    exposes=Question("any batch"),
    laws="statistics_know_nothing_of_gamma_and_beta running_statistics_move_by_one_exact_step",
)
class StatisticsOfOutput(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        y = self.affine(self.standardized(x, mean, self.inv_std(var)))
        mean_of_y = self.batch_mean(y)
        super().update(x, mean_of_y, self.batch_var(y, mean_of_y))


@known_bug(
    "rs-scalar-for-all-channels",
    "one running mean and variance serve all channels",
    damages="running_mean running_var",
    right="r, q of shape (C,), each channel its own",
    wrong="r, q are averaged over the channels too, and broadcast",
    effect="Inference shifts every channel by the same number: those with means of their own are not centred.",
    seen="hannawong/MLE-interview BN.md",
    exposes=Question("channels with different means"),
    laws="running_statistics_move_by_one_exact_step running_averages_follow_the_closed_form",
)
class OneStatisticForAllChannels(Steps):
    def by_channel(self, statistic: Array) -> Array:
        whole = super().by_channel(statistic)
        return np.full_like(whole, whole.mean()) if whole.size else whole


@known_bug(
    "rv-moved-with-squared-weight",
    "the variance's average squares the momentum",
    damages="running_var",
    right=STEP + "var",
    wrong="q <- (1 - w**2) q + w**2 var",
    effect="With w = 0.1 the variance moves ten times slower than the mean.",
    seen="folklore: the weight treated like a factor of x",
    exposes=Question("a weight that is neither 0 nor 1"),
    laws="running_statistics_move_by_one_exact_step the_convention_is_of_one_piece",
)
class VarianceMovedWithSquaredWeight(Steps):
    def moved_var(self, var: Array, weight: float) -> Array:
        return super().moved_var(var, weight**2)


@known_bug(
    "rv-momentum-swapped",
    "momentum weighs the new mean and the old variance",
    damages="running_var",
    right=STEP + "var, with the mean's w",
    wrong="q <- w q + (1 - w) var",
    effect="With a weight of 0.1 the variance forgets 90 % in each step, and inference follows the last batch.",
    seen="folklore: one of two lines corrected",
    exposes=Question("a weight that is not 1/2"),
    laws="running_statistics_move_by_one_exact_step the_convention_is_of_one_piece",
)
class MomentumSwappedForVariance(Steps):
    def moved_var(self, var: Array, weight: float) -> Array:
        return super().moved_var(var, 1 - weight)


@known_bug(
    "scale-factor-ignored",
    "the averages are sums that are never divided",
    damages="running_mean running_var",
    right="r <- (1 - w) r + w mean",
    wrong="r <- (1 - w) r + mean, and the factor that goes with it is not read",
    effect="At w = 0.001 the statistics grow to 1,000 times the right ones, and inference gives nearly nothing.",
    seen="BVLC/caffe #4885; apache/mxnet #6176; apache/mxnet #7280; chainer/chainer #3260; caffe_weight_converter #7",
    exposes=Question("one step with a weight below 1"),
    laws="running_statistics_move_by_one_exact_step the_ends_of_momentum_freeze_and_replace",
)
class SumsForAverages(Steps):
    def moved(self, old: Array, batch: Array, weight: float) -> Array:
        return (1 - weight) * old + batch


@another_form(
    SumsForAverages,
    "old-not-decayed",
    right="r <- (1 - w) r + w mean",
    wrong="r <- r + w mean",
    effect="Nothing is forgotten: the statistics grow by w times the batch's in every step, without end.",
    seen=("folklore: += without the decay",),
)
class OldNotDecayed(Steps):
    def moved(self, old: Array, batch: Array, weight: float) -> Array:
        return old + weight * batch


@known_bug(
    "rv-bessel-inverted",
    "Bessel's correction is upside down",
    damages="running_var",
    right=STEP + "var m / (m - 1)",
    wrong=STEP + "var (m - 1) / m",
    effect="With two values a channel the running variance is a quarter of what it should be.",
    seen="folklore",
    exposes=Question("2 values a channel", shape=(2, 3)),
    laws="running_statistics_move_by_one_exact_step the_ends_of_momentum_freeze_and_replace",
)
class BesselInverted(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        m = values_a_channel(x)
        return var * ((m - 1) / m)
