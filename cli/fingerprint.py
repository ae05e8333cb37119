"""All that decides a row: while none of it changes, a row that is finished needs not be asked again."""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import packages_distributions, version
from pathlib import Path

import bnspec
from bnspec import __version__, properties, reference, reports
from bnspec.cli.keeping import HASHED
from bnspec.cli.runner import Options, environment
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.program import command_of
from bnspec.plugs.target import parse
from bnspec.properties.catalogue import VERSION as LAWS
from bnspec.properties.drawing import without_password

INSTALLED = ("site-packages", "dist-packages")
"""Directories of installed packages: these are known by their versions, code elsewhere by its text."""

SUITE = tuple(Path(str(package.__file__)).parent for package in (bnspec, properties, reference, reports))
"""Where our own code is: in a working copy it changes without its version."""

FOREIGN = (Path(sysconfig.get_path("stdlib")), *SUITE)
"""Code that is known by other means than its own digest."""


def decided_by(target: str, options: Options) -> dict[str, str]:
    """Name -> value, or digest, of what the rows of a run depend on: code, options, versions.

    Which rows are asked, by how many processes and how long, decides none of them. Files that the target reads when it runs are
    not seen: only its own code, what that imports from beside it, and the versions of what it imports from elsewhere.
    """
    options_now = {
        "--seed": str(options.seed),
        "--profile": options.profile,
        "--cases": "the profile's" if options.cases is None else str(options.cases),
        "--dtype": " ".join(options.dtypes),
        "--convention": _text_or_name(options.convention),
        "--timeout": f"{options.timeout:g}",
        "--in-process": "yes" if options.in_process else "no",
        "--database": "none" if options.database is None else without_password(options.database),
        "--expect": "none" if options.expectations is None else _digest(repr(options.expectations).encode()),
    }
    suite = {"bnspec": __version__, "the set of laws": LAWS, "the code of bnspec": _suite()}
    return {"target": target, **suite, **options_now, **environment(), **code_of(target)}


def code_of(target: str) -> dict[str, str]:
    """The digests of the files that hold a target's code, and the versions of the packages that these import.

    Empty where there is no such file: then there will be no rows either.
    """
    if command := command_of(target):
        return {word: _digest(Path(word).read_bytes()) for word in command if Path(word).is_file()}
    try:
        place = parse(target).place
    except TargetError:
        return {}
    seen = Imports()
    if place.endswith(".py"):
        seen.file(Path(place))
    else:
        seen.module(place, [str(Path.cwd()), *sys.path])
    return seen.found()


@dataclass
class Imports:
    """What code imports, found by reading it: the files of its own, and the names of installed packages."""

    files: dict[Path, str] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)

    def found(self) -> dict[str, str]:
        """File -> digest, package -> version."""
        known = packages_distributions() if self.packages else {}
        names = {name for package in self.packages for name in known.get(package, ())}
        files = {_shown(path): digest for path, digest in sorted(self.files.items())}
        return {**files, **{name: version(name) for name in sorted(names)}}

    def file(self, path: Path) -> None:
        """A file, and all that it imports."""
        path = path.resolve()
        if path in self.files or not path.is_file():
            return
        content = path.read_bytes()
        self.files[path] = _digest(content)
        if path.suffix == ".py":
            for name, level in _imported(content):
                beside = str(path.parents[min(level, len(path.parents)) - 1]) if level else str(path.parent)
                self.module(name, [beside] if level else [beside, str(Path.cwd()), *sys.path])

    def module(self, dotted: str, path: Sequence[str]) -> None:
        """A module, looked for on `path`, and the packages that it is in."""
        for name in dotted.split("."):
            spec = PathFinder.find_spec(name, path)
            if spec is None or self._is_foreign(spec):
                return
            if spec.has_location and spec.origin is not None:
                self.file(Path(spec.origin))
            path = spec.submodule_search_locations or []

    def _is_foreign(self, spec: ModuleSpec) -> bool:
        """Whether a module is no code of the target's: Python's, ours, or an installed package's, which is noted."""
        places = [Path(place) for place in (spec.origin, *(spec.submodule_search_locations or ())) if place]
        if any(part in place.parts for place in places for part in INSTALLED):
            self.packages.add(spec.name)
            return True
        return any(place.is_relative_to(home) for place in places for home in FOREIGN)


def _imported(source: bytes) -> Iterator[tuple[str, int]]:
    """(dotted name, level) of the imports in a file, wherever they stand; none where it is no Python."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = f"{node.module}." if node.module else ""
            yield from ((package + alias.name, node.level) for alias in node.names)


def _suite() -> str:
    """The digest of our own code."""
    files = sorted({path for home in SUITE for path in home.rglob("*.py")})
    return _digest(b"\0".join(path.read_bytes() for path in files))


def _text_or_name(convention: str | None) -> str:
    path = Path(convention or "")
    return _digest(path.read_bytes()) if path.is_file() else convention or "measured"


def _digest(content: bytes) -> str:
    return HASHED + hashlib.sha256(content).hexdigest()


def _shown(path: Path) -> str:
    """The path from here, where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
