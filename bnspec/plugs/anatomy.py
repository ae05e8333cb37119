"""The parts of somebody's BatchNorm class, found by their names: constructor, methods, the switch, the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.constructor import ROLES, Constructor, construct, read_constructor
from bnspec.plugs.reading import find_method
from bnspec.plugs.switch import Switch, find_switch
from bnspec.plugs.target import Found
from bnspec.plugs.values import Place, find_value


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A class that has a forward method, one layer made of it, and where that layer keeps what `ROLES` lists."""

    label: str
    name: str
    constructor: Constructor
    layer: Any
    forward: str
    switch: Switch
    values: Mapping[str, Place]

    @property
    def known(self) -> set[str]:
        """What a setup may say to it: in the constructor, or by writing to where it is kept."""
        return {*self.values, *self.constructor.arguments}

    @property
    def no_inference(self) -> str:
        """Why there is no inference to ask for, "" where there is one."""
        if not self.known & {"running_mean", "running_var"} or getattr(self.layer, "track_running_stats", True) is False:
            return f"{self.name} keeps no running statistics here, with which an inference could be told from a training"
        return "" if self.switch.found else f"{self.name} has no inference mode"

    def described(self, backward: str) -> str:
        """In one sentence, what is called and where the state is kept."""
        by_constructor = self.constructor.arguments
        kept = ", ".join(f"{role} at {place.text}" for role, place in self.values.items() if role not in by_constructor)
        switch = " without inference" if self.no_inference else f" switched by {self.switch.found}"
        call = f"{self.name}({self.constructor.shown}); {self.forward}(x){switch}; {backward}"
        return f"{call}; {kept}" if kept else call


def dissect(found: Found) -> Anatomy | None:
    """The parts of a class, None where it has no forward method or nothing of a BatchNorm.

    What the target's keyword arguments decide is no part that can be set.
    Raises `TargetError` where a layer cannot be made, or where it wants something that its names do not explain.
    """
    label, subject = found.label, found.subject
    if found.returned and isinstance(subject, type):
        raise TargetError(f"{label}: of what a class's forward returns, y is the first; returns= can only name the gradients here")
    forward = find_method(subject, names.FORWARD) if isinstance(subject, type) else None
    if forward is None:
        return None
    constructor = read_constructor(found)
    layer = construct(label, subject, constructor)
    places = {role: find_value(layer, aliases) for role, aliases in ROLES.items()}
    values = {role: place for role, place in places.items() if place is not None}
    if not names.norms([subject.__name__]) and not values.keys() & {"gamma", "beta", "running_mean"}:
        return None
    values = {role: place for role, place in values.items() if role not in constructor.closed}
    return Anatomy(label, subject.__name__, constructor, layer, forward, find_switch(label, layer, forward), values)
