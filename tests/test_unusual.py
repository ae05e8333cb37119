"""A correct layer with an unusual convention is conformant, and its users are told what is unusual about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from naming import STUDENT, checked

from bnspec.convention import KERAS, ONNX, TORCH, TUTORIAL, Convention
from bnspec.plugs.unusual import unusual

ZERO_START = STUDENT.replace("np.zeros(num_features), np.ones(num_features)", "np.zeros(num_features), np.zeros(num_features)")
"""Right, but for a running variance that starts at 0."""

CHANGES = {
    "start": ({"running_start": (0.0, 0.0)}, "start at (0, 0), not at (0, 1): inference before training multiplies x by 316"),
    "mean": ({"running_start": (0.5, 1.0)}, "inference before training shifts x"),
    "no eps": ({"running_start": (0.0, 0.0), "eps_default": None}, "multiplies x by inf"),
    "zero": ({"debias": "zero", "running_start": (0.0, 0.0)}, "divided by 1 - keep^step"),
    "first": ({"debias": "first"}, "the first batch's statistics are copied"),
    "cumulative": ({"momentum_weighs": "cumulative", "momentum_default": None}, "step k weighs 1/k"),
    "by rank": ({"running_var": {2: "biased", 4: "unbiased"}}, "biased in rank 2, unbiased in rank 4"),
    "eager": ({"momentum_default": 0.9}, "the newest batch weighs 0.9"),
}
"""What is changed in PyTorch's convention, and the words that tell of it."""


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_each_unusual_choice_is_one_sentence(change: dict[str, object], words: str) -> None:
    (sentence,) = unusual(replace(TORCH, **change))  # type: ignore[arg-type]
    assert sentence.startswith("unusual convention: ")
    assert words in sentence


@pytest.mark.parametrize("change", [change for change, _ in CHANGES.values()], ids=CHANGES)
def test_who_declares_a_choice_is_not_told_of_it(change: dict[str, object]) -> None:
    assert unusual(replace(TORCH, **change), declared=change) == []  # type: ignore[arg-type]


USUAL = {
    "PyTorch": TORCH,
    "Keras": KERAS,
    "ONNX": ONNX,
    "the tutorial": TUTORIAL,
    "one kind said twice": replace(TORCH, running_var={2: "biased", 4: "biased"}),
}


@pytest.mark.parametrize("convention", USUAL.values(), ids=USUAL)
def test_usual_conventions_go_without_a_word(convention: Convention) -> None:
    assert unusual(convention) == []


def test_a_correct_class_that_starts_at_zero_is_conformant_and_told_so(tmp_path: Path) -> None:
    assert ZERO_START != STUDENT
    record = checked(ZERO_START, tmp_path)
    assert (record.verdict, record.diagnoses) == ("conformant", [])
    assert any("start at (0, 0), not at (0, 1)" in warning for warning in record.warnings)
