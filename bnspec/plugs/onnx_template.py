"""An ONNX model with one BatchNormalization, understood, and filled in for a layer and a shape of x.

Every adapter that is written for a model begins with the text of this file, which needs NumPy and onnx, and nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnx.inliner
from onnx import helper, numpy_helper

ROLES = {"gamma": 1.0, "beta": 0.0, "running_mean": 0.0, "running_var": 1.0}
"""The inputs of the operator behind X, in its order, and where a layer starts that is given none."""

ENDINGS = {
    "gamma": ("gamma", "weight", "scale"),
    "beta": ("beta", "bias"),
    "running_mean": ("mean",),
    "running_var": ("var", "variance"),
}
"""How names of parameters end. Where four names say that they stand in another order than the operator's, names are believed."""

PASSES = ("Identity", "Constant", "Conv", "BatchNormalization")
"""The operators that a model may have: what is normalized may come out of a convolution, which runtimes fold into one with it."""


class Template:
    """A model with one BatchNormalization: where its data and parameters come from, and what is filled in.

    Raises ValueError, with one sentence, for a model that is anything else.
    """

    def __init__(self, model: Any, label: str) -> None:
        self.model, self.label = model, label
        graph = model.graph
        self.node = _only(label, graph.node)
        self.opset = max((one.version for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)
        self.made = {name: node for node in graph.node for name in node.output}
        self.held = {one.name: one for one in graph.initializer}
        self.fed = {one.name: one for one in graph.input if one.name not in self.held}
        self._read_mode()
        self.y = _followed(graph, self.node.output[0], label)
        self.x, self.conv = self._source(self.node.input[0])
        self.roles = _roles(self.node.input[1:5])
        if others := sorted(set(self.fed) - {self.x, *self.roles.values()}):
            raise ValueError(f"{label} wants {', '.join(others)} beside x and the parameters, and nobody knows what to give it")
        given = self.fed[self.x].type.tensor_type
        self.dtype = np.dtype(helper.tensor_dtype_to_np_dtype(given.elem_type))
        self.rank = len(given.shape.dim) if given.HasField("shape") else None
        self.kept = {role: self._kept(name) for role, name in self.roles.items()}

    def _read_mode(self) -> None:
        """What the node's attributes and outputs say: its numbers, whether it trains, and what it then gives out."""
        attributes = {one.name: helper.get_attribute_value(one) for one in self.node.attribute}
        if attributes.get("spatial", 1) == 0:
            raise ValueError(f"{self.label} has spatial=0: it normalizes each position by itself, which is another operation")
        self.numbers = {"eps_default": attributes.get("epsilon", 1e-5), "momentum_default": attributes.get("momentum", 0.9)}
        several = sum(map(bool, self.node.output)) > 1
        self.trains = bool(attributes.get("training_mode", 0)) if self.opset >= 14 else several
        self.moved = list(self.node.output[1:3]) if self.trains and all(self.node.output[1:3]) else []

    def filled(self, values: Mapping[str, Any], numbers: Mapping[str, float], x: Any) -> tuple[bytes, dict[str, Any]]:
        """The model for these parameters, numbers and this shape of x, and what it is to be fed."""
        model, channels = onnx.ModelProto(), x.shape[1]
        model.CopyFrom(self.model)
        graph = model.graph
        del graph.value_info[:]
        node = next(one for one in graph.node if one.op_type == "BatchNormalization")
        for name, number in numbers.items():
            _set(node, name, float(number))
        feeds = {self.x: x, **{self.roles[role]: value for role, value in values.items() if self.roles[role] in self.fed}}
        for role, value in values.items():
            if self.roles[role] not in self.fed:
                _hold(graph, self.roles[role], value)
        if self.conv is not None:
            _pass_through(graph, next(one for one in graph.node if one.op_type == "Conv"), channels, x)
        for one in graph.input:
            given = feeds.get(one.name, values[self.role(one.name)] if one.name in self.roles.values() else None)
            if given is not None:
                _reshape(one, given.shape)
        outputs = [self.y, *self.moved]
        del graph.output[:]
        kinds = [self.dtype, *(self.kept[role] for role in ("running_mean", "running_var"))]
        for name, kind in zip(outputs, kinds, strict=False):
            graph.output.append(
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(kind), [None] * (x.ndim if name == self.y else 1)
                )
            )
        return model.SerializeToString(), feeds

    def role(self, name: str) -> str:
        """The parameter that has this name in the model."""
        return next(role for role, one in self.roles.items() if one == name)

    def _source(self, name: str) -> tuple[str, Any]:
        """The model's input that is normalized, and the convolution on the way, if there is one."""
        conv = None
        while name in self.made:
            node = self.made[name]
            conv = node if node.op_type == "Conv" else conv
            name = node.input[0] if node.input else ""
        if name not in self.fed:
            raise ValueError(f"{self.label} normalizes something else than an input of its own, and so cannot be asked")
        return name, conv

    def _kept(self, name: str) -> Any:
        """The dtype in which a parameter is kept."""
        if name in self.fed:
            return np.dtype(helper.tensor_dtype_to_np_dtype(self.fed[name].type.tensor_type.elem_type))
        if name in self.held:
            return np.dtype(helper.tensor_dtype_to_np_dtype(self.held[name].data_type))
        if name in self.made and self.made[name].op_type == "Constant":
            return numpy_helper.to_array(helper.get_attribute_value(self.made[name].attribute[0])).dtype
        raise ValueError(
            f"{self.label} computes {name!r}, a parameter, from something else; parameters must be initializers or inputs"
        )


def _only(label: str, nodes: Any) -> Any:
    """The one BatchNormalization among the nodes."""
    kinds = sorted({node.op_type for node in nodes})
    found = [node for node in nodes if node.op_type == "BatchNormalization"]
    if not found:
        raise ValueError(f"{label} has no BatchNormalization, but {', '.join(kinds) or 'nothing at all'}; export it unfolded")
    if len(found) > 1:
        raise ValueError(f"{label} has {len(found)} BatchNormalizations; export one layer by itself")
    others = [kind for kind in kinds if kind not in PASSES]
    if others or sum(node.op_type == "Conv" for node in nodes) > 1:
        raise ValueError(
            f"{label} is more than a BatchNormalization: it has {', '.join(others) or 'several Conv'}; export the layer alone"
        )
    return found[0]


def _followed(graph: Any, name: str, label: str) -> str:
    """The output of the graph that is y."""
    outputs = {one.name for one in graph.output}
    while name not in outputs:
        following = [node.output[0] for node in graph.node if node.op_type == "Identity" and node.input[0] == name]
        if not following:
            raise ValueError(f"{label} does not give out what its BatchNormalization computes; make it an output")
        name = following[0]
    return name


def _roles(given: Any) -> dict[str, str]:
    """Which input is which parameter."""
    said = {role: name for name in given for role, ends in ENDINGS.items() if name.lower().endswith(ends)}
    return (
        {role: said[role] for role in ROLES} if len(said) == 4 == len(set(said.values())) else dict(zip(ROLES, given, strict=True))
    )


def _set(node: Any, name: str, value: float) -> None:
    for one in list(node.attribute):
        if one.name == name:
            node.attribute.remove(one)
    node.attribute.append(helper.make_attribute(name, value))


def _hold(graph: Any, name: str, value: Any) -> None:
    """Let an initializer, or a constant, have this value."""
    tensor = numpy_helper.from_array(np.ascontiguousarray(value), name)
    for one in graph.initializer:
        if one.name == name:
            one.CopyFrom(tensor)
    for node in graph.node:
        if name in node.output:
            node.CopyFrom(helper.make_node("Constant", [], [name], value=tensor))


def _pass_through(graph: Any, conv: Any, channels: int, x: Any) -> None:
    """Let a convolution pass x through, by a kernel that is 1 in its middle; one by one, channel by channel, where x has NaN.

    In a sum of products NaN * 0 would reach what it does not belong to.
    """
    held = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    attributes = {one.name: helper.get_attribute_value(one) for one in conv.attribute}
    kernel = held[conv.input[1]].shape[2:] if np.isfinite(x).all() else (1,) * (x.ndim - 2)
    apart = attributes.get("group", 1) > 1 or not np.isfinite(x).all()
    weight = np.zeros((channels, 1 if apart else channels, *kernel), x.dtype)
    middle = tuple(size // 2 for size in kernel)
    weight[(np.arange(channels), 0 if apart else np.arange(channels), *middle)] = 1
    _hold(graph, conv.input[1], weight)
    if len(conv.input) > 2:
        _hold(graph, conv.input[2], np.zeros(channels, x.dtype))
    del conv.attribute[:]
    pads = [size // 2 for size in kernel] + [size - 1 - size // 2 for size in kernel]
    chosen = {"group": channels if apart else 1, "kernel_shape": kernel, "pads": pads}
    conv.attribute.extend([helper.make_attribute(name, value) for name, value in chosen.items()])


def _reshape(value: Any, shape: tuple[int, ...]) -> None:
    """Let the sizes that a model fixes be those of what it is fed; those that it leaves open stay open."""
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=False):
        if dimension.HasField("dim_value"):
            dimension.dim_value = size


def read(path: str) -> Template:
    """The model in a file, understood. Raises ValueError, with one sentence, where it is none that can be asked."""
    try:
        model = onnx.load(path)
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as an ONNX model: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from None
    return Template(onnx.inliner.inline_local_functions(model) if model.functions else model, path)
