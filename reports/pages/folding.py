"""The failures of a record under what causes them: one mistake fails many laws, and a reader wants the mistake."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from bnspec.reference.bugs import catalogue
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.pages.examples import difference, numbers_of
from bnspec.reports.pages.summary import Finding, findings
from bnspec.reports.record import Candidate, Diagnosis, Record, Row
from bnspec.reports.verdict import FAILING

KINDS = ("named", "candidates", "unknown")
"""One bug that the evidence names; several that it cannot tell apart; a mistake that no known bug makes."""

MOST_CANDIDATES = 5
"""Bugs of which it may be one that are named."""

INSTEAD = "   instead of   "
"""What stands between the right formula and the wrong one in `Diagnosis.change`."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """A known bug beside what the code does: it reproduces `agrees` of `of` observations."""

    bug: str
    title: str
    agrees: int
    of: int


@dataclass(frozen=True, eq=False)
class Cause:
    """A diagnosis; `found` are the failures that it explains and no cause before it did, `failing` all that there are."""

    diagnosis: Diagnosis
    found: list[Finding]
    failing: list[Finding]

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        if self.diagnosis.bug is not None and self.diagnosis.confident:
            return "named"
        return "candidates" if self.diagnosis.bug is not None or self._tied() else "unknown"

    @property
    def bug(self) -> Bug | None:
        """What the catalogue knows of it; None for an unknown mistake, and for a name that this catalogue does not have."""
        return known(self.diagnosis.bug, self.diagnosis.form) if self.kind == "named" else None

    @property
    def bugs(self) -> list[Bug]:
        """What the catalogue knows of it, or of each bug that it may be."""
        if self.kind == "candidates":
            return [bug for one in self.candidates if (bug := known(one.bug))]
        return [self.bug] if self.bug else []

    @property
    def name(self) -> str:
        """The name under which `bnspec bugs` has it."""
        return self.bug.name if self.bug else self.diagnosis.bug or ""

    @property
    def title(self) -> str:
        """The mistake in a few words."""
        return self.bug.title if self.bug else self.diagnosis.text

    @property
    def text(self) -> str:
        """What the diagnosis says, where that is more than the title."""
        said = self.diagnosis.text
        return "" if said.casefold().strip(" .") == self.title.casefold() and self.kind == "named" else said

    @property
    def where(self) -> str:
        """On which inputs it shows, where the text has not said so."""
        return "" if self.diagnosis.where in self.diagnosis.text else self.diagnosis.where

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is known of it beside its name, as pairs of a word and a text."""
        said = self.diagnosis
        right, apart, wrong = said.change.partition(INSTEAD)
        change = {"wrong": wrong, "right": right} if apart else {"change": said.change}
        told = {"effect": said.consequence, "where": self.where, **change, "repair": said.repair}
        return [(word, text) for word, text in told.items() if text]

    @property
    def candidates(self) -> list[Likeness]:
        """The bugs that reproduce most, each once, the best first."""
        said, first = self.diagnosis, dict[str, Candidate]()
        named = [Candidate(bug=said.bug, agrees=said.agrees, of=said.of)] if said.bug else []
        for one in said.candidates or named:
            first.setdefault(one.bug.partition(":")[0], one)
        best = sorted(first.items(), key=lambda pair: -pair[1].agrees / max(pair[1].of, 1))
        likest = best[:MOST_CANDIDATES]
        return [Likeness(slug, bug.title if (bug := known(slug)) else "", one.agrees, one.of) for slug, one in likest]

    @property
    def runner_up(self) -> Likeness | None:
        """The best of the other bugs."""
        return next((one for one in self.candidates if one.bug != self.diagnosis.bug), None)

    @property
    def standing(self) -> str:
        """How well the named bug reproduces what was observed, and how well the next one does."""
        if not self.diagnosis.of:
            return ""
        second = f"; next best {self.runner_up.agrees}" if self.runner_up else ""
        return f"agrees on {self.diagnosis.agrees:,} of {self.diagnosis.of:,} observations{second}"

    @property
    def named(self) -> str:
        """The mistake by name, for a line of which it is a part: "most likely fwd-eps-outside-sqrt"."""
        if self.kind == "named":
            return f"most likely {self.name}"
        alike = [one.bug for one in self.candidates] or [self.name]
        return f"maybe {' or '.join(alike)}" if self.kind == "candidates" else "a cause without a name"

    @property
    def heading(self) -> str:
        """What is said first, before the facts."""
        if self.kind == "named":
            return f"Most likely: {self.title} ({self.name})"
        if self.kind == "unknown":
            return "A cause that bnspec cannot name:"
        return "One of these, which answer alike in all that was asked:" if self._tied() else "Not certain. The nearest known bugs:"

    @property
    def counted(self) -> str:
        """How many of the laws that fail it explains: "17 of 19 required laws that fail, and 1 of 2 recommended ones"."""
        said, explains = [], {*self.diagnosis.explains}
        for level, words in (("required", "required laws that fail"), ("recommended", "recommended ones")):
            failing = [finding for finding in self.failing if finding.row.level == level]
            if explained := sum(finding.row.property in explains for finding in failing):
                said.append(f"{explained} of {len(failing)} {words}")
        return ", and ".join(said)

    @property
    def smallest(self) -> Finding | None:
        """Of the failures under it, the one with the smallest counterexample that got one number and wanted another, if any did.

        NaN in the place of a number says less than a wrong number, which can be compared by hand.
        """
        shown = [finding for finding in self.found if difference(finding.row.counterexample)]
        told = [finding for finding in shown if _is_told_by_numbers(finding)]
        return min(told or shown or self.found, key=lambda one: numbers_of(one.row.counterexample) or math.inf, default=None)

    def _tied(self) -> bool:
        """Whether several bugs reproduce all that was observed, so that it is one of them."""
        return sum(one.agrees == one.of > 0 for one in self.diagnosis.candidates) > 1


def _is_told_by_numbers(finding: Finding) -> bool:
    """Whether what came and what was due are both finite."""
    shown = finding.row.counterexample
    pair = (None, None) if shown is None else (shown.got, shown.want)
    return all(number is not None and math.isfinite(float(number)) for number in pair)


@dataclass(frozen=True, eq=False)
class Folded:
    """The causes of a record, the named ones first; `rest` are the failures that nothing named explains, the most telling first."""

    causes: list[Cause]
    rest: list[Finding]

    @property
    def heading(self) -> str:
        """What the rest is."""
        if all(finding.row.level == "recommended" for finding in self.rest):
            return "Recommended, and not met"
        if all(cause.kind == "unknown" for cause in self.causes):
            return "What does not hold"
        return "What this does not explain"

    def cause_of(self, row: Row) -> Cause | None:
        """The cause under which a failing row is folded."""
        return self._by_property.get(row.property) if row.status in FAILING else None

    @cached_property
    def _by_property(self) -> dict[str, Cause]:
        return {finding.row.property: cause for cause in self.causes if cause.kind != "unknown" for finding in cause.found}


def folded(record: Record) -> Folded:
    """Every failure once: under the first cause that explains it, or among the rest."""
    failing, causes, taken = findings(record), list[Cause](), set[str]()
    for diagnosis in sorted(record.diagnoses, key=lambda one: KINDS.index(Cause(one, [], failing).kind)):
        explains = {*diagnosis.explains} - taken
        mine = [finding for finding in failing if finding.row.property in explains]
        causes.append(Cause(diagnosis, mine, failing))
        if causes[-1].kind != "unknown":
            taken |= explains
    return Folded(causes, [finding for finding in failing if finding.row.property not in taken])


def known(slug: str | None, form: str = "") -> Bug | None:
    """The bug of a slug and a form, else of the slug; None where the catalogue has neither."""
    return catalogue.BY_NAME.get(f"{slug}:{form}") or catalogue.BY_NAME.get(slug or "")
