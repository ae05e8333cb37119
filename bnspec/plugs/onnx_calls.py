"""The BatchNormalization of an ONNX model as layers, run by a runtime; or of a model that is made here, to ask the runtime.

The text of this file follows that of `onnx_template` in each adapter that is written for a model.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from bnspec.plugs.onnx_template import ROLES, Template, read

KEPT = 64
"""Prepared models that are kept, the latest ones."""

Run = Callable[[Mapping[str, Any]], list[Any]]


def onnxruntime(model: bytes, outputs: list[str]) -> Run:
    """ONNX Runtime on the CPU, with one thread."""
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda feeds: list(session.run(outputs, feeds))


def openvino(model: bytes, outputs: list[str]) -> Run:
    """OpenVINO on the CPU, with one thread, and asked for float32 where it would choose less."""
    runtime = importlib.import_module("openvino")
    core = runtime.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model), "CPU", settings)
    return lambda feeds: [np.array(value) for value in compiled(dict(feeds)).values()]


def reference(model: bytes, outputs: list[str]) -> Run:
    """The evaluator that comes with onnx, in NumPy."""
    evaluator = importlib.import_module("onnx.reference").ReferenceEvaluator(onnx.load_from_string(model))
    return lambda feeds: list(evaluator.run(outputs, dict(feeds)))


def opencv(model: bytes, outputs: list[str]) -> Run:
    """OpenCV's dnn module, which has no training."""
    net = importlib.import_module("cv2").dnn.readNetFromONNX(np.frombuffer(model, np.uint8))

    def run(feeds: Mapping[str, Any]) -> list[Any]:
        for name, value in feeds.items():
            net.setInput(value, name)
        return [np.array(net.forward(name)) for name in outputs]

    return run


RUNTIMES = {"onnxruntime": onnxruntime, "openvino": openvino, "reference": reference, "opencv": opencv}
"""What runs a model, by the word for it; each makes of a model's bytes what turns inputs into the named outputs."""


def documented(opset: int) -> dict[str, Any]:
    """The convention that the operator's definition declares: what kind of variance is kept, it says since version 14."""
    said = {"momentum_weighs": "running", "momentum_default": 0.9, "eps_default": 1e-5, "channel_axis": 1, "backward": "none"}
    return {**said, "running_var": "biased"} if opset >= 14 else said


class Model:
    """An adapter for a model in a file, run by one of `RUNTIMES`."""

    path = ""
    runtime = "onnxruntime"
    scalars = "float32"  # ONNX keeps epsilon and momentum in it

    def __init__(self) -> None:
        self.prepared: dict[bytes, Run] = {}
        self.read = [read(self.path)] if self.path else []
        self.name = f"{self.path} by {self.runtime}"
        self.convention: dict[str, Any] = documented(self.read[0].opset) | self.read[0].numbers if self.read else {}

    def template(self, dtype: str, kept: str, rank: int, *, training: bool) -> Template:
        """The model that answers in this mode. Raises NotImplementedError where the file is for the other, or for another dtype."""
        found = self.read[0]
        if found.dtype != dtype or any(one != kept for one in found.kept.values()):
            raise NotImplementedError(f"this model is for {found.dtype}, with parameters in {found.kept['gamma']}")
        if found.rank not in (None, rank):
            raise NotImplementedError(f"x has {found.rank} axes in this model")
        if found.trains != training:
            raise NotImplementedError(f"this model is for {'training' if found.trains else 'inference'} only")
        return found

    def layer(self, setup: Any) -> Layer:
        """A fresh layer. Raises NotImplementedError where no model answers for it."""
        if setup.channel_axis % setup.rank != 1:
            raise NotImplementedError("ONNX has its channels on axis 1")
        for name in ("eps", "momentum"):
            value = getattr(setup, name)
            if setup.dtype == "float64" and value is not None and float(np.float32(value)) != value:
                raise NotImplementedError(f"ONNX keeps {name} in float32, where there is no {value!r}")
        return Layer(self, setup)

    def run(self, template: Template, model: bytes, feeds: Mapping[str, Any]) -> list[Any]:
        """The outputs; what was prepared for the same model before is taken up."""
        if model not in self.prepared:
            while len(self.prepared) >= KEPT:
                del self.prepared[next(iter(self.prepared))]
            self.prepared[model] = RUNTIMES[self.runtime](model, [template.y, *template.moved])
        return self.prepared[model](feeds)


class Layer:
    """A layer's parameters and running statistics; the operator keeps none itself."""

    def __init__(self, model: Model, setup: Any) -> None:
        self.model, self.rank = model, setup.rank
        given = {role: getattr(setup, role) for role in ROLES}
        dtypes = {str(values.dtype) for values in given.values() if values is not None}
        self.kept = dtypes.pop() if len(dtypes) == 1 else setup.dtype
        self.state = {
            role: np.full(setup.channels, start, self.kept) if given[role] is None else given[role].copy()
            for role, start in ROLES.items()
        }
        numbers = {"epsilon": setup.eps, "momentum": setup.momentum}
        self.numbers = {name: value for name, value in numbers.items() if value is not None}
        self.templates = self._templates(setup.dtype)
        if True in self.templates and self.templates[True].moved:
            self.running = self._running

    def forward(self, x: Any, *, training: bool) -> Any:
        """y; in training the running statistics become what the model gives out."""
        if training not in self.templates:
            raise NotImplementedError(f"this model is for {'inference' if training else 'training'} only")
        template = self.templates[training]
        y, *moved = self.model.run(template, *template.filled(self.state, self.numbers, np.ascontiguousarray(x)))
        if len(moved) == 2:
            self.state.update(running_mean=moved[0].reshape(-1), running_var=moved[1].reshape(-1))
        return y

    def _running(self) -> tuple[Any, Any]:
        return self.state["running_mean"].copy(), self.state["running_var"].copy()

    def _templates(self, dtype: str) -> dict[bool, Template]:
        """The models by mode, at least one; raises what was said last where there is none."""
        found: dict[bool, Template] = {}
        said = NotImplementedError("no model answers")
        for training in (True, False):
            try:
                found[training] = self.model.template(dtype, self.kept, self.rank, training=training)
            except NotImplementedError as refused:
                said = refused
        if not found:
            raise said
        return found


class Operator(Model):
    """An adapter for the operator itself: a model of nothing else is made for each dtype and mode, with sizes left open.

    opset       of which version
    constants   whether the parameters are written into the model, as in a deployed one, or fed to it
    modes       what it is asked for: training, inference
    """

    opset = 15
    constants = False
    modes: tuple[bool, ...] = (True, False)

    def __init__(self) -> None:
        super().__init__()
        self.convention = documented(self.opset)
        self.name = f"BatchNormalization-{self.opset} by {self.runtime}" + (", parameters as constants" if self.constants else "")
        self.made: dict[tuple[str, str, int, bool], Template] = {}

    def template(self, dtype: str, kept: str, rank: int, *, training: bool) -> Template:
        """A model of the operator. Raises NotImplementedError for a mode that is not to be asked for."""
        if training not in self.modes:
            raise NotImplementedError(f"{self.name} has no {'training' if training else 'inference'}")
        if dtype != kept and self.opset < 15:
            raise NotImplementedError(f"BatchNormalization-{self.opset} keeps its parameters in the dtype of x")
        key = dtype, kept, rank, training
        if key not in self.made:
            self.made[key] = Template(self._model(*key), self.name)
        return self.made[key]

    def _model(self, dtype: str, kept: str, rank: int, training: bool) -> Any:
        """The model, its axes open, with parameters for one channel where they are constants."""
        mode: dict[str, Any] = {"training_mode": int(training)} if self.opset >= 14 else {}
        moved = ["mean", "var", *([] if self.opset >= 14 else ["saved_mean", "saved_var"])] if training else []
        node = helper.make_node("BatchNormalization", ["x", *ROLES], ["y", *moved], **mode)
        kinds = [helper.np_dtype_to_tensor_dtype(np.dtype(name)) for name in (dtype, kept)]
        held = [numpy_helper.from_array(np.full(1, start, kept), role) for role, start in ROLES.items()]
        given = [helper.make_tensor_value_info("x", kinds[0], ["batch", "channels", "depth", "height", "width"][:rank])]
        given += [] if self.constants else [helper.make_tensor_value_info(role, kinds[1], ["channels"]) for role in ROLES]
        outputs = [helper.make_tensor_value_info(name, kinds[name != "y"], None) for name in ("y", *moved[:2])]
        graph = helper.make_graph([node], "layer", given, outputs, held if self.constants else [])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
