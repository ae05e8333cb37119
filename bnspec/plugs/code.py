"""Finding the code that a target names: a file or a module is opened, and a name in it is looked up."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from bnspec.plugs import names
from bnspec.plugs.adapter import SKELETON, Script, TargetError
from bnspec.plugs.reading import find_method, parameters_of
from bnspec.plugs.siblings import forwards

OPEN_FILE = """\
import importlib.util
import sys
from pathlib import Path

PATH = Path({path!r})
sys.path.insert(0, str(PATH.resolve().parent))  # the file may import its neighbours
{package}spec = importlib.util.spec_from_file_location({name!r}, PATH)
module = importlib.util.module_from_spec(spec)
sys.modules.setdefault(spec.name, module)
exec(spec.loader.source_to_code(PATH.read_bytes(), spec.origin), vars(module))  # its text, and no cache that lies beside it
"""
"""How an adapter opens a file, by the path as the user gave it."""

OPEN_TEXT = """\
import sys
import types

SOURCE = {text}
module = types.ModuleType({name!r})
sys.modules.setdefault(module.__name__, module)
exec(compile(SOURCE, f"<{{module.__name__}}>", "exec"), vars(module))
"""
"""The same for code that has no file to be opened: its text is a part of the adapter's."""

IN_PACKAGE = "sys.path.insert(0, str(PATH.resolve().parents[{depth}]))  # and it imports relatively, as a part of a package\n"
"""What precedes the opening of a file that says `from .utils import ...`."""

HERE = """\
import sys

sys.path.insert(0, "")  # the current directory

"""
"""Needed by an adapter whose module was found through the current directory."""

LISTED = 8
"""How many names an error message lists at most."""


@dataclass(frozen=True, eq=False)
class Code:
    """An opened file or module: how the user calls it, and what the adapter's text needs to reach a name in it."""

    place: str
    module: ModuleType
    is_file: bool

    def reach(self, wanted: Mapping[str, str]) -> str:
        """The lines that give each thing of the code, found by its name there, the name that the adapter wants for it."""
        if self.is_file:
            return "".join(f"{name} = module.{there}\n" for name, there in wanted.items()) + "\n"
        here = HERE if _found_here(self.module) else ""
        if any("." in there for there in wanted.values()):
            lines = "".join(f"{name} = {self.place}.{there}\n" for name, there in wanted.items())
            return f"{here}import {self.place}\n\n{lines}\n"
        return here + "".join(f"from {self.place} import {there} as {name}\n" for name, there in wanted.items()) + "\n"


def open_code(place: str, script: Script) -> Code:
    """Import a file or a module; raises `TargetError` where there is none, or where it fails."""
    if place.endswith(".py") or "/" in place or "\\" in place or place in (".", ".."):
        return _open_file(place, script)
    return _open_module(place)


def _open_file(place: str, script: Script) -> Code:
    path = Path(place)
    if path.is_dir():
        raise TargetError(f"{place} is a directory; name a file in it, such as {path / 'batchnorm.py'}:BatchNorm")
    if not path.is_file():
        beside = [str(path.with_name(one.name)) for one in sorted(path.parent.glob("*.py"))] if path.parent.is_dir() else []
        raise TargetError(f"there is no file {place}{_near(path.as_posix(), beside)}")
    if path.suffix != ".py":
        raise TargetError(f"{place} is not a Python file: its name does not end in .py")
    _forget_namesakes(path.resolve().parent)
    try:
        depth = _packages_around(path)
        name = ".".join([*path.resolve().parts[-1 - depth : -1], path.stem])
        script.run(OPEN_FILE.format(path=place, name=name, package=IN_PACKAGE.format(depth=depth) if depth else ""))
    except (Exception, SystemExit) as error:
        raise TargetError(f"{place} could not be imported: {_explained(error, path.name)}") from error
    return Code(place, script.names["module"], is_file=True)


def _packages_around(path: Path) -> int:
    """How many directories around a file are packages for its relative imports; 0 for a file that has none."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # which its import will say
        return 0
    depth = max((node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)), default=0)
    directories = path.resolve().parents
    while depth and (directories[depth] / "__init__.py").is_file():
        depth += 1
    return depth


def _open_module(place: str) -> Code:
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise TargetError(f"{place} could not be imported: {_explained(error)}") from error
        raise TargetError(_unknown_module(place, error.name)) from None
    except (Exception, SystemExit) as error:
        raise TargetError(f"{place} could not be imported: {_explained(error)}") from error
    if getattr(module, "__file__", None) is None and hasattr(module, "__path__"):
        raise TargetError(f"{place} is a directory, not a module; name a file in it, such as {place}/batchnorm.py:BatchNorm")
    return Code(place, module, is_file=False)


def _unknown_module(place: str, missing: str) -> str:
    """The sentence for a module that does not exist; a name in a module, joined to it by a dot, is recognised."""
    parent, _, last = place.rpartition(".")
    if hasattr(sys.modules.get(parent), last):
        return f"{place} is not a module but a name in one; write {parent}:{last}"
    return f"there is no module {missing!r} here; a target is file.py:Name or package.module:Name"


def _forget_namesakes(directory: Path) -> None:
    """Let files of `directory` be imported under names that neighbours of an earlier target already have."""
    for path in directory.glob("*.py"):
        earlier = getattr(sys.modules.get(path.stem), "__file__", None)
        if earlier is not None and Path(earlier).parent in _DIRECTORIES - {directory}:
            del sys.modules[path.stem]
    _DIRECTORIES.add(directory)


_DIRECTORIES: set[Path] = set()
"""Where the files of this process's targets were."""


def _explained(error: BaseException, file: str = "") -> str:
    """The exception's type, message, and the line: the latest one in `file`, else the latest outside of the import system."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename or file).name}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if Path(frame.filename).name == file] or frames
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, NameError) and error.name == "get_ipython":
        said += "; take out the commands of the notebook that this was"
    return f"{said} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else said


def _found_here(module: ModuleType) -> bool:
    """Whether the module's outermost package lies in the current directory."""
    outermost = sys.modules[module.__name__.partition(".")[0]]
    file = Path(getattr(outermost, "__file__", None) or "-/-")
    return (file.parent.parent if hasattr(outermost, "__path__") else file.parent) == Path.cwd()


def find(code: Code, name: str) -> Any:
    """What `name`, dotted or not, stands for; raises `TargetError` with the nearest names where there is nothing."""
    subject: Any = code.module
    for part in name.split("."):
        if not hasattr(subject, part):
            classes = [key for key, value in vars(subject).items() if isinstance(value, type) and not key.startswith("_")]
            raise TargetError(f"{code.place} has no {name!r}{_near(part, classes)}{_listed('its classes are', classes, part)}")
        subject = getattr(subject, part)
    return subject


def beside(code: Code, name: str) -> dict[str, Any]:
    """Everything of the module or class in which `name` stands, by name."""
    holder = find(code, name.rpartition(".")[0]) if "." in name else code.module
    return {key: getattr(holder, key) for key in vars(holder)}


def only_candidate(code: Code) -> str:
    """The name of the one adapter there, else of the one class or forward function that normalizes, else of the one class.

    Raises `TargetError` for none or several.
    """
    own = {name: value for name, value in vars(code.module).items() if _is_own(code, name, value)}
    classes = [name for name, value in own.items() if isinstance(value, type) and find_method(value, names.FORWARD)]
    adapters = [name for name, value in own.items() if is_adapter(value)]
    functions = forwards({name: value for name, value in own.items() if inspect.isfunction(value)})
    if "Adapter" in adapters:
        return "Adapter"
    found = adapters or names.norms(classes) or names.norms(functions) or classes
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{code.place}:{name}" for name in found)
        raise TargetError(f"{code.place} has more than one candidate; say which: {choices}")
    defined = _listed("it defines", [name for name, value in own.items() if callable(value)])
    raise TargetError(f"{code.place} has no class with a forward method{defined}; write an adapter:\n\n{SKELETON}")


def _is_own(code: Code, name: str, value: Any) -> bool:
    """Whether a public name was defined there, and not imported from elsewhere. Of objects only adapters matter."""
    if name.startswith("_") or isinstance(value, ModuleType):
        return False
    if name == "Adapter" and is_adapter(value):
        return True
    if not callable(value):
        return is_adapter(value)
    home = getattr(value, "__module__", None)
    return isinstance(home, str) and f"{home}.".startswith(f"{code.module.__name__}.")


def is_adapter(subject: Any) -> bool:
    """Whether this is an adapter already, as object or class: it makes layers, `layer(setup)`, and is none itself."""
    if not callable(getattr(subject, "layer", None)) or hasattr(subject, "forward"):
        return False
    needed = [one for one in parameters_of(subject.layer) if one.default is inspect.Parameter.empty]
    return len(needed) == (2 if isinstance(subject, type) else 1)


def _near(wrong: str, right: list[str]) -> str:
    near = difflib.get_close_matches(wrong, right, n=2)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _listed(words: str, listed: list[str], near: str = "") -> str:
    """A clause that lists names, those that resemble `near` first where there are too many."""
    ranked = difflib.get_close_matches(near, listed, n=LISTED, cutoff=0.0) if len(listed) > LISTED else listed
    more = " ..." if len(listed) > LISTED else ""
    return f"; {words} {', '.join(ranked)}{more}" if listed else ""
