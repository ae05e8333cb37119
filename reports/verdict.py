"""The verdict: what the rows of a run come to, how far it reaches, and the exit code that says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bnspec.reports.record import Row, Verdict

SCOPE = ("train", "infer", "running", "grad_train", "grad_infer")
"""The parts of a BatchNorm that a verdict can speak of, in the order they are shown."""

FAILING = frozenset({"fail", "error", "crash", "timeout", "flaky"})
"""The law was asked and does not hold."""

UNDECIDED = frozenset({"vacuous", "cut", "not-run"})
"""The law applies, and the run cannot say whether it holds: never a pass."""

EXIT_CODES = {"conformant": 0, "nonconformant": 1, "inconclusive": 2}


def judge_rows(rows: Sequence[Row]) -> tuple[Verdict, list[str], str]:
    """(verdict, scope, reason): only required rows decide, and an unsupported one narrows the scope instead.

    The scope lists the parts for which some required row passed or failed. The reason is one sentence.
    """
    required = [row for row in rows if row.level == "required"]
    scope = scope_of(required)
    applicable = [row for row in required if row.status != "unsupported"]
    if any(row.status in FAILING for row in required):
        return "nonconformant", scope, _why_not(required)
    if not applicable:
        return "inconclusive", scope, "No required law could be asked, so nothing is known"
    if open_rows := [row for row in applicable if row.status in UNDECIDED]:
        return "inconclusive", scope, _what_is_open(open_rows, applicable)
    if not {"train", "infer"} & set(scope):
        return "inconclusive", scope, "Neither the training forward pass nor inference could be asked"
    return "conformant", scope, _what_holds(rows, applicable)


def scope_of(required: Iterable[Row]) -> list[str]:
    """The parts for which some row passed or failed rather than was unsupported or left undecided."""
    asked = {part for row in required if row.status == "pass" or row.status in FAILING for part in row.scope}
    return [part for part in SCOPE if part in asked] + sorted(asked - set(SCOPE))


def failures(rows: Iterable[Row]) -> list[Row]:
    """The rows that do not hold, in the order of the record; failure K is the K-th, counted from 1."""
    return [row for row in rows if row.status in FAILING]


def exit_code(verdicts: Iterable[Verdict]) -> int:
    """0 conformant, 1 nonconformant, 2 inconclusive; of several, 1 beats 2 beats 0; of none, 2."""
    codes = {EXIT_CODES[verdict] for verdict in verdicts} or {2}
    return min(codes & {1, 2}, default=0)


def title_of(row: Row) -> str:
    """The law as a sentence; a row without a title has its property's name, which reads as one."""
    return row.title or row.property.replace("_", " ")


def _laws(rows: Iterable[Row]) -> int:
    return len({(row.chapter, row.property) for row in rows})


def _why_not(required: Sequence[Row]) -> str:
    failing = failures(required)
    first = failing[0]
    asked = _laws(row for row in required if row.status != "unsupported")
    verb = "fails" if _laws(failing) == 1 else "fail"
    return f"{_laws(failing)} of {asked} required laws {verb}; first: {title_of(first)} ({first.chapter}, {first.dtype})"


def _what_is_open(open_rows: Sequence[Row], applicable: Sequence[Row]) -> str:
    first = open_rows[0]
    verb = "is" if _laws(open_rows) == 1 else "are"
    counted = f"{_laws(open_rows)} of {_laws(applicable)} required laws {verb} undecided"
    return f"{counted}; first: {title_of(first)} ({first.dtype}: {first.status})"


def _what_holds(rows: Iterable[Row], applicable: Sequence[Row]) -> str:
    advice = _laws(row for row in failures(rows) if row.level == "recommended")
    beside = f"; {advice} recommended {'one does' if advice == 1 else 'ones do'} not" if advice else ""
    return f"All {_laws(applicable)} required laws hold{beside}"
