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
        **_naming(score),
        "seconds of a run against a bug": f"median {_median(score, 'took'):.2g}, slowest {slowest:.2g}",
        "until its first law failed": f"median {_median(score, 'seconds'):.2g} s and {_median(score, 'cases'):.0f} cases",
        "runs against correct code that found it conformant": f"{right} of {asked}, {len(score.correct)} implementations",
    }


def _naming(score: Score) -> dict[str, str]:
    """How well causes were named, where they were looked for."""
    looked = sum(one.diagnosed for one in score.bugs)
    if not looked:
        return {}
    named, among = sum(one.named for one in score.bugs), sum(one.among for one in score.bugs)
    misnamed = sum(bool(one.misnamed) for one in score.bugs)
    return {
        "runs that named the bug": f"{named} of {looked}, {named / looked:.1%}",
        "runs that had it among the candidates": f"{among} of {looked}, {among / looked:.1%}",
        "forms in which something else was named": f"{misnamed} of {len(score.bugs)}",
        "correct implementations in which a bug was named": f"{sum(bool(one.misnamed) for one in score.correct)}",
    }


def _median(score: Score, name: str) -> float:
    """The median over the bugs of one of their figures."""
    return median(getattr(one, name) for one in score.bugs) if score.bugs else 0.0


def _named(one: BugScore) -> str:
    laws = list(one.laws)
    more = f" and {len(laws) - LAWS} more" if len(laws) > LAWS else ""
    return ", ".join(law.replace("_", " ") for law in laws[:LAWS]) + more
