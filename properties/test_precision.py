"""Precision: data on which a formula that is right on paper loses its digits."""

from hypothesis import given

from bnspec import bounds
from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, infer_truth, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import Refused
from bnspec.properties.strategies import cancelling_cases, cases, extreme_cases


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


@law("train", against="overflow, underflow, clamped variance", share=0.5)
@given(case=extreme_cases())
def test_tiny_and_huge_deviations_are_normalized_alike(bn: Subject, case: Case) -> None:
    """Required. From far below sqrt(eps) to near the end of the range: an absolute cut-off, a clamp or a clip shows here."""
    if bounds.may_overflow(case):
        raise Refused("an intermediate of a right formula may overflow here")
    assert_near(bn.train(case), train_truth(case), "y", "running_mean", "running_var")


@law("train", against="accuracy")
@given(case=cases())
def test_training_output_is_accurate(bn: Subject, case: Case) -> None:
    """Recommended. y within class A: two passes, sums in any usual order, one rounding of the result (reference/bounds.md, B4)."""
    assert_near(bn.train(case), train_truth(case, grade="A"), "y")


@law("train", "running", against="half statistics", dtypes=("float16", "bfloat16"))
@given(case=cases())
def test_statistics_of_half_inputs_are_kept_in_float32(bn: Subject, case: Case) -> None:
    """Recommended. Running statistics of float16 and bfloat16 inputs within class B: accumulated and kept in float32."""
    assert_near(bn.train(case), train_truth(case, grade="B"), "running_mean", "running_var")


@law("infer", against="folded affine", dtypes=("float32", "float64"))
@given(case=cases(kappas=(30.0, 300.0, 1.0)))
def test_inference_output_is_accurate(bn: Subject, case: Case) -> None:
    """Recommended. y within class A far from zero: x - running_mean first, which is nearly exact, then the scale.

    Folded into y = a x + b, as fast kernels do, inference loses a digit for each digit of |mean| / std: it is stable, and the
    running mean costs accuracy all the same (reference/bounds.md, B4).
    """
    near = case.replace(running_mean=train_truth(case).exact.mean.astype(case.running_mean.dtype))
    assert_near(bn.infer(near), infer_truth(near, grade="A"), "y")
