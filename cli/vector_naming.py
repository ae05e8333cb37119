"""The causes of wrong answers in files: each case is a script that was answered, and the search is the usual one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.fixed.answering import component, wrong
from bnspec.fixed.flags import FLAGS
from bnspec.properties.golden import Asked
from bnspec.protocol import Message
from bnspec.reports.diagnosis.diagnose import FINEST, diagnose_answers, key
from bnspec.reports.diagnosis.scripts import PARTS, RUNNING, Answers, Reply, Script, is_edge
from bnspec.reports.record import Diagnosis, Row
from bnspec.reports.rerun import requests
from bnspec.reports.verdict import failures


def diagnoses(questions: Sequence[tuple[str, Asked]], convention: Convention, rows: Sequence[Row]) -> list[Diagnosis]:
    """The causes of the rows that fail, from the answers in the finest dtype in which something does; each comes with its dtype."""
    failing = failures(rows)
    dtype = next((dtype for dtype in FINEST if dtype in {row.dtype for row in failing}), "")
    asked = [one for at, one in questions if at == dtype and one.answers]
    shown = [_answered(one, key(row)) for row in failing for at, one in questions if at == row.dtype and _is_shown(one, row)]
    found = diagnose_answers(rows, [*shown, *map(_answered, asked)], convention)
    return [msgspec.structs.replace(one, where=_flagged(one, asked) or one.where) for one in found]


def _is_shown(asked: Asked, row: Row) -> bool:
    """Whether it is the case that a failing row shows."""
    trace = row.counterexample.trace if row.counterexample else []
    given = [(request.op, request.arrays) for request in requests(trace)]
    own = [(request.op, request.arrays) for request in asked.trace]
    return bool(asked.answers) and [op for op, _ in given] == [op for op, _ in own] and all(map(_alike, given, own))


def _alike(given: tuple[str, Mapping[str, Array]], own: tuple[str, Mapping[str, Array]]) -> bool:
    return all(np.array_equal(given[1].get(name), values, equal_nan=True) for name, values in own[1].items())  # type: ignore[arg-type]


def _answered(asked: Asked, origin: str = "") -> tuple[Script, Answers]:
    """The case as a script, and its answers as replies. What files cannot tell, as whether x was changed, nobody looked at."""
    talk = tuple(asked.trace)
    script = Script(asked.recipe.why, talk, edge=any(map(is_edge, talk)), origin=origin)
    return script, [Reply(arrays, noticed=None) for arrays in _arrays(asked)]


def _arrays(asked: Asked) -> Iterator[Mapping[str, Array]]:
    """The arrays in the reply to each request; those of an answer that is missing or could not be read are left out."""
    call = -1
    for request in asked.trace:
        call += request.op == "forward"
        yield _present(asked, call, request)


def _present(asked: Asked, call: int, request: Message) -> Mapping[str, Array]:
    named = {name: component(asked.answers[call], RUNNING.get(name, name)) for name in PARTS.get(request.op, ())}
    return {name: values for name, values in named.items() if values is not None}


def _flagged(diagnosis: Diagnosis, asked: Sequence[Asked]) -> str:
    """How many of the cases fail that are flagged with the bug; "" where no flag is about it."""
    flag = next((flag for flag in FLAGS.values() if diagnosis.bug in {name.partition(":")[0] for name in flag.bugs}), None)
    if flag is None:
        return ""
    showing = [one for one in asked if flag.name in one.recipe.flags]
    failing = sum(bool(wrong(one.recipe, one.truths, one.answers)) for one in showing)
    return f"Golden cases with the flag {flag.name} ({flag.title}): {failing} of {len(showing)} fail."
