"""A program that speaks the protocol, spoken to line by line: whatever it says wrong is one sentence."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from bnspec.case import Array
from bnspec.plugs.births import Ending, Living, Nursery
from bnspec.plugs.program import FirstToSpeak
from bnspec.plugs.watchdog import Watchdog
from bnspec.protocol import VERSION, BadMessage, Message, code_of, pack, receive

QUIET = 0.02
"""Seconds after a reply in which nothing more may come."""

KINDS = ("unsupported", "error")
"""What a refusal may be."""


class Wrong(Exception):
    """Something that docs/protocol.md does not allow; the message is one sentence."""


class NotOffered(Exception):
    """The program says that it does not offer this, as it may."""


class Dialogue:
    """One life of a program, from its start to whatever ends it."""

    def __init__(self, nursery: Nursery, command: Sequence[str], timeout: float) -> None:
        self._nursery, self._timeout = nursery, timeout
        self._living: Living = nursery.birth(argv=command, stdout=True)
        self._living.replies = self._replies = io.BufferedReader(FirstToSpeak(nursery, self._living), 1 << 16)
        self._watchdog = Watchdog(None)
        self._asked = 0
        self._over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watchdog.close()
        if not self._over:
            self.end()

    def started(self) -> Message:
        """The reply to start."""
        return self.done("start", protocol=VERSION)

    def done(self, op: str, **fields: Any) -> Message:
        """The reply to a request that must be done; raises `NotOffered` where it is not offered, `Wrong` where it is an error."""
        reply = self.ask(op, **fields)
        if reply.ok:
            return reply
        if reply.words["kind"] == "unsupported":
            raise NotOffered(reply.text("text"))
        raise Wrong(f"{op} is answered by an error, where it could be done: {reply.text('text').splitlines()[0]}")

    def refused(self, kind: str, why: str, op: str, **fields: Any) -> None:
        """Raise `Wrong` unless this request is refused, and in this kind."""
        reply = self.ask(op, **fields)
        if reply.ok:
            raise Wrong(f"{why} is to be answered ok=0 kind={kind}; {op} was answered ok=1")
        if reply.words["kind"] != kind:
            raise Wrong(f"{why} is to be answered kind={kind}; {op} was answered kind={reply.words['kind']}")

    def ask(self, op: str, **fields: Any) -> Message:
        """The reply to a request, as it should be made; raises `Wrong` for any other."""
        self.send(self.written(Message.request(op, **fields)), op)
        return self.reply(op)

    def written(self, request: Message) -> bytes:
        """The request as bytes, with the next number."""
        line, payload = pack(request)
        self._asked += 1
        return line + f" id={self._asked}\n".encode() + payload

    def send(self, data: bytes, op: str) -> None:
        """Write bytes; raises `Wrong` where the program does not read them."""
        self._watchdog.arm(self._living.pid, self._timeout)
        try:
            self._living.send(data)
        except OSError:
            raise self._lost(f"does not read its request {op} ({len(data)} bytes) to the end") from None

    def reply(self, op: str, number: int | None = None) -> Message:
        """The next reply, which must be that to the request of this number, the latest if nothing is said."""
        self._watchdog.arm(self._living.pid, self._timeout)
        wanted = str(self._asked if number is None else number)
        try:
            reply = receive(self._replies)
        except EOFError as error:
            what = "promises more bytes than come" if "within an array" in str(error) else "does not come"
            raise self._lost(f"has a reply to {op} that {what}") from None
        except BadMessage as error:
            raise Wrong(f"the reply to {op} is no message: {error}") from None
        self._watchdog.arm(self._living.pid, self._timeout)
        if reply.words.get("id") != wanted:
            raise Wrong(f"the reply to {op} must repeat id={wanted}; it has {_said(reply, 'id')}")
        if reply.words.get("ok") not in ("0", "1"):
            raise Wrong(f"the reply to {op} must have ok=1 or ok=0; it has {_said(reply, 'ok')}")
        if not reply.ok and reply.words.get("kind") not in KINDS:
            raise Wrong(f"a reply with ok=0 must have kind=unsupported or kind=error; that to {op} has {_said(reply, 'kind')}")
        if not reply.ok and not reply.text("text").strip():
            raise Wrong(f"a reply with ok=0 must say why, in an array text:u1:BYTES; that to {op} has none")
        return reply

    def silent(self, op: str) -> None:
        """Raise `Wrong` where something follows a reply that nobody asked for."""
        time.sleep(QUIET)
        os.set_blocking(self._replies.fileno(), False)
        try:
            more = self._replies.peek(1)
        except BlockingIOError:
            return
        finally:
            os.set_blocking(self._replies.fileno(), True)
        raise Wrong(
            f"after the reply to {op} comes {f'more than its line promises: {more[:40]!r}' if more else 'the end of the channel'}"
        )

    def end(self) -> Ending:
        """Close the channel, and how the program then ended."""
        self._over = True
        self._watchdog.disarm()
        self._living.hang_up()
        return self._nursery.reap(self._living.pid)

    @property
    def asked(self) -> int:
        """The number of the latest request."""
        return self._asked

    def _lost(self, what: str) -> Wrong:
        """What is said of a program that has ended, or was ended for its silence."""
        bitten = self._watchdog.disarm()
        ending = self.end()
        how = f"within {self._timeout:g} s" if bitten else f"; it {ending}"
        return Wrong(f"the program {what} {how}".replace(" ;", ";"))


def array(reply: Message, op: str, name: str, shape: tuple[int, ...], dtype: str | None = None) -> Array:
    """An array that a reply must have, of this shape and, where it is said, dtype; raises `Wrong` otherwise."""
    if name not in reply.arrays:
        raise Wrong(f"the reply to {op} must have the array {name}; it has {', '.join(reply.arrays) or 'none'}")
    found = reply.arrays[name]
    if found.shape != shape:
        raise Wrong(f"{name} must have the sizes {_sizes(shape)}; the reply to {op} has {_sizes(found.shape)}")
    if dtype is not None and code_of(found.dtype) != dtype:
        raise Wrong(f"{name} must be {dtype}, as what was sent; the reply to {op} has {code_of(found.dtype)}")
    return found


def same(first: Array, second: Array, why: str) -> None:
    """Raise `Wrong` unless two answers are of the same numbers."""
    if not np.array_equal(first, second, equal_nan=True):
        raise Wrong(why)


def _said(reply: Message, name: str) -> str:
    return f"{name}={reply.words[name]}" if name in reply.words else f"no {name}="


def _sizes(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape))
