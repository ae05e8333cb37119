"""The arguments of somebody's forward function, found by their names, and the entries of the dicts among them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.constructor import ROLES
from bnspec.plugs.holders import keys_read, read_holder
from bnspec.plugs.reading import codes_of, parameters_of, refuse_unknown, strings_of
from bnspec.plugs.switch import Switch, by_argument, by_entry, by_global
from bnspec.plugs.target import Found, written
from bnspec.plugs.values import STATISTICS

BY_GRAD_MODE = Switch(found="torch.is_grad_enabled()")
"""How a few textbooks do it; their inference has no gradient."""

TAKEN_AS_MEANS = {"running_mean": ("mean",), "running_var": ("variance",)}
"""What a function is given under these names can only be running statistics: it computes the batch's itself."""


@dataclass(frozen=True)
class Signature:
    """How a forward function is called.

    x          the name of its argument x;  is_first: whether that comes first
    places     role of `ROLES` -> where its value goes, as text behind the dict of arguments: ["gamma"], ["bn_param"]["eps"]
    required   those of the roles that it is always given: where it cannot do without, and arrays that the caller keeps
    dicts      the arguments that are dicts: one dict of ours serves for all of them
    holders    the arguments that hold running statistics otherwise -> the text that makes one: an object, or a pair
    switch     how it is told training from inference
    fixed      arguments that the target fixes
    closed     the roles that these decide
    """

    x: str
    is_first: bool
    places: Mapping[str, str]
    required: frozenset[str]
    dicts: tuple[str, ...]
    switch: Switch
    fixed: Mapping[str, Any]
    closed: frozenset[str]
    holders: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The arguments besides x, as the user knows them."""
        entries = [place.partition('"]["')[2][:-2] for place in self.places.values() if "][" in place]
        whole = [place[2:-2] for place in self.places.values() if "][" not in place]
        dicts = [f"{name} with {', '.join(entries)}" if entries and name == self.dicts[0] else name for name in self.dicts]
        return ", ".join([*dict.fromkeys(re.sub(r"\W.*", "", name) for name in whole), *dicts, *written(self.fixed)])


def read_signature(found: Found) -> Signature | None:
    """The roles of the arguments of the function that was found, None where nothing in it is a BatchNorm's.

    Raises `TargetError` where a required argument has no role, or where the target fixes one that is not there.
    """
    function, label = found.subject, found.label
    parameters = {one.name: one for one in parameters_of(function)}
    roles = {role: names.match(parameters, (*aliases, *TAKEN_AS_MEANS.get(role, ()))) for role, aliases in ROLES.items()}
    by_role = {role: name for name in parameters for role, taken in roles.items() if taken == name}
    left = {name: one for name, one in parameters.items() if name not in by_role.values()}
    switch = by_argument(function, left) or _by_grad_mode(function)
    flag = "" if switch is None else switch.argument.partition("=")[0].strip(", ")
    left.pop(flag, None)
    x = names.match(left, names.X) or next((name for name, one in left.items() if one.default is one.empty), None)
    taken = [name for name in left if names.plain(name) in (*names.SETTINGS, *names.KEEPERS) and name not in (x, *found.keywords)]
    held = {name: one for name in taken if (one := read_holder(function, name, by_role))}
    dicts = tuple(name for name in taken if name not in held)
    entries = _entries(function, dicts, by_role) if dicts else {}
    entries |= {role: place for one in held.values() for role, place in one.places.items()}
    if x is None or not (names.norms([found.name]) or {"gamma", "beta", "running_mean"} & {*by_role, *entries}):
        return None
    found.refuse_keywords(name for name in parameters if name != x)
    known = {x, flag, *taken, *found.keywords, *by_role.values()}
    refuse_unknown(f"{label} needs the argument", [name for name in _required(parameters) if name not in known], found.place)
    if switch is None and dicts:
        switch = by_entry(function, dicts[0])
    switch = switch or by_global("Target", function)
    places = {role: f'["{name}"]' for role, name in by_role.items() if name not in found.keywords} | entries
    needed = {role for role, name in by_role.items() if name in _required(parameters) or role.startswith("running")}
    required = frozenset(needed | ({"gamma", "beta"} & {*places}) | {role for one in held.values() for role in one.places})
    closed = frozenset(role for role, name in by_role.items() if name in found.keywords)
    made = {name: one.made for name, one in held.items()}
    return Signature(x, next(iter(parameters)) == x, places, required, dicts, switch or Switch(), found.keywords, closed, made)


def _entries(function: Any, dicts: Sequence[str], by_role: Mapping[str, str]) -> dict[str, str]:
    """Where the roles that are no arguments lie in our dict, by the texts in the function's code.

    Of the names of running statistics those count that are no entry of a cache as well, as mu and var are, unless they are read
    from what is named for a state.
    """
    said = [text for text in strings_of(function) if text.isidentifier()]
    keys = {role: names.match(said, _long(role, aliases)) for role, aliases in ROLES.items() if role not in by_role}
    for name in dicts:
        read = keys_read(function, name) if names.plain(name) in names.KEEPERS else []
        own = {role: names.match(read, ROLES[role]) for role in STATISTICS if role not in by_role}
        keys |= own if all(own.values()) else {}
    return {role: f'["{dicts[0]}"]["{key}"]' for role, key in keys.items() if key is not None}


def _long(role: str, aliases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(alias for alias in aliases if not role.startswith("running") or alias not in names.SHORT)


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    return [name for name, one in parameters.items() if one.default is one.empty]


def _by_grad_mode(function: Any) -> Switch | None:
    return BY_GRAD_MODE if any("is_grad_enabled" in code.co_names for code in codes_of(function)) else None
