"""Where an implementation may say no: an error on something unusual, loud and in place of an answer, is a capability it lacks."""

from __future__ import annotations

from collections.abc import Callable

from bnspec.case import Case
from bnspec.plugs.faults import Fault
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.stage import Refused


def unless_refused(bn: Subject, usual: Case, ask: Callable[[], Answer], what: str) -> Answer:
    """The answer of `ask`; raises `Refused` where it is an error and the `usual` case is answered all the same."""
    try:
        return ask()
    except Fault as fault:
        if fault.status != "error":
            raise
        bn.train(usual)
        raise Refused(f"{what}: refused with {fault.text.splitlines()[0]}") from None
