"""The reference layer in each named convention, as targets: `bnspec check bnspec.reference.layers:torch`."""

from bnspec.convention import KERAS, ONNX, PAPER, TORCH, TUTORIAL
from bnspec.layer import Reference

paper = Reference("reference (paper)", PAPER)
torch = Reference("reference (torch)", TORCH)
keras = Reference("reference (keras)", KERAS)
onnx = Reference("reference (onnx)", ONNX)
tutorial = Reference("reference (tutorial)", TUTORIAL)
