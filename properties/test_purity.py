"""Purity: a call touches nothing but its own state."""

from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import LAYOUTS, Case
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import assert_near, assert_same, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.refusals import unless_refused
from bnspec.properties.rounds import anew, backward, later
from bnspec.properties.strategies import cases
from bnspec.properties.streams import Ledger, shown

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
    """Required. Neither x nor the y of an earlier inference changes in the next, nor dy in the backward of an inference."""
    layer = bn.layer(case)
    for x in (case.x, case.x + 1):
        layer.forward(x, training=False)
        leave_alone(bn)
    if "grad_infer" in bn.scope:
        layer.backward(case.upstream)
        leave_alone(bn)


@law("train", against="aliasing, in-place arithmetic, layout", share=0.5)
@given(case=cases(), layout=st.sampled_from(LAYOUTS[1:]))
def test_arrays_of_any_layout_are_left_alone(bn: Subject, case: Case, layout: str) -> None:
    """Required. x and dy hold after a call what they held before it, however they lie in memory.

    A transposed copy hides arithmetic in place for one layout and not for the next.
    """
    ask = bn.train_gradients if "grad_train" in bn.scope else bn.train
    unless_refused(bn, case, lambda: ask(case.replace(layout=layout)), f"{layout} in memory")
    leave_alone(bn)


@law("train", "running", against="global state, aliasing", share=0.2)
@given(case=cases())
def test_layers_in_turns_keep_their_own_statistics(bn: Subject, case: Case) -> None:
    """Required. Of two layers that are trained by turns each ends where its own batches lead, as if it were alone."""
    pairs = [(bn.layer(case), Ledger(case.replace(dy=None))) for _ in range(2)]
    for number in range(4):
        layer, ledger = pairs[number % 2]
        x = later(case, number).x
        layer.forward(x, training=True)
        ledger.train(x)
    for layer, ledger in pairs:
        ledger.check(shown(layer, case.x))


@law("grad_train", against="global state, cached activations, accumulation", share=0.2)
@given(case=cases())
def test_layers_in_turns_keep_their_own_gradients(bn: Subject, case: Case) -> None:
    """Required. Two layers go forward, then both backward, and once more on other batches: each backward is its own layer's latest.

    What one layer keeps for backward is not another's, and not from the round before.
    """
    layers = [bn.layer(case) for _ in range(2)]
    for numbers in ((0, 1), (2, 3)):
        batches = [later(case, number) for number in numbers]
        for layer, batch in zip(layers, batches, strict=True):
            layer.forward(batch.x, training=True)
        answers = [backward(layer, batch) for layer, batch in zip(layers, batches, strict=True)]
    for answer, batch in zip(answers, batches, strict=True):
        assert_near(answer, train_truth(batch), *anew())


@law("train", against="nondeterminism, hidden state")
@given(case=cases())
def test_the_same_question_gets_the_same_bits(bn: Subject, case: Case) -> None:
    """Recommended. Two fresh layers with the same setup answer the same x with the same bits."""
    one, two = bn.train(case), bn.train(case)
    for name in ("y", "running_mean", "running_var"):
        assert_same(one, two, name, case)
