"""How a verdict is put into words and records: the same facts for the engine's messages, JSON lines and the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from policies.judge import Result


def reason(result: Result) -> str:
    """What was found, one line a place."""
    return "\n".join(f"{f.path}: {f.message}" if f.path else f.message for f in result.findings)


def message(result: Result) -> str:
    """The block a person reads under a violation: clause, what was found where, what to write, where to read why."""
    rule = result.rule
    lines = [f"{rule.clause} {rule.title}"]
    if result.resource is not None:
        place = f" ({result.resource.position})" if result.resource.position else ""
        lines.append(f"  where  {result.resource.type}  {result.resource.name}{place}")
    label = "found" if result.outcome != "undetermined" else "undetermined"
    for finding in result.findings:
        lines.append(f"  {label}  {finding.path + ': ' if finding.path else ''}{finding.message}")
    lines += [f"  fix    {rule.fix}", f"  why    python -m policies explain {rule.id}"]
    return "\n".join(lines)


def record(result: Result) -> dict[str, Any]:
    """The verdict as one JSON object (without the file it came from)."""
    paths = [f.path for f in result.findings if f.path]
    made: dict[str, Any] = {
        "rule": result.rule.id,
        "clause": result.rule.clause,
        "outcome": result.outcome,
        "severity": result.rule.severity,
        "urn": result.resource.urn if result.resource else None,
        "property": paths[0] if paths else None,
        "message": reason(result),
        "references": list(result.rule.references),
    }
    if result.resource and result.resource.position:
        made["position"] = result.resource.position
    if result.waiver:
        made["waiver"] = {
            "owner": result.waiver.owner,
            "expires": str(result.waiver.expires),
            "reason": result.waiver.reason,
        }
    return made


def summary(results: Iterable[Result]) -> dict[str, Any]:
    """Counts by outcome and clause, with everything that is not a pass spelled out."""
    counts: Counter[str] = Counter()
    by_clause: dict[str, Counter[str]] = {}
    spelled: dict[str, list[dict[str, Any]]] = {"fail": [], "undetermined": [], "waived": []}
    for result in results:
        counts[result.outcome] += 1
        by_clause.setdefault(result.rule.clause, Counter())[result.outcome] += 1
        if result.outcome in spelled:
            extra = {"title": result.rule.title, "fix": result.rule.fix, "blocking": result.blocking}
            spelled[result.outcome].append({**record(result), **extra})
    return {
        "counts": {"checks": sum(counts.values()), **dict(sorted(counts.items()))},
        "by_clause": {clause: dict(c) for clause, c in sorted(by_clause.items())},
        **spelled,
    }
