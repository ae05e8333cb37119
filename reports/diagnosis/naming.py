"""Which known bugs reproduce what was answered: component by component, each given what is named already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from time import process_time
from typing import Any

from bnspec.convention import Convention
from bnspec.reference.bugs.catalogue import ALL
from bnspec.reference.bugs.facts import Bug
from bnspec.reference.bugs.questions import COMPONENTS
from bnspec.reports.diagnosis.doubts import doubted
from bnspec.reports.diagnosis.evidence import Evidence, Place
from bnspec.reports.diagnosis.findings import GRADIENTS, Finding, Match, may_follow
from bnspec.reports.diagnosis.meant import perhaps_meant
from bnspec.reports.diagnosis.scripts import mode_of
from bnspec.reports.diagnosis.signatures import recognised
from bnspec.reports.diagnosis.tolerance import Laxity
from bnspec.reports.diagnosis.zoo import in_one_mode

AVERAGED = ("y_infer", "running_mean", "running_var", "state")
"""Components in which a bug may have been measured as another convention."""

MODES = {True: "y_train", False: "y_infer"}
"""The output of each mode."""

FIRST_LOOK = 4
"""Deviating observations by which bugs are chosen for a full look."""

UNMEASURED = ("purity", "dtype")
"""Components that depend on no choice that may have been measured wrong."""

SEVERAL = ("edge",)
"""Components that are many in truth: a bug need not explain all of what deviates in them; the rest is looked at again."""

RUNNERS_UP = 12
"""Bugs that get a full look where none reproduces the first ones."""


@dataclass
class Naming:
    """The search for names among the bugs of `zoo`, for some seconds of computing at most; what is left then stays open."""

    evidence: Evidence
    zoo: Sequence[Bug] = ALL
    declared: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = inf
    consistent: Callable[..., bool] | None = None
    names: tuple[str, ...] = ()
    signed: dict[str, Laxity] = field(default_factory=dict)
    derived: Mapping[str, frozenset[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _others: tuple[Convention, list[Convention]] | None = None
    _reproduced: tuple[object, list[tuple[Place, bool | None]]] | None = None

    def __post_init__(self) -> None:
        self._until = process_time() + self.seconds

    def run(self) -> list[Finding]:
        """All components in their order. A component that is explained by what is named already is no finding."""
        for component in COMPONENTS:
            if component == "dtype" and self.declared.get("output_dtype") != "input":
                continue  # wider answers are a choice, unless others are promised
            while (deviating := self.deviating(component)) and process_time() < self._until:
                if self._measured_wrong(component):
                    continue
                finding = Finding(component, deviating, self._matches(deviating, component))
                if not any(match.is_full for match in finding.matches):
                    self._recognise(finding)
                finding.follows = self._follows(finding)
                if finding.follows and component in GRADIENTS:
                    self.derived = {**self.derived, component: self._roots(finding)}
                    continue
                self.findings.append(finding)
                if not finding.is_named:
                    break
                self._take(finding)
        self._drop([*doubted(self)])
        return self._still_open()

    def _drop(self, findings: Sequence[Finding]) -> None:
        """Simulate no longer what cannot be what happened."""
        for finding in findings:
            wrong = finding.leaders[0].bug.name
            finding.doubted, self.names = True, tuple(name for name in self.names if name != wrong)

    def _still_open(self) -> list[Finding]:
        """The findings without what names that were found later, for other components, explain as well."""
        for finding in self.findings:
            if not finding.is_named:
                finding.deviating = self.deviating(finding.component)
        self.findings = [finding for finding in self.findings if finding.deviating]
        return self.findings

    def _follows(self, finding: Finding) -> bool:
        """Whether what deviates may come of a mistake in another component.

        A gradient does, where it is the derivative of the y that is computed, wrong as that is.
        """
        if finding.component in GRADIENTS:
            wrong = {other.component for other in self.findings}
            return all(MODES[mode] in wrong and self._is_derivative(finding.component, mode) for mode in self._modes(finding))
        unnamed = {other.component for other in self.findings if not other.is_named}
        return bool(finding.leaders) and may_follow(finding.component, finding.leaders[0].bug, unnamed)

    def _modes(self, finding: Finding) -> set[bool]:
        """Whether what deviates was asked in training, in inference, or in both."""
        return {mode_of(self.evidence.scripts[place.script], place.spot.step) for place in finding.deviating}

    def _roots(self, finding: Finding) -> frozenset[str]:
        """The components, y of one mode or of both, that a gradient is the derivative of."""
        return frozenset(MODES[mode] for mode in self._modes(finding))

    def _is_derivative(self, gradient: str, training: bool) -> bool:
        return self.consistent is not None and self.consistent(gradient, training=training)

    def deviating(self, component: str) -> list[Place]:
        """The observations that what is named does not explain."""
        places = self.evidence.places.get(component, [])
        return [place for place in places if not self.is_explained(place)]

    def is_explained(self, place: Place) -> bool:
        """Whether it is as what is named makes it; of a bug of rounding also where it overflows as that one would.

        Nor is there more to explain in gradients that are right for a wrong y, whenever they are asked for.
        """
        if place.spot.name in self.derived:
            return True
        if self.evidence.reproduces(place, self.names) is not False:
            return True
        return bool(self.signed) and self.evidence.reproduces(place, (*self.names, *self.signed)) is True

    def _measured_wrong(self, component: str) -> bool:
        """Take another convention, if with it what is named explains this component: a bug may spoil the measuring."""
        if component in UNMEASURED:
            return False
        places = self.evidence.places[component]
        for convention in self._conventions():
            explains = all(self.evidence.reproduces(place, self.names, convention) is not False for place in places)
            if explains and self._gained(self.names, convention) > 0:
                self.evidence.convention = convention
                return True
        return False

    def _recognise(self, finding: Finding) -> None:
        """Put the bug of rounding first that has the signature of what deviates."""
        signature = recognised(self.evidence, finding.deviating, self.names)
        bug = next((bug for bug in self.zoo if signature is not None and bug.name == signature.name), None)
        if signature is None or bug is None:
            return
        laxity = self.evidence.laxity | signature.laxity
        agrees = sum(self.evidence.within(place, self.names, laxity) for place in finding.deviating)
        everywhere = [place for place in self._everywhere() if self.evidence.reproduces(place, self.names) is False]
        whole = sum(self.evidence.within(place, self.names, laxity) for place in everywhere)
        finding.matches.insert(0, Match(bug, agrees, agrees, self.evidence.convention, whole, signature.laxity))

    def _take(self, finding: Finding) -> None:
        """What has a name is simulated from now on; or, where it is one of rounding, allowed for."""
        match = finding.leaders[0]
        if match.laxity is None:
            self.names = (*self.names, match.bug.name)
            self.evidence.convention = match.convention
        else:
            self.evidence.laxity |= match.laxity
            self.signed[match.bug.name] = match.laxity

    def _matches(self, deviating: Sequence[Place], component: str) -> list[Match]:
        """The bugs that reproduce most, best first; under other conventions too, where what was measured explains nothing."""
        found = self._under(self.evidence.convention, deviating, component)
        if not any(match.is_full for match in found) and component in AVERAGED:
            for convention in self._conventions() if process_time() < self._until else ():
                found += self._full_under(convention, deviating, component)
        for match in [match for match in found if match.is_full]:
            partly = [self._full(bug, component, match.convention) for bug in in_one_mode(match.bug)]
            found += [other for other in partly if other.is_full]
        found = [
            replace(match, whole=self._gained((*self.names, match.bug.name), match.convention)) if match.is_full else match
            for match in found
        ]
        found.sort(key=lambda match: (match.share, match.whole, match.of), reverse=True)
        return found

    def _under(self, convention: Convention, deviating: Sequence[Place], component: str) -> list[Match]:
        looks = _spread(deviating, None if component in SEVERAL else FIRST_LOOK)
        first: list[tuple[int, Bug]] = []
        for bug in self._candidates(convention):
            names = (*self.names, bug.name)
            first.append((sum(self.evidence.reproduces(place, names, convention) is True for place in looks), bug))
        first.sort(key=lambda pair: -pair[0])
        enough = 1 if component in SEVERAL else len(looks)
        chosen = [bug for hits, bug in first if hits >= enough] or [bug for hits, bug in first[:RUNNERS_UP] if hits]
        chosen = chosen + [bug for hits, bug in first if hits and bug not in chosen][: max(0, 3 - len(chosen))]
        return [self._full(bug, component, convention) for bug in chosen]

    def _full_under(self, convention: Convention, deviating: Sequence[Place], component: str) -> Iterator[Match]:
        """The bugs that reproduce all under this convention; each is given up at the first observation that it does not."""
        looks = _spread(deviating, 1 if component in SEVERAL else FIRST_LOOK)
        for bug in self._candidates(convention):
            names = (*self.names, bug.name)
            if set(AVERAGED) & set(bug.damages) and all(self.evidence.reproduces(place, names, convention) for place in looks):
                match = self._full(bug, component, convention)
                yield from [match] if match.is_full else []

    def _candidates(self, convention: Convention) -> Iterator[Bug]:
        """The bugs that are not named yet, and are bugs under this convention."""
        return (bug for bug in self.zoo if bug.name not in self.names and self._is_one(bug, convention))

    def _is_one(self, bug: Bug, convention: Convention) -> bool:
        """Whether it is a bug under this convention: one against a choice that nobody declared is a choice of its own.

        What could not be measured, since the bug itself may have spoilt it, rules nothing out.
        """
        followed = convention.to_mapping()
        promised = all(self.declared.get(name) == _plain(choice) for name, choice in bug.only_against.items())
        return promised and all(followed[name] in (_plain(choice), "unobservable") for name, choice in bug.under.items())

    def _full(self, bug: Bug, component: str, convention: Convention) -> Match:
        agrees = of = 0
        names = (*self.names, bug.name)
        for place in self.evidence.places[component]:
            counted = self._counts(place, names, convention)
            if counted is not None:
                agrees, of = agrees + counted, of + 1
        return Match(bug, agrees, max(of, 1), convention)

    def _counts(self, place: Place, names: tuple[str, ...], convention: Convention) -> bool | None:
        """Whether the bug reproduces this observation; None where both it and the implementation are as without it."""
        if place.spot.component in SEVERAL and self._leaves_alone(place, names, convention):
            return None
        alike, before = self.evidence.reproduces(place, names, convention), self.evidence.reproduces(place, self.names, convention)
        if alike is None or before is None or (before and (alike or place.spot.component == "purity")):
            return None  # what is changed in place may be a copy, which code makes of some arrays and not of others
        return alike

    def _leaves_alone(self, place: Place, names: tuple[str, ...], convention: Convention) -> bool:
        """Whether the latest of these bugs changes nothing there."""
        after, before = (self.evidence.simulated(some, place.script, convention) for some in (names, self.names))
        return self.evidence.alike(place, after, before, convention) is not False

    def _gained(self, names: tuple[str, ...], convention: Convention) -> int:
        """Observations of all components that these names explain better than those so far, less those that they make wrong."""
        total = 0
        for place, before in self._so_far():
            after = self.evidence.reproduces(place, names, convention)
            if before is not None and after is not None:
                total += int(after) - int(before)
        return total

    def _so_far(self) -> list[tuple[Place, bool | None]]:
        """All observations, and whether what is named reproduces them: looked at once for as long as nothing else is named."""
        state = (self.names, id(self.evidence.convention), self.evidence.laxity)
        if self._reproduced is None or self._reproduced[0] != state:
            everywhere = [(place, self.evidence.reproduces(place, self.names)) for place in self._everywhere()]
            self._reproduced = state, everywhere
        return self._reproduced[1]

    def _everywhere(self) -> Iterator[Place]:
        for component in COMPONENTS:
            yield from self.evidence.places.get(component, [])

    def _conventions(self) -> list[Convention]:
        """Other conventions that may be meant, the same objects each time: simulations are kept by them."""
        own = self.evidence.convention
        if self._others is None or self._others[0] is not own:
            self._others = own, perhaps_meant(own, self.declared)
        return self._others[1]


def _spread(deviating: Sequence[Place], most: int | None) -> list[Place]:
    """Some of the observations, of different scripts."""
    of_each: Mapping[int, Place] = {place.script: place for place in reversed(deviating)}
    return [of_each[number] for number in sorted(of_each)][:most]


def _plain(choice: Any) -> Any:
    return list(choice) if isinstance(choice, tuple) else choice
