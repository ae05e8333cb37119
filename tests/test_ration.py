"""What a crash may cost, what is remembered of it, and that Hypothesis shrinks it like any other failure."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import misbehaving
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from linking import BAD, X, case, child, fault_of

from bnspec.plugs import ration
from bnspec.plugs.link import BudgetSpent, Fault, InProcess
from bnspec.plugs.ration import Budget, Pace
from bnspec.protocol import Message

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and /proc is read")


def test_a_fatal_list_is_remembered_and_not_asked_again(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    with child(f"exit {log}") as link:
        faults = [fault_of(link, case(BAD)) for _ in range(3)]
        link.renew()
        faults.append(fault_of(link, case(BAD)))
        assert len(log.read_bytes()) == 1
        assert {(fault.status, fault.text, fault.op) for fault in faults} == {("crash", "exited with code 3", "forward")}
        # The same forward after another history is another question.
        fault_of(link, [*case()[:2], *case(BAD)[1:]])
        assert len(log.read_bytes()) == 3
        # Errors are not fatal: they are asked again.
        link.ask(case())
        assert fault_of(link, [Message.request("running", layer=7)]).status == "error"


def test_history_is_kept_across_asks_and_layers(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    with child(f"exit {log}") as link:
        bad = case(BAD)[1:2]
        for first in (X, X + 1, X):
            link.ask(case(first)[:2])
            assert fault_of(link, bad).text == "exited with code 3"
        assert len(log.read_bytes()) == 5  # the third time its forward was asked, and the fatal one was remembered


def test_a_layer_that_died_raises_the_same_fault_until_it_is_made_anew() -> None:
    with child("exit") as link:
        link.ask(case(layer=2))
        fatal = fault_of(link, case(BAD))
        for number in (1, 2):
            later = fault_of(link, [Message.request("running", layer=number)])
            assert (later.status, later.text) == (fatal.status, fatal.text)
        assert link.ask(case())[3].ok
        assert link.ask([Message.request("running", layer=1)])[0].ok
        assert fault_of(link, [Message.request("running", layer=2)]).status == "crash"
        # A remembered fault takes the layer that it is about with it, as the crash did.
        fault_of(link, case(BAD))
        assert fault_of(link, [Message.request("running", layer=1)]).status == "crash"


def test_all_faults_are_raised_on_one_line() -> None:
    """Hypothesis takes exceptions from two lines for two failures."""
    places = set()
    with child("exit") as link, child("raise") as other, InProcess(lambda: misbehaving.load("raise")) as here:
        for asked in (link, link, other, here):
            frame = traceback.extract_tb(fault_of(asked, case(BAD)).__traceback__)[-1]
            places.add((frame.filename, frame.lineno))
    assert len(places) == 1


def test_the_budget_of_restarts_ends_a_property_and_not_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ration.Budget.__init__, "__defaults__", (5, 10.0, 10))
    with child("exit") as link:
        for k in range(6):
            assert fault_of(link, case(BAD + np.float32(k))).status == "crash"
        with pytest.raises(BudgetSpent):
            link.ask(case())
        assert fault_of(link, case(BAD)).status == "crash"
        link.renew()
        assert link.ask(case())[1].ok


def test_what_a_budget_holds() -> None:
    assert not Budget().spent
    assert [Budget(restarts=0).spent, Budget(hangs=0).spent] == [True, True]
    spent = []
    budget, slow = Budget(), Budget()
    for _ in range(40):
        budget.restarted(0.01)
        spent.append(budget.spent)
    assert spent == [False] * 39 + [True]
    slow.restarted(10.5)
    assert slow.spent


def test_the_limit_after_the_first_hang() -> None:
    pace = Pace(10.0)
    for _ in range(9):
        pace.took(0.02, 100)
    assert pace.limit(100) == 10.0
    pace.hung(10.0)
    assert pace.limit(100) == pytest.approx(0.4)
    assert pace.said(0.4) == "0.4 s, 20 times the usual"
    pace.took(1.5, 100)
    assert pace.limit(100) == pytest.approx(3.0)
    quick = Pace(10.0)
    quick.took(0.0001, 100)
    quick.hung(10.0)
    assert quick.limit(100) == 0.2
    never = Pace(7.0)
    never.hung(7.0)
    assert never.limit(100) == 7.0


def test_a_larger_request_and_another_property_have_the_whole_limit_until_there_were_hangs_enough() -> None:
    pace = Pace(10.0)
    pace.took(0.02, 100)
    pace.hung(10.0)
    assert (pace.limit(100), pace.limit(101)) == (pytest.approx(0.4), 10.0)
    pace.renew()
    assert pace.limit(100) == 10.0
    for _ in range(ration.FULL_WAITS - 1):
        pace.hung(pace.limit(100))
        pace.renew()
    assert (pace.limit(100), pace.limit(101)) == (pytest.approx(0.4), pytest.approx(0.4))


def test_hypothesis_shrinks_a_crash() -> None:
    seen = []
    with child("exit") as link:

        @settings(database=None, derandomize=True, max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(n=st.integers(2, 60), value=st.integers(0, 3000))
        def law(n: int, value: int) -> None:
            x = np.zeros((n, 2), np.float32)
            x[0, 0] = value
            seen.append((n, value))
            try:
                link.ask(case(x))
            except BudgetSpent:
                return

        with pytest.raises(Fault, match="exited with code 3"):
            law()
    assert seen[-1] == (2, 1000)


@pytest.mark.parametrize("restarts", [3, 10])
def test_a_crash_in_a_sequence_is_no_flake_when_the_budget_is_spent(restarts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis runs its smallest example again at the end; by then the child must stay dead, but the crash must be seen."""
    monkeypatch.setattr(ration.Budget.__init__, "__defaults__", (restarts, 10.0, 10))
    refused = []
    with child("exit") as link:

        @settings(database=None, derandomize=True, max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
        @given(n=st.integers(2, 60), value=st.integers(0, 3000))
        def law(n: int, value: int) -> None:
            x = np.zeros((n, 2), np.float32)
            x[0, 0] = value
            try:
                layer, forward, running, _ = case(x)
                link.ask([layer, running])
                link.ask(case(x * 0, layer=2))
                link.ask([forward])
            except BudgetSpent as spent:
                refused.append(spent)

        with pytest.raises(Fault, match="exited with code 3"):
            law()
    assert refused
