"""Asking another process: send, await, bury, start again."""

from __future__ import annotations

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

from bnspec.plugs.births import Ending, Living, Nursery, NurseryDied
from bnspec.plugs.faults import BudgetSpent, Fault, deliver, opening, refusal_in
from bnspec.plugs.nurseries import dismissed, engaged
from bnspec.plugs.ration import Budget, Memory, Outcome, Pace, Packet
from bnspec.plugs.watchdog import Watchdog
from bnspec.protocol import VERSION, BadMessage, Message, receive, room

AHEAD = 16 * 1024
"""Bytes of requests that may be sent before the first answer is read.

Both ends can block for ever on two full pipes: the child writing an answer that the judge does not read, the judge writing
a request that the child does not read. It cannot happen while everything that is sent ahead fits into the empty request
pipe, since then the judge never blocks in writing: it always comes to reading, the child's answers drain, and the child,
which reads a whole request before it answers, comes to the next. A pipe holds 64 KiB on Linux and 16 KiB at first on macOS.
Longer lists go one by one: a request and its answer never travel at the same time, so that any size will do.
"""

START_PATIENCE = 3.0
"""Time limits that the answer to start may take: it waits for the imports of a framework."""

QUOTED = 200
"""Characters of a wrong reply that are shown."""

FAREWELL = 1.0
"""Seconds that a child may take over stop."""


class Remote(ABC):
    """A link to a process that is started, and started again after a crash or a hang.

    started   its latest reply to start
    ending    how the latest process that ended did so
    """

    def __init__(self, *, timeout: float, asks_where: signal.Signals | None, preload: Sequence[str] = ()) -> None:
        self._timeout = timeout
        self._nursery = engaged(preload)
        self._watchdog = Watchdog(asks_where)
        self._living: Living | None = None
        self._memory = Memory()
        self._budget = Budget()
        self._pace = Pace(timeout)
        self._limit = timeout
        self._asked = 0
        self.started = Message({})
        self.ending = Ending(code=None)
        try:
            deliver(opening(self._open()))
        except BaseException:
            self.close()
            raise

    @abstractmethod
    def _birth(self, nursery: Nursery, *, careful: bool = False) -> Living:
        """A new process. `self.started` is how the one before it answered start, without words where there was none.

        It is to be careful where the fork server has just died of the same order.
        """

    def ask(self, requests: Sequence[Message]) -> list[Message]:
        """The replies to all requests, in order. Raises `Fault` for the first request that has none, `BudgetSpent` where
        the child is dead and the budget of the property is spent.

        A list that ended the child before, after the same history of its layers, raises the same fault again without being
        asked; so does every request about a layer that died with the child or in such a list, until it is made anew.
        """
        return deliver(self._outcome([Packet.of(request) for request in requests]))

    def renew(self) -> None:
        """A fresh budget, for the next property; what is known of fatal requests stays known."""
        self._budget = Budget()
        self._pace.renew()

    def hasten(self, seconds: float) -> None:
        """From now on an answer may take only so long; a start, which waits for imports, as long as before."""
        self._pace = Pace(min(seconds, self._timeout))

    def close(self) -> None:
        """End the process and everything it started."""
        if self._living:
            self._exchange([Packet.of(Message.request("stop"))], FAREWELL)
        if self._living:
            self._living.hang_up()
            self._living = None
        self._watchdog.close()
        dismissed(self._nursery)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _outcome(self, packets: list[Packet]) -> Outcome:
        key = self._memory.follow(packets)
        if fault := self._memory.recall(key, packets):
            return fault
        if self._living is None:
            if self._budget.spent and (known := self._memory.answer_before_fatal(key)):
                return known
            if isinstance(failed := self._restart(), Fault):
                return failed
        outcome = self._exchange(packets)
        if self._living is None and isinstance(outcome, Fault):
            self._memory.died(key, outcome)
        else:
            self._memory.answered(key, packets, outcome)
        return outcome

    def _open(self) -> Outcome:
        """The first start."""
        return self._start()

    def _start(self) -> Outcome:
        try:
            self._living = self._birth(self._nursery)
        except NurseryDied:
            self._replace_nursery()
            self._living = self._birth(self._nursery, careful=True)
        outcome = self._exchange([Packet.of(Message.request("start", protocol=VERSION))], START_PATIENCE * self._timeout)
        if not isinstance(outcome, Fault):
            self.started = outcome[0]
        elif self._living:  # it says that it has nothing to be asked about
            self._bury(self._living, outcome.op, EOFError())
        return outcome

    def _restart(self) -> Outcome:
        if self._budget.spent:
            raise BudgetSpent("the child is dead, and the budget of restarts and hangs for this property is spent")
        begun = time.monotonic()
        outcome = self._start()
        self._budget.restarted(time.monotonic() - begun)
        return outcome

    def _exchange(self, packets: list[Packet], limit: float | None = None) -> Outcome:
        """Send the requests and read their replies, each within `limit` seconds; a child that fails in it is buried."""
        living, replies, ops = self._living, list[Message](), [packet.op for packet in packets]
        assert living
        self._limit = limit or self._pace.limit(max(map(len, packets)))
        fault = None
        try:
            for batch in batches(packets):
                self._watchdog.arm(living.pid, self._limit)
                first, self._asked = self._asked, self._asked + len(batch)
                living.send(b"".join(packet.numbered(number) for number, packet in enumerate(batch, first)))
                for number, packet in enumerate(batch, first):
                    replies.append(self._receive(living, packet, number))
                if fault := refusal_in(replies, ops):
                    break
        except (EOFError, OSError, BadMessage) as error:
            return self._bury(living, ops[len(replies)], error)
        except BaseException:  # Ctrl-C between a request and its reply: what comes next on the pipe answers nobody's question
            self._bury(living, ops[-1], EOFError())
            raise
        if self._watchdog.disarm():
            return self._bury(living, ops[len(replies) - 1], TimeoutError())
        return fault or replies

    def _receive(self, living: Living, packet: Packet, number: int) -> Message:
        begun = time.monotonic()
        self._watchdog.arm(living.pid, self._limit)
        reply = receive(living.replies, room(len(packet)))
        if self._watchdog.bitten:  # woken by the question where it is, as some system calls are, it answered after all
            raise TimeoutError
        if packet.layer:
            self._pace.took(time.monotonic() - begun, len(packet))
        words = dict(reply.words)
        if words.pop("id", "") != str(number):
            raise BadMessage(f"each request has one reply, after it and with its id; got another one: {str(words)[:QUOTED]}")
        return Message(words, reply.arrays)

    def _bury(self, living: Living, op: str, error: BaseException) -> Fault:
        """The fault that the end of this child is; the child is gone afterwards."""
        bitten = self._watchdog.disarm() or isinstance(error, TimeoutError)
        living.hang_up()
        self._living = None
        begun = time.monotonic()
        try:
            self.ending = ending = self._nursery.reap(living.pid)
        except NurseryDied:
            self._replace_nursery()
            self.ending = ending = Ending(code=None)
        self._budget.seconds -= time.monotonic() - begun
        if isinstance(error, BadMessage):
            return Fault("error", f"the answer is not a message of the protocol: {error}{ending.last_words()}", op)
        if bitten and ending.code in (-signal.SIGKILL, -signal.SIGUSR2):
            self._budget.hangs -= 1
            self._pace.hung(self._limit)
            return Fault("timeout", f"no answer within {self._pace.said(self._limit)}{ending.last_words()}", op)
        return Fault("crash", str(ending), op)

    def _replace_nursery(self) -> None:
        self._nursery.close()
        self._nursery = Nursery()


def batches(packets: Sequence[Packet]) -> Iterator[Sequence[Packet]]:
    """The lists of requests that are sent together: all of them while they are small, else each alone. See `AHEAD`."""
    if sum(map(len, packets)) <= AHEAD:
        yield packets
    else:
        yield from ([packet] for packet in packets)
