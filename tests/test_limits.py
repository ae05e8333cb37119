"""What takes only one shape, or normalizes in groups, is asked within that: right code passes, and mistakes are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from asking import ask

from bnspec.plugs.link import InProcess
from bnspec.plugs.load import load
from bnspec.plugs.probe import measure
from bnspec.plugs.subject import Subject
from bnspec.properties.judge import train_truth
from bnspec.properties.limits import within
from bnspec.properties.stage import Stage, on_stage
from bnspec.properties.strategies import build

ONE_SHAPE = """
import numpy as np

SHAPE, AXES, ALONG = {shape}, {axes}, {along}

class BatchNorm:
    def __init__(self, channels={channels}, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)

    def forward(self, x, training):
        x = x.reshape(SHAPE)
        if training:
            mean, var = x.mean(AXES), x.var(AXES)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.inv_std = 1 / np.sqrt(var + self.eps)
        self.x_hat = (x - mean.reshape(ALONG)) * self.inv_std.reshape(ALONG)
        return self.gamma.reshape(ALONG) * self.x_hat + self.beta.reshape(ALONG)

    def backward(self, dy):
        m = dy.size // len(self.gamma)
        self.dgamma, self.dbeta = (dy * self.x_hat).sum(AXES), dy.sum(AXES)
        back = dy - self.dbeta.reshape(ALONG) / m - self.x_hat * self.dgamma.reshape(ALONG) / m
        return (self.gamma * self.inv_std).reshape(ALONG) * back
"""
"""A class that is written for one shape of x."""

SHAPES = {
    "16x3": {"axes": 0, "along": (1, 3), "channels": 3},
    "15x8": {"axes": 0, "along": (1, 8), "channels": 8},
    "2x4x3x5": {"axes": (0, 2, 3), "along": (1, 4, 1, 1), "channels": 4},
    "3x2x3x6": {"axes": (0, 1, 2), "along": (1, 1, 1, 6), "channels": 6, "layout": "NHWC"},
}

GHOST = """
import numpy as np

class GhostBatchNorm:
    def __init__(self, channels, eps=1e-5, momentum=0.9):
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)

    def forward(self, x, training):
        self.training, self.kept = training, []
        size = 4 if training else max(len(x), 1)
        return np.concatenate([self._group(x[at : at + size]) for at in range(0, max(len(x), 1), size)])

    def _group(self, x):
        mean, var = (x.mean(0), x.var(0)) if self.training else (self.running_mean, self.running_var)
        if self.training:
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        inv_std = 1 / np.sqrt(var + self.eps)
        self.kept.append(((x - mean) * inv_std, inv_std))
        return self.gamma * self.kept[-1][0] + self.beta

    def backward(self, dy):
        size, parts = len(self.kept[0][0]), []
        self.dgamma, self.dbeta = np.zeros_like(self.gamma), dy.sum(0)
        for at, (x_hat, inv_std) in enumerate(self.kept):
            part = dy[at * size : (at + 1) * size]
            self.dgamma = self.dgamma + (part * x_hat).sum(0)
            means = part.mean(0) + x_hat * (part * x_hat).mean(0) if self.training else 0
            parts.append(self.gamma * inv_std * (part - means))
        return np.concatenate(parts)
"""
"""A class that normalizes four samples at a time, moving its statistics group by group."""


ASKED = ("forward", "running_statistics", "gradients", "edge_cases", "purity", "vectors")
"""The chapters whose cases such code might be accused by."""


def written(place: Path, text: str, words: str) -> str:
    (place / "mine.py").write_text(text, encoding="utf-8")
    return f"{place / 'mine.py'}({words})"


def one_shape(place: Path, shape: str, old: str = "", new: str = "") -> str:
    parts = {"layout": "NCHW" if shape.count("x") == 3 else "NC", **SHAPES[shape]}
    text = ONE_SHAPE.format(shape=tuple(map(int, shape.split("x"))), **parts)
    assert old in text
    return written(place, text.replace(old, new), f"fixed_shape={shape!r}, layout={parts['layout']!r}")


@pytest.mark.parametrize("shape", SHAPES)
def test_code_for_one_shape_is_asked_with_that_shape(shape: str, tmp_path: Path) -> None:
    record = ask(one_shape(tmp_path, shape), examples=4, in_process=True, dtypes=("float64",), only=ASKED)
    wrong = [row.property for row in record.results if row.level == "required" and row.status not in ("pass", "unsupported")]
    assert (record.verdict, wrong) == ("conformant", [])
    assert record.scope == ["train", "infer", "running", "grad_train"]
    refused = {row.property: row.reason for row in record.results if row.status == "unsupported"}
    assert any("x is always shaped" in reason for reason in refused.values())
    assert "training_output_is_exact" not in refused


@pytest.mark.parametrize(
    ("old", "new", "law"),
    [
        ("np.sqrt(var + self.eps)", "(np.sqrt(var) + self.eps)", "training_output_is_exact"),
        ("self.dgamma.reshape(ALONG) / m", "self.dgamma.reshape(ALONG) / (m + 1)", "training_gradients_are_exact"),
        ("x.var(AXES)\n            self", "x.var(AXES, ddof=1)\n            self", "training_output_is_exact"),
    ],
)
def test_a_mistake_in_code_for_one_shape_is_found(old: str, new: str, law: str, tmp_path: Path) -> None:
    target = one_shape(tmp_path, "2x4x3x5", old, new)
    record = ask(target, examples=4, in_process=True, dtypes=("float64",), only=(law,))
    assert [row.status for row in record.results] == ["fail"]


def test_groups_are_judged_each_by_itself(tmp_path: Path) -> None:
    record = ask(written(tmp_path, GHOST, "variant='ghost:4'"), examples=6, in_process=True, dtypes=("float64",), only=ASKED)
    wrong = [row.property for row in record.results if row.level == "required" and row.status not in ("pass", "unsupported")]
    assert (record.verdict, wrong) == ("conformant", [])
    assert {"train", "grad_train"} <= set(record.scope)


@pytest.mark.parametrize(
    ("old", "new", "law"),
    [
        ("size = 4 if training", "size = 8 if training", "training_output_is_exact"),
        ("self.dgamma = self.dgamma + (part", "self.dgamma = (part", "training_gradients_are_exact"),
        ("self.gamma * inv_std * (part", "self.gamma * self.kept[0][1] * (part", "training_gradients_are_exact"),
    ],
)
def test_a_mistake_between_groups_is_found(old: str, new: str, law: str, tmp_path: Path) -> None:
    assert old in GHOST
    target = written(tmp_path, GHOST.replace(old, new), "variant='ghost:4'")
    record = ask(target, examples=12, in_process=True, dtypes=("float64",), only=(law,))
    assert [row.status for row in record.results] == ["fail"]


def test_shapes_are_fitted_to_what_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subject = Subject(InProcess(lambda: load(one_shape(tmp_path, "3x2x3x6"))))
    measure(subject, {"channel_axis": -1}, ["float64"])
    assert subject.convention.running_var == "biased"
    assert within((2, 5), subject, -1) == (3, 6, 2, 3)
    with on_stage(Stage(subject, "float64")):
        assert build((2, 2), 0, 0, kappas=(0.0,)).x.shape == (3, 2, 3, 6)
    assert within((2, 5), None, 1) == (2, 5)


def test_the_truth_of_groups_is_that_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    subject = Subject(InProcess(lambda: load(written(tmp_path, GHOST, "variant='ghost:4'"))))
    with on_stage(Stage(subject, "float64")):
        case = build((4, 3), 12, 7, kappas=(0.0,))
        twice = case.replace(x=np.concatenate([case.x, case.x + 1]), dy=np.concatenate([case.dy, 2 * case.dy]))
        one, both = train_truth(case), train_truth(twice)
    assert np.array_equal(both.value("y")[:4], one.value("y"))
    assert np.allclose(both.value("dgamma"), 3 * one.value("dgamma"))
    assert np.all(both.bound("dgamma") > one.bound("dgamma"))


def test_what_a_child_says_of_its_shape_is_read_as_sizes_or_not_at_all() -> None:
    from bnspec.plugs.subject import _sizes

    assert _sizes("16x3") == (16, 3)
    assert [_sizes(text) for text in ("", "x", "0x3", "-1x3", "16x3; rm", "1" * 99)] == [()] * 6
