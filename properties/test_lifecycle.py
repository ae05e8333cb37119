"""Lifecycle: what a layer remembers between calls, and what it must not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import Array, Case
from bnspec.plugs.faults import Fault
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import assert_near, assert_same, infer_truth, reject, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.stage import current
from bnspec.properties.strategies import cases
from bnspec.properties.streams import Ledger, shown

GRADIENTS = ("dx", "dgamma", "dbeta")
"""What a backward gives."""


@law("train", "infer", "running", against="mode, lifecycle, running update", share=0.5, dtypes=("float32", "float64"))
@given(case=cases())
def test_an_inference_between_changes_nothing(bn: Subject, case: Case) -> None:
    """Required. Train, infer, train ends in the state of train, train: an inference only reads."""
    states = []
    for between in (True, False):
        layer = bn.layer(case)
        layer.forward(case.x, training=True)
        if between:
            layer.forward(case.x + 1, training=False)
        y = layer.forward(case.x, training=True)
        states.append(Answer(y, *layer.running(), None, dict.fromkeys(("running_mean", "running_var"), layer.latest)))
    tolerance = train_truth(case)
    for name in ("running_mean", "running_var"):
        assert_same(states[0], states[1], name, case, 4 * tolerance.bound(name))


@law("train", "infer", "running", against="mode, eps, running update", share=0.5)
@given(case=cases())
def test_inference_uses_what_training_left(bn: Subject, case: Case) -> None:
    """Required. After a training step inference normalizes with the running statistics that the layer then shows."""
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    after = with_state(case, *layer.running())
    y = layer.forward(case.x, training=False)
    assert_near(Answer(y, steps={"y": layer.latest}), infer_truth(after), "y")


@law("train", "running", against="aliasing, global state", share=0.5)
@given(case=cases())
def test_two_layers_share_nothing(bn: Subject, case: Case) -> None:
    """Required. Training one layer leaves the running statistics of another where they were, to the last bit."""
    one, two = bn.layer(case), bn.layer(case)
    before = Answer(case.x, case.running_mean, case.running_var)
    one.forward(case.x, training=True)
    state = two.running()
    after = Answer(case.x, *state, None, dict.fromkeys(("running_mean", "running_var"), two.latest))
    for name in ("running_mean", "running_var"):
        assert_same(after, before, name, case, why="another layer was trained in between")


@law("grad_train", against="lifecycle, cached activations", share=0.5)
@given(case=cases())
def test_backward_belongs_to_the_latest_forward(bn: Subject, case: Case) -> None:
    """Required. After forward(a), forward(b), backward gives the gradients of b."""
    later = case.replace(x=case.x * case.x.dtype.type(-2) + case.x.dtype.type(1))
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    layer.forward(later.x, training=True)
    gradients = layer.backward(case.upstream)
    answer = Answer(case.x, None, None, gradients, dict.fromkeys(("dx", "dgamma", "dbeta"), layer.latest))
    assert_near(answer, train_truth(later), "dx", "dgamma", "dbeta")


@law("grad_train", against="accumulation, lifecycle", share=0.5)
@given(case=cases())
def test_gradients_do_not_accumulate(bn: Subject, case: Case) -> None:
    """Required. Two rounds of forward and backward, on different x, end in the second's gradients, unless adding up is declared."""
    layer = bn.layer(case)
    for x in (case.x * case.x.dtype.type(-2) + case.x.dtype.type(1), case.x):
        layer.forward(x, training=True)
        gradients = layer.backward(case.upstream)
    answer = Answer(case.x, None, None, gradients, dict.fromkeys(("dx", "dgamma", "dbeta"), layer.latest))
    assert_near(answer, train_truth(case), *anew())


@law("train", "infer", "running", against="lifecycle, mode, hidden state, sticky flags", share=0.3)
@given(case=cases(max_values=16), calls=st.lists(st.sampled_from(("train", "infer", "backward")), min_size=2, max_size=8))
def test_any_order_of_calls_follows_the_model(bn: Subject, case: Case, calls: list[str]) -> None:
    """Required. Whatever is called in whatever order, y, gradients and state are those that the calls so far make them.

    A machine with two numbers a channel is kept beside the layer in exact fractions. What a flag leaves behind, a cache that
    outlives its forward, or a step counted twice makes the two part.
    """
    follow_calls(bn, case, calls)


def follow_calls(bn: Subject, case: Case, calls: list[str]) -> None:
    """Ask one layer `calls` in this order, and judge every answer by a ledger kept beside it."""
    layer, ledger, latest = bn.layer(case), Ledger(case), None
    for number, call in enumerate(calls):
        x = case.x * case.x.dtype.type(1 + number % 3) + case.x.dtype.type(number)
        if call == "train":
            answer = shown(layer, layer.forward(x, training=True))
            latest = ledger.train(x)
        elif call == "infer":
            mean, var = layer.running()
            answer = Answer(layer.forward(x, training=False), steps={"y": layer.latest})
            latest = infer_truth(with_state(case.replace(x=x), mean, var))
        elif latest is None or not offers_gradients(bn, calls[:number]):
            continue
        else:
            answer = Answer(case.x, gradients=layer.backward(case.upstream), steps=dict.fromkeys(GRADIENTS, layer.latest))
            assert_near(answer, latest, *anew())
            latest = None  # a second backward of one forward is another question
            continue
        assert_near(answer, latest, "y")
    ledger.check(shown(layer, case.x))


def anew() -> tuple[str, ...]:
    """The gradients that every backward gives anew: of a layer that adds up those of its parameters, dx alone."""
    return GRADIENTS[:1] if current().convention.accumulate else GRADIENTS


def with_state(case: Case, mean: Array, var: Array) -> Case:
    """The case in the state that a layer shows. Rounding may leave a variance a hair below 0: it is 0 then."""
    if not (np.isfinite(mean).all() and np.isfinite(var).all()):
        reject("running_var", None, "the running statistics are not finite, and every x so far was")
    kept = case.running_mean.dtype
    return case.replace(running_mean=mean.astype(kept), running_var=np.maximum(var, 0).astype(kept))


def offers_gradients(bn: Subject, calls: list[str]) -> bool:
    """Whether the latest forward was in a mode whose gradients are offered."""
    forwards = [call for call in calls if call != "backward"]
    return {"train": "grad_train", "infer": "grad_infer"}[forwards[-1]] in bn.scope


@law("infer", "grad_train", against="mode, cached activations", share=0.5)
@given(case=cases())
def test_backward_after_inference_is_right_or_refused(bn: Subject, case: Case) -> None:
    """Recommended. Where only training gradients are offered, backward after an inference is an error, or right: never stale."""
    seen()
    if "grad_infer" not in bn.scope:  # else it is offered, and a required law asks for it
        judge_after_inference(bn, case)


def judge_after_inference(bn: Subject, case: Case) -> None:
    """Train, infer, then ask for gradients: those of the inference, or an error."""
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    layer.forward(case.x, training=False)
    state = with_state(case, *layer.running()) if "running" in bn.scope else case
    try:
        gradients = layer.backward(case.upstream)
    except Fault as fault:
        if fault.status in ("error", "unsupported"):
            return
        raise
    answer = Answer(case.x, gradients=gradients, steps=dict.fromkeys(GRADIENTS, layer.latest))
    assert_near(answer, infer_truth(state), *GRADIENTS)
