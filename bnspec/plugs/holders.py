"""An argument of a forward function that holds what it needs, and is no dict: an object with attributes, or a pair."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.constructor import ROLES
from bnspec.plugs.flags import parsed
from bnspec.plugs.values import PAIRED, STATISTICS

OBJECT = "SimpleNamespace()"
PAIR = "[None, None]"
"""What is made for a function that reads `state.mean`, or `mean, var = state`; their fields are written like any other."""


@dataclass(frozen=True)
class Holder:
    """How such an argument is made, and role -> where its value goes, as text behind the dict of arguments."""

    made: str
    places: Mapping[str, str]


def read_holder(function: Any, name: str, by_role: Mapping[str, str]) -> Holder | None:
    """What the argument `name` is, by how the function's text reads it; None for a dict, and for what holds nothing we know."""
    if keys_read(function, name):
        return None
    fields = _attributes_read(function, name)
    keys = {role: names.match(fields, aliases) for role, aliases in ROLES.items() if role not in by_role}
    places = {role: f'["{name}"].{key}' for role, key in keys.items() if key is not None}
    if places and len({*places} & {*STATISTICS}) != 1:
        return Holder(OBJECT, places)
    if _is_unpacked(function, name) and not {*STATISTICS} & {*by_role}:
        return Holder(PAIR, {role: f'["{name}"][{PAIRED[role]}]' for role in STATISTICS})
    return None


def keys_read(function: Any, name: str) -> list[str]:
    """The texts with which the function's own text looks something up in its argument `name`."""
    found = []
    for node in ast.walk(parsed(function)):
        match node:
            case ast.Subscript(value=ast.Name(id=held), slice=ast.Constant(value=str() as key)) if held == name:
                found.append(key)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=held)), args=[ast.Constant(value=str() as key), *_]) if held == name:
                found.append(key)
    return found


def _attributes_read(function: Any, name: str) -> list[str]:
    nodes = ast.walk(parsed(function))
    return [node.attr for node in nodes if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == name]


def _is_unpacked(function: Any, name: str) -> bool:
    """Whether it is taken apart into two, the first named as a mean or the second as a variance."""
    for node in ast.walk(parsed(function)):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=mean), ast.Name(id=var)])], value=ast.Name(id=held)) if (
                held == name
            ):
                return bool(names.match([mean], ROLES["running_mean"]) or names.match([var], ROLES["running_var"]))
    return False
