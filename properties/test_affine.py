"""Affine: gamma and beta scale and shift, and do nothing else."""

import numpy as np
from hypothesis import given

from bnspec import confidence
from bnspec.case import Case, parameter_dtype
from bnspec.exact import train as exact_train
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, columns, judge, train_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases


@law("train", against="affine, eps, variance")
@given(case=cases())
def test_gamma_and_beta_undo_the_normalization(bn: Subject, case: Case) -> None:
    """Required. With gamma = sqrt(var + eps) and beta = mean, y = x.

    Ioffe & Szegedy 2015, sec. 3: "we make sure that the transformation inserted in the network can represent the identity
    transform". Both parameters are rounded to their dtype, and the bound knows it (reference/bounds.md).
    """
    plain = exact_train(case)
    kept = parameter_dtype(case.dtype)
    undoing = case.replace(gamma=(1 / plain.inv_std).astype(kept), beta=plain.mean.astype(kept))
    truth, answer = train_truth(undoing), bn.train(undoing)
    tolerance = confidence.undo_bound(truth.exact, truth.bound("y"), undoing)
    judge(answer, "y", columns(answer, "y", case), case.columns(case.x), tolerance, case=undoing)


@law("train", against="affine")
@given(case=cases())
def test_gamma_zero_gives_beta(bn: Subject, case: Case) -> None:
    """Required. With gamma = 0 every y is beta: 0 times anything finite is 0, and nothing else is added."""
    silent = case.replace(gamma=np.zeros_like(case.gamma))
    assert_near(bn.train(silent), train_truth(silent), "y")


@law("train", "running", against="affine, running update")
@given(case=cases())
def test_statistics_know_nothing_of_gamma_and_beta(bn: Subject, case: Case) -> None:
    """Required. The running statistics are those of x: other gamma and beta leave them where they were.

    Alg. 1 takes mean and var of x before gamma and beta are used. A layer that averages its output's statistics breaks it.
    """
    other = case.replace(gamma=case.beta + 3, beta=case.gamma)
    truth, answer = train_truth(case), bn.train(other)
    assert_same(answer, bn.train(case), "running_mean", case, 2 * truth.bound("running_mean"))
    assert_same(answer, bn.train(case), "running_var", case, 2 * truth.bound("running_var"))


@law("train", against="affine")
@given(case=cases())
def test_beta_is_added_last(bn: Subject, case: Case) -> None:
    """Required. y with beta is y without it, plus beta: whatever comes before, beta is only added (Alg. 1, "scale and shift")."""
    bare = case.replace(beta=np.zeros_like(case.beta))
    answer = bn.train(case)
    shifted = columns(bn.train(bare), "y", case) + case.beta.astype(float)
    tolerance = train_truth(case).bound("y") + train_truth(bare).bound("y") + 2.0**-52 * np.abs(shifted)
    judge(answer, "y", columns(answer, "y", case), shifted, tolerance, case=case)


@law("train", against="affine")
@given(case=cases())
def test_doubling_gamma_doubles_y(bn: Subject, case: Case) -> None:
    """Required. Without beta, twice the gamma gives twice the y: gamma only scales (Alg. 1, "scale and shift")."""
    bare = case.replace(beta=np.zeros_like(case.beta))
    doubled = bare.replace(gamma=bare.gamma * bare.gamma.dtype.type(2))
    tolerance = 2 * train_truth(bare).bound("y") + train_truth(doubled).bound("y")
    assert_same(bn.train(doubled), bn.train(bare), "y", case, tolerance, factor=2.0)
