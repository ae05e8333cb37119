"""The parts of somebody's BatchNorm class, found by their names: constructor, methods, the switch, the state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bnspec.plugs import names
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.building import WHOLE, Build, builds, is_whole, run
from bnspec.plugs.constructor import CHANNELS, ROLES, SHAPES, Constructor, construct, read_constructor
from bnspec.plugs.flags import reads_of_itself
from bnspec.plugs.hints import made, make_layer, names_used
from bnspec.plugs.reading import find_method, parameters_of, required_of
from bnspec.plugs.switch import Switch, find_switch
from bnspec.plugs.target import Found
from bnspec.plugs.values import STATISTICS, Place, find_values


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A class that has a forward method, one layer made of it, and where that layer keeps what `ROLES` lists.

    build    what finishes a layer after its constructor
    passed   the roles that forward is given in each call -> their names there
    scope    what the adapter's text finds defined; beside: those of it that stand beside the class
    layout   the order of the axes, where the target says it
    """

    label: str
    name: str
    constructor: Constructor
    layer: Any
    forward: str
    switch: Switch
    values: Mapping[str, Place]
    build: Build = WHOLE
    passed: Mapping[str, str] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    layout: str = ""

    @property
    def known(self) -> set[str]:
        """What a setup may say to it: in the constructor, in a call, or by writing to where it is kept."""
        return {*self.values, *self.constructor.arguments, *self.passed}

    @property
    def needed(self) -> list[str]:
        """The arguments without which forward cannot be called."""
        return required_of(getattr(self.layer, self.forward))

    @property
    def no_inference(self) -> str:
        """Why there is no inference to ask for, "" where there is one."""
        if not {*STATISTICS} <= self.known or getattr(self.layer, "track_running_stats", True) is False:
            return f"{self.name} keeps no running statistics here, with which an inference could be told from a training"
        return "" if self.switch.found else f"{self.name} has no inference mode"

    @property
    def columns(self) -> bool:
        """Whether features come first: each keeps its numbers in a row of their own, (C, 1)."""
        if self.layout:
            return self.layout == "CN"
        kept = [np.shape(place.value) for role, place in self.values.items() if role not in ("eps", "momentum")]
        return bool(kept) and all(shape == (CHANNELS, 1) for shape in kept)

    def described(self, backward: str) -> str:
        """In one sentence, what is called and where the state is kept."""
        by_constructor = {*self.constructor.arguments, *self.passed}
        kept = ", ".join(f"{role} at {place.text}" for role, place in self.values.items() if role not in by_constructor)
        switch = " without inference" if self.no_inference else f" switched by {self.switch.found}"
        made = f"{self.name}({self.constructor.shown})" if not self.constructor.made else self.constructor.made
        built = f", {self.build.called}" if self.build.called else ""
        call = f"{made}{built}; {self.forward}({', '.join(['x', *self.passed.values()])}){switch}; {backward}"
        return f"{call}; {kept}" if kept else call


def dissect(found: Found, shape: str = SHAPES[0]) -> Anatomy | None:
    """The parts of a class, None where it has no forward method or nothing of a BatchNorm.

    What the target's keyword arguments decide is no part that can be set.
    shape   what a constructor argument that is a shape is given
    Raises `TargetError` where a layer cannot be made, or where it wants something that its names do not explain.
    """
    label, subject = found.label, found.subject
    if found.returned and isinstance(subject, type):
        raise TargetError(f"{label}: of what a class's forward returns, y is the first; returns= can only name the gradients here")
    if found.hints.make:
        constructor = made(found)
        layer = make_layer(found, constructor)
        subject = type(layer)
    elif not isinstance(subject, type) or find_method(subject, names.FORWARD) is None:
        return None
    else:
        constructor = replace(read_constructor(found), shape=shape)
        layer = construct(label, subject, constructor)
    forward = find_method(subject, names.FORWARD)
    if forward is None:
        return None
    build, layer = _built(found, constructor, layer)
    values = _values(layer, constructor)
    passed = _passed(layer, forward, values, constructor)
    if not names.norms([subject.__name__]) and not {*values, *passed} & {"gamma", "beta", "running_mean"}:
        return None
    switch = find_switch(label, layer, forward, passed.values())
    values = {role: place for role, place in values.items() if role not in passed}
    used = {name: name for name in names_used(found, constructor)} if found.hints.make else {}
    scope = {"Target": found.subject, **{name: found.beside[name] for name in used}}
    return Anatomy(
        label, subject.__name__, constructor, layer, forward, switch, values, build, passed, scope, used, found.hints.layout
    )


def _values(layer: Any, constructor: Constructor) -> dict[str, Place]:
    """Where the layer keeps what `ROLES` lists, but for what the target decides, and an eps or momentum that it never looks at."""
    values = {role: place for role, place in find_values(layer, ROLES).items() if role not in constructor.closed}
    read = reads_of_itself(type(layer))
    unread = {role for role in ("eps", "momentum") if read is not None and role in values and values[role].text[1:] not in read}
    return {role: place for role, place in values.items() if role not in unread or "." in place.text[1:] or "[" in place.text}


def _built(found: Found, constructor: Constructor, layer: Any) -> tuple[Build, Any]:
    """How a layer without gamma is built, and one that is; where no way gives it one, it is left as it was made."""
    if "gamma" in {*constructor.arguments, *constructor.closed} or is_whole(find_values(layer, ROLES), CHANNELS):
        return WHOLE, layer
    for build in builds(layer):
        other = make_layer(found, constructor) if constructor.made else construct(found.label, found.subject, constructor)
        try:
            whole = run(build, other)
        except Exception:  # a way to call it that it was not made for
            continue
        if is_whole(find_values(whole, ROLES), CHANNELS):
            return build, whole
    return WHOLE, layer


def _passed(layer: Any, forward: str, values: Mapping[str, Place], constructor: Constructor) -> dict[str, str]:
    """The roles that forward is given: what the layer does not keep itself, or what forward cannot do without."""
    parameters = {one.name: one for one in parameters_of(getattr(layer, forward))[1:]}
    named = {role: names.match(parameters, aliases) for role, aliases in ROLES.items()}
    return {
        role: name
        for role, name in named.items()
        if name is not None
        and role not in {*constructor.arguments, *constructor.closed}
        and (role not in values or parameters[name].default is parameters[name].empty)
        and not isinstance(parameters[name].default, bool)
    }
