"""What the policy pack found: from the engine's own log first, completed by judgements of the same run."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from review import shapes
from review.mask import visible
from review.model import Check, Finding, Outcome
from review.policy import Rule, order
from review.problems import ReviewError
from review.run import Run, type_of

_HEAD = re.compile(r"^([A-Z]{3}-\d+) (.*)$")
_LINE = re.compile(r"^  (where|found|undetermined|fix|why)\s+(.*)$")
_OUTCOMES: Final = ("pass", "fail", "not_applicable", "undetermined", "waived")
SEVERITIES: Final = ("critical", "high", "medium", "low", "")


def read_summary(path: Path | None) -> dict[str, Any]:
    """The pack's own judgement.json, or nothing."""
    if path is None:
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: the judgement cannot be read: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("counts", {}), dict):
        raise ReviewError(f"{path} is not a judgement: expected an object with `counts`.")
    try:
        counted = shapes.counts(document.get("counts"))
        kinds = {kind: [_record(one, kind) for one in document[kind] or ()] for kind in _OUTCOMES if kind in document}
    except (TypeError, ValueError) as error:
        raise ReviewError(f"{path} is not a judgement: {error}.") from None
    return {**document, "counts": counted, **kinds}


def _record(one: Any, kind: str = "") -> dict[str, Any]:
    """A verdict, of a kind that goes without saying where it lies in a list of these; its waiver is an object."""
    outcome = one.get("outcome", kind) if isinstance(one, dict) else None
    if outcome not in _OUTCOMES or "rule" not in one:
        raise ValueError("expected an object with `rule` and `outcome`")
    return {**one, "outcome": outcome, "waiver": shapes.mapping(one.get("waiver"))}


def read_results(path: Path | None) -> list[dict[str, Any]]:
    """The lines of `python -m policies judge DIGEST --json`, or nothing."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ReviewError(f"{path}: the verdicts cannot be read: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found += [_record(json.loads(line))] if line.strip() else []
        except (ValueError, RecursionError) as error:
            raise ReviewError(f"{path}:{number} is not a verdict: {error}.") from None
    return found


def findings(
    run: Run, summary: dict[str, Any], results: list[dict[str, Any]], known: Mapping[str, Rule]
) -> tuple[Finding, ...]:
    """What is not a pass, worst first, each rule and resource once."""
    found: dict[tuple[str, str], Finding] = {}
    for event in run.log.policies if run.log else ():
        finding = _of_event(run, event, known)
        there = found.get((finding.rule, finding.urn))
        if there is None or (not there.blocking, there.found) > (not finding.blocking, finding.found):
            found[finding.rule, finding.urn] = finding
    for record in (*(r for kind in ("fail", "undetermined", "waived") for r in summary.get(kind) or ()), *results):
        if record.get("outcome") in ("fail", "undetermined", "waived"):
            finding = _of_record(run, record, known)
            found.setdefault((finding.rule, finding.urn), finding)
    return tuple(sorted(found.values(), key=rank))


def rank(finding: Finding) -> tuple[Any, ...]:
    """Sort key: what blocks first, then by severity and clause."""
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else len(SEVERITIES)
    return (not finding.blocking, severity, order(finding.clause), finding.rule, finding.urn)


def _place(run: Run, urn: str) -> dict[str, Any]:
    file, line = run.steps[urn].place if urn in run.steps else ("", 0)
    return {"file": file, "line": line, "name": urn.rsplit("::", 1)[-1] if urn else "the stack"}


def _subject(urn: Any) -> str:
    """The URN; empty for the whole stack, which the engine reports under the URN of the stack itself."""
    text = str(urn or "")
    return "" if type_of(text) == "pulumi:pulumi:Stack" else text


def _of_event(run: Run, event: dict[str, Any], known: Mapping[str, Rule]) -> Finding:
    head, *rest = visible(event["message"]).strip().split("\n")
    titled = _HEAD.match(head)
    parts: dict[str, list[str]] = {}
    for line in rest:
        if match := _LINE.match(line):
            parts.setdefault(match[1], []).append(match[2])
        elif line.strip() and "found" in parts:
            parts["found"].append(line.strip())
    open_ = "undetermined" in parts and "found" not in parts
    said = parts.get("undetermined" if open_ else "found") or ([] if titled else [head, *rest])
    rule, urn = event["policyName"], _subject(event.get("resourceUrn"))
    listed = known.get(rule)
    return Finding(
        rule=rule,
        clause=titled[1] if titled else listed.clause if listed else "",
        title=titled[2] if titled else listed.title if listed else rule,
        outcome="undetermined" if open_ else "fail",
        level=str(event.get("enforcementLevel") or ""),
        severity=str(event.get("severity") or (listed.severity if listed else "")),
        urn=urn,
        found="\n".join(said),
        fix="\n".join(parts.get("fix", ())),
        path=_property(said),
        **_place(run, urn),
    )


def _property(said: list[str]) -> str:
    match = re.match(r"^([A-Za-z_][\w.\[\]]*): ", said[0]) if said else None
    return match[1] if match else ""


def _of_record(run: Run, record: dict[str, Any], known: Mapping[str, Rule]) -> Finding:
    waiver = record["waiver"]
    level = "mandatory" if record.get("blocking") else ""
    rule, urn = str(record["rule"]), _subject(record.get("urn"))
    listed = known.get(rule)
    return Finding(
        rule=rule,
        clause=str(record.get("clause") or (listed.clause if listed else "")),
        title=str(record.get("title") or (listed.title if listed else rule)),
        outcome=record["outcome"],
        level=level,
        severity=str(record.get("severity") or (listed.severity if listed else "")),
        urn=urn,
        found=str(record.get("message") or ""),
        fix=str(record.get("fix") or ""),
        path=str(record.get("property") or ""),
        owner=str(waiver.get("owner") or ""),
        expires=str(waiver.get("expires") or ""),
        reason=str(waiver.get("reason") or ""),
        **_place(run, urn),
    )


def checks(
    run: Run, found: tuple[Finding, ...], results: list[dict[str, Any]], known: Mapping[str, Rule]
) -> tuple[Check, ...]:
    """Every rule on every resource. The engine's word stands; verdicts on the digest add what the log cannot hold."""
    clauses = {rule: listed.clause for rule, listed in known.items()} | {f.rule: f.clause for f in found}
    clauses |= {str(r["rule"]): str(r["clause"]) for r in results if r.get("clause")}
    made: dict[tuple[str, str], Check] = {}
    for rule, urn in _passed(run):
        made[rule, urn] = Check(rule=rule, clause=clauses.get(rule, ""), urn=urn, outcome="pass")
    for finding in found:
        by_engine = bool(finding.level) and run.log is not None
        made[finding.rule, finding.urn] = Check(
            rule=finding.rule,
            clause=finding.clause,
            urn=finding.urn,
            outcome=finding.outcome,
            reason=finding.found or finding.reason,
            by_engine=by_engine,
        )
    for record in results:
        rule, urn = str(record["rule"]), _subject(record.get("urn"))
        outcome: Outcome = record["outcome"]
        stands = made.get((rule, urn)) or (made.get((rule, "")) if outcome == "pass" else None)
        if stands is None or (stands.outcome == "pass" and outcome == "not_applicable"):
            reason = str(record.get("message") or "")
            made[rule, urn] = Check(
                rule=rule, clause=clauses.get(rule, ""), urn=urn, outcome=outcome, reason=reason, by_engine=False
            )
        elif stands.urn == "" and urn:
            made[rule, urn] = Check(rule=rule, clause=clauses.get(rule, ""), urn=urn, outcome=outcome)
    detailed = {rule for rule, urn in made if urn}
    kept = (c for (rule, urn), c in made.items() if urn or rule not in detailed or c.outcome != "pass")
    return tuple(sorted(kept, key=lambda c: (order(c.clause), c.rule, c.urn)))


def _passed(run: Run) -> Iterator[tuple[str, str]]:
    if run.log is None:
        return
    for body in run.log.analysed:
        urn = _subject(body.get("resourceUrn"))
        for rule in body.get("passed") or ():
            yield sys.intern(rule), urn
    for body in run.log.stack_analysed:
        yield from ((rule, "") for rule in body["passed"])
