"""Gradients: against the exact ones, against the layer's own forward, and against what must hold of any."""

import numpy as np
from hypothesis import given

from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties import differences
from bnspec.properties.judge import assert_near, infer_truth, judge, train_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases

PRECISE = ("float32", "float64")
"""In half types a difference of two outputs has no digits left to compare."""


@law("grad_train", against="gradient, eps, variance, affine")
@given(case=cases())
def test_training_gradients_are_exact(bn: Subject, case: Case) -> None:
    """Required. dx = gamma / sqrt(var + eps) (dy - mean(dy) - x_hat mean(dy x_hat)); dgamma = sum(dy x_hat); dbeta = sum(dy).

    Ioffe & Szegedy 2015, sec. 3, collected; each within its bound of exact arithmetic, with a dy that has a mean and a part
    along x_hat, since a constant one makes dx zero and hides everything.
    """
    assert_near(bn.train_gradients(case), train_truth(case), "dx", "dgamma", "dbeta")


@law("grad_infer", against="mode, gradient")
@given(case=cases())
def test_inference_gradients_are_exact(bn: Subject, case: Case) -> None:
    """Required. With constant statistics dx = gamma / sqrt(running_var + eps) dy, dgamma = sum(dy x_hat), dbeta = sum(dy)."""
    assert_near(bn.infer_gradients(case), infer_truth(case), "dx", "dgamma", "dbeta")


@law("grad_train", against="gradient", share=0.5, dtypes=PRECISE)
@given(case=cases(max_values=24, kappas=(0.0, 1.0, -3.0)))
def test_gradients_of_x_agree_with_finite_differences(bn: Subject, case: Case) -> None:
    """Required. dx predicts how the layer's own loss sum(dy y) moves along a random direction.

    [L(x + h d) - L(x - h d)] against <dx, 2 h d>, in one normal direction a channel. The tolerance is derived, not chosen:
    what the difference of exact losses misses, plus what rounding may do to both outputs and to dx (reference/bounds.md).
    """
    differences.along_x(bn, case)


@law("grad_train", against="gradient, affine", share=0.5, dtypes=PRECISE)
@given(case=cases(max_values=24))
def test_gradients_of_gamma_agree_with_finite_differences(bn: Subject, case: Case) -> None:
    """Required. dgamma is how sum(dy y) moves with gamma: y is linear in it, so the difference has no truncation at all."""
    differences.along_parameter(bn, case, "gamma")


@law("grad_train", against="gradient, affine", share=0.5, dtypes=PRECISE)
@given(case=cases(max_values=24))
def test_gradients_of_beta_agree_with_finite_differences(bn: Subject, case: Case) -> None:
    """Required. dbeta is how sum(dy y) moves with beta: again a straight line."""
    differences.along_parameter(bn, case, "beta")


@law("grad_train", against="gradient")
@given(case=cases())
def test_gradients_of_x_sum_to_zero(bn: Subject, case: Case) -> None:
    """Required. sum(dx) = 0 in every channel: y does not change when a constant is added to x, so the loss cannot either."""
    truth, answer = train_truth(case), bn.train_gradients(case)
    dx = case.columns(answer.gradients.dx)
    scale = np.abs(truth.value("dx")).sum(0)
    judge(answer, "sum(dx)", dx.sum(0) + scale, scale, truth.bound("dx").sum(0) + case.m * 2.0**-52 * scale, case=case)
