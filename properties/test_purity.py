"""Purity: a call touches nothing but its own state."""

from hypothesis import given

from bnspec.case import Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_same, reject, seen
from bnspec.properties.laws import law
from bnspec.properties.strategies import cases

CHANGED = {"x-changed": "x", "dy-changed": "dy", "y-changed-later": "y, which was returned before,"}
"""What the judged end may notice, in words."""


def leave_alone(bn: Subject) -> None:
    """Reject the latest call where an array of the caller was changed in it."""
    seen()
    for word, what in CHANGED.items():
        if word in bn.noticed:
            reject("purity", None, f"{what} was changed by a call; it belongs to the caller")


@law("train", against="aliasing, in-place arithmetic", share=0.5)
@given(case=cases())
def test_inputs_and_earlier_outputs_are_never_changed(bn: Subject, case: Case) -> None:
    """Required. Neither x nor dy nor an array that was returned before changes in a call: a caller may still be using it."""
    layer = bn.layer(case)
    for x in (case.x, case.x + 1):
        layer.forward(x, training=True)
        leave_alone(bn)
    if "grad_train" in bn.scope:
        layer.backward(case.upstream)
        leave_alone(bn)


@law("infer", against="aliasing, in-place arithmetic", share=0.5)
@given(case=cases())
def test_inference_changes_no_array(bn: Subject, case: Case) -> None:
    """Required. Neither x nor the y of an earlier inference changes in the next."""
    layer = bn.layer(case)
    for x in (case.x, case.x + 1):
        layer.forward(x, training=False)
        leave_alone(bn)


@law("train", against="nondeterminism, hidden state")
@given(case=cases())
def test_the_same_question_gets_the_same_bits(bn: Subject, case: Case) -> None:
    """Recommended. Two fresh layers with the same setup answer the same x with the same bits."""
    one, two = bn.train(case), bn.train(case)
    for name in ("y", "running_mean", "running_var"):
        assert_same(one, two, name, case)
