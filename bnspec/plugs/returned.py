"""What somebody's forward function returns: y, new running statistics, and what it keeps for its backward."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bnspec.case import Array
from bnspec.plugs import names
from bnspec.plugs.adapter import Question, TargetError
from bnspec.plugs.constructor import ROLES
from bnspec.plugs.trial import channels_tried, is_output

STATE = ("running_mean", "running_var")
"""The roles that a training step moves."""

FRESH = re.compile("^(new|next|updated|upd|out)|(new|next|updated|out|data)$")
"""What people put before or after the name of a running statistic when it has moved."""

OF_THE_BATCH = re.compile("batch|sample|save|cache|inv|std|sigma|^mu|^mean$|^var$|^variance$|^xmean$|^xvar$|^cur|^ivar$|^x|^v$|^m$")
"""Names of what belongs to the batch, when running statistics have names of their own."""


@dataclass(frozen=True)
class Returned:
    """The places of what a forward returns in its tuple.

    y       None where it returns y alone
    state   "running_mean", "running_var" -> the place of its new value; "settings" -> that of the dict with all of it
    names   what the places are called in the function's code, in each of its return statements; () where that is not known
    saved   the places of the rest
    """

    y: int | None = None
    state: Mapping[str, int] = field(default_factory=dict)
    names: tuple[frozenset[str], ...] = ()
    saved: tuple[int, ...] = ()


def read_returned(
    value: Any,
    x: Array,
    function: Callable[..., Any],
    said: Sequence[str],
    own: Mapping[str, str],
    label: str,
    *,
    must_have: bool,
    held: Sequence[str] = (),
) -> Returned:
    """The places in `value`, which a trial of the forward returned for x; by the target's words, else by names and shapes.

    own      role -> the name of the argument or entry by which the function was given it
    held     the arguments that hold running statistics under whatever names
    must_have   whether their new values must be among what is returned, since they were left nowhere else
    Raises `TargetError` where there is no y, and `Question` where two readings are left.
    """
    if not isinstance(value, (tuple, list)) or (isinstance(value, list) and not any(is_output(part, x) for part in value)):
        return _alone(value, x, label)
    called = tuple(frozenset({name}) for name in said) or returned_names(function, len(value))
    y = _place_of_y(value, x, said, label)
    state = {
        role: place for role in own for place in _places_of(role, own[role], called) if place != y and _is_statistic(value[place])
    }
    rest = [place for place in range(len(value)) if place not in (y, *state.values())]
    kept = next((place for place in rest if _is_state(value[place]) or _is_kept(value[place], called, place, held)), None)
    if kept is not None and not state:
        what = "settings" if isinstance(value[kept], dict) else "held"
        return Returned(y, {what: kept}, called, tuple(place for place in rest if place != kept))
    unclear = [place for place in rest if _is_statistic(value[place]) and not _is_of_batch(called, place)]
    if must_have and not state and len(unclear) == len(STATE) and not said:
        _ask(label, value, y, unclear)
    return Returned(y, state, called, tuple(rest))


def _alone(value: Any, x: Array, label: str) -> Returned:
    """Of a forward that returns y and nothing else, perhaps as lists of numbers."""
    if not is_output(value, x) and np.shape(value) != x.shape:
        wanted = "y of that shape was expected, alone or first of a tuple"
        raise TargetError(f"{label} returned {_kind(value)} for x shaped {x.shape}; {wanted}")
    return Returned()


def returned_names(function: Callable[..., Any], count: int) -> tuple[frozenset[str], ...]:
    """What the places of the returned tuple are called in the function's return statements; () where its text is not there."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):
        return ()
    tuples = [one.value.elts for one in _returns(tree.body[0]) if isinstance(one.value, ast.Tuple) and len(one.value.elts) == count]
    return tuple(frozenset(map(_name, place)) - {""} for place in zip(*tuples, strict=True))


def _returns(tree: ast.AST) -> Iterator[ast.Return]:
    """The return statements of a function, not those of functions inside of it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _returns(node)


def _name(node: ast.expr) -> str:
    """The name that an expression goes back to: running_mean of `running_mean.copy()`, of `state["running_mean"]`."""
    match node:
        case ast.Name():
            return node.id
        case ast.Subscript(slice=ast.Constant(value=str() as key)):
            return key
        case ast.Attribute(value=ast.Name(id="self" | "ctx")):
            return node.attr
        case ast.Attribute() | ast.Subscript():
            return _name(node.value)
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "torch" | "numpy" | "jnp"))):
            return _name(node.args[0]) if node.args else ""
        case ast.Call(func=ast.Attribute()):
            return _name(node.func)
    return ""


def _place_of_y(value: Sequence[Any], x: Array, said: Sequence[str], label: str) -> int:
    """Where the target says; else the first place, where that is shaped as x; else the only place that is."""
    if said and len(said) == len(value):
        return list(said).index("y")
    fit = [place for place, part in enumerate(value) if is_output(part, x)]
    if said or not fit or (len(fit) > 1 and fit[0] != 0):
        parts = ", ".join(_kind(part) for part in value)
        raise TargetError(
            f"which of the {len(value)} things that {label} returns is y? They are {parts}, for x shaped {x.shape}. "
            f'Say it in order, such as {_base(label)}(returns="y{", other" * (len(value) - 1)}")'
        )
    return fit[0]


def _places_of(role: str, own: str, called: Sequence[frozenset[str]]) -> list[int]:
    """The places whose name says that they hold a running statistic: a usual name, or that of the argument itself."""
    if role not in STATE:
        return []
    usual = {alias for alias in ROLES[role] if alias not in names.SHORT}
    wanted = {*usual, names.plain(own)}
    if "running" in names.plain(own) or names.plain(own) in usual:
        wanted |= {f"new{role.removeprefix('running_')}"}
    said = [{names.plain(name) for name in place} for place in called]
    return [place for place, plain in enumerate(said) if (plain | {FRESH.sub("", name) for name in plain}) & wanted]


def _is_statistic(value: Any) -> bool:
    return hasattr(value, "shape") and int(np.prod(tuple(value.shape))) == channels_tried()


def _is_state(value: Any) -> bool:
    """Whether this is a dict that holds running statistics."""
    keys = [key for key in value if isinstance(key, str)] if isinstance(value, dict) else []
    return any(names.plain(found) not in names.SHORT for role in STATE if (found := names.match(keys, ROLES[role])))


def _is_kept(value: Any, called: Sequence[frozenset[str]], place: int, held: Sequence[str]) -> bool:
    """Whether this is what was given as the state, moved: by its name, and by what it holds."""
    said = {names.plain(name) for name in called[place]} if called else set()
    if not said and held and isinstance(value, (tuple, list)) and len(value) == len(STATE):  # (mean, var), put together there
        return all(_is_statistic(part) for part in value)
    if not ({*said, *(FRESH.sub("", name) for name in said)} & {*map(names.plain, held), *names.KEEPERS}):
        return False
    fields = list(value) if isinstance(value, dict) else [name for name in dir(value) if not name.startswith("__")]
    pair = isinstance(value, (tuple, list)) and len(value) == len(STATE)
    return pair or all(names.match((key for key in fields if isinstance(key, str)), ROLES[role]) for role in STATE)


def _is_of_batch(called: Sequence[frozenset[str]], place: int) -> bool:
    plain = {names.plain(name) for name in called[place]} if called else set()
    return bool(plain) and all(OF_THE_BATCH.search(name) for name in plain)


def _ask(label: str, value: Sequence[Any], y: int, unclear: Sequence[int]) -> None:
    """Raise the question whether two returned statistics are the batch's or the new running ones."""
    order = ["y" if place == y else "cache" for place in range(len(value))]
    running, batch = list(order), list(order)
    for place, role in zip(unclear, STATE, strict=True):
        running[place], batch[place] = role, f"batch_{role.removeprefix('running_')}"
    places = " and ".join(str(place + 1) for place in unclear)
    raise Question(
        f"are numbers {places} of what {label} returns the new running statistics, or the batch's? "
        f'Say {_base(label)}(returns="{", ".join(running)}") or (returns="{", ".join(batch)}")'
    )


def _base(label: str) -> str:
    return label.partition("(")[0]


def _kind(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if value is None:
        return "None"
    return f"a {type(value).__name__}" + (f" shaped {tuple(shape)}" if shape is not None else "")
