"""Each shape of NumPy class is bound, and answers what its arithmetic gives when it is used by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy_shapes import ARITHMETIC, MODES, SHAPES, written

from bnspec.implementation import Setup
from bnspec.plugs.load import TargetError, load

CHANNELS = 3


def setup(**changes: Any) -> Any:
    """A setup that asks for everything, with values that no layer starts from; `changes` to its fields."""
    rng = np.random.default_rng(7)
    channels = changes.get("channels", CHANNELS)
    arrays = {name: rng.uniform(0.5, 2.0, channels) for name in ("gamma", "beta", "running_mean", "running_var")}
    given = {**arrays, "eps": 0.01, "momentum": 0.7, "dtype": "float64", "channel_axis": 1, "rank": 2, "channels": channels}
    return Setup(**{**given, **changes})


def by_hand(asked: Any, x: np.ndarray, dy: np.ndarray) -> SimpleNamespace:
    """What the arithmetic gives, with gradients from the chain rule through mean and variance, term by term."""
    n = len(x)
    mean = sum(x) / n
    var = sum((row - mean) ** 2 for row in x) / n
    root = np.sqrt(var + asked.eps)
    x_hat = (x - mean) / root
    dvar = (dy * asked.gamma * (x - mean) * -0.5 / root**3).sum(0)
    dmean = -(dy * asked.gamma / root).sum(0)
    return SimpleNamespace(
        y=asked.gamma * x_hat + asked.beta,
        y_infer=asked.gamma * (x - asked.running_mean) / np.sqrt(asked.running_var + asked.eps) + asked.beta,
        mean=0.7 * asked.running_mean + 0.3 * mean,
        var=0.7 * asked.running_var + 0.3 * var,
        dx=dy * asked.gamma / root + dvar * 2 * (x - mean) / n + dmean / n,
        dgamma=(dy * x_hat).sum(0),
        dbeta=dy.sum(0),
    )


def close(got: Any, wanted: Any) -> None:
    assert isinstance(got, np.ndarray)
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


def bind(directory: Path, text: str, name: str = "BatchNorm") -> Any:
    file = directory / "theirs.py"
    file.write_text(text)
    return load(f"{file}:{name}")


def values(channels: int = CHANNELS) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.normal(2.0, 3.0, (5, channels)), rng.normal(0.0, 1.0, (5, channels))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_bound_class_answers_what_it_computes(tmp_path: Path, shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    bound = bind(tmp_path, SHAPES[shape])
    assert capsys.readouterr().out == ""
    asked, (x, dy) = setup(), values()
    wanted = by_hand(asked, x, dy)
    infers = bound.layer(asked)
    close(infers.forward(x, training=False), wanted.y_infer)
    layer = bound.layer(asked)
    close(layer.forward(x, training=True), wanted.y)
    for got, want in zip(layer.running(), (wanted.mean, wanted.var), strict=True):
        close(got, want)
    assert hasattr(layer, "backward") == ("backward" in SHAPES[shape])
    if hasattr(layer, "backward"):
        for got, want in zip(layer.backward(dy), (wanted.dx, wanted.dgamma, wanted.dbeta), strict=True):
            close(got, want)


@pytest.mark.parametrize("shape", ["row state", "list state", "dict state", "parameter objects"])
def test_other_sizes_fit_too(tmp_path: Path, shape: str) -> None:
    asked, (x, dy) = setup(channels=2), values(2)
    close(bind(tmp_path, SHAPES[shape]).layer(asked).forward(x, training=True), by_hand(asked, x, dy).y)


def test_the_dtype_of_the_setup_is_what_the_layer_keeps(tmp_path: Path) -> None:
    single = {name: getattr(setup(), name).astype(np.float32) for name in ("gamma", "beta", "running_mean", "running_var")}
    layer = bind(tmp_path, SHAPES["row state"]).layer(setup(**single, dtype="float32"))
    assert layer.forward(values()[0].astype(np.float32), training=True).dtype == np.float32
    assert [array.dtype for array in layer.running()] == [np.float32, np.float32]


def test_what_is_left_open_stays_the_layers_own(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    for shape in ("boolean flag", "set as attributes"):
        layer = bind(tmp_path, SHAPES[shape]).layer(setup(**nothing))
        x, _ = values()
        close(layer.forward(x, training=True), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))
        close(layer.running()[1], 0.9 + 0.1 * x.var(0))


def test_parameters_that_a_constructor_needs_start_at_one_and_zero(tmp_path: Path) -> None:
    x, _ = values()
    layer = bind(tmp_path, SHAPES["parameters given"]).layer(setup(gamma=None, beta=None))
    close(layer.forward(x, training=True), (x - x.mean(0)) / np.sqrt(x.var(0) + 0.01))


def test_layers_share_nothing_with_each_other_or_with_the_setup(tmp_path: Path) -> None:
    text = (
        SHAPES["row state"]
        .replace("self.running_mean = step", "self.running_mean[:] = step")
        .replace("self.inv_std =", "self.gamma *= 2; self.inv_std =")
    )
    bound, asked = bind(tmp_path, text), setup()
    first, second = bound.layer(asked), bound.layer(asked)
    before = [array.copy() for array in second.running()]
    first.forward(values()[0], training=True)
    np.testing.assert_array_equal(second.running(), before)
    np.testing.assert_array_equal(asked.gamma, setup().gamma)
    np.testing.assert_array_equal(asked.running_mean, setup().running_mean)


def test_a_reading_of_the_state_does_not_move_with_it(tmp_path: Path) -> None:
    text = SHAPES["boolean flag"].replace("self.running_mean = step", "self.running_mean[:] = step")
    layer = bind(tmp_path, text).layer(setup())
    before, _ = layer.running()
    layer.forward(values()[0], training=True)
    np.testing.assert_array_equal(before, setup().running_mean)


def test_a_class_for_images_keeps_its_shape(tmp_path: Path) -> None:
    text = (
        SHAPES["boolean flag"]
        .replace("start(num_features)", "start((1, num_features, 1, 1))")
        .replace("x.mean(0), x.var(0)", "x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)")
    )
    text = text.replace(
        "dgamma, dbeta = (dy * x_hat).sum(0), dy.sum(0)", "dgamma, dbeta = (dy * x_hat).sum((0, 2, 3)), dy.sum((0, 2, 3))"
    )
    text = text.replace("return gamma * inv_std * (", "return 0 * (").replace("dbeta / len(dy) - x_hat * dgamma / len(dy)", "1")
    x = np.random.default_rng(1).normal(2.0, 3.0, (4, CHANNELS, 2, 5))
    asked = setup(rank=4)
    layer = bind(tmp_path, text).layer(asked)
    flat = np.moveaxis(x, 1, -1).reshape(-1, CHANNELS)
    wanted = by_hand(asked, flat, flat)
    close(np.moveaxis(layer.forward(x, training=True), 1, -1).reshape(-1, CHANNELS), wanted.y)
    close(layer.running()[0], wanted.mean)
    close(layer.backward(x)[1], wanted.dgamma)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (written("num_features, momentum=0.9", "self.momentum = momentum", eps="1e-5"), "eps"),
        (written("num_features, eps=1e-5", "self.eps = eps", momentum="0.9"), "momentum"),
        (SHAPES["boolean flag"].replace("self.beta", "self.added"), "beta"),
    ],
    ids=["eps", "momentum", "beta"],
)
def test_what_cannot_be_set_is_refused_when_asked_for(tmp_path: Path, text: str, field: str) -> None:
    bound = bind(tmp_path, text)
    with pytest.raises(NotImplementedError, match=f"BatchNorm has no {field} to set"):
        bound.layer(setup())
    layer = bound.layer(setup(**{field: None}))
    assert layer.forward(values()[0], training=True).shape == (5, CHANNELS)
    assert hasattr(layer, "running")


def test_a_running_mean_beside_a_running_deviation_is_not_half_a_state(tmp_path: Path) -> None:
    bound = bind(tmp_path, SHAPES["boolean flag"].replace("running_var", "running_std"))
    with pytest.raises(NotImplementedError, match="BatchNorm has no running_mean to set"):
        bound.layer(setup())
    layer = bound.layer(setup(running_mean=None, running_var=None))
    assert layer.forward(values()[0], training=True).shape == (5, CHANNELS)
    assert not hasattr(layer, "running")
    with pytest.raises(NotImplementedError, match="keeps no running statistics here"):
        layer.forward(values()[0], training=False)


def test_a_cache_under_a_short_name_is_no_state(tmp_path: Path) -> None:
    text = written(init="self.momentum, self.eps, self.mu, self.var = momentum, eps, None, None").replace("running_", "hidden_")
    bound = bind(tmp_path, text)
    assert not hasattr(bound.layer(setup(running_mean=None, running_var=None)), "running")
    assert "self.mu" not in bound.adapter_source


def test_a_state_without_a_shape_is_refused_for_images(tmp_path: Path) -> None:
    bound = bind(tmp_path, SHAPES["started by the first call"])
    with pytest.raises(NotImplementedError, match="no shape for gamma"):
        bound.layer(setup(rank=4))


def test_a_class_without_inference_refuses_it(tmp_path: Path) -> None:
    layer = bind(tmp_path, written(flag="", training="True")).layer(setup())
    with pytest.raises(NotImplementedError, match="BatchNorm has no inference mode"):
        layer.forward(values()[0], training=False)


def test_gradients_that_are_not_kept_are_none(tmp_path: Path) -> None:
    text = written(more="\n    def backward(self, dy):\n        return gradients(dy, self.x_hat, self.gamma, self.inv_std)[0]\n")
    layer = bind(tmp_path, text).layer(setup())
    x, dy = values()
    layer.forward(x, training=True)
    dx, dgamma, dbeta = layer.backward(dy)
    close(dx, by_hand(setup(), x, dy).dx)
    assert dgamma is None
    assert dbeta is None


@pytest.mark.parametrize(
    ("head", "returned"), [("dy, weights_below", "dy"), ("dy, cache", "dy"), ("dy", "{'loss': dy}"), ("dy", "dy, dy")]
)
def test_a_backward_of_another_kind_is_left_out(tmp_path: Path, head: str, returned: str) -> None:
    bound = bind(tmp_path, written(more=f"\n    def backward(self, {head}):\n        return {returned}\n"))
    assert not hasattr(bound.layer(setup()), "backward")
    assert "no backward(dy)" in bound.bound


def test_a_failing_backward_stays_the_layers_own_failure(tmp_path: Path) -> None:
    layer = bind(tmp_path, written(more="\n    def backward(self, dy):\n        raise ValueError('not yet')\n")).layer(setup())
    layer.forward(values()[0], training=True)
    with pytest.raises(ValueError, match="not yet"):
        layer.backward(values()[1])


def test_two_lines_say_what_was_bound_and_what_assumed(tmp_path: Path) -> None:
    said = bind(tmp_path, SHAPES["mode word"]).bound.splitlines()
    assert said[0] == (
        'bound: BatchNorm(num_features, eps, momentum); forward(x) switched by mode="train"|"test"; '
        "backward(dy) -> (dx, dgamma, dbeta); gamma at .gamma, beta at .beta, "
        "running_mean at .running_mean, running_var at .running_var"
    )
    assert said[1].startswith("assumed: a returned triple is dx, dgamma, dbeta")
    assert len(said) == 2


def test_an_argument_without_a_known_name_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="needs the constructor argument 'activation'") as refused:
        bind(tmp_path, written(head="num_features, activation, momentum=0.9, eps=1e-5"))
    assert "class Adapter:" in str(refused.value)
    with pytest.raises(TargetError, match=r"theirs.py:BatchNorm.forward needs, besides x, the argument 'temperature'"):
        bind(tmp_path, written(flag=", temperature, training=True"))


def test_a_method_that_shows_no_signature_is_taken_to_want_x_only(tmp_path: Path) -> None:
    text = written(flag="", training="self.on", more=MODES.format(train="train", infer="eval"))
    text += "\n    forward.__signature__ = 'compiled'\n"
    x, dy = values()
    close(bind(tmp_path, text).layer(setup()).forward(x, training=True), by_hand(setup(), x, dy).y)


def test_a_failing_constructor_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(
        TargetError, match=r"BatchNorm\(num_features=3, eps=1e-05, momentum=0.9\) raised ValueError: too few; if that is not"
    ):
        bind(tmp_path, written(init="raise ValueError('too few')"))


STANDALONE = """
import sys
sys.modules["bnspec"] = None
from types import SimpleNamespace
import numpy as np
names = {}
exec(compile(open("adapter.py").read(), "adapter.py", "exec"), names)
given = {name: np.array([1.5, 0.5]) for name in ("gamma", "beta", "running_mean", "running_var")}
given |= {"eps": 0.01, "momentum": 0.7, "dtype": "float64", "channel_axis": 1, "rank": 2, "channels": 2}
layer = names["Adapter"]().layer(SimpleNamespace(**given))
y = layer.forward(np.array([[1.0, 2.0], [3.0, 7.0]]), training=True)
arrays = (y, *layer.running(), *layer.backward(np.array([[1.0, 2.0], [0.0, 1.0]])))
print([value.hex() for array in arrays for value in array.ravel()])
"""
"""What a user does with a saved adapter; bnspec cannot be imported there."""


def test_the_text_runs_without_bnspec_and_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "helper.py").write_text(ARITHMETIC)
    (tmp_path / "course" / "bn.py").write_text(SHAPES["mode word"].replace(ARITHMETIC, "from helper import *\n"))
    monkeypatch.chdir(tmp_path)
    bound: Any = load("course/bn.py:BatchNorm")
    (tmp_path / "adapter.py").write_text(bound.adapter_source)
    there = subprocess.run([sys.executable, "-c", STANDALONE], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    pair = {name: np.array([1.5, 0.5]) for name in ("gamma", "beta", "running_mean", "running_var")}
    layer: Any = bound.layer(setup(channels=2, **pair))
    y = layer.forward(np.array([[1.0, 2.0], [3.0, 7.0]]), training=True)
    here = (y, *layer.running(), *layer.backward(np.array([[1.0, 2.0], [0.0, 1.0]])))
    assert there.strip() == str([float(value).hex() for array in here for value in array.ravel()])
    assert str(tmp_path) not in bound.adapter_source
