"""The ways in which people check a BatchNorm today, re-created to be run: one file each, with `TITLE` and `check(asked)`.

`check` yields a sentence for each thing that it finds wrong. Every way is told the convention of what it checks, so that none of
them alarms for a choice; who uses them must know it, too.
"""
