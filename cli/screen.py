"""Where the command line shows things."""

from __future__ import annotations

import os
import sys

from rich.console import Console


class Screen(Console):
    """A console that stays silent once nobody reads it any more, as after `| head -1`.

    rich would end the process with exit code 1 there, which says nonconformant.
    """

    def __init__(self) -> None:
        super().__init__(highlight=False)

    def on_broken_pipe(self) -> None:
        """Go on without a reader: the record is still to be written, and the exit code to be given."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
