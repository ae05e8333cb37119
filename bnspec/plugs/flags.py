"""What a function's text reads of the world around it: a flag that is global, and what it takes from its own object."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bnspec.plugs import names
from bnspec.plugs.reading import codes_of


class Flag(NamedTuple):
    """A global that says whether this is training: as the user writes it, the statement that sets it from `{}`, and its value."""

    text: str
    written: str
    value: Any


def global_flags(reached: str, *functions: Any) -> Iterator[Flag]:
    """The flags that the functions read from their module: `TRAINING`, `Config.train`, `settings["training"]`.

    reached   how an adapter's text reaches the first of them
    """
    for function in functions:
        here = getattr(inspect.unwrap(function), "__globals__", {})
        for node in ast.walk(parsed(function)):
            if (flag := _flag(node, here, f"{reached}.__globals__")) is not None:
                yield flag


def _flag(node: ast.AST, here: Mapping[str, Any], globals_: str) -> Flag | None:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if _says_mode(name) and _is_flag(here.get(name)):
            return Flag(name, f'{globals_}["{name}"] = {{}}', here[name])
        case ast.Attribute(value=ast.Name(id=holder), attr=name) if _says_mode(name) and holder in here:
            if _is_flag(value := getattr(here[holder], name, None)):
                return Flag(f"{holder}.{name}", f'{globals_}["{holder}"].{name} = {{}}', value)
        case ast.Subscript(value=ast.Name(id=holder), slice=ast.Constant(value=str() as name)) if _says_mode(name):
            if isinstance(here.get(holder), dict) and _is_flag(value := here[holder].get(name)):
                return Flag(f'{holder}["{name}"]', f'{globals_}["{holder}"]["{name}"] = {{}}', value)
    return None


def _says_mode(name: str) -> bool:
    return names.plain(name) in (*names.TRAINING_FLAGS, *names.INFERENCE_FLAGS, *names.MODES)


def _is_flag(value: Any) -> bool:
    return isinstance(value, (bool, str))


def reads_of_itself(subject: type) -> set[str] | None:
    """The attributes that the class's methods read of their object; None where its text is not at hand, or is not all there is."""
    found = set[str]()
    for kind in subject.__mro__[:-1]:
        if "site-packages" in (getattr(sys.modules.get(kind.__module__), "__file__", None) or ""):
            return None
        tree = parsed(kind)
        if not isinstance(tree, ast.Module) or not tree.body:
            return None
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id="self" | "layer" | "bn" | "s"), attr=name, ctx=ast.Load()):
                    found.add(name)
                case ast.AugAssign(target=ast.Attribute(attr=name)):
                    found.add(name)
                case ast.Call(func=ast.Name(id="getattr" | "vars" | "asdict")):
                    return None
    return found


def only_kept(subject: type, arguments: Iterable[str]) -> list[str]:
    """Those of the constructor's arguments that its text only keeps, in attributes which nothing of the class reads."""
    reads, tree = reads_of_itself(subject), parsed(inspect.getattr_static(subject, "__init__"))
    if reads is None or not getattr(tree, "body", None):
        return []
    kept: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attribute)], value=ast.Name(id=name)):
                kept.setdefault(name, set()).add(attribute)
    loads = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    idle = {name for name, attributes in kept.items() if loads.count(name) == len(attributes) and not attributes & reads}
    return [name for name in arguments if name in idle]


def parsed(subject: Any) -> ast.AST:
    """The text of a function or class as a tree, an empty module where it is not at hand."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(subject))))
    except (OSError, TypeError, SyntaxError):
        return ast.Module([], [])


def methods_reached(layer: Any, name: str) -> list[Callable[..., Any]]:
    """The method `name` and those of the same object, and functions beside it, that it calls, in the order of their calls."""
    found, waiting = list[Callable[..., Any]](), [name]
    seen = set[str]()
    while waiting:
        current = waiting.pop(0)
        method = inspect.getattr_static(type(layer), current, None)
        function = (
            inspect.unwrap(method.__func__ if isinstance(method, (staticmethod, classmethod)) else method) if method else None
        )
        if current in seen or not inspect.isfunction(function):
            continue
        seen.add(current)
        found.append(function)
        waiting += [word for code in codes_of(function) for word in code.co_names]
    return found
