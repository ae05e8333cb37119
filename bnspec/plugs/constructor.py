"""The constructor of somebody's BatchNorm class: what its arguments stand for, and a layer made with them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from bnspec.plugs import names
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.flags import only_kept
from bnspec.plugs.reading import parameters_of, refuse_unknown, required_of
from bnspec.plugs.target import Found, written

ROLES: Mapping[str, tuple[str, ...]] = {
    "eps": names.EPS,
    "momentum": names.MOMENTUM,
    "gamma": names.GAMMA,
    "beta": names.BETA,
    "running_mean": names.RUNNING_MEAN,
    "running_var": names.RUNNING_VAR,
}
"""What `setup` may ask of a layer, and the names under which layers take or keep it."""

SHAPES = ("(setup.channels,)", "(1, setup.channels, *[1] * (setup.rank - 2))", "(None, setup.channels, *[None] * (setup.rank - 2))")
"""What people call the shape of a layer: of a sample, of an array of parameters, of a batch of unknown size."""

STARTS = {
    "gamma": "np.ones(setup.channels)",
    "beta": "np.zeros(setup.channels)",
    "running_mean": "np.zeros(setup.channels)",
    "running_var": "np.ones(setup.channels)",
}
"""Where a fresh layer starts, for code that wants to be told."""

NUMBERS = {"eps": "1e-5", "momentum": "0.9"}
"""What stands in for a default, for code that has none and is told nothing."""

CHANNELS = 3
"""Of the layer made while binding; inputs tried on it have no other axis of this size, so that shapes tell what they are."""

USUAL: Mapping[str, Any] = {
    "eps": 1e-5,
    "momentum": 0.9,
    "gamma": np.ones(CHANNELS),
    "beta": np.zeros(CHANNELS),
    "running_mean": np.zeros(CHANNELS),
    "running_var": np.ones(CHANNELS),
}
"""What is given while binding."""


@dataclass(frozen=True)
class Constructor:
    """The constructor's arguments by role: "size", "rank" and those of `ROLES`, each with the name it has there.

    required   the names without which it cannot be called
    fixed      arguments that the target fixes, which are passed in any case
    closed     the roles that the fixed arguments leave nothing to be said about
    shape      what the size is, where that is a shape
    made       the target's own expression for a layer, "" where it has none
    """

    arguments: Mapping[str, str]
    required: frozenset[str]
    fixed: Mapping[str, Any]
    closed: frozenset[str]
    shape: str = SHAPES[0]
    made: str = ""

    @property
    def guessed(self) -> bool:
        """Whether nothing but its being the only argument says that the size is the number of channels."""
        return "size" in self.arguments and not names.match([self.arguments["size"]], names.SIZE)

    @property
    def takes_shape(self) -> bool:
        """Whether the size argument is named as a shape, and so wants a tuple."""
        return names.plain(self.arguments.get("size", "")).endswith("shape")

    @property
    def shown(self) -> str:
        """The arguments as the user knows them."""
        return self.made or ", ".join([*self.arguments.values(), *written(self.fixed)])

    def lines(self) -> list[str]:
        """The adapter's lines that make `bn`; an argument that `setup` leaves open is not passed, if the class can do without."""
        if self.made:
            return [f"bn = {self.made}"]
        always, sometimes = [], []
        for role, name in self.arguments.items():
            if role == "size":
                always.append(f"{name}={self.shape}" if self.takes_shape else f"{name}=setup.channels")
            elif role == "rank":
                always.append(f"{name}=setup.rank")
            else:
                value = f"setup.{role}.copy()" if role in STARTS else f"setup.{role}"
                sometimes += [f"if setup.{role} is not None:", f'    arguments["{name}"] = {value}']
                if name in self.required:
                    sometimes += ["else:", f'    arguments["{name}"] = {(STARTS | NUMBERS)[role]}']
        always += written(self.fixed)
        if not sometimes:
            return [f"bn = Target({', '.join(always)})"]
        return [f"arguments = dict({', '.join(always)})", *sometimes, "bn = Target(**arguments)"]


def read_constructor(found: Found) -> Constructor:
    """The roles of the constructor's arguments; raises `TargetError` where a required one has none, or a fixed one is unknown."""
    parameters = {one.name: one for one in parameters_of(found.subject)}
    if not _takes_anything(found.subject):
        found.refuse_keywords(parameters)
    required = [name for name in required_of(found.subject) if name not in found.keywords]
    arrays = [name for name, one in parameters.items() if one.default is one.empty or one.default is None]
    roles: dict[str, str] = {}
    for role, aliases in {**ROLES, "rank": names.RANK}.items():
        name = names.match(parameters if role in ("eps", "momentum", "rank") else arrays, aliases)
        if name is not None:
            roles[role] = name
    left = [name for name in parameters if name not in roles.values()]
    needed = [name for name in required if name in left]
    size = names.match(needed, names.SIZE) or (needed[0] if len(needed) == 1 else None) or names.match(left, names.SIZE)
    unknown = [name for name in needed if name != size]
    idle = dict.fromkeys(only_kept(found.subject, unknown) if unknown and names.match(needed, names.SIZE) else ())
    refuse_unknown(f"{found.label} needs the constructor argument", [name for name in unknown if name not in idle], found.place)
    if size in found.keywords:
        raise TargetError(f"{found.label} fixes {size}, the number of channels, which differs from case to case; leave it out")
    arguments = roles if size is None else {"size": size, **roles}
    open_ = {role: name for role, name in arguments.items() if name not in found.keywords}
    return Constructor(open_, frozenset(required), {**found.keywords, **idle}, _closed(found, roles))


def _closed(found: Found, roles: Mapping[str, str]) -> frozenset[str]:
    """The roles that fixed arguments decide: those given a value, and those that a False switches off."""
    given = {role for role, name in roles.items() if name in found.keywords}
    off = {role for name, value in found.keywords.items() if value is False for role in names.SWITCHES.get(names.plain(name), ())}
    return frozenset(given | off)


def _takes_anything(subject: type) -> bool:
    """Whether it takes keyword arguments of any name, or does not show which."""
    try:
        return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(subject).parameters.values())
    except (TypeError, ValueError):
        return True


def construct(label: str, subject: type, constructor: Constructor) -> Any:
    """One layer, made with every argument that the adapter will give; raises `TargetError` where that fails."""
    size = eval(constructor.shape, {"setup": SimpleNamespace(channels=CHANNELS, rank=2)})
    given: dict[str, Any] = {"size": size if constructor.takes_shape else CHANNELS, "rank": 2}
    given |= {role: np.copy(value) if role in STARTS else value for role, value in USUAL.items()}
    arguments = {name: given[role] for role, name in constructor.arguments.items()} | dict(constructor.fixed)
    try:
        return subject(**arguments)
    except (Exception, SystemExit) as error:
        call, place = ", ".join(written(arguments)), label.partition("(")[0]
        example = f'{place}(make="{subject.__name__}({", ".join(f"{name}=..." for name in arguments)})")'
        raise TargetError(
            f"{place}({call}) raised {type(error).__name__}: {error}; if that is not how it is made, say how, with {{channels}} "
            f"for the number of channels: {example}"
        ) from error
