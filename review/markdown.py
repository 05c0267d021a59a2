"""Text from a run is hostile: here it becomes inert Markdown, and nothing in it is invisible."""

from __future__ import annotations

import re
from typing import Final

from review.mask import visible

_PUNCTUATION: Final = re.compile(r"([\\`*_\[\]#!|~>$])|^[-+=]|(?<=^\d)[.)]|(?<=^\d\d)[.)]")
_JOIN: Final = "\u2060"
"""Word joiner: invisible, and no mention, issue number or link survives it."""


def code(text: str, longest: int = 200) -> str:
    """As a code span on one line, whatever backticks, pipes or tags it holds."""
    line = " ".join(visible(text).split()) or " "
    if len(line) > longest:
        line = f"{line[:longest]}… (+{len(line) - longest} characters)"
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or line.strip() == "" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def prose(text: str, longest: int = 400) -> str:
    """As words: no tag, mention, link, image or list comes of it."""
    line = " ".join(visible(text).split())
    if len(line) > longest:
        line = f"{line[:longest]}… (+{len(line) - longest} characters)"
    line = _PUNCTUATION.sub(lambda match: f"\\{match[0]}", line.replace("&", "&amp;").replace("<", "&lt;"))
    line = re.sub(r"(@|\\#)(?=\w)", rf"\1{_JOIN}", line)
    return re.sub(r"(?i)\b(www|https?|ftp|mailto)(?=[.:])", rf"\1{_JOIN}", line)
