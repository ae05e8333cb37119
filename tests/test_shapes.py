"""Files as different people write them: each is understood as it is, or asks for one line; the mistake in it is found."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shape_table import DIRECTORY, SHAPES, Shape

from bnspec.plugs.faults import Fault
from bnspec.plugs.link import InProcess
from bnspec.plugs.load import TargetError, load
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Answer, Subject
from bnspec.properties.judge import Deviation, assert_near, infer_truth, train_truth
from bnspec.properties.stage import Stage, on_stage
from bnspec.properties.strategies import build

pytestmark = pytest.mark.filterwarnings("ignore")  # what such code divides by is its own business

CASES = [((5, 3), 11), ((2, 2), 250), ((4, 3, 2, 3), 4711), ((16, 1), 70_007)]
"""Shapes, which are fitted to the ranks that are offered, and the numbers that pick everything else."""

QUESTIONS = {
    "train": ("train", ("y", "running_mean", "running_var")),
    "infer": ("infer", ("y",)),
    "train_gradients": ("grad_train", ("dx", "dgamma", "dbeta")),
    "infer_gradients": ("grad_infer", ("dx", "dgamma", "dbeta")),
}
"""What is asked, for which part of the scope, and what is judged of the answer."""


def bound(target: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """The target, bound from its directory without a word from us, and its measured convention."""
    monkeypatch.chdir(directory)
    with contextlib.redirect_stdout(io.StringIO()):
        implementation = load(target)
    subject = Subject(InProcess(lambda: implementation))
    measure(subject, dict(implementation.convention or {}), ["float64"])
    return subject


def answers(subject: Subject) -> Iterator[tuple[str, Any, Answer | Fault]]:
    """The answers to a few cases: which question, the case, and what came."""
    for shape, number in CASES:
        case = build(shape, number, 7, kappas=(0.0, 1.0), spreads=(1.0, 2.0))
        for question, (scope, _) in QUESTIONS.items():
            if scope in subject.scope:
                subject.begin()
                try:
                    yield question, case, getattr(subject, question)(case)
                except Fault as fault:
                    yield question, case, fault


def is_right(subject: Subject) -> bool:
    """Whether every answer is within its bound of exact arithmetic; an answer must come, or a refusal."""
    with on_stage(Stage(subject, "float64")):
        for question, case, answer in answers(subject):
            if isinstance(answer, Fault) and answer.status == "unsupported":
                continue
            truth = infer_truth(case) if question.startswith("infer") else train_truth(case)
            try:
                assert not isinstance(answer, Fault)
                assert_near(answer, truth, *QUESTIONS[question][1])
            except (Deviation, AssertionError):
                return False
    return True


def offered(subject: Subject) -> tuple[set[str], set[str]]:
    """The parts of the scope that are answered, and the gradients that are not."""
    scope, absent = {"running"} & {*subject.scope}, set[str]()
    with on_stage(Stage(subject, "float64")):
        for question, _, answer in answers(subject):
            if not isinstance(answer, Fault):
                scope.add(QUESTIONS[question][0])
                gradients = {"dgamma", "dbeta"} if answer.gradients is not None else set()
                absent |= {name for name in gradients if getattr(answer.gradients, name) is None}
    return scope, absent


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_shape_is_understood_as_it_is_meant(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = bound(shape.target, DIRECTORY, monkeypatch)
    convention = subject.convention
    assert offered(subject) == ({*shape.scope}, {*shape.absent})
    assert (convention.eps_default, convention.channel_axis) == (shape.eps, shape.axis)
    if "running" in shape.scope:
        assert (convention.momentum_weighs, convention.running_var) == (shape.momentum, shape.var)
    assert is_right(subject)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_mistake_planted_in_a_shape_is_found(shape: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / shape.file
    place.parent.mkdir(exist_ok=True)
    for neighbour in (DIRECTORY / shape.file).parent.glob("*.py") if "/" in shape.file else ():
        (place.parent / neighbour.name).write_bytes(neighbour.read_bytes())
    place.with_suffix(".py").write_text(shape.corrupted(), encoding="utf-8")
    assert not is_right(bound(shape.target, tmp_path, monkeypatch))


@pytest.mark.parametrize("shape", [shape for shape in SHAPES.values() if shape.words], ids=lambda shape: shape.file)
def test_what_needs_one_line_says_which(shape: Shape, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TargetError) as refused:
        bound(f"{shape.file}.py", DIRECTORY, monkeypatch)
    sentence, _, skeleton = str(refused.value).partition("\n")
    assert shape.asks in sentence
    assert not skeleton or "class Adapter" in skeleton


KNOWN = "mu, var = self.running_mean, self.running_var"


@pytest.mark.parametrize(
    ("replaced", "by"),
    [
        (KNOWN, "mu, var = self.latest"),
        (KNOWN, "mu, var = x.mean(axis=0), x.var(axis=0)"),
        ("var = x.var(axis=0)\n", "var = x.var(axis=0)\n            self.running_mean = mu\n"),
        ("self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var", "pass"),
    ],
    ids=["latest batch", "own batch", "without memory", "never updated"],
)
def test_a_mistake_in_what_inference_goes_by_is_no_state_that_cannot_be_given(
    replaced: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SHAPES["boolean_flag"].source.replace("        self.std", "        self.latest = mu, var\n        self.std")
    assert replaced in text
    (tmp_path / "mistaken.py").write_text(text.replace(replaced, by), encoding="utf-8")
    subject = bound("mistaken.py", tmp_path, monkeypatch)
    assert "running" in subject.scope
    assert not is_right(subject)


def test_a_backward_that_spoils_gamma_is_no_training_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHAPES["boolean_flag"].source.replace(
        "return self.gamma / self.std * (", "self.gamma /= self.std\n        return self.gamma * ("
    )
    (tmp_path / "mistaken.py").write_text(text, encoding="utf-8")
    subject = bound("mistaken.py", tmp_path, monkeypatch)
    with on_stage(Stage(subject, "float64")):
        case = build((5, 3), 11, 7, kappas=(0.0,), spreads=(2.0,))
        layer = subject.layer(case)
        first = layer.forward(case.x, training=True)
        layer.backward(case.dy)
        assert (layer.forward(case.x, training=True) != first).any()


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "get_ipython().run_line_magic('matplotlib', 'inline')",
            "take out the commands of the notebook that this was (exported.py, line 1)",
        ),
        ("import matplotlib.of_nobody", "could not be imported: ModuleNotFoundError: No module named "),
        ("%matplotlib inline", "could not be imported: SyntaxError: invalid syntax (exported.py, line 1)"),
        (
            "data = open('train.csv')",
            "could not be imported: FileNotFoundError: [Errno 2] No such file or directory: 'train.csv' (exported.py, ",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_says_why_in_one_sentence(
    line: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exported.py").write_text(f"{line}\n{SHAPES['boolean_flag'].source}", encoding="utf-8")
    with pytest.raises(TargetError) as refused:
        bound("exported.py", tmp_path, monkeypatch)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nine_in_ten_need_no_line_at_all() -> None:
    without = [shape for shape in SHAPES.values() if not shape.words]
    assert len(SHAPES) >= 60
    assert len(without) >= 0.92 * len(SHAPES)
