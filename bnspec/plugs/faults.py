"""The ways in which a question goes unanswered."""

from __future__ import annotations

from typing import Literal

from bnspec.protocol import Message

Status = Literal["error", "crash", "timeout", "unsupported"]


MAX_TEXT = 8000
"""Characters of a refusal that are kept. What the Python end says is shorter; others may say what they like."""


class Fault(Exception):
    """A request had no answer.

    status   "error": it said so; "unsupported": it does not offer this; "crash": it died; "timeout": it was too slow and was ended
    text     what it said, or how it died and its last words
    op       the operation that was asked
    trace    the requests that led to it, where whoever asked has written them down
    """

    def __init__(self, status: Status, text: str, op: str) -> None:
        super().__init__(status, text, op)
        self.status: Status = status
        self.text = text
        self.op = op
        self.trace: list[Message] = []

    def __str__(self) -> str:
        return f"{self.op}: {self.status}: {self.text}"


class BudgetSpent(Exception):
    """The child is dead and must not be started again for this property. The case at hand was not asked, and says nothing."""


def deliver(outcome: list[Message] | Fault) -> list[Message]:
    """The replies, or the fault, raised. All faults of all links are raised here, on one line:

    Hypothesis tells failures apart by the type and the line of the exception. A crash that is new and the same crash
    remembered would be two failures to it, if they came from two lines, and it would call both flaky.
    """
    if isinstance(outcome, Fault):
        raise Fault(outcome.status, outcome.text, outcome.op)
    return outcome


def opening(outcome: list[Message] | Fault) -> list[Message] | Fault:
    """The outcome of the first request of all. Where it is a death or a silence, it says that this was while loading."""
    if not isinstance(outcome, Fault) or outcome.status not in ("crash", "timeout"):
        return outcome
    said, _, more = outcome.text.partition("\n")
    sentence = f"its process {said}" if outcome.status == "crash" else f"{said}, three times --timeout"
    return Fault(outcome.status, f"it cannot be loaded: {sentence}\n{more}".rstrip(), outcome.op)


def refusal_in(replies: list[Message], ops: list[str]) -> Fault | None:
    """The fault that the first bad reply tells of."""
    for reply, op in zip(replies, ops, strict=False):
        if not reply.ok:
            status: Status = "unsupported" if reply.words.get("kind") == "unsupported" else "error"
            return Fault(status, reply.text("text", "no reason was given")[:MAX_TEXT], op)
    return None
