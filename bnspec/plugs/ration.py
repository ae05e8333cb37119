"""What a link may spend on children that die, and what it remembers of them, so that a failure can be shrunk in seconds."""

from __future__ import annotations

import hashlib
import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bnspec.plugs.faults import Fault
from bnspec.protocol import Message, pack

RESTARTS = 40
"""Restarts for one property. Shrinking a crash took 26 in the median and 36 at most; with 10 it ends half shrunk."""

RESTART_SECONDS = 10.0
"""Seconds of restarting for one property: fewer restarts where each is slow."""

HANGS = 10
"""Hangs for one property; each costs the whole time limit."""

FULL_WAITS = 3
"""Hangs of a run that may take the whole time limit."""

SAMPLES = 201
"""Latest answers whose times are remembered."""

Outcome = list[Message] | Fault
"""What asking a list of requests comes to."""


@dataclass(frozen=True)
class Packet:
    """A request on its way: its operation, the layer it is about, and its bytes, still without an id.

    makes, takes   what else there is after it, and what else it needs: the layer that a copy makes, the state that is saved
                   or loaded
    """

    op: str
    layer: str
    line: bytes
    payload: bytes
    makes: str = ""
    takes: str = ""

    @classmethod
    def of(cls, request: Message) -> Packet:
        """The request, encoded once, for hashing and for sending."""
        words, state = request.words, f"state {request.words.get('state')}"
        makes = {"copy": words.get("to", ""), "save": state}.get(request.op, "")
        return cls(request.op, words.get("layer", ""), *pack(request), makes, state if request.op == "load" else "")

    def numbered(self, number: int) -> bytes:
        """What is sent; the reply must carry the same id."""
        return b"%b id=%d\n%b" % (self.line, number, self.payload)

    def __len__(self) -> int:
        return len(self.line) + len(self.payload)


@dataclass
class Budget:
    """What is left for the property at hand."""

    restarts: int = RESTARTS
    seconds: float = RESTART_SECONDS
    hangs: int = HANGS

    @property
    def spent(self) -> bool:
        """Whether a dead child must stay dead."""
        return self.restarts <= 0 or self.seconds <= 0 or self.hangs <= 0

    def restarted(self, seconds: float) -> None:
        """A restart was made, and took this long."""
        self.restarts -= 1
        self.seconds -= seconds


class Pace:
    """How long an answer may take: `timeout` seconds, and after a hang what the answers so far suggest.

    The shorter limit is 20 medians but at least 0.2 s, and at least twice the slowest answer there was: a first call that
    compiles is slow again in each new child, and is no hang. It holds for the rest of the property, and for requests that are
    no larger than some that were answered; after `FULL_WAITS` hangs it holds for all.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._times: deque[float] = deque(maxlen=SAMPLES)
        self._slowest = 0.0
        self._largest = 0
        self._hung = False
        self._waits = 0

    def renew(self) -> None:
        """For the next property: what hung in another one says little about its cases."""
        self._hung = False

    def took(self, seconds: float, size: int) -> None:
        """An answer to a request of so many bytes came after this long."""
        self._times.append(seconds)
        self._slowest = max(self._slowest, seconds)
        self._largest = max(self._largest, size)

    def hung(self, limit: float) -> None:
        """An answer did not come within the limit."""
        self._hung = True
        self._waits += limit >= self._timeout

    def limit(self, size: int) -> float:
        """Seconds that the answer to a request of so many bytes may take."""
        hurried = (self._hung and size <= self._largest) or self._waits >= FULL_WAITS
        if not hurried or not self._times:
            return self._timeout
        return min(self._timeout, max(0.2, 20 * statistics.median(self._times), 2 * self._slowest))

    def said(self, limit: float) -> str:
        """A limit in words; a shorter one is explained."""
        if limit >= self._timeout or not self._times:
            return f"{limit:.2g} s"
        return f"{limit:.2g} s, {limit / max(statistics.median(self._times), 1e-9):,.0f} times the usual"


class Memory:
    """Which requests ended a child, so that they need not be asked again, and which layers died with it.

    A request is known by everything its layer was asked before it, since the `layer` request that made it. What was answered
    on the way to a fatal request is remembered too: when the child must stay dead, Hypothesis can still be shown the failure
    that it found, from its first request on.
    """

    def __init__(self) -> None:
        self._histories: dict[str, bytes] = {}
        self._fatal: dict[bytes, Fault] = {}
        self._lost: dict[str, Fault] = {}
        self._talks: dict[str, dict[bytes, Outcome]] = {}
        self._before_fatal: dict[bytes, Outcome] = {}

    def follow(self, packets: Sequence[Packet]) -> bytes:
        """Take note that these are asked now. Returns a key that is the same only for the same requests after the same history."""
        whole = hashlib.blake2b(digest_size=16)
        for packet in packets:
            before = b"" if packet.op == "layer" else self._histories.get(packet.layer, b"")
            history = hashlib.blake2b(before + self._histories.get(packet.takes, b""), digest_size=16)
            history.update(b"%d %b\n" % (len(packet.line), packet.line))
            history.update(packet.payload)
            self._histories[packet.layer] = history.digest()
            if packet.makes:
                self._histories[packet.makes] = history.digest()
            whole.update(history.digest())
        return whole.digest()

    def recall(self, key: bytes, packets: Sequence[Packet]) -> Fault | None:
        """The fault that these requests met before, or that took away a layer which they are about; None: ask."""
        if fault := self._fatal.get(key):
            self._lost |= {packet.layer: fault for packet in packets}
            return fault
        for packet in packets:
            if packet.op == "layer":
                self._lost.pop(packet.layer, None)
            elif lost := self._lost.get(packet.layer) or self._lost.get(packet.takes):
                return lost
            if packet.makes:
                self._lost.pop(packet.makes, None)
        return None

    def answered(self, key: bytes, packets: Sequence[Packet], outcome: Outcome) -> None:
        """These requests were answered, and the child lives."""
        for packet in packets:
            if packet.op == "layer":
                self._talks[packet.layer] = {}
            if packet.makes:
                self._talks[packet.makes] = {}
            self._talks.setdefault(packet.layer, {})[key] = outcome

    def died(self, key: bytes, fault: Fault) -> None:
        """These requests ended the child, and all its layers."""
        self._fatal[key] = fault
        self._lost = dict.fromkeys(self._histories, fault)
        for talk in self._talks.values():
            self._before_fatal |= talk

    def answer_before_fatal(self, key: bytes) -> Outcome | None:
        """What these requests were answered when a fatal one came after them; None where that is not known."""
        return self._before_fatal.get(key)
