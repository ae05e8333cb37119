"""Vectors: the fixed cases, the same in every run and for everybody, each made to expose a mistake that has a name."""

from hypothesis import given
from hypothesis import strategies as st

from bnspec.plugs.subject import Subject
from bnspec.properties.grading import judge_golden
from bnspec.properties.laws import law


@law("train", against="formula, eps, variance, axis, affine, cancellation", parts=1)
@given(st.none())
def test_golden_training_cases_are_answered_exactly(bn: Subject, nothing: None) -> None:
    """Required. Every y of the fixed training cases is the exact one, within bound B4 of reference/bounds.md.

    They are named, and flagged with the mistakes that they expose: `bnspec vectors` lists them. Every profile asks all of them.
    """
    judge_golden(bn, "train")


@law("train", "running", against="momentum, Bessel, running update, mode", parts=1)
@given(st.none())
def test_golden_running_statistics_are_answered_exactly(bn: Subject, nothing: None) -> None:
    """Required. The running statistics after each call of the fixed cases are the exact ones, in the convention of the layer."""
    judge_golden(bn, "running")


@law("infer", against="mode, eps, formula, parameter order", parts=1)
@given(st.none())
def test_golden_inference_cases_are_answered_exactly(bn: Subject, nothing: None) -> None:
    """Required. Every y of the fixed inference cases is the exact one, also after training calls on the same layer."""
    judge_golden(bn, "infer")


@law("grad_train", against="gradient, eps, variance, affine, lifecycle", parts=1)
@given(st.none())
def test_golden_training_gradients_are_answered_exactly(bn: Subject, nothing: None) -> None:
    """Required. dx, dgamma and dbeta of the fixed training cases are the exact ones, in one round and in several."""
    judge_golden(bn, "grad_train")


@law("grad_infer", against="mode, gradient", parts=1)
@given(st.none())
def test_golden_inference_gradients_are_answered_exactly(bn: Subject, nothing: None) -> None:
    """Required. dx, dgamma and dbeta of the fixed inference cases are the exact ones."""
    judge_golden(bn, "grad_infer")
