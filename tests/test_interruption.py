"""Ctrl-C is noted by whoever listens, and by whoever begins to listen while it is not acted on yet."""

from __future__ import annotations

import signal

from bnspec.cli.interruption import interruptions


def test_what_came_before_is_not_lost_on_who_listens_next() -> None:
    with interruptions(raising=False) as outer:
        signal.raise_signal(signal.SIGTERM)
        with interruptions(raising=False) as inner:
            assert inner.came
    assert outer.came


def test_where_nothing_came_nothing_is_noted_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interruptions(raising=False), interruptions(raising=False) as inner:
        assert not inner.came
    assert signal.getsignal(signal.SIGTERM) is before
