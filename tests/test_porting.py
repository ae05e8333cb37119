"""Ports between dialects: the printed formulas are run, and what comes out infers as the truth does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnspec.case import Array, Case
from bnspec.cli import porting
from bnspec.convention import Convention
from bnspec.exact import infer
from bnspec.layer import BatchNorm
from bnspec.reference.dialects import Dialect, from_mapping, named
from bnspec.reference.dialects.port import moved, port
from bnspec.reference.dialects.step import KINDS

EXTRA = {
    "log": {"name": "log", "scale": "log"},
    "one_plus": {"name": "one_plus", "scale": "one_plus", "channel_axis": -1},
    "with_eps": {"name": "with_eps", "spread": "variance_with_eps", "eps_default": 1e-3},
    "std_outside": {"name": "std_outside", "spread": "deviation", "eps_place": "outside"},
    "inverse": {"name": "inverse", "spread": "inverse_deviation", "momentum_weighs": "running", "running_var": "biased"},
    "first": {"name": "first", "debias": "first"},
    "zero": {"name": "zero", "debias": "zero", "momentum_weighs": "running"},
}
"""Forms that no dialect with a name has, or only beside others."""

DIALECTS: dict[str, Dialect] = {**named(), **{name: from_mapping(table) for name, table in EXTRA.items()}}

RNG = np.random.default_rng(7)
CASE = Case(
    x=RNG.normal(3, 2, (5, 4)),
    gamma=np.array([0.5, 2.0, 1.5, 1.0]),
    beta=np.array([0.0, -1.0, 2.0, 0.5]),
    running_mean=np.array([3.0, -2.0, 0.25, 7.0]),
    running_var=np.array([0.01, 4.0, 1.5, 100.0]),
    eps=0.002,
    momentum=0.25,
    dy=None,
    channel_axis=1,
)

SCALES: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "value": (lambda gamma: gamma, lambda kept: kept),
    "one_plus": (lambda gamma: gamma - 1, lambda kept: 1 + kept),
    "log": (np.log, np.exp),
}
"""gamma, kept and read."""


def stored(dialect: Dialect, case: Case) -> dict[str, Any]:
    """The numbers of a layer as a dialect keeps them, by its names: the same layer in all of them, whatever divides."""
    eps = max(case.eps, dialect.eps_least)
    root = np.sqrt(case.running_var + case.eps)
    variance = root**2 - eps if dialect.eps_place == "inside" else (root - eps) ** 2
    kept = {"variance": variance, "variance_with_eps": root**2, "inverse_deviation": 1 / root, "deviation": np.sqrt(variance)}
    factor = 3.0 if dialect.sums else 1.0
    state = {
        dialect.called("running_mean"): factor * case.running_mean,
        dialect.called("running_var"): factor * kept[dialect.spread],
        dialect.called("eps"): eps,
        dialect.called("momentum"): case.momentum,
        dialect.called("steps"): 17,
    }
    if dialect.sums:
        state[dialect.sums] = factor
    if dialect.scale != "absent":
        state[dialect.called("gamma")] = SCALES[dialect.scale][0](case.gamma)
    if dialect.shift != "absent":
        state[dialect.called("beta")] = case.beta
    return state


def inferred(dialect: Dialect, state: Mapping[str, Any], x: Array) -> Array:
    """What a dialect infers from the numbers that it keeps, read off the explanation of its forms."""
    factor, eps = state.get(dialect.sums, 1.0), state[dialect.called("eps")]
    mean, kept = state[dialect.called("running_mean")] / factor, state[dialect.called("running_var")] / factor
    outside = dialect.eps_place == "outside"
    divisor = {
        "variance": lambda: np.sqrt(kept) + eps if outside else np.sqrt(kept + eps),
        "deviation": lambda: kept + eps if outside else np.sqrt(kept**2 + eps),
        "variance_with_eps": lambda: np.sqrt(kept),
        "inverse_deviation": lambda: 1 / kept,
    }[dialect.spread]()
    gamma = 1.0 if dialect.scale == "absent" else SCALES[dialect.scale][1](state[dialect.called("gamma")])
    beta = 0.0 if dialect.shift == "absent" else state[dialect.called("beta")]
    return np.asarray((x - mean) / divisor * gamma + beta)


@pytest.mark.parametrize("source", DIALECTS)
def test_what_is_moved_infers_the_same_in_every_dialect(source: str) -> None:
    for goal in DIALECTS:
        before, after = DIALECTS[source], DIALECTS[goal]
        plain = "absent" in (before.scale, after.scale)
        case = CASE.replace(gamma=np.ones(4), beta=np.zeros(4)) if plain else CASE
        state = moved(port(before, after), stored(before, case))
        assert np.allclose(inferred(after, state, case.x), infer(case).y, rtol=1e-9, atol=1e-9), goal


CONVENTIONS = {
    name: one for name, one in named().items() if one.spread == "variance" and one.eps_place == "inside" and not one.sums
}


def layer_of(dialect: Dialect, state: Mapping[str, Any]) -> BatchNorm:
    """The reference layer with what a dialect keeps."""
    parts = {part: state[dialect.called(part)] for part in ("gamma", "beta", "running_mean", "running_var", "eps")}
    momentum = state.get(dialect.called("momentum"), dialect.convention.momentum_default)
    return BatchNorm(4, **parts, momentum=momentum, dtype="float64", channel_axis=1, convention=dialect.convention)


@pytest.mark.parametrize(("source", "goal"), [*itertools.permutations(("torch", "keras", "onnx", "flax", "chainer", "burn"), 2)])
def test_a_layer_that_was_moved_trains_on_as_it_would_have(source: str, goal: str) -> None:
    before, after = CONVENTIONS[source], CONVENTIONS[goal]
    first = layer_of(before, stored(before, CASE))
    first.forward(CASE.x, training=True)
    state = {
        **stored(before, CASE),
        before.called("running_mean"): first.running_mean,
        before.called("running_var"): first.running_var,
    }
    steps = port(before, after)
    second = layer_of(after, moved(steps, state))
    assert np.array_equal(second.forward(CASE.x, training=False), first.forward(CASE.x, training=False))
    x = CASE.x + 1
    assert np.allclose(second.forward(x, training=True), first.forward(x, training=True), rtol=1e-12)
    assert np.allclose(second.running_mean, first.running_mean, rtol=1e-12)
    same = before.convention.running_var == after.convention.running_var
    assert np.allclose(second.running_var, first.running_var, rtol=1e-12) == same
    assert same == (not any(step.about == "running_var" and step.kind == "cannot" for step in steps))


def test_the_factor_between_biased_and_unbiased_is_what_the_other_would_have_kept() -> None:
    torch, keras = named()["torch"], named()["keras"]
    x = RNG.normal(3, 2, (8, 4))
    kept = {}
    for dialect in (torch, keras):
        start = {**stored(dialect, CASE), dialect.called("momentum"): dialect.convention.argument(1.0)}
        layer = layer_of(dialect, start)
        layer.forward(x, training=True)
        kept[dialect.name] = layer.running_var
    note = next(step.note for step in port(keras, torch) if step.about == "running_var" and step.kind == "cannot")
    assert "m / (m - 1) times that, 2 for m = 2, 1.14286 for m = 8" in note
    assert np.allclose(kept["PyTorch"] / kept["Keras 3"], 8 / 7)


@pytest.mark.parametrize("k", [1, 17, 400])
def test_what_is_hidden_behind_a_debiased_average_gives_it_back(k: int) -> None:
    torch, haiku = named()["torch"], named()["haiku"]
    state = moved(port(torch, haiku), {**stored(torch, CASE), "num_batches_tracked": k})
    divisor = 1 - state["decay_rate"] ** state["counter"]
    assert np.allclose(state["mean_ema_hidden"] / divisor, CASE.running_mean)
    assert np.allclose(state["var_ema_hidden"] / divisor, CASE.running_var)


def test_sums_are_those_at_which_the_next_batch_weighs_as_before() -> None:
    torch, caffe = named()["torch"], named()["caffe"]
    state = moved(port(torch, caffe), stored(torch, CASE))
    keep, batch = state["moving_average_fraction"], np.full(4, 11.0)
    mean = (keep * state["blobs_0"] + batch) / (keep * state["blobs_2"] + 1)
    assert np.allclose(mean, (1 - CASE.momentum) * CASE.running_mean + CASE.momentum * batch)


@pytest.mark.parametrize(
    ("source", "goal", "about", "kind", "said"),
    [
        ("torch", "caffe", "gamma", "cannot", "Caffe has no gamma: put a layer behind it"),
        ("paper", "keras", "momentum", "cannot", "give 1 - 1 / (k + 1) after k steps"),
        ("paper", "torch", "momentum", "choose", "momentum=None"),
        ("torch", "paper", "momentum", "cannot", "weighs all batches alike"),
        ("torch", "torch-frozen", "momentum", "cannot", "torchvision FrozenBatchNorm2d does not average"),
        ("keras", "haiku", "hidden", "choose", "for k steps that are to count"),
        ("torch", "first", "debias", "differs", "say that it has had its first batch"),
        ("flax", "mxnet-cudnn", "eps", "convert", "nothing below 1e-05 is taken"),
        ("torch", "log", "gamma", "convert", "no gamma of 0 or below"),
        ("keras", "d2l", "shape", "differs", "(1, C), or (1, C, 1, 1)"),
        ("torch", "cs231n", "ranks", "differs", "x of rank 3, 4, 5 is not taken, only of 2"),
        ("torch", "mxnet", "note", "differs", "fix_gamma=False"),
        ("keras2", "torch", "running_var", "cannot", "at rank 2"),
    ],
)
def test_what_has_no_formula_is_said(source: str, goal: str, about: str, kind: str, said: str) -> None:
    steps = port(DIALECTS[source], DIALECTS[goal])
    assert any(step.about == about and step.kind == kind and said in step.note for step in steps), steps


def test_every_step_of_every_port_is_of_a_kind_and_says_something() -> None:
    for source, goal in itertools.product(DIALECTS.values(), repeat=2):
        for step in port(source, goal):
            assert step.kind in KINDS
            assert step.formula or step.note or step.kind == "copy"


def test_the_document_names_all_dialects() -> None:
    text = (Path(__file__).parent.parent / "docs" / "porting.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in named())


def test_a_dialect_goes_to_itself_without_a_formula_but_copies() -> None:
    for dialect in DIALECTS.values():
        kinds = {step.kind for step in port(dialect, dialect) if step.about not in ("note", "momentum", "hidden", "sums")}
        assert kinds <= {"copy"}, dialect.name


def run(capsys: pytest.CaptureFixture[str], source: str, goal: str, json: Path | None = None) -> tuple[int, str, str]:
    """The exit code, what is printed and what is complained about."""
    code = porting.show(source, goal, json, timeout=10.0)
    return code, *capsys.readouterr()


LITERAL = """
import numpy as np
class BatchNorm:
    def __init__(self, channels):
        self.gamma, self.beta = np.ones(channels), np.zeros(channels)
        self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)
    def forward(self, x, training):
        if training:
            self.running_mean = 0.75 * self.running_mean + 0.25 * x.mean(0)
            self.running_var = 0.75 * self.running_var + 0.25 * x.var(0)
            return self.gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3) + self.beta
        return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var + 1e-3) + self.beta
"""
"""A class that takes neither eps nor momentum."""


def test_a_target_is_measured_and_what_it_fixes_is_made_up_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "literal.py"
    file.write_text(LITERAL, encoding="utf-8")
    code, said, _ = run(capsys, "torch", str(file), tmp_path / "port.json")
    assert code == 0
    assert "running_var  = running_var + eps - 0.001" in said
    steps = json.loads((tmp_path / "port.json").read_text(encoding="utf-8"))["steps"]
    assert {"about": "eps", "kind": "convert", "formula": "eps = 0.001"}.items() <= next(
        one for one in steps if one["about"] == "eps"
    ).items()
    assert "always uses 0.25" in next(one["note"] for one in steps if one["about"] == "momentum")
    code, said, _ = run(capsys, str(file), "keras")
    assert code == 0
    assert "epsilon         = 0.001" in said
    assert "momentum        = 1 - 0.25" in said


def test_a_file_describes_a_convention_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\nscale = "log"\neps_default = 1e-4\nnames = { gamma = "log_gain" }\n', encoding="utf-8")
    code, said, _ = run(capsys, "keras", str(file))
    assert code == 0
    assert "log_gain     = np.log(gamma)" in said


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("kears", "did you mean keras"),
        ("missing.toml", "missing.toml"),
        ("wrong.toml", "scale must be one of"),
        ("odd.toml", "names gives a name to one of"),
        ("nothing_here:BN", "there is no module"),
    ],
)
def test_what_is_no_convention_is_one_sentence(
    given: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.toml").write_text('scale = "logarithm"\n', encoding="utf-8")
    Path("odd.toml").write_text('names = { gamma = "__import__(1)" }\n', encoding="utf-8")
    code, said, complaint = run(capsys, "torch", given)
    assert (code, said) == (2, "")
    assert sentence in complaint
    assert complaint.count("\n") == 1


def test_every_named_convention_of_the_command_line_is_a_dialect_that_agrees_with_it() -> None:
    from bnspec.convention import NAMED

    asked = ("momentum_weighs", "momentum_default", "running_var", "running_start", "debias", "eps_default", "channel_axis")
    for name, convention in NAMED.items():
        dialect: Convention = named()[name].convention
        assert [getattr(dialect, key) for key in asked] == [getattr(convention, key) for key in asked], name
