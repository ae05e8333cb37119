"""Which known mistake the answers in files are those of: every bug is simulated on some of the golden cases, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bnspec.bounds import conformance_grade
from bnspec.case import Array, Outcome
from bnspec.comparing import compared
from bnspec.convention import Convention
from bnspec.fixed.answering import ELEMENTWISE, component, outcomes, wrong
from bnspec.fixed.flags import FLAGS
from bnspec.fixed.parts import PARTS
from bnspec.fixed.recipes import Call
from bnspec.fixed.truths import Truth
from bnspec.properties.golden import Asked
from bnspec.reference.bugs.catalogue import ALL, batch_norm_with
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.record import Candidate, Diagnosis

CASES = 16
"""Cases with a wrong answer, and as many without one, on which the bugs are simulated: the smallest, and those of most flags."""

FEWEST = 3
"""Observations that a name needs: one or two are chance."""

SLACK = 4.0
"""How much further than a right formula a wrong one may round, in the same sizes."""

SHOWN = 3
"""Candidates that are told."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One case that was answered, and its wrong answers: (number of the call, component)."""

    asked: Asked
    wrong: frozenset[tuple[int, str]]

    @property
    def answered(self) -> list[tuple[int, str]]:
        """All answers that there are."""
        names = [name for part in PARTS.values() for name in part.components]
        every = [(number, name) for number in range(len(self.asked.answers)) for name in dict.fromkeys(names)]
        return [(number, name) for number, name in every if component(self.asked.answers[number], name) is not None]


@dataclass(frozen=True)
class Match:
    """How well a bug explains what was seen: it reproduces `agrees` of the `of` answers that it, or the answers, say are wrong."""

    bug: Bug
    agrees: int
    of: int


def diagnoses(questions: Sequence[Asked], convention: Convention, explains: Sequence[str]) -> list[Diagnosis]:
    """The mistake whose answers these are, if one known bug reproduces every observation; else the likeliest, without confidence.

    explains   the properties that fail.  Nothing where no answer is wrong or none is reproduced at all.
    """
    seen = _chosen([one for one in questions if one.answers and not one.faults])
    if not any(one.wrong for one in seen):
        return []
    matches = [_match(bug, seen, convention) for bug in ALL if bug.kind == "formula" and _possible(bug, convention)]
    matches = sorted((one for one in matches if one.agrees), key=lambda one: (-one.agrees / one.of, -one.of))
    if not matches:
        return []
    best = matches[0]
    rivals = {one.bug.slug for one in matches if one.agrees == one.of}
    confident = rivals == {best.bug.slug} and best.of >= FEWEST
    return [_diagnosis(matches, questions, confident=confident, seen=seen, explains=explains)]


def _possible(bug: Bug, convention: Convention) -> bool:
    """Whether the bug can show in this convention, one value a channel being answered."""
    return all(getattr(convention, choice) == value for choice, value in bug.under.items())


def _chosen(questions: Sequence[Asked]) -> list[Seen]:
    seen = [Seen(one, frozenset(wrong(one.recipe, one.truths, one.answers))) for one in questions]
    seen.sort(key=lambda one: (one.asked.recipe.m * one.asked.recipe.shape[1] * len(one.asked.truths)))
    return [*[one for one in seen if one.wrong][:CASES], *[one for one in seen if not one.wrong][:CASES]]


@np.errstate(all="ignore")
def _match(bug: Bug, seen: Sequence[Seen], convention: Convention) -> Match:
    agrees = of = 0
    for one in seen:
        simulated = _simulated(bug, one.asked, convention)
        differs = frozenset(wrong(one.asked.recipe, one.asked.truths, simulated))
        for number, name in one.answered:
            if (number, name) in one.wrong | differs:
                of += 1
                agrees += number < len(simulated) and _alike(one.asked, simulated, number, name)
    return Match(bug, agrees, max(of, 1))


def _simulated(bug: Bug, asked: Asked, convention: Convention) -> list[Outcome]:
    first = asked.truths[0].case
    kept = {name: getattr(first, name).astype(first.gamma.dtype) for name in ("running_mean", "running_var")}
    calls = [Call(truth.training, truth.case.x, truth.case.dy) for truth in asked.truths]
    return outcomes(lambda setup: batch_norm_with(bug.name)(setup, convention), first.replace(**kept), calls)


def _alike(asked: Asked, simulated: Sequence[Outcome], number: int, name: str) -> bool:
    """Whether an answer is the simulated one, within a right formula's bound at the size of these answers."""
    truth, own = asked.truths[number], component(simulated[number], name)
    if own is None:
        return False
    got, want = _columns(truth, asked.answers[number], name), _columns(truth, simulated[number], name)
    right = getattr(truth.exact, name)
    limit = getattr(truth.bounds[conformance_grade(truth.case.dtype)], name)
    larger = np.fmax(1.0, np.abs(want) / np.fmax(np.abs(right), np.abs(right).max() * 2.0**-10))
    tolerance = np.nan_to_num(SLACK * limit * larger + np.abs(want) * 2.0**-50, nan=0.0, posinf=np.inf)
    return not bool((compared(got, want, tolerance, truth.case.dtype)[2] > 1).any())


def _columns(truth: Truth, outcome: Outcome, name: str) -> Array:
    found = component(outcome, name)
    assert found is not None
    return truth.case.columns(found) if name in ELEMENTWISE else found.astype(np.float64)


def _diagnosis(
    matches: Sequence[Match], questions: Sequence[Asked], *, confident: bool, seen: Sequence[Seen], explains: Sequence[str]
) -> Diagnosis:
    best = matches[0]
    firsts: Mapping[str, Match] = {one.bug.slug: one for one in reversed(matches)}
    ranked = sorted(firsts.values(), key=lambda one: (-one.agrees / one.of, -one.of))[:SHOWN]
    flag = next((flag for flag in FLAGS.values() if best.bug.name in flag.bugs), None)
    named = f"flag {flag.name}: {flag.title}" if flag else best.bug.title
    showing = [one for one in questions if flag and flag.name in one.recipe.flags and one.answers]
    failing = sum(bool(wrong(one.recipe, one.truths, one.answers)) for one in showing)
    where = f"golden cases with the flag {flag.name} ({flag.title}): {failing} of {len(showing)} fail" if flag and confident else ""
    return Diagnosis(
        bug=best.bug.slug if confident else None,
        form=best.bug.form if confident else "",
        components=list(dict.fromkeys(name for one in seen for _, name in sorted(one.wrong))),
        confident=confident,
        agrees=best.agrees,
        of=best.of,
        candidates=[Candidate(bug=one.bug.slug, agrees=one.agrees, of=one.of) for one in ranked],
        explains=list(explains) if confident else [],
        text=named if confident else f"no known mistake reproduces all answers; nearest is {named}",
        where=where,
        change=f"{best.bug.right}, not {best.bug.wrong}" if confident else "",
    )
