"""Bugs of axes and memory: statistics over the wrong values, and values read from the wrong places."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Steps

IMAGES = Question("images with more than one position", shape=(3, 3, 2, 2))
TURNED = Question("images that lie channels last in memory", shape=(3, 3, 2, 4), turned=True)
TRAINED = "y_train running_var dx dgamma"
"""What statistics over other values damage, where the means of all channels stay."""


@known_bug(
    "fwd-wrong-reduction-instance",
    "mean and variance are taken for each sample",
    damages=TRAINED,
    right="mean and var over N, H and W",
    wrong="mean and var over H and W, for each sample of its own: instance normalization",
    effect="Differences between samples vanish. With one sample a batch it is right.",
    seen="apache/tvm #18609",
    exposes=Question("two samples and more, with means of their own", shape=(3, 3, 2, 2)),
    laws="training_output_is_exact running_statistics_move_by_one_exact_step",
)
class InstanceStatistics(Steps):
    def batch_mean(self, x: Array) -> Array:
        return x.mean(tuple(range(2, x.ndim)), keepdims=True) if x.ndim > 2 else super().batch_mean(x)

    def batch_var(self, x: Array, mean: Array) -> Array:
        squares = np.square(x - mean)
        return squares.mean(tuple(range(2, x.ndim)), keepdims=True) if x.ndim > 2 else super().batch_var(x, mean)


@known_bug(
    "fwd-wrong-reduction-global",
    "one mean and one variance serve the whole tensor",
    damages="y_train running_mean running_var dx dgamma",
    right="mean and var of each channel",
    wrong="mean and var over all axes",
    effect="Channels keep their offsets and scales against each other, so that the largest decides for all.",
    seen="parasdahal/deepnet #11",
    exposes=Question("channels with different means"),
    laws="training_output_is_exact a_channel_does_not_see_the_others",
)
class GlobalStatistics(Steps):
    def batch_mean(self, x: Array) -> Array:
        return x.mean(keepdims=True)

    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.square(x - mean).mean(keepdims=True)


@another_form(
    GlobalStatistics,
    "sample",
    right="mean and var of each channel, over the batch",
    wrong="mean and var of each sample, over the channels: layer normalization",
    effect="Each sample is answered by itself even in training; axis=1 for axis=0 does it.",
    seen=("folklore",),
)
class SampleStatistics(Steps):
    def batch_mean(self, x: Array) -> Array:
        return x.mean(tuple(range(1, x.ndim)), keepdims=True)

    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.square(x - mean).mean(tuple(range(1, x.ndim)), keepdims=True)


@known_bug(
    "fwd-per-activation-on-images",
    "on images every position has statistics of its own",
    damages=TRAINED,
    right="mean and var over N, H and W",
    wrong="mean and var over N alone, for every position",
    effect="What a convolution learned to be the same everywhere is normalized differently everywhere.",
    seen="microsoft/onnxruntime #831; ONNX opset 7, spatial=0; CS231n students",
    exposes=IMAGES,
    laws="training_output_is_exact positions_are_samples",
)
class PositionStatistics(Steps):
    def batch_mean(self, x: Array) -> Array:
        return x.mean(0, keepdims=True)

    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.square(x - mean).mean(0, keepdims=True)


@known_bug(
    "default-axis-wrong-for-layout",
    "the last axis is taken for the channels, on images that have them first",
    damages="y_train running_mean running_var dx dgamma",
    right="one mean for each channel",
    wrong="one mean for each column of the image, over channels and rows",
    effect="The accuracy hardly drops, which is why it stays: 59.7 % instead of 59.9 % in one challenge's baseline.",
    seen="DCASE dcase2018_baseline #18; seld-dcase2021 #8; DefogGAN #1; chess-alpha-zero #90; UpStride #12; keras #1921",
    exposes=IMAGES,
    laws="training_output_is_exact positions_are_samples",
)
class LastAxisStatistics(Steps):
    def batch_mean(self, x: Array) -> Array:
        return x.mean(tuple(range(x.ndim - 1)), keepdims=True)

    def batch_var(self, x: Array, mean: Array) -> Array:
        return np.square(x - mean).mean(tuple(range(x.ndim - 1)), keepdims=True)


@known_bug(
    "nlc-vs-ncl-silent",
    "where the last axis has the size of the channels it is taken for them",
    damages="y_train y_infer running_mean running_var dx dgamma dbeta",
    right="channels are where the layer says, whatever the sizes are",
    wrong="channels are on the last axis, if that has C entries",
    effect="Only inputs with L = C are wrong, silently: (N, 64, 64).",
    seen="pytorch #71366; pytorch #7577",
    exposes=Question("x of shape (N, C, C)", shape=(4, 3, 3)),
    laws="training_output_is_exact gamma_and_beta_undo_the_normalization",
)
class LastAxisIfItFits(Steps):
    def arranged(self, x: Array) -> Array:
        fits = x.ndim > 2 and x.shape[-1] == len(self.gamma)
        return np.moveaxis(super().arranged(x), -1, 1) if fits else super().arranged(x)

    def handed_back(self, y: Array, x: Array) -> Array:
        fits = x.ndim > 2 and x.shape[-1] == len(self.gamma)
        return super().handed_back(np.moveaxis(y, 1, -1) if fits else y, x)


@known_bug(
    "rank-2-treated-as-rank-4",
    "(N, C) comes back as (N, C, 1, 1)",
    damages="y_train y_infer dx",
    right="y has the shape of x",
    wrong="y has two axes more, of length 1, where x has rank 2",
    effect="The next matrix product fails, or broadcasts to something else.",
    seen="PaddlePaddle/Paddle #35527; apex #194; coremltools #819; torch2trt #934; pytorch #6967",
    exposes=Question("x of rank 2"),
    laws="training_output_is_exact inference_output_is_exact",
    shapes=("class", "pair"),
    only_against={"ranks": (2, 3, 4, 5)},
)
class RankTwoAsRankFour(Steps):
    def handed_back(self, y: Array, x: Array) -> Array:
        answer = super().handed_back(y, x)
        return answer[..., None, None] if x.ndim == 2 else answer


@known_bug(
    "fwd-stride-metadata-lost",
    "x is read in the order of memory, whatever its strides say",
    damages="y_train y_infer running_mean running_var dx dgamma",
    right="x[n, c, h, w] is where its strides say",
    wrong="x is read one number after the other",
    effect="On channels-last tensors numbers land in other channels: mean absolute difference 1.13 in the report.",
    seen="pytorch #62594",
    exposes=TURNED,
    laws="memory_layout_does_not_matter statistics_know_nothing_of_memory_layout",
)
class StridesIgnored(Steps):
    def respond(self, x: Array, *, training: bool) -> Array:
        return super().respond(np.ravel(x, "K").reshape(x.shape), training=training)


@known_bug(
    "mixed-layout-grad",
    "dy is read in the order of memory, whatever its strides say",
    damages="dx dgamma dbeta",
    right="dy[n, c, h, w] is where its strides say",
    wrong="dy is read one number after the other, as if it lay as x does",
    effect="dgamma is off by orders of magnitude as soon as the layer above gives channels-last gradients.",
    seen="pytorch #64039; pytorch #64100; pytorch #62967; deeplearning4j #8860",
    exposes=TURNED,
    laws="gradients_know_nothing_of_memory_layout",
)
class GradientStridesIgnored(Steps):
    def differentiate(self, dy: Array) -> tuple[Array, Array, Array]:
        return super().differentiate(np.ravel(dy, "K").reshape(dy.shape))


@known_bug(
    "batch-tail-dropped",
    "values beyond the last multiple of 4 are not counted",
    damages="y_train running_mean running_var dx dgamma",
    right="mean = sum(x) / m over all m values",
    wrong="mean and var of the first 4 floor(N / 4) samples",
    effect="Batches that are a multiple of 4 are right; the last batch of an epoch is not.",
    seen="folklore: vector loops without a remainder",
    exposes=Question("a batch of 7", shape=(7, 3)),
    laws="training_output_is_exact every_value_moves_the_running_mean",
)
class BatchTailDropped(Steps):
    def batch_mean(self, x: Array) -> Array:
        return super().batch_mean(x[: max(len(x) // 4 * 4, min(len(x), 3))])

    def batch_var(self, x: Array, mean: Array) -> Array:
        return super().batch_var(x[: max(len(x) // 4 * 4, min(len(x), 3))], mean)


@known_bug(
    "channel-tail-dropped",
    "channels beyond the last multiple of 32 are not normalized",
    damages="y_train y_infer",
    right="every channel is normalized",
    wrong="with more than 32 channels, those beyond the last multiple of 32 pass as they are",
    effect="Layers with 33 channels let the last one through; those with 64 are right.",
    seen="folklore: a block of threads a channel group",
    exposes=Question("33 channels", shape=(3, 33)),
    laws="many_channels_are_normalized_alike many_channels_are_inferred_alike",
)
class ChannelTailDropped(Steps):
    def normalize(self, x: Array, mean: Array, inv_std: Array, *, training: bool) -> Array:
        y = super().normalize(x, mean, inv_std, training=training).copy()
        whole = x.shape[1] // 32 * 32
        if whole:
            y[:, whole:] = x[:, whole:]
        return y
