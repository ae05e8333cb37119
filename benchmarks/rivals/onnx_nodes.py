"""The node tests of ONNX: the four cases of BatchNormalization that every backend is asked, from the package onnx itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from rivals.asked import Asked, differing

TITLE = "ONNX node tests"

TOLERANCE = {"rtol": 1e-3, "atol": 1e-7}
"""The backend test runner's own."""


def check(asked: Asked) -> Iterator[str]:
    """The inputs as they are, with the running variance in the convention of what is asked."""
    for name, given, attributes, training in cases():
        x, gamma, beta, mean, var = given
        eps, weight = attributes.get("epsilon", 1e-5), 1 - attributes.get("momentum", 0.9)
        parameters = {"gamma": gamma, "beta": beta, "mean": mean, "var": var, "eps": eps, "weight": weight}
        answer = asked.train(x, **parameters) if training else asked.infer(x, **parameters)
        batch_mean, batch_var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        used_mean, used_var = (batch_mean, batch_var) if training else (mean, var)
        shape = (1, -1, 1, 1)
        y = gamma.reshape(shape) * (x - used_mean.reshape(shape)) / np.sqrt(used_var.reshape(shape) + eps) + beta.reshape(shape)
        yield from differing(f"{name}: y", answer.y, y, **TOLERANCE)
        if training:
            yield from differing(f"{name}: mean", answer.mean, asked.moved(mean, batch_mean, weight), **TOLERANCE)
            unbiased = asked.moved(var, batch_var * asked.factor(x), weight)
            yield from differing(f"{name}: variance", answer.var, unbiased, **TOLERANCE)


@cache
def cases() -> list[tuple[str, list[Any], dict[str, float], bool]]:
    """name, inputs, attributes and mode of each case."""
    from onnx.backend.test.case.node import collect_testcases
    from onnx.helper import get_attribute_value

    found = []
    for case in collect_testcases("BatchNormalization"):
        nodes = [node for node in case.model.graph.node if node.op_type == "BatchNormalization"]
        if len(nodes) == 1 == len(case.model.graph.node):  # each is there again, expanded into other operators
            attributes = {one.name: get_attribute_value(one) for one in nodes[0].attribute}
            found.append((case.name, list(case.data_sets[0][0]), attributes, attributes.get("training_mode", 0) == 1))
    return found
