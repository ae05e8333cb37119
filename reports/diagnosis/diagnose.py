"""From a record that is nonconformant, and the implementation it is about, to the causes: `Record.diagnoses`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np

from bnspec.convention import Convention
from bnspec.plugs.subject import Subject
from bnspec.reference.bugs.catalogue import ALL
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.bugs.questions import COMPONENTS
from bnspec.reports import mutation
from bnspec.reports.diagnosis.asking import Asker
from bnspec.reports.diagnosis.consequence import consequence
from bnspec.reports.diagnosis.consistency import Consistency
from bnspec.reports.diagnosis.evidence import Evidence
from bnspec.reports.diagnosis.features import where
from bnspec.reports.diagnosis.findings import Finding, Match, slug
from bnspec.reports.diagnosis.naming import Naming
from bnspec.reports.diagnosis.panel import Terms, panel
from bnspec.reports.diagnosis.repair import repaired
from bnspec.reports.diagnosis.scripts import Answers, Script, script_of
from bnspec.reports.diagnosis.tolerance import CONFORMING, Laxity
from bnspec.reports.diagnosis.unknown import begun, described
from bnspec.reports.record import Candidate, Diagnosis, Record, Row
from bnspec.reports.verdict import failures

SECONDS = 6.0
"""How long the implementation is asked."""

NAMING_SECONDS = 8.0
"""Seconds of computing that names are looked for; it takes one or two."""

LONGEST_TRACE = 60
"""Calls of a counterexample that is asked again."""

CANDIDATES = 3
"""Bugs that a diagnosis lists beside or instead of the one it names."""


@dataclass
class Inquest:
    """What was found out about `rows`, the required laws that do not hold. `asker`: None where nobody can be asked."""

    rows: Sequence[Row]
    evidence: Evidence
    naming: Naming
    asker: Asker | None = None


def _to_explain(rows: Sequence[Row]) -> list[Row]:
    return [row for row in failures(rows) if row.level == "required"]


@np.errstate(all="ignore")  # what is judged here may be no numbers
def diagnose(record: Record, subject: Subject, *, zoo: Sequence[Bug] = ALL, seconds: float = SECONDS) -> list[Diagnosis]:
    """The causes of what fails, each with its evidence; none for a record that is not nonconformant.

    The subject is open, and its convention is the record's. It is asked for so many seconds at most.
    """
    rows = _to_explain(record.results)
    if record.verdict != "nonconformant" or not rows:
        return []
    asker = Asker(subject, seconds)
    terms = Terms.of(subject, _dtypes(record, rows))
    evidence = Evidence(subject.convention, terms.fixed)
    evidence.gather([*_counterexamples(rows), *panel(terms)], asker)
    naming = Naming(evidence, zoo, subject.declared, NAMING_SECONDS, Consistency(asker, terms))
    naming.run()
    return _diagnoses(Inquest(rows, evidence, naming, asker))


@np.errstate(all="ignore")
def diagnose_answers(rows: Sequence[Row], answered: Sequence[tuple[Script, Answers]], convention: Convention) -> list[Diagnosis]:
    """The same for answers that are all there are: scripts with their replies, and the convention under which they were judged."""
    if not (explained := _to_explain(rows)):
        return []
    evidence, replies = Evidence(convention, {}), {id(script): answers for script, answers in answered}
    evidence.gather([script for script, _ in answered], lambda script: replies[id(script)])
    naming = Naming(evidence, ALL, {}, NAMING_SECONDS)
    naming.run()
    return _diagnoses(Inquest(explained, evidence, naming))


def _dtypes(record: Record, rows: Sequence[Row]) -> list[str]:
    """The dtypes that were asked; first the finest of those in which something fails, where least is lost in rounding."""
    offered = dict.fromkeys(row.dtype for row in record.results if row.status != "unsupported")
    failing = {row.dtype for row in rows}
    return sorted(offered, key=lambda dtype: (dtype not in failing, FINEST.index(dtype)))


FINEST = ("float64", "float32", "bfloat16", "float16")
"""The dtypes by what they are good for here."""


def _counterexamples(rows: Sequence[Row]) -> list[Script]:
    """The failures as scripts, the shorter ones first."""
    found = [row.counterexample for row in rows]
    traces = [(row, one.trace) for row, one in zip(rows, found, strict=True) if one is not None and one.trace]
    return [
        script_of(trace, key(row)) for row, trace in sorted(traces, key=lambda pair: len(pair[1])) if len(trace) <= LONGEST_TRACE
    ]


def key(row: Row) -> str:
    """What tells a row from the others."""
    return f"{row.property}/{row.dtype}"


def _diagnoses(inquest: Inquest) -> list[Diagnosis]:
    """A diagnosis for each name; one for all that has none."""
    named = [finding for finding in inquest.naming.findings if finding.is_named]
    explained = {finding.leaders[0].bug.name: _explained(inquest, finding.leaders[0].bug) for finding in named}
    accounted = {row for rows in explained.values() for row in rows}
    left = [row.property for row in inquest.rows if key(row) not in accounted]
    told = [finding for finding in named if explained[finding.leaders[0].bug.name]]
    others = [
        finding for finding in inquest.naming.findings if finding not in told and (not finding.is_named or _may_be(finding, left))
    ]
    found = [_named(inquest, finding, sorted(explained[finding.leaders[0].bug.name])) for finding in told]
    return found + ([_unnamed(inquest, others, left)] if left else [])


def _may_be(finding: Finding, left: Sequence[str]) -> bool:
    """Whether a bug that is not seen to explain a failure is known to fail one of the laws that are left."""
    return bool(_laws(finding.leaders[0].bug).intersection(left))


@dataclass(frozen=True)
class Hypothesis:
    """That these bugs are in it, and that its answers keep within these bounds."""

    names: tuple[str, ...]
    laxity: Laxity


def _with_and_without(inquest: Inquest, bug: Bug) -> tuple[Hypothesis, Hypothesis]:
    """All that is named, and the same without this one bug."""
    names, laxity = inquest.naming.names, inquest.evidence.laxity
    if bug.name in inquest.naming.signed:
        others = [one for name, one in inquest.naming.signed.items() if name != bug.name]
        return Hypothesis(names, laxity), Hypothesis(names, reduce(or_, others, CONFORMING))
    return Hypothesis(names, laxity), Hypothesis(tuple(name for name in names if name != bug.name), laxity)


def _explained(inquest: Inquest, bug: Bug) -> set[str]:
    """The failing rows that this bug, with the others that are named, accounts for, and that would not be without it."""
    full, others = _with_and_without(inquest, bug)
    numbers = {script.origin: number for number, script in enumerate(inquest.evidence.scripts) if script.origin}
    found = set[str]()
    for row in inquest.rows:
        number = numbers.get(key(row))
        if number is not None and (_shows(inquest, number, others) or _rounds(inquest, number, bug)):
            if not _shows(inquest, number, full):
                found.add(key(row))
        elif row.property in _laws(bug) and number is None:
            found.add(key(row))
    return found


def _rounds(inquest: Inquest, number: int, bug: Bug) -> bool:
    """Whether a bug of rounding alone makes this script fail: a law's own bound may be half of what is allowed for here."""
    laxity = inquest.naming.signed.get(bug.name)
    return laxity is not None and not _shows(inquest, number, Hypothesis((), laxity))


def _shows(inquest: Inquest, number: int, supposed: Hypothesis) -> bool:
    """Whether some answer to this script is other than was supposed."""
    derived = _consequences(inquest) if supposed.names == inquest.naming.names else frozenset()
    places = [place for some in inquest.evidence.places.values() for place in some if place.script == number]
    judged = [place for place in places if place.spot.name not in derived]
    return any(not inquest.evidence.within(place, supposed.names, supposed.laxity) for place in judged)


def _consequences(inquest: Inquest) -> frozenset[str]:
    """The gradients that are right for a wrong y, where that y has a name: else they are no work of what is named."""
    nameless = {finding.component for finding in inquest.naming.findings if not finding.is_named}
    return frozenset(gradient for gradient, roots in inquest.naming.derived.items() if not roots & nameless)


def _laws(bug: Bug) -> set[str]:
    """The laws that catch a bug: those that it says, and those that were seen to."""
    seen = [score.laws for score in mutation.published().bugs if score.subject == bug.name]
    return {*bug.laws, *(law for laws in seen for law in laws)}


def _named(inquest: Inquest, finding: Finding, explained: Sequence[str]) -> Diagnosis:
    best = finding.leaders[0]
    rivals = [match for match in finding.matches if slug(match.bug) != slug(best.bug)]
    return Diagnosis(
        bug=best.bug.slug,
        form=best.bug.form,
        components=_components(inquest, best.bug),
        confident=True,
        agrees=best.agrees,
        of=best.of,
        candidates=_candidates([best, *rivals]),
        explains=list(dict.fromkeys(row.partition("/")[0] for row in explained)),
        text=f"{begun(best.bug.title)}.",
        consequence=consequence(best.bug, inquest.evidence.convention),
        change=f"{best.bug.right}   instead of   {best.bug.wrong}",
        repair=repaired(inquest.evidence, inquest.asker, inquest.naming.names, best.bug) if inquest.asker else "",
        where=f"Shows with {best.bug.exposes.words}.",
    )


def _unnamed(inquest: Inquest, findings: Sequence[Finding], left: Sequence[str]) -> Diagnosis:
    """What is seen of mistakes that no known bug reproduces; and which of them come near, if any does."""
    matches = sorted((match for one in findings for match in one.matches), key=lambda match: -match.share)
    near = {slug(match.bug): match for match in reversed(matches) if 2 * match.agrees > match.of}
    best = sorted(near.values(), key=lambda match: -match.share)
    deviating = findings[0].deviating if findings else []
    return Diagnosis(
        bug=None,
        components=list(dict.fromkeys(finding.component for finding in findings)),
        confident=False,
        agrees=best[0].agrees if best else 0,
        of=best[0].of if best else len(deviating),
        candidates=_candidates(best),
        explains=list(dict.fromkeys(left)),
        text=described(inquest.evidence, findings, inquest.naming.names) if findings else _unseen(inquest),
        where=where(inquest.evidence, deviating),
    )


def _unseen(inquest: Inquest) -> str:
    """Why there is nothing to be said of what fails."""
    if inquest.asker is not None and inquest.asker.unasked:
        return "Calls take so long that there was no time to ask these cases again; they may well have the same cause as others."
    return "The failures cannot be seen in a few calls by themselves, so that no cause is named."


def _components(inquest: Inquest, bug: Bug) -> list[str]:
    """The components that are other without this bug, in their order."""
    full, others = _with_and_without(inquest, bug)
    within = inquest.evidence.within
    return [
        component
        for component in COMPONENTS
        if any(
            within(place, full.names, full.laxity) and not within(place, others.names, others.laxity)
            for place in inquest.evidence.places.get(component, [])
        )
    ]


def _candidates(matches: Sequence[Match]) -> list[Candidate]:
    """The best match of each bug."""
    best = {match.bug.slug: match for match in reversed(matches)}
    ordered = sorted(best.values(), key=matches.index)
    return [Candidate(bug=match.bug.slug, agrees=match.agrees, of=match.of) for match in ordered[:CANDIDATES]]
