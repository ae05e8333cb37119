"""Known deviations: rows that are expected to fail, each with a reason, kept by whoever maintains the implementation.

They never change a verdict. Rows are marked, the record says whether the expectations were met, and an entry that no longer says
what happens is named together with the edit to make: a list that nobody has to clean is a list that nobody can trust.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import msgspec
from packaging.specifiers import SpecifierSet

from bnspec.reading import Unreadable, read_toml
from bnspec.reports.inert import one_line
from bnspec.reports.record import Record, Row, Verdict
from bnspec.reports.trace import ForwardStep
from bnspec.reports.verdict import failures, judge_rows


class BadExpectations(ValueError):
    """A file that is no list of known deviations."""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a deviation applies; what is not said does not matter.

    target   a glob, or several;  dtype: one or several
    rank     of x in the counterexample;  mode: "train" or "infer", what the property asks about
    version  package -> version specifier, such as {torch = ">=2.4,<3"}
    """

    target: str | list[str] | None = None
    dtype: str | list[str] | None = None
    rank: int | list[int] | None = None
    mode: str | None = None
    version: dict[str, str] = msgspec.field(default_factory=dict)


class Fingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the row fails: its status, or one of several; the component that is wrong, the bug it is named as."""

    status: str | list[str] = "fail"
    component: str | None = None
    bug: str | None = None


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry: which property (a glob, or several of which some fail), where, why, with a link and its date, and how it fails."""

    property: str | list[str]
    reason: str
    link: str
    date: datetime.date
    when: When = When()
    fingerprint: Fingerprint = Fingerprint()


class Expectations(msgspec.Struct, frozen=True):
    """The file: `[[deviation]]` entries. Keys that belong to a framework's own description are left to it."""

    deviation: Annotated[list[Deviation], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)


def load(path: Path) -> Expectations:
    """Read a TOML file; raises `BadExpectations` with one sentence where it is none."""
    try:
        return msgspec.toml.decode(read_toml(path), type=Expectations)
    except Unreadable as trouble:
        raise BadExpectations(f"--expect {path} {trouble}") from None
    except RecursionError:
        raise BadExpectations(f"--expect {path} is no list of [[deviation]] entries: it is nested too deeply") from None
    except ValueError as error:  # not TOML, not ours, or a number with too many digits
        raise BadExpectations(f"--expect {path} is no list of [[deviation]] entries: {one_line(str(error))}") from None


def applies(entry: Deviation, row: Row, environment: dict[str, Any]) -> bool:
    """Whether an entry is about this row."""
    return _concerns(entry, row.property, row.dtype, row.scope, environment) and (
        entry.when.rank is None or _rank(row) in _several(entry.when.rank)
    )


def _concerns(entry: Deviation, law: str, dtype: str, scope: Sequence[str], environment: dict[str, Any]) -> bool:
    """Whether an entry is about this row, as far as can be said before its counterexample is known."""
    return any(fnmatchcase(law, glob) for glob in _several(entry.property)) and all(
        (
            entry.when.dtype is None or dtype in _several(entry.when.dtype),
            entry.when.mode is None or any(part in (entry.when.mode, f"grad_{entry.when.mode}") for part in scope),
            all(_installed(environment.get(package), wanted) for package, wanted in entry.when.version.items()),
        )
    )


def about(expectations: Expectations, target: str) -> Expectations:
    """The entries that are for this target."""
    return Expectations(
        [
            entry
            for entry in expectations.deviation
            if entry.when.target is None or any(fnmatchcase(target, glob) for glob in _several(entry.when.target))
        ]
    )


def foreseen(expectations: Expectations, law: str, dtype: str, scope: Sequence[str], environment: dict[str, Any]) -> bool:
    """Whether some entry says that this law will fail in this dtype, at some rank at least. `scope`: what the law asks about."""
    return any(_concerns(entry, law, dtype, scope, environment) for entry in expectations.deviation)


def apply(record: Record, expectations: Expectations) -> Record:
    """The record with its expected rows marked, `expectations` met or unmet, and a warning for every entry that is wrong."""
    expectations = about(expectations, record.target)
    rows, edits = compared(record.results, expectations, record.environment)
    others = [row for row in rows if not row.expected]
    met = not edits and judge_rows(others)[0] == "conformant" if others else not edits
    state = "met" if met else "unmet"
    return msgspec.structs.replace(record, results=rows, expectations=state, warnings=[*record.warnings, *edits])


def compared(results: Sequence[Row], expectations: Expectations, environment: dict[str, Any]) -> tuple[list[Row], list[str]]:
    """The rows, with those marked that fail as some entry says; and for every entry that is wrong the edit to make."""
    rows, used, edits = [], dict.fromkeys(range(len(expectations.deviation)), 0), []
    for row in results:
        mine = [at for at, entry in enumerate(expectations.deviation) if applies(entry, row, environment)]
        failing = failures([row])
        kept = next((at for at in mine if failing and _fails_as(expectations.deviation[at].fingerprint, row)), None)
        if kept is not None:
            used[kept] += 1
            row = msgspec.structs.replace(row, expected=True)
        elif mine and failing:
            edits.append(_differs(expectations.deviation[mine[0]], row))
            used[mine[0]] += 1
        rows.append(row)
    edits += [_stale(expectations.deviation[at], results, environment) for at, count in used.items() if not count]
    return rows, edits


def reason_for(expectations: Expectations, row: Row, environment: dict[str, Any]) -> str:
    """Why this row fails, where it does so as some entry says; else ""."""
    known = (entry for entry in expectations.deviation if applies(entry, row, environment) and _fails_as(entry.fingerprint, row))
    return next((" ".join(entry.reason.split()) for entry in known if failures([row])), "")


def outcome(record: Record) -> Verdict:
    """The verdict that the exit code follows: with expectations, conformant where they are met, and never where they are not."""
    if record.expectations == "met":
        return "conformant"
    return "nonconformant" if record.expectations == "unmet" and record.verdict == "conformant" else record.verdict


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _said(entry: Deviation) -> str:
    return " or ".join(repr(glob) for glob in _several(entry.property))


def _rank(row: Row) -> int | None:
    trace: Sequence[Any] = [] if row.counterexample is None else row.counterexample.trace
    return next((len(step.x.shape) for step in reversed(trace) if isinstance(step, ForwardStep)), None)


def _installed(version: Any, wanted: str) -> bool:
    try:
        return isinstance(version, str) and SpecifierSet(wanted).contains(version, prereleases=True)
    except ValueError:  # no specifier, no version, or more digits than Python reads
        return False


def _fails_as(fingerprint: Fingerprint, row: Row) -> bool:
    component = None if row.counterexample is None else row.counterexample.component
    return row.status in _several(fingerprint.status) and fingerprint.component in (None, component)


def _differs(entry: Deviation, row: Row) -> str:
    component = "" if row.counterexample is None else row.counterexample.component
    now = f'{{ status = "{row.status}"' + (f', component = "{component}" }}' if component else " }")
    said = " or ".join(_several(entry.fingerprint.status))
    return f"expectation {_said(entry)} says {said}, {row.property} ({row.dtype}) is now fingerprint = {now}"


def _stale(entry: Deviation, results: Sequence[Row], environment: dict[str, Any]) -> str:
    about = [row for row in results if applies(entry, row, environment)]
    if not about:
        return f"expectation {_said(entry)} is about no row of this run; correct its property or when, or remove it"
    return f"expectation {_said(entry)} no longer fails ({about[0].property}, {about[0].dtype}: {about[0].status}); remove it"
