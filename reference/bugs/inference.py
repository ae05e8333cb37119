"""Bugs of inference alone: its formula and its gradients."""

from __future__ import annotations

from bnspec.case import Array
from bnspec.reference.bugs.facts import known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, values_a_channel

INFERENCE = Question("backward of an inference with a dy that is constant, or any other")


@known_bug(
    "eval-bessel-again",
    "inference corrects the running variance by the size of its own batch",
    damages="y_infer dx dgamma",
    right="y = gamma (x - running_mean) / sqrt(running_var + eps) + beta",
    wrong="y = gamma (x - running_mean) / sqrt(running_var m / (m - 1) + eps) + beta, with the m of this batch",
    effect="The same image gets another answer in a batch of 2 than in one of 64: 29 % smaller.",
    seen="folklore: Alg. 2, line 10, in the inference",
    exposes=Question("inference on 2 values a channel", shape=(2, 3)),
    laws="inference_output_is_exact a_sample_is_answered_by_itself",
)
class BesselInInference(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = super().inference_statistics(x)
        m = values_a_channel(x)
        return mean, var * (m / max(m - 1, 1))


@known_bug(
    "eval-affine-missing",
    "inference forgets gamma and beta",
    damages="y_infer",
    right="y = gamma x_hat + beta",
    wrong="y = x_hat in inference",
    effect="The trained scale and shift are lost in use; fresh layers, with gamma 1 and beta 0, are right.",
    seen="folklore",
    exposes=Question("inference with gamma that is not 1"),
    laws="inference_output_is_exact inference_uses_what_training_left",
)
class InferenceWithoutAffine(Steps):
    def affine(self, x_hat: Array) -> Array:
        return super().affine(x_hat) if self.training else x_hat


@known_bug(
    "eval-grad-uses-train-formula",
    "backward of an inference uses the training formula",
    damages="dx",
    right="dx = gamma dy / sqrt(running_var + eps): the statistics are constants",
    wrong="dx = gamma / sqrt(running_var + eps) (dy - mean(dy) - x_hat mean(dy x_hat))",
    effect="Fine-tuning with frozen statistics gets gradients of another function; a constant dy gives 0.",
    seen="pytorch #586; pytorch #4284; pytorch/xla #913; pytorch/xla #3361; Flux.jl #2179; NNlib.jl #548; apache/mxnet #9580",
    exposes=INFERENCE,
    laws="inference_gradients_are_exact",
    only_against={"backward": "train+infer"},
)
class InferenceGradientByTraining(Steps):
    def dx_inference(self, dy: Array, kept: Kept) -> Array:
        return self.dx_training(dy, kept) if dy.size else super().dx_inference(dy, kept)


@known_bug(
    "eval-dgamma-uses-batch-stats",
    "dgamma of an inference is made with the batch's statistics",
    damages="dgamma",
    right="dgamma = sum(dy (x - running_mean)) / sqrt(running_var + eps)",
    wrong="dgamma = sum(dy (x - mean)) / sqrt(var + eps), with the batch's mean and var",
    effect="Fine-tuning with frozen statistics moves gamma by the gradient of another function.",
    seen="pytorch #586; pjreddie/darknet src/batchnorm_layer.c, stale x_norm",
    exposes=INFERENCE,
    laws="inference_gradients_are_exact inference_tells_dgamma_by_its_y",
)
class InferenceDgammaByBatch(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        if kept.training or not dy.size:
            return super().dgamma(dy, kept)
        mean = self.batch_mean(kept.x)
        x_hat = (kept.x - mean) * super().inv_std(self.batch_var(kept.x, mean))
        return (dy * x_hat).sum(self.axes(dy))


@known_bug(
    "eval-dx-uses-batch-var",
    "dx of an inference divides by the batch's deviation",
    damages="dx",
    right="dx = gamma dy / sqrt(running_var + eps)",
    wrong="dx = gamma dy / sqrt(var + eps), with the batch's var",
    effect="The gradient is off by the ratio of two deviations, channel by channel.",
    seen="torch/nn #765; torch/nn #768",
    exposes=INFERENCE,
    laws="inference_gradients_are_exact",
    only_against={"backward": "train+infer"},
)
class InferenceDxByBatch(Steps):
    def dx_inference(self, dy: Array, kept: Kept) -> Array:
        batch = super().inv_std(self.batch_var(kept.x, self.batch_mean(kept.x))) if dy.size else kept.inv_std
        return super().dx_inference(dy, kept) / kept.inv_std * batch
