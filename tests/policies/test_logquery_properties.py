"""Laws of the logging query language, over made-up filters and entries; and two evaluators that must not differ.

The judge's evaluator answers yes, no or maybe, the local cloud's yes or no, and neither knows the other's code. On an
entry without open fields they agree; where they differ, one of them misreads the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.logquery import QueryError as Refused
from localcloud.logquery import matches
from policies.logquery import ANY, QueryError, selects

LAWS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = ("alpha", "Beta", "beta gamma", "a.b/c", 'quo"te', "back\\slash", "ALPHA", "x", "10", "9")
FIELDS = ("resource.type", "protoPayload.methodName", 'labels."k8s.io/app"', "protoPayload.code", "insertId")
SEVERITIES = ("DEFAULT", "INFO", "NOTICE", "ERROR")


def quoted(text: str) -> str:
    """A value as one writes it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


words = st.sampled_from(WORDS)
fields = st.sampled_from(FIELDS)
entries: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "severity": st.sampled_from(SEVERITIES),
        "insertId": words,
        "resource": st.fixed_dictionaries({"type": words}),
        "labels": st.fixed_dictionaries({"k8s.io/app": words}),
        "protoPayload": st.fixed_dictionaries(
            {"methodName": st.one_of(words, st.lists(words, min_size=1, max_size=3)), "code": st.integers(8, 11)}
        ),
    }
)
comparisons = st.one_of(
    st.builds(lambda f, o, w: f"{f}{o}{quoted(w)}", fields, st.sampled_from(("=", ":")), words),
    st.builds(lambda f, w: f"{f}=~{quoted(w.replace(chr(92), '.').replace('(', '.'))}", fields, words),
    st.builds(
        lambda o, n: f"protoPayload.code{o}{n}", st.sampled_from(("<", "<=", ">", ">=", "=")), st.integers(8, 11)
    ),
    st.builds(
        lambda o, s: f"severity{o}{s}", st.sampled_from(("<", "<=", ">", ">=", "=", "!=")), st.sampled_from(SEVERITIES)
    ),
    st.builds(lambda f, ws: f"{f}=({' OR '.join(map(quoted, ws))})", fields, st.lists(words, min_size=1, max_size=3)),
    st.builds(lambda f: f"{f}:*", fields),
    st.builds(quoted, words),
)
filters = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(lambda a, b, op: f"({a}) {op} ({b})", inner, inner, st.sampled_from(("AND", "OR", "\n"))),
        st.builds(lambda a, op: f"{op}({a})", inner, st.sampled_from(("NOT ", "-"))),
    ),
    max_leaves=5,
)


@LAWS
@given(filters, entries)
def test_the_two_evaluators_agree(query: str, entry: Mapping[str, Any]) -> None:
    """Written apart from the documentation, with another parser and another logic."""
    assert selects(query, entry) is matches(query, entry), query


@LAWS
@given(filters, filters, entries)
def test_and_or_and_not_are_those_of_logic(a: str, b: str, entry: Mapping[str, Any]) -> None:
    """Double negation, De Morgan, and that the order of parts is of no matter."""
    for read in (selects, matches):
        one, two = read(a, entry), read(b, entry)
        assert read(f"NOT (NOT ({a}))", entry) is one
        assert read(f"({a}) AND ({b})", entry) is (one and two)
        assert read(f"({b}) OR ({a})", entry) is (one or two)
        assert read(f"NOT (({a}) AND ({b}))", entry) is read(f"(NOT ({a})) OR (NOT ({b}))", entry)
        assert read(f"({a})\n({b})", entry) is (one and two)


@LAWS
@given(comparisons, comparisons, comparisons, entries)
def test_or_binds_closer_than_and(a: str, b: str, c: str, entry: Mapping[str, Any]) -> None:
    """Not as in most languages: `a AND b OR c` is `a AND (b OR c)`."""
    for read in (selects, matches):
        assert read(f"{a} AND {b} OR {c}", entry) is read(f"({a}) AND (({b}) OR ({c}))", entry)
        assert read(f"NOT {a} OR {c}", entry) is read(f"(NOT ({a})) OR ({c})", entry)


@LAWS
@given(fields, st.lists(words, min_size=1, max_size=3), entries)
def test_a_group_of_values_is_each_of_them(field: str, values: list[str], entry: Mapping[str, Any]) -> None:
    """`field=("a" OR "b")` is short for both comparisons."""
    long = " OR ".join(f"{field}={quoted(value)}" for value in values)
    short = f"{field}=({' OR '.join(map(quoted, values))})"
    for read in (selects, matches):
        assert read(short, entry) is read(long, entry)


@LAWS
@given(fields, words, entries)
def test_equal_does_not_mind_the_case_and_contains_is_wider(field: str, word: str, entry: Mapping[str, Any]) -> None:
    """What equals a value also holds it."""
    for read in (selects, matches):
        assert read(f"{field}={quoted(word.upper())}", entry) is read(f"{field}={quoted(word.lower())}", entry)
        if read(f"{field}={quoted(word)}", entry):
            assert read(f"{field}:{quoted(word)}", entry) is True


@LAWS
@given(filters, entries, st.sampled_from(("resource", "labels", "protoPayload", "insertId")))
def test_maybe_is_never_wrong(query: str, entry: Mapping[str, Any], opened: str) -> None:
    """What the judge decides with a field left open holds whatever stands there; maybe is said, never guessed."""
    answer = selects(query, {**entry, opened: ANY})
    if answer is not None:
        assert selects(query, entry) is answer


@LAWS
@given(st.text(max_size=40))
def test_whatever_one_evaluator_reads_the_other_does_not_read_otherwise(text: str) -> None:
    """Arbitrary text is refused, or read the same; the local cloud refuses more."""
    entry = {"severity": "INFO", "resource": {"type": "x"}, "textPayload": "hello world"}
    try:
        there = matches(text, entry)
    except Refused:
        return
    try:
        here = selects(text, entry)
    except QueryError:
        pytest.fail(f"the judge refuses what the local cloud reads: {text!r}")
    assert here in (there, None)
