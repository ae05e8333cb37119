"""The judged end: whatever an implementation does short of ending the process, the answer is a message."""

from __future__ import annotations

import io
import re
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import misbehaving
import numpy as np
import pytest
from serving import X, forward, forward_request, implementation, layer_request, raise_, refusal, seeing, started

from bnspec import requests
from bnspec.case import LAYOUTS
from bnspec.convention import KERAS
from bnspec.implementation import NotOffered
from bnspec.protocol import Message, encode, receive
from bnspec.servant import Servant

MANUAL = Path(__file__).parents[1] / "docs" / "protocol.md"


def test_start_tells_what_there_is() -> None:
    what = implementation(running=lambda: None)
    what.name, what.convention, what.adapter_source, what.bound = (
        "mine",
        {"channel_axis": -1},
        "class Adapter: ...",
        "bound: it\nassumed: that",
    )
    reply = Servant(lambda: what).answer(Message.request("start", protocol=1))
    assert {name: reply.words[name] for name in ("ok", "protocol", "backward", "running")} == {
        "ok": "1", "protocol": "1", "backward": "0", "running": "1",
    }  # fmt: skip
    assert "numpy" in reply.words["loaded"].split(",")
    texts = {name: reply.text(name) for name in reply.arrays}
    assert texts == {
        "name": "mine",
        "convention": "channel_axis = -1\n",
        "adapter": "class Adapter: ...",
        "bound": "bound: it\nassumed: that",
    }


def test_a_whole_convention_travels_whole() -> None:
    what = implementation()
    what.convention = KERAS
    assert Servant(lambda: what).answer(Message.request("start", protocol=1)).text("convention") == KERAS.to_toml()


def test_a_wrong_convention_is_said_at_start() -> None:
    what = implementation()
    what.convention = {"chanel_axis": 1}
    kind, text = refusal(Servant(lambda: what).answer(Message.request("start", protocol=1)))
    assert kind == "error"
    assert text.startswith("unknown convention key 'chanel_axis'")


def test_the_trial_layer_follows_the_declared_convention() -> None:
    seen = []
    what = SimpleNamespace(convention={"ranks": [4, 5], "channel_axis": -1}, layer=lambda setup: seen.append(setup))
    reply = Servant(lambda: what).answer(Message.request("start", protocol=1))
    assert (seen[0].rank, seen[0].channel_axis, seen[0].channels, seen[0].dtype) == (4, -1, 3, "float32")
    assert reply.text("trouble") == "Refusal: layer returned an object of type NoneType; one with a method forward was expected"


@pytest.mark.parametrize(
    ("error", "trouble"), [(ValueError("no"), "ValueError: no"), (NotOffered("no eps"), ""), (NotImplementedError(), "")]
)
def test_start_survives_a_trial_layer_that_cannot_be_made(error: Exception, trouble: str) -> None:
    what = SimpleNamespace(layer=lambda setup: raise_(error))
    reply = Servant(lambda: what).answer(Message.request("start", protocol=1))
    assert (reply.ok, reply.words["backward"], reply.words["running"]) == (True, "1", "1")
    assert reply.text("trouble").partition("\n")[0] == trouble


def test_a_loader_that_fails() -> None:
    class Missing(Exception):
        pass

    start = Message.request("start", protocol=1)
    servant = Servant(lambda: raise_(Missing("there is no such file")), sentences=(Missing,))
    assert refusal(servant.answer(start)) == ("error", "there is no such file")
    assert refusal(servant.answer(layer_request())) == ("error", "there is no implementation yet; the first request is start")
    assert refusal(Servant(lambda: raise_(SystemExit(3))).answer(start))[1].startswith("SystemExit: 3\nat serving.py:")


def test_another_protocol_is_refused() -> None:
    reply = Servant(implementation).answer(Message.request("start", protocol=2))
    assert refusal(reply) == ("error", "this end speaks protocol 1; protocol 2 was asked for")


def test_setup_arrives_as_it_was_sent_and_what_is_left_out_is_none() -> None:
    seen: list[Any] = []
    servant = started(SimpleNamespace(layer=seeing(seen, lambda setup: SimpleNamespace(forward=print))))
    gamma = np.array([1, np.nan, -0.0], np.float32)
    assert servant.answer(layer_request(eps=1e-5, gamma=gamma, axis=-1, rank=4, dtype="bf2")).ok
    setup = seen[-1]
    assert (setup.dtype, setup.channel_axis, setup.rank, setup.channels, setup.eps) == ("bfloat16", -1, 4, 3, 1e-5)
    assert (setup.momentum, setup.beta, setup.running_mean, setup.running_var) == (None,) * 4
    assert setup.gamma.tobytes() == gamma.tobytes()
    assert setup.gamma.flags.writeable


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("axis", [1, -1])
def test_layouts_present_equal_values_in_other_places(layout: str, axis: int) -> None:
    x = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    seen: list[np.ndarray] = []
    servant = started(implementation(forward=seeing(seen, np.copy)))
    servant.answer(layer_request(rank=4, axis=axis))
    replies = [servant.answer(forward_request(x, layout=layout)) for _ in range(2)]
    assert [reply.arrays["y"].tobytes() for reply in replies] == [x.tobytes()] * 2
    assert not np.may_share_memory(seen[0], seen[1])
    assert seen[0].flags.writeable
    strides = {
        "contiguous": x.strides,
        "strided": (3840, 640, 80, 8),
        "reversed": tuple(-stride for stride in x.strides),
        "channels_last": (240, 4, 60, 12) if axis == 1 else x.strides,
        "fortran": np.asfortranarray(x).strides,
    }
    assert seen[0].strides == strides[layout]


def test_between_strided_values_lies_nan() -> None:
    memory = forward(lambda x, *, training: x.base, layout="strided").arrays["y"]
    assert np.isnan(memory[1::2]).all()
    assert np.isnan(memory[:, 1::2]).all()


def test_an_unknown_layout_is_unsupported() -> None:
    kind, text = refusal(forward(lambda x, *, training: x, layout="tiled"))
    assert (kind, text) == (
        "unsupported",
        "the layout 'tiled' is not known here; the layouts are contiguous, strided, reversed, channels_last, fortran",
    )


@pytest.mark.parametrize("error", [NotImplementedError("later"), NotOffered("later")])
def test_what_is_not_offered_is_unsupported(error: Exception) -> None:
    assert refusal(forward(lambda x, *, training: raise_(error))) == ("unsupported", "later")


def test_absent_methods_and_unknown_operations_are_unsupported() -> None:
    servant = started(implementation())
    servant.answer(layer_request())
    assert refusal(servant.answer(Message.request("backward", layer=1, dy=X))) == (
        "unsupported",
        "this layer has no method backward",
    )
    assert refusal(servant.answer(Message.request("running", layer=1))) == ("unsupported", "this layer has no method running")
    kind, text = refusal(servant.answer(Message.request("dance")))
    assert (kind, text.partition(";")[0]) == ("unsupported", "the operation 'dance' is not known here")


def test_ctrl_c_can_be_let_through() -> None:
    servant = Servant(lambda: raise_(KeyboardInterrupt()), let_through=(KeyboardInterrupt,))
    with pytest.raises(KeyboardInterrupt):
        servant.answer(Message.request("start", protocol=1))


def test_warnings_and_numpy_errors_neither_fail_nor_print(capfd: pytest.CaptureFixture[str]) -> None:
    def noisy(x: np.ndarray, *, training: bool) -> np.ndarray:
        warnings.warn("careful", RuntimeWarning, stacklevel=1)
        infinite: np.ndarray = np.float32(1) / (x - x) + np.float32(1e-30) * np.float32(1e-30)
        return infinite

    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert forward(noisy).ok
        assert np.geterr()["divide"] == "raise"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (
            Message.request("forward", layer=7, training=1, layout="contiguous", x=X),
            "there is no layer 7; a request layer=7 must have made it",
        ),
        (Message.request("forward", training=1, layout="contiguous", x=X), "a request forward needs the word layer="),
        (Message.request("forward", layer=1, layout="contiguous", x=X), "a request forward needs the word training="),
        (Message.request("forward", layer=1, training=1, layout="contiguous"), "a request forward needs the array x"),
        (layer_request(dtype="f3"), "a dtype is one of f2, f4, f8, i4, i8, u1, bf2; got 'f3'"),
        (layer_request(rank="two"), "a request layer needs a whole number as rank=; got 'two'"),
        (layer_request(eps="small"), "a request layer needs a number as eps=; got 'small'"),
    ],
)
def test_requests_that_say_too_little(request_: Message, sentence: str) -> None:
    servant = started(implementation())
    servant.answer(layer_request())
    assert refusal(servant.answer(request_)) == ("error", sentence)


def test_a_layer_that_could_not_be_made_is_not_the_one_before() -> None:
    answers = iter([SimpleNamespace(forward=print), SimpleNamespace(forward=print), None])
    servant = started(SimpleNamespace(layer=lambda setup: next(answers)))
    assert servant.answer(layer_request()).ok
    assert not servant.answer(layer_request()).ok
    assert refusal(servant.answer(forward_request()))[1].startswith("there is no layer 1")


def test_bfloat16_without_ml_dtypes_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "dtype_of", lambda code: np.dtype("V2"))
    kind, text = refusal(started(implementation()).answer(layer_request(dtype="bf2")))
    assert (kind, text.partition(",")[0]) == ("unsupported", "bfloat16 needs the package ml_dtypes")


def test_frameworks_are_told_only_when_they_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    loaded = Servant(implementation).answer(Message.request("start", protocol=1)).words["loaded"].split(",")
    assert "torch" in loaded
    assert "jax" not in loaded


def test_the_exchange_in_the_manual_is_what_is_sent() -> None:
    """docs/protocol.md prints each message as its line and its bytes in hexadecimal."""
    layer = misbehaving.load("nothing").layer
    servant = Servant(lambda: SimpleNamespace(name="mybn", layer=layer, convention={"channel_axis": 1}))
    messages = re.findall(r"^([<>]) (.*)\n((?:    [0-9a-f ]+#?.*\n)*)", MANUAL.read_text(), re.MULTILINE)
    assert [sign for sign, _, _ in messages] == [">", "<"] * 7
    for (_, asked, given), (_, said, returned) in zip(messages[::2], messages[1::2], strict=True):
        request = receive(io.BytesIO(whole(asked, given)))
        reply = servant.answer(request)
        words = {"id": request.words["id"], **reply.words}
        if request.op == "start":
            words["loaded"] = "numpy"  # what else this test run has loaded is not the manual's affair
        assert encode(Message(words, reply.arrays)) == whole(said, returned)


def whole(line: str, dump: str) -> bytes:
    return line.encode() + b"\n" + bytes.fromhex("".join(row.partition("#")[0] for row in dump.splitlines()))
