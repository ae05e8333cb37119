"""Bugs of what dx is multiplied by: gamma, the deviation, a mask."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, per_channel

DX = "dx = gamma inv_std (dy - mean(dy) - x_hat mean(dy x_hat))"


@known_bug(
    "dx-missing-gamma",
    "dx forgets gamma",
    damages="dx",
    right=DX,
    wrong="dx = inv_std (dy - mean(dy) - x_hat mean(dy x_hat))",
    effect="Layers below learn at a rate that ignores gamma, against its sign where it is negative; fresh layers are right.",
    seen="Knet #288",
    exposes=Question("gamma that is not 1"),
    laws="training_gradients_are_exact a_gamma_of_zero_lets_no_gradient_of_x_through",
)
class DxWithoutGamma(Steps):
    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        return kept.inv_std


@another_form(
    DxWithoutGamma, "part", wrong="dx = inv_std (gamma dy - mean(dy) - x_hat mean(dy x_hat)): gamma reaches the first part only"
)
class DxWithGammaInPart(Steps):
    def dx_training(self, dy: Array, kept: Kept) -> Array:
        through = self.mean_term(dy, kept) + self.var_term(dy, kept)
        return kept.inv_std * (per_channel(self.gamma, dy) * dy - through)


@known_bug(
    "dx-missing-inv-std",
    "dx forgets to divide by the deviation",
    damages="dx",
    right=DX,
    wrong="dx = gamma (dy - mean(dy) - x_hat mean(dy x_hat))",
    effect="Behind a channel with deviation 0.01 gradients are 100 times too small; unit variance hides it.",
    seen="folklore",
    exposes=Question("a deviation that is not 1"),
    laws="training_gradients_are_exact gradients_scale_as_x_does",
)
class DxWithoutInvStd(Steps):
    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        return per_channel(self.gamma, dy)


@known_bug(
    "fused-relu-mask",
    "backward applies the mask of a ReLU that is not there",
    damages="dx dgamma dbeta",
    right="dy is what comes from above",
    wrong="dy is 0 where x <= 0",
    effect="A kernel fused with ReLU is reused for the plain layer: about half of the gradient is lost.",
    seen="oneDNN #1725; folklore",
    exposes=Question("x with negative values", mean=-1.0),
    laws="training_gradients_are_exact inference_gradients_are_exact",
)
class ReluMask(Steps):
    def mask(self, dy: Array, kept: Kept) -> Array:
        return np.where(kept.x > 0, dy, 0)

    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return super().dgamma(self.mask(dy, kept), kept)

    def dbeta(self, dy: Array, kept: Kept) -> Array:
        return super().dbeta(self.mask(dy, kept), kept)

    def dx_training(self, dy: Array, kept: Kept) -> Array:
        return super().dx_training(self.mask(dy, kept), kept)

    def dx_inference(self, dy: Array, kept: Kept) -> Array:
        return super().dx_inference(self.mask(dy, kept), kept)


@known_bug(
    "dx-in-wrong-order-of-channels",
    "the gradient's scale runs through the channels backwards",
    damages="dx",
    right="dx of channel c has gamma[c] inv_std[c]",
    wrong="dx of channel c has gamma[C - 1 - c] inv_std[c]",
    effect="Fresh layers, whose gamma is the same everywhere, are right; later each channel learns by another's gamma.",
    seen="folklore: a transposed index",
    exposes=Question("gamma that differs between the channels"),
    laws="training_gradients_are_exact inference_gradients_are_exact",
)
class GammaReversedInDx(Steps):
    def gradient_scale(self, dy: Array, kept: Kept) -> Array:
        return np.flip(per_channel(self.gamma, dy), 1) * kept.inv_std
