"""Gradients: against the exact ones, against the layer's own forward, and against what must hold of any."""

from math import ldexp

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec import bounds
from bnspec.case import Case, Gradients
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties import differences
from bnspec.properties.judge import assert_near, assert_same, columns, component, infer_truth, judge, shaped, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import Declined, Refused
from bnspec.properties.strategies import cases, extreme_cases

PRECISE = ("float32", "float64")
"""In half types a difference of two outputs has no digits left to compare."""


@law("grad_train", against="gradient, eps, variance, affine", groups=True)
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
    dx = columns(answer, "dx", case)
    scale = np.abs(truth.value("dx")).sum(0)
    judge(answer, "sum(dx)", dx.sum(0) + scale, scale, truth.bound("dx").sum(0) + case.m * 2.0**-52 * scale, case=case)


@law("grad_train", against="gradient, eps")
@given(case=cases())
def test_gradients_of_x_against_x_hat_leave_only_eps(bn: Subject, case: Case) -> None:
    """Required. sum(dx x_hat) = gamma inv_std dgamma eps / (var + eps) in every channel.

    Stretching x about its mean changes y only through eps. A variance term that is lost, doubled, or has the wrong m or eps
    breaks it.
    """
    truth, answer = train_truth(case), bn.train_gradients(case)
    x_hat, true = truth.exact.x_hat, truth.value("dx")
    scale = np.abs(true * x_hat).sum(0)
    got = (columns(answer, "dx", case) * x_hat).sum(0)
    rest = case.gamma.astype(float) * truth.exact.inv_std**3 * truth.value("dgamma") * case.eps
    tolerance = (truth.bound("dx") * np.abs(x_hat)).sum(0) + (case.m + 8) * 2.0**-51 * (scale + np.abs(rest))
    judge(answer, "sum(dx x_hat)", got + scale, rest + scale, tolerance, case=case)


@law("grad_train", against="gradient, affine, edge")
@given(case=cases())
def test_a_gamma_of_zero_lets_no_gradient_of_x_through(bn: Subject, case: Case) -> None:
    """Required. Where gamma is 0, dx is 0 and dgamma is what it always is: only so can gamma leave 0 again."""
    gamma = case.gamma.copy()
    gamma[0] = 0
    silent = case.replace(gamma=gamma)
    assert_near(bn.train_gradients(silent), train_truth(silent), "dx", "dgamma", "dbeta")


@law("grad_train", against="gradient, affine, edge", share=0.5)
@given(case=cases())
def test_gradients_of_x_are_linear_in_gamma(bn: Subject, case: Case) -> None:
    """Required. dx of gamma a, plus dx of gamma b, is dx of gamma a + b: y is linear in gamma, and so is its slope.

    b is a or -a, by turns, so that a + b is exact, and 0 in the first channel.
    """
    a = case.gamma
    b = a * np.resize(np.array([-1, 1], a.dtype), a.shape)
    parts = [case.replace(gamma=gamma) for gamma in (a + b, a, b)]
    answers, truths = [bn.train_gradients(part) for part in parts], [train_truth(part) for part in parts]
    got, one, two = (columns(answer, "dx", case) for answer in answers)
    scale = np.abs(truths[1].value("dx"))
    tolerance = sum(truth.bound("dx") for truth in truths) + 2.0**-51 * scale
    judge(answers[0], "dx", got + scale, one + two + scale, tolerance, case=case, why="dx of gamma a + b against those of a and b")


@law("grad_train", against="gradient, overflow, underflow, clamped values", share=0.5)
@given(case=extreme_cases())
def test_gradients_of_tiny_and_huge_deviations_are_exact(bn: Subject, case: Case) -> None:
    """Required. From far below sqrt(eps) to near the end of the range: a deviation that is cut off shows in backward."""
    if bounds.may_overflow(case):
        raise Refused("an intermediate of a right formula may overflow here")
    assert_near(bn.train_gradients(case), train_truth(case), "dx", "dgamma", "dbeta")


@law("grad_infer", against="mode, gradient, affine", share=0.5)
@given(case=cases())
def test_inference_tells_dgamma_by_its_y(bn: Subject, case: Case) -> None:
    """Required. In inference gamma dgamma = sum(dy (y - beta)), with the y that the layer itself answered.

    y is linear in gamma, so its value tells its slope; an x_hat that backward makes with other statistics breaks it.
    """
    answer, truth = bn.infer_gradients(case), infer_truth(case)
    if component(answer, "dgamma") is None:
        raise Declined("dgamma is not offered")
    dy, beta = case.columns(case.upstream), case.beta.astype(float)
    parts = dy * (columns(answer, "y", case) - beta)
    scale = np.abs(dy * (truth.value("y") - beta)).sum(0)
    told = case.gamma.astype(float) * columns(answer, "dgamma", case)
    tolerance = (np.abs(dy) * truth.bound("y")).sum(0) + np.abs(case.gamma.astype(float)) * truth.bound("dgamma")
    tolerance += (case.m + 8) * 2.0**-51 * (scale + np.abs(dy * beta).sum(0))
    judge(answer, "gamma dgamma", told + scale, parts.sum(0) + scale, tolerance, case=case)


@law("grad_infer", against="mode, gradient, batch dependence", share=0.5)
@given(case=cases())
def test_inference_gradients_of_a_sample_are_its_own(bn: Subject, case: Case) -> None:
    """Required. In inference the first sample's dx stays where it is when the other samples' x and dy become others.

    Only training makes samples depend on each other; its gradient in the place of inference's breaks this.
    """
    axis = 1 if case.channel_axis % case.x.ndim == 0 else 0
    x, dy = case.x.copy(), case.upstream.copy()
    for values in (x, dy):
        np.moveaxis(values, axis, 0)[1:] += values.dtype.type(3)
    alone = case.replace(x=np.take(case.x, [0], axis), dy=np.take(case.upstream, [0], axis))
    asked = [(one, bn.infer_gradients(one)) for one in (case.replace(x=x, dy=dy), case)]
    first, other = (Answer(alone.x, gradients=Gradients(np.take(shaped(answer, "dx", one), [0], axis))) for one, answer in asked)
    assert_same(first, other, "dx", alone, 2 * infer_truth(alone).bound("dx"))


@law("grad_train", against="gradient, affine")
@given(case=cases())
def test_gradients_know_nothing_of_beta(bn: Subject, case: Case) -> None:
    """Recommended. beta is only added: another one gives the same bits of dx, dgamma and dbeta."""
    other = case.replace(beta=case.beta * case.beta.dtype.type(2) + case.beta.dtype.type(3))
    one, two = bn.train_gradients(other), bn.train_gradients(case)
    for name in ("dx", "dgamma", "dbeta"):
        assert_same(one, two, name, case)


@law("grad_train", against="gradient, eps", dtypes=PRECISE)
@given(case=cases(), k=st.integers(-6, 6))
def test_gradients_scale_as_x_does(bn: Subject, case: Case, k: int) -> None:
    """Required. Of BN(2**k x; 4**k eps), dx is 2**-k of what it was, and dgamma and dbeta are what they were (sec. 3.3)."""
    scaled = case.replace(x=case.x * case.x.dtype.type(2.0**k), eps=ldexp(case.eps, 2 * k))
    one, two = train_truth(scaled), train_truth(case)
    answer, other = bn.train_gradients(scaled), bn.train_gradients(case)
    for name, factor in (("dx", 2.0**-k), ("dgamma", 1.0), ("dbeta", 1.0)):
        assert_same(answer, other, name, case, one.bound(name) + factor * two.bound(name), factor=factor)
