"""An ONNX file as an Implementation: it is read, its adapter written, and a runtime run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from bnspec.plugs.adapter import Bound, Script, TargetError, finish
from bnspec.plugs.target import Target

MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "reference": "onnx", "opencv": "cv2"}
"""The runtimes that can be asked for, and the module that each needs."""

PACKAGES = {"cv2": "opencv-python-headless"}
"""What a module is installed by, where that has another name."""

BODY = '''

class Adapter(Model):
    """The model, and what runs it."""

    path = {path!r}
    runtime = {runtime!r}
'''
"""What follows the text of `onnx_calls` in an adapter."""

OURS = re.compile(r"^from (?:__future__|bnspec\.[\w.]+) import .*\n", re.MULTILINE)
"""Lines that the text of the second file has no need of where it follows the first."""


def is_onnx(target: str) -> bool:
    """Whether a target is an ONNX file, with or without keyword arguments."""
    return re.fullmatch(r"[^:]*\.onnx\s*(\(.*\))?", target.strip(), re.DOTALL) is not None


def load_onnx(parts: Target) -> Bound:
    """The Implementation that a file stands for, by ONNX Runtime or by what runtime= says.

    Raises `TargetError` for a file that is no model of one BatchNormalization, and for a runtime that is not here.
    """
    runtime = parts.keywords.get("runtime", "onnxruntime")
    if unknown := next((name for name in parts.keywords if name != "runtime"), ""):
        raise TargetError(f"{parts.place}: {unknown}= cannot be said of an ONNX model; what can is runtime")
    if runtime not in MODULES:
        raise TargetError(f"{parts.place}: runtime is one of {', '.join(MODULES)}; got {runtime!r}")
    for module in ("onnx", MODULES[runtime]):
        if importlib.util.find_spec(module) is None:
            raise TargetError(
                f"{parts.place} needs {module}, which is not here: python -m pip install {PACKAGES.get(module, module)}"
            )
    if not Path(parts.place).is_file():
        raise TargetError(f"there is no file {parts.place}")
    from bnspec.plugs import onnx_calls, onnx_template

    try:
        found = onnx_template.read(parts.place)
    except ValueError as error:
        raise TargetError(str(error)) from None
    script = Script(f"# How {parts.place} is asked: an adapter, to be read, and changed where it is wrong.\n")
    first, second = (Path(str(module.__file__)).read_text(encoding="utf-8") for module in (onnx_template, onnx_calls))
    script.run(first)
    script.run("\n\n" + OURS.sub("", second) + BODY.format(path=parts.place, runtime=runtime))
    mode = "training" if found.trains else "inference"
    folded = " behind a convolution that lets x through" if found.conv is not None else ""
    roles = ", ".join(f"{role} is {name}" for role, name in found.roles.items())
    what = f"{parts.place}, BatchNormalization-{found.opset} in {mode}{folded}, run by {runtime}"
    return finish(script, f"bound: {what}\nassumed: {roles}; the parameters that it holds are replaced by those that are asked")
