"""Targets: what can be named, what is found, and the one sentence for each way of naming something else."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy_shapes import SHAPES

from bnspec.implementation import Implementation, Setup
from bnspec.plugs.adapter import SKELETON, compile_adapter
from bnspec.plugs.load import TargetError, load

CLASS = SHAPES["mode word"]
"""A file with one BatchNorm in it."""

ADAPTER = """
class Mine:
    name = "mine"
    convention = {"momentum_weighs": "running"}

    def layer(self, setup):
        return Layer()


class Layer:
    def forward(self, x, *, training):
        return x + 1
"""
"""A file with an adapter and its layer."""


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test in an empty current directory, with nothing imported by another."""
    monkeypatch.chdir(tmp_path)
    for name in ("bn", "helper", "mine", "needs", "fails"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def write(file: str, text: str) -> None:
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def setup() -> Setup:
    gamma, beta, running_mean, running_var = (np.array([1.5, 0.5]) for _ in range(4))
    return Setup(gamma, beta, running_mean, running_var, 0.01, 0.7, "float64", channel_axis=1, rank=2, channels=2)


def answer(target: str) -> Any:
    """y of the target's layer, for one small batch in training."""
    return load(target).layer(setup()).forward(np.array([[1.0, 2.0], [3.0, 7.0]]), training=True)


EXPECTED = np.array(
    [[1.5 - 1.5 / np.sqrt(1.01), 0.5 - 1.25 / np.sqrt(6.26)], [1.5 + 1.5 / np.sqrt(1.01), 0.5 + 1.25 / np.sqrt(6.26)]]
)
"""What a BatchNorm answers in `answer`: means 2 and 4.5, variances 1 and 6.25, eps 0.01."""


@pytest.mark.parametrize(
    "target", ["bn.py:BatchNorm", "bn.py", "./bn.py:BatchNorm", " bn.py ", "bn:BatchNorm", "bn", "bn:Holder.Inner"]
)
def test_files_and_modules_of_the_current_directory(target: str) -> None:
    write("bn.py", CLASS + "\n\nclass Holder:\n    Inner = BatchNorm\n")
    np.testing.assert_allclose(answer(target), EXPECTED, rtol=1e-12)


def test_a_package_and_a_path_with_an_odd_name() -> None:
    write("pack/inside/norms.py", CLASS)
    write("my course/a1-bn.py", CLASS)
    np.testing.assert_allclose(answer("pack.inside.norms:BatchNorm"), EXPECTED, rtol=1e-12)
    np.testing.assert_allclose(answer(f"{Path.cwd()}/my course/a1-bn.py:BatchNorm"), EXPECTED, rtol=1e-12)


def test_the_textbook_is_a_target() -> None:
    np.testing.assert_allclose(answer("bnspec.reference.textbook:BatchNorm"), EXPECTED, rtol=1e-12)
    layer: Any = load("bnspec.reference.textbook:BatchNormWithBackward").layer(setup())
    assert not hasattr(load("bnspec.reference.textbook:BatchNorm").layer(setup()), "backward")
    x, dy = np.array([[1.0, 2.0], [3.0, 7.0], [5.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
    layer.forward(x, training=True)
    moved = [[0.7 * 1.5 + 0.3 * 3.0, 0.7 * 0.5 + 0.3 * 3.0], [0.7 * 1.5 + 0.3 * 8 / 3, 0.7 * 0.5 + 0.3 * 26 / 3]]
    np.testing.assert_allclose(layer.running(), moved, rtol=1e-14)
    dx, dgamma, dbeta = layer.backward(dy)
    np.testing.assert_allclose(dbeta, [0.0, 3.0])
    np.testing.assert_allclose(dgamma, (dy * (x - x.mean(0)) / np.sqrt(x.var(0) + 0.01)).sum(0), rtol=1e-14)
    np.testing.assert_allclose(dx, differences(x, dy), rtol=1e-6, atol=1e-9)
    (mean, var), y = layer.running(), layer.forward(x, training=False)
    np.testing.assert_allclose(y, np.array([1.5, 0.5]) + np.array([1.5, 0.5]) * (x - mean) / np.sqrt(var + 0.01), rtol=1e-14)
    with pytest.raises(NotImplementedError, match="training mode"):
        layer.backward(dy)


def differences(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """dx by central differences of sum(dy * y), with h = 1e-5: errors of 1e-10 both ways."""
    found = np.empty_like(x)
    for at in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[at] = 1e-5
        up, down = (load("bnspec.reference.textbook:BatchNorm").layer(setup()).forward(x + s, training=True) for s in (step, -step))
        found[at] = ((up - down) * dy).sum() / 2e-5
    return found


@pytest.mark.parametrize("target", ["mine.py:Mine", "mine.py", "mine.py:made", "mine:Mine"])
def test_an_adapter_is_taken_as_it_is(target: str) -> None:
    write("mine.py", ADAPTER + ("made = Mine()\n" if target.endswith("made") else ""))
    found = load(target)
    assert isinstance(found, Implementation)
    assert (found.name, found.convention) == ("mine", {"momentum_weighs": "running"})
    again = compile_adapter(found.adapter_source)
    for one in (found, again):
        np.testing.assert_array_equal(one.layer(setup()).forward(np.array([[1.0]]), training=True), [[2.0]])


def test_a_files_neighbours_are_its_own() -> None:
    """Two courses, each with a helper.py: the second must not get the first one's."""
    for course, shift in (("a", 1), ("b", 2)):
        write(f"{course}/helper.py", f"shift = {shift}\n")
        write(f"{course}/mine.py", "from helper import shift\n" + ADAPTER.replace("x + 1", "x + shift"))
    path = list(sys.path)
    assert [answer(f"{course}/mine.py")[0, 0] for course in "ab"] == [2.0, 3.0]
    assert sys.path == path


def test_a_file_is_imported_once_even_by_a_neighbour() -> None:
    write("bn.py", "import helper\n" + CLASS + "\nwith open('imported', 'a') as file:\n    file.write('x')\n")
    write("helper.py", "import bn\n")
    load("bn.py")
    assert Path("imported").read_text() == "x"


def test_a_module_found_here_is_found_by_the_saved_adapter() -> None:
    write("bn.py", CLASS)
    write("out/adapter.py", load("bn:BatchNorm").adapter_source)
    subprocess.run([sys.executable, "-P", "out/adapter.py"], check=True)
    assert "from bn import BatchNorm as Target" in Path("out/adapter.py").read_text()


def test_torch_is_not_imported_for_others() -> None:
    write("bn.py", CLASS)
    code = "import sys; from bnspec.plugs.load import load; load('bn.py'); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_traceback_quotes_the_adapter() -> None:
    write("bn.py", CLASS)
    layer = load("bn.py").layer(setup())
    with pytest.raises(ValueError, match="could not be broadcast") as raised:
        layer.forward(np.zeros((2, 5)), training=True)
    assert 'self.bn.forward(x, mode="train" if training else "test")' in str(raised.getrepr())


SENTENCES = {
    "": r"'' names nothing to check; a target is file.py:Name or package.module:Name",
    "bn.py:": r"'bn.py:' names nothing to check",
    ":BatchNorm": r"':BatchNorm' names nothing to check",
    "nm.py:BatchNorm": r"there is no file nm.py \(did you mean bn.py or none.py\?\)",
    "nowhere/x.py:BatchNorm": r"there is no file nowhere/x.py",
    "course": r"course is a directory, not a module; name a file in it, such as course/batchnorm.py:BatchNorm",
    "./course:BatchNorm": r"./course is a directory; name a file in it, such as course/batchnorm.py:BatchNorm",
    "./data.txt:BatchNorm": r"./data.txt is not a Python file",
    "nosuch.module:BatchNorm": r"there is no module 'nosuch' here; a target is",
    "BatchNorm": r"there is no module 'BatchNorm' here; a target is file.py:Name or package.module:Name",
    "json.decoder.JSONDecoder": r"json.decoder.JSONDecoder is not a module but a name in one; write json.decoder:JSONDecoder",
    "bn.py:BatchNrom": r"bn.py has no 'BatchNrom' \(did you mean BatchNorm\?\); its classes are BatchNorm, Plain",
    "bn.py:BatchNorm.nothing": r"bn.py has no 'BatchNorm.nothing'",
    "bn.py:SIZE": r"bn.py:SIZE is an object of type int; name a BatchNorm class",
    "bn.py:np": r"bn.py:np is a module; name a BatchNorm class",
    "bn.py:made": r"bn.py:made is one BatchNorm object, and fresh ones are needed \(name its class\)",
    "bn.py:step": r"bn.py:step is a function that takes neither gamma and beta nor running statistics under a usual name; name",
    "bn.py:Plain": r"bn.py:Plain has no method forward\(x\) \(it has train, cost\)",
    "bn.py:Plain.cost": r"bn.py:Plain.cost is a function",
    "relu.py:ReLU": r"relu.py:ReLU has a forward method but keeps neither gamma and beta nor running statistics",
    "two.py": r"two.py has more than one candidate; say which: two.py:A, two.py:B",
    "none.py": r"none.py has no class with a forward method; it defines f; write an adapter",
    "syntax.py:A": r"syntax.py could not be imported: SyntaxError: .* \(syntax.py, line 2\)",
    "fails.py:A": r"fails.py could not be imported: ZeroDivisionError: division by zero \(fails.py, line 3\)",
    "exits.py:A": r"exits.py could not be imported: SystemExit: usage \(exits.py, line 2\)",
    "needs.py:A": r"needs.py could not be imported: ModuleNotFoundError: No module named 'nosuch' \(needs.py, line 1\)",
    "needs:A": r"needs could not be imported: ModuleNotFoundError: No module named 'nosuch' \(needs.py, line 1\)",
    "fails:A": r"fails could not be imported: ZeroDivisionError: division by zero \(fails.py, line 3\)",
    "wants.py": r"Adapter\(\) raised TypeError: .*; an adapter is made without arguments",
}
"""Target -> the sentence that it gets."""

FILES = {
    "bn.py": CLASS
    + "\nSIZE = 3\nmade = BatchNorm(3)\n\nclass Plain:\n    def train(self):\n        pass\n    def cost(self):\n        pass\n",
    "course/readme.txt": "",
    "data.txt": "",
    "relu.py": "class ReLU:\n    def forward(self, x):\n        return x * (x > 0)\n",
    "two.py": "class A:\n    def forward(self, x):\n        return x\n\nclass B(A):\n    pass\n",
    "none.py": "from json import JSONDecoder\ndef f(x):\n    return x\n",
    "syntax.py": "class A:\n    def forward(self, x)\n        return x\n",
    "fails.py": "def f():\n    # here\n    return 1 / 0\n\nf()\n",
    "exits.py": "import sys\nsys.exit('usage')\n",
    "needs.py": "import nosuch\n",
    "wants.py": ADAPTER.replace("class Mine:", "class Mine:\n    def __init__(self, path):\n        pass\n"),
}
"""The files that those targets meet."""


@pytest.mark.parametrize("target", SENTENCES)
def test_what_cannot_be_asked_gets_one_sentence(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for file, text in FILES.items():
        write(file, text)
    with pytest.raises(TargetError) as refused:
        load(target)
    sentence, _, rest = str(refused.value).partition("\n\n")
    assert re.match(SENTENCES[target], sentence), sentence
    assert "\n" not in sentence
    assert rest in ("", SKELETON)
    assert (rest == SKELETON) == sentence.endswith("write an adapter:")


def test_the_skeleton_is_an_adapter_once_it_is_filled_in() -> None:
    write("mine.py", SKELETON.replace("Layer(...)", "Layer()"))
    assert load("mine.py").name == "my BatchNorm"
    assert load("mine.py").layer(setup()).forward(np.zeros((2, 2)), training=True) is None


def test_adapter_text_must_define_an_adapter() -> None:
    with pytest.raises(TargetError, match="must define Adapter"):
        compile_adapter("x = 1\n")


DOCUMENT = (Path(__file__).parent.parent / "docs" / "adapters.md").read_text()


def test_the_documents_adapter_is_complete() -> None:
    example, *_ = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    write("mine.py", example)
    found = load("mine.py")
    layer = found.layer(replace(setup(), eps=None))
    x = np.array([[1.0, 2.0], [3.0, 7.0]])
    np.testing.assert_allclose(layer.forward(x, training=True), [[0.0, 0.0], [3.0, 1.0]], atol=1e-4)
    np.testing.assert_allclose(layer.running(), [[0.7 * 1.5 + 0.3 * 2.0, 0.7 * 0.5 + 0.3 * 4.5], [1.35, 0.7 * 0.5 + 0.3 * 6.25]])
    np.testing.assert_allclose(layer.forward(x, training=False)[0, 0], 1.5 + 1.5 * (1 - 1.65) / np.sqrt(1.35 + 1e-5))
    assert not hasattr(layer, "backward")
    for refused in (setup(), replace(setup(), eps=None, rank=4)):
        with pytest.raises(NotImplementedError):
            found.layer(refused)


def test_the_documents_pair_and_targets_are_bound() -> None:
    *_, example = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    write("pair.py", example)
    np.testing.assert_allclose(answer("pair.py"), EXPECTED, rtol=1e-12)
    targets = re.findall(r"^bnspec check '([^']*(?:torch.nn:|[.]py:).*)'$", DOCUMENT, re.MULTILINE)
    assert len(targets) == 4
    x, dy = np.array([[1.0, 2.0], [3.0, 7.0], [5.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]])
    for target in targets:
        found = load(target)
        refused = [name for name in ("affine", "track") if name in target]
        nothing = {"affine": ("gamma", "beta"), "track": ("running_mean", "running_var")}
        asked = replace(setup(), **{part: None for name in refused for part in nothing[name]})
        layer: Any = found.layer(replace(asked, rank=4) if "2d" in target else asked)
        given = x.reshape(3, 2, 1, 1) if "2d" in target else x
        gamma, beta = (1.0, 0.0) if "affine" in target else (np.array([1.5, 0.5]), np.array([1.5, 0.5]))
        wanted = gamma * (x - x.mean(0)) / np.sqrt(x.var(0) + 0.01) + beta
        np.testing.assert_allclose(layer.forward(given, training=True).reshape(3, 2), wanted, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(layer.backward(dy.reshape(given.shape))[0].sum(0), 0.0, atol=1e-12)
