"""The reference evaluator that comes with onnx, asked through models of one BatchNormalization that are made here."""

from __future__ import annotations

from bnspec.plugs.onnx_calls import Operator


class Opset15(Operator):
    """The operator of today."""

    runtime = "reference"


class Opset9(Operator):
    """The operator before its training had a definition, which the evaluator leaves out."""

    runtime = "reference"
    opset = 9
    modes = (False,)
