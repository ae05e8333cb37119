"""Modules and tensors: bound classes answer to the bit what torch answers when it is used by hand, in each dtype and rank."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch

from bnspec.convention import TORCH, Convention
from bnspec.implementation import Setup
from bnspec.plugs.load import TargetError, load

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64}
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "BatchNorm1d": [(5, 3), (5, 3, 4)],
    "BatchNorm2d": [(5, 3, 4, 2)],
    "BatchNorm3d": [(5, 3, 2, 1, 2)],
}
CASES = [(name, shape, dtype) for name, shapes in SHAPES.items() for shape in shapes for dtype in DTYPES]
FUNCTIONAL = "bnspec.reference.frameworks.torch_functional:Functional"


def setup(shape: tuple[int, ...] = (5, 3), dtype: str = "float32", changes: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """A setup that asks for everything, with values that no layer starts from; `changes` to its fields."""
    rng, kept = np.random.default_rng(7), "float64" if dtype == "float64" else "float32"
    arrays = {name: rng.uniform(0.5, 2.0, 3).astype(kept) for name in ("gamma", "beta", "running_mean", "running_var")}
    given = {**arrays, "eps": 0.01, "momentum": 0.3, "dtype": dtype, "channel_axis": 1, "rank": len(shape), "channels": 3}
    return Setup(**{**given, **changes})


def values(shape: tuple[int, ...] = (5, 3), dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    rng = np.random.default_rng(3)
    return rng.normal(2.0, 3.0, shape).astype(kind), rng.normal(0.0, 1.0, shape).astype(kind)


def tensor(array: np.ndarray) -> torch.Tensor:
    """Through float64, which holds every value of the narrower dtypes."""
    return torch.tensor(array.astype(np.float64)).to(DTYPES[array.dtype.name])


class ByHand:
    """torch's own layer, used as its documentation shows, with gradients left in `.grad`."""

    def __init__(self, name: str, asked: Any) -> None:
        self.bn = getattr(torch.nn, name)(3, eps=asked.eps, momentum=asked.momentum, dtype=tensor(asked.gamma).dtype)
        state = {"weight": asked.gamma, "bias": asked.beta, "running_mean": asked.running_mean, "running_var": asked.running_var}
        self.bn.load_state_dict({key: tensor(value) for key, value in state.items()}, strict=False)

    def ask(self, x: np.ndarray, dy: np.ndarray, *, training: bool) -> list[torch.Tensor]:
        """y, running statistics, dx, dgamma, dbeta."""
        self.bn.train(training)
        self.bn.zero_grad()
        x_leaf = tensor(x).requires_grad_(True)
        y = self.bn(x_leaf)
        y.backward(tensor(dy))
        return [y, self.bn.running_mean, self.bn.running_var, x_leaf.grad, self.bn.weight.grad, self.bn.bias.grad]


def answers(layer: Any, x: np.ndarray, dy: np.ndarray, *, training: bool) -> list[Any]:
    """What `ByHand.ask` returns, of a bound layer."""
    y = layer.forward(x, training=training)
    return [y, *layer.running(), *layer.backward(dy)]


def same_bits(got: list[np.ndarray], wanted: list[torch.Tensor]) -> None:
    for array, one in zip(got, wanted, strict=True):
        assert array.dtype.name == str(one.dtype).removeprefix("torch.")
        assert array.shape == tuple(one.shape)
        np.testing.assert_array_equal(array.astype(np.float64), one.detach().double().numpy())


def bind(directory: Path, text: str, name: str = "BatchNorm") -> Any:
    file = directory / "theirs.py"
    file.write_text(text)
    return load(f"{file}:{name}")


@pytest.mark.parametrize(("name", "shape", "dtype"), CASES)
def test_torchs_own_layers_answer_as_by_hand(name: str, shape: tuple[int, ...], dtype: str) -> None:
    asked, (x, dy) = setup(shape, dtype), values(shape, dtype)
    layer, by_hand = load(f"torch.nn:{name}").layer(asked), ByHand(name, asked)
    for training in (True, False, True):
        same_bits(answers(layer, x, dy, training=training), by_hand.ask(x, dy, training=training))


@pytest.mark.parametrize(("name", "shape", "dtype"), CASES)
def test_the_function_is_the_layer(name: str, shape: tuple[int, ...], dtype: str) -> None:
    asked, (x, dy) = setup(shape, dtype), values(shape, dtype)
    layer, by_hand = load(FUNCTIONAL).layer(asked), ByHand(name, asked)
    for training in (False, True, True):
        same_bits(answers(layer, x, dy, training=training), by_hand.ask(x, dy, training=training))


def test_the_functions_layers_start_as_torchs_do() -> None:
    nothing = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    x, dy = values()
    found = [load(target).layer(setup(changes=nothing)) for target in (FUNCTIONAL, "torch.nn:BatchNorm1d")]
    for got, want in zip(*(answers(layer, x, dy, training=True) for layer in found), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", SHAPES)
def test_torchs_own_convention_is_declared(name: str) -> None:
    declared = Convention.from_mapping(load(f"torch.nn:{name}").convention)
    assert declared.ranks == tuple(len(shape) for shape in SHAPES[name])
    assert Convention.from_mapping({**declared.to_mapping(), "ranks": TORCH.ranks}) == TORCH


def test_a_rank_that_the_module_refuses_is_its_own_error() -> None:
    layer = load("torch.nn:BatchNorm2d").layer(setup())
    with pytest.raises(ValueError, match="expected 4D input"):
        layer.forward(values()[0], training=True)


def test_channels_elsewhere_are_not_offered() -> None:
    for target in ("torch.nn:BatchNorm2d", FUNCTIONAL):
        bound = load(target)
        with pytest.raises(NotImplementedError, match="on axis 1"):
            bound.layer(setup((5, 4, 2, 3), changes={"channel_axis": 3}))
        assert bound.layer(setup((5, 3, 4, 2), changes={"channel_axis": -3})) is not None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_layout_is_taken_as_it_lies(dtype: str) -> None:
    """Only nearly so: torch adds up in another order where memory lies in another."""
    tolerance = 1e-2 if dtype == "bfloat16" else 1e-5
    x, dy = values((4, 3, 2, 6), dtype)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    frozen = x.copy()
    frozen.flags.writeable = False
    wanted = answers(load("torch.nn:BatchNorm2d").layer(setup(x.shape, dtype)), x.copy(), dy, training=True)
    for laid in (x[::-1].copy()[::-1], np.repeat(x, 2, axis=3)[..., ::2], last, frozen):
        layer = load("torch.nn:BatchNorm2d").layer(setup(x.shape, dtype))
        before = laid.copy()
        got = answers(layer, laid, np.broadcast_to(dy, dy.shape), training=True)
        np.testing.assert_array_equal(laid, before)
        for one, want in zip(got, wanted, strict=True):
            np.testing.assert_allclose(one.astype(float), want.astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("target", ["torch.nn:BatchNorm1d", FUNCTIONAL])
def test_layers_share_nothing_with_each_other_or_with_the_setup(target: str) -> None:
    bound, asked = load(target), setup()
    first, second = bound.layer(asked), bound.layer(asked)
    first.forward(values()[0], training=True)
    for now, before in zip(second.running(), (setup().running_mean, setup().running_var), strict=True):
        np.testing.assert_array_equal(now, before)
    np.testing.assert_array_equal(asked.running_mean, setup().running_mean)


def test_float64_needs_no_array_to_be_told() -> None:
    nothing = dict.fromkeys(("gamma", "beta", "running_mean", "running_var"))
    for target in ("torch.nn:BatchNorm1d", FUNCTIONAL):
        layer = load(target).layer(setup(dtype="float64", changes=nothing))
        found = answers(layer, *values(dtype="float64"), training=True)
        assert [array.dtype.name for array in found] == ["float64"] * 6


def test_gradients_are_fresh_each_call_and_readings_stay() -> None:
    layer: Any = load("torch.nn:BatchNorm1d").layer(setup())
    x, dy = values()
    layer.forward(x, training=True)
    read = layer.running()
    before = [array.copy() for array in read]
    first = [array.copy() for array in layer.backward(dy)]
    np.testing.assert_array_equal(layer.backward(dy)[1], first[1])
    np.testing.assert_array_equal(layer.backward(2 * dy)[2], 2 * first[2])
    layer.forward(x + 1, training=True)
    np.testing.assert_array_equal(read, before)


HEAD = "import torch\nfrom torch import nn\n"

USER_MODULE = (
    HEAD
    + """
class BatchNorm(nn.Module):
    def __init__(self, dim, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma = nn.Parameter(torch.ones(1, dim))
        self.beta = nn.Parameter(torch.zeros(1, dim))
        self.register_buffer("moving_mean", torch.zeros(1, dim))
        self.register_buffer("moving_var", torch.ones(1, dim))

    def forward(self, x):
        mean, var = self.moving_mean, self.moving_var
        if self.training:
            mean, var = x.mean(0, keepdim=True), x.var(0, keepdim=True, unbiased=False)
            with torch.no_grad():
                self.moving_mean += self.momentum * (mean - self.moving_mean)
                self.moving_var += self.momentum * (len(x) / (len(x) - 1) * var - self.moving_var)
        return self.gamma * (x - mean) / (var + self.eps).sqrt() + self.beta
"""
)
"""A module as people write them; its arithmetic is torch's, its order of operations is not."""

PLAIN = USER_MODULE.replace("(nn.Module)", "").replace("super().__init__()", "self.training = True").replace("nn.Parameter", "")
PLAIN = PLAIN.replace("forward", "__call__").replace('register_buffer("moving_mean", ', "moving_mean = (")
PLAIN = PLAIN.replace('register_buffer("moving_var", ', "moving_var = (")
"""The same without nn.Module: tensors in attributes, and a flag of its own."""

GRAD_MODE = USER_MODULE.replace("if self.training:", "if is_training():").replace(
    "class BatchNorm", "def is_training():\n    return torch.is_grad_enabled()\n\nclass BatchNorm"
)
"""Trains wherever gradients are recorded, whatever mode the module is in."""


TEXTS = {"module": USER_MODULE, "plain class": PLAIN, "its forward": PLAIN.replace("__call__", "forward"), "grad mode": GRAD_MODE}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_users_class_answers_as_torchs(tmp_path: Path, text: str, dtype: str) -> None:
    bound = bind(tmp_path, text)
    assert bound.convention is None
    asked, (x, dy) = setup(dtype=dtype), values(dtype=dtype)
    tolerance = 1e-12 if dtype == "float64" else 1e-5
    layer, by_hand = bound.layer(asked), ByHand("BatchNorm1d", asked)
    for training in (True, False):
        wanted = [one.detach().numpy() for one in by_hand.ask(x, dy, training=training)]
        got = [layer.forward(x, training=training), *layer.running()]
        if training or text is not GRAD_MODE:
            got += layer.backward(dy)
        for one, want in zip(got, wanted, strict=training or text is not GRAD_MODE):
            assert one.dtype == want.dtype
            np.testing.assert_allclose(one, want, rtol=10 * tolerance, atol=tolerance)


def test_inference_by_grad_mode_has_no_gradient(tmp_path: Path) -> None:
    bound = bind(tmp_path, GRAD_MODE)
    assert "switched by torch.is_grad_enabled()" in bound.bound
    layer = bound.layer(setup())
    layer.forward(values()[0], training=False)
    with pytest.raises(NotImplementedError, match="no gradient in inference"):
        layer.backward(values()[1])


ATTACHED = USER_MODULE.replace("with torch.no_grad():", "if True:")
"""Whose running statistics keep the graph of the batches that they were made of."""


@pytest.mark.parametrize("training", [True, False])
def test_gradients_that_flow_into_an_earlier_batch_are_an_error(training: bool, tmp_path: Path) -> None:
    x, dy = values()
    for text in (USER_MODULE, ATTACHED):
        layer = bind(tmp_path, text).layer(setup())
        layer.forward(x, training=True)
        layer.forward(x + 1, training=training)
        if text is USER_MODULE or training:
            assert layer.backward(dy)[0].shape == x.shape
        else:
            with pytest.raises(RuntimeError, match=r"flows into an earlier batch: detach\(\) what the running statistics"):
                layer.backward(dy)


def test_a_plain_class_without_inference_refuses_it(tmp_path: Path) -> None:
    text = PLAIN.replace("self.training = True", "pass").replace("if self.training:", "if True:")
    layer = bind(tmp_path, text).layer(setup())
    assert layer.forward(values()[0], training=True).shape == (5, 3)
    with pytest.raises(NotImplementedError, match="BatchNorm has no inference mode"):
        layer.forward(values()[0], training=False)


def test_a_constructor_that_asks_for_the_rank_is_told(tmp_path: Path) -> None:
    text = USER_MODULE.replace("dim, eps", "num_features, num_dims, eps").replace("(1, dim)", "(*shape)")
    text = text.replace("self.eps, self", "shape = (1, num_features) + (1,) * (num_dims - 2)\n        self.eps, self")
    bound = bind(tmp_path, text)
    for shape in ((5, 3), (5, 3, 4, 2)):
        layer = bound.layer(setup(shape))
        assert layer.bn.gamma.ndim == len(shape)
        assert [array.shape for array in layer.running()] == [(3,), (3,)]


def test_what_is_no_parameter_has_no_gradient(tmp_path: Path) -> None:
    text = USER_MODULE.replace("nn.Parameter(torch.ones(1, dim))", "nn.Parameter(torch.ones(1, dim), requires_grad=False)")
    layer = bind(tmp_path, text).layer(setup())
    x, dy = values()
    layer.forward(x, training=True)
    assert [one is None for one in layer.backward(dy)] == [False, True, False]


def test_a_module_without_parameters_refuses_them(tmp_path: Path) -> None:
    text = HEAD + "class BatchNorm(nn.BatchNorm1d):\n    def __init__(self, n):\n        super().__init__(n, affine=False)\n"
    bound = bind(tmp_path, text)
    with pytest.raises(NotImplementedError, match="BatchNorm has no gamma to set"):
        bound.layer(setup())
    layer = bound.layer(setup(changes={"gamma": None, "beta": None}))
    x, dy = values()
    layer.forward(x, training=True)
    assert [one is None for one in layer.backward(dy)] == [False, True, True]


def test_a_module_without_running_statistics_offers_none(tmp_path: Path) -> None:
    text = (
        HEAD
        + "class BatchNorm(nn.BatchNorm1d):\n    def __init__(self, n):\n        super().__init__(n, track_running_stats=False)\n"
    )
    layer = bind(tmp_path, text).layer(setup(changes={"running_mean": None, "running_var": None}))
    assert not hasattr(layer, "running")


def test_a_layer_object_a_lazy_class_and_an_own_backward_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"theirs.py:one is one BatchNorm object"):
        bind(tmp_path, USER_MODULE + "\none = BatchNorm(3)\n", "one")
    with pytest.raises(TargetError, match="no size before its first call"):
        load("torch.nn:LazyBatchNorm1d")
    with pytest.raises(TargetError, match="has a backward of its own; write an adapter"):
        bind(tmp_path, PLAIN + "\n    def backward(self, dy):\n        return dy\n")


STANDALONE = """
import sys
sys.modules["bnspec"] = None
from types import SimpleNamespace
import numpy as np
names = {}
exec(compile(open("adapter.py").read(), "adapter.py", "exec"), names)
arrays = {name: np.array([1.5, 0.5], "float32") for name in ("gamma", "beta", "running_mean", "running_var")}
setup = SimpleNamespace(**arrays, eps=0.01, momentum=0.3, dtype="float32", channel_axis=1, rank=2, channels=2)
layer = names["Adapter"]().layer(setup)
y = layer.forward(np.array([[1, 2], [3, 7]], "float32"), training=True)
answers = [y, *layer.running(), *layer.backward(np.array([[1, 2], [0, 1]], "float32"))]
print([float(value).hex() for array in answers for value in array.ravel()])
"""
"""What a user does with a saved adapter; bnspec cannot be imported there."""


def test_the_text_runs_without_bnspec_and_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bn.py").write_text(USER_MODULE)
    monkeypatch.chdir(tmp_path)
    bound = load("bn.py")
    (tmp_path / "adapter.py").write_text(bound.adapter_source)
    there = subprocess.run([sys.executable, "-c", STANDALONE], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    pair = {name: np.array([1.5, 0.5], "float32") for name in ("gamma", "beta", "running_mean", "running_var")}
    layer = bound.layer(setup(changes={**pair, "channels": 2}))
    here = answers(layer, np.array([[1, 2], [3, 7]], "float32"), np.array([[1, 2], [0, 1]], "float32"), training=True)
    assert there.strip() == str([float(value).hex() for array in here for value in array.ravel()])
