"""Bugs of dgamma and dbeta."""

from __future__ import annotations

import numpy as np

from bnspec.case import Array
from bnspec.reference.bugs.facts import another_form, known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, values_a_channel

ANY = Question("any dy that has a mean")
IMAGES = Question("images with more than one position", shape=(3, 3, 2, 2))
DGAMMA = "dgamma = sum(dy x_hat)"


@known_bug(
    "dgamma-from-x-or-y",
    "dgamma multiplies dy with x instead of x_hat",
    damages="dgamma",
    right=DGAMMA,
    wrong="dgamma = sum(dy x)",
    effect="For data with mean 10 dgamma is mostly 10 dbeta: gamma learns what beta should.",
    seen="folklore",
    exposes=Question("a mean that is not 0"),
    laws="training_gradients_are_exact gradients_of_gamma_agree_with_finite_differences",
)
class DgammaFromX(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return (dy * kept.x).sum(self.axes(dy))


@another_form(
    DgammaFromX,
    "y",
    wrong="dgamma = sum(dy y)",
    exposes=Question("gamma that is not 1, or beta that is not 0"),
    effect="With gamma 1 and beta 0 nothing shows; later gamma feeds on itself.",
)
class DgammaFromY(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return (dy * kept.y).sum(self.axes(dy))


@another_form(
    DgammaFromX,
    "centered",
    wrong="dgamma = sum(dy (x - mean))",
    effect="dgamma is sqrt(var + eps) times too large: 100 times for a deviation of 100.",
    exposes=Question("a deviation that is not 1"),
)
class DgammaFromCentered(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return (dy * (kept.x - kept.mean)).sum(self.axes(dy))


@known_bug(
    "dbeta-or-dgamma-averaged",
    "dgamma and dbeta are means instead of sums",
    damages="dgamma dbeta",
    right="dgamma = sum(dy x_hat), dbeta = sum(dy)",
    wrong="dgamma = mean(dy x_hat), dbeta = mean(dy)",
    effect="gamma and beta learn m times too slowly: 50,000 times on 64 images of 28 x 28.",
    seen="folklore",
    exposes=ANY,
    laws="training_gradients_are_exact gradients_of_beta_agree_with_finite_differences",
)
class ParameterGradientsAveraged(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return super().dgamma(dy, kept) / values_a_channel(dy)

    def dbeta(self, dy: Array, kept: Kept) -> Array:
        return super().dbeta(dy, kept) / values_a_channel(dy)


@another_form(
    ParameterGradientsAveraged,
    "dgamma",
    damages="dgamma",
    right=DGAMMA,
    wrong="dgamma = mean(dy x_hat)",
    laws=(
        "training_gradients_are_exact",
        "gradients_of_gamma_agree_with_finite_differences",
    ),
)
class DgammaAveraged(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return super().dgamma(dy, kept) / values_a_channel(dy)


@another_form(ParameterGradientsAveraged, "dbeta", damages="dbeta", right="dbeta = sum(dy)", wrong="dbeta = mean(dy)")
class DbetaAveraged(Steps):
    def dbeta(self, dy: Array, kept: Kept) -> Array:
        return super().dbeta(dy, kept) / values_a_channel(dy)


@another_form(
    ParameterGradientsAveraged,
    "samples",
    wrong="dgamma = sum(dy x_hat) / N, dbeta = sum(dy) / N, with N samples",
    effect="gamma and beta learn N times too slowly: the loss was averaged already.",
)
class ParameterGradientsPerSample(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return super().dgamma(dy, kept) / max(len(dy), 1)

    def dbeta(self, dy: Array, kept: Kept) -> Array:
        return super().dbeta(dy, kept) / max(len(dy), 1)


@known_bug(
    "dbeta-with-gamma",
    "dbeta multiplies by gamma",
    damages="dbeta",
    right="dbeta = sum(dy)",
    wrong="dbeta = sum(gamma dy)",
    effect="A channel with gamma 0 cannot move its beta; a negative gamma moves it the wrong way.",
    seen="folklore",
    exposes=Question("gamma that is not 1"),
    laws="training_gradients_are_exact gradients_of_beta_agree_with_finite_differences",
)
class DbetaWithGamma(Steps):
    def dbeta(self, dy: Array, kept: Kept) -> Array:
        return super().dbeta(dy, kept) * self.gamma.astype(dy.dtype)


@another_form(
    DbetaWithGamma,
    "dgamma",
    damages="dgamma",
    right=DGAMMA,
    wrong="dgamma = sum(gamma dy x_hat)",
    effect="A gamma of 0 stays 0 for ever.",
    laws=(
        "training_gradients_are_exact",
        "gradients_of_gamma_agree_with_finite_differences",
    ),
)
class DgammaWithGamma(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return super().dgamma(dy, kept) * self.gamma.astype(dy.dtype)


@known_bug(
    "dgamma-dbeta-swapped",
    "dgamma and dbeta are returned in each other's place",
    damages="dgamma dbeta",
    right="backward gives dx, dgamma, dbeta",
    wrong="backward gives dx, dbeta, dgamma",
    effect="gamma is moved by beta's gradient: a constant dy, which should leave gamma alone, moves it most.",
    seen="folklore",
    exposes=ANY,
    laws="training_gradients_are_exact gradients_of_beta_agree_with_finite_differences",
)
class ParameterGradientsSwapped(Steps):
    def accumulated(self, dgamma: Array, dbeta: Array) -> tuple[Array, Array]:
        return super().accumulated(dbeta, dgamma)


@known_bug(
    "dgamma-zero-when-default-fix-gamma",
    "the gradient of gamma is 0, as if it were frozen",
    damages="dgamma",
    right=DGAMMA,
    wrong="dgamma = 0",
    effect="gamma never learns, and nothing says so.",
    seen="apache/mxnet #12899",
    exposes=ANY,
    laws="training_gradients_are_exact gradients_of_gamma_agree_with_finite_differences",
)
class DgammaZero(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return np.zeros_like(super().dgamma(dy, kept))


@known_bug(
    "parameter-grads-over-batch-only",
    "dgamma and dbeta are the first position's",
    damages="dgamma dbeta",
    right="sums over N, H and W",
    wrong="sums over N alone, of which the first position is returned",
    effect="On images all positions but one are ignored; on (N, C) it is right.",
    seen="folklore: axis=0 left from (N, C), and a reshape that hides it",
    exposes=IMAGES,
    laws="training_gradients_are_exact gradients_of_beta_agree_with_finite_differences",
)
class FirstPositionOnly(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        return (dy * kept.x_hat).sum(0).reshape(dy.shape[1], -1)[:, 0]

    def dbeta(self, dy: Array, kept: Kept) -> Array:
        return dy.sum(0).reshape(dy.shape[1], -1)[:, 0]


@known_bug(
    "odd-shape-dgamma",
    "dgamma drops what a vector loop leaves over",
    damages="dgamma",
    right=DGAMMA + " over all m values",
    wrong="the sum ends at the last multiple of 4",
    effect="On 147 x 147 positions every image loses its last value; sizes that are powers of two are right.",
    seen="MIOpen #2024; MIOpen #1109; oneDNN #1725",
    exposes=Question("an odd number of values a channel", shape=(7, 3)),
    laws="training_gradients_are_exact gradients_of_gamma_agree_with_finite_differences",
)
class DgammaWithoutTail(Steps):
    def dgamma(self, dy: Array, kept: Kept) -> Array:
        products = np.moveaxis(dy * kept.x_hat, 1, 0).reshape(dy.shape[1], -1)
        whole = products.shape[1] // 4 * 4
        return products[:, :whole].sum(1)
