"""What was asked and what was answered, and how any other answers compare with that, observation by observation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bnspec.case import Array
from bnspec.convention import Convention
from bnspec.reports.diagnosis.asking import Simulation
from bnspec.reports.diagnosis.scripts import PARTS, Answers, Script, Spot, spots
from bnspec.reports.diagnosis.tolerance import CONFORMING, Laxity, Tolerances, agree, tolerances

Value = Array | str | frozenset[str] | None
"""An array, the name of a dtype, the status of a fault, or what was changed; None where nothing was answered there."""


@dataclass(frozen=True)
class Place:
    """An observation: which script, and where in it."""

    script: int
    spot: Spot


@dataclass
class Evidence:
    """The scripts that were answered, with the answers and the dtypes of x. Simulations are made once and kept."""

    convention: Convention
    fixed: Mapping[str, float]
    laxity: Laxity = CONFORMING
    scripts: list[Script] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    places: dict[str, list[Place]] = field(default_factory=dict)
    _simulations: dict[tuple[tuple[str, ...], int], Simulation] = field(default_factory=dict)
    _simulated: dict[tuple[tuple[str, ...], int, int], Answers] = field(default_factory=dict)
    _conventions: list[Convention] = field(default_factory=list)
    _tolerances: dict[tuple[int, int, Laxity], Tolerances] = field(default_factory=dict)

    def gather(self, scripts: Iterable[Script], ask: Callable[[Script], Answers | None]) -> None:
        """Ask all scripts; what is answered is evidence."""
        for script in scripts:
            if (answers := ask(script)) is not None:
                self._add(script, answers)

    def _add(self, script: Script, answers: Answers) -> None:
        number = len(self.scripts)
        self.scripts.append(script)
        self.answers.append(answers)
        self.dtypes.append(_dtype(script))
        for spot in spots(script):
            if _value(answers, spot, script) is not None:
                self.places.setdefault(spot.component, []).append(Place(number, spot))

    def simulated(self, names: tuple[str, ...], number: int, convention: Convention | None = None) -> Answers:
        """What steps with these bugs answer to a script."""
        convention = convention or self.convention
        key = (names, id(convention), number)
        if key not in self._simulated:
            self._simulated[key] = self._simulation(names, convention)(self.scripts[number])
        return self._simulated[key]

    def _simulation(self, names: tuple[str, ...], convention: Convention) -> Simulation:
        key = (names, id(convention))
        if key not in self._simulations:
            self._conventions.append(convention)  # so that its id stays its own
            self._simulations[key] = Simulation(names, convention, self.fixed)
        return self._simulations[key]

    def reproduces(self, place: Place, names: tuple[str, ...], convention: Convention | None = None) -> bool | None:
        """Whether steps with these bugs answer there as the implementation did; None where nothing can be said."""
        return self.alike(place, self.answers[place.script], self.simulated(names, place.script, convention), convention)

    def within(self, place: Place, names: tuple[str, ...], laxity: Laxity) -> bool:
        """Whether the answer there is what these bugs make of it, within laxer bounds."""
        before, self.laxity = self.laxity, laxity
        try:
            return self.reproduces(place, names) is not False
        finally:
            self.laxity = before

    def alike(self, place: Place, some: Answers, others: Answers, convention: Convention | None = None) -> bool | None:
        """Whether two answers to the same script are the same there but for rounding; None where one of them is missing."""
        script = self.scripts[place.script]
        one, two = _value(some, place.spot, script), _value(others, place.spot, script)
        if one is None or two is None:
            return None
        if isinstance(one, str | frozenset) or isinstance(two, str | frozenset):
            return type(one) is type(two) and one == two
        right = _value(self.simulated((), place.script, convention), place.spot, script)
        limits = self._limits(place.script, convention or self.convention)
        limit = limits.get((place.spot.step, place.spot.name))
        return agree(one, two, limit, None if isinstance(right, str | frozenset) else right, self.dtypes[place.script])

    def _limits(self, number: int, convention: Convention) -> Tolerances:
        key = (id(convention), number, self.laxity)
        if key not in self._tolerances:
            self._tolerances[key] = tolerances(self.scripts[number], convention, self.laxity)
        return self._tolerances[key]


def _dtype(script: Script) -> str:
    """The dtype of x."""
    return next((part.dtype.name for one in script.requests for name, part in one.arrays.items() if name == "x"), "float64")


def _value(answers: Answers, spot: Spot, script: Script) -> Value:
    """What was answered there. A fault is one observation, at the first array of its reply."""
    if spot.step >= len(answers):
        return None
    reply = answers[spot.step]
    parts: Sequence[str] = PARTS[script.requests[spot.step].op]
    if reply.fault:
        return reply.fault if spot.name == parts[0] else None
    if spot.name == "noticed":
        return None if reply.noticed is None else frozenset(reply.noticed)
    if spot.name == "dtype":
        return reply.arrays[parts[0]].dtype.name if parts[0] in reply.arrays else None
    return reply.arrays.get(spot.name)
