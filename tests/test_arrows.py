"""The house has four floors, and no arrow points up: read off the imports of every module, also those inside functions."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PLACES = {
    "bnspec": "bnspec",
    "properties": "bnspec.properties",
    "reference": "bnspec.reference",
    "reports": "bnspec.reports",
    "cli": "bnspec.cli",
}
"""Each directory and the package that it is."""

KNOWS = {
    "bnspec": set[str](),
    "bnspec.properties": {"bnspec"},
    "bnspec.reference": {"bnspec"},
    "bnspec.reports": {"bnspec", "bnspec.reference"},
    "bnspec.cli": {"bnspec", "bnspec.properties", "bnspec.reference", "bnspec.reports"},
}
"""What each floor may import besides itself: questions and evidence apart, records without questions, nobody the command line."""

NUMPY_ALONE = (
    "case",
    "convention",
    "implementation",
    "spec",
    "gradients",
    "layer",
    "exact",
    "integers",
    "doubledouble",
    "rounding",
    "columns",
)
"""What BatchNorm is, twice: readable and runnable with NumPy and the standard library. The bounds join them."""

FRAMEWORKS = (
    "torch",
    "jax",
    "jaxlib",
    "flax",
    "equinox",
    "tensorflow",
    "keras",
    "mlx",
    "mxnet",
    "paddle",
    "onnx",
    "onnxruntime",
    "cupy",
    "triton",
)

TARGETS = (
    "bnspec.reference.frameworks.",
    "bnspec.plugs.presets.",
    "bnspec.plugs.onnx_",
    "bnspec.reference.bugs.correct.",
    "bnspec.reference.bugs.shapes.torch_module",
)
"""Modules that may be asked, and may be made of a framework."""

HELP = """
sys.argv = ["bnspec", "--help"]
from bnspec.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code
"""

HEAVY = ("numpy", "hypothesis", "pytest", "rich", "jinja2", "msgspec", "torch")


def package(module: str) -> str:
    """The floor that a module of ours is on, by the longest package name that fits."""
    return max((name for name in KNOWS if f"{module}.".startswith(f"{name}.")), key=len)


def modules() -> dict[str, Path]:
    found = {}
    for place, name in PLACES.items():
        for path in sorted((ROOT / place).rglob("*.py")):
            parts = path.relative_to(ROOT / place).with_suffix("").parts
            found[".".join((name, *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = modules()


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted names that are imported below a node; of `from a import b` also a.b, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
            yield from (whole for alias in node.names if (whole := f"{node.module}.{alias.name}") in MODULES)


def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def ours(module: str) -> list[str]:
    """The modules of this project that `module` imports."""
    return [name for name in imported(parsed(module)) if name.partition(".")[0] == "bnspec" and name != "bnspec"]


def at_import(module: str) -> Iterator[str]:
    """What is imported as soon as `module` is: not what waits in a function, nor what is for the type checker alone."""

    def runs(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            yield node
            for field in ("body", "orelse", "finalbody"):
                yield from runs(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from runs(handler.body)

    for node in runs(parsed(module).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


def test_the_packages_are_found_where_they_are_said_to_be() -> None:
    assert {package(module) for module in MODULES} == set(KNOWS)
    assert {f"bnspec.{name}" for name in NUMPY_ALONE} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_no_arrow_points_up(module: str) -> None:
    own = package(module)
    for name in ours(module):
        assert package(name) in {own, *KNOWS[own]}, f"{module} imports {name}, which is not below it"


@pytest.mark.parametrize("module", [name for name in MODULES if package(name) == "bnspec" and not name.startswith("bnspec.plugs")])
def test_the_core_does_not_know_the_plugs_and_needs_numpy_alone(module: str) -> None:
    for name in imported(parsed(module)):
        assert not name.startswith("bnspec.plugs"), f"{module} imports {name}"
        assert name.partition(".")[0] in {"bnspec", "numpy", *sys.stdlib_module_names}, f"{module} imports {name}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.removeprefix("bnspec.").startswith(("bounds", *NUMPY_ALONE))])
def test_what_batchnorm_is_knows_nothing_of_how_it_is_asked(module: str) -> None:
    mathematics = {f"bnspec.{name}" for name in NUMPY_ALONE} | {name for name in MODULES if name.startswith("bnspec.bounds")}
    assert set(ours(module)) <= mathematics


@pytest.mark.parametrize("module", MODULES)
def test_no_framework_is_imported_before_its_target_is_asked_for(module: str) -> None:
    if module.startswith(TARGETS):
        return  # such a module is asked, and imported by nobody
    assert not {name.partition(".")[0] for name in at_import(module)} & set(FRAMEWORKS)


def loaded_by(statement: str) -> set[str]:
    """The modules that a new Python has loaded after a statement."""
    program = f"import sys\n{statement}\nimport json; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_bnspec_loads_nothing_heavy() -> None:
    assert not loaded_by("import bnspec") & set(HEAVY)


def test_help_loads_neither_numpy_nor_the_test_frameworks() -> None:
    assert not loaded_by(HELP) & {"numpy", "hypothesis", "pytest", "torch", "jinja2", "msgspec"}


@pytest.mark.parametrize("name", ["BatchNorm", "Case", "Convention", "Gradients", "Outcome", "Setup"])
def test_names_are_fetched_when_they_are_used(name: str) -> None:
    import bnspec

    assert getattr(bnspec, name).__name__ == name
    assert name in bnspec.__all__


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    import bnspec

    with pytest.raises(AttributeError, match=r"module 'bnspec' has no attribute 'Batchnorm'; it has BatchNorm, Case, "):
        bnspec.Batchnorm  # noqa: B018
