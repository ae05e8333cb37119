"""One target asked from opening to naming: what every way to ask it has in common."""

from __future__ import annotations

from dataclasses import replace

from bnspec.cli.naming import diagnosed
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options, Outcome
from bnspec.cli.ways import run_side_by_side
from bnspec.plugs.nurseries import kept_nurseries
from bnspec.reports import mutation


def asked(target: str, options: Options, progress: Progress, jobs: int, *, apart: bool = False) -> Outcome:
    """What came of asking a target, with the causes of what fails and what the run assures.

    apart   never in this process, also where one process is enough: it belongs to somebody else
    """
    with kept_nurseries():
        return completed(run_side_by_side(target, options, progress, jobs, apart=apart), options)


def completed(outcome: Outcome, options: Options) -> Outcome:
    """The outcome of asking with the causes of what fails, and what a run like this assures."""
    outcome = diagnosed(outcome, options) if options.diagnose else outcome
    return replace(outcome, record=mutation.assured(outcome.record))
