"""The record: what a run leaves behind. Every page, JUnit file and script is made from it alone."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from bnspec.reports.trace import Number, Shows, Step, Values, Word

SCHEMA = "bnspec-report/1"
"""The form of one record; the number moves when a reader of the old form would misread the new one."""

SCHEMA_OF_SEVERAL = "bnspec-reports/1"
"""The form of a file that holds the records of several targets, in the order they were asked."""

Level = Literal["required", "recommended"]
Status = Literal["pass", "fail", "error", "crash", "timeout", "flaky", "unsupported", "vacuous", "cut", "not-run"]
Verdict = Literal["conformant", "nonconformant", "inconclusive"]


class BadRecord(ValueError):
    """A file that is not a record of ours: broken, foreign, or of another version."""


class Counterexample(msgspec.Struct, frozen=True, kw_only=True):
    """The shrunk failure: the calls that lead to it, and the one number that tells most.

    message    the judge's own words, several lines
    component  what is wrong: y, running_mean, running_var, dx, dgamma, dbeta, state, ...
    index      where in that array; None for the whole
    ratio      error / bound: above 1 is wrong
    expected, tolerance   the whole array that `shows` should have been, and how far it may be off; no tolerance: to the bit
    """

    message: str
    component: str = ""
    index: list[int] | None = None
    got: Number | None = None
    want: Number | None = None
    error: Number | None = None
    bound: Number | None = None
    ratio: Number | None = None
    trace: list[Step] = msgspec.field(default_factory=list)
    shows: Shows | None = None
    expected: Values | None = None
    tolerance: Values | None = None


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One law asked of one dtype.

    scope        the parts of the layer that it asks about: train, infer, running, grad_train, grad_infer
    title, law   the law as a sentence, and the first lines of its docstring;  against: the mistakes it stands against
    examples     cases that ran;  informative: those that could have told right from wrong;  declined: those not offered
    worst_ratio  the largest error / bound seen, also on a pass
    expected     a known deviation says that this row fails
    """

    property: Word
    chapter: str
    dtype: Word
    level: Level
    status: Status
    expected: bool = False
    scope: list[str] = msgspec.field(default_factory=list)
    title: str = ""
    law: str = ""
    against: list[str] = msgspec.field(default_factory=list)
    examples: int = 0
    informative: int = 0
    declined: int = 0
    worst_ratio: Number = 0.0
    seconds: float = 0.0
    reason: str = ""
    counterexample: Counterexample | None = None
    repro: str | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A bug that explains some of the observations."""

    bug: str
    agrees: int
    of: int


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, by name where the evidence names it: the bug reproduces `agrees` of `of` observations."""

    bug: str | None
    components: list[str]
    confident: bool
    agrees: int = 0
    of: int = 0
    candidates: list[Candidate] = msgspec.field(default_factory=list)
    explains: list[str] = msgspec.field(default_factory=list)
    text: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """One run against one target.

    suite, laws  version of bnspec, and of its set of laws
    opening      what came of loading the target, where that failed and nothing could be asked: a status of `Fault`; else ""
    bound        two lines: how the target was called
    assurance    what a run like this would have caught, of the bugs that are known as code
    adapter      Python source of the adapter used, complete in itself; it defines `class Adapter` with `layer(setup)`
    """

    suite: str
    laws: str
    target: str
    verdict: Verdict
    scope: list[str]
    reason: str
    opening: Literal["", "error", "crash", "timeout", "unsupported"] = ""
    grades: dict[str, str] = msgspec.field(default_factory=dict)
    expectations: Literal["met", "unmet", "none"] = "none"
    convention: dict[str, Any] = msgspec.field(default_factory=dict)
    bound: list[str] = msgspec.field(default_factory=list)
    profile: str = ""
    dtypes: list[str] = msgspec.field(default_factory=list)
    environment: dict[str, Any] = msgspec.field(default_factory=dict)
    seed: int = 0
    seconds: float = 0.0
    diagnoses: list[Diagnosis] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)
    assurance: str = ""
    results: list[Row] = msgspec.field(default_factory=list)
    adapter: str = ""


class Records(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA_OF_SEVERAL):
    """The records of several targets in one file."""

    reports: list[Record]


def save(records: Record | Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write one record, or several in one file, as indented JSON; a reader sees the old file or the new one, never half of it."""
    document = records if isinstance(records, Record) else Records(reports=list(records))
    write_atomically(Path(path), msgspec.json.format(as_json(document), indent=2) + b"\n")


def as_json(document: Any) -> bytes:
    """A record, or a part of one, as JSON in one line; infinities and NaN as the words that `Number` reads."""
    return msgspec.json.encode(_words_for_nonfinite(msgspec.to_builtins(document)))


def load(path: str | os.PathLike[str]) -> list[Record]:
    """The records in this file, one or several; `BadRecord` with one sentence where it holds none."""
    try:
        plain = msgspec.json.decode(Path(path).read_bytes())
    except OSError as error:
        raise BadRecord(f"{path} cannot be read: {error.strerror}; give the file that --json wrote") from None
    except msgspec.DecodeError as error:
        raise BadRecord(f"{path} is not JSON ({error}); give the file that --json wrote") from None
    schema = plain.get("schema") if isinstance(plain, dict) else None
    if schema not in (SCHEMA, SCHEMA_OF_SEVERAL):
        said = "has no schema" if schema is None else f"has schema {schema!r}"
        raise BadRecord(f"{path} {said}; this bnspec reads {SCHEMA!r} and {SCHEMA_OF_SEVERAL!r}")
    try:
        document = msgspec.convert(plain, Record | Records)
    except msgspec.ValidationError as error:
        raise BadRecord(f"{path} says it is {schema!r} but is not: {error}") from None
    return [document] if isinstance(document, Record) else document.reports


def json_schema() -> dict[str, Any]:
    """The JSON Schema of what `save` writes."""
    return msgspec.json.schema(Record | Records)


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside `path` and move over it in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _words_for_nonfinite(plain: Any) -> Any:
    if isinstance(plain, float):
        return plain if math.isfinite(plain) else repr(plain)
    if isinstance(plain, dict):
        return {key: _words_for_nonfinite(value) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_words_for_nonfinite(value) for value in plain]
    return plain
