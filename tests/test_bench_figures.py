"""The figures of a benchmark follow from its raw values: ratios, resolution, shares of the limit, and the pages that show them."""

from __future__ import annotations

import importlib.util
import random
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
import pytest

from bnspec.cli.bench_points import MIDDLE, Wanted, needed, points, regimes, shape_named
from bnspec.plugs.workload import OPERATIONS, Workload
from bnspec.reports import bench_directory, bench_pyperf
from bnspec.reports.bench import (
    Accuracy,
    BadBench,
    Bench,
    Point,
    Timing,
    compared,
    interval,
    is_below_limit,
    load,
    resolution_of,
    save,
)
from bnspec.reports.pages import bench as pages
from bnspec.reports.pages import bench_plots

POINT = Point(operation="forward", shape=(4, 3))

STEADY = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.0, 1.0]

AGAIN = [1.0, 1.0, 1.0, 1.05, 1.0, 1.0, 1.0, 1.0, 1.0]


def timing(target: str, factor: float = 1.0, **changes: Any) -> Timing:
    seconds = [factor * value for value in STEADY]
    return Timing(
        **{"target": target, "point": POINT, "status": "timed", "calls": 3, "seconds": seconds, "copies": [0.5] * 9, **changes}
    )


BASE = timing("base", again=AGAIN)


def bench(*timings: Timing) -> Bench:
    accuracy = Accuracy(target="base", dtype="float32", grade="A", regimes={"ordinary": {"y": 0.5, "dx": 0.9}})
    about = {"suite": "0", "profile": "quick", "seed": 0, "rounds": 9, "seconds": 1.0, "environment": {}, "machine": {}}
    targets = [one.target for one in timings]
    return Bench(targets=targets, against="base", accuracies=[accuracy], timings=list(timings), **about)


def test_the_interval_of_a_median_holds_it_in_95_of_100_samples_of_any_distribution() -> None:
    rng = random.Random(0)
    for count in (6, 9, 15):
        caught = 0
        for _ in range(2000):
            low, high = interval([rng.expovariate(1) for _ in range(count)])
            caught += low <= np.log(2) <= high
        assert 0.94 <= caught / 2000 <= 0.995


def test_few_values_give_their_whole_range() -> None:
    assert interval([3.0, 1.0, 2.0]) == (1.0, 3.0)


def test_there_is_no_winner_inside_the_resolution() -> None:
    verdicts = {factor: compared(timing("other", factor), BASE) for factor in (0.8, 0.99, 1.01, 1.3)}
    assert [one.verdict for one in verdicts.values() if one] == ["faster", "alike", "alike", "slower"]


def test_the_resolution_is_how_far_a_thing_comes_from_itself() -> None:
    resolution = resolution_of(BASE)
    assert resolution is not None
    assert 0.02 < resolution < 0.06
    assert resolution_of(timing("alone")) is None
    assert compared(timing("other", 2.0), timing("base")) is None


def test_what_is_quicker_than_memory_is_flagged_and_not_celebrated() -> None:
    assert not is_below_limit(BASE, 0.05)
    assert is_below_limit(timing("magic", 0.3), 0.05)
    assert pages.SUSPICIOUS in pages.markdown(bench(BASE, timing("magic", 0.3)), [])


def test_the_worst_error_is_of_what_the_operation_computes() -> None:
    found = bench(BASE)
    assert found.worst_error(BASE) == 0.5
    assert found.worst_error(timing("base", worst={"y": 0.75})) == 0.75


def test_a_benchmark_comes_back_from_its_file_with_its_raw_values(tmp_path: Path) -> None:
    found = bench(BASE, timing("wrong", status="disqualified", reason="y is off", seconds=[], worst={"y": float("inf")}))
    save(found, tmp_path / "bench.json")
    again = load(tmp_path / "bench.json")
    assert again.timings[0].seconds == STEADY
    assert again.worst_error(again.timings[1]) == float("inf")
    (tmp_path / "other.json").write_text('{"schema": "bnspec-report/1"}')
    with pytest.raises(BadBench, match="no benchmark"):
        load(tmp_path / "other.json")


def test_pages_show_times_with_their_limit_and_reasons_without_markup(tmp_path: Path) -> None:
    wrong = timing("<b>x</b>", status="disqualified", reason="<script>", seconds=[], copies=[])
    files = bench_directory.write(bench(BASE, wrong), tmp_path)
    html, text = (tmp_path / "bench.html").read_text(), (tmp_path / "bench.md").read_text()
    assert {"bench.json", "bench.md", "bench.html"} <= {path.name for path in files}
    assert "50% of the limit" in html
    assert "50% of the limit" in text
    assert "<script>" not in html
    assert "<b>x" not in html
    assert "disqualified" in text


@pytest.mark.skipif(importlib.util.find_spec("pyperf") is None, reason="pyperf is not installed")
def test_pyperf_reads_the_values_of_every_target(tmp_path: Path) -> None:
    import pyperf

    other = timing("other", 1.5)
    unsupported = timing("none", status="unsupported", seconds=[], copies=[])
    paths = bench_pyperf.write(bench(BASE, other, unsupported), tmp_path)
    assert [path.name for path in paths] == ["pyperf-1.json", "pyperf-2.json"]
    (found,) = pyperf.BenchmarkSuite.load(str(paths[1])).get_benchmarks()
    assert (found.get_name(), found.get_values()) == (str(POINT), tuple(other.seconds))


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="plots need matplotlib")
def test_plots_are_the_same_for_the_same_record_and_name_every_target() -> None:
    found = bench(BASE, timing("$other_one", 1.5, worst={"y": 0.1}))
    first, second = bench_plots.plots(found), bench_plots.plots(found)
    assert first == second
    assert {"frontier", "scaling"} == first.keys()
    assert all("base" in svg and "other_one" in svg for svg in first.values())


def test_without_matplotlib_there_are_no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert bench_plots.plots(bench(BASE)) == {}


def test_profiles_change_one_thing_at_a_time_and_options_combine_all() -> None:
    usual = points(Wanted("standard"))
    assert len(usual) == len(set(usual))
    assert {point.operation for point in usual} == {*OPERATIONS}
    plain = Point(operation="forward", shape=MIDDLE)
    odd = [one for one in usual if (one.dtype, one.layout, one.threads) != ("float32", "contiguous", 1)]
    for one in odd:
        fields = ("dtype", "layout", "threads")
        assert one.shape == MIDDLE
        assert sum(getattr(one, name) != getattr(plain, name) for name in fields) == 1
    combined = points(Wanted(shapes=((4, 3), (8, 3)), dtypes=("float32", "float64"), threads=(1, 2), operations=("step",)))
    assert len(combined) == 8
    assert needed(plain, 3) > 3 * 4 * plain.size * 4


def test_a_shape_is_read_as_people_write_it() -> None:
    assert shape_named("64x64x32x32") == (64, 64, 32, 32)
    for words in ("64", "64x", "0x3", "axb", "1x2x3x4x5x6"):
        with pytest.raises(ValueError, match="64x64x32x32"):
            shape_named(words)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_inputs_are_alike_at_both_ends_and_never_the_same_twice_not_even_scaled(dtype: str) -> None:
    workload = Workload((8, 3, 5), dtype, 1, mean=2.0)
    x, other = workload.x(7), workload.x(8)
    assert np.array_equal(x, replace(workload).x(7))
    assert (x.dtype.name, x.shape) == (dtype, (8, 3, 5))
    assert abs(np.corrcoef(x.ravel(), other.ravel())[0, 1]) < 0.6
    assert not np.shares_memory(x, workload.x(7))
    assert 1.5 < median(x.ravel().tolist()) < 2.5


def test_every_dtype_has_its_regimes() -> None:
    for dtype in ("float16", "bfloat16", "float32", "float64"):
        assert len({regime.name for regime in regimes(dtype)}) == 5


def test_a_point_says_what_it_is() -> None:
    point = msgspec.structs.replace(POINT, layout="channels_last", threads=2)
    assert str(point) == "forward (4, 3) float32, channels last in memory, 2 threads"


def test_growth_is_drawn_over_shapes_that_differ_in_size_alone() -> None:
    shapes = ((256, 1024), (64, 3), (4, 3), (2, 7, 4, 4), (8, 3, 2, 2))
    found = bench(*(timing("base", point=Point(operation="forward", shape=shape)) for shape in shapes))
    assert [one.point.shape for one in bench_plots._swept(found, "forward")] == [(4, 3), (8, 3, 2, 2), (64, 3)]
    assert bench_plots._swept(found, "backward") == []
