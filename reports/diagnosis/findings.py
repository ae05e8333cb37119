"""What comes of looking at one component: the bugs that reproduce it, best first, and whether one of them is beyond doubt."""

from __future__ import annotations

from dataclasses import dataclass, field

from bnspec.convention import Convention
from bnspec.reference.bugs.facts import Bug
from bnspec.reports.diagnosis.evidence import Place
from bnspec.reports.diagnosis.tolerance import Laxity
from bnspec.reports.diagnosis.zoo import InOneMode

FEWEST = 3
"""Observations that a name must rest on."""

CONSEQUENT = ("state", "edge")
"""Components in which every mistake of a formula shows as well."""

GRADIENTS = ("dx", "dgamma", "dbeta")
"""Components that are derivatives of y."""

MECHANICS = {"moved", "moved_mean", "moved_var", "weight", "update", "__init__"}
"""Steps that make the running averages, whatever the batch's statistics are."""


@dataclass(frozen=True)
class Match:
    """How well one bug reproduces a component: `agrees` of the `of` observations on which it, or the implementation, is not right.

    whole   all observations, of any component, that it explains, less those that it makes wrong
    laxity  the bounds within which a bug of rounding keeps, where it is told by its signature
    """

    bug: Bug
    agrees: int
    of: int
    convention: Convention
    whole: int = 0
    laxity: Laxity | None = None

    @property
    def share(self) -> float:
        """How many of the observations agree, 0 to 1; 0 where none can tell, as after calls that all ended in errors."""
        return self.agrees / max(self.of, 1)

    @property
    def is_full(self) -> bool:
        """Whether it reproduces all of them."""
        return self.agrees == self.of > 0


@dataclass
class Finding:
    """What is known about one component that deviates: the matches, best first.

    follows   it may be no mistake of its own, but come of one in another component for which there is no name
    doubted   other components speak against what reproduces this one
    """

    component: str
    deviating: list[Place]
    matches: list[Match] = field(default_factory=list)
    follows: bool = False
    doubted: bool = False

    @property
    def leaders(self) -> list[Match]:
        """The matches that are full and explain most; more than one where they cannot be told apart."""
        full = [match for match in self.matches if match.is_full]
        best = [match for match in full if match.whole == full[0].whole]
        written = [match for match in best if not isinstance(match.bug, InOneMode)] or best
        return [match for match in written if match.bug.under] or written  # of two alike, the one about this convention

    @property
    def is_named(self) -> bool:
        """Whether one bug, in one form or another, is beyond doubt."""
        leaders = self.leaders
        alone = len({slug(match.bug) for match in leaders}) == 1
        return alone and not self.follows and not self.doubted and leaders[0].whole >= FEWEST


def slug(bug: Bug) -> str:
    """The slug under which a bug is named: of bugs that nobody can tell apart, one's."""
    return bug.same_as or bug.slug


def may_follow(component: str, bug: Bug, unnamed: set[str]) -> bool:
    """Whether what a bug reproduces may be the consequence of a mistake in another component for which there is no name."""
    if component in CONSEQUENT:
        return bool(unnamed) and not set(bug.damages) <= {*CONSEQUENT, "purity", "dtype"}
    if component == "running_var" and "running_mean" in unnamed:
        return True  # both are moved by the same lines
    return component in ("running_mean", "running_var") and "y_train" in unnamed and not bug.overrides <= MECHANICS
