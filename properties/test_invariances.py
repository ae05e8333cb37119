"""Invariances: what may be done to the input without touching the answer, or moving it in a known way."""

from math import frexp, ldexp

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import Array, Case, from_columns
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.equal_axes import equal_axes_cases
from bnspec.properties.judge import assert_same, shaped, train_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases

POWERS = st.integers(-6, 6)

FAR_POWERS = st.sampled_from((1, -1, 30, -30, 6, -6, 15, -15))
"""Squares stay in range even in float32: what is cut off at some fixed size shows at one end or the other."""


def rescaled(case: Case, k: int) -> Case:
    """The case with x times 2**k and eps times 4**k."""
    factor = case.x.dtype.type(ldexp(1.0, k))
    return case.replace(x=case.x * factor, eps=ldexp(case.eps, 2 * k))


def on_a_grid(case: Case, k: int) -> tuple[Case, Case]:
    """x rounded so that x + t is exact, and x + t, where t is 2**k times the largest power of two in x."""
    largest = np.abs(case.x.astype(float)).max(initial=0.0) or 1.0
    t = ldexp(1.0, frexp(largest)[1] + k)
    far = (case.x + case.x.dtype.type(t)).astype(case.x.dtype)
    near = (far - case.x.dtype.type(t)).astype(case.x.dtype)
    return case.replace(x=near, dy=None), case.replace(x=far, dy=None)


def permuted(values: Array, case: Case) -> Array:
    """The batch in reverse order."""
    axis = 1 if case.channel_axis % values.ndim == 0 else 0
    return np.ascontiguousarray(np.flip(values, axis))


@law("train", against="eps, formula", dtypes=("float32", "float64"))
@given(case=cases(), k=FAR_POWERS)
def test_scaling_by_a_power_of_two_changes_nothing(bn: Subject, case: Case, k: int) -> None:
    """Required. BN(2**k x; 4**k eps) = BN(x; eps), for k of -30 to 30.

    Sec. 3.3's scale invariance with eps made honest. eps outside the root, a fixed eps and an absolute cut-off all break it.
    """
    scaled = rescaled(case, k)
    tolerance = train_truth(scaled).bound("y") + train_truth(case).bound("y")
    assert_same(bn.train(scaled), bn.train(case), "y", case, tolerance)


@law("train", against="rounding", dtypes=("float32", "float64"))
@given(case=cases(), k=POWERS)
def test_scaling_by_a_power_of_two_changes_no_bit(bn: Subject, case: Case, k: int) -> None:
    """Recommended. BN(2**k x; 4**k eps) = BN(x; eps), to the last bit.

    A power of two moves only exponents, so every rounding on the way to y moves with it, where root and division are correctly
    rounded; (var + eps)**-0.5 misses it now and then.
    """
    assert_same(bn.train(rescaled(case, k)), bn.train(case), "y", case)


@law("train", against="affine, formula")
@given(case=cases())
def test_turning_the_signs_of_x_and_gamma_changes_nothing(bn: Subject, case: Case) -> None:
    """Required. BN(-x; -gamma) = BN(x; gamma): the variance does not know the sign, x_hat and gamma both turn."""
    turned = case.replace(x=-case.x, gamma=-case.gamma)
    assert_same(bn.train(turned), bn.train(case), "y", case, 2 * train_truth(case).bound("y"))


@law("train", against="axis, batch order")
@given(case=cases() | equal_axes_cases())
def test_the_order_of_the_batch_does_not_matter(bn: Subject, case: Case) -> None:
    """Required. Permuting the samples permutes y: mean and var are sums, and sums have no order but for rounding."""
    turned = case.replace(x=permuted(case.x, case))
    answer, other = bn.train(turned), bn.train(case)
    want = permuted(shaped(other, "y", case), case)
    tolerance = train_truth(turned).bound("y") + case.columns(permuted(_in_shape(train_truth(case).bound("y"), case), case))
    assert_same(answer, type(other)(want), "y", turned, tolerance)


@law("train", against="axis, channel mixing")
@given(case=cases())
def test_a_channel_does_not_see_the_others(bn: Subject, case: Case) -> None:
    """Required. Other values in the first channel leave the others' y where they were (sec. 3: each by itself)."""
    x = case.x.copy()
    first = np.moveaxis(x, case.channel_axis, 0)
    first[0] = first[0] * 2 + 3
    answer, other = bn.train(case.replace(x=x)), bn.train(case)
    tolerance = 2 * train_truth(case).bound("y")
    tolerance[:, 0] = np.inf
    assert_same(answer, other, "y", case, tolerance)


def _in_shape(columns: Array, case: Case) -> Array:
    return from_columns(np.ascontiguousarray(columns), case.x.shape, case.channel_axis)


@law("train", against="cancellation, formula")
@given(case=cases(kappas=(0.0,)), k=st.integers(0, 5))
def test_shifting_x_changes_nothing(bn: Subject, case: Case, k: int) -> None:
    """Required. BN(x + t) = BN(x), with a t for which x + t is exact: the mean goes along, and what is subtracted is the same.

    Both sides have their own bound: the further from zero, the more digits the mean itself costs.
    """
    near, far = on_a_grid(case, k)
    tolerance = train_truth(near).bound("y") + train_truth(far).bound("y")
    assert_same(bn.train(far), bn.train(near), "y", case, tolerance)


@law("train", "running", against="channel mixing, parameter order")
@given(case=cases())
def test_permuting_the_channels_permutes_everything(bn: Subject, case: Case) -> None:
    """Required. Channels in reverse order, with their parameters and state, give y and running statistics in reverse order."""
    turned = case.replace(
        x=np.ascontiguousarray(np.flip(case.x, case.channel_axis)),
        **{name: getattr(case, name)[::-1].copy() for name in ("gamma", "beta", "running_mean", "running_var")},
    )
    answer, other = bn.train(turned), bn.train(case)
    mean, var = (None if part is None else part[::-1] for part in (other.running_mean, other.running_var))
    want = Answer(np.flip(shaped(other, "y", case), case.channel_axis), mean, var)
    one, two = train_truth(turned), train_truth(case)
    for name in ("y", "running_mean", "running_var"):
        assert_same(answer, want, name, turned, one.bound(name) + two.bound(name)[..., ::-1])
