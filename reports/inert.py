"""Text from an implementation made inert: an exception's text must not steer a terminal, break a page or flood it."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 4000
"""Characters of one text that a page shows; the record keeps all of it."""

LOOKED_AT = 100_000
"""Characters of one text that are cleaned at all: what is left out is not, and so costs nothing."""

_ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[@-Z\\-_]?", re.DOTALL)

_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")

_REMOVED = frozenset({"Cc", "Cf", "Cs"})
"""Unicode categories that have no ink of their own: controls, formats (the bidirectional overrides among them), lone surrogates."""

_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~&$@]|^[-+]|(?<=:)//|(?<=www)\.")

_MENTION = re.compile(r"\\[@#](?=\w)")
"""What a forge makes a link, or tells somebody, only after Markdown has taken the backslash away."""

_LIST_NUMBER = re.compile(r"^(\d+)([.)])(?=\s|$)")


def clean(text: str) -> str:
    """`text` without escape sequences and invisible characters; line breaks become "\\n" and tabs spaces."""
    text = _LINE_BREAK.sub("\n", _ESCAPE_SEQUENCE.sub("", text)).replace("\t", "    ")
    return "".join(char for char in text if char == "\n" or _has_ink(char))


def clip(text: str, limit: int = LONGEST) -> str:
    """Cleaned text of at most about `limit` characters; what is left out is counted."""
    return _cut(clean(text[:LOOKED_AT]), limit, len(text) - LOOKED_AT)


def one_line(text: str, limit: int = 300) -> str:
    """Cleaned and clipped text with every run of white space made one space."""
    return _cut(" ".join(clean(text[:LOOKED_AT]).split()), limit, len(text) - LOOKED_AT)


def markdown_text(text: str, limit: int = 300) -> str:
    """One line in which no character is Markdown's, or a forge's: usable in headings, table cells and list items."""
    escaped = _MARKDOWN.sub(lambda match: f"\\{match[0]}", one_line(text, limit))
    return _LIST_NUMBER.sub(r"\1\\\2", _MENTION.sub(r"\g<0>&ZeroWidthSpace;", escaped))


def markdown_code(text: str) -> str:
    """One line as a code span that its own backticks cannot close."""
    text = one_line(text)
    ticks = _longer_than_any_run(text, shortest=1)
    return f"{ticks} {text} {ticks}" if "`" in text or not text else f"{ticks}{text}{ticks}"


def markdown_fence(text: str, language: str = "") -> str:
    """A code block that its own backticks cannot close."""
    text = clip(text)
    ticks = _longer_than_any_run(text, shortest=3)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _cut(cleaned: str, limit: int, unseen: int) -> str:
    left_out = max(0, len(cleaned) - limit) + max(0, unseen)
    return f"{cleaned[:limit].rstrip()}… ({left_out} more characters)" if left_out else cleaned


def _has_ink(char: str) -> bool:
    return unicodedata.category(char) not in _REMOVED and ord(char) & 0xFFFE != 0xFFFE


def _longer_than_any_run(text: str, shortest: int) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(shortest, longest + 1)
