"""Lifecycle: what a layer remembers between calls, and what it must not."""

from hypothesis import given
from hypothesis import strategies as st

from bnspec.case import Case
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.copies import (
    assert_same_future,
    assert_statistics,
    copies,
    follow_calls,
    is_loaded,
    judge_unless_refused,
    saved,
    unlike,
    with_state,
)
from bnspec.properties.judge import assert_near, assert_same, infer_truth, seen, train_truth
from bnspec.properties.laws import law
from bnspec.properties.rounds import GRADIENTS, anew, backward, later
from bnspec.properties.stage import Refused
from bnspec.properties.strategies import cases
from bnspec.properties.streams import shown

STATISTICS = ("running_mean", "running_var")


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
        states.append(Answer(y, *layer.running(), None, dict.fromkeys(STATISTICS, layer.latest)))
    tolerance = train_truth(case)
    for name in STATISTICS:
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
    after = Answer(case.x, *state, None, dict.fromkeys(STATISTICS, two.latest))
    for name in STATISTICS:
        assert_same(after, before, name, case, why="another layer was trained in between")


@law("grad_train", against="lifecycle, cached activations", share=0.5)
@given(case=cases())
def test_backward_belongs_to_the_latest_forward(bn: Subject, case: Case) -> None:
    """Required. After forward(a), forward(b), backward gives the gradients of b."""
    after = case.replace(x=case.x * case.x.dtype.type(-2) + case.x.dtype.type(1))
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    layer.forward(after.x, training=True)
    assert_near(backward(layer, after), train_truth(after), *GRADIENTS)


@law("train", "running", "grad_train", against="lifecycle, running update, recomputation", share=0.3)
@given(case=cases())
def test_backward_leaves_the_running_statistics_alone(bn: Subject, case: Case) -> None:
    """Required. Running statistics are, after a backward, what the forward left, to the last bit: one step a training call.

    A backward that runs the forward again, as checkpointing does, moves them a second time.
    """
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    before = Answer(case.x, *layer.running())
    layer.backward(case.upstream)
    after = Answer(case.x, *layer.running(), None, dict.fromkeys(STATISTICS, layer.latest))
    for name in STATISTICS:
        assert_same(after, before, name, case, why="only backward was called in between")


@law("grad_train", against="accumulation, lifecycle", share=0.5)
@given(case=cases())
def test_gradients_do_not_accumulate(bn: Subject, case: Case) -> None:
    """Required. Two rounds of forward and backward, on different x, end in the second's gradients, unless adding up is declared."""
    layer = bn.layer(case)
    for x in (case.x * case.x.dtype.type(-2) + case.x.dtype.type(1), case.x):
        layer.forward(x, training=True)
        answer = backward(layer, case)
    assert_near(answer, train_truth(case), *anew())


@law("train", "infer", "running", against="lifecycle, mode, hidden state, sticky flags", share=0.3)
@given(case=cases(max_values=16), calls=st.lists(st.sampled_from(("train", "infer", "backward", "copy")), min_size=2, max_size=9))
def test_any_order_of_calls_follows_the_model(bn: Subject, case: Case, calls: list[str]) -> None:
    """Required. Whatever is called in whatever order, y, gradients and state are those that the calls so far make them.

    A machine with two numbers a channel is kept beside the layer in exact fractions. What a flag leaves behind, a cache that
    outlives its forward, or a step counted twice makes the two part. Where copies can be made, each has a machine of its own from
    then on, and the calls go to all of them in turn.
    """
    follow_calls(bn, case, calls)


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
    judge_unless_refused(layer, infer_truth(state))


@law("train", "running", against="aliasing, copies", share=0.3)
@given(case=cases())
def test_a_copy_shares_nothing_with_its_layer(bn: Subject, case: Case) -> None:
    """Required. A copy holds what its layer holds; training the one leaves the other's running statistics alone: all to the bit.

    By copy.deepcopy and by pickle, where the layer lets itself be copied: one that holds a lock or an open file refuses, and may.
    """
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    before, made = shown(layer, case.x), copies(layer)
    for how, copy in made.items():
        assert_statistics(copy, before, case, f"a copy of the layer, made by {how}")
    layer.forward(case.x + 1, training=True)
    after = shown(layer, case.x)
    for how, copy in made.items():
        assert_statistics(copy, before, case, f"a copy made by {how}; its layer was trained in between")
        copy.forward(case.x - 1, training=True)
        assert_statistics(layer, after, case, f"a copy of the layer, made by {how}, was trained in between")


@law("train", "infer", "running", against="copies, lifecycle", share=0.3)
@given(case=cases())
def test_a_copy_goes_on_as_its_layer_would(bn: Subject, case: Case) -> None:
    """Required. A copy made between two steps gives the y, gradients and statistics that its layer would give from there on.

    A copy that forgets the statistics, the count of an average over all batches, gamma or eps is another layer.
    """
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    others = {f"a copy made by {how}": copy for how, copy in copies(layer).items()}
    assert_same_future(bn, layer, others, case, step=2)


@law("train", "infer", "running", against="copies", share=0.3)
@given(case=cases())
def test_a_copy_goes_on_to_the_last_bit(bn: Subject, case: Case) -> None:
    """Recommended. A copy and its layer answer what they are asked from then on with the same bits."""
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    others = {f"a copy made by {how}": copy for how, copy in copies(layer).items()}
    assert_same_future(bn, layer, others, case, step=2, exact=True)


@law("grad_train", against="aliasing, copies, cached activations", share=0.3)
@given(case=cases())
def test_a_copy_leaves_its_layers_gradients_alone(bn: Subject, case: Case) -> None:
    """Required. A copy that is made and used between forward and backward leaves the gradients of its layer alone."""
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    for copy in copies(layer).values():
        copy.forward(case.x * 2 + 1, training=True)
    assert_near(backward(layer, case), train_truth(case), *GRADIENTS)


@law("grad_train", against="copies, cached activations", share=0.3)
@given(case=cases())
def test_backward_of_a_copy_is_right_or_refused(bn: Subject, case: Case) -> None:
    """Recommended. A copy made between forward and backward gives the gradients of that forward, or an error: never others."""
    seen()
    layer = bn.layer(case)
    layer.forward(case.x, training=True)
    for copy in copies(layer).values():
        judge_unless_refused(copy, train_truth(case))


@law("train", "infer", "running", against="saved states, lifecycle", share=0.3)
@given(case=cases())
def test_a_loaded_state_is_loaded_whole(bn: Subject, case: Case) -> None:
    """Required. What loads another layer's running statistics loads the mean, the variance, gamma, beta and any count of batches.

    Where layers save and load, as by state_dict and load_state_dict. From there on the layer answers as the other would. A state
    that brings nothing of the running statistics is a choice, and is not asked further here.
    """
    layer, other = bn.layer(case), bn.layer(unlike(bn, case))
    for number in range(2):
        layer.forward(later(case, number).x, training=True)
    state = saved(layer)
    other.forward(later(case, 2).x, training=True)
    own = shown(other, case.x)
    other.load(state)
    if not is_loaded(shown(other, case.x), shown(layer, case.x), own, case):
        raise Refused("what this layer saves does not hold the running statistics")
    assert_same_future(bn, layer, {"another layer's state was loaded": other}, case, step=3)


@law("train", "infer", "running", against="saved states", share=0.3)
@given(case=cases())
def test_a_loaded_state_goes_on_to_the_last_bit(bn: Subject, case: Case) -> None:
    """Recommended. A layer that loads what another saved holds its running statistics, and answers as it does, to the last bit.

    Statistics that a checkpoint does not hold (buffers that were never registered) leave inference with those of a fresh layer.
    """
    layer, other = bn.layer(case), bn.layer(unlike(bn, case))
    layer.forward(case.x, training=True)
    other.load(saved(layer))
    assert_statistics(other, shown(layer, case.x), case, "another layer's state was loaded")
    assert_same_future(bn, layer, {"another layer's state was loaded": other}, case, step=2, exact=True)


@law("train", "running", against="saved states, aliasing", share=0.3)
@given(case=cases())
def test_a_loaded_state_is_shared_with_nobody(bn: Subject, case: Case) -> None:
    """Required. Training a layer that has loaded a state changes neither the state nor the layer that saved it; nor the reverse."""
    layer, one, other = bn.layer(case), bn.layer(unlike(bn, case)), bn.layer(unlike(bn, case))
    layer.forward(case.x, training=True)
    before, state = shown(layer, case.x), saved(layer)
    one.load(state)
    loaded = shown(one, case.x)
    one.forward(case.x + 1, training=True)
    assert_statistics(layer, before, case, "a layer that loaded its state was trained in between")
    other.load(state)
    assert_statistics(other, loaded, case, "another layer that had loaded the same state was trained in between")
    layer.forward(case.x + 1, training=True)
    assert_statistics(other, loaded, case, "the layer whose state it had loaded was trained in between")
