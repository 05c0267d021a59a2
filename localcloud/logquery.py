"""The part of Google Cloud's logging query language that our filters use, evaluated on log entries.

Covers comparisons (`= != > >= < <= : =~ !~`), grouped values, existence (`field:*`), words searched in all fields, AND,
OR, NOT, `-`, parentheses and lines joined by an implied AND, in the language's own order: NOT, then OR, then AND; of
the functions `log_id()` and `SOURCE()`. Refuses the rest (`SEARCH`, `sample`, `ip_in_net`, `cast`, negated groups)
instead of guessing. The judge has an evaluator of its own, with three answers (docs/adr/0068).
Source: Google Cloud Logging documentation, "Logging query language".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

_GRAMMAR = r"""
?start: conjunction
?conjunction: disjunction (_AND? disjunction)*
?disjunction: unary (_OR unary)*
?unary: (_NOT | "-") unary -> negation
      | "(" conjunction ")"
      | comparison
      | FUNCTION "(" STRING ")" -> function
      | (STRING | WORD) -> anywhere
comparison: path OPERATOR group
?group: "(" values ")" | value
?values: value_or (_AND value_or)*      -> all_of
?value_or: value_not (_OR value_not)*   -> any_of
?value_not: _NOT value_not -> not_value
          | "(" values ")"
          | value
value: STRING | WORD | STAR
path: SEGMENT ("." (SEGMENT | STRING))*
STAR: "*"
OPERATOR: "!=" | ">=" | "<=" | "=~" | "!~" | "=" | ">" | "<" | ":"
_AND.3: /AND\b/
_OR.3: /OR\b/
_NOT.3: /NOT\b/
SEGMENT: /(?!(AND|OR|NOT)\b)[A-Za-z_@][A-Za-z0-9_@\/-]*/
FUNCTION: /log_id|LOG_ID|source|SOURCE/
WORD: /(?!(AND|OR|NOT)\b)(?!(log_id|LOG_ID|source|SOURCE)\s*\()[A-Za-z0-9_+][^\s()"=<>!:~,]*/
STRING: /"(\\.|[^"\\])*"/
%import common.WS
%ignore WS
"""
_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|--[^\n]*')
_FUNCTIONS = re.compile(r"(?<![\w.\"])(SEARCH|sample|ip_in_net|cast|regexp_extract)\s*\(")

Entry = Mapping[str, Any]
Predicate = Callable[[Entry], bool]


class QueryError(ValueError):
    """The filter is not in the part of the language that is covered; says where."""


def matches(query: str, entry: Entry) -> bool:
    """Whether the log entry (the shape of the Logging API's LogEntry) is selected. Raises QueryError."""
    return compile_query(query)(entry)


@lru_cache(maxsize=512)
def compile_query(query: str) -> Predicate:
    """The filter as a predicate. An empty filter selects everything, as in the cloud."""
    if not query.strip():
        return lambda _entry: True
    function = _FUNCTIONS.search(query)
    if function:
        raise QueryError(f"function {function[1]}() is not covered by this evaluator")
    try:
        predicate: Predicate = _Builder().transform(_parser().parse(_COMMENT.sub(lambda m: m[1] or "", query)))
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from error
        raise
    except LarkError as error:
        where = f" at line {getattr(error, 'line', '?')}, column {getattr(error, 'column', '?')}"
        raise QueryError(f"not in the covered part of the logging query language{where}: {query!r}") from error
    return predicate


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="earley", lexer="dynamic", ambiguity="resolve")


def _unquote(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token


def _reach(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Every value at the path: a list on the way stands for each of its elements."""
    if isinstance(value, list):
        return [found for item in value for found in _reach(item, path)]
    if not path:
        return [] if value is None else [value]
    return _reach(value.get(path[0]), path[1:]) if isinstance(value, Mapping) else []


Test = Callable[[str, tuple[str, ...], Entry], bool]


class _Single:
    """One value to compare with; true when any value at the path fits."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, operator: str, path: tuple[str, ...], entry: Entry) -> bool:
        return any(_holds(operator, value, self.text, path) for value in _reach(entry, path))


def _contains(value: Any, text: str) -> bool:
    if isinstance(value, Mapping):
        return any(_contains(item, text) for item in value.values())
    if isinstance(value, list):
        return any(_contains(item, text) for item in value)
    return bool(text in _word(value))


def _holds(operator: str, value: Any, text: str, path: tuple[str, ...]) -> bool:
    if operator == ":":
        if text == "*":
            return True
        if isinstance(value, Mapping):
            return any(text.lower() in str(v).lower() for v in (*value.keys(), *value.values()))
        return bool(text.lower() in _word(value))
    if operator in ("=~", "!~"):
        found = _regex(text).search(str(value)) is not None
        return found == (operator == "=~")
    if operator in ("=", "!="):
        return (_word(value) == text.lower()) == (operator == "=")
    left, right = _ordered(value, text, path)
    return bool({">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator])


def _word(value: Any) -> str:
    return ("true" if value is True else "false" if value is False else str(value)).lower()


def _ordered(value: Any, text: str, path: tuple[str, ...]) -> tuple[Any, Any]:
    if path == ("severity",):
        if text.upper() not in _SEVERITIES:
            raise QueryError(f"{text} is no severity; one of {', '.join(_SEVERITIES)}")
        return _SEVERITIES.index(str(value).upper()), _SEVERITIES.index(text.upper())
    try:
        return float(value), float(text)
    except (TypeError, ValueError):
        return str(value), text


@lru_cache(maxsize=256)
def _regex(text: str) -> re.Pattern[str]:
    if re.search(r"\(\?[=!<]|\\[1-9]", text):
        raise QueryError(f"RE2 has no lookaround and no back references: {text!r}")
    try:
        return re.compile(text)
    except re.error as error:
        raise QueryError(f"not a regular expression: {text!r}: {error}") from error


class _Builder(Transformer[Token, Any]):
    def conjunction(self, parts: list[Predicate]) -> Predicate:
        return lambda entry: all(part(entry) for part in parts)

    def disjunction(self, parts: list[Predicate]) -> Predicate:
        return lambda entry: any(part(entry) for part in parts)

    def negation(self, parts: list[Predicate]) -> Predicate:
        return lambda entry: not parts[-1](entry)

    def path(self, parts: list[Token]) -> tuple[str, ...]:
        return tuple(_unquote(str(p)) for p in parts)

    def value(self, parts: list[Token]) -> Test:
        return _Single(_unquote(str(parts[0])))

    def all_of(self, parts: list[Test]) -> Test:
        return lambda o, p, e: all(part(o, p, e) for part in parts)

    def any_of(self, parts: list[Test]) -> Test:
        return lambda o, p, e: any(part(o, p, e) for part in parts)

    def not_value(self, parts: list[Test]) -> Test:
        return lambda o, p, e: not parts[0](o, p, e)

    def function(self, parts: list[Token]) -> Predicate:
        text = _unquote(str(parts[1]))
        if str(parts[0]).lower() == "source":
            return lambda entry: str(entry.get("logName", "")).startswith(f"{text}/logs/")
        ending = f"/logs/{text.replace('/', '%2F')}"
        return lambda entry: str(entry.get("logName", "")).replace("%2f", "%2F").endswith(ending)

    def anywhere(self, parts: list[Token]) -> Predicate:
        text = _unquote(str(parts[0])).lower()
        return lambda entry: _contains(entry, text)

    def comparison(self, parts: list[Any]) -> Predicate:
        path, operator, test = parts
        if str(operator) in ("!=", "!~") and not isinstance(test, _Single):
            raise QueryError(
                f"{'.'.join(path)}{operator}(…): write NOT {'.'.join(path)}=(…), whose meaning is documented"
            )
        return lambda entry: bool(test(str(operator), path, entry))
