"""What an attribute condition of a federation provider pins down: the claims every token it lets in must carry.

Reads the part of CEL that they are made of: `==`, `in`, `startsWith`, `matches`, `&&`, `||`, parentheses.
The answer is a list of alternatives, one for each way through the `||`s; in each, a claim maps to the values it may
have. What is not understood restricts nothing, so a condition is never taken to be narrower than it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

Pins = Mapping[str, frozenset[str]]
_LIMIT: Final = 64
"""Alternatives looked at; a condition with more is treated as pinning nothing."""

_CLAIM = r"""(?:assertion|attribute|google)(?:\.([A-Za-z_]\w*)|\[\s*["']([\w.-]+)["']\s*\])"""
_TEXT = r"""(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)')"""
_EQUAL = re.compile(rf"^(?:string\()?\s*{_CLAIM}\s*\)?\s*==\s*{_TEXT}$")
_LAUQE = re.compile(rf"^{_TEXT}\s*==\s*(?:string\()?\s*{_CLAIM}\s*\)?$")
_IN = re.compile(rf"^{_CLAIM}\s+in\s+\[(.*)\]$", re.DOTALL)
_PREFIX = re.compile(rf"^{_CLAIM}\s*\.\s*(startsWith|matches)\s*\(\s*{_TEXT}\s*\)$")
_PREFIX_MARK: Final = "\0prefix:"


def claims_of(condition: str) -> frozenset[str]:
    """The claims that a condition speaks of at all."""
    return frozenset(a or b for a, b in re.findall(_CLAIM, condition))


def is_prefix(value: str) -> bool:
    """Whether a pinned value is only the beginning, or a pattern, of what is let in."""
    return value.startswith(_PREFIX_MARK)


@lru_cache(maxsize=256)
def alternatives(condition: str) -> tuple[Pins, ...]:
    """The ways through the condition, each with the claims it pins. A condition that is always true pins nothing."""
    text = _strip(condition)
    parts = split(text, "||")
    if len(parts) > 1:
        every = tuple(way for part in parts for way in alternatives(part))
        return every if len(every) <= _LIMIT else ({},)
    parts = split(text, "&&")
    if len(parts) == 1:
        return (_atom(text),)
    ways: tuple[Pins, ...] = ({},)
    for part in parts:
        ways = tuple(_both(a, b) for a in ways for b in alternatives(part))
        if len(ways) > _LIMIT:
            return ({},)
    return ways


def _both(first: Pins, second: Pins) -> Pins:
    merged = dict(first)
    for claim, values in second.items():
        merged[claim] = merged[claim] & values if claim in merged else values
    return merged


def _strip(text: str) -> str:
    text = text.strip()
    while text.startswith("(") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Where the bracket that the text begins with is closed."""
    depth = 0
    for index, char in _code(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0:
            return index
    return -1


def _code(text: str) -> list[tuple[int, str]]:
    """The characters outside quoted texts, with their places."""
    found: list[tuple[int, str]] = []
    quote = ""
    skip = False
    for index, char in enumerate(text):
        if skip:
            skip = False
        elif quote:
            skip = char == "\\"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            found.append((index, char))
    return found


def split(text: str, operator: str) -> list[str]:
    """The parts between the operators that stand outside brackets and quotes."""
    depth, start, parts = 0, 0, []
    for index, char in _code(text):
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 and index >= start and text.startswith(operator, index):
            parts.append(text[start:index])
            start = index + len(operator)
    return [part.strip() for part in (*parts, text[start:])]


def _atom(text: str) -> Pins:
    if match := _EQUAL.match(text):
        return {match[1] or match[2]: frozenset({match[3] or match[4] or ""})}
    if match := _LAUQE.match(text):
        return {match[3] or match[4]: frozenset({match[1] or match[2] or ""})}
    if match := _IN.match(text):
        values = [a or b for a, b in re.findall(_TEXT, match[3])]
        return {match[1] or match[2]: frozenset(values)} if values else {}
    if match := _PREFIX.match(text):
        return {match[1] or match[2]: frozenset({_PREFIX_MARK + (match[4] or match[5] or "")})}
    return {}
