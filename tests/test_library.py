"""Functions of shared libraries are called by their signatures, over memory that shows what is written where it should not be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask
from linking import case, fault_of

from bnspec.cli.project import with_words
from bnspec.implementation import Setup
from bnspec.plugs.library_signature import is_library
from bnspec.plugs.link import open_link
from bnspec.plugs.load import TargetError, load

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler here"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libraries are named .so"),
]

STATE = "x:in y:out gamma:in beta:in rm:inout rv:inout"

PLAIN = "(x:in y:out gamma:in beta:in N C S f:eps)"

WHOLE = (
    f"train_{{f32|f64}}({STATE} save_mean:out save_inv_std:out N C S r:eps r:momentum); "
    "infer_{f32|f64}(x:in y:out gamma:in beta:in mean:in var:in N C S r:eps); "
    "backward_{f32|f64}(x:in dy:in gamma:in mean:in inv_std:in dx:out dgamma:out dbeta:out l:N l:C l:S) -> status"
)

X = np.arange(24, dtype=np.float32).reshape(4, 3, 2)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of `layers.c`."""
    made = tmp_path_factory.mktemp("library") / "liblayers.so"
    source = Path(__file__).parent / "libraries" / "layers.c"
    subprocess.run(["cc", "-O1", "-w", "-shared", "-fPIC", "-o", made, source, "-lm"], check=True)
    return made


def layer(target: str, rank: int = 3, dtype: str = "float32", axis: int = 1, **parts: float) -> Any:
    """A layer of three channels, everything else as it starts."""
    nothing = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    return load(target).layer(Setup(**{**nothing, **parts}, dtype=dtype, channel_axis=axis, rank=rank, channels=3))


@pytest.mark.parametrize(
    ("functions", "dtypes", "scope"),
    [
        (f"both_f32({STATE} N C S f:eps f:momentum i:training)", {"float32"}, {"train", "infer", "running"}),
        (WHOLE, {"float32", "float64"}, {"train", "infer", "running", "grad_train"}),
    ],
)
def test_functions_are_right_by_their_signatures(library: Path, functions: str, dtypes: set[str], scope: set[str]) -> None:
    record = ask(f"{library}:{functions}", examples=3, only=("forward", "inference", "gradients"), diagnose=False)
    assert (record.verdict, set(record.scope)) == ("conformant", scope)
    assert {row.dtype for row in record.results if row.status == "pass"} == dtypes


@pytest.mark.parametrize(
    ("functions", "axis"),
    [
        ("in_place(x:inout gamma:in beta:in N C S f:eps)", 1),
        (f"without_state{PLAIN}", 1),
        ("f4:without_state(input:in, output:out, weight:in, bias:in, int:N, int:C, int:S, float:epsilon)", 1),
        ("channels_last(x:in y:out gamma:in beta:in M C f:eps); layout=NLC", -1),
    ],
)
def test_other_interfaces(library: Path, functions: str, axis: int) -> None:
    x = np.ascontiguousarray(np.moveaxis(X, 1, axis))
    y = layer(f"{library}:{functions}", axis=axis, eps=0.5).forward(x.copy(), training=True)
    over = tuple({0, 1, 2} - {axis % 3})
    np.testing.assert_allclose(y, (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + 0.5), rtol=1e-6)


def test_a_function_for_one_shape(library: Path) -> None:
    target = with_words(f"{library}:for_16_by_3(x:in y:out gamma:in beta:in)", {"fixed_shape": "16x3", "eps": 1e-3})
    made = layer(target, rank=2)
    x = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
    np.testing.assert_allclose(made.forward(x, training=True), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), rtol=1e-4, atol=1e-6)
    with pytest.raises(NotImplementedError, match="x is always shaped"):
        made.forward(x[:4], training=True)
    with pytest.raises(NotImplementedError, match="no function takes eps"):
        layer(target, rank=2, eps=0.5)
    with pytest.raises(NotImplementedError, match="there is no function for inference"):
        made.forward(x, training=False)


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("one_too_many", r"one_too_many wrote outside of y, behind the last of its 24 values \(shape \(4, 3, 2\)\)"),
        ("one_before", "one_before wrote outside of y, before the first of its 24 values"),
        ("writes_gamma", r"writes_gamma wrote into gamma, which its signature gives it to read \(gamma:in\)"),
        ("forgets_one", "forgets_one left 1 of the 24 values of y unwritten"),
    ],
)
def test_what_is_written_elsewhere_is_found_and_said(library: Path, function: str, sentence: str) -> None:
    with pytest.raises(Exception, match=sentence) as caught:
        layer(f"{library}:{function}{PLAIN}").forward(X, training=True)
    assert caught.type.__name__ == "BrokenContract"


def test_a_status_that_is_not_zero_is_an_error(library: Path) -> None:
    made = layer(f"{library}:says_no{PLAIN} -> status")
    assert made.forward(X, training=True).shape == X.shape
    with pytest.raises(RuntimeError, match="says_no returned 7"):
        made.forward(X[:2], training=True)


def test_a_wrong_signature_is_a_crash_of_the_child_alone(library: Path) -> None:
    with open_link(f"{library}:train_f32({STATE} l:8 l:8 N C S f:eps f:momentum)") as link:
        for _ in range(2):
            assert fault_of(link, case()[:2]).status == "crash"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", "needs to be told how its functions are called"),
        (":without_stat" + PLAIN, "has no function without_stat; did you mean without_state"),
        (":without_state(x:in y:out foo:in)", "'foo' is not known"),
        (":without_state(x:in y:out f:epz)", "'epz' is not known; did you mean eps?"),
        (":without_state(x y:out)", "say of the array x whether it is read or written: x:in, :out or :inout"),
        (":without_state(x:in y:in N)", "without_state has no output; say y:out, or x:inout"),
        (":without_state(x:in y:out q:N)", "'q:N' is not known"),
        (":without_state(x:in:f3 y:out)", "an array is of f2, f4 or f8"),
        (":without_state(x:in x:out)", "has two arguments that are x"),
        (":without_state(x:in y:out", "is no signature"),
        (":backward_f32(x:in dy:in dx:out N C S)", "names no function that computes y from x"),
        (f":without_state{PLAIN}; one_before{PLAIN}", "would both be asked for train in float32"),
        (f":test=without_state{PLAIN}", "a function is for train, infer, backward, infer_backward"),
        (f":without_state{PLAIN}; speed=3", "speed= cannot be said of a library"),
        (f":without_state{PLAIN}; layout=XY", "layout is"),
        (f":without_state{PLAIN}; backward_f32(x:in dy:in inv_std:in dx:out l:N l:C l:S)",
         "backward_f32 reads inv_std, which without_state does not write; say save_inv_std:out there"),
    ],
)  # fmt: skip
def test_a_signature_that_cannot_be_read_gets_one_sentence(library: Path, said: str, sentence: str) -> None:
    assert is_library(f"{library}{said}")
    with pytest.raises(TargetError) as caught:
        load(f"{library}{said}")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="there is no file"):
        load(f"{tmp_path}/absent.so:f{PLAIN}")
    (tmp_path / "text.so").write_text("not a library")
    with pytest.raises(TargetError, match="cannot be loaded as a shared library"):
        load(f"{tmp_path}/text.so:f{PLAIN}")


def test_a_check_says_what_was_written_elsewhere(library: Path) -> None:
    record = ask(
        f"{library}:one_too_many{PLAIN}", examples=2, only=("training_output_is_exact",), dtypes=("float32",), diagnose=False
    )
    assert record.verdict == "nonconformant"
    assert [row.status for row in record.results] == ["error"]
    assert "one_too_many wrote outside of y, behind the last of its" in record.results[0].reason
