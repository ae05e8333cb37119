"""`bnspec protocol-test`: whether a program's messages are as docs/protocol.md says, one sentence for each that is not."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bnspec.plugs.births import Nursery
from bnspec.plugs.dialogue import Dialogue, NotOffered, Wrong
from bnspec.plugs.program import command_of
from bnspec.plugs.protocol_checks import CHECKS
from bnspec.plugs.protocol_operations import Check
from bnspec.reports.inert import one_line


def run(target: str, timeout: float) -> int:
    """Make every check of the program in a life of its own; the exit code: 0 nothing is wrong, 1 something is, 2 no program."""
    command = command_of(target)
    if command is None:
        print(f"bnspec: {target} is no program; name an executable file by its path, such as ./driver", file=sys.stderr)
        return 2
    wrong, nursery = 0, Nursery()
    try:
        for check in CHECKS:
            verdict, why = outcome(check, nursery, command, timeout)
            wrong += verdict == "wrong"
            print(f"{verdict:11}  {check.__doc__}" + (f"\n{'':13}{one_line(why, 600)}" if why else ""), flush=True)
    finally:
        nursery.close()
    print(f"\n{_summary(wrong)}; bnspec check {target} asks whether its numbers are right")
    return 1 if wrong else 0


def outcome(check: Check, nursery: Nursery, command: Sequence[str], timeout: float) -> tuple[str, str]:
    """What came of one check: "ok", "not offered" or "wrong", and why."""
    try:
        with Dialogue(nursery, command, timeout) as told:
            check(told)
    except NotOffered as refused:
        return "not offered", str(refused)
    except Wrong as trouble:
        return "wrong", str(trouble)
    return "ok", ""


def _summary(wrong: int) -> str:
    if not wrong:
        return "nothing is wrong with its messages"
    return f"{wrong} of {len(CHECKS)} checks say what is wrong with its messages"
