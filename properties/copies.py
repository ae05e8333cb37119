"""Copies of a layer and what it is to go on from one: a layer, the ledger kept beside it, and the copies of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np

from bnspec.case import Array, Case
from bnspec.ledger import STATISTICS
from bnspec.plugs.conversation import Conversation
from bnspec.plugs.faults import Fault
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import Truth, assert_near, assert_same, infer_truth, reject, train_truth
from bnspec.properties.rounds import GRADIENTS, anew, backward, later
from bnspec.properties.stage import Declined
from bnspec.properties.streams import Ledger, shown

HOWS = ("deepcopy", "pickle")
"""The ways in which a layer is copied."""


@dataclass
class Life:
    """A layer, what exact arithmetic says of its running statistics, and of its next backward where one is due."""

    bn: Subject
    layer: Conversation
    ledger: Ledger
    due: Truth | None = None

    @classmethod
    def of(cls, bn: Subject, case: Case) -> Life:
        """A fresh layer."""
        return cls(bn, bn.layer(case), Ledger(case))

    def train(self, x: Array) -> None:
        """A training step whose y is judged."""
        answer = shown(self.layer, self.layer.forward(x, training=True))
        truth = self.ledger.train(x)
        assert_near(answer, truth, "y")
        self.due = truth if "grad_train" in self.bn.scope else None

    def infer(self, x: Array) -> None:
        """An inference whose y is judged, by the running statistics that the layer shows."""
        state = with_state(self.ledger.case.replace(x=x), *self.layer.running())
        answer = Answer(self.layer.forward(x, training=False), steps={"y": self.layer.latest})
        truth = infer_truth(state)
        assert_near(answer, truth, "y")
        self.due = truth if "grad_infer" in self.bn.scope else None

    def backward(self) -> None:
        """The gradients of the latest forward, judged where they are due; a second backward of one forward is another question."""
        if self.due is not None:
            assert_near(backward(self.layer, self.due.case), self.due, *anew())
        self.due = None

    def check(self) -> None:
        """Judge the running statistics that the layer shows now."""
        self.ledger.check(shown(self.layer, self.ledger.case.x))

    def copies(self, *, needed: bool = True) -> list[Life]:
        """The copies that can be made now; no backward of theirs is due before a forward of their own."""
        return [Life(self.bn, copy, deepcopy(self.ledger)) for copy in copies(self.layer, needed=needed).values()]


def follow_calls(bn: Subject, case: Case, calls: Sequence[str]) -> None:
    """Ask these calls of one layer, and in turn of all copies that are made of it in between; judge every answer by a ledger."""
    lives = [Life.of(bn, case)]
    for number, call in enumerate(calls):
        x, life = later(case, number).x, lives[number % len(lives)]
        if call == "train":
            life.train(x)
        elif call == "infer":
            life.infer(x)
        elif call == "backward":
            life.backward()
        else:
            lives += life.copies(needed=False)
    for life in lives:
        life.check()


def copies(layer: Conversation, *, needed: bool = True) -> dict[str, Conversation]:
    """A copy of the layer as it is now for each way of copying that is offered. Where they are needed and none is, the refusal."""
    made, refusal = dict[str, Conversation](), None
    if needed and not layer.offers("copy"):
        raise Declined("copies are not offered")
    for how in HOWS if layer.offers("copy") else ():
        try:
            made[how] = layer.copy(how)
        except Fault as fault:
            if fault.status != "unsupported":
                raise
            refusal = fault
    if refusal is not None and needed and not made:
        raise refusal
    return made


def saved(layer: Conversation) -> int:
    """The number of the state that the layer saves now; raises `Declined` where layers can never be saved and loaded."""
    if not layer.offers("save"):
        raise Declined("saving and loading are not offered")
    return layer.save()


def assert_statistics(layer: Conversation, before: Answer, case: Case, why: str) -> None:
    """The layer shows the running statistics of `before`, to the last bit."""
    now = shown(layer, case.x)
    for name in STATISTICS:
        assert_same(now, before, name, case, why=why)


def assert_same_future(
    bn: Subject, layer: Conversation, others: Mapping[str, Conversation], case: Case, *, step: int, exact: bool = False
) -> None:
    """All answer an inference and then a training step alike: y, running statistics, gradients.

    others   the layers that are to be as `layer` is, by why they are
    step     which training step of theirs this is
    exact    to the last bit; else as near as two answers within the bounds of one truth are
    """
    for x, training in ((case.x + 1, False), (case.x * 2, True)):
        mean, var = layer.running()
        if not np.isfinite(np.array([mean, var], np.float64)).all():
            return  # other laws tell of it, and nothing is left that a copy could lose
        here = with_state(case.replace(x=x), mean, var)
        truth = train_truth(here, step=step) if training else infer_truth(here)
        first = _answered(bn, layer, here, training=training)
        for why, other in others.items():
            answer = _answered(bn, other, here, training=training)
            for name in ("y", *STATISTICS, *anew()):
                assert_same(answer, first, name, here, 0.0 if exact else 2 * truth.bound(name), why=why)


def _answered(bn: Subject, layer: Conversation, case: Case, *, training: bool) -> Answer:
    """What a layer answers in this mode, its running statistics, and the gradients where they are offered."""
    answer = shown(layer, layer.forward(case.x, training=training))
    if ("grad_train" if training else "grad_infer") not in bn.scope:
        return answer
    after = backward(layer, case)
    return replace(answer, gradients=after.gradients, steps={**answer.steps, **after.steps})


def with_state(case: Case, mean: Array, var: Array) -> Case:
    """The case in the state that a layer shows. Rounding may leave a variance a hair below 0: it is 0 then."""
    if not (np.isfinite(mean).all() and np.isfinite(var).all()):
        reject("running_var", None, "the running statistics are not finite, and every x so far was")
    kept = case.running_mean.dtype
    return case.replace(running_mean=mean.astype(kept), running_var=np.maximum(var, 0).astype(kept))


def judge_unless_refused(layer: Conversation, truth: Truth) -> None:
    """Ask for gradients where an error is an answer as well: else they are those of `truth`."""
    try:
        answer = backward(layer, truth.case)
    except Fault as fault:
        if fault.status not in ("error", "unsupported"):
            raise
    else:
        assert_near(answer, truth, *GRADIENTS)


def unlike(bn: Subject, case: Case) -> Case:
    """The case with other parameters and another state, where they can be given: what a layer has before it loads."""
    other = {
        "gamma": case.gamma + 3,
        "beta": case.beta - 1,
        "running_mean": case.running_mean + 5,
        "running_var": case.running_var * 3 + 1,
    }
    given = {name: values.astype(getattr(case, name).dtype) for name, values in other.items()}
    return case.replace(**{name: values for name, values in given.items() if name not in (*bn.fixed, *bn.withheld)})


def is_loaded(now: Answer, saved: Answer, own: Answer, case: Case) -> bool:
    """Whether a layer shows the running statistics that another saved. Neither all of them nor all its own: a deviation."""
    if all(np.array_equal(getattr(now, name), getattr(own, name)) for name in STATISTICS):
        return all(np.array_equal(getattr(own, name), getattr(saved, name)) for name in STATISTICS)
    for name in STATISTICS:
        assert_same(now, saved, name, case, why="another layer's state was loaded, and it brought a part of the running statistics")
    return True
