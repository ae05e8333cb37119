"""What the suite is worth: which known bugs it catches, by which laws, how soon; and what that assures of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bnspec.reports.record import Record, Row, as_json, write_atomically
from bnspec.reports.verdict import FAILING

SCHEMA = "bnspec-mutation/1"

PUBLISHED = ("published", "mutation.json")
"""Where the table of this version is, in this package."""


class BadScore(ValueError):
    """A file that is no table of this kind."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run against a bug, or against a correct implementation (`bug` is "").

    subject   the bug's name, or the correct one's;  shape: of the code it was put on
    complete  every law was asked; else the run ended at the second that failed
    advice    only recommended laws are against it: it is caught when one of them fails, whatever the verdict
    laws      the required laws (for advice, the recommended ones too) that do not hold, in the order they were asked
    cases, seconds   until the first of them failed, opening and probing included; of the whole run where none did
    took      seconds of the whole run
    diagnosed a cause was looked for;  named: the right one was named;  among: it was at least a candidate
    misnamed  bugs that were named, and are not in it
    """

    subject: str
    bug: str
    shape: str
    seed: int
    verdict: str
    complete: bool
    laws: list[str]
    cases: int
    seconds: float
    took: float
    reason: str = ""
    advice: bool = False
    diagnosed: bool = False
    named: bool = False
    among: bool = False
    misnamed: list[str] = []

    @property
    def is_right(self) -> bool:
        """Whether it ended as it should: a bug caught, correct code conformant."""
        if not self.bug:
            return self.verdict == "conformant"
        return bool(self.laws) if self.advice else self.verdict == "nonconformant"


class BugScore(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one bug. `laws`: law -> in how many runs it caught it; `witnesses`: the fewest in any campaign run.

    diagnosed   runs in which a cause was looked for;  named: that named the bug;  among: that had it among the candidates
    misnamed    bugs that were named instead or besides
    """

    subject: str
    bug: str
    shapes: list[str]
    runs: int
    caught: int
    witnesses: int
    laws: dict[str, int]
    cases: float
    seconds: float
    took: float
    diagnosed: int = 0
    named: int = 0
    among: int = 0
    misnamed: list[str] = []


class CorrectScore(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one correct implementation: how often it was asked, and the reasons of the runs that did not find it so.

    misnamed   bugs that were named in it
    """

    subject: str
    runs: int
    conformant: int
    reasons: list[str] = []
    misnamed: list[str] = []


class Score(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """The table. `chapters`: the chapter of each law."""

    suite: str
    laws: str
    profile: str
    environment: dict[str, str]
    chapters: dict[str, str]
    bugs: list[BugScore]
    correct: list[CorrectScore]


def scored(runs: Sequence[Run], **about: Any) -> Score:
    """The table of these runs, in their order; `about` are its other fields."""
    subjects = dict.fromkeys((run.bug, run.subject) for run in runs)
    grouped = {key: [run for run in runs if (run.bug, run.subject) == key] for key in subjects}
    bugs = [_bug(group) for (bug, _), group in grouped.items() if bug]
    correct = [_correct(group) for (bug, _), group in grouped.items() if not bug]
    return Score(bugs=bugs, correct=correct, **about)


def _bug(runs: Sequence[Run]) -> BugScore:
    campaign = [run for run in runs if not run.complete] or list(runs)
    return BugScore(
        subject=runs[0].subject,
        bug=runs[0].bug,
        shapes=sorted({run.shape for run in runs}),
        runs=len(campaign),
        caught=sum(run.is_right for run in campaign),
        witnesses=min(len(run.laws) for run in campaign),
        laws=dict(Counter(law for run in runs for law in run.laws).most_common()),
        cases=median(run.cases for run in campaign),
        seconds=median(run.seconds for run in campaign),
        took=median(run.took for run in campaign),
        diagnosed=sum(run.diagnosed for run in runs),
        named=sum(run.named for run in runs),
        among=sum(run.among for run in runs),
        misnamed=sorted({name for run in runs for name in run.misnamed}),
    )


def _correct(runs: Sequence[Run]) -> CorrectScore:
    wrong = [f"seed {run.seed}, {run.shape}: {run.verdict}: {run.reason}" for run in runs if not run.is_right]
    misnamed = sorted({name for run in runs for name in run.misnamed})
    return CorrectScore(
        subject=runs[0].subject, runs=len(runs), conformant=len(runs) - len(wrong), reasons=wrong, misnamed=misnamed
    )


def save(score: Score, path: Path) -> None:
    """Write the table as JSON."""
    write_atomically(path, msgspec.json.format(as_json(score), indent=1) + b"\n")


def load(content: bytes) -> Score:
    """The table in these bytes; raises `BadScore` where there is none."""
    try:
        return msgspec.json.decode(content, type=Score)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadScore(f"this is no table that `tox -e mutation` wrote: {error}") from None


def published() -> Score:
    """The table that came with this version."""
    return load(files("bnspec.reports").joinpath(*PUBLISHED).read_bytes())


def assurance(rows: Iterable[Row], score: Score) -> str:
    """What a run of these rows would have caught, in a sentence, and what leaving out chapters costs."""
    asked = {row.property for row in rows if row.status == "pass" or row.status in FAILING}
    witnesses = _witnesses(score)
    missed = {slug: laws for slug, laws in witnesses.items() if not asked.intersection(laws)}
    sentence = f"a run like this catches {len(witnesses) - len(missed)} of {len(witnesses)} known bugs"
    costs = Counter(score.chapters.get(laws[0], "other").replace("_", " ") for laws in missed.values())
    return sentence + "".join(f"; without {chapter} it misses {count}" for chapter, count in costs.most_common())


def _witnesses(score: Score) -> dict[str, list[str]]:
    """The laws that catch each bug in some form, the one that does so most often first."""
    counts: dict[str, Counter[str]] = {}
    for one in score.bugs:
        counts.setdefault(one.bug, Counter()).update(one.laws)
    return {slug: [law for law, _ in laws.most_common()] for slug, laws in counts.items() if laws}


def assured(record: Record) -> Record:
    """The record with what it assures, where something was asked."""
    if not record.results:
        return record
    return msgspec.structs.replace(record, assurance=assurance(record.results, published()))
