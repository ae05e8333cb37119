"""The parts of somebody's BatchNorm class, found by their names: constructor arguments, methods, the switch, the state."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from bnspec.plugs import names
from bnspec.plugs.adapter import SKELETON, TargetError
from bnspec.plugs.values import Place, find_value

ROLES: Mapping[str, tuple[str, ...]] = {
    "eps": names.EPS,
    "momentum": names.MOMENTUM,
    "gamma": names.GAMMA,
    "beta": names.BETA,
    "running_mean": names.RUNNING_MEAN,
    "running_var": names.RUNNING_VAR,
}
"""What `setup` may ask of a layer, and the names under which layers take or keep it."""


STARTS = {
    "gamma": "np.ones(setup.channels)",
    "beta": "np.zeros(setup.channels)",
    "running_mean": "np.zeros(setup.channels)",
    "running_var": "np.ones(setup.channels)",
}
"""Where a fresh layer starts, for classes whose constructor wants to be told."""

CHANNELS = 3
"""Of the layer made while binding; inputs tried on it have no other axis of this size, so that shapes tell what they are."""


@dataclass(frozen=True)
class Constructor:
    """The constructor's arguments by role: "size", "rank" and those of `ROLES`, each with the name it has there.

    required   the names without which it cannot be called
    """

    arguments: Mapping[str, str]
    required: frozenset[str]

    @property
    def takes_shape(self) -> bool:
        """Whether the size argument is named as a shape, and so wants a tuple."""
        return names.plain(self.arguments.get("size", "")).endswith("shape")

    def lines(self) -> list[str]:
        """The adapter's lines that make `bn`; an argument that `setup` leaves open is not passed, if the class can do without."""
        always, sometimes = [], []
        for role, name in self.arguments.items():
            if role == "size":
                always.append(f"{name}=(setup.channels,)" if self.takes_shape else f"{name}=setup.channels")
            elif role == "rank":
                always.append(f"{name}=setup.rank")
            else:
                value = f"setup.{role}.copy()" if role in STARTS else f"setup.{role}"
                sometimes += [f"if setup.{role} is not None:", f'    arguments["{name}"] = {value}']
                if name in self.required and role in STARTS:
                    sometimes += ["else:", f'    arguments["{name}"] = {STARTS[role]}']
        if not sometimes:
            return [f"bn = Target({', '.join(always)})"]
        return [f"arguments = dict({', '.join(always)})", *sometimes, "bn = Target(**arguments)"]


@dataclass(frozen=True)
class Switch:
    """How a layer is told training from inference.

    before     a statement on `self.bn` to run before each forward, or ""
    argument   what follows x in the call, or ""
    found      in words, "" when there is no inference mode at all
    """

    before: str = ""
    argument: str = ""
    found: str = ""


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

    def described(self, backward: str) -> str:
        """In one sentence, what is called and where the state is kept."""
        by_constructor = self.constructor.arguments
        kept = ", ".join(f"{role} at {place.text}" for role, place in self.values.items() if role not in by_constructor)
        switch = f" switched by {self.switch.found}" if self.switch.found else " without inference mode"
        call = f"{self.name}({', '.join(by_constructor.values())}); {self.forward}(x){switch}; {backward}"
        return f"{call}; {kept}" if kept else call


def dissect(label: str, subject: Any) -> Anatomy | None:
    """The parts of a class, None where it has no forward method or nothing of a BatchNorm.

    Raises `TargetError` where a layer cannot be made, or where it wants something that its names do not explain.
    """
    forward = find_method(subject, names.FORWARD) if isinstance(subject, type) else None
    if forward is None:
        return None
    constructor = read_constructor(label, subject)
    layer = construct(label, subject, constructor, CHANNELS)
    found = {role: find_value(layer, aliases) for role, aliases in ROLES.items()}
    values = {role: place for role, place in found.items() if place is not None}
    is_norm = any(word in subject.__name__.lower() for word in ("norm", "bn"))
    if not is_norm and not values.keys() & {"gamma", "beta", "running_mean"}:
        return None
    return Anatomy(label, subject.__name__, constructor, layer, forward, find_switch(label, layer, forward), values)


def read_constructor(label: str, subject: type) -> Constructor:
    """The roles of the constructor's arguments; raises `TargetError` where a required one has none."""
    parameters = {one.name: one for one in parameters_of(subject)}
    required = [name for name, one in parameters.items() if one.default is one.empty]
    arrays = [name for name, one in parameters.items() if one.default is one.empty or one.default is None]
    roles: dict[str, str] = {}
    for role, aliases in {**ROLES, "rank": names.RANK}.items():
        found = names.match(parameters if role in ("eps", "momentum", "rank") else arrays, aliases)
        if found is not None:
            roles[role] = found
    left = [name for name in parameters if name not in roles.values()]
    needed = [name for name in required if name in left]
    size = names.match(needed, names.SIZE) or next(iter(needed), None) or names.match(left, names.SIZE)
    refuse_unknown(f"{label} needs the constructor argument", [name for name in needed if name != size])
    return Constructor(roles if size is None else {"size": size, **roles}, frozenset(required))


def refuse_unknown(what: str, unknown: list[str]) -> None:
    """Raise `TargetError` for the first argument that cannot be given a value."""
    if unknown:
        raise TargetError(f"{what} {unknown[0]!r}, whose name does not tell what to give; write an adapter:\n\n{SKELETON}")


def construct(label: str, subject: type, constructor: Constructor, channels: int) -> Any:
    """One layer of `channels`, made with every argument that the adapter will give; raises `TargetError` where that fails."""
    given = {
        "size": (channels,) if constructor.takes_shape else channels,
        "rank": 2,
        "eps": 1e-5,
        "momentum": 0.9,
        "gamma": np.ones(channels),
        "beta": np.zeros(channels),
        "running_mean": np.zeros(channels),
        "running_var": np.ones(channels),
    }
    arguments = {name: given[role] for role, name in constructor.arguments.items()}
    try:
        return subject(**arguments)
    except Exception as error:
        call = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        raise TargetError(f"{label}({call}) raised {type(error).__name__}: {error}") from error


def find_method(subject: type, aliases: Iterable[str]) -> str | None:
    """The name of the class's first method known by one of the aliases; what `object` and `type` have does not count."""
    return names.match((name for name in dir(subject) if callable(inspect.getattr_static(subject, name))), aliases)


def find_switch(label: str, layer: Any, forward: str) -> Switch:
    """How `layer` is switched, by an argument of its forward method, else by methods, else by an attribute."""
    method = getattr(layer, forward)
    others = {one.name: one for one in parameters_of(method)[1:]}
    switch = _by_argument(method, others) or _by_methods(layer) or _by_attribute(layer) or Switch()
    argument = switch.argument.partition("=")[0].strip(", ")
    unknown = [one.name for one in others.values() if one.default is one.empty and one.name != argument]
    refuse_unknown(f"{label}.{forward} needs, besides x, the argument", unknown)
    return switch


def _by_argument(method: Any, others: Mapping[str, inspect.Parameter]) -> Switch | None:
    if name := names.match(others, names.TRAINING_FLAGS):
        return Switch(argument=f", {name}=training", found=f"{name}=True|False")
    if name := names.match(others, names.INFERENCE_FLAGS):
        return Switch(argument=f", {name}=not training", found=f"{name}=False|True")
    if name := names.match(others, names.MODES):
        if isinstance(others[name].default, bool):
            return Switch(argument=f", {name}=training", found=f"{name}=True|False")
        train, infer = _words(method)
        return Switch(argument=f', {name}="{train}" if training else "{infer}"', found=f'{name}="{train}"|"{infer}"')
    return None


def _by_methods(layer: Any) -> Switch | None:
    methods = [name for name in dir(type(layer)) if callable(inspect.getattr_static(type(layer), name))]
    train, infer = names.match(methods, names.TRAINING_FLAGS), names.match(methods, names.INFERENCE_FLAGS)
    if train is None:
        return None
    taken = parameters_of(getattr(layer, train))
    if infer is not None and not any(one.default is one.empty for one in (*taken, *parameters_of(getattr(layer, infer)))):
        return Switch(before=f"self.bn.{train}() if training else self.bn.{infer}()", found=f"{train}()|{infer}()")
    if len(taken) == 1 and infer is None:
        return Switch(before=f"self.bn.{train}(training)", found=f"{train}(True|False)")
    return None


def _by_attribute(layer: Any) -> Switch | None:
    public = [name for name in dir(layer) if not name.startswith("__")]
    flags = [name for name in public if isinstance(inspect.getattr_static(layer, name), (bool, str))]
    if name := names.match(flags, names.TRAINING_FLAGS):
        return Switch(before=f"self.bn.{name} = training", found=f".{name} = True|False")
    if name := names.match(flags, names.INFERENCE_FLAGS):
        return Switch(before=f"self.bn.{name} = not training", found=f".{name} = False|True")
    if (name := names.match(flags, names.MODES)) and isinstance(getattr(layer, name), str):
        train, infer = _words(*(value for value in vars(type(layer)).values() if callable(value)))
        return Switch(before=f'self.bn.{name} = "{train}" if training else "{infer}"', found=f'.{name} = "{train}"|"{infer}"')
    return None


def _words(*functions: Any) -> tuple[str, str]:
    """The words for training and inference that the functions' code compares with."""
    said = [text for function in functions for text in _strings(getattr(function, "__code__", None))]
    train = next((text for word in names.TRAIN_WORDS for text in said if text.lower() == word), names.TRAIN_WORDS[0])
    infer = next((text for word in names.INFER_WORDS for text in said if text.lower() == word), names.INFER_WORDS[0])
    return train, infer


def _strings(code: CodeType | None) -> list[str]:
    constants = () if code is None else code.co_consts
    nested = [text for one in constants if isinstance(one, (tuple, frozenset)) for text in one]
    return [text for text in (*constants, *nested) if isinstance(text, str)]


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The named parameters of a class or bound method; none where Python cannot tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
