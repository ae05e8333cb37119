"""Bugs in the shapes of code that people write, the correct files beside them, and the command that shows them."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnspec import bounds, exact
from bnspec.cli import bugs as command
from bnspec.convention import TORCH, Convention
from bnspec.implementation import Layer, Setup
from bnspec.plugs.load import load
from bnspec.reference.bugs import correct, shapes
from bnspec.reference.bugs.catalogue import ALL, BUGS, BY_NAME, batch_norm_with, bug
from bnspec.reference.bugs.facts import SHAPES
from bnspec.reference.bugs.questions import Question, damaged

CORRECT = sorted(path for path in Path(str(correct.__file__)).parent.glob("*.py") if path.stem != "__init__")


def bound(text: str, shape: str, directory: Path) -> Any:
    """What the text of a file becomes when it is asked."""
    if shape == "module":
        pytest.importorskip("torch")
    file = directory / "worn.py"
    file.write_text(text, encoding="utf-8")
    return load(f"{file}:{shapes.NAMES[shape]}")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("worn", [(), ("fwd-eps-outside-sqrt",), ("rs-contains-eps", "dbeta-with-gamma")], ids=len)
def test_a_file_in_each_shape_answers_as_its_steps_do(shape: str, worn: tuple[str, ...], tmp_path: Path) -> None:
    convention = shapes.convention_of(worn, shape)
    implementation = bound(shapes.source(worn, shape), shape, tmp_path)

    def make(setup: Setup, convention: Convention) -> Layer:
        layer: Layer = implementation.layer(setup)
        return layer

    assert not damaged(make, batch_norm_with(*worn), Question("any", eps=1.0), convention) - {"purity"}


@pytest.mark.parametrize("shape", bug("rs-init-var-zero").shapes)
def test_a_wrong_start_is_wrong_in_every_shape(shape: str, tmp_path: Path) -> None:
    implementation = bound(shapes.source(["rs-init-var-zero"], shape), shape, tmp_path)
    setup = replace(Setup.of(Question("any").case(0)), running_mean=None, running_var=None)
    mean, var = implementation.layer(setup).running()
    assert not np.any(mean)
    assert not np.any(var)


def test_a_file_with_any_bug_in_it_says_so_and_compiles() -> None:
    for one in ALL:
        for shape in one.shapes:
            text = shapes.source([one.name], shape)
            compile(text, one.name, "exec")
            assert f"{one.name}: {one.title}" in text
            assert f'steps_with("{one.name}")' in text


def test_a_file_follows_the_convention_in_which_its_bug_shows() -> None:
    assert "Convention(momentum_weighs='cumulative', momentum_default=None" in shapes.source(["cma-off-by-one"], "class")
    assert "Convention(momentum_weighs='cumulative', momentum_default=None)" in shapes.source(["cma-off-by-one"], "module")
    assert shapes.convention_of([], "module") == TORCH


@pytest.mark.parametrize("path", CORRECT, ids=lambda path: path.stem)
def test_a_correct_file_binds_and_answers_exactly(path: Path) -> None:
    if path.stem.startswith("torch"):
        pytest.importorskip("torch")
    case = Question("any").case(0)
    setup = replace(Setup.of(case), momentum=None, running_mean=None, running_var=None)
    y = load(str(path)).layer(setup).forward(case.x, training=True)
    truth = exact.train(case, TORCH)
    assert np.all(np.abs(y - truth.y) <= bounds.train_bounds(case, truth, TORCH).y)


def test_there_are_enough_correct_files_and_each_says_what_is_different() -> None:
    assert len(CORRECT) >= 16
    docstrings = {ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in CORRECT}
    assert len(docstrings - {None}) == len(CORRECT)


def test_a_shape_that_cannot_have_a_bug_is_refused() -> None:
    with pytest.raises(shapes.CannotWear, match="cma-off-by-one cannot happen in a pair; it can in a class or a module"):
        shapes.source(["cma-off-by-one"], "pair")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_the_command_lists_every_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.show(None) == 0
    told = said(capsys)
    assert all(slug in told for slug in BUGS)


def test_the_command_explains_a_bug_with_its_own_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.show("fwd-eps-outside-sqrt") == 0
    told = said(capsys)
    found = bug("fwd-eps-outside-sqrt")
    for text in (found.right, found.wrong, found.laws[0], "Tencent/ncnn #311", "return 1 / (np.sqrt(var) + self.eps)"):
        assert text in told
    assert "known_bug" not in told


def test_the_command_refuses_a_slug_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.show("fwd-eps") == 2
    assert capsys.readouterr().err.startswith("bnspec: there is no bug 'fwd-eps' in the catalogue; did you mean fwd-eps-")


def test_the_command_writes_a_file_to_try_and_what_it_must_declare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "swapped.py"
    assert command.write("momentum-swapped", file, "module") == 0
    assert f"--convention {tmp_path / 'swapped.toml'}" in capsys.readouterr().out
    assert Convention.from_toml((tmp_path / "swapped.toml").read_text()) == shapes.convention_of(["momentum-swapped"], "module")
    assert 'steps_with("momentum-swapped")' in file.read_text()
    assert command.write("cma-off-by-one", file, "pair") == 2
    assert "cannot happen in a pair" in capsys.readouterr().err


@pytest.mark.parametrize("shape", ["class", "pair"])
def test_what_is_bound_does_not_depend_on_what_is_wrong(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "subject.py"
    file.write_text(shapes.source((), shape))
    right = load(f"{file}:{shapes.NAMES[shape]}").bound
    for number, name in enumerate(name for name, one in BY_NAME.items() if shape in one.shapes):
        wrong = tmp_path / f"subject{number}.py"
        wrong.write_text(shapes.source((name,), shape))
        assert load(f"{wrong}:{shapes.NAMES[shape]}").bound == right, name
