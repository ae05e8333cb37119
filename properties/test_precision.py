"""Precision: data on which a formula that is right on paper loses its digits, and dtypes in which it does."""

from hypothesis import given

from bnspec import bounds
from bnspec.case import HALF_DTYPES, Case
from bnspec.plugs.subject import Subject
from bnspec.properties.dtypes import assert_dtypes, half_throughout, near_the_batch
from bnspec.properties.judge import assert_near, infer_truth, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import Refused
from bnspec.properties.strategies import cancelling_cases, cases, extreme_cases
from bnspec.properties.streams import follow
from bnspec.properties.whole_numbers import ask_whole_numbers, assert_as_floats, floats_of, whole_number_cases

PLAIN_DTYPES = ("float32", "float64")
"""Where whole numbers are asked: with parameters of these."""


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
    assert_dtypes(bn.train(case), case, "y")


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


@law("train", "running", against="half statistics", dtypes=HALF_DTYPES)
@given(case=cases())
def test_statistics_of_half_inputs_are_kept_in_float32(bn: Subject, case: Case) -> None:
    """Recommended. Running statistics of float16 and bfloat16 inputs within class B: accumulated and kept in float32."""
    assert_near(bn.train(case), train_truth(case, grade="B"), "running_mean", "running_var")


@law("infer", against="folded affine", dtypes=PLAIN_DTYPES)
@given(case=cases(kappas=(30.0, 300.0, 1.0)))
def test_inference_output_is_accurate(bn: Subject, case: Case) -> None:
    """Recommended. y within class A far from zero: x - running_mean first, which is nearly exact, then the scale.

    Folded into y = a x + b, as fast kernels do, inference loses a digit for each digit of |mean| / std: it is stable, and the
    running mean costs accuracy all the same (reference/bounds.md, B4).
    """
    near = case.replace(running_mean=train_truth(case).exact.mean.astype(case.running_mean.dtype))
    assert_near(bn.infer(near), infer_truth(near, grade="A"), "y")


@law("infer", against="dtype", share=0.5)
@given(case=cases())
def test_y_of_inference_has_the_dtype_of_x(bn: Subject, case: Case) -> None:
    """Recommended. y of inference comes back in the dtype of x, as that of training."""
    assert_dtypes(bn.infer(case), case, "y")


@law("grad_train", against="dtype", share=0.5)
@given(case=cases())
def test_gradients_have_the_dtypes_of_what_they_belong_to(bn: Subject, case: Case) -> None:
    """Recommended. dx comes back in the dtype of x, dgamma and dbeta in that of gamma and beta: so an optimizer can add them."""
    assert_dtypes(bn.train_gradients(case), case, "dx", "dgamma", "dbeta")


@law("train", "running", against="half statistics, stagnation", share=0.1, dtypes=HALF_DTYPES)
@given(case=cases(kappas=(3.0, -3.0, 1.0), max_values=16))
def test_many_small_steps_add_up(bn: Subject, case: Case) -> None:
    """Recommended. Running statistics that are near those of the batch come nearer in each of 25 steps with a weight of 1/100.

    Such a step is less than half the distance between two float16 or bfloat16 numbers: statistics that are kept in half, or
    pass through it, stay where they are for ever.
    """
    steady = near_the_batch(case, weight=0.01)
    follow(bn, steady, [steady.x] * 25, grade="B")


@law("train", against="half parameters", share=0.5, dtypes=HALF_DTYPES)
@given(case=cases())
def test_a_half_layer_normalizes_its_batches(bn: Subject, case: Case) -> None:
    """Required. With parameters and running statistics in x's half dtype too, training stays within class H, as with float32 ones.

    Such are the layers that torch's .half() and .bfloat16() make. What is given is rounded to half before, and is then exact;
    statistics may be rounded to half once more, sums may not be formed in it (reference/bounds.md, H).
    """
    half = half_throughout(case)
    assert_near(bn.train(half), train_truth(half), "y", "running_mean", "running_var")


@law("infer", against="half parameters", share=0.5, dtypes=HALF_DTYPES)
@given(case=cases())
def test_a_half_layer_normalizes_by_its_running_statistics(bn: Subject, case: Case) -> None:
    """Required. With parameters and running statistics in x's half dtype too, inference stays within class H."""
    half = half_throughout(case)
    assert_near(bn.infer(half), infer_truth(half), "y")


@law("grad_train", against="half parameters", share=0.5, dtypes=HALF_DTYPES)
@given(case=cases())
def test_a_half_layer_is_differentiated(bn: Subject, case: Case) -> None:
    """Required. With parameters and running statistics in x's half dtype too, gradients stay within class H, in both modes."""
    half = half_throughout(case)
    assert_near(bn.train_gradients(half), train_truth(half), "dx", "dgamma", "dbeta")
    if "grad_infer" in bn.scope:
        assert_near(bn.infer_gradients(half), infer_truth(half), "dx", "dgamma", "dbeta")


@law("train", against="whole numbers", share=0.5, dtypes=PLAIN_DTYPES)
@given(case=whole_number_cases())
def test_whole_numbers_are_normalized_as_the_floats_they_are(bn: Subject, case: Case) -> None:
    """Recommended. An x of int32, int64 or uint8 is answered as the same numbers in float are, or refused with an error.

    A result made like x (np.empty_like(x), astype(x.dtype)) has its fractions cut off, and differences and squares of whole
    numbers wrap around: all of it in silence. Which float dtype comes back is the implementation's choice, and the bound is of it.
    """
    answer = ask_whole_numbers(bn, case, bn.train)
    assert_as_floats(answer, train_truth(floats_of(case, answer.y)), case.dtype, "y", "running_mean", "running_var")


@law("infer", against="whole numbers", share=0.5, dtypes=PLAIN_DTYPES)
@given(case=whole_number_cases())
def test_inference_takes_whole_numbers_as_the_floats_they_are(bn: Subject, case: Case) -> None:
    """Recommended. In inference too, whole numbers are answered as floats are, or refused with an error."""
    answer = ask_whole_numbers(bn, case, bn.infer)
    assert_as_floats(answer, infer_truth(floats_of(case, answer.y)), case.dtype, "y")


@law("grad_train", against="whole numbers", share=0.5, dtypes=PLAIN_DTYPES)
@given(case=whole_number_cases())
def test_gradients_at_whole_numbers_are_floats(bn: Subject, case: Case) -> None:
    """Recommended. Where x is of whole numbers and is not refused, gradients are those at the same numbers in float."""
    answer = ask_whole_numbers(bn, case, bn.train_gradients)
    assert answer.gradients is not None
    truth = train_truth(floats_of(case, answer.y, answer.gradients.dx))
    assert_as_floats(answer, truth, case.dtype, "dx", "dgamma", "dbeta")
