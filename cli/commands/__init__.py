"""The commands and their options, by what they are about. Importing it registers them all.

Bodies import what they need when they run, so that `bnspec --help` stays quick.
"""

from bnspec.cli.commands import asking, failures, reading, timing, vectors
from bnspec.cli.commands.app import USAGE, app

__all__ = ["USAGE", "app", "asking", "failures", "reading", "timing", "vectors"]
