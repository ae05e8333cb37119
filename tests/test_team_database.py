"""Failures that a team remembers together: Hypothesis' examples in Redis, asked first by whoever runs next."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import bnspec, until
from test_determinism import RARELY_WRONG

from bnspec.cli.runner import Options, run
from bnspec.properties.drawing import without_password

pytest.importorskip("redis", reason="redis is not installed: pip install 'bnspec[redis]'")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a Redis server of our own."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server: install the package of that name")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([program, "--port", str(port), "--save", ""], cwd=tmp_path, stdout=subprocess.DEVNULL)
    until(lambda: answers(port))
    yield f"redis://127.0.0.1:{port}/0"
    process.kill()
    process.wait()


def answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_what_failed_for_one_is_asked_first_for_the_next(server: str, tmp_path: Path) -> None:
    (tmp_path / "layer.py").write_text(RARELY_WRONG, encoding="utf-8")
    target = str(tmp_path / "layer.py")

    def status(**options: object) -> str:
        one = {"profile": "smoke", "only": ("training_output_is_exact",), "dtypes": ("float32",), **options}
        return run(target, Options(**one), object()).record.results[0].status  # type: ignore[arg-type]

    lucky = next(number for number in range(1, 50) if status(seed=number) == "pass")
    assert status(seed=lucky, database=server) == "pass", "nothing is remembered yet"
    assert status(profile="standard", database=server) == "fail"
    assert status(seed=lucky, database=server) == "fail"


def test_a_server_that_does_not_answer_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    done = bnspec(tmp_path, "check", "none.py:BatchNorm", "--database", "redis://:secret@127.0.0.1:9/0")
    assert done.code == 2
    assert "no Redis server answers at redis://127.0.0.1:9/0" in done.err
    assert "secret" not in done.err


@pytest.mark.parametrize("address", ["redis://me:secret@host:6379/0", "redis://host:6379/0"])
def test_addresses_are_shown_without_a_password(address: str) -> None:
    assert without_password(address) == "redis://host:6379/0"
