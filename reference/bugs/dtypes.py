"""Bugs of dtypes: something narrower than it should be, or wider than the caller asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bnspec.case import Array
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Setup
from bnspec.reference.bugs.facts import known_bug
from bnspec.reference.bugs.questions import Question
from bnspec.reference.bugs.steps import Kept, Steps, per_channel


@known_bug(
    "double-downcast",
    "float64 is computed in float32 and cast back",
    damages="y_train y_infer running_mean running_var dx dgamma dbeta",
    right="float64 in, float64 all the way, float64 out",
    wrong="x is rounded to float32 before anything else",
    effect="Results have 7 digits in a dtype that promises 16, and gradient checks fail.",
    seen="keras #11198; folklore",
    exposes=Question("any float64 batch"),
    laws="training_output_is_exact training_gradients_are_exact",
)
class DoubleDowncast(Steps):
    def arranged(self, x: Array) -> Array:
        narrow = super().arranged(x).astype(np.float32)
        return narrow.astype(np.float64) if x.dtype == np.float64 else narrow


@known_bug(
    "statistics-downcast",
    "mean and variance of float64 are rounded to float32",
    damages="y_train running_mean running_var dx dgamma",
    right="statistics in the dtype of x, and never narrower than float32",
    wrong="mean and var are stored as float32 whatever x is",
    effect="float64 gives y with 7 digits; with |mean| a million times the deviation it gives none.",
    seen="folklore: buffers that are always float32",
    exposes=Question("any float64 batch"),
    laws="training_output_is_exact running_statistics_move_by_one_exact_step",
)
class StatisticsDowncast(Steps):
    def batch_mean(self, x: Array) -> Array:
        return super().batch_mean(x).astype(np.float32).astype(x.dtype)

    def batch_var(self, x: Array, mean: Array) -> Array:
        return super().batch_var(x, mean).astype(np.float32).astype(x.dtype)


@known_bug(
    "saved-buffer-in-half",
    "what forward keeps for backward is rounded to float16",
    damages="dx dgamma",
    right="x_hat and inv_std are kept as they were computed",
    wrong="x_hat and inv_std are kept in float16",
    effect="Gradients have 3 digits; an inv_std above 65504 becomes infinite, and ResNet-50 gets NaN.",
    seen="chainer #6323; cupy #2060",
    exposes=Question("any batch"),
    laws="training_gradients_are_exact gradients_of_x_sum_to_zero",
)
class KeptInHalf(Steps):
    def keep(self, kept: Kept) -> None:
        with np.errstate(over="ignore"):
            x_hat, inv_std = (values.astype(np.float16).astype(values.dtype) for values in (kept.x_hat, kept.inv_std))
        super().keep(replace(kept, x_hat=x_hat, inv_std=inv_std))


@known_bug(
    "eps-underflows-in-half",
    "eps is a float16, and becomes 0 where it is small",
    damages="y_train y_infer dx dgamma",
    right="1 / sqrt(var + eps), in float32 or better",
    wrong="1 / sqrt(var + half(eps)): every eps below 3e-8 is 0, 1e-5 is 1.0014e-5",
    effect="With eps = 1e-8 a channel without variance is 0 / 0.",
    seen="pytorch/vision #2599; keras #22586",
    exposes=Question("eps = 1e-8 and a variance of 1e-8", eps=1e-8, std=1e-4, var=1e-8),
    laws="every_eps_is_used_as_it_is a_running_variance_of_zero_leaves_eps",
)
class EpsInHalf(Steps):
    def inv_std(self, var: Array) -> Array:
        with np.errstate(divide="ignore"):
            return 1 / np.sqrt(var + var.dtype.type(np.float16(self.eps)))


@known_bug(
    "eps-float32-vs-float64",
    "eps passes through float32 on its way to float64 code",
    damages="y_train y_infer dx dgamma",
    right="1 / sqrt(var + eps), with eps as given",
    wrong="1 / sqrt(var + float(eps)): 1e-5 is 9.99999974738e-6",
    effect="A comparison eps >= 1e-5 fails and the kernel is refused; where var is 0, y has 8 right digits.",
    seen="onnx/onnx #1820; microsoft/onnxruntime #2680; microsoft/onnxruntime #2681",
    exposes=Question("eps = 1e-5 and a variance of 1e-5, in float64", eps=1e-5, std=3e-3, var=1e-5),
    laws="training_output_is_exact every_eps_is_used_as_it_is",
)
class EpsInSingle(Steps):
    def inv_std(self, var: Array) -> Array:
        return 1 / np.sqrt(var + var.dtype.type(np.float32(self.eps)))


@known_bug(
    "half-conversion-of-stats",
    "the running statistics are rounded to float16",
    damages="y_infer running_mean running_var dx dgamma",
    right="running statistics in float32 or better",
    wrong="r and q are kept in float16: steps below r / 2048 are lost, 65504 is the end",
    effect="With momentum 0.001 the averages stop half-way; a variance below 6e-8 is 0, one above 65504 infinite.",
    seen="pytorch/vision #2599; Flux.jl #2700; tensorflow #8535; tensorflow #7164",
    exposes=Question("any running statistics"),
    laws="running_statistics_move_by_one_exact_step inference_output_is_exact",
)
class StateInHalf(Steps):
    def __init__(self, setup: Setup, convention: Convention = TORCH) -> None:
        super().__init__(setup, convention)
        self.rounded()

    def update(self, x: Array, mean: Array, var: Array) -> None:
        super().update(x, mean, var)
        self.rounded()

    def infer(self, x: Array) -> Array:
        self.rounded()
        return super().infer(x)

    def rounded(self) -> None:
        with np.errstate(over="ignore"):
            mean, var = self.running_mean.astype(np.float16), self.running_var.astype(np.float16)
        self.running_mean, self.running_var = mean.astype(self.running_mean.dtype), var.astype(self.running_var.dtype)


@known_bug(
    "fold-computed-in-half",
    "inference folds its parameters into a x + b, and a and b are float16",
    damages="y_infer",
    right="y = a x + b with a = gamma / sqrt(running_var + eps) and b = beta - a running_mean, in float32",
    wrong="the same with a and b rounded to float16",
    effect="y has 3 digits, and fewer where b is large against y; a small variance makes a infinite.",
    seen="pytorch/TensorRT #1450",
    exposes=Question("any inference"),
    laws="inference_output_is_exact a_running_variance_of_zero_leaves_eps",
)
class FoldInHalf(Steps):
    def infer(self, x: Array) -> Array:
        super().infer(x)
        kept = self.recalled()
        with np.errstate(over="ignore", invalid="ignore"):
            a = per_channel(self.gamma, x) * kept.inv_std
            b = per_channel(self.beta, x) - a * kept.mean
            return a.astype(np.float16).astype(x.dtype) * x + b.astype(np.float16).astype(x.dtype)


@known_bug(
    "output-through-half",
    "y passes through float16 and comes back in the dtype of x",
    damages="y_train y_infer",
    right="y is rounded once, to the dtype of x",
    wrong="y is rounded to float16 first",
    effect="The dtype says 7 digits, 3 are right; above 65504 y is infinite.",
    seen="folklore: mixed precision left on",
    exposes=Question("any batch"),
    laws="training_output_is_exact inference_output_is_exact",
)
class OutputThroughHalf(Steps):
    def affine(self, x_hat: Array) -> Array:
        with np.errstate(over="ignore"):
            return super().affine(x_hat).astype(np.float16).astype(x_hat.dtype)


@known_bug(
    "output-dtype-promoted",
    "y of half inputs comes back in float32",
    damages="dtype",
    right="y has the dtype of x",
    wrong="y has the dtype of the parameters",
    effect="Everything behind the layer runs in float32: twice the memory, and none of the speed.",
    seen="mlx 0.32.4; tinygrad 0.14.0; flax 0.12.8",
    exposes=Question("a float16 batch", dtype="float16", tolerance=1e-2),
    laws="y_has_the_dtype_of_x",
    only_against={"output_dtype": "input"},
)
class OutputPromoted(Steps):
    def handed_back(self, y: Array, x: Array) -> Array:
        return np.moveaxis(y, 1, self.channel_axis)
