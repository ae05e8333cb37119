"""The corpus is what it says it is: one line changed, every chapter, files that can be asked; benchmarks/power.py asks them."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from difflib import unified_diff
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from asking import ask
from corpus.corruptions import CORRECT, CORRUPTIONS, WRONG, Corruption, read

from bnspec.implementation import Setup
from bnspec.plugs.load import load
from bnspec.properties.laws import CHAPTERS

FILES = sorted(CORRECT.glob("*.py"))

CHANNELS = 3

TORCH = {path.stem for path in FILES if "import torch" in path.read_text()}


def named(case: Corruption | Path) -> str:
    return case.stem if isinstance(case, Path) else case.name


def quietly(path: Path) -> Any:
    if path.stem in TORCH:
        pytest.importorskip("torch")
    with contextlib.redirect_stdout(io.StringIO()):
        return load(str(path))


def a_layer(implementation: Any, rank: int) -> Any:
    """A layer for x of this rank with its own start."""
    shape: dict[str, Any] = {"dtype": "float64", "channel_axis": -1 if "channels_last" in implementation.name else 1, "rank": rank}
    own: dict[str, Any] = dict.fromkeys(("gamma", "beta", "running_mean", "running_var", "eps", "momentum"))
    return implementation.layer(Setup(**own, **shape, channels=CHANNELS))


def values(implementation: Any, rank: int) -> Any:
    """An x of this rank, float64, with its channels where the layer has them."""
    x = np.random.default_rng(1).normal(2.0, 3.0, (5, CHANNELS, 4, 2, 6)[:rank])
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if "channels_last" in implementation.name else x


@pytest.mark.parametrize("case", CORRUPTIONS, ids=named)
def test_a_corruption_changes_one_line_and_still_runs(case: Corruption) -> None:
    if case.shape in TORCH:
        pytest.importorskip("torch")
    right = (CORRECT / f"{case.shape}.py").read_text().splitlines()
    changes = list(unified_diff(right, case.source().splitlines(), n=0, lineterm=""))[2:]
    assert [change[0] for change in changes] == ["@", "-", "+"]
    assert all(case.__dict__.values())
    module = ModuleType(case.shape)
    exec(compile(case.source(), case.name, "exec"), module.__dict__)
    assert any(name.startswith(("BatchNorm", "Adapter")) for name in vars(module))


def test_every_chapter_is_represented_and_no_other() -> None:
    assert {case.chapter for case in CORRUPTIONS} == set(CHAPTERS) - {"vectors"}, "the fixed cases stand against every chapter's"


def test_the_corruptions_are_many_in_different_shapes_and_none_is_there_twice() -> None:
    assert len(CORRUPTIONS) >= 44
    assert max(Counter(case.name for case in CORRUPTIONS).values()) == 1
    assert len({(case.shape, case.wrong) for case in CORRUPTIONS}) == len(CORRUPTIONS)
    assert len({case.shape for case in CORRUPTIONS}) >= 5


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_correct_file_binds_and_answers_with_finite_numbers(path: Path) -> None:
    implementation = quietly(path)
    asked = 0
    for rank, training in ((2, True), (2, False), (4, True), (4, False)):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                x = values(implementation, rank)
                y = np.asarray(a_layer(implementation, rank).forward(x, training=training))
            except (NotImplementedError, TypeError, ValueError, AssertionError, IndexError):  # not a rank of this one
                continue
        asked += y.shape == x.shape and bool(np.isfinite(y).all())
    assert asked


def test_gradients_of_gamma_and_beta_that_are_not_given_leave_no_law_open() -> None:
    record = ask(str(CORRECT / "no_affine.py"), examples=6, in_process=True, only=("gradients",), dtypes=("float64",))
    status = {row.property: row.status for row in record.results}
    assert (status["inference_gradients_are_exact"], status["inference_tells_dgamma_by_its_y"]) == ("pass", "unsupported")
    assert not {"not-run", "fail"} & set(status.values())


def test_a_right_line_that_is_not_there_once_is_refused() -> None:
    with pytest.raises(ValueError, match="it is there 0 times"):
        Corruption("a name", "two_pass", "forward", "mean = 0", "mean = 1", "no reason").source()


def test_an_entry_without_its_two_lines_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "two_pass.diff"
    broken.write_text((WRONG / "two_pass.diff").read_text().replace("\n+ ", "\n  ", 1))
    with pytest.raises(ValueError, match="needs a right line"):
        read(broken)
