"""Objects as targets: from a class, an instance, functions or a module of this process to something a child can open.

What can be imported is named; what was defined in this session is written into a file, for as long as it is asked; and what has no
source is asked where it is, in this very process.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from bnspec.plugs.adapter import TargetError
from bnspec.plugs.code import is_adapter
from bnspec.plugs.constructor import ROLES
from bnspec.plugs.excerpt import Excerpt, NoSource, functions_of, imported, names_in, scope_of
from bnspec.plugs.names import RANK, SIZE, plain
from bnspec.plugs.reading import parameters_of
from bnspec.plugs.siblings import family_of, is_function
from bnspec.plugs.target import Found, written

HERE = "__main__"
"""The module of a script, a prompt and a notebook: to import it is to run it once more."""

LIVE = "bnspec_session"
"""The module in which objects stand that cannot be written down."""

VARIED = {plain(alias) for aliases in (*ROLES.values(), RANK, SIZE) for alias in aliases}
"""Arguments, by their plain names, that every layer is given anew."""

VARIED_UNLESS_NONE = {plain(alias) for role in ROLES if role not in ("eps", "momentum") for alias in ROLES[role]}
"""Those of them that say nothing where they are None: a momentum of None is a convention."""

PLAIN = (bool, int, float, str, type(None))

WANTED = "a class, a layer, a forward function, a pair of functions (forward, backward), a module, or a target such as 'mybn.py:BN'"


@dataclass(frozen=True)
class Given:
    """A target that stands for an object.

    target   what is opened;  label: what reports show instead of it
    text     the text of the file that was written for it, "" where none was
    why      why it is asked in this very process, "" where it is not
    """

    target: str
    label: str
    text: str = ""
    why: str = ""


@contextmanager
def given(subject: Any, words: Mapping[str, Any]) -> Iterator[Given]:
    """The target that stands for `subject`, about which `words` say more, for as long as it is needed.

    Raises `TargetError` for what is nothing that could be asked.
    """
    if isinstance(subject, ModuleType):
        target = _called(_place_of(subject), "", words)
        yield Given(target, target)
        return
    one, backward, inference = _parts(subject)
    said = {"backward": backward, "inference": inference}
    words = {**_settings(one), **{name: part.__name__ for name, part in said.items() if part is not None}, **words}
    kind = one if isinstance(one, type) or is_function(one) else type(one)
    home = sys.modules.get(kind.__module__)
    if home is not None and kind.__module__ != HERE and imported("Target", kind):
        target = _called(_place_of(_nearest(kind, home)), kind.__qualname__, words)
        yield Given(target, target)
        return
    with _defined_here(kind, [part for part in said.values() if part is not None], words) as here:
        yield here


def _parts(subject: Any) -> tuple[Any, Any, Any]:
    """The class, layer or forward function, with the functions that were named with it."""
    parts = subject if isinstance(subject, (tuple, list)) else (subject,)
    if isinstance(subject, (tuple, list)) and not (1 <= len(parts) <= 3 and all(map(is_function, parts))):
        raise TargetError(
            f"several objects are asked together where they are functions: forward, backward, inference; got {subject!r}"
        )
    one = inspect.unwrap(parts[0]) if is_function(parts[0]) else parts[0]
    if not isinstance(one, type) and not is_function(one) and type(one).__module__ == "builtins":
        raise TargetError(f"what is checked is {WANTED}; got {one!r}")
    return (one, *parts[1:], *[None] * (3 - len(parts)))


def _settings(one: Any) -> dict[str, Any]:
    """What a layer was made with, where that is no default and no part of a setup: keyword arguments for other layers like it."""
    if isinstance(one, type) or is_function(one) or is_adapter(one):
        return {}
    found = {}
    for parameter in parameters_of(type(one)):
        kept = getattr(one, parameter.name, parameter.default)
        varied = VARIED_UNLESS_NONE if kept is None else VARIED
        if plain(parameter.name) not in varied and isinstance(kept, PLAIN) and kept != parameter.default:
            found[parameter.name] = kept
    return found


def _nearest(kind: Any, module: ModuleType) -> ModuleType:
    """The outermost package around the module that offers the same thing under the same name, as people import it."""
    parts = module.__name__.split(".")
    around = [sys.modules.get(".".join(parts[:count])) for count in range(1, len(parts) + 1)]
    return next((one for one in around if one is not None and getattr(one, kind.__qualname__, None) is kind), module)


def _place_of(module: ModuleType) -> str:
    """How a child opens this module: by its name where that leads to it, else by its file."""
    root = sys.modules.get(module.__name__.partition(".")[0])
    found = PathFinder.find_spec(module.__name__.partition(".")[0])
    origin, file = getattr(found, "origin", None), getattr(module, "__file__", None)
    if module.__name__ != HERE and found is not None and origin == getattr(root, "__file__", None):
        return module.__name__
    if file is None or not file.endswith(".py"):
        raise TargetError(f"{module!r} has no file that could be opened again; give the class or function itself")
    path = Path(file).resolve()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _called(place: str, name: str, words: Mapping[str, Any]) -> str:
    named = f"{place}:{name}" if name else place
    return f"{named}({', '.join(written(words))})" if words else named


@contextmanager
def _defined_here(kind: Any, beside: list[Any], words: Mapping[str, Any]) -> Iterator[Given]:
    """What was defined in this session: in a file of its own, or where it is."""
    label = _called("", kind.__name__, words).lstrip(":")
    try:
        excerpt = _excerpt(kind, beside, words)
    except NoSource as missing:
        with _live([kind, *beside]):
            yield Given(_called(LIVE, kind.__name__, words), label, why=f"there is no text for {missing}")
        return
    with tempfile.TemporaryDirectory(prefix="bnspec-") as directory:
        file = Path(directory) / f"{kind.__name__.lower()}_here.py"
        file.write_text(excerpt, encoding="utf-8")
        yield Given(_called(str(file), kind.__name__, words), label, excerpt)


def _excerpt(kind: Any, beside: list[Any], words: Mapping[str, Any]) -> str:
    """The text of a file that defines it, what belongs to it, and what the words name. Raises `NoSource`."""
    scope = scope_of(functions_of(kind), kind)
    if is_function(kind) and not beside:
        family = family_of(Found(kind.__name__, kind, words, scope), kind.__name__)
        beside = [scope[name] for name in vars(family).values() if name]
    excerpt = Excerpt(kind.__module__)
    for one in (*beside, kind):
        excerpt.take(one.__name__, one, scope)
    made = str(words.get("make", "")).replace("{", "").replace("}", "")
    for name in sorted(names_in(made)) if made else ():
        if name in scope:
            excerpt.take(name, scope[name], scope)
    return excerpt.text


@contextmanager
def _live(objects: list[Any]) -> Iterator[None]:
    """The objects in a module that can be opened in this process."""
    module = ModuleType(LIVE)
    vars(module).update({one.__name__: one for one in objects})
    sys.modules[LIVE] = module
    try:
        yield
    finally:
        del sys.modules[LIVE]
