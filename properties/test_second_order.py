"""Second order: the gradient as a function of the upstream gradient."""

import numpy as np
from hypothesis import given

from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_same, judge, train_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases


@law("grad_train", against="gradient", share=0.5, dtypes=("float32", "float64"))
@given(case=cases())
def test_the_jacobian_is_symmetric(bn: Subject, case: Case) -> None:
    """Required. <v, dx(w)> = <w, dx(v)> for any upstream gradients v and w.

    The derivative of y with respect to x is gamma / sqrt(var + eps) (I - 1/m - x_hat x_hat'/m), a symmetric matrix. A lost
    or doubled term with x in place of x_hat is not.
    """
    other = case.replace(dy=np.ascontiguousarray(case.x + case.x.dtype.type(1)))
    w, v = case.columns(case.dy), case.columns(other.dy)
    answer, reverse = bn.train_gradients(case), bn.train_gradients(other)
    one, two = train_truth(case), train_truth(other)
    left, right = (v * case.columns(answer.gradients.dx)).sum(0), (w * case.columns(reverse.gradients.dx)).sum(0)
    scale = (np.abs(v * one.value("dx")) + np.abs(w * two.value("dx"))).sum(0)
    rounding = (np.abs(v) * one.bound("dx") + np.abs(w) * two.bound("dx")).sum(0)
    judge(answer, "<v, dx(w)>", left + scale, right + scale, rounding + case.m * 2.0**-51 * scale, case=case)


@law("grad_train", against="rounding", dtypes=("float32", "float64"))
@given(case=cases())
def test_doubling_the_upstream_gradient_doubles_every_bit(bn: Subject, case: Case) -> None:
    """Recommended. dx, dgamma and dbeta of 2 dy are twice those of dy, to the last bit: a power of two moves exponents only."""
    doubled = case.replace(dy=case.dy * case.dy.dtype.type(2))
    answer, other = bn.train_gradients(doubled), bn.train_gradients(case)
    for name in ("dx", "dgamma", "dbeta"):
        assert_same(answer, other, name, case, factor=2.0)
