"""What a logging filter selects, judged on sample entries: yes, no, or maybe where a sample leaves a field open.

Reads Google Cloud's logging query language: comparisons (`= != > >= < <= : =~ !~`), grouped values, existence
(`field:*`), words searched in all fields, `log_id()`, `sample()`, AND, OR, NOT, `-`, parentheses, comments and lines
joined by an implied AND, with the language's own precedence: NOT, then OR, then AND. Other functions give maybe.
A filter that cannot be read raises `QueryError`: the API would refuse it.
Source: Google Cloud Logging documentation, "Logging query language".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

Entry = Mapping[str, Any]
Answer = bool | None
"""None is maybe: it depends on a field that the sample leaves open."""
Test = Callable[[Entry], Answer]


class _Any:
    """A field of a sample that may hold anything."""

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = _Any()


class Ending(str):
    """A field of a sample of which only the end is given: `Ending("/logs/x")` stands for every text ending so."""


class QueryError(ValueError):
    """The filter is not in the logging query language; says where."""


_SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")
_TOKEN = re.compile(
    r"""(?P<space>[\s]+|--[^\n]*)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<operator>!=|>=|<=|=~|!~|=|>|<|:)
    |(?P<mark>[(),])
    |(?P<word>[^\s"'()=<>!:~,]+)""",
    re.VERBOSE,
)


def selects(query: str, entry: Entry) -> Answer:
    """Whether the filter selects the entry. An empty filter selects everything. Raises QueryError."""
    return compile_query(query.strip())(entry)


@lru_cache(maxsize=1024)
def compile_query(query: str) -> Test:
    """The filter as a test of entries. Raises QueryError."""
    if not query:
        return lambda _entry: True
    return _Parser(query).parse()


def both(answers: list[Answer]) -> Answer:
    """AND over three values."""
    return False if False in answers else None if None in answers else True


def either(answers: list[Answer]) -> Answer:
    """OR over three values."""
    return True if True in answers else None if None in answers else False


def negate(answer: Answer) -> Answer:
    """NOT over three values."""
    return None if answer is None else not answer


class _Parser:
    def __init__(self, query: str) -> None:
        self.query = query
        self.tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(query):
            match = _TOKEN.match(query, position)
            if match is None:
                raise QueryError(f"unexpected {query[position : position + 20]!r} at {position} in {query!r}")
            position = match.end()
            if match.lastgroup and match.lastgroup != "space":
                self.tokens.append((match.lastgroup, match[0]))
        self.at = 0

    def parse(self) -> Test:
        test = self._conjunction()
        if self.at < len(self.tokens):
            self._fail()
        return test

    def _fail(self) -> None:
        found = repr(self.tokens[self.at][1]) if self.at < len(self.tokens) else "the end"
        raise QueryError(f"unexpected {found} in {self.query!r}")

    def _peek(self, *texts: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at][0] != "string" and self.tokens[self.at][1] in texts

    def _accept(self, *texts: str) -> bool:
        if self._peek(*texts):
            self.at += 1
            return True
        return False

    def _next(self, *kinds: str) -> str:
        if self.at >= len(self.tokens) or self.tokens[self.at][0] not in kinds:
            self._fail()
        self.at += 1
        return self.tokens[self.at - 1][1]

    def _conjunction(self) -> Test:
        tests = [self._disjunction()]
        while self.at < len(self.tokens) and not self._peek(")", ","):
            self._accept("AND")
            tests.append(self._disjunction())
        return tests[0] if len(tests) == 1 else lambda entry: both([t(entry) for t in tests])

    def _disjunction(self) -> Test:
        tests = [self._unary()]
        while self._accept("OR"):
            tests.append(self._unary())
        return tests[0] if len(tests) == 1 else lambda entry: either([t(entry) for t in tests])

    def _unary(self) -> Test:
        if self._accept("NOT", "-"):
            test = self._unary()
            return lambda entry: negate(test(entry))
        if self._accept("("):
            test = self._conjunction()
            if not self._accept(")"):
                self._fail()
            return test
        return self._term()

    def _term(self) -> Test:
        if self._peek("AND", "OR", ")", ","):
            self._fail()
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind == "word" and text.startswith("-") and len(text) > 1:
            self.tokens[self.at] = (kind, text[1:])
            test = self._term()
            return lambda entry: negate(test(entry))
        text = self._next("word", "string")
        if kind == "word" and self._peek("("):
            return self._function(text)
        while text.endswith(".") and self.at < len(self.tokens) and self.tokens[self.at][0] in ("string", "word"):
            text += self._next("string", "word")
        if self.at < len(self.tokens) and self.tokens[self.at][0] == "operator":
            return self._comparison(_path(text))
        word = _unquote(text).lower()
        return lambda entry: _anywhere(entry, word)

    def _comparison(self, path: tuple[str, ...]) -> Test:
        operator = self._next("operator")
        if not self._accept("("):
            return _compare(path, operator, self._next("word", "string"))
        test = self._group(path, operator)
        if not self._accept(")"):
            self._fail()
        return test

    def _group(self, path: tuple[str, ...], operator: str) -> Test:
        """`field=("a" OR "b")`: the same comparison with each value; AND, OR and NOT between the values."""
        every: list[Test] = []
        while True:
            some = [self._value(path, operator)]
            while self._accept("OR"):
                some.append(self._value(path, operator))
            every.append(lambda entry, some=tuple(some): either([t(entry) for t in some]))  # type: ignore[misc]
            if not self._accept("AND") and (self.at >= len(self.tokens) or self._peek(")")):
                return lambda entry: both([t(entry) for t in every])

    def _value(self, path: tuple[str, ...], operator: str) -> Test:
        if self._accept("NOT", "-"):
            test = self._value(path, operator)
            return lambda entry: negate(test(entry))
        if self._accept("("):
            test = self._group(path, operator)
            if not self._accept(")"):
                self._fail()
            return test
        return _compare(path, operator, self._next("word", "string"))

    def _function(self, name: str) -> Test:
        arguments: list[str] = []
        self._accept("(")
        while not self._accept(")"):
            if not self._accept(","):
                arguments.append(_unquote(self._next("word", "string")))
        while self.at < len(self.tokens) and self.tokens[self.at][0] == "operator":
            self.at += 1
            self._next("word", "string")
        if name == "log_id" and len(arguments) == 1:
            ending = "/logs/" + arguments[0].replace("/", "%2F")
            return lambda entry: str(entry.get("logName", "")).replace("%2f", "%2F").endswith(ending)
        if name == "sample" and len(arguments) == 2 and arguments[1] in ("1", "1.0"):
            return lambda _entry: True
        return lambda _entry: None


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in ("'", '"') else text


def _path(text: str) -> tuple[str, ...]:
    steps = re.findall(r'"(?:\\.|[^"\\])*"|[^."]+', text)
    return tuple(_unquote(step) for step in steps)


def _reach(value: Any, path: tuple[str, ...]) -> list[Any]:
    """Every value at the path: a list on the way stands for each of its elements, an open field for anything."""
    if isinstance(value, list | tuple):
        return [found for item in value for found in _reach(item, path)]
    if value is ANY or not path:
        return [] if value is None else [value]
    if not isinstance(value, Mapping):
        return []
    return _reach(value.get(path[0]), path[1:])


def _compare(path: tuple[str, ...], operator: str, literal: str) -> Test:
    text = _unquote(literal)
    if operator in ("!=", "!~"):
        same = _compare(path, "=" if operator == "!=" else "=~", literal)
        return lambda entry: negate(same(entry)) if _reach(entry, path) else None
    if operator == "=~":
        pattern = _regex(text)
        return lambda entry: either([_matches(pattern, value) for value in _reach(entry, path)])
    if operator in ("=", ":"):
        test = _equal if operator == "=" else _has
        star = operator == ":" and literal == "*"
        return lambda entry: either([star or test(value, text.lower()) for value in _reach(entry, path)])
    return lambda entry: either([_ordered(value, operator, text, path) for value in _reach(entry, path)])


def _word(value: Any) -> str:
    return ("true" if value is True else "false" if value is False else str(value)).lower()


def _equal(value: Any, text: str) -> Answer:
    if value is ANY:
        return None
    if isinstance(value, Ending):
        return None if text.endswith(value.lower()) else False
    return _word(value) == text


def _has(value: Any, text: str) -> Answer:
    if value is ANY:
        return None
    if isinstance(value, Mapping):
        return either([_has(item, text) for item in (*value.keys(), *value.values())])
    if isinstance(value, Ending):
        return True if text in value.lower() else None if text.endswith(value.lower()) or "/" not in text else False
    return text in _word(value)


def _matches(pattern: re.Pattern[str], value: Any) -> Answer:
    if value is ANY or isinstance(value, Ending):
        return True if isinstance(value, Ending) and pattern.search(value) else None
    return pattern.search(str(value)) is not None


def _ordered(value: Any, operator: str, text: str, path: tuple[str, ...]) -> Answer:
    if value is ANY or isinstance(value, Ending):
        return None
    left: Any
    right: Any
    if path == ("severity",) and text.upper() in _SEVERITIES and str(value).upper() in _SEVERITIES:
        left, right = _SEVERITIES.index(str(value).upper()), _SEVERITIES.index(text.upper())
    else:
        try:
            left, right = float(value), float(text)
        except (TypeError, ValueError):
            left, right = str(value), text
    return bool({">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator])


def _anywhere(value: Any, word: str) -> Answer:
    if value is ANY:
        return None
    if isinstance(value, Mapping):
        return either([_anywhere(item, word) for item in value.values()])
    if isinstance(value, list | tuple):
        return either([_anywhere(item, word) for item in value])
    return word in _word(value)


@lru_cache(maxsize=256)
def _regex(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise QueryError(f"not a regular expression: {text!r}: {error}") from error
