"""Code that has no file of its own, as the text of one: what was typed into a notebook's cells, at a prompt, or inside a function.

A definition is taken over by its source, and with it whatever it names, until all is there: an import for what can be
imported, a definition for what has a source, a literal for a plain value, and else the statement that made it.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from symtable import SymbolTable, symtable
from types import CodeType, FunctionType, ModuleType
from typing import Any

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign | ast.AnnAssign

LONGEST_LITERAL = 10_000
"""Characters of a plain value that is written down; more is data, and no setting."""

MISSING = object()
"""What a name stands for that is not there."""


class NoSource(Exception):
    """Something that cannot be written down; the message names it."""


@dataclass
class Excerpt:
    """The text so far: statements in an order in which they can run.

    here   the module of which nothing is imported, since it is this session itself
    """

    here: str
    statements: list[str] = field(default_factory=list)
    taken: dict[str, Any] = field(default_factory=dict)
    futures: bool = False

    @property
    def text(self) -> str:
        """The text of a file in which all that was taken stands."""
        heading = ["from __future__ import annotations"] * self.futures
        return "\n\n".join([*heading, *self.statements]) + "\n"

    def take(self, name: str, value: Any, scope: Mapping[str, Any]) -> None:
        """Let `name` be there and mean `value`, with all that it needs; `scope` is what its statement saw. Raises `NoSource`."""
        if name in self.taken:
            if self.taken[name] is not value:
                raise NoSource(f"{name}, which means two things")
            return
        self.taken[name] = value
        if line := imported(name, value, self.here):
            self.statements.append(line)
        elif isinstance(value, (type, FunctionType)):
            self._define(name, value)
        elif (written := literal(value)) is not None:
            self.statements.append(f"{name} = {written}")
        else:
            self._repeat(name, scope)

    def _define(self, name: str, value: type | FunctionType) -> None:
        """By its own source, and the sources of what it names."""
        functions = list(functions_of(value))
        node, lines = _definition(value, functions)
        self.futures |= any(function.__code__.co_flags & __future__.annotations.compiler_flag for function in functions)
        text = _text(node, lines)
        self._need(text, scope_of(functions, value))
        self.statements.append(text)
        if name != value.__name__:
            self.statements.append(f"{name} = {value.__name__}")

    def _repeat(self, name: str, scope: Mapping[str, Any]) -> None:
        """By the latest statement that gave the name a value, where that is a statement of its own."""
        for lines in _texts(self.here):
            for node in reversed(_parsed(lines).body):
                if isinstance(node, (ast.Assign, ast.AnnAssign)) and name in _targets(node):
                    text = _text(node, lines)
                    self._need(text, scope)
                    self.statements.append(text)
                    return
        raise NoSource(f"{name}, of type {type(scope.get(name)).__name__}")

    def _need(self, text: str, scope: Mapping[str, Any]) -> None:
        for name in sorted(names_in(text)):
            if name in scope:
                self.take(name, scope[name], scope)


def imported(name: str, value: Any, here: str = "") -> str:
    """The line that imports this value under the name; "" for what cannot be imported, or only from `here`."""
    if isinstance(value, ModuleType):
        known = sys.modules.get(value.__name__) is value and value.__name__ != here
        return f"import {value.__name__} as {name}" if known else ""
    home, path = getattr(value, "__module__", None), getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if type(value).__module__ == "numpy" and not isinstance(value, type):
        home = "numpy"  # a ufunc of older NumPys does not say where it is from
    if not isinstance(home, str) or not isinstance(path, str) or home == here or not hasattr(sys.modules.get(home), "__spec__"):
        return ""
    found: Any = sys.modules[home]
    for part in path.split("."):
        found = getattr(found, part, MISSING)
    if found is not value:
        return ""
    return f"from {home} import {path} as {name}" if "." not in path else f"import {home}\n\n{name} = {home}.{path}"


def literal(value: Any) -> str | None:
    """A plain value as Python writes it, None for what is none."""
    text = repr(value)
    try:
        return text if len(text) <= LONGEST_LITERAL and ast.literal_eval(text) == value else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def functions_of(value: type | FunctionType) -> Iterator[FunctionType]:
    """The function itself, or the functions that stand in the class's own text."""
    if isinstance(value, FunctionType):
        yield inspect.unwrap(value)
        return
    for member in vars(value).values():
        held = (member, getattr(member, "__func__", None), *(getattr(member, name, None) for name in ("fget", "fset", "func")))
        for one in held:
            if isinstance(one, FunctionType) and (one := inspect.unwrap(one)).__qualname__.startswith(f"{value.__qualname__}."):
                yield one


def _definition(value: type | FunctionType, functions: Iterable[FunctionType]) -> tuple[ast.ClassDef | ast.FunctionDef, list[str]]:
    """The statement that defines it, and the lines in which that stands. Raises `NoSource` where they are not at hand."""
    kind = ast.ClassDef if isinstance(value, type) else ast.FunctionDef
    codes: list[CodeType] = [function.__code__ for function in functions]
    places = [(linecache.getlines(code.co_filename), code.co_firstlineno) for code in codes]
    places += [] if places else [(lines, 0) for lines in _texts(value.__module__)]
    for lines, line in places:
        nodes = [node for node in _definitions(lines, value.__name__) if isinstance(node, kind)]
        around = [node for node in nodes if not line or _first_line(node) <= line <= (node.end_lineno or 0)]
        if around:
            return max(around, key=_first_line), lines
    raise NoSource(f"{value.__qualname__}, whose source is not kept here")


def _definitions(lines: list[str], name: str) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    """The classes and functions of that name in these lines, at whatever depth."""
    for node in ast.walk(_parsed(lines)):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == name:
            yield node


def _texts(module: str) -> list[list[str]]:
    """The lines of the module's file, or of what was typed so far, the latest first."""
    file = getattr(sys.modules.get(module), "__file__", None)
    typed = [list(entry[2]) for entry in linecache.cache.values() if len(entry) > 2 and entry[1] is None]
    return [linecache.getlines(file)] if file else typed[::-1]


def _parsed(lines: list[str]) -> ast.Module:
    try:
        return ast.parse("".join(lines))
    except (SyntaxError, ValueError):  # such as a cell with commands of IPython, before it was transformed
        return ast.Module([], [])


def _first_line(node: Definition) -> int:
    decorators = node.decorator_list if isinstance(node, (ast.ClassDef, ast.FunctionDef)) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _text(node: Definition, lines: list[str]) -> str:
    return textwrap.dedent("".join(lines[_first_line(node) - 1 : node.end_lineno])).rstrip()


def _targets(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def scope_of(functions: Iterable[FunctionType], value: Any) -> dict[str, Any]:
    """What names meant where it was defined: the globals of its functions, and what these close over."""
    scope = dict(vars(sys.modules[value.__module__])) if value.__module__ in sys.modules else {}
    for function in functions:
        scope.update(function.__globals__)
    for function in functions:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name != "__class__":
                try:
                    scope[name] = cell.cell_contents
                except ValueError as empty:
                    raise NoSource(f"{name}, which has no value yet") from empty
    return scope


def names_in(text: str) -> set[str]:
    """The names that a statement takes from the world around it."""

    def free(table: SymbolTable, *, outermost: bool) -> Iterator[str]:
        for symbol in table.get_symbols():
            outside = not symbol.is_assigned() if outermost else symbol.is_global()
            if outside and symbol.is_referenced():
                yield symbol.get_name()
        for child in table.get_children():
            yield from free(child, outermost=False)

    return {name for name in free(symtable(text, "<excerpt>", "exec"), outermost=True) if not name.startswith("__")}
