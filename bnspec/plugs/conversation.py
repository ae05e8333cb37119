"""One layer of an implementation, through a sequence of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnspec.case import Array, Gradients
from bnspec.plugs.faults import Fault
from bnspec.protocol import Message

if TYPE_CHECKING:
    from bnspec.plugs.subject import Subject


class Conversation:
    """One layer of the subject, through a sequence of calls."""

    def __init__(self, subject: Subject, number: int) -> None:
        self._subject = subject
        self._number = number

    def forward(self, x: Array, *, training: bool, layout: str = "contiguous") -> Array:
        """y for x; the layer's state moves in training."""
        request = Message.request("forward", layer=self._number, training=int(training), layout=layout, x=x)
        return self._subject.ask([request])[0].arrays["y"]

    def backward(self, dy: Array, *, layout: str = "contiguous") -> Gradients:
        """The gradients of the latest forward."""
        request = Message.request("backward", layer=self._number, layout=layout, dy=dy)
        return gradients_in(self._subject.ask([request])[0])

    def running(self) -> tuple[Array, Array]:
        """(running_mean, running_var) as they are now."""
        reply = self._subject.ask([Message.request("running", layer=self._number)])[0]
        return reply.arrays["mean"], reply.arrays["var"]

    def copy(self, how: str) -> Conversation:
        """Another layer, made of this one as it is now by `how`, "deepcopy" or "pickle"."""
        number = self._subject.new_number()
        self._ask_optional(Message.request("copy", layer=self._number, to=number, how=how))
        return Conversation(self._subject, number)

    def save(self) -> int:
        """The number under which the judged end keeps what the layer holds now."""
        number = self._subject.new_number()
        self._ask_optional(Message.request("save", layer=self._number, state=number))
        return number

    def load(self, state: int) -> None:
        """Take over what another layer of the same size has saved."""
        self._ask_optional(Message.request("load", layer=self._number, state=state))

    def offers(self, op: str) -> bool:
        """Whether it is worth asking for an optional operation: the judged end has not said that no layer offers it."""
        return self._subject.link.started.words.get(op) != "0"

    @property
    def latest(self) -> int:
        """The place in the trace of the latest call, for a failure to point at."""
        return len(self._subject.trace) - 1

    def _ask_optional(self, request: Message) -> None:
        """Ask for what a layer need not offer. A refusal is a `Fault` and no part of the trace: a script would end there."""
        try:
            self._subject.ask([request])
        except Fault as fault:
            if fault.status == "unsupported":
                self._subject.trace.pop()
            raise


def gradients_in(reply: Message) -> Gradients:
    """The gradients in a reply to backward."""
    return Gradients(reply.arrays["dx"], reply.arrays.get("dgamma"), reply.arrays.get("dbeta"))
