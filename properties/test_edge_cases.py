"""Edge cases: constant channels, one value a channel, values that are no numbers."""

import numpy as np
from hypothesis import given

from bnspec.case import Case, from_columns
from bnspec.plugs.link import Fault
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import current
from bnspec.properties.strategies import cases


@law("train", against="edge, eps")
@given(case=cases(kappas=(0.0, 1.0)))
def test_a_constant_channel_gives_beta(bn: Subject, case: Case) -> None:
    """Required. Where a channel does not vary, x - mean is 0 and y is beta: finite, thanks to eps.

    What rounding of the mean leaves is divided by sqrt(eps), and the bound knows it.
    """
    columns = np.repeat(case.columns(case.x)[:1], case.m, axis=0).astype(case.x.dtype)
    constant = case.replace(x=from_columns(columns, case.x.shape, case.channel_axis))
    assert_near(bn.train(constant), train_truth(constant), "y")


@law("train", against="edge")
@given(case=cases())
def test_a_nan_stays_in_its_channel(bn: Subject, case: Case) -> None:
    """Required. A NaN in the first channel makes that channel NaN and leaves the others where they were (sec. 3.2)."""
    x = case.x.copy()
    first = np.moveaxis(x, case.channel_axis, 0)
    first[0, ..., :1] = np.nan
    answer, other = bn.train(case.replace(x=x)), bn.train(case)
    tolerance = 2 * train_truth(case).bound("y")
    tolerance[:, 0] = np.inf
    assert_same(answer, other, "y", case, tolerance)
    if answer.y.shape == case.x.shape and not np.all(np.isnan(case.columns(answer.y)[:, 0])):
        reject("y", answer, "the first channel has a NaN in x, so its mean and every y of it must be NaN; some y are numbers")


@law("train", against="edge, Bessel")
@given(case=cases())
def test_one_value_a_channel_is_beta_or_an_error(bn: Subject, case: Case) -> None:
    """Recommended. Training on one value a channel gives y = beta, or an error: never NaN, never another number."""
    single = case.replace(x=from_columns(case.columns(case.x)[:1].astype(case.x.dtype), _single(case), case.channel_axis), dy=None)
    seen()
    if current().convention.single_value == "error":
        _expect_refusal(bn, single)
    else:
        assert_near(bn.train(single), train_truth(single), "y")


def _single(case: Case) -> tuple[int, ...]:
    """x's shape with every axis but the channel's 1."""
    return tuple(case.channels if axis == case.channel_axis % case.x.ndim else 1 for axis in range(case.x.ndim))


def _expect_refusal(bn: Subject, single: Case) -> None:
    try:
        answer = bn.train(single)
    except Fault as fault:
        if fault.status in ("error", "unsupported"):
            return
        raise
    reject("y", answer, "training on one value a channel was refused before, and now it answers")
