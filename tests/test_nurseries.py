"""A fork server may serve one link after another, and nothing passes from one to the next."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from linking import BAD, alive, case, child, children_of, contents, daemons, fault_of, gone, nurseries, right

from bnspec.plugs import link as link_module
from bnspec.plugs.link import Child, open_link
from bnspec.plugs.nurseries import kept_nurseries

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="children are forked, and /proc is read")


@pytest.fixture(autouse=True)
def others() -> set[int]:
    """The fork servers that links of other tests have."""
    return set(nurseries())


def own(others: set[int]) -> set[int]:
    return set(nurseries()) - others


def test_one_serves_many_links_and_ends_with_the_last(others: set[int]) -> None:
    with kept_nurseries():
        for _ in range(3):
            with child("nothing") as link:
                assert contents(link.ask(case())) == contents(right(case()))
                (nursery,) = own(others)
                assert len(children_of(nursery)) == 2
            assert own(others) == {nursery}
            assert children_of(nursery) == [nursery]
    assert gone([nursery])


def test_links_that_are_open_together_have_one_each(others: set[int]) -> None:
    with kept_nurseries(), child("nothing"), child("nothing"):
        assert len(own(others)) == 2
    assert gone(list(own(others)))


def test_nobody_else_keeps_one(others: set[int]) -> None:
    with child("nothing"):
        (nursery,) = own(others)
    assert gone([nursery])


def test_what_a_link_leaves_behind_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with kept_nurseries():
        with child("daemons then close") as link:
            link.ask(case(BAD))
            assert all(map(alive, daemons(tmp_path)))
        assert gone(daemons(tmp_path))


def test_one_that_has_torch_serves_nobody_who_did_not_ask_for_it(others: set[int]) -> None:
    pytest.importorskip("torch")
    with kept_nurseries():
        for preload, before in ((("numpy", "torch"), True), (("numpy",), False), (("numpy", "torch"), True)):
            with Child("torch", loader="misbehaving:load_with_torch", timeout=60.0, preload=preload) as link:
                assert link.started.text("name") == f"torch was there before: {before}"
        assert len(own(others)) == 2


def test_another_environment_means_another_one(others: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    with kept_nurseries():
        child("nothing").close()
        monkeypatch.setenv("OMP_NUM_THREADS", "7")
        child("nothing").close()
        assert len(own(others)) == 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_one_that_is_dead_or_stopped_is_not_kept(number: signal.Signals, others: set[int]) -> None:
    with kept_nurseries():
        with child("nothing"):
            (first,) = own(others)
            os.kill(first, number)
        assert gone([first])
        with child("exit") as link:
            assert fault_of(link, case(BAD)).text == "exited with code 3"
            assert first not in own(others)


@pytest.mark.parametrize(
    ("text", "preload"),
    [
        ("import numpy as np\nimport torch\n", ("numpy", "torch")),
        ("from torch.nn import BatchNorm1d as BN\n", ("numpy", "torch")),
        ("import torchlike\n", ("numpy",)),
        ("def late():\n    import torch\n", ("numpy",)),
        ("\xff", ("numpy",)),
    ],
)
def test_a_file_that_imports_torch_is_forked_from_where_torch_is(
    text: str, preload: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text, encoding="latin-1")
    seen: list[tuple[str, ...]] = []
    monkeypatch.setattr(link_module, "Child", lambda target, **options: seen.append(options["preload"]))
    open_link(f"{file}:BN(eps=0.1)")
    assert seen == [preload]
