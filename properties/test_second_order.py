"""Second order: the gradient as a function of the upstream gradient."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, columns, judge, train_truth
from bnspec.properties.laws import law
from bnspec.properties.refusals import unless_refused
from bnspec.properties.rounds import anew, backward
from bnspec.properties.strategies import cases


@law("grad_train", against="gradient", share=0.5, dtypes=("float32", "float64"))
@given(case=cases())
def test_the_jacobian_is_symmetric(bn: Subject, case: Case) -> None:
    """Required. <v, dx(w)> = <w, dx(v)> for any upstream gradients v and w.

    The derivative of y with respect to x is gamma / sqrt(var + eps) (I - 1/m - x_hat x_hat'/m), a symmetric matrix. A lost
    or doubled term with x in place of x_hat is not.
    """
    other = case.replace(dy=np.ascontiguousarray(case.x + case.x.dtype.type(1)))
    w, v = case.columns(case.upstream), case.columns(other.upstream)
    answer, reverse = bn.train_gradients(case), bn.train_gradients(other)
    one, two = train_truth(case), train_truth(other)
    left, right = (v * columns(answer, "dx", case)).sum(0), (w * columns(reverse, "dx", case)).sum(0)
    scale = (np.abs(v * one.value("dx")) + np.abs(w * two.value("dx"))).sum(0)
    rounding = (np.abs(v) * one.bound("dx") + np.abs(w) * two.bound("dx")).sum(0)
    judge(answer, "<v, dx(w)>", left + scale, right + scale, rounding + case.m * 2.0**-51 * scale, case=case)


@law("grad_train", against="rounding", dtypes=("float32", "float64"))
@given(case=cases())
def test_doubling_the_upstream_gradient_doubles_every_bit(bn: Subject, case: Case) -> None:
    """Recommended. dx, dgamma and dbeta of 2 dy are twice those of dy, to the last bit: a power of two moves exponents only."""
    doubled = case.replace(dy=case.upstream * case.upstream.dtype.type(2))
    answer, other = bn.train_gradients(doubled), bn.train_gradients(case)
    for name in ("dx", "dgamma", "dbeta"):
        assert_same(answer, other, name, case, factor=2.0)


@law("grad_train", against="gradient, thresholds", share=0.5, dtypes=("float32", "float64"))
@given(case=cases(), k=st.sampled_from((1, -20, 20, -10, 10, -5)))
def test_gradients_scale_as_the_upstream_gradient_does(bn: Subject, case: Case, k: int) -> None:
    """Required. dx, dgamma and dbeta of 2**k dy are 2**k times those of dy: nothing in backward is too small or too large to count.

    A loss that is scaled, as mixed precision does, or divided by the number of samples, scales every gradient and does no more.
    """
    scaled = case.replace(dy=case.upstream * case.upstream.dtype.type(2.0**k))
    one, two = train_truth(scaled), train_truth(case)
    answer, other = bn.train_gradients(scaled), bn.train_gradients(case)
    for name in ("dx", "dgamma", "dbeta"):
        assert_same(answer, other, name, case, one.bound(name) + 2.0**k * two.bound(name), factor=2.0**k)


@law("grad_train", against="gradient, thresholds", dtypes=("float32", "float64"))
@given(case=cases(), size=st.sampled_from((1.0, 2.0**-10)))
def test_gradients_are_linear_in_the_upstream_gradient(bn: Subject, case: Case, size: float) -> None:
    """Required. dx(v + w) = dx(v) + dx(w): backward multiplies dy by a matrix that does not know dy, be w as large as v or not."""
    smaller = size * np.resize(np.array([1.0, -0.5, 0.25, 0.5, -1.0]), case.x.shape).astype(case.x.dtype)
    both = case.upstream + case.upstream * smaller
    # No w is larger than its v, so that the rounded sum less v is exact (Dekker's fast two-sum), and w is what is left.
    parts = [case.replace(dy=dy) for dy in (both, case.upstream, both - case.upstream)]
    answers, truths = [bn.train_gradients(part) for part in parts], [train_truth(part) for part in parts]
    got, one, two = (columns(answer, "dx", case) for answer in answers)
    tolerance = sum(truth.bound("dx") for truth in truths) + 2.0**-52 * np.abs(truths[0].value("dx"))
    judge(answers[0], "dx", got, one + two, tolerance, case=case, why="dx(v + w) against dx(v) + dx(w)")


@law("grad_train", against="gradient, mean term")
@given(case=cases())
def test_a_constant_upstream_gradient_gives_none(bn: Subject, case: Case) -> None:
    """Required. With dy constant in each channel dx is 0: sum(y) is m beta whatever x is."""
    constant = case.replace(dy=np.full_like(case.x, 2.0))
    truth, answer = train_truth(constant), bn.train_gradients(constant)
    scale = 2 * np.abs(case.gamma.astype(float)) * truth.exact.inv_std * np.ones((case.m, 1))
    got = columns(answer, "dx", case) + scale
    judge(answer, "dx (dy constant)", got, scale, truth.bound("dx") + 2.0**-51 * scale, case=case)


@law("grad_train", against="gradient, variance term")
@given(case=cases())
def test_an_upstream_gradient_along_x_leaves_only_eps(bn: Subject, case: Case) -> None:
    """Required. With dy = x, dx = gamma inv_std (x - mean) eps / (var + eps): what is left when x is stretched."""
    along = case.replace(dy=case.x.copy())
    assert_near(bn.train_gradients(along), train_truth(along), "dx", "dgamma", "dbeta")


@law("grad_train", against="cached activations, in-place arithmetic, accumulation", share=0.5)
@given(case=cases())
def test_a_second_backward_is_right_or_refused(bn: Subject, case: Case) -> None:
    """Recommended. backward twice after one forward, for two upstream gradients, gives the second's gradients, or an error.

    backward reads what forward kept; one that works on it in place answers right once. Freed, as torch frees it, is loud and fine.
    """
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    layer.backward(case.upstream + case.x)
    answer = unless_refused(bn, case, lambda: backward(layer, case), "a second backward")
    assert_near(answer, train_truth(case), *anew())


@law("grad_train", against="cached activations, in-place arithmetic, accumulation", share=0.3)
@given(case=cases())
def test_asking_again_for_the_same_gradients_gives_them(bn: Subject, case: Case) -> None:
    """Recommended. backward twice after one forward, for the same upstream gradient, gives the same dx to the bit, or an error."""
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    first = backward(layer, case)
    again = unless_refused(bn, case, lambda: backward(layer, case), "a second backward")
    assert_same(again, first, "dx", case, why="the same gradients were asked for a second time")
