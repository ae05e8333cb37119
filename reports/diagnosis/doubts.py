"""What speaks against a name, though the bug reproduces the component that it was found by: then it stays a candidate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bnspec.reports.diagnosis.findings import FEWEST, Finding, slug
from bnspec.reports.diagnosis.scripts import RUNNING

if TYPE_CHECKING:
    from bnspec.reports.diagnosis.evidence import Place
    from bnspec.reports.diagnosis.naming import Naming


def doubted(naming: Naming) -> Iterator[Finding]:
    """The named findings that cannot be what happened.

    A bug does all that it does: where it would change answers of some component, and not one of them is as it would make it,
    it is not there. One bug is made in one form: two that leave out half of the same line each are the whole line left out. And
    inference with other statistics than were given is wrong by those, not by its formula.
    """
    named = [finding for finding in naming.findings if finding.is_named]
    slugs = [slug(finding.leaders[0].bug) for finding in named]
    for finding, name in zip(named, slugs, strict=True):
        if slugs.count(name) > 1 or _does_nothing_of_it(naming, finding) or _was_fed_otherwise(naming, finding):
            yield finding


def _does_nothing_of_it(naming: Naming, finding: Finding) -> bool:
    """Whether there is a component in which nothing is as the bug makes it. What rounding does is not foretold."""
    leader = finding.leaders[0]
    if leader.laxity is not None:
        return False
    others = tuple(name for name in naming.names if name != leader.bug.name)
    for places in naming.evidence.places.values():
        touched = [place for place in places if _is_touched(naming, place, others)]
        if len(touched) >= FEWEST and not any(naming.evidence.reproduces(place, naming.names) for place in touched):
            return True
    return False


def _was_fed_otherwise(naming: Naming, finding: Finding) -> bool:
    """Whether it is about inference, and a layer that was never trained has other statistics than it was given."""
    open_ones = [place for other in naming.findings if not other.is_named for place in naming.deviating(other.component)]
    return finding.component == "y_infer" and any(place.spot.name in RUNNING and not _trained(naming, place) for place in open_ones)


def _trained(naming: Naming, place: Place) -> bool:
    """Whether some layer was trained before this answer."""
    earlier = naming.evidence.scripts[place.script].requests[: place.spot.step]
    return any(request.words.get("training") == "1" for request in earlier)


def _is_touched(naming: Naming, place: Place, others: tuple[str, ...]) -> bool:
    """Whether the answer there is another without the bug; gradients that are right for a wrong y are nobody's doing."""
    if place.spot.name in naming.derived:
        return False
    evidence = naming.evidence
    return evidence.alike(place, evidence.simulated(naming.names, place.script), evidence.simulated(others, place.script)) is False
