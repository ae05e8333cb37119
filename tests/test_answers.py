"""What an implementation returns or raises becomes arrays, or one sentence that says what was wrong."""

from __future__ import annotations

import numpy as np
import pytest
from serving import X, forward, forward_request, implementation, layer_request, raise_, refusal, started

from bnspec.protocol import Message


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
    assert (kind, said) == ("error", f"{text}\nat serving.py:{line} in raise_")


def test_an_exception_from_a_library_is_told_with_the_line_that_called_it() -> None:
    _, text = refusal(forward(lambda x, *, training: np.concatenate([x, x[0]])))
    assert text.splitlines()[-1].endswith("in <lambda>")
    assert text.splitlines()[-1].startswith("at test_answers.py:")


def test_endless_recursion_and_endless_messages() -> None:
    assert refusal(forward(endless))[1].startswith("RecursionError: ")
    text = refusal(forward(lambda x, *, training: raise_(ValueError("x" * 10**6))))[1]
    assert len(text.partition("\n")[0]) == 2000
