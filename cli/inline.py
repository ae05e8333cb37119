"""`bnspec.check(obj)`: what `bnspec check` does, for an object of this process, from a script, a prompt or a notebook."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bnspec.cli import project
from bnspec.cli.answer import Answer, answer
from bnspec.cli.asking import asked
from bnspec.cli.check import DTYPES, unknown
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Options
from bnspec.cli.screen import Screen
from bnspec.cli.told import Told
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.excerpt import literal
from bnspec.plugs.given import Given, given
from bnspec.plugs.worker import ASKED
from bnspec.reports import expectations
from bnspec.reports.expectations import Deviation, Expectations

LOST = "asked in this very process, since {}: a crash would end it too, an endless loop stop it, and no script repeats a failure"
"""The warning where nothing could be written down for a process of its own."""

JOBS = 2
"""Dtypes that are asked side by side."""

ASKING: ContextVar[bool] = ContextVar("ASKING", default=False)
"""Whether this process is asking just now."""


def check(
    subject: Any,
    *,
    arguments: Mapping[str, Any] | None = None,
    make: str | None = None,
    returns: str | Sequence[str] | None = None,
    layout: str | None = None,
    eps: float | None = None,
    variant: str | None = None,
    fixed_shape: str | Sequence[int] | None = None,
    profile: Literal["smoke", "standard", "deep"] = "standard",
    seed: int = 0,
    dtypes: str | Sequence[str] = ("float32", "float64"),
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    convention: str | os.PathLike[str] | None = None,
    expect: str | os.PathLike[str] | Mapping[str, str] | None = None,
    timeout: float = 10.0,
    max_seconds: float | None = None,
    in_process: bool = False,
    diagnose: bool = True,
) -> Answer:
    """Ask an implementation every property: a class, a layer, a forward function or a pair, a module, an adapter, or a target.

    subject     a class, of which layers are made as they are needed; a layer, whose class is asked with the arguments it was
                made with, as far as it keeps them; a forward function, or a tuple (forward, backward); a module with one
                candidate; or a target as on the command line, "mybn.py:BatchNorm"
    arguments   what the class or function is called with in any case, by name: plain values
    make, returns, layout, eps, variant, fixed_shape     what the code does not tell, as in docs/adapters.md
    convention  a TOML file, or the name of one;  expect: a TOML file of known deviations, or {property: reason}
    the others  as `bnspec check --help` explains them

    Code that was defined in this session is written into a file by its source, and asked in a process of its own like any
    other; where it has no source it is asked in this one, and the answer says so. Raises `ValueError` with one sentence for
    what is no target, no option, or cannot be found; an implementation that is wrong raises nothing (see `raise_for_verdict`).
    """
    words = said(arguments or {}, make=make, returns=returns, layout=layout, eps=eps, variant=variant, fixed_shape=fixed_shape)
    options = Options(
        profile=profile,
        seed=seed,
        dtypes=known_dtypes(dtypes),
        only=several(only),
        skip=several(skip),
        convention=None if convention is None else os.fspath(convention),
        timeout=timeout,
        max_seconds=max_seconds,
        in_process=in_process,
        diagnose=diagnose,
        expectations=None if expect is None else expected(expect),
    )
    return ask(subject, words, options)


def ask(subject: Any, words: Mapping[str, Any], options: Options) -> Answer:
    """The answer about an object. Raises `ValueError` for what cannot be asked at all, KeyboardInterrupt where it was ended."""
    if trouble := unknown(options):
        raise ValueError(trouble)
    try:
        with _once(), target_of(subject, words) as target:
            options = replace(options, in_process=options.in_process or bool(target.why))
            with Progress(Screen(), target.label) as progress:
                outcome = asked(target.target, options, progress, JOBS, apart=True)
    except (TargetError, project.BadProject) as trouble:
        raise ValueError(str(trouble)) from None
    if outcome.interrupted:
        raise KeyboardInterrupt
    return answer(outcome.record, target, [LOST.format(target.why)] if target.why else [])


@contextmanager
def target_of(subject: Any, words: Mapping[str, Any]) -> Iterator[Given]:
    """What is asked where `subject` is meant, about which `words` say more: targets are their own."""
    if isinstance(subject, (str, os.PathLike)):
        target = project.with_words(os.fspath(subject), dict(words))
        yield Given(target, target)
        return
    with given(subject, words) as found:
        yield found


def said(arguments: Mapping[str, Any], **words: Any) -> dict[str, Any]:
    """What is said of the code beyond its name, by name; orders and shapes may be given as lists.

    Raises `ValueError` for an argument that cannot be written down for another process.
    """
    for name, between in (("returns", ", "), ("fixed_shape", "x")):
        if words[name] is not None and not isinstance(words[name], str):
            words[name] = between.join(map(str, words[name]))
    for name, value in arguments.items():
        if literal(value) is None:
            raise ValueError(
                f"arguments are numbers, texts, truth values, None, and lists and dicts of these; got {name}={value!r}"
            )
    return {**Told(**words).words, **arguments}


def several(names: str | Sequence[str]) -> tuple[str, ...]:
    """One name, or several."""
    return (names,) if isinstance(names, str) else tuple(names)


def known_dtypes(names: str | Sequence[str]) -> tuple[str, ...]:
    """The dtypes in the order in which they are asked; raises `ValueError` for one that there is not."""
    if wrong := [name for name in several(names) if name not in DTYPES]:
        raise ValueError(f"a dtype is one of {', '.join(DTYPES)}; got {wrong[0]!r}")
    return tuple(sorted(set(several(names)), key=DTYPES.index))


def expected(expect: str | os.PathLike[str] | Mapping[str, str]) -> Expectations:
    """The known deviations of a file, or of a mapping from properties to reasons; raises `ValueError` for what is none."""
    if not isinstance(expect, Mapping):
        return expectations.load(Path(expect))
    now = datetime.date.today()
    return Expectations([Deviation(property=name, reason=reason, link="", date=now) for name, reason in expect.items()])


@contextmanager
def _once() -> Iterator[None]:
    """Refuse to check code from within the code that is being checked, which would never end."""
    if ASKING.get() or ASKED in os.environ:
        raise RuntimeError(
            "bnspec.check was called by the very code that is being checked, when its file was opened; "
            'put the call under if __name__ == "__main__":'
        )
    token = ASKING.set(True)
    try:
        yield
    finally:
        ASKING.reset(token)
