"""A directory with all that can be said about a benchmark: JSON, Markdown, HTML; plots with matplotlib, and files for pyperf."""

from __future__ import annotations

from pathlib import Path

from bnspec.reports import bench_pyperf
from bnspec.reports.bench import Bench, save
from bnspec.reports.pages import bench as pages
from bnspec.reports.pages import bench_plots
from bnspec.reports.record import write_atomically


def write(bench: Bench, directory: Path) -> list[Path]:
    """Write bench.json, bench.md, bench.html and the plots; the paths written."""
    directory.mkdir(parents=True, exist_ok=True)
    plots = bench_plots.plots(bench)
    texts = {"bench.md": pages.markdown(bench, list(plots)), "bench.html": pages.html(bench, plots)}
    save(bench, directory / "bench.json")
    for name, text in {**texts, **{f"{name}.svg": svg for name, svg in plots.items()}}.items():
        write_atomically(directory / name, text.encode())
    return [directory / name for name in ("bench.json", *texts, *(f"{name}.svg" for name in plots))] + bench_pyperf.write(
        bench, directory
    )
