"""ONNX Runtime on the CPU, asked through models of one BatchNormalization that are made here."""

from __future__ import annotations

from bnspec.plugs.onnx_calls import Operator


class Opset15(Operator):
    """The operator of today, its parameters fed."""

    runtime = "onnxruntime"


class Constants(Operator):
    """The operator of today as a deployed model has it: its parameters are constants, which may be folded."""

    runtime = "onnxruntime"
    constants = True


class Opset9(Operator):
    """The operator before its training had a definition."""

    runtime = "onnxruntime"
    opset = 9
