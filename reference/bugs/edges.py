"""Bugs of edge cases: one value, no variance, no number, and constants that stand in for care."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, per_channel, values_a_channel

TRAIN = (("train",),)

SINGLE = Question("one value a channel", shape=(1, 3), sessions=TRAIN, edge=True)


@known_bug(
    "zero-variance-nan",
    "a channel without variance gives NaN",
    damages="edge",
    right="x - mean = 0 there, and y = beta",
    wrong="y = (x - mean) / sqrt(var) where var is 0, because eps is skipped",
    effect="One dead channel makes the loss NaN.",
    seen="MIOpen #248; ROCm/pytorch #657",
    exposes=Question("a constant channel", constant=True, sessions=TRAIN, edge=True),
    laws="a_constant_channel_gives_beta training_output_is_exact",
)
class ConstantChannelIsNan(Steps):
    def inv_std(self, var: Array) -> Array:
        return np.where(var > 0, super().inv_std(var), np.nan)


@known_bug(
    "constant-channel-loses-beta",
    "a channel without variance gives 0",
    damages="edge",
    right="y = beta where a channel does not vary",
    wrong="y = 0 where var = 0: the guard skips gamma and beta as well",
    effect="Dead channels lose their bias; beta = 0 hides it.",
    seen="folklore",
    exposes=Question("a constant channel and beta that is not 0", constant=True, sessions=TRAIN, edge=True),
    laws="a_constant_channel_gives_beta training_output_is_exact",
)
class ConstantChannelIsZero(Steps):
    def train(self, x: Array) -> Array:
        varies = np.ptp(x, self.axes(x), keepdims=True) > 0 if x.size else np.True_
        return np.where(varies, super().train(x), 0)


@known_bug(
    "sqrt-sanitised",
    "a root near 0 is replaced by 1e-4",
    damages="y_train y_infer dx dgamma",
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / max(sqrt(var + eps), 1e-4)",
    effect="With eps = 1e-12 a running variance of 0 gives 10,000 gamma (x - mean) + beta, 100 times too little.",
    seen="Tencent/ncnn BatchNorm::load_model, for a root of 0; student code with 1 for 1e-4",
    exposes=Question("eps = 1e-10 and a variance of 1e-10", eps=1e-10, std=1e-5, var=1e-10),
    laws="every_eps_is_used_as_it_is scaling_by_a_power_of_two_changes_nothing",
)
class RootSanitised(Steps):
    def inv_std(self, var: Array) -> Array:
        return np.minimum(super().inv_std(var), var.dtype.type(1e4))


@known_bug(
    "variance-floored",
    "the variance has a floor that nobody asked for",
    damages="y_train y_infer dx dgamma",
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(max(var, 1e-4) + eps)",
    effect="Channels with a deviation below 0.01 are not brought to unit variance, whatever eps is.",
    seen="folklore: a clamp against 1 / 0",
    exposes=Question("a deviation of 0.001 and a small eps", eps=1e-8, std=1e-3, var=1e-6),
    laws="tiny_and_huge_deviations_are_normalized_alike zero_mean_and_unit_variance_after_normalization",
)
class VarianceFloored(Steps):
    def inv_std(self, var: Array) -> Array:
        return super().inv_std(np.maximum(var, var.dtype.type(1e-4)))


@known_bug(
    "values-clipped",
    "x_hat is clipped",
    damages="edge",
    right="|x_hat| may be as large as sqrt(m - 1)",
    wrong="x_hat is cut off at -3 and 3",
    effect="Outliers lose their size, and gradients do not know it.",
    seen="folklore: a clip against overflow that stayed",
    exposes=Question("one value far from 15 others", shape=(64, 3), mean=0.0, eps=0.0, var=0.01, edge=True),
    laws="zero_mean_and_unit_variance_after_normalization inference_output_is_exact",
)
class Clipped(Steps):
    def standardized(self, x: Array, mean: Array, inv_std: Array) -> Array:
        return np.clip(super().standardized(x, mean, inv_std), -3, 3)


@known_bug(
    "rs-nan-poisoned-by-m1",
    "one value a channel makes the running variance NaN, for ever",
    damages="edge",
    right="m / (m - 1) is not applied where m = 1, or the batch is refused",
    wrong="q <- (1 - w) q + w var m / (m - 1) = 0 * 1 / 0",
    effect="The last batch of an epoch, with one sample, makes every later inference NaN.",
    seen="pytorch #1381; torch/nn #1271; Flux.jl #1992; PaddlePaddle/Paddle #11445; tensorflow #34062; apache/mxnet #21111",
    exposes=SINGLE,
    laws="one_value_a_channel_is_beta_or_an_error one_value_a_channel_in_passing_does_no_harm",
    under={"single_value": "beta"},
)
class SingleValuePoisons(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        return super().stored_var(var, x) if values_a_channel(x) > 1 else var * np.nan


@known_bug(
    "single-value-passes-as-it-is",
    "one value a channel is returned as it came",
    damages="edge",
    right="x - mean = 0, so y = beta; or an error",
    wrong="y = x where m = 1",
    effect="A batch of one sample is not normalized, and training jumps.",
    seen="folklore: if len(x) < 2: return x",
    exposes=SINGLE,
    laws="one_value_a_channel_is_beta_or_an_error one_value_a_channel_is_not_seen_in_y",
    under={"single_value": "beta"},
)
class SingleValuePasses(Steps):
    def train(self, x: Array) -> Array:
        y = super().train(x)
        return x if values_a_channel(x) == 1 else y


@known_bug(
    "empty-batch-poisons-state",
    "training on no values makes the running statistics NaN",
    damages="edge",
    right="an empty batch is an error, or leaves the state as it is",
    wrong="r <- (1 - w) r + w sum() / 0",
    effect="One rank without samples, in distributed training, ruins the statistics of the model.",
    seen="pytorch #36530; pytorch #74944; detectron2 #366; mmcv #1205",
    exposes=Question("a batch of no samples", shape=(0, 3), sessions=TRAIN, edge=True),
    laws="an_empty_batch_is_as_it_was an_empty_batch_in_passing_does_no_harm",
)
class EmptyBatchPoisons(Steps):
    def no_values(self, x: Array) -> Array:
        self.running_mean, self.running_var = self.running_mean * np.nan, self.running_var * np.nan
        return self.infer(x)


@known_bug(
    "nan-crosses-channels",
    "a NaN in one channel spoils all of them",
    damages="edge",
    right="each channel is normalized by itself, also where one is NaN",
    wrong="y = NaN everywhere as soon as x has a NaN anywhere",
    effect="The channel that is to blame cannot be found, and the running statistics of all are lost.",
    seen="folklore: a check of the whole tensor, or products with a one-hot matrix",
    exposes=Question("a NaN in the first channel", nan=True, sessions=TRAIN, edge=True),
    laws="a_nan_stays_in_its_channel",
)
class NanCrossesChannels(Steps):
    def batch_mean(self, x: Array) -> Array:
        return super().batch_mean(x) + 0 * x.sum()


@known_bug(
    "nan-silently-zeroed",
    "NaN is replaced by 0",
    damages="edge",
    right="a NaN in x makes its channel NaN",
    wrong="x is put through nan_to_num first",
    effect="A diverged network goes on, on zeros, and nobody is told.",
    seen="folklore",
    exposes=Question("a NaN in the first channel", nan=True, sessions=TRAIN, edge=True),
    laws="a_nan_stays_in_its_channel",
)
class NanZeroed(Steps):
    def arranged(self, x: Array) -> Array:
        return np.nan_to_num(super().arranged(x))


@known_bug(
    "gamma-zero-division",
    "backward divides by gamma",
    damages="edge",
    right="dgamma = sum(dy x_hat), whatever gamma is",
    wrong="x_hat is won back from y as (y - beta) / gamma",
    effect="A gamma of 0, as in a residual block that starts as the identity, makes gradients NaN.",
    seen="pytorch #77434; folklore: in-place layers that keep y only",
    exposes=Question("gamma = 0 in one channel", silent=True, edge=True),
    laws="a_gamma_of_zero_lets_no_gradient_of_x_through",
)
class DividesByGamma(Steps):
    def recalled_x_hat(self, kept: Kept) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return (kept.y - per_channel(self.beta, kept.y)) / per_channel(self.gamma, kept.y)

    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return (dy * self.recalled_x_hat(kept)).sum(self.axes(dy))

    def var_term(self, dy: Array, kept: Kept) -> Array:
        x_hat = self.recalled_x_hat(kept)
        return x_hat * (dy * x_hat).mean(self.axes(dy), keepdims=True)
