"""Rules about the waivers themselves: an exception that has ended or covers nothing is a violation of its own."""

from __future__ import annotations

from collections.abc import Iterator

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
WAIVER_RULES: dict[str, Rule] = {rule.id: rule for rule in (WAIVER_LIVE, WAIVER_USED)}


def judge_waivers(judge: Judge, stack: str) -> Iterator[Result]:
    """Verdicts about the waivers that speak of this stack, once the judge has finished with it."""
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
