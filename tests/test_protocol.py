"""Messages survive the wire bit for bit, and what is no message is refused in one clear sentence."""

from __future__ import annotations

import io
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from bnspec import protocol
from bnspec.protocol import BadMessage, Message, dtype_of, encode, receive, text_array

CODES = (*protocol.PLAIN_DTYPES, "bf2")


def carried(message: Message) -> Message:
    return receive(io.BytesIO(encode(message)))


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(1,), (4, 3), (2, 1, 3), (0,), (0, 3), (3, 0, 2)])
def test_arrays_keep_every_bit(code: str, shape: tuple[int, ...]) -> None:
    dtype = dtype_of(code)
    size = int(np.prod(shape)) * dtype.itemsize
    array = np.frombuffer(np.random.default_rng(0).bytes(size), np.uint8).view(dtype).reshape(shape)
    arrived = carried(Message.request("forward", x=array)).arrays["x"]
    assert (arrived.dtype, arrived.shape, arrived.tobytes()) == (dtype, shape, array.tobytes())


@given(
    array=npst.arrays(np.float32, npst.array_shapes(min_side=0), elements=st.floats(width=32, allow_subnormal=True)), text=st.text()
)
def test_any_array_and_any_text(array: np.ndarray, text: str) -> None:
    arrived = carried(Message.reply(y=array, text=text_array(text), z=array))
    assert arrived.text("text") == text.encode("utf-8", "replace").decode()
    assert [arrived.arrays[name].tobytes() for name in "yz"] == [array.tobytes()] * 2
    assert arrived.arrays["z"].flags.aligned


@given(value=st.floats(allow_nan=False))
def test_floats_are_words_that_come_back_the_same(value: float) -> None:
    assert float(carried(Message.request("layer", eps=value)).words["eps"]) == value


def test_views_and_foreign_byte_orders_arrive_as_their_values() -> None:
    values = np.arange(12, dtype=">f8").reshape(3, 4)[::-1, ::2]
    arrived = carried(Message.request("forward", x=values)).arrays["x"]
    assert arrived.dtype == np.dtype("<f8")
    np.testing.assert_array_equal(arrived, values)


def test_plain_values_become_words_in_order() -> None:
    message = Message.request("forward", layer=1, training=True, eps=1e-5, momentum=None, x=np.zeros((4, 3), np.float32))
    assert encode(message)[:-48] == b"op=forward layer=1 training=1 eps=1e-05 x:f4:4,3\n"


def test_messages_follow_each_other_in_a_stream() -> None:
    messages = [Message.request("forward", x=np.full(k, k)) for k in range(4)]
    stream = io.BytesIO(b"".join(map(encode, messages)))
    assert [receive(stream).arrays["x"].tolist() for _ in messages] == [[], [1], [2, 2], [3, 3, 3]]
    with pytest.raises(EOFError):
        receive(stream)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"hello\n", "name=value or, for an array, name:dtype:sizes"),
        (b"Op=forward\n", "small letters"),
        (b"=1\n", "small letters"),
        (b"op=forward x:f4:\n", "for an array, name:dtype:sizes"),
        (b"op=forward x:f4:3,\n", "for an array, name:dtype:sizes"),
        (b"op=forward x:f4:-1\n", "for an array, name:dtype:sizes"),
        (b"op=forward x:f3:3\n", "a dtype is one of f2, f4, f8, i4, i8, u1, bf2; got 'f3'"),
        (b"op=forward x:f4:3 x:f4:3\n", "names each thing once"),
        (b"op=forward x=1 x:f4:3\n", "names each thing once"),
        (b"op=forward op=backward\n", "names each thing once"),
        (b"op=caf\xc3\xa9\n", "ASCII words"),
        (b"op=forward x:f8:99999,99999\n", "at most 1073741824 bytes; these would have 79998400008"),
        (b"op=forward x:f8:0,9999999999,9999999999\n", "at most 1073741824 bytes"),
        (b"a" * 70000 + b"\n", "ends within 65536 bytes"),
        (b"op=forward x:f4:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n", "for an array, name:dtype:sizes"),
    ],
)
def test_a_line_that_is_no_message(line: bytes, sentence: str) -> None:
    with pytest.raises(BadMessage, match=re.escape(sentence)):
        receive(io.BytesIO(line + bytes(100)))


@pytest.mark.parametrize("whole", [b"op=forward x:f4:4,3\n" + bytes(47), b"op=forwa", b""])
def test_a_stream_that_ends_within_a_message(whole: bytes) -> None:
    with pytest.raises(EOFError):
        receive(io.BytesIO(whole))


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (Message.request("layer", name="two words"), "printable ASCII without spaces"),
        (Message.request("layer", name="two\nlines"), "printable ASCII without spaces"),
        (Message.request("layer", name="café"), "printable ASCII without spaces"),
        (Message.request("layer", x=np.zeros(3, complex)), "dtype complex128 cannot be sent"),
        (Message.request("layer", x=np.array(3.0)), "x has no axis"),
    ],
)
def test_what_a_line_cannot_carry(message: Message, sentence: str) -> None:
    with pytest.raises(BadMessage, match=sentence):
        encode(message)


def test_without_ml_dtypes_bfloat16_is_opaque_but_the_stream_stays_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    dtype_of.cache_clear()
    protocol._parse_array.cache_clear()
    try:
        stream = io.BytesIO(b"op=forward x:bf2:3 y:f4:1\n" + bytes(10) + b"op=stop\n")
        assert receive(stream).arrays["x"].dtype == "V2"
        assert receive(stream).op == "stop"
    finally:
        dtype_of.cache_clear()
        protocol._parse_array.cache_clear()


def test_what_a_reply_says() -> None:
    refusal = carried(Message.refusal("unsupported", "no backward\nhere"))
    assert (refusal.ok, refusal.words["kind"], refusal.text("text")) == (False, "unsupported", "no backward\nhere")
    assert (refusal.noticed, refusal.text("bound", "none")) == ((), "none")
    assert carried(Message.reply(noticed="x-changed,y-shares-x")).noticed == ("x-changed", "y-shares-x")
