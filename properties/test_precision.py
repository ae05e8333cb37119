"""Precision: data on which a formula that is right on paper loses its digits."""

from hypothesis import given

from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.strategies import cancelling_cases, cases


@law("train", against="cancellation, one-pass variance")
@given(case=cancelling_cases())
def test_values_far_from_zero_keep_their_digits(bn: Subject, case: Case) -> None:
    """Required. With |mean| a thousand times the deviation, y and the running variance stay within the bound of a stable variance.

    E[x**2] - E[x]**2 subtracts two numbers that agree in all the digits there are. Two passes, Welford and Chan keep them
    (class B of reference/bounds.md).
    """
    answer = bn.train(case)
    assert_near(answer, train_truth(case), "running_var", "running_mean", "y")


@law("train", against="dtype")
@given(case=cases())
def test_y_has_the_dtype_of_x(bn: Subject, case: Case) -> None:
    """Recommended. y comes back in the dtype of x."""
    answer = bn.train(case)
    seen()
    if answer.y.dtype != case.x.dtype:
        reject("dtype", answer, f"y is {answer.y.dtype}, x is {case.x.dtype}")
