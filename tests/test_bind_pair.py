"""Each shape of function pair is bound, and answers what its arithmetic gives when it is used by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pair_shapes import ARGUMENTS, COURSE, EXTENDED, HEAD, IN_PLACE, PAIRS, backward, forward
from test_bind_numpy import by_hand, close, setup, values

from bnspec.plugs.adapter import Question, TargetError
from bnspec.plugs.load import load


def bind(directory: Path, text: str, name: str = "") -> Any:
    file = directory / "theirs.py"
    file.write_text(text)
    return load(f"{file}{name}")


def sentence(directory: Path, text: str, name: str = "", kind: type[Exception] = TargetError) -> str:
    """The sentence of the error that binding raises, without the directory."""
    with pytest.raises(kind) as refused:
        bind(directory, text, name)
    return str(refused.value).replace(f"{directory}/", "").partition("\n")[0]


@pytest.mark.parametrize("shape", PAIRS)
def test_a_bound_pair_answers_what_it_computes(tmp_path: Path, shape: str) -> None:
    bound = bind(tmp_path, PAIRS[shape])
    asked, (x, dy) = setup(), values()
    wanted = by_hand(asked, x, dy)
    infers = bound.layer(asked)
    close(infers.forward(x, training=False), wanted.y_infer)
    layer = bound.layer(asked)
    close(layer.forward(x, training=True), wanted.y)
    for got, want in zip(layer.running(), (wanted.mean, wanted.var), strict=True):
        close(got, want)
    assert hasattr(layer, "backward") == any(word in PAIRS[shape] for word in ("ackward", "bwd"))
    if hasattr(layer, "backward"):
        for got, want in zip(layer.backward(dy), (wanted.dx, wanted.dgamma, wanted.dbeta), strict=True):
            close(got, want)


@pytest.mark.parametrize("shape", PAIRS)
def test_inference_uses_what_training_left_and_leaves_it(tmp_path: Path, shape: str) -> None:
    x, _ = values()
    layer, asked = bind(tmp_path, PAIRS[shape]).layer(setup()), setup()
    for shift in (0, 1):
        layer.forward(x + shift, training=True)
    mean, var = layer.running()
    close(layer.forward(x, training=False), asked.gamma * (x - mean) / np.sqrt(var + asked.eps) + asked.beta)
    np.testing.assert_array_equal(layer.running(), (mean, var))


def test_a_backward_after_an_inference_that_saved_nothing_is_refused(tmp_path: Path) -> None:
    for shape in ("settings in a dict", "cache in training only", "inference apart"):
        layer = bind(tmp_path, PAIRS[shape]).layer(setup())
        layer.forward(values()[0], training=False)
        with pytest.raises(NotImplementedError, match="leaves nothing for a backward in inference"):
            layer.backward(values()[1])


def test_of_several_pairs_one_is_named(tmp_path: Path) -> None:
    text = COURSE + EXTENDED
    assert sentence(tmp_path, text) == (
        "theirs.py has more than one candidate; say which: theirs.py:batchnorm_forward, theirs.py:spatial_batchnorm_forward"
    )
    assert "batchnorm_backward(dout, cache)" in bind(tmp_path, text, ":batchnorm_forward").bound
    with pytest.raises(RuntimeError, match="exact counterpart"):
        _differentiated(bind(tmp_path, text, ":batchnorm_forward(backward='batchnorm_backward_alt')"))
    assert sentence(tmp_path, text, ":batchnorm_backward") == (
        "theirs.py:batchnorm_backward is a backward; name the forward that it belongs to"
    )
    assert sentence(tmp_path, text, ":batchnorm_forward(backward='bn_bwd')").startswith(
        "theirs.py:batchnorm_forward(backward='bn_bwd') names the backward 'bn_bwd', which does not stand beside it"
    )


def _differentiated(bound: Any) -> None:
    layer = bound.layer(setup())
    layer.forward(values()[0], training=True)
    layer.backward(values()[1])


def test_the_spatial_pair_is_for_images(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(2.0, 3.0, (4, 3, 2, 5))
    asked = setup(rank=4)
    layer = bind(tmp_path, COURSE + EXTENDED, ":spatial_batchnorm_forward").layer(asked)
    flat = np.moveaxis(x, 1, -1).reshape(-1, 3)
    wanted = by_hand(asked, flat, flat)
    close(np.moveaxis(layer.forward(x, training=True), 1, -1).reshape(-1, 3), wanted.y)
    close(layer.running()[1], wanted.var)
    close(layer.backward(x)[1], wanted.dgamma)


STATELESS = forward("bn_forward(x, gamma, beta, eps=1e-5)", "out", "True", "ignored", "ignored", "0", before="\n    ignored = 0")
"""A function without running statistics."""


def test_parameters_get_the_axes_that_the_function_wants(tmp_path: Path) -> None:
    text = STATELESS.replace("x.mean(0), x.var(0)", "x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)")
    x = np.random.default_rng(1).normal(2.0, 3.0, (4, 3, 2, 5))
    flat = np.moveaxis(x, 1, -1).reshape(-1, 3)
    nothing = setup(rank=4, running_mean=None, running_var=None, momentum=None)
    y = bind(tmp_path, text).layer(nothing).forward(x, training=True)
    close(np.moveaxis(y, 1, -1).reshape(-1, 3), by_hand(setup(), flat, flat).y)


FEATURES_FIRST = """
import numpy as np

def bn_forward(Z, gamma, beta, running_mean, running_var, training, momentum=0.9, eps=1e-5):
    if training:
        mu, var = Z.mean(axis=1, keepdims=True), Z.var(axis=1, keepdims=True)
        running_mean = momentum * running_mean + (1 - momentum) * mu
        running_var = momentum * running_var + (1 - momentum) * var
    else:
        mu, var = running_mean, running_var
    Z_hat = (Z - mu) / np.sqrt(var + eps)
    return gamma * Z_hat + beta, (Z_hat, var, gamma, eps), running_mean, running_var

def bn_backward(dZ, cache):
    Z_hat, var, gamma, eps = cache
    dgamma, dbeta = (dZ * Z_hat).sum(axis=1, keepdims=True), dZ.sum(axis=1, keepdims=True)
    m = dZ.shape[1]
    return gamma / np.sqrt(var + eps) * (dZ - dbeta / m - Z_hat * dgamma / m), dgamma, dbeta
"""


def test_features_first_is_said(tmp_path: Path) -> None:
    bound, asked, (x, dy) = bind(tmp_path, FEATURES_FIRST, ":bn_forward(layout='CN')"), setup(), values()
    wanted = by_hand(asked, x, dy)
    layer = bound.layer(asked)
    close(layer.forward(x, training=True), wanted.y)
    for got, want in zip(
        (*layer.running(), *layer.backward(dy)), (wanted.mean, wanted.var, wanted.dx, wanted.dgamma, wanted.dbeta), strict=True
    ):
        close(got, want)
    close(bound.layer(asked).forward(x, training=False), wanted.y_infer)
    with pytest.raises(NotImplementedError, match=r"x is \(C, N\) here"):
        bound.layer(setup(rank=4))
    assert 'layout is "CN" for features first, or "NC"' in sentence(tmp_path, FEATURES_FIRST, ":bn_forward(layout='WHNC')")


def test_without_running_statistics_there_is_no_inference(tmp_path: Path) -> None:
    bound = bind(tmp_path, STATELESS)
    with pytest.raises(NotImplementedError, match="bn_forward has no running_mean to set"):
        bound.layer(setup(momentum=None))
    layer = bound.layer(setup(running_mean=None, running_var=None, momentum=None))
    close(layer.forward(values()[0], training=True), by_hand(setup(), *values()).y)
    assert not hasattr(layer, "running")
    with pytest.raises(NotImplementedError, match="bn_forward has no inference mode"):
        layer.forward(values()[0], training=False)


def test_a_function_that_only_infers_does_not_train(tmp_path: Path) -> None:
    text = HEAD + "def bn_inference(x, mean, var, gamma, beta, eps):\n    return gamma * (x - mean) / np.sqrt(var + eps) + beta\n"
    layer = bind(tmp_path, text).layer(setup(momentum=None))
    close(layer.forward(values()[0], training=False), by_hand(setup(), *values()).y_infer)
    with pytest.raises(NotImplementedError, match="bn_inference has no training mode"):
        layer.forward(values()[0], training=True)


def test_statistics_that_are_moved_nowhere_are_still_shown(tmp_path: Path) -> None:
    """A function that takes a momentum and forgets to hand back what it made of it: the mistake must be seen."""
    layer = bind(tmp_path, forward(f"bn_forward({ARGUMENTS})", "out")).layer(setup())
    layer.forward(values()[0], training=True)
    np.testing.assert_array_equal(layer.running()[0], setup().running_mean)


def test_what_is_left_open_stays_the_functions_own(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    x, _ = values()
    layer = bind(tmp_path, COURSE).layer(setup(**nothing))
    np.testing.assert_array_equal(layer.running(), np.zeros((2, 3)))
    close(layer.forward(x, training=True), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))
    close(layer.running()[1], 0.1 * x.var(0))
    wanting = bind(tmp_path, PAIRS["entries that must be there"]).layer(setup(**nothing))
    close(wanting.forward(x, training=True), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5))


def test_layers_share_nothing_with_each_other_or_with_the_setup(tmp_path: Path) -> None:
    for shape in ("settings in a dict", "in place"):
        bound, asked = bind(tmp_path, PAIRS[shape]), setup()
        first, second = bound.layer(asked), bound.layer(asked)
        first.forward(values()[0], training=True)
        np.testing.assert_array_equal(second.running(), (asked.running_mean, asked.running_var))
        np.testing.assert_array_equal(asked.running_mean, setup().running_mean)


UNCLEAR = forward(f"bn({ARGUMENTS})", "out, a, b", after="    a, b = running_mean, running_var\n")


def test_two_readings_are_a_question_with_its_answers(tmp_path: Path) -> None:
    asked = sentence(tmp_path, UNCLEAR, kind=Question)
    assert asked == (
        "are numbers 2 and 3 of what theirs.py:bn returns the new running statistics, or the batch's? "
        'Say theirs.py:bn(returns="y, running_mean, running_var") or (returns="y, batch_mean, batch_var")'
    )
    wanted = by_hand(setup(), *values())
    for answer, state in (("running", (wanted.mean, wanted.var)), ("batch", (setup().running_mean, setup().running_var))):
        layer = bind(tmp_path, UNCLEAR, f':bn(returns="y, {answer}_mean, {answer}_var")').layer(setup())
        close(layer.forward(values()[0], training=True), wanted.y)
        for got, want in zip(layer.running(), state, strict=True):
            close(got, want)


def test_which_is_y_is_asked_where_the_first_is_not(tmp_path: Path) -> None:
    text = STATELESS.replace("return out", "return mean, x_hat, out")
    assert sentence(tmp_path, text).startswith("which of the 3 things that theirs.py:bn_forward returns is y?")
    layer = bind(tmp_path, text, ':bn_forward(returns="mean, x_hat, y")').layer(
        setup(running_mean=None, running_var=None, momentum=None)
    )
    close(layer.forward(values()[0], training=True), by_hand(setup(), *values()).y)


def test_the_order_of_gradients_is_the_documented_one_or_the_one_that_is_said(tmp_path: Path) -> None:
    """Where the return statement alone puts beta first, it is asked; where a docstring or a caller does too, it is meant."""
    text = forward(f"bn_forward({ARGUMENTS})", "out, (x_hat, inv_std, gamma)", **IN_PLACE) + backward(
        "bn_backward", "dx, dbeta, dgamma"
    )
    wanted = by_hand(setup(), *values())
    asked = sentence(tmp_path, text, kind=Question)
    assert asked.endswith('(returns="dx, dbeta, dgamma") or theirs.py:bn_forward(returns="dx, dgamma, dbeta")')
    documented = text.replace(
        "def bn_backward(dout, cache):", 'def bn_backward(dout, cache):\n    """Returns dx, dbeta, dgamma."""'
    )
    called = f"{text}\n\ndef step(dout, cache):\n    dx, db, dg = bn_backward(dout, cache)\n    return dx\n"
    contradicted = documented.replace("Returns dx, dbeta, dgamma", "Returns dx, dgamma, dbeta")
    right, exchanged = (wanted.dgamma, wanted.dbeta), (wanted.dbeta, wanted.dgamma)
    for source, said, order in (
        (text, '(returns="dx, dgamma, dbeta")', exchanged),
        (text, '(returns="dx, dbeta, dgamma")', right),
        (documented, "", right),
        (called, "", right),
        (contradicted, "", exchanged),
    ):
        layer = bind(tmp_path, source, f":bn_forward{said}").layer(setup())
        layer.forward(values()[0], training=True)
        for got, want in zip(layer.backward(values()[1])[1:], order, strict=True):
            close(got, want)
    assert sentence(tmp_path, text, ':bn_forward(returns="dx dgamma")').startswith(
        "theirs.py:bn_forward(returns='dx dgamma') is not clear: returns= names what is returned, in order"
    )


def test_a_backward_that_cannot_be_called_is_left_out_and_named(tmp_path: Path) -> None:
    text = COURSE.replace("batchnorm_backward(dout, cache)", "batchnorm_backward(dout, cache, learning_rate)")
    bound = bind(tmp_path, text)
    assert "batchnorm_backward is left out: it needs learning_rate" in bound.bound
    assert not hasattr(bound.layer(setup()), "backward")


def test_statistics_in_a_global_are_nobodys_layer(tmp_path: Path) -> None:
    text = """
import numpy as np
running_mean, running_var = np.zeros(3), np.ones(3)
def batch_norm(x, gamma, beta, training, eps=1e-5):
    global running_mean, running_var
    mean, var = (x.mean(0), x.var(0)) if training else (running_mean, running_var)
    if training:
        running_mean, running_var = 0.9 * running_mean + 0.1 * mean, 0.9 * running_var + 0.1 * var
    return gamma * (x - mean) / np.sqrt(var + eps) + beta
"""
    assert sentence(tmp_path, text) == (
        "theirs.py:batch_norm keeps running_mean in a global, which all its layers would share; take it as an argument, or write "
        "an adapter that gives each layer its own:"
    )


def test_a_failing_backward_stays_its_own_failure(tmp_path: Path) -> None:
    layer = bind(tmp_path, COURSE.replace("    dgamma, dbeta =", "    raise ValueError('not yet')\n    dgamma, dbeta =")).layer(
        setup()
    )
    layer.forward(values()[0], training=True)
    with pytest.raises(ValueError, match="not yet"):
        layer.backward(values()[1])


def test_a_forward_that_always_fails_is_quoted(tmp_path: Path) -> None:
    assert sentence(tmp_path, COURSE.replace("    mode, eps", "    raise ValueError('not yet')\n    mode, eps")) == (
        "theirs.py:batchnorm_forward raised ValueError: not yet for small x of every rank; "
        "where it wants to be called in another way, write an adapter:"
    )
    assert sentence(tmp_path, COURSE.replace("return out, cache", "pass")).startswith(
        "theirs.py:batchnorm_forward returned None for x shaped (4, 3); y of that shape was expected"
    )


def test_an_argument_without_a_known_name_is_not_guessed_but_can_be_said(tmp_path: Path) -> None:
    text = STATELESS.replace("beta, eps", "beta, temperature, eps").replace("return out", "return out * temperature")
    assert sentence(tmp_path, text) == (
        "theirs.py:bn_forward needs the argument 'temperature', whose name does not tell what to give; "
        "say it, as in theirs.py:bn_forward(temperature=...), or write an adapter:"
    )
    nothing = dict.fromkeys(("running_mean", "running_var", "momentum"))
    layer = bind(tmp_path, text, ":bn_forward(temperature=2.0)").layer(setup(**nothing))
    close(layer.forward(values()[0], training=True), 2 * by_hand(setup(), *values()).y)
    fixed = bind(tmp_path, text, ":bn_forward(temperature=1, eps=0.01)")
    with pytest.raises(NotImplementedError, match="bn_forward has no eps to set"):
        fixed.layer(setup(**nothing))
    close(fixed.layer(setup(**nothing, eps=None)).forward(values()[0], training=True), by_hand(setup(), *values()).y)


TENSORS = """
import torch

def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum):
    if not torch.is_grad_enabled():
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        mean, var = X.mean(dim=0), X.var(dim=0, unbiased=False)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = momentum * moving_mean + (1 - momentum) * mean
        moving_var = momentum * moving_var + (1 - momentum) * var
    return gamma * X_hat + beta, moving_mean.data, moving_var.data
"""


def test_a_function_over_tensors_has_its_gradients_from_autograd(tmp_path: Path) -> None:
    assert torch.is_grad_enabled()
    bound, asked, (x, dy) = bind(tmp_path, TENSORS), setup(), values()
    wanted = by_hand(asked, x, dy)
    layer = bound.layer(asked)
    close(layer.forward(x, training=True), wanted.y)
    for got, want in zip(
        (*layer.running(), *layer.backward(dy)), (wanted.mean, wanted.var, wanted.dx, wanted.dgamma, wanted.dbeta), strict=True
    ):
        close(got, want)
    infers = bound.layer(asked)
    close(infers.forward(x, training=False), wanted.y_infer)
    with pytest.raises(NotImplementedError, match="takes no gradient in inference"):
        infers.backward(dy)


def test_a_pair_over_tensors_is_differentiated_by_its_own_backward(tmp_path: Path) -> None:
    text = TENSORS.replace("return gamma * X_hat + beta,", "return gamma * X_hat + beta, (X_hat, gamma),")
    text += "\ndef batch_norm_backward(dout, cache):\n    return dout, (dout * cache[0]).sum(0), 2 * dout.sum(0)\n"
    layer = bind(tmp_path, text).layer(setup())
    x, dy = values()
    layer.forward(x, training=True)
    dx, dgamma, dbeta = layer.backward(dy)
    np.testing.assert_array_equal(dx, dy)
    close(dgamma, by_hand(setup(), x, dy).dgamma)
    close(dbeta, 2 * dy.sum(0))


def test_an_operation_of_autograd_is_not_the_layer(tmp_path: Path) -> None:
    head = "import torch\n\nclass BN(torch.autograd.Function):\n"
    text = head + "    @staticmethod\n    def forward(ctx, x, gamma, beta):\n        return x\n"
    assert sentence(tmp_path, text, ":BN") == (
        "theirs.py:BN is half of an operation of autograd; name the module or the function that applies it"
    )


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


@pytest.mark.parametrize(
    "target", ["course/bn.py", "bn:batchnorm_forward", "course.bn:batchnorm_forward", "course.bn:Held.forward"]
)
def test_the_text_runs_without_bnspec_and_gives_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    text = COURSE if "Held" not in target else PAIRS["static methods"].replace("class BatchNorm", "class Held")
    for file in ("course/bn.py", "bn.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    for name in ("bn", "course", "course.bn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    bound = load(target)
    (tmp_path / "adapter.py").write_text(bound.adapter_source)
    there = subprocess.run([sys.executable, "-c", STANDALONE], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    pair = {name: np.array([1.5, 0.5]) for name in ("gamma", "beta", "running_mean", "running_var")}
    layer: Any = bound.layer(setup(channels=2, **pair))
    y = layer.forward(np.array([[1.0, 2.0], [3.0, 7.0]]), training=True)
    here = (y, *layer.running(), *layer.backward(np.array([[1.0, 2.0], [0.0, 1.0]])))
    assert there.strip() == str([float(value).hex() for array in here for value in array.ravel()])
    assert str(tmp_path) not in bound.adapter_source
