"""Every rule, on the cases that famous rules miss: compliant, absent, wrong, unknown, not applicable, waived.

The cases come from the examples that each rule carries, so that none can be registered without them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from policies.clauses import CLAUSES
from policies.graph import Graph
from policies.judge import Judge, Result
from policies.model import UNKNOWN
from policies.rule import Rule, Sample
from policies.rules import load_all
from policies.waivers import Waiver
from tests.policies.examples import graph, of_scope, samples, with_value

RULES = load_all()
TODAY = dt.date(2026, 11, 22)


def verdicts(rule: Rule, stack: Graph, *waivers: Waiver) -> list[Result]:
    """The verdicts of one rule: about the first resource of the example, or about the stack for a stack rule."""
    judge = Judge([rule], waivers=waivers, today=TODAY)
    if rule.scope == "stack":
        return judge.judge_stack_rules(stack)
    return [judge.apply(rule, stack.resources[0])]


def outcome(rule: Rule, parts: tuple[Sample, ...], *waivers: Waiver) -> str:
    """The worst outcome of the rule on the example."""
    found = {r.outcome for r in verdicts(rule, graph(parts), *waivers)}
    assert not any(r.crashed for r in verdicts(rule, graph(parts), *waivers)), verdicts(rule, graph(parts), *waivers)
    return next(o for o in ("fail", "undetermined", "waived", "not_applicable", "pass") if o in found)


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(rule, samples(rule, example), id=f"{rule.id}-{kind}{i}")
        for rule in RULES.values()
        for i, example in enumerate(getattr(rule, kind))
    ]


def decided(value: object) -> list[Any]:
    """A good example of each resource rule with one deciding property replaced by `value`."""
    made = []
    for rule in RULES.values():
        for path in rule.decides if rule.good else ():
            first, *rest = samples(rule, rule.good[0])
            changed = dataclasses.replace(first, props=with_value(first.props, path, value))
            made.append(pytest.param(rule, (changed, *rest), id=f"{rule.id}-{path}"))
    return made


@pytest.mark.parametrize(("rule", "parts"), cases("good"))
def test_good_example_passes(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A compliant resource raises no false alarm."""
    assert outcome(rule, parts) == "pass"


@pytest.mark.parametrize(("rule", "parts"), cases("bad"))
def test_bad_example_fails(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A wrong value is a failure."""
    assert outcome(rule, parts) == "fail"


@pytest.mark.parametrize(("rule", "parts"), cases("not_applicable"))
def test_exempt_example_is_not_applicable(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A resource that cannot have the fact is neither a pass nor a failure."""
    assert outcome(rule, parts) == "not_applicable"


@pytest.mark.parametrize(("rule", "parts"), decided(None))
def test_absent_value_ends_as_declared(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """Leaving the deciding property out is judged on purpose, not by accident."""
    assert outcome(rule, parts) == rule.absent


@pytest.mark.parametrize(("rule", "parts"), decided(UNKNOWN))
def test_unknown_value_without_provenance_is_never_a_pass(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A value that is known only after apply, coming from nowhere, is undetermined."""
    bare = tuple(dataclasses.replace(part, depends={}) for part in parts)
    assert outcome(rule, bare) in ("undetermined", "fail")


@pytest.mark.parametrize(("rule", "parts"), [p for p in decided(UNKNOWN) if p.values[0].provenance])
def test_unknown_value_passes_by_provenance(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A value that is known only after apply passes when the edge leads to a fitting resource."""
    assert outcome(rule, parts) == "pass"


@pytest.mark.parametrize(("rule", "parts"), cases("bad"))
def test_waiver_turns_failure_into_waived_until_it_expires(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A live waiver excuses a failure visibly, an expired one does not, and some rules cannot be waived."""
    names = {r.name for r in verdicts(rule, graph(parts))}
    common: dict[str, Any] = {
        "rule": rule.id,
        "owner": "team-platform",
        "reason": "a documented reason",
        "compensating_control": "watched daily",
    }
    live = [Waiver(resource=n, expires=TODAY, **common) for n in names]
    late = [Waiver(resource=n, expires=TODAY - dt.timedelta(days=1), **common) for n in names]
    assert outcome(rule, parts, *live) == ("waived" if rule.waivable else "fail")
    assert outcome(rule, parts, *late) == "fail"


def kinds() -> dict[str, set[str]]:
    """By rule, the kinds of cases that the tests above and in `test_metamorphic` make for it: what is really run."""
    made: dict[str, set[str]] = {rule.id: set() for rule in RULES.values()}
    for kind, params in {
        "compliant": cases("good"),
        "wrong": cases("bad"),
        "waived": cases("bad"),
        "not applicable": cases("not_applicable"),
        "absent": decided(None),
        "unknown": decided(UNKNOWN),
        "provenance": [p for p in decided(UNKNOWN) if p.values[0].provenance],
    }.items():
        for param in params:
            made[param.values[0].id].add(kind)
    for param in of_scope(RULES, "stack", "bad"):
        made[param.values[0].id].add("unknown")
    return made


def stranger(rule: Rule) -> Graph:
    """A stack with one resource that the rule is not about."""
    return graph((Sample("acme:other/thing:Thing", {"name": "other"}),))


@pytest.mark.parametrize("rule", [pytest.param(r, id=r.id) for r in RULES.values() if "*" not in r.types])
def test_what_the_rule_is_not_about_is_not_judged(rule: Rule) -> None:
    """Another type gets no verdict of a resource rule; a stack without its types fails no rule that names some."""
    judge, stack = Judge([rule], today=TODAY), stranger(rule)
    if rule.scope == "resource":
        assert judge.judge_graph(stack) == []
    elif rule.types:
        assert {r.outcome for r in judge.judge_graph(stack)} <= {"pass", "not_applicable"}


def test_no_rule_lacks_a_kind_of_case() -> None:
    """Compliant, wrong, waived and unknown for each; absent where a property decides; provenance where it counts."""
    made = kinds()
    lacking = {}
    for rule in RULES.values():
        wanted = {"compliant", "wrong", "waived", "unknown"}
        wanted |= {"absent"} if rule.scope == "resource" else set()
        wanted |= {"provenance"} if rule.provenance else set()
        if missing := wanted - made[rule.id]:
            lacking[rule.id] = missing
    assert lacking == {}


@pytest.mark.parametrize(
    ("without", "missing"),
    [("good", "compliant"), ("bad", "wrong"), ("decides", "absent"), ("decides", "unknown"), ("decides", "provenance")],
)
def test_a_case_that_is_taken_away_is_missed(without: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the tests: a rule robbed of its examples no longer has that kind of case."""
    rule = RULES["storage-no-self-logging"]
    assert missing in kinds()[rule.id]
    monkeypatch.setitem(RULES, rule.id, dataclasses.replace(rule, **{without: ()}))
    assert missing not in kinds()[rule.id]


def test_every_rule_carries_its_proof() -> None:
    """No rule lacks good and bad examples, a deciding property (or stack scope), a known clause, a fix and a reason."""
    lacking = {
        rule.id: [
            what
            for what, there in (
                ("good", rule.good),
                ("bad", rule.bad),
                ("decides", rule.decides or rule.scope == "stack"),
                ("clause", rule.clause in CLAUSES),
                ("fix", rule.fix),
                ("why", rule.why),
            )
            if not there
        ]
        for rule in RULES.values()
    }
    assert {rule: what for rule, what in lacking.items() if what} == {}
