"""The judged end: whatever an implementation does short of ending the process, the answer is a message."""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import misbehaving
import numpy as np
import pytest

from bnspec import requests
from bnspec.case import LAYOUTS
from bnspec.convention import KERAS
from bnspec.implementation import NotOffered
from bnspec.protocol import Message, encode, receive
from bnspec.servant import Servant

MANUAL = Path(__file__).parents[1] / "docs" / "protocol.md"

X = np.arange(12, dtype=np.float32).reshape(4, 3)


def raise_(error: BaseException) -> Any:
    raise error


def seeing(seen: list[Any], function: Callable[[Any], Any]) -> Callable[..., Any]:
    """The function, which also writes down what it was called with."""

    def called(argument: Any, **_: object) -> Any:
        seen.append(argument)
        return function(argument)

    return called


def implementation(**parts: Any) -> SimpleNamespace:
    """An implementation with one layer, made of the given methods."""
    layer = SimpleNamespace(**{"forward": lambda x, *, training: x + 1, **parts})
    return SimpleNamespace(layer=lambda setup: layer)


def layer_request(**fields: Any) -> Message:
    return Message.request("layer", **{"layer": 1, "dtype": "f4", "axis": 1, "rank": 2, "channels": 3, **fields})


def forward_request(x: np.ndarray = X, **fields: Any) -> Message:
    return Message.request("forward", **{"layer": 1, "training": True, "layout": "contiguous", "x": x, **fields})


def started(what: Any) -> Servant:
    servant = Servant(lambda: what)
    assert servant.answer(Message.request("start", protocol=1)).ok
    return servant


def forward(returned: Callable[..., Any], x: np.ndarray = X, **fields: Any) -> Message:
    """The reply to one forward of a layer whose forward is `returned`."""
    servant = started(implementation(forward=returned))
    assert servant.answer(layer_request(rank=x.ndim)).ok
    return servant.answer(forward_request(x, **fields))


def refusal(reply: Message) -> tuple[str, str]:
    assert not reply.ok
    return reply.words["kind"], reply.text("text")


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
    assert refusal(Servant(lambda: raise_(SystemExit(3))).answer(start))[1].startswith("SystemExit: 3\nat test_servant.py:")


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


class Grudging:
    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.\nmore")


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (None, "forward returned None; an array shaped (4, 3) was expected"),
        ("text", "forward returned a str; an array shaped (4, 3) was expected"),
        ({}, "forward returned a dict; an array shaped (4, 3) was expected"),
        (1.5, "forward returned a single number; an array shaped (4, 3) was expected"),
        (["a"], "forward returned a list of 1 of dtype str32, not of numbers; an array shaped (4, 3) was expected"),
        (object(), "forward returned an object of Python objects, not of numbers; an array shaped (4, 3) was expected"),
        (np.zeros(3, complex), "forward returned an array of dtype complex128; an array shaped (4, 3) of float dtype was expected"),
        (
            Grudging(),
            "forward returned a Grudging that NumPy cannot read (RuntimeError: Can't call numpy() on Tensor that requires grad.); "
            "an array shaped (4, 3) was expected",
        ),
    ],
)
def test_what_is_no_array_is_named_in_one_sentence(returned: object, sentence: str) -> None:
    assert refusal(forward(lambda x, *, training: returned)) == ("error", sentence)


def test_a_ragged_tuple_is_named() -> None:
    kind, text = refusal(forward(lambda x, *, training: (x, "cache")))
    assert kind == "error"
    assert text.startswith("forward returned a tuple of 2 ")
    assert text.endswith("; an array shaped (4, 3) was expected")


@pytest.mark.parametrize(
    ("returned", "dtype", "shape"),
    [
        ([[1, 2], [3, 4]], np.int64, (2, 2)),
        ([[1.0, 2.0]], np.float64, (1, 2)),
        (np.zeros((4, 3), np.float16), np.float16, (4, 3)),
        (np.zeros(7, bool), np.int64, (7,)),
        (np.zeros((2, 0), ">f4"), np.float32, (2, 0)),
        (np.ma.masked_array(np.zeros(2, np.float32)), np.float32, (2,)),
    ],
)
def test_whatever_is_an_array_is_sent_whatever_its_shape(returned: object, dtype: object, shape: tuple[int, ...]) -> None:
    y = forward(lambda x, *, training: returned).arrays["y"]
    assert (y.dtype.newbyteorder("="), y.shape) == (dtype, shape)


def backward(returned: object) -> Message:
    servant = started(implementation(backward=lambda dy: returned))
    servant.answer(layer_request())
    servant.answer(forward_request())
    return servant.answer(Message.request("backward", layer=1, dy=X))


def test_gradients_alone_in_threes_and_in_any_shape() -> None:
    assert set(backward(X.copy()).arrays) == {"dx"}
    reply = backward((X.copy(), np.array([[[1.0]], [[2.0]], [[3.0]]]), [4, 5, 6]))
    assert [reply.arrays[name].tolist() for name in ("dgamma", "dbeta")] == [[1, 2, 3], [4, 5, 6]]
    assert set(backward((X.copy(), None, None)).arrays) == {"dx"}


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (None, "backward returned None; dx shaped (4, 3) or a tuple (dx, dgamma, dbeta) was expected"),
        ((X, X), "backward returned a tuple of 2; dx shaped (4, 3) or a tuple (dx, dgamma, dbeta) was expected"),
        ((None, X, X), "backward returned dgamma shaped (4, 3); one number a channel, 3 in all, was expected"),
        ((None, X[0], X[0]), "backward returned dx as None; an array shaped (4, 3) was expected"),
    ],
)
def test_gradients_that_are_none(returned: object, sentence: str) -> None:
    assert refusal(backward(returned)) == ("error", sentence)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (None, "running returned None; a pair (mean, var) was expected"),
        ((X, X, X), "running returned a tuple of 3; a pair (mean, var) was expected"),
        ((X[0], None), "running returned var as None; one number a channel, 3 in all, was expected"),
        ((X[0], X[0, :2]), "running returned var shaped (2,); one number a channel, 3 in all, was expected"),
        (([0, 1, 2], X[0].reshape(1, 3, 1)), None),
    ],
)
def test_running_statistics(returned: object, sentence: str | None) -> None:
    servant = started(implementation(running=lambda: returned))
    servant.answer(layer_request())
    reply = servant.answer(Message.request("running", layer=1))
    if sentence:
        assert refusal(reply) == ("error", sentence)
    else:
        assert [reply.arrays[name].tolist() for name in ("mean", "var")] == [[0, 1, 2]] * 2


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


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError


def endless(x: np.ndarray, **_: object) -> np.ndarray:
    return endless(x)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("bad\nshape"), "ValueError: bad\nshape"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (MemoryError(), "MemoryError"),
        (GeneratorExit("x"), "GeneratorExit: x"),
        (Unspeakable(), "Unspeakable: (its message cannot be shown: ValueError)"),
    ],
)
def test_an_exception_is_told_with_its_line(error: BaseException, text: str) -> None:
    kind, said = refusal(forward(lambda x, *, training: raise_(error)))
    line = raise_.__code__.co_firstlineno + 1
    assert (kind, said) == ("error", f"{text}\nat test_servant.py:{line} in raise_")


def test_an_exception_from_a_library_is_told_with_the_line_that_called_it() -> None:
    _, text = refusal(forward(lambda x, *, training: np.concatenate([x, x[0]])))
    assert text.splitlines()[-1].endswith("in <lambda>")
    assert text.splitlines()[-1].startswith("at test_servant.py:")


def test_endless_recursion_and_endless_messages() -> None:
    assert refusal(forward(endless))[1].startswith("RecursionError: ")
    text = refusal(forward(lambda x, *, training: raise_(ValueError("x" * 10**6))))[1]
    assert len(text.partition("\n")[0]) == 2000


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


class Meddler:
    """A layer that does to its arguments and results what the test says."""

    def __init__(self, setup: Any) -> None:
        self.setup = setup
        self.deed: Callable[[Meddler], object] = lambda layer: None
        self.x, self.dy, self.y, self.dx = X, X, X, X
        self.mean = np.zeros(3)

    def forward(self, x: np.ndarray, *, training: bool) -> np.ndarray:
        self.x = x
        kept, self.y = self.y, x + 1
        self.before = kept
        self.deed(self)
        return self.y

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.dy, self.dx = dy, dy * 2
        self.deed(self)
        return self.dx

    def running(self) -> tuple[np.ndarray, np.ndarray]:
        return self.mean, np.ones(3)


def overwrite(array: np.ndarray) -> None:
    array[...] = 77


def meddled(deed: Callable[[Meddler], object]) -> list[tuple[str, ...]]:
    """What is noticed in a second round of forward, running, backward, when the deed is done in its forward and backward."""
    made: list[Meddler] = []

    def make(setup: Any) -> Meddler:
        made.append(Meddler(setup))
        return made[-1]

    servant = started(SimpleNamespace(layer=make))
    parameters = {name: np.ones(3, np.float32) for name in ("gamma", "beta", "running_mean", "running_var")}
    round_ = [forward_request(), Message.request("running", layer=1), Message.request("backward", layer=1, dy=X)]
    assert [servant.answer(request).noticed for request in (layer_request(**parameters), *round_)] == [()] * 4
    made[-1].deed = deed
    return [servant.answer(request).noticed for request in round_]


@pytest.mark.parametrize(
    ("deed", "noticed"),
    [
        (lambda layer: None, [(), (), ()]),
        (lambda layer: overwrite(layer.x), [("x-changed",), (), ()]),
        (lambda layer: overwrite(layer.dy), [("dy-changed",), (), ("dy-changed",)]),
        (lambda layer: overwrite(layer.setup.gamma), [("gamma-changed",), (), ()]),
        (lambda layer: overwrite(layer.setup.running_var), [("running_var-changed",), (), ()]),
        (lambda layer: overwrite(layer.before), [("y-changed-later",), (), ()]),
        (lambda layer: overwrite(layer.mean), [("mean-changed-later",), (), ()]),
        (lambda layer: setattr(layer, "y", layer.x), [("y-shares-x",), (), ()]),
        (lambda layer: setattr(layer, "dx", layer.dy[::-1]), [(), (), ("dx-shares-dy",)]),
        (lambda layer: setattr(layer, "y", layer.setup.beta), [("y-shares-beta",), (), ()]),
    ],
)
def test_what_a_caller_would_notice_is_reported_once(deed: Callable[[Meddler], object], noticed: list[tuple[str, ...]]) -> None:
    assert meddled(deed) == noticed


def test_nan_equals_itself_for_the_watch() -> None:
    nan = np.full((4, 3), np.nan, np.float32)
    assert forward(lambda x, *, training: x + 1, nan).noticed == ()


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
