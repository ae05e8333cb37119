"""Small scopes: not a sample but all there is, as far as it is small. Every value of a half dtype, every batch of small numbers."""

from hypothesis import given
from hypothesis import strategies as st

from bnspec.plugs.subject import Subject
from bnspec.properties.deep.enumerations import go_through, half_values, small_batches, small_gradients, the_value_alone
from bnspec.properties.judge import assert_near, infer_truth, train_truth
from bnspec.properties.laws import law


@law("infer", against="formula, eps, clamped values, dtype", parts=4)
@given(st.none())
def test_every_half_value_is_inferred_exactly(bn: Subject, nothing: None) -> None:
    """Required. y of inference is exact for each of the 63,488 finite values of float16, in four settings of parameters and state.

    Wider dtypes are asked the same values, which they hold exactly; bfloat16 is asked its own 65,280. A table, a polynomial, a
    clamp or a conversion that is wrong for a few inputs is wrong here, and there are no others.
    """
    for case in go_through(bn, half_values()):
        with the_value_alone(bn, case):
            assert_near(bn.infer(case), infer_truth(case), "y")


@law("train", against="formula, eps, variance, running update", parts=4)
@given(st.none())
def test_all_batches_of_two_and_three_small_numbers_are_exact(bn: Subject, nothing: None) -> None:
    """Required. y and the running statistics are exact for all 810 batches of two or three whole numbers from -4 to 4.

    Each with three eps. Equal values, signs, order, a zero in any place: what can be special about small numbers is all here.
    """
    for case in go_through(bn, small_batches()):
        assert_near(bn.train(case), train_truth(case), "y", "running_mean", "running_var")


@law("grad_train", against="gradient, eps, variance", parts=8)
@given(st.none())
def test_all_gradients_of_two_and_three_small_numbers_are_exact(bn: Subject, nothing: None) -> None:
    """Required. dx, dgamma and dbeta are exact for all batches of two or three whole numbers from -2 to 2 and all dy from -1 to 1.

    3,600 pairs, each with two eps.
    """
    for case in go_through(bn, small_gradients()):
        assert_near(bn.train_gradients(case), train_truth(case), "dx", "dgamma", "dbeta")
