"""Bugs of memory that is shared: with the caller, with an earlier answer, with another layer, with an earlier call."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar
from weakref import WeakSet

import numpy as np

from bnspec.case import Array
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Setup
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps

ROUNDS = (("train", "backward", "train", "backward"),)
"""Two rounds of forward and backward on one layer."""


@known_bug(
    "input-normalised-in-place",
    "x is centred in the caller's array",
    damages="purity",
    right="x belongs to the caller, and is only read",
    wrong="x -= mean, in place",
    effect="A residual connection adds the centred x: the network trains on other data than it was given.",
    seen="folklore: student code with x -= mean",
    exposes=Question("x after the call"),
    laws="inputs_and_earlier_outputs_are_never_changed",
)
class InputCentredInPlace(Steps):
    def respond(self, x: Array, *, training: bool) -> Array:
        y = super().respond(x.copy(), training=training)
        kept = self.recalled()
        if x.flags.writeable:
            x[...] = self.handed_back(kept.x - kept.mean, x)
        return y


@known_bug(
    "upstream-scaled-in-place",
    "dy is scaled in the caller's array",
    damages="purity",
    right="dy belongs to the caller, and is only read",
    wrong="dy *= gamma, in place",
    effect="Whoever shares dy, as both branches of a residual block do, gets it scaled.",
    seen="folklore",
    exposes=Question("dy after the call"),
    laws="inputs_and_earlier_outputs_are_never_changed",
)
class UpstreamScaledInPlace(Steps):
    def differentiate(self, dy: Array) -> tuple[Array, Array, Array]:
        answer = super().differentiate(dy.copy())
        if dy.flags.writeable:
            dy *= dy.dtype.type(2)
        return answer


@known_bug(
    "output-buffer-reused",
    "y is the same array in every call",
    damages="purity",
    right="y is the caller's to keep",
    wrong="y is a buffer of the layer, which the next call fills anew",
    effect="Two forwards before a backward: the first output holds the second's numbers.",
    seen="pytorch #22095; pytorch #65907; folklore",
    exposes=Question("the first y after a second call", sessions=(("train", "train"), ("infer", "infer"))),
    laws="inputs_and_earlier_outputs_are_never_changed inference_changes_no_array",
    shapes=("class", "module"),
)
class OutputBufferReused(Steps):
    buffer: Array | None = None

    def handed_back(self, y: Array, x: Array) -> Array:
        answer = super().handed_back(y, x)
        if self.buffer is None or self.buffer.shape != answer.shape or self.buffer.dtype != answer.dtype:
            self.buffer = np.empty_like(answer)
        self.buffer[...] = answer
        return self.buffer


@known_bug(
    "frozen-copy-shares-buffers",
    "layers made of the same state share it",
    damages="state",
    right="each layer has running statistics of its own",
    wrong="a layer that is made of another's running statistics keeps their arrays, and both move them",
    effect="Training one layer moves the other, frozen one.",
    seen="facebookresearch/detectron2, convert_frozen_batchnorm",
    exposes=Question("training another layer that was made of the same state", sessions=(("other",),)),
    laws="two_layers_share_nothing layers_in_turns_keep_their_own_statistics",
    shapes=("class",),
)
class StateSharedByLayers(Steps):
    alive: ClassVar[WeakSet[Steps]] = WeakSet()

    def __init__(self, setup: Setup, convention: Convention = TORCH) -> None:
        super().__init__(setup, convention)
        self.alive.add(self)

    def update(self, x: Array, mean: Array, var: Array) -> None:
        before = self.running_mean
        super().update(x, mean, var)
        for other in self.alive:
            if np.array_equal(other.running_mean, before):
                other.running_mean, other.running_var = self.running_mean, self.running_var


@known_bug(
    "layer-reads-clobbered-activation",
    "y is computed in the array that backward will take for x_hat",
    damages="dx dgamma",
    right="backward reads x_hat",
    wrong="x_hat *= gamma and x_hat += beta, in place: backward reads y",
    effect="Right for fresh layers, with gamma 1 and beta 0, and wrong as soon as they learn.",
    seen="BVLC/caffe batch_norm_layer.cpp, a comment on in-place layers",
    exposes=Question("gamma that is not 1"),
    laws="training_gradients_are_exact gradients_of_x_against_x_hat_leave_only_eps",
)
class ActivationClobbered(Steps):
    def keep(self, kept: Kept) -> None:
        super().keep(replace(kept, x_hat=kept.y))


@known_bug(
    "param-grads-accumulate",
    "gradients of gamma and beta add up over calls",
    damages="state",
    right="dgamma and dbeta are those of this backward",
    wrong="dgamma += sum(dy x_hat), dbeta += sum(dy), and nothing sets them back",
    effect="Each step adds all earlier gradients: the effective learning rate grows until training diverges.",
    seen="apache/mxnet #18492; apache/mxnet #18475; apache/mxnet #16297",
    exposes=Question("two rounds of forward and backward", sessions=ROUNDS),
    laws="gradients_do_not_accumulate",
    shapes=("class",),
)
class ParameterGradientsAddUp(Steps):
    def accumulated(self, dgamma: Array, dbeta: Array) -> tuple[Array, Array]:
        earlier = self.summed or (np.zeros_like(dgamma), np.zeros_like(dbeta))
        self.summed = (earlier[0] + dgamma, earlier[1] + dbeta)
        return self.summed


@another_form(
    ParameterGradientsAddUp, "beta", right="dbeta is that of this backward", wrong="dbeta += sum(dy), and nothing sets it back"
)
class BetaGradientAddsUp(Steps):
    def accumulated(self, dgamma: Array, dbeta: Array) -> tuple[Array, Array]:
        earlier = self.summed or (np.zeros_like(dgamma), np.zeros_like(dbeta))
        self.summed = (dgamma, earlier[1] + dbeta)
        return self.summed


@another_form(
    ParameterGradientsAddUp,
    "gamma",
    right="dgamma is that of this backward",
    wrong="dgamma += sum(dy x_hat), and nothing sets it back",
)
class GammaGradientAddsUp(Steps):
    def accumulated(self, dgamma: Array, dbeta: Array) -> tuple[Array, Array]:
        earlier = self.summed or (np.zeros_like(dgamma), np.zeros_like(dbeta))
        self.summed = (earlier[0] + dgamma, dbeta)
        return self.summed


@known_bug(
    "backward-uses-first-forward",
    "backward belongs to the layer's first forward",
    damages="state",
    right="backward is of the latest forward",
    wrong="what the first forward kept is never replaced",
    effect="From the second step on gradients are those of old data.",
    seen="folklore: if self.cache is None: self.cache = ...",
    exposes=Question("two rounds of forward and backward, on different x", sessions=ROUNDS),
    laws="backward_belongs_to_the_latest_forward gradients_do_not_accumulate",
    shapes=("class",),
)
class FirstForwardKept(Steps):
    def keep(self, kept: Kept) -> None:
        if self.kept is None or self.kept.x.shape != kept.x.shape:
            super().keep(kept)


@known_bug(
    "double-backward-state",
    "backward changes what forward kept, so that a second one differs",
    damages="state",
    right="backward only reads what forward kept",
    wrong="x_hat *= dgamma / m, in the kept array",
    effect="Two backwards of one forward, as a sum of two losses needs, give different gradients.",
    seen="pytorch #2268; pytorch #2278; pytorch #2264",
    exposes=Question("two backwards of one forward", sessions=(("train", "backward", "backward"),)),
    laws="a_second_backward_is_right_or_refused asking_again_for_the_same_gradients_gives_them",
    shapes=("class", "pair"),
)
class BackwardOverwrites(Steps):
    def differentiate(self, dy: Array) -> tuple[Array, Array, Array]:
        answer = super().differentiate(dy)
        kept = self.recalled()
        self.kept = replace(kept, x_hat=kept.x_hat * 0.5)
        return answer


@known_bug(
    "outputs-depend-on-earlier-calls",
    "the mean that is subtracted is averaged with the previous batch's",
    damages="state",
    right="y of a training call depends on this batch alone",
    wrong="mean = (mean of this batch + mean of the one before) / 2",
    effect="The first step is right; later ones leak one batch into the next.",
    seen="folklore: a buffer that is added to and not reset",
    exposes=Question("two training calls", sessions=(("train", "train"),)),
    laws="any_order_of_calls_follows_the_model backward_belongs_to_the_latest_forward",
    shapes=("class", "module"),
)
class LeaksPreviousBatch(Steps):
    previous: Array | None = None

    def training_statistics(self, x: Array, mean: Array, var: Array) -> tuple[Array, Array]:
        previous, self.previous = self.previous, mean
        return (mean if previous is None or previous.shape != mean.shape else (mean + previous) / 2), var
