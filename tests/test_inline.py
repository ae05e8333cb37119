"""`bnspec.check(obj)`: objects of a script, a prompt, a notebook, a function or a package, asked as files are."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cells import BATCHNORM, HELPER, IMPORTS, Session

import bnspec
from bnspec.cli.answer import NonconformantError
from bnspec.plugs.adapter import TargetError
from bnspec.plugs.excerpt import Excerpt, NoSource
from bnspec.plugs.given import given

QUICK: dict[str, Any] = {"profile": "smoke", "only": "inference", "dtypes": ["float64"], "diagnose": False}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session in place of this one, with a class in it that needs what other cells have."""
    session = Session()
    monkeypatch.setitem(sys.modules, "__main__", session)
    for cell in (IMPORTS, HELPER, BATCHNORM):
        session.run(cell)
    return session


def test_a_class_of_a_notebook_is_asked_by_its_source_in_a_process_of_its_own(session: Session, tmp_path: Path) -> None:
    answer = bnspec.check(session.BatchNorm, **QUICK)
    assert (answer.verdict, answer.record.target, answer.failures) == ("conformant", "BatchNorm", [])
    assert not any("process" in warning for warning in answer.record.warnings)
    assert answer.record.adapter.count("/tmp") == 0
    alone: dict[str, Any] = {}
    exec(answer.record.adapter, alone)
    assert alone["Adapter"]
    assert tmp_path / "BatchNorm.py" in answer.save(tmp_path)
    assert bnspec.check(f"{tmp_path / 'BatchNorm.py'}", **QUICK).verdict == "conformant"


def test_an_answer_shows_itself_and_raises_where_something_is_wrong(session: Session) -> None:
    session.run(HELPER.replace("x.var(axis=0)", "x.var(axis=0) * 1.5"))
    session.run(BATCHNORM.replace("var + settings.eps", "var + 2 * settings.eps"))
    answer = bnspec.check(session.BatchNorm, **QUICK)
    assert answer.verdict == "nonconformant"
    assert "inference output is exact" in repr(answer)
    assert "inference output is exact" in answer._repr_html_()
    assert "<script" not in answer._repr_html_()
    with pytest.raises(NonconformantError, match="NONCONFORMANT  BatchNorm"):
        answer.raise_for_verdict()


def test_an_answer_is_shown_by_the_notebook_and_not_by_itself(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = bnspec.check(session.BatchNorm, **QUICK)
    displayed: list[Any] = []
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("rich.jupyter.display", lambda *parts: displayed.append(parts))
    assert "CONFORMANT  BatchNorm" in repr(answer)
    assert "CONFORMANT" in answer._repr_html_()
    assert displayed == []


def test_what_was_defined_again_is_asked_as_it_is_now(session: Session) -> None:
    session.run(BATCHNORM.replace("self.gamma * (x", "1.5 * self.gamma * (x"))
    assert bnspec.check(session.BatchNorm, **QUICK).verdict == "nonconformant"
    session.run(BATCHNORM)
    assert bnspec.check(session.BatchNorm, **QUICK).verdict == "conformant"


def test_code_without_a_source_is_asked_in_this_process_and_the_answer_says_so(session: Session) -> None:
    session.run(BATCHNORM, kept=False)
    answer = bnspec.check(session.BatchNorm, **QUICK)
    assert answer.verdict == "conformant"
    assert "there is no text for BatchNorm, whose source is not kept here" in answer.record.warnings[0]


def local_class(scale: float) -> type:
    import numpy as np

    class Local:
        """A BatchNorm that closes over its surroundings."""

        def __init__(self, channels: int) -> None:
            self.gamma, self.beta = np.ones(channels), np.zeros(channels)
            self.running_mean, self.running_var = np.zeros(channels), np.ones(channels)

        def forward(self, x: Any, training: bool) -> Any:
            mean, var = (x.mean(0), x.var(0)) if training else (self.running_mean, self.running_var)
            if training:
                self.running_mean, self.running_var = (self.running_mean + mean) / 2, (self.running_var + var) / 2
            return scale * self.gamma * (x - mean) / np.sqrt(var + 1e-5) + self.beta

    return Local


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "conformant"), (1.25, "nonconformant")])
def test_a_class_that_was_made_in_a_function_takes_along_what_it_closes_over(scale: float, verdict: str) -> None:
    assert bnspec.check(local_class(scale), **QUICK).verdict == verdict


def test_a_layer_stands_for_its_class_with_the_arguments_that_it_keeps() -> None:
    torch = pytest.importorskip("torch")
    with given(torch.nn.BatchNorm2d(7, eps=1e-3, momentum=None, affine=False), {}) as found:
        assert found.target == "torch.nn:BatchNorm2d(momentum=None, affine=False)"
    with given(local_class(1.0)(4), {"layout": "NC"}) as found:
        assert found.label == "Local(layout='NC')"


def test_what_a_constructor_needs_besides_is_said_as_arguments(session: Session) -> None:
    named = BATCHNORM.replace("(self, channels, ", "(self, channels, activation, ")
    session.run(named.replace("        self.gamma,", "        activation = activation or 'none'\n        self.gamma,"))
    assert "needs the constructor argument 'activation'" in bnspec.check(session.BatchNorm, **QUICK).record.reason
    assert bnspec.check(session.BatchNorm, arguments={"activation": None}, **QUICK).verdict == "conformant"
    with pytest.raises(ValueError, match="got activation=<object"):
        bnspec.check(session.BatchNorm, arguments={"activation": object()}, **QUICK)


def test_functions_of_a_session_bring_their_backward(session: Session) -> None:
    session.run("def bn_forward(x, gamma, beta): return x\n\ndef bn_backward(dy, cache): return dy\n")
    session.run("def other_backward(dy): return dy")
    with given(session.bn_forward, {}) as found:
        assert "def bn_backward" in found.text
    with given((session.bn_forward, session.other_backward), {}) as found:
        assert found.label == "bn_forward(backward='other_backward')"
        assert "def other_backward" in found.text


@pytest.mark.parametrize("wrong", [3, (1, 2), [], "nothing here"])
def test_what_is_nothing_to_ask_is_said_in_one_sentence(wrong: Any) -> None:
    if isinstance(wrong, str):
        assert "nothing here" in bnspec.check(wrong, **QUICK).record.reason
        return
    with pytest.raises(ValueError, match="got"):
        bnspec.check(wrong, **QUICK)


def test_an_option_that_is_none_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(ValueError, match="did you mean inference"):
        bnspec.check(local_class(1.0), only="infrence")
    with pytest.raises(TargetError, match="got 3"), given(3, {}):
        pass


def test_a_script_that_checks_itself_is_not_run_again(tmp_path: Path) -> None:
    asks = (
        "answer = bnspec.check(BatchNorm, profile='smoke', only='inference', dtypes=['float64'])\nprint('once', answer.verdict)\n"
    )
    script = tmp_path / "mine.py"
    script.write_text(f"import bnspec\n{IMPORTS}{HELPER}{BATCHNORM}{asks}", encoding="utf-8")
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.split() == ["once", "conformant"]
    refused = bnspec.check(f"{script}:BatchNorm", **QUICK)
    assert 'put the call under if __name__ == "__main__":' in refused.record.reason


def test_an_interruption_ends_the_cell(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from bnspec.cli import inline
    from bnspec.cli.runner import Options, Outcome, unasked

    monkeypatch.setattr(inline, "asked", lambda *_, **__: Outcome(unasked("", Options(), "interrupted"), interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        bnspec.check(session.BatchNorm, **QUICK)
    monkeypatch.undo()
    assert not inline.ASKING.get()


def test_an_excerpt_has_what_is_named_and_nothing_else(session: Session) -> None:
    session.run("unused = object()\nEPS: float = settings.eps\ndef flag(x): return x + EPS + max([START])")
    excerpt = Excerpt("__main__")
    excerpt.take("flag", session.flag, {})
    assert "unused" not in excerpt.text
    assert "EPS = 1e-05" in excerpt.text
    session.run("stream = iter([1])\ndef reads(x): return next(stream)\ndel stream\nstream = iter([2]) if True else None")
    assert "stream = iter([2])" in (taken := Excerpt("__main__")).text + _taken(taken, session)
    session.run("for held in [object()]: pass\ndef holds(x): return held")
    with pytest.raises(NoSource, match="held, of type object"):
        Excerpt("__main__").take("holds", session.holds, {})


def _taken(excerpt: Excerpt, session: Session) -> str:
    excerpt.take("reads", session.reads, {})
    return excerpt.text
