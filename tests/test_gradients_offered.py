"""A backward of inference is judged where it is one, right or wrong; code for training alone is not asked for it, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes import RIGHT

from bnspec.plugs.gradients_offered import TIED
from bnspec.plugs.link import InProcess
from bnspec.plugs.load import load
from bnspec.plugs.probe import Measured, measure
from bnspec.plugs.subject import Subject

INFERENCE = "return scale * dy, self.dgamma, self.dbeta"

BACKWARDS = {
    "right": (INFERENCE, "train+infer", []),
    "without gamma": ("return self.inv_std * dy, self.dgamma, self.dbeta", "train+infer", []),
    "eps beside the root": ("return scale * dy / (1 + self.eps * self.inv_std), self.dgamma, self.dbeta", "train+infer", []),
    "refused": ("raise NotImplementedError('only in training')", "train", []),
    "failing": ("return undefined", "train", []),
    "as in training": ("pass", "train", [TIED]),
    "centered": ("return scale * (dy - dy.mean(0)), self.dgamma, self.dbeta", "train", [TIED]),
    "nothing": ("return 0 * dy, self.dgamma, self.dbeta", "train", [TIED]),
}
"""What stands for the right line, the gradients that are taken to be offered, and the warning."""


def measured(line: str, place: Path, declared: dict[str, str]) -> Measured:
    (place / "layer.py").write_text(RIGHT.replace(INFERENCE, line), encoding="utf-8")
    return measure(Subject(InProcess(lambda: load(str(place / "layer.py")))), declared, ["float64"])


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_backward_that_follows_each_dy_alone_is_one_of_inference(name: str, tmp_path: Path) -> None:
    line, wanted, warnings = BACKWARDS[name]
    found = measured(line, tmp_path, {})
    assert (found.convention.backward, found.warnings) == (wanted, warnings)


@pytest.mark.parametrize("declared", ["train", "train+infer"])
def test_what_is_declared_is_not_asked(declared: str, tmp_path: Path) -> None:
    found = measured("pass", tmp_path, {"backward": declared})
    assert (found.convention.backward, found.warnings) == (declared, [])
