"""Keyword arguments of a target: what they fix, what they leave open, and the one sentence where they cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy_shapes import DX_ONLY, SHAPES, written
from test_bind_numpy import by_hand, close, setup, values
from test_load import ADAPTER

from bnspec.plugs.load import TargetError, load
from bnspec.plugs.target import parse

BOTH = written(
    head="num_features, eps=1e-5, momentum=0.9, affine=True, track_running_stats=True, activation='none'",
    init="self.momentum, self.eps, self.affine, self.act = momentum, eps, affine, activation",
    more=DX_ONLY.format(dgamma="dgamma", dbeta="dbeta"),
)
"""A NumPy class with the arguments of torch's."""


def bind(directory: Path, text: str, name: str) -> Any:
    file = directory / "theirs.py"
    file.write_text(text)
    return load(f"{file}:{name}")


def asked(**nothing: None) -> Any:
    """A setup without what is named."""
    return setup(**nothing)


@pytest.mark.parametrize(
    ("target", "place", "name", "keywords"),
    [
        ("torch.nn:BatchNorm2d(affine=False)", "torch.nn", "BatchNorm2d", {"affine": False}),
        ("bn.py:BN( eps = 1e-3, momentum=None )", "bn.py", "BN", {"eps": 1e-3, "momentum": None}),
        ("a/bn.py:Held.BN(word='a:b/c(d)', axes=[0, -1])", "a/bn.py", "Held.BN", {"word": "a:b/c(d)", "axes": [0, -1]}),
        ("bn.py(affine=False)", "bn.py", "", {"affine": False}),
        ("bn(affine=False)", "bn", "", {"affine": False}),
        ("bn.py:BN()", "bn.py", "BN", {}),
        ("my course (1)/bn.py:BN", "my course (1)/bn.py", "BN", {}),
    ],
)
def test_the_parts_of_a_target(target: str, place: str, name: str, keywords: dict[str, Any]) -> None:
    parts = parse(target)
    assert (parts.place, parts.name, parts.keywords) == (place, name, keywords)


def test_a_directory_may_be_called_like_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bn.py(1)").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse("bn.py(1)").place == "bn.py(1)"


SENTENCES = {
    "(False)": "has the argument False without a name; after a name come arguments such as (affine=False)",
    "(eps=small)": "gives eps=small, which is no plain value",
    "(eps=__import__('os'))": "which is no plain value",
    "(eps=": "cannot be read; after a name come arguments",
    "(eps=1; x)": "cannot be read",
    "(**{'eps': 1})": "cannot be read",
    "(afine=False)": "has no argument 'afine'; did you mean affine?",
    "(num_features=3)": "fixes num_features, the number of channels, which differs from case to case; leave it out",
}


@pytest.mark.parametrize("arguments", SENTENCES)
def test_what_cannot_be_read_gets_one_sentence(tmp_path: Path, arguments: str) -> None:
    with pytest.raises(TargetError) as refused:
        bind(tmp_path, BOTH, f"BatchNorm{arguments}")
    assert SENTENCES[arguments] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_argument_that_the_class_needs_can_be_said(tmp_path: Path) -> None:
    text = written(head="num_features, activation, momentum=0.9, eps=1e-5", init="self.momentum, self.eps = momentum, eps")
    with pytest.raises(TargetError, match=r"say it, as in .*theirs.py:BatchNorm\(activation=...\), or write an adapter"):
        bind(tmp_path, text, "BatchNorm")
    bound = bind(tmp_path, text, "BatchNorm(activation='none')")
    x, dy = values()
    close(bound.layer(setup()).forward(x, training=True), by_hand(setup(), x, dy).y)
    assert bound.name.endswith("theirs.py:BatchNorm(activation='none')")
    assert "BatchNorm(num_features, eps, momentum, activation='none')" in bound.bound


def test_what_is_fixed_is_refused_when_a_setup_asks_for_it(tmp_path: Path) -> None:
    bound = bind(tmp_path, BOTH, "BatchNorm(eps=0.25)")
    with pytest.raises(NotImplementedError, match="BatchNorm has no eps to set"):
        bound.layer(setup())
    x, dy = values()
    close(bound.layer(asked(eps=None)).forward(x, training=True), by_hand(setup(eps=0.25), x, dy).y)


def test_a_numpy_class_without_gamma_and_beta(tmp_path: Path) -> None:
    bound = bind(tmp_path, BOTH, "BatchNorm(affine=False)")
    for part in ("gamma", "beta"):
        with pytest.raises(NotImplementedError, match=f"BatchNorm has no {part} to set"):
            bound.layer(asked(**{"gamma": None, "beta": None, part: setup().gamma}))
    layer = bound.layer(asked(gamma=None, beta=None))
    x, dy = values()
    close(layer.forward(x, training=True), by_hand(setup(gamma=np.ones(3), beta=np.zeros(3)), x, dy).y)
    assert [part is None for part in layer.backward(dy)] == [False, True, True]


def test_a_class_without_running_statistics_has_no_inference_of_its_own(tmp_path: Path) -> None:
    for bound in (
        bind(tmp_path, BOTH, "BatchNorm(track_running_stats=False)"),
        load("torch.nn:BatchNorm1d(track_running_stats=False)"),
    ):
        layer = bound.layer(asked(running_mean=None, running_var=None))
        x, dy = values()
        np.testing.assert_allclose(layer.forward(x, training=True), by_hand(setup(), x, dy).y, rtol=1e-12)
        assert not hasattr(layer, "running")
        with pytest.raises(NotImplementedError, match="keeps no running statistics here"):
            layer.forward(x, training=False)
        with pytest.raises(NotImplementedError, match="has no running_mean to set"):
            bound.layer(setup())


@pytest.mark.parametrize("name", ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"])
def test_torchs_own_classes_without_parameters(name: str) -> None:
    bound = load(f"torch.nn:{name}(affine=False)")
    shape = {"BatchNorm1d": (5, 3), "BatchNorm2d": (5, 3, 2, 2), "BatchNorm3d": (5, 3, 2, 1, 2)}[name]
    layer = bound.layer(setup(gamma=None, beta=None, rank=len(shape)))
    x = np.random.default_rng(3).normal(2.0, 3.0, shape)
    by_torch = getattr(torch.nn, name)(3, eps=0.01, affine=False, dtype=torch.float64)
    np.testing.assert_array_equal(layer.forward(x, training=True), by_torch(torch.from_numpy(x)).numpy())
    layer.backward(x)
    assert bound.convention["backward"] == "train+infer"


def test_torchs_cumulative_average_is_declared_and_has_no_momentum() -> None:
    bound = load("torch.nn:BatchNorm1d(momentum=None)")
    assert bound.convention["momentum_weighs"] == "cumulative"
    layer = bound.layer(setup())
    x, _ = values()
    for shift in (0, 4, 8):
        layer.forward(x + shift, training=True)
    close(layer.running()[0], x.mean(0) + 4)


def test_a_users_momentum_is_refused_once_it_is_fixed_and_measured(tmp_path: Path) -> None:
    bound = bind(tmp_path, BOTH, "BatchNorm(momentum=0.75)")
    assert bound.convention is None
    with pytest.raises(NotImplementedError, match="BatchNorm has no momentum to set"):
        bound.layer(setup())


def test_an_adapter_takes_them_too(tmp_path: Path) -> None:
    text = ADAPTER.replace('    name = "mine"\n', "    def __init__(self, shift=1):\n        self.name = f'mine {shift}'\n")
    assert bind(tmp_path, text, "Mine(shift=3)").name == "mine 3"
    assert bind(tmp_path, text, "Mine").name == "mine 1"
    with pytest.raises(TargetError, match="has no argument 'shift'; it takes none"):
        bind(tmp_path, f"{text}\nmade = Mine()\n", "made(shift=3)")


def test_a_class_may_return_more_than_y(tmp_path: Path) -> None:
    returned = "return self.gamma * self.x_hat + self.beta\n"
    text = SHAPES["boolean flag"].replace(returned, "out = self.gamma * self.x_hat + self.beta\n        return out, mean, var\n")
    x, dy = values()
    layer = bind(tmp_path, text, "BatchNorm").layer(setup())
    wanted = by_hand(setup(), x, dy)
    close(layer.forward(x, training=True), wanted.y)
    for got, want in zip(layer.backward(dy), (wanted.dx, wanted.dgamma, wanted.dbeta), strict=True):
        close(got, want)
    close(bind(tmp_path, text, "BatchNorm").layer(setup()).forward(x, training=False), wanted.y_infer)


CACHED = SHAPES["boolean flag"].replace(
    "return self.gamma * self.x_hat + self.beta\n",
    "out = self.gamma * self.x_hat + self.beta\n        return (out, (self.x_hat, self.inv_std)) if training else out\n",
)
"""A class that hands its cache to the caller."""


@pytest.mark.parametrize("returns_dx", [True, False], ids=["dx", "triple"])
def test_a_backward_gets_the_cache_that_forward_returned(tmp_path: Path, returns_dx: bool) -> None:
    text = CACHED.replace("def backward(self, dy):", "def backward(self, dy, cache):\n        self.x_hat, self.inv_std = cache")
    if not returns_dx:
        text = text.replace("return dx\n", "return dx, self.dgamma, self.dbeta\n")
    layer = bind(tmp_path, text, "BatchNorm").layer(setup())
    x, dy = values()
    wanted = by_hand(setup(), x, dy)
    layer.forward(x, training=True)
    for got, want in zip(layer.backward(dy), (wanted.dx, wanted.dgamma, wanted.dbeta), strict=True):
        close(got, want)
    close(
        layer.forward(x, training=False),
        setup().gamma * (x - layer.running()[0]) / np.sqrt(layer.running()[1] + 0.01) + setup().beta,
    )
    with pytest.raises(NotImplementedError, match="leaves nothing for a backward in inference"):
        layer.backward(dy)


def test_a_class_says_the_order_of_its_gradients(tmp_path: Path) -> None:
    text = (
        SHAPES["methods"]
        .replace("return gradients(", "return order(")
        .replace(
            "class BatchNorm",
            "def order(*given):\n    dx, dgamma, dbeta = gradients(*given)\n    return dx, dbeta, dgamma\n\nclass BatchNorm",
        )
    )
    x, dy = values()
    wanted = by_hand(setup(), x, dy)
    for said, want in (("", wanted.dbeta), ("(returns='dx, dbeta, dgamma')", wanted.dgamma)):
        layer = bind(tmp_path, text, f"BatchNorm{said}").layer(setup())
        layer.forward(x, training=True)
        close(layer.backward(dy)[1], want)


def test_an_order_that_decides_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="of what a class's forward returns, y is the first"):
        bind(tmp_path, CACHED, "BatchNorm(returns='y, cache')")
    with pytest.raises(TargetError, match="the gradients are autograd's, and need no returns="):
        load("torch.nn:BatchNorm1d(returns='dx, dbeta, dgamma')")


def test_a_module_may_return_more_than_y(tmp_path: Path) -> None:
    head = "import torch\n\nclass BatchNorm(torch.nn.BatchNorm1d):\n"
    text = head + "    def forward(self, x):\n        return super().forward(x), x.mean(0)\n"
    x, dy = values()
    bound = bind(tmp_path, text, "BatchNorm")
    assert "y is the first of what forward returns" in bound.bound
    layer = bound.layer(setup())
    close(layer.forward(x, training=True), by_hand(setup(), x, dy).y)
    close(layer.backward(dy)[0], by_hand(setup(), x, dy).dx)
