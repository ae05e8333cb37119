"""What the answers to the fixed cases are worth: whether they are right, and the grade of accuracy whose bounds they all keep."""

from __future__ import annotations

from dataclasses import dataclass

from bnspec import bounds
from bnspec.comparing import compared
from bnspec.fixed.catalogue import CHAPTER_OF
from bnspec.fixed.flags import FLAGS
from bnspec.fixed.parts import PARTS, Part, components
from bnspec.fixed.recipes import Recipe
from bnspec.fixed.truths import letters
from bnspec.plugs.faults import Fault
from bnspec.plugs.subject import Subject
from bnspec.properties.golden import Asked, asked_of
from bnspec.properties.judge import Deviation, columns, component, judge, reject
from bnspec.properties.stage import Tally, current

WRONG = "F"
"""The grade of answers that keep no bound."""

EDGES = ("edge",)
"""What a failure at an edge is about: the usual cases were asked before it, and say nothing."""


def judge_golden(bn: Subject, scope: str) -> None:
    """Ask all fixed cases, judge one of `PARTS` of each, and grade them. The clearest wrong one is the failure.

    A campaign stops at the first: it wants to know no more.
    """
    stage, part, judged = current(), PARTS[scope], 0
    found = Graded(stage.dtype, stage.tally, accumulate=bn.convention.accumulate)
    for one in (asked for asked in asked_of(bn, stage) if part.asked(asked.recipe)):
        bn.trace[:] = one.trace
        found.take(one, part)
        judged += 1
        if stage.campaign and found.wrong:
            break
    stage.tally.told = False  # each case was counted by itself
    stage.tally.examples += judged - 1
    stage.tally.grade = found.grade
    if found.clearest is not None:
        recipe, wrong = found.clearest
        stage.tally.about = EDGES if CHAPTER_OF[recipe.name] == "edges" else ()
        raise wrong


@dataclass
class Graded:
    """Cases judged one after the other: what is wrong, and the best grade that is left."""

    dtype: str
    tally: Tally
    accumulate: bool = False

    def __post_init__(self) -> None:
        self.wrong: list[tuple[Recipe, Deviation | Fault]] = []
        self.taken: list[Recipe] = []
        self.home: tuple[str, ...] = ()
        self.judged = 0
        self._left = list(letters(self.dtype))

    @property
    def grade(self) -> str:
        """The best grade whose bounds all answers keep; "" where none was judged."""
        if not self.judged:
            return ""
        return self._left[0] if self._left else WRONG

    @property
    def clearest(self) -> tuple[Recipe, Deviation | Fault] | None:
        """The wrong case that says most, and what is wrong; None where all are right.

        One that is about this part, then one with a flag that tells the wrong cases best from the right ones (the share of its
        cases that are wrong, less that share of all others), then the smallest.
        """
        telling = {flag: self._telling(flag) for flag in {flag for recipe, _ in self.wrong for flag in recipe.flags}}

        def rank(recipe: Recipe) -> tuple[object, ...]:
            return CHAPTER_OF[recipe.name] not in self.home, -max(telling[flag] for flag in recipe.flags), *_size(recipe)

        return min(self.wrong, key=lambda pair: rank(pair[0]), default=None)

    def _telling(self, flag: str) -> float:
        wrong = {recipe.name for recipe, _ in self.wrong}
        shares = []
        for has in (True, False):
            cases = [recipe.name in wrong for recipe in self.taken if (flag in recipe.flags) is has]
            shares.append(sum(cases) / max(len(cases), 1))
        return shares[0] - shares[1]

    def take(self, one: Asked, part: Part) -> None:
        """Judge a part of one case."""
        self.tally.told = False
        self.taken.append(one.recipe)
        self.home = part.home
        try:
            self._judge(one, part)
        except (Deviation, Fault) as wrong:
            self.wrong.append((one.recipe, wrong))
        self.tally.informative += self.tally.told

    def _judge(self, one: Asked, part: Part) -> None:
        fault = one.faults.get("layer") or one.faults.get(part.op)
        if one.refused:
            reject(part.components[0], None, f"{named(one.recipe)}: refused, and others of the same shape are not: {one.refused}")
        if fault is not None:
            self.judged, self._left = self.judged + 1, []
            raise fault
        if one.declined:
            self.tally.declined += 1
            self.tally.why = one.declined
            return
        wrong = None
        for number, name in components(part, one.recipe, one.truths, accumulate=self.accumulate):
            if component(one.answers[number], name) is not None:
                try:
                    self._compare(one, number, name)
                except Deviation as deviation:
                    wrong = wrong or deviation
        if wrong is not None:
            raise wrong

    def _compare(self, one: Asked, number: int, name: str) -> None:
        """Judge one component of one call within the limit of conformance; grades whose bounds it breaks are gone."""
        truth, answer = one.truths[number], one.answers[number]
        self.judged += 1
        try:
            got = columns(answer, name, truth.case)
        except Deviation:
            self._left = []
            raise
        want, low = getattr(truth.exact, name), truth.exact.low.get(name, 0.0)
        while self._left and (compared(got, want, getattr(truth.bounds[self._left[0]], name), self.dtype, low)[2] > 1).any():
            del self._left[0]
        limit = getattr(truth.bounds[bounds.conformance_grade(self.dtype)], name)
        after = f" (call {number + 1} of {len(one.answers)})" if len(one.answers) > 1 else ""
        judge(answer, name, got, want, limit, low=low, case=truth.case, why=named(one.recipe) + after)


def named(recipe: Recipe) -> str:
    """A case in the words of a failure: its name, and the mistakes that it was made for."""
    return f"golden case {recipe.name}, made to expose: {'; '.join(FLAGS[flag].title for flag in recipe.flags)}"


def _size(recipe: Recipe) -> tuple[int, int]:
    """Calls, and values of x."""
    return len(recipe.calls), recipe.m * recipe.shape[1]
