"""Bugs of running averages that count their steps: plain averages over all batches, and averages that correct their start."""

from __future__ import annotations

from bnspec.case import Array
from bnspec.reference.bugs.facts import known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Steps

CUMULATIVE = {"momentum_weighs": "cumulative", "momentum_default": None}
"""Plain averages over all batches: step k weighs 1 / k."""

DEBIASED = {"debias": "zero"}
"""Averages that start at zero and are divided by 1 - keep**k."""

TWICE = (("train", "train"),)
"""Two training calls."""


def correction(layer: Steps) -> tuple[float, float]:
    """(keep, 1 - keep**k): what the old value weighs before any correction, and what an average from zero lacks in step k."""
    keep = 1 - layer.convention.argument(layer.momentum or 0.0)
    return keep, 1 - keep**layer.steps


@known_bug(
    "cma-off-by-one",
    "the start value is counted as a batch",
    damages="running_mean running_var",
    right="step k weighs 1 / k: the first batch is copied",
    wrong="step k weighs 1 / (k + 1): the start value counts as a batch",
    effect="After ten batches the start, mean 0 and variance 1, still weighs 9 %.",
    seen="folklore",
    exposes=Question("the first training call"),
    laws="running_statistics_move_by_one_exact_step running_averages_follow_the_closed_form",
    under=CUMULATIVE,
    shapes=("class", "module"),
)
class CountsTheStart(Steps):
    def weight(self) -> float:
        return 1 / (self.steps + 1)


@known_bug(
    "cma-counter-stuck",
    "the count of batches is never raised",
    damages="running_mean running_var",
    right="step k weighs 1 / k",
    wrong="every step weighs 1",
    effect="The average of all batches is the latest batch.",
    seen="pytorch/pytorch #63916; folklore: a counter that is reassigned on a copy",
    exposes=Question("two training calls", sessions=TWICE),
    laws="running_averages_follow_the_closed_form running_averages_converge",
    under=CUMULATIVE,
    shapes=("class", "module"),
)
class CounterStuck(Steps):
    def weight(self) -> float:
        return 1.0


@known_bug(
    "cma-counts-inferences",
    "inferences are counted as batches",
    damages="state",
    right="step k weighs 1 / k, where k counts training steps",
    wrong="k counts inferences, too",
    effect="Each validation makes the batches that follow weigh less.",
    seen="folklore: a counter at the top of forward",
    exposes=Question("infer, then train", sessions=(("infer", "train"),)),
    laws="any_order_of_calls_follows_the_model the_convention_is_of_one_piece",
    under=CUMULATIVE,
    shapes=("class", "module"),
)
class CountsInferences(Steps):
    def infer(self, x: Array) -> Array:
        self.steps += 1
        return super().infer(x)


@known_bug(
    "debias-without-zero-start",
    "an average that did not start at zero is divided as if it had",
    damages="running_mean running_var",
    right="r_k = (average from 0) / (1 - keep**k), whose first value is the first batch's",
    wrong="r_k = (average from the start value) / (1 - keep**k)",
    effect="After one step with keep = 0.99 a start variance of 1 adds 99 to the running variance.",
    seen="folklore: Adam's correction put on an average from 1",
    exposes=Question("the first training call"),
    laws="running_statistics_move_by_one_exact_step running_averages_follow_the_closed_form",
    under=DEBIASED,
    shapes=("class", "module"),
)
class DebiasWithoutZeroStart(Steps):
    def moved(self, old: Array, batch: Array, weight: float) -> Array:
        keep, lacking = correction(self)
        before = old if self.steps == 1 else old * (1 - keep ** (self.steps - 1))
        return (keep * before + (1 - keep) * batch) / lacking if lacking else old


@known_bug(
    "debias-applied-again",
    "the corrected average is stored, and corrected again in the next step",
    damages="running_mean running_var",
    right="r_k = s_k / (1 - keep**k), where s_k = keep s_(k-1) + (1 - keep) mean",
    wrong="r_k = (keep r_(k-1) + (1 - keep) mean) / (1 - keep**k)",
    effect="With keep = 0.75 and batches of mean 1 the second average is 2.29 instead of 1.",
    seen="tensorflow #14353; tensorflow #18334",
    exposes=Question("two training calls", sessions=TWICE),
    laws="running_averages_follow_the_closed_form running_averages_converge",
    under=DEBIASED,
    shapes=("class", "module"),
)
class DebiasedAgain(Steps):
    def moved(self, old: Array, batch: Array, weight: float) -> Array:
        keep, lacking = correction(self)
        return (keep * old * (self.steps > 1) + (1 - keep) * batch) / lacking if lacking else old


@known_bug(
    "debias-count-zero",
    "inference before the first step divides by 1 - keep**0",
    damages="edge",
    right="a layer that was never trained answers with its start, mean 0 and variance 1",
    wrong="0 / (1 - keep**0) = 0 / 0",
    effect="A fresh layer answers NaN in inference.",
    seen="equinox #1010",
    exposes=Question("inference of a fresh layer", fresh=True, sessions=(("infer",),), edge=True),
    laws="inference_output_is_exact a_running_variance_of_zero_leaves_eps",
    under=DEBIASED,
    shapes=("class", "module"),
)
class DebiasCountZero(Steps):
    def inference_statistics(self, x: Array) -> tuple[Array, Array]:
        mean, var = super().inference_statistics(x)
        return (mean, var) if self.steps else (mean * float("nan"), var * float("nan"))
