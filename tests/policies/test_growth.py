"""What the judge does grows with the stack and no faster: counted in calls, which no busy machine changes."""

from __future__ import annotations

import datetime as dt
import sys
from types import FrameType
from typing import Any

import pytest

from policies import pack
from policies.judge import Judge
from policies.rule import Rule
from tools.bench.large import seconds, stack

SMALL, LARGE = 250, 2000
MOST = 1.5
"""How much faster than the stack the calls may grow; a rule that compares everything with everything shows eight."""
FEW = 5_000
"""Calls that are not worth a complaint."""
RULES = pack.rules()


def calls(rule: Rule, size: int) -> int:
    """How many functions one rule calls to judge a stack of that size."""
    graph = stack(size)
    assert graph.masker is None
    judge = Judge([rule], today=dt.date(2026, 11, 27))
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        for _ in judge.verdicts(graph):
            pass
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("rule", [r for r in RULES.values() if r.graph or r.scope == "stack"], ids=lambda r: r.id)
def test_no_rule_grows_faster_than_the_stack(rule: Rule) -> None:
    """Eight times the resources are about eight times the work, for every rule that looks beyond one resource."""
    large = calls(rule, LARGE)
    if large > FEW:
        assert large <= MOST * (LARGE / SMALL) * calls(rule, SMALL)


def test_the_measurement_names_every_rule() -> None:
    """The bench times each rule by itself, and the whole."""
    spent = seconds(Judge(list(RULES.values())[:3]), stack(50))
    assert set(spent) == {*list(RULES)[:3], ""}
