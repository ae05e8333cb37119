"""Adapters over tensors: three functions and a layer, by backward and by vjp, with torch, which is at hand."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from asking import ask

from bnspec.plugs import autograd
from bnspec.plugs.adapter import TargetError, compile_adapter
from bnspec.plugs.load import load
from bnspec.reports.record import Record
from bnspec.reports.verdict import failures

LAYER = """
import numpy as np
import torch


def normalized(x, gamma, beta, state, training, keep, eps):
    axes, shape = [0, *range(2, x.ndim)], (1, -1, *[1] * (x.ndim - 2))
    mean, var = state
    if training:
        mean, var = x.mean(axes), x.var(axes, correction=0)
        state = tuple((keep * old + (1 - keep) * new).detach() for old, new in zip(state, (mean, var)))
    x_hat = (x - mean.reshape(shape)) / (var.reshape(shape) + eps).sqrt()
    return x_hat * gamma.reshape(shape) + beta.reshape(shape), state


class Layer:
    def __init__(self, setup):
        self.gamma, self.beta, self.state = setup.gamma, setup.beta, (setup.running_mean.detach(), setup.running_var.detach())
        self.numbers = setup.momentum, setup.eps
"""

BY_BACKWARD = """
    def forward(self, x, *, training):
        y, self.state = normalized(x, self.gamma, self.beta, self.state, training, *self.numbers)
        return y

    def running(self):
        return self.state
"""

BY_VJP = """
    def forward(self, x, gamma, beta, state, *, training):
        return normalized(x, gamma, beta, state, training, *self.numbers)

    def running(self, state):
        return state
"""

ADAPTER = """

class Adapter:
    {functions}

    def layer(self, setup):
        if setup.channel_axis != 1 or setup.gamma is None or setup.running_mean is None or None in (setup.eps, setup.momentum):
            raise NotImplementedError("all is given, and channels are on axis 1")
        return Layer(setup)
"""

CONVERTED = """
    def tensor(self, array):
        return torch.tensor(np.array(array), requires_grad=True)

    def numpy(self, tensor):
        return tensor.detach().numpy().copy()
"""

BACKWARD = """
    def backward(self, y, dy, wanted):
        return torch.autograd.grad(y, wanted, dy.detach(), retain_graph=True)
"""

VJP = """
    def vjp(self, function, wanted):
        y, pull, state = torch.func.vjp(function, *wanted, has_aux=True)
        return (y, state), pull
"""

WAYS = {
    "preset": (BY_BACKWARD, 'autograd = "torch"'),
    "backward": (BY_BACKWARD, CONVERTED + BACKWARD),
    "vjp": (BY_VJP, CONVERTED + VJP),
}
"""How a layer is written, and what its adapter says of gradients."""


def written(path: Path, way: str) -> Path:
    layer, functions = WAYS[way]
    path.write_text(LAYER + layer + ADAPTER.format(functions=functions))
    return path


def asked(target: Path) -> Record:
    laws = ("training_output_is_exact", "running_statistics", "training_gradients_are_exact", "inference_gradients_are_exact")
    return ask(str(target), only=laws, dtypes=("float32",), diagnose=False)


@pytest.mark.parametrize("way", WAYS)
def test_three_functions_and_a_layer_are_all_that_is_needed(way: str, tmp_path: Path) -> None:
    record = asked(written(tmp_path / "bn.py", way))
    assert record.verdict == "conformant", record.reason
    assert {"train", "running", "grad_train", "grad_infer"} <= set(record.scope)


@pytest.mark.parametrize("way", WAYS)
def test_a_mistake_beneath_them_is_found(way: str, tmp_path: Path) -> None:
    path = written(tmp_path / "bn.py", way)
    path.write_text(path.read_text().replace("mean, var = x.mean(axes)", "mean, var = x.mean(axes).detach()"))
    assert {"training_gradients_are_exact"} == {row.property for row in failures(asked(path).results)}


def test_without_backward_and_vjp_no_gradients_are_offered(tmp_path: Path) -> None:
    path = written(tmp_path / "bn.py", "backward")
    path.write_text(path.read_text().replace("def backward", "def pull_back"))
    assert "no gradients, since it has neither backward nor vjp" in load(str(path)).bound
    assert asked(path).scope == ["train", "running"]


def test_the_text_of_such_an_adapter_runs_by_itself(tmp_path: Path) -> None:
    source = load(str(written(tmp_path / "bn.py", "preset"))).adapter_source
    assert "bnspec." not in source
    assert compile_adapter(source).name == "Adapter"


def test_an_unknown_preset_is_told_with_those_that_are_known(tmp_path: Path) -> None:
    path = tmp_path / "bn.py"
    path.write_text("class Adapter:\n    autograd = 'pytorch'\n\n    def layer(self, setup): ...\n")
    with pytest.raises(TargetError, match="'pytorch' is no framework that is known here; did you mean torch"):
        load(str(path))


@pytest.mark.parametrize(
    "name", sorted(one.name[:-3] for one in files("bnspec.plugs.presets").iterdir() if one.name.endswith(".py"))
)
def test_presets_know_nothing_of_bnspec_but_each_other(name: str) -> None:
    assert "bnspec." not in autograd.text_of(name)
    compile(autograd.text_of(name), name, "exec")


@pytest.mark.parametrize("name", autograd.PRESETS)
def test_every_preset_has_its_three_functions(name: str) -> None:
    text = autograd.text_of(f"for_{name}")
    assert f"class {autograd.PRESETS[name]}:" in text
    assert all(f"def {part}(self" in text for part in ("tensor", "numpy"))
    assert "def backward(self, y" in text or "def vjp(self, function" in text
