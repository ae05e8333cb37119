"""What is said about code beyond its name: on the command line, in pyproject.toml, and as an adapter that is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from shape_table import DIRECTORY

from bnspec.cli.commands import app
from bnspec.cli.outputs import standing_alone
from bnspec.cli.project import BadProject, wanted
from bnspec.cli.told import Told
from bnspec.plugs.load import TargetError, load

FEW = ["--profile", "smoke", "--dtype", "float64", "--only", "training_output_is_exact", "--only", "training_gradients_are_exact"]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with some of the shapes, to work in."""
    for name in ("beta_first", "config_argument", "columns_undocumented", "boolean_flag", "literal_step"):
        shutil.copy(DIRECTORY / f"{name}.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(*arguments: str) -> dict[str, Any]:
    """The record of a check."""
    assert app(["check", *arguments, *FEW, "--json", "record.json"], exit_on_error=False, print_error=False) in (0, 1, 2)
    found: dict[str, Any] = json.loads(Path("record.json").read_text(encoding="utf-8"))
    return found


def statuses(record: dict[str, Any]) -> dict[str, str]:
    return {row["property"]: row["status"] for row in record["results"]}


def test_a_line_on_the_command_line_becomes_part_of_the_target(desk: Path) -> None:
    record = checked("beta_first.py", "--returns", "dx,dbeta,dgamma")
    assert record["target"] == "beta_first.py(returns='dx,dbeta,dgamma')"
    assert set(statuses(record).values()) == {"pass"}
    assert "are gamma's and beta's gradients exchanged" in checked("beta_first.py")["reason"]


def test_a_project_says_it_once_for_all(desk: Path) -> None:
    (desk / "pyproject.toml").write_text('[tool.bnspec]\ntarget = "beta_first.py"\nreturns = ["dx", "dbeta", "dgamma"]\n')
    record = checked()
    assert record["target"] == "beta_first.py(returns='dx, dbeta, dgamma')"
    assert set(statuses(record).values()) == {"pass"}


def test_an_adapter_that_is_saved_gives_the_same_answers_from_where_it_lies(desk: Path) -> None:
    made = 'BatchNorm({"width": {channels}, "epsilon": {eps}, "momentum": {momentum}})'
    record = checked("config_argument.py", "--make", made, "--save-adapter", "adapters/config.py")
    again = checked("adapters/config.py")
    assert (
        statuses(again) == statuses(record) == {"training_output_is_exact": "pass", "training_gradients_are_exact": "unsupported"}
    )
    assert (again["verdict"], again["scope"], again["convention"]) == (record["verdict"], record["scope"], record["convention"])


def test_a_saved_adapter_names_its_file_from_its_own_place(tmp_path: Path) -> None:
    text = standing_alone("PATH = Path('sub/my bn.py')\nTarget = 1\n", tmp_path / "adapter.py")
    assert text.endswith("\nTarget = 1\n")
    line = text.splitlines()[0]
    assert line.startswith("PATH = Path(__file__).resolve().parent / ")
    near = line.partition("/ ")[2].strip("'")
    assert (tmp_path / near).resolve() == Path("sub/my bn.py").resolve()
    assert not Path(near).is_absolute()


@pytest.mark.parametrize(
    ("table", "targets"),
    [
        ('target = "a.py:BN"', ["a.py:BN"]),
        ('targets = ["a.py:BN", "b.py(returns=\'dx\')"]\nreturns = "dx, dbeta, dgamma"',
         ["a.py:BN(returns='dx, dbeta, dgamma')", "b.py(returns='dx')"]),
        ('target = "a.py:BN"\neps = 1e-3\nlayout = "NHWC"\nfixed_shape = [16, 3, 8, 8]',
         ["a.py:BN(layout='NHWC', eps=0.001, fixed_shape='16x3x8x8')"]),
        ('target = "a.py:BN"\nmake = "BN({channels})"\nvariant = "ghost:4"', ["a.py:BN(make='BN({channels})', variant='ghost:4')"]),
    ],
)  # fmt: skip
def test_the_table_of_a_project(table: str, targets: list[str], desk: Path) -> None:
    (desk / "pyproject.toml").write_text(f"[project]\nname = 'x'\n[tool.bnspec]\n{table}\n")
    assert wanted((), Told()) == targets
    assert wanted(["c.py"], Told()) == ["c.py"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no target, and no pyproject.toml here; name what to check"),
        ("[project]\nname = 'x'\n", "there is no target, and no [tool.bnspec] in pyproject.toml; name what to check"),
        ("[tool.bnspec]\n", '[tool.bnspec] in pyproject.toml names no target; give it one, such as target = "mybn.py:BatchNorm"'),
        ("[tool.bnspec]\ntarget = 3\n", "[tool.bnspec] in pyproject.toml cannot be read: Expected `str | null`, got `int`"),
        ("[tool.bnspec]\ntarge = 'x'\n", "[tool.bnspec] in pyproject.toml cannot be read: Object contains unknown field `targe`"),
        ("[tool.bnspec\n", "[tool.bnspec] in pyproject.toml cannot be read: "),
    ],
)
def test_a_project_that_says_nothing_is_told_so(text: str | None, sentence: str, desk: Path) -> None:
    if text is not None:
        (desk / "pyproject.toml").write_text(text)
    with pytest.raises(BadProject) as refused:
        wanted((), Told())
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("layout='XY'", 'layout is "CN" for features first, or "NC", or one of NCL, NCHW'),
        ("eps=-1", "eps= is the number that is added to the variance, such as 1e-5; got -1"),
        ("variant='ghost'", 'variant is "frozen", "sync", or "ghost:4" for normalizing 4 samples at a time; got \'ghost\''),
        ("fixed_shape='7'", "fixed_shape is the one shape of x that is taken, such as \"16x3x32x32\"; got '7'"),
        ("make='BatchNorm(channels'", "is no Python expression; say how a layer is made, such as BatchNorm({channels})"),
        ("make='Elsewhere({channels})'", "names Elsewhere, which literal_step.py does not have"),
        ("make='BatchNorm()'", "BatchNorm() raised TypeError: "),
        ("make=3", "make= is a text such as 'BN({channels})'; got 3"),
    ],
)
def test_a_hint_of_no_use_is_one_sentence(words: str, sentence: str, desk: Path) -> None:
    with pytest.raises(TargetError) as refused:
        load(f"literal_step.py:BatchNorm({words})")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_fixed_is_refused_when_asked_otherwise(desk: Path) -> None:
    from test_bind_numpy import setup, values

    x, _ = values()
    nothing: dict[str, Any] = dict.fromkeys(("eps", "momentum"))
    frozen = load("literal_step.py:BatchNorm(variant='frozen')").layer(setup(**nothing))
    assert frozen.forward(x, training=False).shape == x.shape
    with pytest.raises(NotImplementedError, match="it is frozen"):
        frozen.forward(x, training=True)
    ghost = load("literal_step.py:BatchNorm(variant='ghost:4')").layer(setup(**nothing))
    assert ghost.forward(x[:4], training=True).shape == (4, 3)
    with pytest.raises(NotImplementedError, match="4 samples at a time"):
        ghost.forward(x, training=True)
    shaped = load("literal_step.py:BatchNorm(fixed_shape='4x3')").layer(setup(**nothing))
    assert shaped.forward(x[:4], training=True).shape == (4, 3)
    with pytest.raises(NotImplementedError, match=r"x is always shaped \(4, 3\)"):
        shaped.forward(x, training=True)
    assert load("literal_step.py:BatchNorm(eps=1e-5)").convention == {"eps_default": 1e-5}
