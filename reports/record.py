"""The record: what a run leaves behind. Every page, JUnit file and script is made from it alone."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from bnspec import __version__
from bnspec.reading import Unreadable, read_text
from bnspec.reports.inert import one_line
from bnspec.reports.trace import DIMENSIONS, Count, Number, Shows, Step, Values, Whole, Word

SCHEMA = "bnspec-report/1"
"""The form of one record; the number moves when a reader of the old form would misread the new one."""

SCHEMA_OF_SEVERAL = "bnspec-reports/1"
"""The form of a file that holds the records of several targets, in the order they were asked."""

LARGEST_FILE = 64 << 20
"""Bytes of a file of records, each of which comes to some 150 KiB."""

Texts = Annotated[list[str], msgspec.Meta(max_length=1000)]
"""Lines that a page shows one by one."""

Plain = str | Whole | float | bool | None
Choice = Plain | list[Plain] | dict[str, Plain]
"""A choice of a convention, as JSON has it: nested no deeper."""

Seconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
"""A time, so short that sums of them stay finite; a row that never began has come out a little below zero."""

Dtype = Literal["float16", "bfloat16", "float32", "float64"]
"""The dtypes that laws are asked in."""

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
    index: Annotated[list[Whole], msgspec.Meta(max_length=DIMENSIONS)] | None = None
    got: Number | None = None
    want: Number | None = None
    error: Number | None = None
    bound: Number | None = None
    ratio: Number | None = None
    trace: Annotated[list[Step], msgspec.Meta(max_length=10_000)] = msgspec.field(default_factory=list)
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
    grade        of a law about the fixed cases: the accuracy of what it judged, a letter; else ""
    worst        in the deep profile, the right answer that came nearest to its bound: like a counterexample, its ratio below 1
    climb        after how many cases the worst ratio became how large: (cases, ratio), both growing
    """

    property: Word
    chapter: str
    dtype: Dtype
    level: Level
    status: Status
    expected: bool = False
    scope: Texts = msgspec.field(default_factory=list)
    title: str = ""
    law: str = ""
    against: Texts = msgspec.field(default_factory=list)
    examples: Count = 0
    informative: Count = 0
    declined: Count = 0
    worst_ratio: Number = 0.0
    seconds: Seconds = 0.0
    reason: str = ""
    counterexample: Counterexample | None = None
    repro: Annotated[str, msgspec.Meta(pattern=r"^repro_[A-Za-z0-9_]+\.py$(?!\n)")] | None = None
    grade: Literal["", "A", "B", "C", "H", "F"] = ""
    worst: Counterexample | None = None
    climb: Annotated[list[tuple[Count, Number]], msgspec.Meta(max_length=10_000)] = msgspec.field(default_factory=list)


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A bug that explains some of the observations."""

    bug: str
    agrees: int
    of: int


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, by name where the evidence names it: the bug reproduces `agrees` of `of` observations.

    bug          slug of a bug in the catalogue; None: of no bug that is known, `text` describes what was seen
    form         which way of writing it, where the catalogue has several; else ""
    candidates   the bugs that reproduce most, the best first; also of a diagnosis that is not confident
    explains     properties whose failures the bug accounts for; for bug None, those that nothing named accounts for
    text         one sentence or two: the mistake, or what is seen of it
    consequence  what it does to a user, in numbers, and where that vanishes;  change: the right formula for the wrong one
    repair       what becomes of the failures with the mistake undone from outside, where that can be done
    where        on which inputs it shows
    """

    bug: str | None
    components: list[str]
    confident: bool
    agrees: int = 0
    of: int = 0
    candidates: list[Candidate] = msgspec.field(default_factory=list)
    explains: list[str] = msgspec.field(default_factory=list)
    text: str = ""
    form: str = ""
    consequence: str = ""
    change: str = ""
    repair: str = ""
    where: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """One run against one target.

    suite, laws  version of bnspec, and of its set of laws
    opening      what came of loading the target, where that failed and nothing could be asked: a status of `Fault`; else ""
    cases        cases a property before its share, where they were not the profile's; else 0
    bound        two lines: how the target was called
    assurance    what a run like this would have caught, of the bugs that are known as code
    adapter      Python source of the adapter used, complete in itself; it defines `class Adapter` with `layer(setup)`
    """

    suite: str
    laws: str
    target: str
    verdict: Verdict
    scope: Texts
    reason: str
    opening: Literal["", "error", "crash", "timeout", "unsupported"] = ""
    grades: Annotated[dict[str, str], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=dict)
    expectations: Literal["met", "unmet", "none"] = "none"
    convention: Annotated[dict[str, Choice], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=dict)
    bound: Texts = msgspec.field(default_factory=list)
    profile: str = ""
    cases: Count = 0
    dtypes: Texts = msgspec.field(default_factory=list)
    environment: Annotated[dict[str, Plain], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=dict)
    seed: Whole = 0
    seconds: Seconds = 0.0
    diagnoses: Annotated[list[Diagnosis], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)
    warnings: Texts = msgspec.field(default_factory=list)
    assurance: str = ""
    results: Annotated[list[Row], msgspec.Meta(max_length=10_000)] = msgspec.field(default_factory=list)
    adapter: str = ""


class Records(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA_OF_SEVERAL):
    """The records of several targets in one file."""

    reports: Annotated[list[Record], msgspec.Meta(max_length=1000)]


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
        text = read_text(path, LARGEST_FILE)
        heading = _heading(text)
        if heading.schema not in (SCHEMA, SCHEMA_OF_SEVERAL):
            said = "has no schema" if heading.schema is None else f"has schema {one_line(repr(heading.schema), 60)}"
            raise BadRecord(f"{path} {said}; this bnspec reads {SCHEMA!r} and {SCHEMA_OF_SEVERAL!r}")
        document = msgspec.json.decode(text, type=Record | Records)
        json.loads(text, object_pairs_hook=_without_twins, parse_int=len, parse_float=len)
    except Unreadable as trouble:
        raise BadRecord(f"{path} {trouble}; give the file that --json wrote") from None
    except RecursionError:
        raise BadRecord(f"{path} is nested too deeply to be a record; give the file that --json wrote") from None
    except msgspec.ValidationError as error:
        maker = "" if heading.suite in (None, __version__) else f"; it was made by bnspec {one_line(str(heading.suite), 30)}"
        raise BadRecord(f"{path} says it is {heading.schema!r} but is not: {one_line(str(error))}{maker}") from None
    except msgspec.DecodeError as error:
        raise BadRecord(f"{path} is not JSON ({error}); give the file that --json wrote") from None
    except _Twins as twins:
        raise BadRecord(f"{path} says {one_line(str(twins), 60)} twice in one object; give the file that --json wrote") from None
    return [document] if isinstance(document, Record) else document.reports


class _Heading(msgspec.Struct):
    """What a file says it is, before the rest of it is believed."""

    schema: Any = None
    suite: Any = None


class _Twins(ValueError):
    """A key that an object has twice: which one counts, readers do not agree on."""


def _heading(text: str) -> _Heading:
    try:
        return msgspec.json.decode(text, type=_Heading)
    except msgspec.ValidationError:
        return _Heading()  # JSON, but no object


def _without_twins(pairs: list[tuple[str, Any]]) -> None:
    keys = set[str]()
    for key, _ in pairs:
        if key in keys:
            raise _Twins(repr(key))
        keys.add(key)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of what `save` writes."""
    return msgspec.json.schema(Record | Records)


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside `path` and move over it in one step; a link that stands there is replaced, what it leads to stays."""
    draft = path.with_name(f".{secrets.token_hex(8)}.draft")
    try:
        with draft.open("xb") as file:
            file.write(content)
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
