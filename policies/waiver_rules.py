"""Rules about exceptions themselves: a waiver that has ended or covers nothing is a violation of its own, and what the
configuration loosens is told in every judgement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.judge import Judge, Result
from policies.rule import Finding, Rule, fail_stack

WAIVER_LIVE = Rule(
    id="waiver-not-expired",
    clause="CHG-3",
    title="Every waiver is still running",
    severity="high",
    types=(),
    scope="stack",
    waivable=False,
    fix="remove the waiver and fix its cause, or have it renewed with a new `expires`",
    why="An exception was accepted until a day; after it nobody has accepted the risk any more.",
    check=lambda _graph: (),
)
WAIVER_USED = Rule(
    id="waiver-in-use",
    clause="CHG-3",
    title="Every waiver covers a finding",
    severity="low",
    types=(),
    scope="stack",
    waivable=False,
    fix="remove the waiver: nothing in the stack needs it",
    why="A waiver nobody needs waits for the day when it hides something.",
    check=lambda _graph: (),
)
CONFIGURED: Final = Rule(
    id="configuration-loosens-nothing",
    clause="CHG-3",
    title="The pack's configuration loosens no rule",
    severity="low",
    types=(),
    scope="stack",
    level="advisory",
    waivable=False,
    fix="remove the rules from the configuration; a single finding is accepted by a waiver, with an owner and an end",
    why="A rule that is switched off judges nothing, and nobody sees that it does not. A company may choose its rules, "
    "but not silently: each judgement says what it leaves out, as something waived.",
    check=lambda _graph: (),
)
WAIVER_RULES: dict[str, Rule] = {rule.id: rule for rule in (WAIVER_LIVE, WAIVER_USED, CONFIGURED)}


def judge_exceptions(judge: Judge, stack: str) -> Iterator[Result]:
    """Verdicts about the waivers that speak of this stack, and about the configuration, once the judge has finished."""
    yield from _judge_waivers(judge, stack)
    if judge.loosened:
        told = tuple(fail_stack(message) for message in judge.loosened)
        yield Result(CONFIGURED, None, "waived", told)


def _judge_waivers(judge: Judge, stack: str) -> Iterator[Result]:
    expired: list[Finding] = []
    unused: list[Finding] = []
    for index, waiver in enumerate(judge.waivers):
        if not waiver.about(stack):
            continue
        label = f"waiver of {waiver.rule} for {waiver.resource}" + (f" (line {waiver.line})" if waiver.line else "")
        if waiver.expires < judge.today:
            expired.append(fail_stack(f"the {label} ended on {waiver.expires}"))
        elif index not in judge.used_waivers:
            unused.append(fail_stack(f"the {label} covers nothing in this stack"))
    for rule, findings in ((WAIVER_LIVE, expired), (WAIVER_USED, unused)):
        if judge.waivers:
            yield Result(rule, None, "fail" if findings else "pass", tuple(findings))
