"""Bugs of the mode: training that infers, inference that looks at the batch, and states that are a step late."""

from __future__ import annotations

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Steps, per_channel


@known_bug(
    "eval-uses-batch-stats",
    "inference normalizes with the batch's statistics",
    damages="y_infer dx dgamma",
    right="y = gamma (x - running_mean) / sqrt(running_var + eps) + beta",
    wrong="y = gamma (x - mean) / sqrt(var + eps) + beta, with the batch's mean and var",
    effect="The answer to one image depends on the others in the batch; a batch of one gives beta.",
    seen="apache/tvm #18703; apache/tvm #18704; apache/tvm #19574; apache/tvm #17752; apache/tvm #15280",
    exposes=Question("inference on a batch whose statistics are not the running ones"),
    laws="inference_output_is_exact a_sample_is_answered_by_itself",
)
class InferWithBatch(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        if not x.size:
            return super().inference_statistics(x)
        mean = self.batch_mean(x)
        return mean, self.batch_var(x, mean)


@another_form(
    InferWithBatch,
    "mean",
    damages="y_infer dgamma",
    wrong="y = gamma (x - mean) / sqrt(running_var + eps) + beta: the mean is the batch's, the variance the running one",
)
class InferWithBatchMean(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = super().inference_statistics(x)
        return (self.batch_mean(x) if x.size else mean), var


@another_form(
    InferWithBatch,
    "variance",
    wrong="y = gamma (x - running_mean) / sqrt(var + eps) + beta: the variance is the batch's, the mean the running one",
)
class InferWithBatchVariance(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = super().inference_statistics(x)
        return mean, (self.batch_var(x, self.batch_mean(x)) if x.size else var)


@another_form(
    InferWithBatch,
    "blended",
    wrong="mean = (1 - w) running_mean + w mean(x), and var alike: inference normalizes with what training would leave",
    seen="onnx 1.23.2, the reference evaluator of BatchNormalization-9, whose momentum is never absent",
)
class InferWithNext(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        if not x.size:
            return super().inference_statistics(x)
        weight = float(self.convention.batch_weight(self.momentum, self.steps + 1))
        mean = self.batch_mean(x)
        var = self.stored_var(self.by_channel(self.batch_var(x, mean)), x)
        next_mean, next_var = self.moved_mean(self.by_channel(mean), weight), self.moved_var(var, weight)
        return per_channel(next_mean, x), per_channel(next_var, x)


@known_bug(
    "fwd-training-kwarg-ignored",
    "training is not told to the layer, which infers always",
    damages="y_train running_mean running_var dx dgamma",
    right="training=True normalizes with the batch and moves the state",
    wrong="training=True is dropped: the running statistics normalize, and nothing moves",
    effect="The network trains without normalization and without a warning.",
    seen="tensorflow/tfjs #562",
    exposes=Question("one training call on a batch whose statistics are not the running ones"),
    laws="training_output_is_exact running_statistics_move_by_one_exact_step",
)
class AlwaysInfers(Steps):
    def train(self, x: Array) -> Array:
        return super().infer(x)


@known_bug(
    "mode-flag-inverted",
    "the flag is read the wrong way round",
    damages="y_train y_infer running_mean running_var dx dgamma state",
    right="training normalizes with the batch, inference with the running statistics",
    wrong="inference normalizes with the batch and moves the state, training does neither",
    effect="The network trains without normalization; in use it adapts itself to its test data.",
    seen="folklore: is_test for is_train",
    exposes=Question("one call in either mode"),
    laws="training_output_is_exact inference_leaves_the_state_alone",
)
class ModeInverted(Steps):
    def train(self, x: Array) -> Array:
        return super().infer(x)

    def infer(self, x: Array) -> Array:
        return super().train(x)


@known_bug(
    "rs-updated-in-eval",
    "inference moves the running statistics",
    damages="state",
    right="inference leaves the state as it is, bit for bit",
    wrong="r <- (1 - w) r + w mean(x) in inference as well",
    effect="A model answers differently the longer it is used, and evaluation leaks into training.",
    seen="FluxML/Flux.jl #1429",
    exposes=Question("one inference, and then the running statistics"),
    laws="inference_leaves_the_state_alone an_inference_between_changes_nothing",
)
class InferenceMovesState(Steps):
    def infer(self, x: Array) -> Array:
        y = super().infer(x)
        if x.size:
            mean = self.batch_mean(x)
            self.update(x, mean, self.batch_var(x, mean))
        return y


@another_form(
    InferenceMovesState,
    "mean",
    wrong="r <- (1 - w) r + w mean(x) in inference as well, while q stays",
)
class InferenceMovesMean(Steps):
    def infer(self, x: Array) -> Array:
        y = super().infer(x)
        if x.size:
            self.running_mean = self.moved_mean(self.by_channel(self.batch_mean(x)), 0.1)
        return y


@known_bug(
    "stale-statistics-in-same-call",
    "inference sees the running statistics as they were a step ago",
    damages="state",
    right="inference uses the statistics that the latest training step left",
    wrong="inference uses those from before the latest training step",
    effect="Evaluation right after training differs from evaluation of the saved model.",
    seen="ml-explore/mlx #1960",
    exposes=Question("train, then infer", sessions=(("train", "infer"),)),
    laws="inference_uses_what_training_left any_order_of_calls_follows_the_model",
    shapes=("class", "module"),
)
class StaleStatistics(Steps):
    def train(self, x: Array) -> Array:
        self.before = self.state()
        return super().train(x)

    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = getattr(self, "before", self.state())
        return per_channel(mean, x), per_channel(var, x)


@known_bug(
    "eval-uses-last-batch",
    "inference after training uses the latest batch's statistics",
    damages="state",
    right="inference uses the running statistics",
    wrong="inference uses mean and var that training left on the object",
    effect="The answer depends on which batch came last; a model loaded from a file answers differently.",
    seen="folklore: self.mean and self.var for both",
    exposes=Question("train, then infer", sessions=(("train", "infer"),)),
    laws="inference_uses_what_training_left any_order_of_calls_follows_the_model",
    shapes=("class", "module"),
)
class InferWithLastBatch(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        super().update(x, mean, var)
        self.last = self.by_channel(mean), self.by_channel(var)

    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = getattr(self, "last", self.state())
        return per_channel(mean, x), per_channel(var, x)


@known_bug(
    "mode-eval-sticks",
    "once it has inferred, the layer never trains again",
    damages="state",
    right="each call is in the mode that it is told",
    wrong="training after an inference infers",
    effect="After the first validation the network trains with frozen statistics.",
    seen="folklore: eval() without a train() that turns it back",
    exposes=Question("infer, then train", sessions=(("infer", "train"),)),
    laws="an_inference_between_changes_nothing any_order_of_calls_follows_the_model",
    shapes=("class", "module"),
)
class EvalSticks(Steps):
    inferred = False

    def train(self, x: Array) -> Array:
        return super().infer(x) if self.inferred else super().train(x)

    def infer(self, x: Array) -> Array:
        self.inferred = True
        return super().infer(x)
