"""The table of what the suite catches, as Markdown."""

from __future__ import annotations

from statistics import median

from bnspec.reports.mutation import BugScore, Score
from bnspec.reports.pages import markdown

LAWS = 3
"""Laws that a row of the table names; the others are counted."""


def render(score: Score) -> str:
    """The summary, then every bug, then everything correct."""
    told = {"score": score, "figures": _figures(score), "named": _named}
    return markdown.environment().get_template("mutation.md").render(**told)


def _figures(score: Score) -> dict[str, str]:
    """What the table comes to, in words and numbers."""
    bugs, runs = score.bugs, sum(one.runs for one in score.bugs)
    caught, slowest = sum(one.caught for one in bugs), max((one.took for one in bugs), default=0.0)
    asked, right = sum(one.runs for one in score.correct), sum(one.conformant for one in score.correct)
    return {
        "known bugs as code": f"{len({one.bug for one in bugs})}, in {len(bugs)} forms",
        "forms caught in every run": f"{sum(one.caught == one.runs for one in bugs)} of {len(bugs)}",
        "runs that caught their bug": f"{caught} of {runs}",
        "forms for which two laws failed in every run": f"{sum(one.witnesses > 1 for one in bugs)} of {len(bugs)}",
        "seconds of a run against a bug": f"median {_median(score, 'took'):.2g}, slowest {slowest:.2g}",
        "until its first law failed": f"median {_median(score, 'seconds'):.2g} s and {_median(score, 'cases'):.0f} cases",
        "runs against correct code that found it conformant": f"{right} of {asked}, {len(score.correct)} implementations",
    }


def _median(score: Score, name: str) -> float:
    """The median over the bugs of one of their figures."""
    return median(getattr(one, name) for one in score.bugs) if score.bugs else 0.0


def _named(one: BugScore) -> str:
    laws = list(one.laws)
    more = f" and {len(laws) - LAWS} more" if len(laws) > LAWS else ""
    return ", ".join(law.replace("_", " ") for law in laws[:LAWS]) + more
