"""The deep profile: small scopes are gone through, the worst case is sought and kept, and can be asked again."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import bnspec
from mistakes import RIGHT

from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options
from bnspec.cli.screen import Screen
from bnspec.cli.ways import run_side_by_side
from bnspec.properties.deep.enumerations import half_values, small_batches, small_gradients
from bnspec.properties.stage import Stage, on_stage
from bnspec.reports.pages import climb
from bnspec.reports.record import Record, load, save
from bnspec.reports.trace import ForwardStep

SCALED = "self.x_hat = centered"

ONE_VALUE = RIGHT.replace(SCALED, f"centered = np.where(x == 2.125, centered * 1.001, centered); {SCALED}")
"""Wrong for one value of x, which no other law is likely to draw."""

AT_ONE = "1e-3 * (x.size == 3 and sorted(x.ravel()) == [-4, 3, 4])"
ONE_BATCH = RIGHT.replace(SCALED, f"centered = centered * (1 + {AT_ONE}); {SCALED}")
"""Wrong for the permutations of one batch."""


def asked(text: str, place: Path, **options: object) -> Record:
    (place / "layer.py").write_text(text, encoding="utf-8")
    chosen = Options(**{"profile": "deep", "cases": 10, "dtypes": ("float32",), "in_process": True, **options})  # type: ignore[arg-type]
    with Progress(Screen(), "layer.py") as progress:
        return run_side_by_side(str(place / "layer.py"), chosen, progress, 1).record


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_small_scopes_are_whole(dtype: str) -> None:
    with on_stage(Stage(dtype=dtype)):
        values = {float(value) for case in half_values() for value in case.x.ravel()}
        assert len(values) == 63_488 - 1, "zero and minus zero are equal"
        batches = {(tuple(map(float, case.x.ravel())), case.eps) for case in small_batches()}
        assert len(batches) == (9**2 + 9**3) * 3
        assert len(small_gradients()) == (5**2 * 3**2 + 5**3 * 3**3) * 2


def test_one_wrong_value_of_all_is_found_and_shown_alone(tmp_path: Path) -> None:
    found = asked(ONE_VALUE, tmp_path, only=("every_half_value_is_inferred_exactly",))
    (row,) = found.results
    assert row.status == "fail"
    assert row.counterexample is not None
    *_, forward = [step for step in row.counterexample.trace if isinstance(step, ForwardStep)]
    assert list(forward.x.data) == [2.125]


def test_one_wrong_batch_of_all_is_found(tmp_path: Path) -> None:
    found = asked(ONE_BATCH, tmp_path, only=("all_batches_of_two_and_three_small_numbers_are_exact",))
    assert [row.status for row in found.results] == ["fail"]


def test_the_worst_case_is_kept_and_can_be_asked_again(tmp_path: Path) -> None:
    found = asked(RIGHT, tmp_path, only=("training_output_is_exact",), cases=1100)
    (row,) = found.results
    assert row.status == "pass"
    assert row.worst is not None
    assert 0 < float(row.worst.ratio or 0) == float(row.worst_ratio) < 1
    assert [ratio for _, ratio in row.climb] == sorted(ratio for _, ratio in row.climb)
    assert float(row.climb[-1][1]) == float(row.worst_ratio)
    save(found, tmp_path / "record.json")
    assert load(tmp_path / "record.json") == [found]
    done = bnspec(tmp_path, "replay", "record.json", "--worst", row.property)
    assert done.code == 0
    assert f"the error is {float(row.worst_ratio):.3g} of its bound" in done.out
    other = bnspec(tmp_path, "replay", "record.json", "--worst", "gamma_zero_gives_beta")
    assert (other.code, "it has those of training_output_is_exact" in other.err) == (2, True)
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install 'bnspec[plots]'")
    assert "training output is exact, float32" in climb.plot(found)


def test_laws_of_the_deep_profile_are_asked_in_no_other(tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(RIGHT, encoding="utf-8")
    done = bnspec(tmp_path, "check", "layer.py", "--only", "small_scopes")
    assert (done.code, done.err) == (2, "bnspec: small_scopes is asked in the deep profile only: --profile deep\n")
