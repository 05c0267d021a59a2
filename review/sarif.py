"""SARIF 2.1.0: each finding at the line that made the resource; its fingerprint outlives line numbers."""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from typing import Any, Final

from review.model import Finding, Review

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_FALLBACK: Final = "__main__.py"
"""The program itself, for a finding about the whole stack or a resource without a known place."""
_SCORES: Final = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}
"""GitHub's security severity, in the middle of its own bands (critical from 9.0, high 7.0, medium 4.0)."""


def write(review: Review) -> str:
    """The log as text. Passes are not results; undetermined ones are `open`, waived ones suppressed."""
    found = [f for f in review.findings if f.outcome in ("fail", "undetermined", "waived")]
    rules = sorted({f.rule for f in found})
    by_rule = {f.rule: f for f in sorted(found, key=lambda f: (f.rule, f.urn), reverse=True)}
    driver = {
        "name": "secure-hosting",
        "informationUri": "https://www.pulumi.com/docs/insights/policy/",
        "rules": [_rule(by_rule[rule], review) for rule in rules],
    }
    version = review.packs.get("secure-hosting")
    run = {
        "tool": {"driver": {**driver, **({"version": version} if version else {})}},
        "automationDetails": {"id": f"secure-hosting/{review.project}/{review.stack}/"},
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
        "columnKind": "utf16CodeUnits",
        "invocations": [_invocation(review)],
        "results": [_result(f, rules.index(f.rule), review) for f in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1, ensure_ascii=False) + "\n"


def _rule(finding: Finding, review: Review) -> dict[str, Any]:
    clause = next((c for c in review.clauses if c.id == finding.clause), None)
    return {
        "id": finding.rule,
        "name": "".join(part.capitalize() for part in finding.rule.split("-")),
        "shortDescription": {"text": f"{finding.clause} {finding.title}".strip()},
        "fullDescription": {"text": clause.text if clause else finding.title},
        "help": {"text": f"Write: {finding.fix}" if finding.fix else "python -m policies explain " + finding.rule},
        "defaultConfiguration": {"level": _level(finding)},
        "properties": {
            "tags": sorted({"security", finding.clause, finding.clause.split("-")[0]} - {""}),
            "security-severity": _SCORES.get(finding.severity, "5.5"),
        },
    }


def _level(finding: Finding) -> str:
    return (
        "error" if finding.severity in ("critical", "high") else "warning" if finding.severity == "medium" else "note"
    )


def _result(finding: Finding, index: int, review: Review) -> dict[str, Any]:
    text = f"{finding.clause} {finding.title}: {finding.found or finding.reason or finding.outcome} ({finding.name})"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "kind": "open" if finding.outcome == "undetermined" else "fail",
        "level": "none" if finding.outcome == "undetermined" else _level(finding),
        "message": {"text": text.strip()},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": urllib.parse.quote(finding.file or _FALLBACK),
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": finding.line or 1},
                },
                "logicalLocations": [
                    {"name": finding.name, "fullyQualifiedName": finding.urn or review.stack, "kind": "resource"}
                ],
            }
        ],
        "partialFingerprints": {"secureHosting/v1": fingerprint(finding, review)},
        "properties": {"property": finding.path, "blocking": finding.blocking},
    }
    if finding.outcome == "waived":
        why = f"{finding.reason} ({finding.owner}, until {finding.expires})"
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": why}]
    return result


def fingerprint(finding: Finding, review: Review) -> str:
    """The same finding keeps it when lines move or messages are reworded."""
    parts = (review.project, review.stack, finding.rule, finding.urn, finding.path)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _invocation(review: Review) -> dict[str, Any]:
    notes = [
        {"level": level, "message": {"text": text}}
        for level, texts in (("error", review.errors), ("warning", (*review.limits, *review.warnings)))
        for text in texts
    ]
    proven = review.verdict not in ("failed", "unproven")
    return {"executionSuccessful": proven, "toolExecutionNotifications": notes}
