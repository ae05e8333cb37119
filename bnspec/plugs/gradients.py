"""What a backward takes and returns: the order of a tuple, the keys of a dict, the forward's cache."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.adapter import Question, TargetError
from bnspec.plugs.constructor import ROLES
from bnspec.plugs.flags import parsed
from bnspec.plugs.reading import parameters_of
from bnspec.plugs.returned import Returned, returned_names
from bnspec.plugs.signature import Signature
from bnspec.plugs.target import Found

DOCUMENTED = ("dx", "dgamma", "dbeta")
"""The order in which gradients are returned, unless the target says another."""

ALIASES: Mapping[str, tuple[str, ...]] = {"dx": names.DX, "dgamma": names.DGAMMA, "dbeta": names.DBETA}
"""The names of the entries of a dict of gradients."""


@dataclass(frozen=True)
class Order:
    """How the result of a backward is taken apart.

    assigned   the left side of the assignment that takes it
    parts      where dx, dgamma and dbeta are then; what is not there does not exist
    """

    assigned: str
    parts: Mapping[str, str]

    @property
    def shown(self) -> str:
        """What is returned, as in a signature."""
        keys = ", ".join(text.partition('"')[2].rstrip('"]') for text in self.parts.values() if '"' in text)
        shown = self.assigned.replace("found", f"{{{keys}}}")
        return f"({shown})" if "," in self.assigned else shown


ALONE = Order("dx", {"dx": "dx"})
"""A backward that returns dx and nothing else."""


def order_of(returned: Any, said: Sequence[str] = ()) -> Order | None:
    """How `returned`, which a backward returned on a trial, is to be read; None where that cannot be told.

    said   the order that the target says; without it a tuple is read as documented
    """
    is_tuple = isinstance(returned, (tuple, list))
    if is_tuple and len(returned) > len(DOCUMENTED) and all(part is None for part in returned[3:]):
        return Order(f"{', '.join(said or DOCUMENTED)}, *_", {name: name for name in said or DOCUMENTED})
    if said or (is_tuple and len(returned) == len(DOCUMENTED)):
        assigned = said or DOCUMENTED
        absent = [name for name, part in zip(assigned, returned, strict=False) if part is None] if is_tuple else []
        return Order(", ".join(assigned), {name: name for name in DOCUMENTED if name in assigned and name not in absent})
    if isinstance(returned, dict):
        entries = _entries(returned)
        return Order("found", entries) if "dx" in entries else None
    if is_tuple and len(returned) == len(("dx", "found")) and isinstance(returned[1], dict):
        return Order("dx, found", {**_entries(returned[1]), "dx": "dx"})
    if is_tuple and len(returned) == 2 and isinstance(returned[1], (tuple, list)) and len(returned[1]) == 2:
        return Order("dx, (dgamma, dbeta)", {name: name for name in DOCUMENTED})
    return None if is_tuple else ALONE


def said_order(function: Any, returned: Any, label: str) -> tuple[str, ...]:
    """The order of a returned triple, where the function's text tells it apart from the documented one; () where it does not.

    The names in its return statement say it where its docstring, or whoever calls it in its own module, says the same.
    Raises `Question` where only these names put beta before gamma: that is as often a mistake.
    """
    if not isinstance(returned, (tuple, list)) or len(returned) != len(DOCUMENTED):
        return ()
    called = returned_names(function, len(DOCUMENTED))
    order = tuple(next((part for part, aliases in ALIASES.items() if names.match(place, aliases)), "") for place in called)
    if sorted(order) != sorted(DOCUMENTED) or order.index("dgamma") < order.index("dbeta"):
        return order if sorted(order) == sorted(DOCUMENTED) and order != DOCUMENTED else ()
    told = order_told(function)
    if told is None:
        base = label.partition("(")[0]
        seen, usual = ", ".join(order), ", ".join(DOCUMENTED)
        raise Question(
            f"are gamma's and beta's gradients exchanged by mistake, or meant so? The backward of {label} returns {seen}, "
            f'and usual is {usual}. Say {base}(returns="{seen}") or {base}(returns="{usual}")'
        )
    return order if told else ()


def order_told(function: Any) -> bool | None:
    """Whether the docstring, or a call beside the function, puts beta's gradient first; None where neither says."""
    said = (inspect.getdoc(function) or "").lower()
    words = [names.plain(word) for word in re.findall(r"\w+", said[max(said.rfind("return"), 0) :])]
    if (order := _beta_first(words)) is not None:
        return order
    for node in ast.walk(parsed(inspect.getmodule(function))):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=taken)], value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
                order = _beta_first([names.plain(getattr(one, "id", getattr(one, "attr", ""))) for one in taken])
                if name == function.__name__ and order is not None:
                    return order
    return None


def _beta_first(words: Sequence[str]) -> bool | None:
    """Whether a name of beta's gradient precedes one of gamma's; None where the words do not have both."""
    places = [[at for at, word in enumerate(words) if word in ALIASES[part]] for part in ("dgamma", "dbeta")]
    return places[1][0] < places[0][0] if all(places) else None


def _entries(found: Mapping[Any, Any]) -> dict[str, str]:
    """Where the gradients are in a dict of them, by its keys; those of parameters may be named as the parameters are."""
    aliases = {"dx": names.DX, "dgamma": names.DGAMMA + names.GAMMA, "dbeta": names.DBETA + names.BETA}
    keys = {part: names.match((key for key in found if isinstance(key, str)), known) for part, known in aliases.items()}
    return {part: f'found["{key}"]' for part, key in keys.items() if key is not None}


def with_orders(found: Found) -> Found:
    """What was found with `returns=` of the target read, unless that is an argument of the class or function itself.

    One text, the two parts in any order with a semicolon between: "y, cache; dx, dbeta, dgamma".
    Raises `TargetError` for a text that is none.
    """
    if "returns" not in found.keywords or "returns" in [one.name for one in parameters_of(found.subject)]:
        return found
    text = found.keywords["returns"]
    orders = [tuple(name.strip() for name in part.split(",")) for part in text.split(";")] if isinstance(text, str) else []
    forward = [order for order in orders if "y" in order]
    backward = [order for order in orders if "dx" in order]
    plain = all(name.isidentifier() for order in orders for name in order)
    if not plain or len(orders) != len(forward) + len(backward) or max(len(forward), len(backward)) != 1:
        raise TargetError(
            f'{found.label} is not clear: returns= names what is returned, in order, such as returns="dx, dbeta, dgamma" for a '
            'backward, returns="y, running_mean, running_var" for a forward, or both with a semicolon between'
        )
    rest = {name: value for name, value in found.keywords.items() if name != "returns"}
    return replace(found, keywords=rest, returned=forward[0] if forward else (), gradients=backward[0] if backward else ())


def arguments_of(function: Any, returned: Returned, signature: Signature, give: str) -> dict[str, str] | str:
    """What a backward function is called with: the name of each argument -> the adapter's text for it; or what it lacks.

    An argument is dy, a part of the setup, something that forward returned under that name, x, a dict of settings, or the cache.
    give   the template that makes of an array what the functions compute on
    """
    parameters = {one.name: one for one in parameters_of(function)}
    first = next((name for name in parameters if names.plain(name) not in names.CACHE), None)
    dy = names.match(parameters, names.DY) or first
    if dy is None:
        return "it takes no dy"
    arguments, unknown = {dy: give.format("dy")}, list[str]()
    for name, one in parameters.items():
        text = _known(name, returned, signature) if name != dy else None
        if text is not None:
            arguments[name] = text
        elif one.default is one.empty and name != dy:
            unknown.append(name)
    wanted = names.match(unknown, names.CACHE) or (unknown[0] if len(unknown) == 1 else "")
    place = _cache(wanted, returned)
    if wanted and place is not None and not any("returned" in text for text in arguments.values()):
        unknown.remove(wanted)
        arguments[wanted] = f"self.returned[{place}]"
    return f"it needs {unknown[0]}" if unknown else arguments


def _known(name: str, returned: Returned, signature: Signature) -> str | None:
    """The adapter's text for an argument of backward that its name explains, None for another."""
    places = [place for place, called in enumerate(returned.names) if name in called]
    if places and places[0] != returned.y:
        return f"self.returned[{places[0]}]"
    for role in ("gamma", "beta", "eps"):
        if role in signature.places and names.match([name], ROLES[role]):
            return f"self.given{signature.places[role]}"
    if name == signature.x or names.match([name], names.X[:5]):
        return "self.x"
    return f'self.given["{name}"]' if name in signature.dicts else None


def _cache(name: str, returned: Returned) -> int | None:
    """The place of what a backward calls its cache: the only thing that forward returned for it, or the one of such a name."""
    named = [place for place in returned.saved if place < len(returned.names) and names.match(returned.names[place], names.CACHE)]
    if len(returned.saved) == 1:
        return returned.saved[0]
    return named[0] if len(named) == 1 and names.plain(name) in names.CACHE else None
