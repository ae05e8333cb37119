"""Forward: the output of training, value by value and as a whole."""

import numpy as np
from hypothesis import given

from bnspec import confidence
from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, columns, judge, train_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases


@law("train", against="formula, eps, variance, axis, affine", groups=True)
@given(case=cases())
def test_training_output_is_exact(bn: Subject, case: Case) -> None:
    """Required. y = gamma (x - mean) / sqrt(var + eps) + beta, with the batch's own mean and biased variance.

    Ioffe & Szegedy 2015, Alg. 1. Every value of y is compared with exact arithmetic, within bound B4 of reference/bounds.md.
    """
    assert_near(bn.train(case), train_truth(case), "y")


@law("train", against="formula, eps, variance, axis")
@given(case=cases())
def test_zero_mean_and_unit_variance_after_normalization(bn: Subject, case: Case) -> None:
    """Required. In every channel mean(y) = beta and var(y) = gamma**2 var / (var + eps).

    Ioffe & Szegedy 2015, sec. 3: mean 0 and variance 1, but for eps, which makes the variance var / (var + eps), a number
    that is checked from both sides. A loose "about 1" would pass a layer without eps and reject a right one at small var.
    """
    truth, answer = train_truth(case), bn.train(case)
    y = columns(answer, "y", case)
    mean_bound, var_bound = confidence.moment_bounds(truth.exact, truth.bound("y"), case)
    judge(answer, "mean(y)", y.mean(0), case.beta.astype(float), mean_bound, case=case)
    variance = np.square(case.gamma.astype(float) * truth.exact.inv_std) * truth.exact.var
    judge(answer, "var(y)", y.var(0), variance, var_bound, case=case)


@law("train", against="variance, cancellation, axis")
@given(case=cases())
def test_no_value_lies_beyond_the_root_of_m_minus_one(bn: Subject, case: Case) -> None:
    """Required. |y - beta| <= |gamma| sqrt(m - 1): no value of m can be further than sqrt(m - 1) deviations from their mean.

    Samuelson's inequality (1968). It holds whatever eps is, and a variance lost to cancellation breaks it.
    """
    truth, answer = train_truth(case), bn.train(case)
    y, beta, gamma = columns(answer, "y", case), case.beta.astype(float), np.abs(case.gamma.astype(float))
    furthest = np.sqrt(max(case.m - 1, 0)) * gamma
    clipped = np.clip(y, beta - furthest, beta + furthest)
    judge(answer, "y", y, clipped, truth.bound("y") + 2.0**-52 * (furthest + np.abs(beta)), case=case)
