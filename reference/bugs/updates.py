"""Bugs of the update itself: whether it happens, when, and how often; and the conventions that a layer says it follows."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Setup
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Steps, values_a_channel

BOTH = "running_mean running_var"


@known_bug(
    "rs-never-updated",
    "the running statistics never move",
    damages=BOTH,
    right="r <- (1 - w) r + w mean, and q likewise, in every training step",
    wrong="r and q stay 0 and 1",
    effect="Training looks perfect; inference does not normalize at all.",
    seen="paiml/aprender #2166; tensorflow #11965; tensorflow #40249; apache/tvm #18518; wkcn/mobula #2; PyDeepFlow #32",
    exposes=Question("one training call"),
    laws="running_statistics_move_by_one_exact_step running_averages_follow_the_closed_form",
)
class NeverUpdated(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        self.steps += 1


@known_bug(
    "only-one-statistic-updated",
    "the running mean moves, the variance stays",
    damages="running_var",
    right="r <- (1 - w) r + w mean and q <- (1 - w) q + w var",
    wrong="q stays as it was",
    effect="Inference centres the channels and never scales them.",
    seen="keras-team/keras-core #338; keras-team/keras-core #339",
    exposes=Question("one training call"),
    laws="running_statistics_move_by_one_exact_step the_ends_of_momentum_freeze_and_replace",
)
class OnlyMeanUpdated(Steps):
    def moved_var(self, var: Array, weight: float) -> Array:
        return self.running_var


@another_form(
    OnlyMeanUpdated,
    "variance",
    damages="running_mean",
    wrong="r stays as it was",
    effect="Inference scales the channels and never centres them.",
)
class OnlyVarianceUpdated(Steps):
    def moved_mean(self, mean: Array, weight: float) -> Array:
        return self.running_mean


@another_form(
    OnlyMeanUpdated,
    "variance-into-mean",
    damages="running_mean running_var",
    wrong="r <- (1 - w) q + w var, and q stays",
    effect="The running mean is a variance, and inference subtracts it.",
)
class VarianceIntoMean(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        before = self.running_var
        super().update(x, mean, var)
        self.running_mean, self.running_var = self.running_var, before


@known_bug(
    "rs-replaced-by-last-batch",
    "the batch's statistics replace the running ones",
    damages=BOTH,
    right="r <- (1 - w) r + w mean",
    wrong="r <- mean, whatever momentum says",
    effect="Inference follows the last batch of training: a small last batch ruins the model.",
    seen="folklore",
    exposes=Question("a weight below 1"),
    laws="running_averages_follow_the_closed_form running_averages_converge",
)
class ReplacedByLastBatch(Steps):
    def weight(self) -> float:
        return 1.0


@known_bug(
    "rs-momentum-ignored",
    "momentum is a constant in the code, not the argument",
    damages=BOTH,
    right="r <- (1 - w) r + w mean, with w as momentum says",
    wrong="r <- 0.9 r + 0.1 mean, whatever momentum says",
    effect="Set to 0.01 for small batches, it still averages over the last ten.",
    seen="folklore",
    exposes=Question("a momentum that is not the default"),
    laws="the_ends_of_momentum_freeze_and_replace running_statistics_move_by_one_exact_step",
)
class MomentumIgnored(Steps):
    def weight(self) -> float:
        return 0.1


@known_bug(
    "rs-updated-twice-by-recompute",
    "backward runs the forward again, and the statistics move a second time",
    damages="state",
    right="one step of the averages a training step",
    wrong="two: forward and its recomputation in backward both update",
    effect="With activation checkpointing momentum 0.1 acts as 0.19; outputs and gradients are the same, the state is not.",
    seen="pytorch/pytorch #96136; pytorch/pytorch #62471; Tencent/YOLO-Master #262; pytorch-pfn-extras #117",
    exposes=Question("forward, backward, and then the running statistics"),
    laws="backward_leaves_the_running_statistics_alone any_order_of_calls_follows_the_model",
    shapes=("class",),
)
class UpdatedAgainInBackward(Steps):
    def differentiate(self, dy: Array) -> tuple[Array, Array, Array]:
        kept = self.recalled()
        if kept.training and kept.x.size:
            self.update(kept.x, kept.mean, self.batch_var(kept.x, kept.mean))
        return super().differentiate(dy)


@known_bug(
    "rs-updated-twice",
    "forward moves the running statistics twice",
    damages=BOTH,
    right="r <- (1 - w) r + w mean, once",
    wrong="r <- (1 - w)**2 r + (1 - (1 - w)**2) mean",
    effect="Momentum 0.1 acts as 0.19: the averages are of half as many batches as was asked for.",
    seen="pytorch/pytorch #62471; folklore: an update in the layer and another in its base class",
    exposes=Question("one training call"),
    laws="running_statistics_move_by_one_exact_step running_averages_follow_the_closed_form",
)
class UpdatedTwice(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        super().update(x, mean, var)
        super().update(x, mean, var)


@known_bug(
    "rs-stops-after-first-batch",
    "only the first batch moves the running statistics",
    damages=BOTH,
    right="every training step moves them",
    wrong="the first training step moves them, later ones do not",
    effect="The statistics are those of the untrained network's first batch, for ever.",
    seen="ml-explore/mlx #1960; folklore: update operations that are traced once",
    exposes=Question("two training calls", sessions=(("train", "train"),)),
    laws="running_averages_follow_the_closed_form running_averages_converge",
    shapes=("class", "module"),
)
class StopsAfterFirstBatch(Steps):
    def update(self, x: Array, mean: Array, var: Array) -> None:
        if self.steps == 0:
            super().update(x, mean, var)


@known_bug(
    "rv-biased",
    "the running variance is the biased one where the unbiased was promised",
    damages="running_var",
    right="q <- (1 - w) q + w var m / (m - 1)",
    wrong="q <- (1 - w) q + w var",
    effect="With 2 values a channel inference divides by 0.71 times what the promised convention says.",
    seen="tinygrad #807; ml-explore/mlx #3817; tt-metal #55438; pytorch/pytorch #42151; PaddlePaddle/Paddle #68159",
    exposes=Question("2 values a channel", shape=(2, 3)),
    laws="running_statistics_move_by_one_exact_step the_convention_is_of_one_piece",
    only_against={"running_var": "unbiased"},
)
class RunningVarBiased(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        return var


@known_bug(
    "rv-unbiased-where-biased-promised",
    "the running variance is the unbiased one where the biased was promised",
    damages="running_var",
    right="q <- (1 - w) q + w var",
    wrong="q <- (1 - w) q + w var m / (m - 1)",
    effect="With 2 values a channel inference divides by 1.41 times what the promised convention says.",
    seen="tensorflow #55545; keras #10443; tensorflow #40338; apache/mxnet #21111",
    exposes=Question("2 values a channel", shape=(2, 3)),
    laws="running_statistics_move_by_one_exact_step the_convention_is_of_one_piece",
    only_against={"running_var": "biased"},
)
class RunningVarUnbiased(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        m = values_a_channel(x)
        return var * (m / max(m - 1, 1))


@known_bug(
    "rv-bessel-hacked-denominator",
    "the unbiased variance divides by m - 1 + eps",
    damages="running_var",
    right="q <- (1 - w) q + w var m / (m - 1)",
    wrong="q <- (1 - w) q + w var m / (m - 1 + eps)",
    effect="With m = 2 and eps = 1 the variance is half as large; with eps = 1e-5 one part in 100,000 is missing.",
    seen="mlpack #2474",
    exposes=Question("2 values a channel and eps = 1", shape=(2, 3), eps=1.0),
    laws="running_statistics_move_by_one_exact_step the_convention_is_of_one_piece",
    only_against={"running_var": "unbiased"},
)
class BesselWithEps(Steps):
    def stored_var(self, var: Array, x: Array) -> Array:
        m = values_a_channel(x)
        return var * (m / (m - 1 + self.eps)) if m > 1 else var


@known_bug(
    "momentum-swapped",
    "momentum weighs the other value than it is said to",
    damages=BOTH,
    right="r <- (1 - m) r + m mean, where momentum m is declared to weigh the batch",
    wrong="r <- m r + (1 - m) mean",
    effect="The default 0.1 keeps 10 % of the past: inference follows the last batch or two.",
    seen="d2l-ai/d2l-en #2213; Jermmy/pytorch-quantization-demo #17; Oneflow #6055; microsoft/onnxscript #1289; FluxML/ONNX.jl #57",
    exposes=Question("one step with momentum 0.1"),
    laws="running_statistics_move_by_one_exact_step the_ends_of_momentum_freeze_and_replace",
    only_against={"momentum_weighs": "batch"},
)
class MomentumSwapped(Steps):
    def weight(self) -> float:
        return 1 - super().weight()


@known_bug(
    "rs-init-var-zero",
    "the running variance starts at 0 where 1 was promised",
    damages="running_var y_infer dx dgamma",
    right="q = 1 in a fresh layer",
    wrong="q = 0",
    effect="Inference before training multiplies by 316 at eps = 1e-5.",
    seen="equinox #955; sony/nnabla #294; PaddlePaddle/CINN #1146; CS231n skeleton",
    exposes=Question("inference of a fresh layer", fresh=True),
    laws="the_convention_is_of_one_piece a_fresh_layer_infers_with_its_start",
    only_against={"running_start": (0.0, 1.0)},
)
class StartsAtZero(Steps):
    def __init__(self, setup: Setup, convention: Convention = TORCH) -> None:
        super().__init__(setup, convention)
        if setup.running_var is None:
            self.running_var = np.zeros_like(self.running_var)
