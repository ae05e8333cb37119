"""Targets asked by a crew: processes of this machine, the workers of a cluster, or this process. The crew decides no row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from bnspec.cli.boards import Board
from bnspec.cli.interruption import interruptions
from bnspec.cli.progress import Progress
from bnspec.cli.runner import Outcome
from bnspec.cli.units import Message, Task

TICK = 0.1
"""Seconds between two looks for an interruption."""


class Crew(Protocol):
    """What asks units."""

    def room(self) -> int:
        """How many tasks it would take now."""

    def send(self, task: Task) -> None:
        """Give it one."""

    def heard(self, seconds: float) -> Iterator[tuple[Task, Message | str]]:
        """What has been told, waiting for it no longer than so; a text says why a task was lost."""

    def interrupt(self) -> Iterator[tuple[Task, Message | str]]:
        """End all tasks, and hear what they still tell."""

    def close(self) -> None:
        """Have no more to do for it."""


class Asking:
    """Several targets, asked in their order; where one leaves the crew room, the next begins. `makers` make their boards."""

    def __init__(self, crew: Crew, makers: Sequence[Callable[[], Board]]) -> None:
        self._crew = crew
        self._makers = makers
        self._boards: list[Board] = []
        self._sent: dict[int, tuple[Task, Board]] = {}

    def outcome(self, at: int, progress: Progress) -> Outcome:
        """The outcome of one target, once it is there."""
        board = self._board(at)
        board.show(progress)
        with interruptions(raising=False) as interruption:
            while not board.is_over and not interruption.came:
                self._send()
                self._hear(self._crew.heard(TICK))
            if interruption.came:
                self._hear(self._crew.interrupt())
        return board.outcome(interrupted=interruption.came)

    def _board(self, at: int) -> Board:
        while at >= len(self._boards):
            self._boards.append(self._makers[len(self._boards)]())
        return self._boards[at]

    def _send(self) -> None:
        for at in range(len(self._makers)):
            while self._crew.room() > 0 and (task := self._board(at).next_task()) is not None:
                self._sent[id(task)] = task, self._boards[at]
                self._crew.send(task)
            if self._crew.room() <= 0:
                return

    def _hear(self, told: Iterator[tuple[Task, Message | str]]) -> None:
        for task, message in told:
            _, board = self._sent[id(task)]
            if isinstance(message, str):
                board.lose(task, message)
            else:
                board.hear(task, message)
