"""ONNX models are asked through real runtimes: a file as it is, or the operator by the name of a runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask

from bnspec.implementation import Setup
from bnspec.plugs.load import TargetError, load

onnx = pytest.importorskip("onnx", reason="onnx is not installed here: pip install 'bnspec[onnx]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed here: pip install 'bnspec[onnx]'")

NAMES = ("s", "b", "m", "v")

X = np.random.default_rng(0).normal(3, 2, (4, 3, 5, 5)).astype(np.float32)


def save(path: Path, nodes: list[Any], outputs: list[str], *, x: list[Any], held: dict[str, Any], opset: int = 15) -> Path:
    """A model of these nodes, its parameters initializers where they are `held`, else inputs."""
    h, kind = onnx.helper, onnx.TensorProto.FLOAT
    fed = [name for name in NAMES if name not in held and any(name in node.input for node in nodes)]
    inputs = [h.make_tensor_value_info("x", kind, x), *(h.make_tensor_value_info(name, kind, ["c"]) for name in fed)]
    given = [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in held.items()]
    graph = h.make_graph(nodes, "g", inputs, [h.make_tensor_value_info(name, kind, None) for name in outputs], given)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=8), path)
    return path


def batch_norm(source: str = "x", names: tuple[str, ...] = NAMES, outputs: tuple[str, ...] = ("y",), **attributes: Any) -> Any:
    return onnx.helper.make_node("BatchNormalization", [source, *names], list(outputs), **{"epsilon": 1e-3, **attributes})


def inference(path: Path, *, fixed: bool = False) -> Path:
    held = {name: np.ones(4) for name in NAMES} if fixed else {}
    return save(path / "bn.onnx", [batch_norm()], ["y"], x=[8, 4, 5, 5] if fixed else ["n", "c", "h", "w"], held=held)


def layer(target: str, **parts: Any) -> Any:
    """A layer of three channels, what is not said as it starts."""
    nothing = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    size = {"dtype": "float32", "channel_axis": 1, "rank": 4, "channels": 3}
    return load(target).layer(Setup(**{**nothing, **size, **parts}))


def state() -> dict[str, Any]:
    """Parameters that no two roles share."""
    roles = ("gamma", "beta", "running_mean", "running_var")
    return {role: np.float32([1, 2, 3]) + place for place, role in enumerate(roles)}


def expected(x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any, eps: float = 1e-3) -> Any:
    gamma, beta, mean, var = (part.reshape(-1, 1, 1).astype(float) for part in (gamma, beta, running_mean, running_var))
    return (x - mean) / np.sqrt(var + eps) * gamma + beta


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("runtime", ["onnxruntime", "reference", "openvino"])
def test_a_model_for_inference(tmp_path: Path, fixed: bool, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="openvino is not installed here")
    made = layer(f"{inference(tmp_path, fixed=fixed)}(runtime={runtime!r})", **state())
    np.testing.assert_allclose(made.forward(X, training=False), expected(X, **state()), rtol=1e-5, atol=1e-5)
    assert not hasattr(made, "running")
    with pytest.raises(NotImplementedError, match="for inference only"):
        made.forward(X, training=True)


@pytest.mark.parametrize("opset", [7, 9, 14, 15])
def test_a_model_for_training_moves_its_statistics(tmp_path: Path, opset: int) -> None:
    outputs, mode = (("y", "mean", "var"), {"training_mode": 1}) if opset >= 14 else (("y", "mean", "var", "sm", "sv"), {})
    node = batch_norm(outputs=outputs, momentum=0.75, **mode)
    path = save(tmp_path / "train.onnx", [node], ["y"], x=["n", "c", "h", "w"], held={}, opset=opset)
    made = layer(str(path), **state())
    mean, var = X.mean((0, 2, 3)), X.var((0, 2, 3))
    y = made.forward(X, training=True)
    np.testing.assert_allclose(y, expected(X, **{**state(), "running_mean": mean, "running_var": var}), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.running()[0], 0.75 * state()["running_mean"] + 0.25 * mean, rtol=1e-5)
    np.testing.assert_allclose(made.running()[1], 0.75 * state()["running_var"] + 0.25 * var, rtol=1e-5)
    with pytest.raises(NotImplementedError, match="for training only"):
        made.forward(X, training=False)


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_in_front_lets_x_through(tmp_path: Path, size: int) -> None:
    conv = onnx.helper.make_node("Conv", ["x", "w", "wb"], ["z"], kernel_shape=[size, size])
    held = {"w": np.ones((4, 2, size, size)), "wb": np.ones(4), **{name: np.ones(4) for name in NAMES}}
    path = save(tmp_path / "conv.onnx", [conv, batch_norm("z")], ["y"], x=["n", 2, "h", "w"], held=held)
    made = layer(str(path), **state())
    np.testing.assert_allclose(made.forward(X, training=False), expected(X, **state()), rtol=1e-4, atol=1e-4)
    beside = X.copy()
    beside[0, 0, 0, 0] = np.nan
    assert np.isnan(made.forward(beside, training=False)).sum() == 1


def test_names_are_believed_where_they_say_that_two_parameters_are_exchanged(tmp_path: Path) -> None:
    held = dict.fromkeys(("bn.weight", "bn.bias", "bn.running_var", "bn.running_mean"), np.ones(4))
    path = save(tmp_path / "bn.onnx", [batch_norm(names=tuple(held))], ["y"], x=["n", 4, "h", "w"], held=held)
    exchanged = {**state(), "running_mean": state()["running_var"], "running_var": state()["running_mean"]}
    np.testing.assert_allclose(
        layer(str(path), **state()).forward(X, training=False), expected(X, **exchanged), rtol=1e-4, atol=1e-4
    )


def test_a_model_is_conformant_for_what_it_does(tmp_path: Path) -> None:
    record = ask(str(inference(tmp_path)), examples=3, only=("inference",), diagnose=False)
    assert (record.verdict, record.scope, record.convention["eps_default"]) == ("conformant", ["infer"], pytest.approx(1e-3))
    assert {row.dtype for row in record.results if row.status == "pass"} == {"float32"}


def test_eps_is_asked_in_float32_where_x_is_double() -> None:
    record = ask(
        "bnspec.reference.frameworks.onnxruntime:Opset15", examples=3, only=("forward",), dtypes=("float64",), diagnose=False
    )
    assert record.verdict == "conformant"
    assert all(row.status == "pass" for row in record.results)


@pytest.mark.parametrize(
    ("nodes", "outputs", "sentence"),
    [
        ([("Relu", ["x"], ["y"])], ["y"], "has no BatchNormalization, but Relu"),
        ([("Relu", ["x"], ["z"]), ("BatchNormalization", ["z", *NAMES], ["y"])], ["y"], "is more than a BatchNorm"),
        ([("BatchNormalization", ["x", *NAMES], ["z"]), ("BatchNormalization", ["z", *NAMES], ["y"])], ["y"], "has 2 BatchNormal"),
        ([("BatchNormalization", ["x", *NAMES], ["y"]), ("Identity", ["m"], ["z"])], ["z"], "does not give out what"),
    ],
)  # fmt: skip
def test_a_foreign_model_gets_one_sentence(tmp_path: Path, nodes: list[Any], outputs: list[str], sentence: str) -> None:
    made = [onnx.helper.make_node(*node) for node in nodes]
    path = save(tmp_path / "model.onnx", made, outputs, x=["n", "c"], held={})
    with pytest.raises(TargetError) as caught:
        load(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said", "sentence"),
    [
        (b"no model", "", "cannot be read as an ONNX model"),
        (b"", "", "has no BatchNormalization, but nothing at all"),
        (b"", "(runtime='tensorrt')", "runtime is one of onnxruntime, openvino, reference, opencv; got 'tensorrt'"),
        (b"", "(layout='NHWC')", "layout= cannot be said of an ONNX model"),
    ],
)
def test_a_broken_file_gets_one_sentence(tmp_path: Path, content: bytes, said: str, sentence: str) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(TargetError) as caught:
        load(f"{tmp_path}/model.onnx{said}")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"there is no file .*absent\.onnx"):
        load(f"{tmp_path}/absent.onnx")
