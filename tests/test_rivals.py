"""The ways in which people check today, as benchmarks/rivals re-creates them: silent about right code, and no straw men."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from bnspec.convention import TORCH, Convention
from bnspec.plugs.load import load
from bnspec.reference.bugs import shapes

pytest.importorskip("torch")

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

WAYS = sorted(path.stem for path in (BENCHMARKS / "rivals").glob("*.py") if path.stem not in ("__init__", "asked"))

CAUGHT = {
    "allclose": "dx-missing-mean-term",
    "notebook": "fwd-eps-outside-sqrt",
    "gradcheck": "dx-missing-mean-term",
    "onnx_nodes": "fwd-eps-outside-sqrt",
    "opinfo": "fwd-eps-outside-sqrt",
    "exact_data": "fwd-eps-outside-sqrt",
}
"""A mistake that each of them has to find."""


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])


def rival(way: str) -> ModuleType:
    if way == "onnx_nodes":
        pytest.importorskip("onnx")
    return import_module(f"rivals.{way}")


def complaints(way: str, names: list[str], shape: str, place: Path) -> list[str]:
    file = place / "subject.py"
    file.write_text(shapes.source(names, shape))
    asked = import_module("rivals.asked").Asked(load(f"{file}:{shapes.NAMES[shape]}"), shapes.convention_of(names, shape))
    return list(rival(way).check(asked))


def test_every_way_is_here() -> None:
    assert sorted(CAUGHT) == WAYS


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("shape", ["class", "module"])
@pytest.mark.parametrize("way", WAYS)
def test_right_code_is_not_accused(way: str, shape: str, tmp_path: Path) -> None:
    assert complaints(way, [], shape, tmp_path) == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("way", WAYS)
def test_each_way_catches_what_it_is_known_for(way: str, tmp_path: Path) -> None:
    assert complaints(way, [CAUGHT[way]], "class", tmp_path)


def test_a_way_that_is_told_another_convention_alarms(tmp_path: Path) -> None:
    file = tmp_path / "subject.py"
    file.write_text(shapes.source([], "class"))
    asked = import_module("rivals.asked").Asked(load(f"{file}:BatchNorm"), Convention(momentum_weighs=TORCH.momentum_weighs))
    assert any(said.startswith("running_") for said in rival("allclose").check(asked))
