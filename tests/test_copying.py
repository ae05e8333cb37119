"""The operations copy, save and load at the judged end, and what a link remembers of layers that were made in this way."""

from __future__ import annotations

from bdb import BdbQuit
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bnspec.implementation import Setup
from bnspec.layer import BatchNorm, Reference
from bnspec.plugs.faults import Fault
from bnspec.plugs.ration import Memory, Packet
from bnspec.protocol import Message
from bnspec.servant import Servant

X = np.arange(12, dtype=np.float32).reshape(4, 3)


class Layer(BatchNorm):
    """The reference layer with a state: its running statistics."""

    def save(self) -> Any:
        return self.running_mean.copy(), self.running_var.copy()

    def load(self, state: Any) -> None:
        self.running_mean, self.running_var = state


class Stateful(Reference):
    def layer(self, setup: Setup) -> BatchNorm:
        return Layer(setup.channels, convention=self.convention)


def request(op: str, layer: int = 1, **fields: Any) -> Message:
    return Message.request(op, layer=layer, **fields)


def made(layer: int = 1) -> Message:
    return request("layer", layer, dtype="f4", axis=1, rank=2, channels=3)


def trained(layer: int = 1) -> Message:
    return request("forward", layer, training=True, layout="contiguous", x=X)


def started(implementation: Any, **options: Any) -> Servant:
    servant = Servant(lambda: implementation, **options)
    assert all(servant.answer(one).ok for one in (Message.request("start", protocol=1), made(), made(7), trained(7)))
    return servant


def refusal(reply: Message) -> tuple[str, str]:
    assert not reply.ok
    return reply.words["kind"], reply.text("text").partition("\n")[0]


def copying(copied: Callable[..., Any]) -> Any:
    """An implementation whose layers answer to `copied` with what this function returns."""
    layer = SimpleNamespace(forward=lambda x, *, training: x, copied=copied)
    return SimpleNamespace(layer=lambda setup: layer)


@pytest.fixture
def servant() -> Servant:
    return started(Stateful("stateful", BatchNorm(3).convention))


def running(servant: Servant, layer: int) -> list[float]:
    return [float(value) for value in servant.answer(request("running", layer)).arrays["mean"]]


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_a_copy_is_a_layer_of_its_own(servant: Servant, how: str) -> None:
    assert servant.answer(request("copy", 7, to=2, how=how)).ok
    before = running(servant, 7)
    assert running(servant, 2) == before != [0.0, 0.0, 0.0]
    assert servant.answer(trained(2)).ok
    assert running(servant, 7) == before != running(servant, 2)


def test_a_copy_knows_the_shape_of_the_latest_forward(servant: Servant) -> None:
    servant.answer(request("copy", 7, to=2, how="deepcopy"))
    assert servant.answer(request("backward", 2, dy=X)).arrays["dx"].shape == X.shape


def test_a_state_is_kept_and_loaded_more_than_once(servant: Servant) -> None:
    assert servant.answer(request("save", 7, state=1)).ok
    saved = running(servant, 7)
    servant.answer(trained(7))
    for layer in (1, 7):
        assert servant.answer(request("load", layer, state=1)).ok
        assert running(servant, layer) == saved


@pytest.mark.parametrize(
    ("asked", "kind", "sentence"),
    [
        (request("copy", 9, to=2, how="deepcopy"), "error", "there is no layer 9; a request layer=9 must have made it"),
        (request("copy", 7, how="deepcopy"), "error", "a request copy needs the word to="),
        (request("copy", 7, to=2), "error", "a request copy needs the word how="),
        (request("copy", 7, to=2, how="magic"), "unsupported", "a layer is copied by one of deepcopy, pickle; got 'magic'"),
        (request("load", 7, state=4), "error", "there is no state 4; a request save with state=4 must have made it"),
    ],
)
def test_what_cannot_be_done_is_said(servant: Servant, asked: Message, kind: str, sentence: str) -> None:
    assert refusal(servant.answer(asked)) == (kind, sentence)


@pytest.mark.parametrize(("op", "method"), [("copy", "copied"), ("save", "save")])
def test_a_layer_without_the_method_does_not_offer_it(op: str, method: str) -> None:
    plain = SimpleNamespace(layer=lambda setup: SimpleNamespace(forward=lambda x, *, training: x))
    assert refusal(started(plain).answer(request(op, to=2, how="pickle", state=1))) == (
        "unsupported",
        f"this layer has no method {method}",
    )


def test_a_layer_that_cannot_be_copied_refuses_and_leaves_no_older_copy() -> None:
    servant = started(copying(lambda duplicate: duplicate(lambda: None)))
    assert servant.answer(request("copy", to=2, how="deepcopy")).words["kind"] == "error"  # a function is copied, and is no layer
    kind, text = refusal(servant.answer(request("copy", to=7, how="pickle")))
    assert (kind, text[:27]) == ("unsupported", "a copy by pickle is refused")
    assert refusal(servant.answer(trained(7)))[1].startswith("there is no layer 7")


def test_leaving_the_debugger_is_no_refusal() -> None:
    def leave(duplicate: object) -> Any:
        raise BdbQuit

    with pytest.raises(BdbQuit):
        started(copying(leave), let_through=(BdbQuit,)).answer(request("copy", to=2, how="pickle"))


COPY = request("copy", 1, to=2, how="pickle")
SAVE, LOAD = request("save", 1, state=1), request("load", 2, state=1)


def packets(*messages: Message) -> list[Packet]:
    return [Packet.of(message) for message in messages]


def follow(*rounds: Message) -> bytes:
    """The key of the last of these requests, each asked alone."""
    memory = Memory()
    return [memory.follow(packets(message)) for message in rounds][-1]


def test_what_a_copy_is_asked_is_known_by_what_its_layer_was_asked() -> None:
    assert follow(made(), COPY, trained(2)) == follow(made(), COPY, trained(2))
    assert follow(made(), COPY, trained(2)) != follow(made(), trained(), COPY, trained(2))
    loads = [follow(*before, SAVE, made(2), LOAD) for before in ((made(),), (made(), trained()))]
    assert loads[0] != loads[1]


@pytest.mark.parametrize(
    ("before", "lost", "again"), [((made(), COPY), COPY, trained(2)), ((made(), SAVE, made(2)), LOAD, trained(2))]
)
def test_what_died_with_its_process_cannot_be_copied_or_loaded_until_it_is_made_anew(
    before: tuple[Message, ...], lost: Message, again: Message
) -> None:
    memory, fault = Memory(), Fault("crash", "gone", "forward")
    for message in before:
        memory.answered(memory.follow(packets(message)), packets(message), [])
    memory.died(memory.follow(packets(trained())), fault)
    for message in (lost, again):
        assert memory.recall(memory.follow(packets(message)), packets(message)) is fault
    for message in (*before, lost, again):
        assert memory.recall(memory.follow(packets(message)), packets(message)) is None
