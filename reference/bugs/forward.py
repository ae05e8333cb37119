"""Bugs of the forward formula: the root, the variance, gamma and beta."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, per_channel, values_a_channel


@known_bug(
    "fwd-denominator-squared",
    "divides by the variance instead of its root",
    damages="y_train y_infer dx dgamma",
    right="y = gamma (x - mean) / sqrt(var + eps) + beta",
    wrong="y = gamma (x - mean) / (var + eps)**2 + beta",
    effect="Activations of standard deviation 3 come out 27 times too small; on data of unit variance nothing shows.",
    seen="jax-ml/jax #442; jax-ml/jax #443",
    exposes=Question("any batch whose variance is not 1"),
    laws="training_output_is_exact zero_mean_and_unit_variance_after_normalization",
)
class DenominatorSquared(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.square(var + self.eps)


@another_form(DenominatorSquared, "no-root", wrong="y = gamma (x - mean) / (var + eps) + beta")
class DenominatorWithoutRoot(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / (var + self.eps)


@known_bug(
    "fwd-normalise-with-unbiased-var",
    "normalizes the batch with the unbiased variance",
    damages="y_train dx dgamma",
    right="var = sum((x - mean)**2) / m",
    wrong="var = sum((x - mean)**2) / (m - 1)",
    effect="With two samples a channel y is 0.71 times what it should be; with 32 it is 1.6 % too small.",
    seen="pjreddie/darknet src/blas.c; uxlfoundation/oneDNN #517; student code with ddof=1",
    exposes=Question("2 to 4 values a channel", shape=(2, 3)),
    laws="training_output_is_exact zero_mean_and_unit_variance_after_normalization",
)
class NormalizeWithUnbiasedVar(Steps):
    def training_statistics(self, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
        m = values_a_channel(x)
        return mean, var * (m / max(m - 1, 1))


@another_form(
    NormalizeWithUnbiasedVar,
    "and-nan-of-one",
    wrong="var = sum((x - mean)**2) / (m - 1), which is 0 / 0 for one value a channel",
    effect="With two samples a channel y is 0.71 times what it should be; with one it is NaN.",
    seen=("student code with np.var(x, ddof=1)",),
)
class NormalizeWithUnbiasedVarOfOne(Steps):
    def training_statistics(self, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
        m = values_a_channel(x)
        return mean, var * (m / (m - 1) if m > 1 else np.nan)

    def stored_var(self, var: Array, x: Array) -> Array:
        unbiased = self.convention.variance_factor(2, x.ndim) != 1  # then it is the same variance that is kept
        return var * np.nan if unbiased and values_a_channel(x) == 1 else super().stored_var(var, x)


@another_form(
    NormalizeWithUnbiasedVar,
    "everywhere",
    damages="y_train running_var dx dgamma",
    wrong="var = sum((x - mean)**2) / (m - 1), for y and for the running variance",
    seen=("student code with torch.var(x, dims), which divides by m - 1",),
)
class UnbiasedVarEverywhere(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        m = values_a_channel(x)
        return super().batch_var(x, mean) * (m / (m - 1) if m > 1 else np.nan)


@known_bug(
    "fwd-train-normalises-with-running-stats",
    "training normalizes with the running statistics, just updated",
    damages="y_train dx dgamma",
    right="y = gamma (x - mean) / sqrt(var + eps) + beta, with the batch's mean and var",
    wrong="y = gamma (x - running_mean) / sqrt(running_var + eps) + beta",
    effect="Early in training y is hardly normalized at all, and it depends on every batch that came before.",
    seen="apache/systemds #390; equinox #659; equinox #675; equinox #948; onnx/onnx #8442",
    exposes=Question("the same batch through two layers with different running statistics"),
    laws="training_output_is_exact training_output_knows_nothing_of_the_running_statistics",
)
class TrainNormalizesWithUpdatedStatistics(Steps):
    def training_statistics(self, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
        return per_channel(self.running_mean, x), per_channel(self.running_var, x)


@another_form(
    TrainNormalizesWithUpdatedStatistics,
    "before-update",
    wrong="y = gamma (x - r) / sqrt(q + eps) + beta, with the running r and q as they were before this batch",
)
class TrainNormalizesWithOldStatistics(Steps):
    def train(self, x: Array) -> Array:
        self.before = self.state()
        return super().train(x)

    def training_statistics(self, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
        return per_channel(self.before[0], x), per_channel(self.before[1], x)


@known_bug(
    "fwd-affine-order",
    "gamma and beta come before the normalization, which undoes them",
    damages="y_train running_mean running_var dx dgamma",
    right="y = gamma x_hat + beta, with the statistics of x",
    wrong="y = (z - mean(z)) / sqrt(var(z) + eps), with z = gamma x + beta",
    effect="gamma and beta have no effect on y but for eps, so the layer can neither scale nor shift.",
    seen="folklore",
    exposes=Question("gamma that is not 1 and beta that is not 0"),
    laws="training_output_is_exact statistics_know_nothing_of_gamma_and_beta",
)
class AffineFirst(Steps):
    def train(self, x: Array) -> Array:
        return super().train(super().affine(x))

    def affine(self, x_hat: Array) -> Array:
        return x_hat if self.training else super().affine(x_hat)


@known_bug(
    "fwd-gamma-beta-or-mean-var-swapped",
    "gamma and beta are bound in the wrong order",
    damages="y_train y_infer dx",
    right="y = gamma x_hat + beta",
    wrong="y = beta x_hat + gamma",
    effect="A fresh layer gives 1 everywhere, for beta is 0; a trained one gives two vectors in each other's place.",
    seen="folklore; the orders of torch.nn.functional.batch_norm, ONNX, tf.nn.batch_normalization and ncnn differ",
    exposes=Question("gamma and beta that differ"),
    laws="training_output_is_exact gamma_zero_gives_beta",
)
class GammaBetaSwapped(Steps):
    def affine(self, x_hat: Array) -> Array:
        return per_channel(self.beta, x_hat) * x_hat + per_channel(self.gamma, x_hat)

    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        return per_channel(self.beta, dy) * kept.inv_std


@another_form(
    GammaBetaSwapped,
    "mean-var",
    damages="y_infer dx dgamma",
    right="y = gamma (x - running_mean) / sqrt(running_var + eps) + beta",
    wrong="y = gamma (x - running_var) / sqrt(|running_mean| + eps) + beta",
    effect="A fresh layer subtracts 1 from x and divides by sqrt(eps): everything is 316 times too large at eps = 1e-5.",
    exposes=Question("running statistics that are not 0 and 1"),
    laws=("inference_output_is_exact", "variance_and_eps_may_be_traded"),
)
class MeanVarSwapped(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = super().inference_statistics(x)
        return var, np.abs(mean)


@known_bug(
    "fwd-fixed-gamma-but-stored",
    "gamma is stored and given, and taken for 1",
    damages="y_train y_infer dx",
    right="y = gamma x_hat + beta",
    wrong="y = x_hat + beta",
    effect="The stored gamma drifts under weight decay; whatever loads the file and uses it gets other outputs.",
    seen="apache/mxnet #9624; apache/mxnet #15645; Tencent/ncnn #714; deepinsight/insightface #310",
    exposes=Question("gamma that is not 1"),
    laws="training_output_is_exact doubling_gamma_doubles_y",
)
class GammaIgnored(Steps):
    def affine(self, x_hat: Array) -> Array:
        return x_hat + per_channel(self.beta, x_hat)

    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        return kept.inv_std + np.zeros_like(dy[:1])


@known_bug(
    "fwd-beta-ignored",
    "beta is never added",
    damages="y_train y_infer",
    right="y = gamma x_hat + beta",
    wrong="y = gamma x_hat",
    effect="Every channel stays centred at 0, whatever its beta has learned.",
    seen="alibaba HALO #470",
    exposes=Question("beta that is not 0"),
    laws="training_output_is_exact gamma_zero_gives_beta",
)
class BetaIgnored(Steps):
    def affine(self, x_hat: Array) -> Array:
        return per_channel(self.gamma, x_hat) * x_hat


@another_form(
    BetaIgnored,
    "scaled",
    wrong="y = gamma (x_hat + beta)",
    effect="A beta of 1 under a gamma of 0.1 moves the channel by 0.1 instead of 1.",
    seen=("folklore",),
)
class BetaScaled(Steps):
    def affine(self, x_hat: Array) -> Array:
        return per_channel(self.gamma, x_hat) * (x_hat + per_channel(self.beta, x_hat))


@known_bug(
    "fwd-gamma-magnitude",
    "the sign of gamma is lost",
    damages="y_train y_infer dx",
    right="y = gamma x_hat + beta",
    wrong="y = |gamma| x_hat + beta",
    effect="Channels that learned a negative gamma are mirrored; fresh layers, whose gamma is 1, are right.",
    seen="folklore: gamma folded into the square root, as sqrt(gamma**2 / (var + eps))",
    exposes=Question("a negative gamma", shape=(5, 7)),
    laws="training_output_is_exact turning_the_signs_of_x_and_gamma_changes_nothing",
)
class GammaMagnitude(Steps):
    def affine(self, x_hat: Array) -> Array:
        return np.abs(per_channel(self.gamma, x_hat)) * x_hat + per_channel(self.beta, x_hat)

    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        return np.abs(super().gradient_scale(dy, kept))


@known_bug(
    "fwd-mean-not-subtracted",
    "divides by the deviation and leaves the mean where it is",
    damages="y_train y_infer dx dgamma",
    right="x_hat = (x - mean) / sqrt(var + eps)",
    wrong="x_hat = x / sqrt(var + eps)",
    effect="A channel with mean 10 and deviation 1 comes out at 10 instead of 0; centred data hides it.",
    seen="folklore: confused with RMSNorm",
    exposes=Question("a channel whose mean is not 0"),
    laws="training_output_is_exact shifting_x_changes_nothing",
)
class MeanNotSubtracted(Steps):
    def standardized(self, x: Array, mean: Array, inv_std: Array) -> Array:
        return x * inv_std


@known_bug(
    "fwd-mean-absolute-deviation",
    "divides by the mean absolute deviation instead of the standard one",
    damages="y_train running_var dx dgamma",
    right="var = mean((x - mean)**2)",
    wrong="var = mean(|x - mean|)**2",
    effect="Normal data come out 25 % too large; only data of two values are right.",
    seen="folklore: the L1 variant of BatchNorm under the usual name",
    exposes=Question("three different values in a channel"),
    laws="training_output_is_exact zero_mean_and_unit_variance_after_normalization",
)
class MeanAbsoluteDeviation(Steps):
    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.square(np.abs(x - mean).mean(self.axes(x), keepdims=True))
