"""Every trap of the field, in stacks of its own: who falls in is told so by the right clause, who does not is not."""

from __future__ import annotations

import datetime as dt

import pytest

from policies.judge import Judge, Result
from policies.load import from_document
from policies.model import UNKNOWN
from policies.rules import load_all
from tests.policies.traps.parts import but
from tests.policies.traps.stacks import Part, Trap, documents
from tests.policies.traps.table import HIDDEN, TRAPS

RULES = load_all()
FORMS = ("digest", "export")


def verdicts(parts: tuple[Part, ...], form: str) -> list[Result]:
    return Judge(list(RULES.values()), today=dt.date(2026, 11, 27)).judge_graph(from_document(documents(parts)[form]))


def told(results: list[Result]) -> set[tuple[str, str]]:
    """Rules and clauses of what is wrong or stops."""
    assert not [r for r in results if r.crashed]
    return {(r.rule.id, r.rule.clause) for r in results if r.outcome == "fail" or r.blocking}


def undecided(results: list[Result]) -> set[str]:
    return {r.rule.id for r in results if r.outcome == "undetermined"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("trap", TRAPS, ids=lambda t: f"{t.number}-{t.what}")
def test_trap_is_seen_and_its_absence_too(trap: Trap, form: str) -> None:
    """The weak stack is failed by the rule of that trap; no rule of that trap fails or doubts the same stack mended."""
    good, bad = verdicts(trap.good, form), verdicts(trap.bad, form)
    about = {rule.id for rule in RULES.values() if trap.number in rule.traps}
    assert (trap.rule, trap.clause) in told(bad)
    assert trap.rule in about
    assert {rule for rule, _ in told(good)} & about == set()
    assert undecided(good) & about == set()


def test_every_trap_has_its_stacks() -> None:
    """All fifty-three are here: the first fifty-two as stacks, the last for values of every kind."""
    assert {trap.number for trap in TRAPS} == set(range(1, 53))
    assert {rule for _, _, rule in HIDDEN} <= set(RULES)


@pytest.mark.parametrize(("good", "path", "rule"), HIDDEN, ids=lambda v: v if isinstance(v, str) else None)
def test_a_value_from_nowhere_is_never_a_silent_pass(good: Part, path: str, rule: str) -> None:
    """Trap 53: unknown, and no edge that leads anywhere."""
    found = [r for r in verdicts((but(good, path, UNKNOWN),), "digest") if r.rule.id == rule]
    assert [r.outcome for r in found] == ["undetermined"]
