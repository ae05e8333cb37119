"""The messages between judge and judged: one ASCII line of words, then the raw bytes of the arrays that the line names.

    op=forward layer=1 training=1 layout=contiguous x:f4:4,3 id=7⏎
    <48 bytes: x, little-endian, in C order>

docs/protocol.md describes them for drivers in other languages. Both ends in Python read and write them with this file.
"""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any, BinaryIO

import numpy as np

from bnspec.case import Array

VERSION = 1
"""Spoken by both ends or by neither: `start` carries it, and an end that does not speak it answers with an error."""

MAX_LINE = 1 << 16
"""Bytes a line of words may have; a longer one is noise, not a message."""

MAX_PAYLOAD = 1 << 30
"""Bytes of arrays that one message may carry; a line that promises more is noise, and is not waited for."""

ROOM = 1 << 20
"""Bytes that any answer may have, whatever was asked: a text, an adapter's source."""

ROOM_FOR_EACH = 16
"""Bytes of an answer for each byte of its request, beside `ROOM`: four times what the widest dtype can need."""

PLAIN_DTYPES = {"f2": "float16", "f4": "float32", "f8": "float64", "i4": "int32", "i8": "int64", "u1": "uint8"}
"""Codes of the dtypes that NumPy has itself. The seventh code, bf2, is bfloat16 and comes from the package ml_dtypes."""

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_SIZES = re.compile(r"[0-9]{1,10}(,[0-9]{1,10}){0,15}")


class BadMessage(ValueError):
    """These words or bytes are not a message; the sentence says which of them, and what was expected."""


@cache
def dtype_of(code: str) -> np.dtype[Any]:
    """The little-endian dtype of a code. Without ml_dtypes bf2 is two opaque bytes, so that a reader still keeps in step.

    Raises `BadMessage` for a code that there is not.
    """
    if code == "bf2":
        try:
            bfloat16: np.dtype[Any] = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
        except ImportError:
            return np.dtype("V2")
        return bfloat16
    if code not in PLAIN_DTYPES:
        raise BadMessage(f"a dtype is one of {', '.join(PLAIN_DTYPES)}, bf2; got {code!r}")
    little: np.dtype[Any] = np.dtype(PLAIN_DTYPES[code]).newbyteorder("<")
    return little


@cache
def code_of(dtype: np.dtype[Any]) -> str:
    """The code of a dtype, whichever its byte order. Raises `BadMessage` for a dtype that has no code."""
    for code, name in (*PLAIN_DTYPES.items(), ("bf2", "bfloat16")):
        if dtype.name == name:
            return code
    raise BadMessage(
        f"an array of dtype {dtype.name} cannot be sent; cast it to one of {', '.join(PLAIN_DTYPES.values())} or bfloat16"
    )


@dataclass(frozen=True, eq=False)
class Message:
    """One request or reply: words (name to text without spaces) and arrays (name to array), each in the order sent."""

    words: Mapping[str, str]
    arrays: Mapping[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Message:
        """A message of plain values: arrays travel as arrays, truth values as 0 and 1, floats as their shortest
        round-trip decimals, None not at all. Free text is wrapped by `text_array`.
        """
        arrays = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
        words = {name: _word(value) for name, value in fields.items() if value is not None and name not in arrays}
        return cls(words, arrays)

    @classmethod
    def request(cls, op: str, **fields: Any) -> Message:
        """`Message.request("forward", layer=1, training=True, layout="contiguous", x=x)`."""
        return cls.of({"op": op, **fields})

    @classmethod
    def reply(cls, **fields: Any) -> Message:
        """The answer of a request that could be done; the names whose value is None are left out."""
        return cls.of({"ok": True, **fields})

    @classmethod
    def refusal(cls, kind: str, text: str) -> Message:
        """The answer of a request that could not be done: kind "error" or "unsupported", and one sentence or more."""
        return cls.of({"ok": False, "kind": kind, "text": text_array(text)})

    @property
    def op(self) -> str:
        """The operation of a request; "" in a reply."""
        return self.words.get("op", "")

    @property
    def ok(self) -> bool:
        """Whether a reply says that its request was done."""
        return self.words.get("ok") == "1"

    @property
    def noticed(self) -> tuple[str, ...]:
        """The words of a reply's `noticed=`, such as "x-changed"; docs/protocol.md defines them."""
        said = self.words.get("noticed", "")
        return tuple(said.split(",")) if said else ()

    def text(self, name: str, default: str = "") -> str:
        """The free text under `name`, bytes that are no UTF-8 replaced; `default` where there is none."""
        array = self.arrays.get(name)
        return default if array is None else array.tobytes().decode("utf-8", errors="replace")


def text_array(text: str) -> Array:
    """Free text as it travels: UTF-8 in a u1 array; lone surrogates, which UTF-8 has no bytes for, become "?"."""
    return np.frombuffer(text.encode("utf-8", errors="replace"), np.uint8)


def encode(message: Message) -> bytes:
    """The message as bytes, ready to be written. Raises `BadMessage` for what a line of words cannot carry."""
    line, payload = pack(message)
    return line + b"\n" + payload


def pack(message: Message) -> tuple[bytes, bytes]:
    """The line of words without its end, so that an id can still be added, and the bytes of the arrays."""
    words = [f"{name}={text}" for name, text in message.words.items()]
    names = [f"{name}:{code_of(array.dtype)}:{_sizes(name, array)}" for name, array in message.arrays.items()]
    line = " ".join(words + names)
    if not (line.isascii() and line.isprintable()) or line.count(" ") != len(words) + len(names) - 1:
        raise BadMessage(f"words are printable ASCII without spaces, free text is a u1 array; got {line!r}")
    return line.encode(), b"".join([_little_endian(array).tobytes() for array in message.arrays.values()])


def room(asked: int) -> int:
    """Bytes of arrays that the answer to a request of `asked` bytes may have; what is larger is no answer, and is not read."""
    return min(MAX_PAYLOAD, ROOM + ROOM_FOR_EACH * asked)


def receive(stream: BinaryIO, limit: int = MAX_PAYLOAD) -> Message:
    """The next message of a binary stream, its arrays of at most `limit` bytes in all; they are read-only.

    Raises EOFError where the stream ends, also within a message, and `BadMessage` for a line that is none: after that the
    stream is of no more use, since nobody knows how many bytes belonged to it.
    """
    line = stream.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        if len(line) == MAX_LINE:
            raise BadMessage(f"a line of words ends within {MAX_LINE} bytes; got {line[:60]!r}...")
        raise EOFError("the stream ended")
    words, shapes = _parse(line)
    # A size of 0 counts as 1 here: NumPy makes no array whose other sizes multiply to more than memory could hold.
    _check_size((dtype.itemsize * math.prod(max(size, 1) for size in shape) for dtype, shape in shapes.values()), limit)
    return Message(words, {name: _read_array(stream, dtype, shape) for name, (dtype, shape) in shapes.items()})


def _word(value: object) -> str:
    """A value as the text of a word."""
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def _sizes(name: str, array: Array) -> str:
    """The shape of an array as the line writes it."""
    if not array.ndim:
        raise BadMessage(f"{name} has no axis; a single number is sent as an array of one")
    return ",".join(map(str, array.shape))


def _little_endian(array: Array) -> Array:
    """The same values in the byte order of the wire; no copy where they are in it already, as on most machines."""
    return array.astype(dtype_of(code_of(array.dtype)), copy=False)


def _parse(line: bytes) -> tuple[dict[str, str], dict[str, tuple[np.dtype[Any], tuple[int, ...]]]]:
    """The words of a line, and the dtype and shape of each array that it names."""
    words: dict[str, str] = {}
    shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
    for word in _ascii(line).split():
        name, equals, text = word.partition("=")
        if not equals:
            name, dtype, shape = _parse_array(word)
            shapes[name] = dtype, shape
        elif _NAME.fullmatch(name):
            words[name] = text
        else:
            raise BadMessage(f"a word is name=value, its name of small letters, digits and _; got {word[:60]!r}")
    if len(words) + len(shapes) != len(line.split()) or words.keys() & shapes.keys():
        raise BadMessage(f"a message names each thing once; got {line[:200]!r}")
    return words, shapes


def _ascii(line: bytes) -> str:
    try:
        return line.decode("ascii")
    except UnicodeDecodeError:
        raise BadMessage(f"a message begins with a line of ASCII words; got {line[:60]!r}") from None


@lru_cache(maxsize=1024)
def _parse_array(word: str) -> tuple[str, np.dtype[Any], tuple[int, ...]]:
    parts = word.split(":")
    if len(parts) != 3 or not _NAME.fullmatch(parts[0]) or not _SIZES.fullmatch(parts[2]):
        raise BadMessage(f"a word is name=value or, for an array, name:dtype:sizes such as x:f4:4,3; got {word[:60]!r}")
    return parts[0], dtype_of(parts[1]), tuple(map(int, parts[2].split(",")))


def _check_size(sizes: Iterable[int], limit: int) -> None:
    if (total := sum(sizes)) > limit:
        raise BadMessage(f"the arrays of this message have at most {limit} bytes; these would have {total}")


def _read_array(stream: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    size = dtype.itemsize * math.prod(shape)
    payload = stream.read(size)
    if len(payload) < size:
        raise EOFError("the stream ended within an array")
    return np.ndarray(shape, dtype, payload)
