"""`bnspec vectors run`: answers from files, judged by the same laws as those of a live implementation, into the same record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import msgspec

from bnspec import __version__
from bnspec.cli.outputs import Outputs
from bnspec.cli.rows import recorded
from bnspec.cli.runner import environment
from bnspec.cli.screen import Screen
from bnspec.cli.vector_answers import asked, convention_of
from bnspec.cli.vector_files import Answers, BadResults, read_all
from bnspec.cli.vector_naming import diagnoses
from bnspec.cli.vectors import refused
from bnspec.convention import Convention
from bnspec.fixed.catalogue import of_dtype
from bnspec.fixed.parts import PARTS, Part, components
from bnspec.properties import test_vectors
from bnspec.properties.catalogue import VERSION
from bnspec.properties.golden import Asked
from bnspec.properties.grading import Graded
from bnspec.properties.judge import Deviation, component
from bnspec.properties.laws import Law
from bnspec.properties.outcomes import settle
from bnspec.properties.rows import Row
from bnspec.properties.stage import Stage, on_stage
from bnspec.reports import directory, record, verdict
from bnspec.reports.grades import grades
from bnspec.reports.pages import terminal
from bnspec.reports.verdict import judge_rows

LAWS: tuple[Law, ...] = tuple(
    found for member in vars(test_vectors).values() if isinstance(found := getattr(member, "law", None), Law)
)
"""The laws about golden cases, each about the part that its scope ends with."""

USUAL = ("float32", "float64", "float16", "bfloat16")
"""The order of dtypes in a record."""

SHOWN = 3
"""Foreign files that are named in warnings."""


def run(results: Path, *, json: Path | None, report: Path | None, convention: str | None) -> int:
    """Judge, show, write; the exit code of the verdict, 2 where there was nothing to judge."""
    outputs = Outputs(1, json, report)
    if trouble := outputs.trouble():
        return refused(trouble)
    outputs.forget()
    try:
        found = judged(results, convention)
    except BadResults as bad:
        return refused(str(bad))
    files = [] if report is None else directory.write(found, report)
    if json is not None:
        record.save(found, json)
        files.append(json)
    failing = found.verdict == "nonconformant"
    following = "bnspec vectors list NAME   (what a case or a flag is about)" if failing else "bnspec vectors list"
    terminal.render(found, Screen(), files=[str(path) for path in files], following=following)
    return verdict.exit_code([found.verdict])


def judged(results: Path, option: str | None = None) -> record.Record:
    """The record of the answers in an exported directory. Raises `BadResults`."""
    started = perf_counter()
    answers = read_all(results)
    convention, kind_said = convention_of(answers, option)
    questions = [(one.dtype, asked(one, convention, kind_said=kind_said, others=answers)) for one in answers]
    dtypes = sorted({one.dtype for one in answers}, key=USUAL.index)
    rows = [recorded(row) for dtype in dtypes for row in _rows(dtype, [one for at, one in questions if at == dtype])]
    if all(row.status == "unsupported" for row in rows) and not any(one.declined for one in answers):
        rows = [msgspec.structs.replace(row, status="not-run", reason=NOTHING) for row in rows]
    reached, scope, reason = judge_rows(rows)
    return record.Record(
        suite=__version__,
        laws=VERSION,
        target=str(results),
        verdict=reached,
        scope=scope,
        reason=reason,
        grades=grades(rows),
        diagnoses=diagnoses(questions, convention, rows),
        convention=_said(convention, kind_said),
        bound=[f"answers from files to {len(answers)} golden cases; nothing was run here"],
        profile="vectors",
        dtypes=dtypes,
        environment=dict(environment()),
        seconds=perf_counter() - started,
        warnings=_warnings(answers),
        results=rows,
    )


def _said(convention: Convention, kind_said: bool) -> dict[str, record.Choice]:
    """What is known of the convention: the cases say what a batch weighs, so that what momentum weighs makes no difference."""
    return {"running_var": convention.to_mapping()["running_var"]} if kind_said else {}


def _warnings(answers: Sequence[Answers]) -> list[str]:
    """What a reader of the verdict should know: files that are none of ours, and cases that were not exported."""
    foreign = [name for one in answers for name in one.foreign]
    more = f" (and {len(foreign) - SHOWN} more)" if len(foreign) > SHOWN else ""
    said = [f"not an answer, and not read: {', '.join(foreign[:SHOWN])}{more}"] if foreign else []
    dtypes = {one.dtype for one in answers}
    every = sum(len(of_dtype(dtype)) for dtype in dtypes)
    return [*said, f"only {len(answers)} of the {every} golden cases were exported"] if len(answers) < every else said


NOTHING = "there is no answer yet; write them beside the cases, as README.md there says"
"""The reason of rows about cases that nobody has answered."""


def _rows(dtype: str, questions: Sequence[Asked]) -> Iterator[Row]:
    for law in LAWS:
        part = PARTS[law.scope[-1]]
        about = [one for one in questions if part.asked(one.recipe)]
        if about:
            row = Row(law.name, law.chapter, dtype, law.level, law.title, law.text, list(law.scope), list(law.against))
            _settle(row, part, about)
            yield row


def _settle(row: Row, part: Part, questions: Sequence[Asked]) -> None:
    """Judge a part of all cases of a dtype. What is answered in no case is not offered; what is in some is due in all."""
    stage = Stage(None, row.dtype)
    graded = Graded(row.dtype, stage.tally)
    with on_stage(stage):
        for one in questions:
            graded.take(one, part)
    stage.tally.examples, stage.tally.grade = len(questions), graded.grade
    offered = {name for one in questions for number, name in _due(one, part) if component(one.answers[number], name) is not None}
    if not offered and not graded.wrong:
        row.status, row.reason = "unsupported", f"no answer of any case gives {' or '.join(part.components)}"
        return
    settle(row, stage.tally, _shown(graded, questions))
    row.grade = graded.grade
    if missing := _missing(questions, part, offered):
        if graded.wrong:
            row.reason += f"; besides, {missing}"
        else:
            row.status, row.reason = "not-run", missing
    if graded.wrong:
        row.reason = f"{len(graded.wrong)} of {len(questions)} cases fail; the clearest: {row.reason}"


def _due(one: Asked, part: Part) -> list[tuple[int, str]]:
    """(number of the call, component) of what is due of a case; of gradients only where there is a dy."""
    every = components(part, one.recipe, one.truths) if one.answers else ()
    return [(number, name) for number, name in every if getattr(one.truths[number].exact, name) is not None]


def _missing(questions: Sequence[Asked], part: Part, offered: set[str]) -> str:
    """One sentence about answers that are not there and should be; "" where all are."""
    found = [
        f"{name}_{number + 1} of {one.recipe.name}"
        for one in questions
        for number, name in _due(one, part)
        if name in offered and component(one.answers[number], name) is None and part.op not in one.faults
    ]
    return f"{len(found)} answers are missing, first {found[0]}" if found else ""


def _shown(graded: Graded, questions: Sequence[Asked]) -> Exception | None:
    """The clearest failure, with the calls that lead to it."""
    if graded.clearest is None:
        return None
    recipe, wrong = graded.clearest
    trace = next(tuple(one.trace) for one in questions if one.recipe is recipe)
    return Deviation(replace(wrong.finding, trace=trace)) if isinstance(wrong, Deviation) else wrong
