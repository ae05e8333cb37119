"""Bugs of eps: where it stands, whether it is there, how large it is."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, per_channel

EVERYTHING = "y_train y_infer dx dgamma"


@known_bug(
    "fwd-eps-outside-sqrt",
    "eps is added to the root instead of under it",
    damages=EVERYTHING,
    right="y = gamma (x - mean) / sqrt(var + eps) + beta",
    wrong="y = gamma (x - mean) / (sqrt(var) + eps) + beta",
    effect="A channel with var = eps = 1e-5 comes out 1.41 times too large; with var = 1 the difference is 5e-6.",
    seen="Tencent/ncnn #311; pjreddie/darknet src/blas.c; keras-team/keras #8726",
    exposes=Question("eps = 1, or a variance near eps", eps=1.0),
    laws="training_output_is_exact variance_and_eps_may_be_traded",
)
class EpsOutsideRoot(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / (np.sqrt(var) + self.eps)


@known_bug(
    "fwd-eps-missing-in-eval",
    "inference forgets eps",
    damages="y_infer dx dgamma",
    right="y = gamma (x - running_mean) / sqrt(running_var + eps) + beta",
    wrong="y = gamma (x - running_mean) / sqrt(running_var) + beta",
    effect="A running variance of 0 gives infinities; one of 1e-5 gives 1.41 times what training gave.",
    seen="chainer/chainer #855; chainer/chainer #2149; pytorch/vision #1947; pytorch/vision #2169; pytorch/pytorch #43614",
    exposes=Question("inference with a running variance near eps, or with eps = 1", eps=1.0),
    laws="inference_output_is_exact variance_and_eps_may_be_traded",
)
class EpsMissingInEval(Steps):
    def inv_std(self, var: Array) -> Array:
        return super().inv_std(var) if self.training else 1 / np.sqrt(var)


@known_bug(
    "fwd-eps-missing",
    "eps is taken and never used",
    damages=EVERYTHING,
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(var)",
    effect="A channel that does not vary gives 0 / 0; a nearly constant one is blown up to unit variance.",
    seen="chainer/chainer #2214; facebookresearch/maskrcnn-benchmark #941",
    exposes=Question("eps = 1, or a constant channel", eps=1.0),
    laws="training_output_is_exact a_constant_channel_gives_beta",
)
class EpsMissing(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(var)


@another_form(EpsMissing, "train", damages="y_train dx dgamma", wrong="in training, inv_std = 1 / sqrt(var)")
class EpsMissingInTraining(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(var) if self.training else super().inv_std(var)


@known_bug(
    "fwd-eps-fixed",
    "a constant 1e-5 stands where the argument should",
    damages=EVERYTHING,
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(var + 1e-5), whatever eps was given",
    effect="Weights from Keras, trained with eps = 1e-3, give other outputs wherever the variance is small.",
    seen="apache/mxnet #12514; converters that drop eps: 1e-3 in Keras, 1e-5 in PyTorch, 0 in ncnn where it is missing",
    exposes=Question("any eps but the default, such as 1", eps=1.0),
    laws="training_output_is_exact every_eps_is_used_as_it_is",
)
class EpsFixed(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(var + 1e-5)


@known_bug(
    "fwd-eps-clamped",
    "an eps below 1e-5 is raised to 1e-5",
    damages=EVERYTHING,
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(var + max(eps, 1e-5))",
    effect="A model with eps = 1e-12 and a variance of 1e-5 gives outputs 1.41 times too small.",
    seen="tensorflow/tensorflow #37768; microsoft/onnxruntime #2680; cuDNN before 7.5",
    exposes=Question("eps = 1e-8 and a variance of 1e-5", eps=1e-8, std=3e-3, var=1e-5),
    laws="every_eps_is_used_as_it_is training_output_is_exact",
)
class EpsClamped(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(var + max(self.eps, 1e-5))


@known_bug(
    "fwd-eps-squared",
    "eps is squared, as if it were a deviation",
    damages=EVERYTHING,
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(var + eps**2)",
    effect="eps = 1e-5 acts as 1e-10: a constant channel is amplified 100,000 times instead of 316 times. eps = 1 hides it.",
    seen="folklore",
    exposes=Question("eps = 0.1 and a variance near it", eps=0.1),
    laws="training_output_is_exact every_eps_is_used_as_it_is",
)
class EpsSquared(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(var + self.eps**2)


@known_bug(
    "fwd-eps-added-twice",
    "eps is added by the statistics and once more under the root",
    damages=EVERYTHING,
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(var + 2 eps)",
    effect="With var = eps, y is 0.82 times what it should be.",
    seen="folklore",
    exposes=Question("eps = 1", eps=1.0),
    laws="training_output_is_exact variance_and_eps_may_be_traded",
)
class EpsTwice(Steps):
    def inv_std(self, var: Array) -> Array:
        return super().inv_std(var + self.eps)


@known_bug(
    "fwd-variance-floored-at-eps",
    "eps is a floor of the variance and not added to it",
    damages=EVERYTHING,
    right="inv_std = 1 / sqrt(var + eps)",
    wrong="inv_std = 1 / sqrt(max(var, eps))",
    effect="With var = eps, y is 1.41 times too large; above eps nothing is added at all.",
    seen="folklore",
    exposes=Question("eps = 1, or a variance near eps", eps=1.0),
    laws="training_output_is_exact variance_and_eps_may_be_traded",
)
class VarianceFlooredAtEps(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(np.maximum(var, self.eps))


@known_bug(
    "fwd-bwd-eps-mismatch",
    "backward has another eps than forward",
    damages="dx",
    right="dx uses the forward's inv_std",
    wrong="dx uses 1 / sqrt(var + 1e-5) whatever eps is",
    effect="Gradients of channels with a small variance point to another function than the one that is computed.",
    seen="pjreddie/darknet src/blas.c",
    exposes=Question("eps = 1, or a channel with a small variance", eps=1.0),
    laws="training_gradients_are_exact gradients_of_x_agree_with_finite_differences",
)
class BackwardWithAnotherEps(Steps):
    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        var = 1 / np.square(kept.inv_std) - self.eps
        return per_channel(self.gamma, dy) / np.sqrt(np.abs(var) + 1e-5)


@known_bug(
    "frozen-eps-subtracted-on-load",
    "loading subtracts eps from the running variance",
    damages="y_infer running_var state dx dgamma",
    right="running_var is what was saved",
    wrong="running_var = saved - eps, as if it had been saved with eps in it",
    effect="A saved variance below eps turns negative, and its root is NaN.",
    seen="facebookresearch/detectron2 #3160",
    exposes=Question("a layer that is given a running variance near eps", eps=1.0),
    laws="running_statistics_move_by_one_exact_step a_running_variance_of_zero_leaves_eps",
    shapes=("class", "module"),  # a pair of functions is given its state in every call
)
class EpsSubtractedOnLoad(Steps):
    def respond(self, x: Array, *, training: bool) -> Array:
        if self.steps == 0 and self.kept is None:
            self.running_var = self.running_var - self.running_var.dtype.type(self.eps)
        return super().respond(x, training=training)

    def inv_std(self, var: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return 1 / np.sqrt(var + var.dtype.type(self.eps))
