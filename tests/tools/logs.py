"""Event logs as the engine writes them, for runs that went well and runs that did not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.pack import Pack

PACK = Pack(
    version="1.2.0",
    levels={
        "key-rotates": "mandatory",
        "bucket-closed": "mandatory",
        "labels": "advisory",
        "stack-logged": "mandatory",
    },
    resource_rules=frozenset({"key-rotates", "bucket-closed", "labels"}),
)
URN = "urn:pulumi:prod::secure-hosting::gcp:kms/cryptoKey:CryptoKey::orders"
OTHER = "urn:pulumi:prod::secure-hosting::gcp:storage/bucket:Bucket::exports"
Event = dict[str, Any]


def pre(urn: str, op: str = "create", **new: Any) -> Event:
    """A step begins."""
    return {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "new": {"urn": urn, **new}}}}


def about_pack(version: str = "1.2.0", **more: Any) -> Event:
    """What every event of the pack carries."""
    return {"policyPackName": "secure-hosting", "policyPackVersion": version, "policyPackVersionTag": version, **more}


def judged(urn: str, *passed: str, version: str = "1.2.0", on: frozenset[str] = PACK.resource_rules) -> list[Event]:
    """The pack's two answers for one resource."""
    return [
        {"policyRemediateSummaryEvent": about_pack(version, resourceUrn=urn, passed=sorted(on))},
        {"policyAnalyzeSummaryEvent": about_pack(version, resourceUrn=urn, passed=list(passed))},
    ]


def violation(
    rule: str, *, urn: str = URN, level: str = "mandatory", message: str = "", severity: str = "high"
) -> Event:
    """A policy event."""
    text = message or f"ENC-2 {rule} is broken\n  where  gcp:kms/cryptoKey:CryptoKey  orders\n  fix    write it"
    fields = {"policyName": rule, "message": text, "enforcementLevel": level, "severity": severity, "color": "never"}
    return {"policyEvent": about_pack(resourceUrn=urn, **fields)}


def error(message: str, urn: str = "", severity: str = "error") -> Event:
    """A diagnostic."""
    return {"diagnosticEvent": {"message": message, "severity": severity, "urn": urn, "color": "never"}}


def end(version: str | None = "1.2.0", **changes: int) -> Event:
    """The summary of the run."""
    packs = {"secure-hosting|local|/checkout/policies": version} if version else {}
    return {"summaryEvent": {"resourceChanges": changes or {"create": 2}, "PolicyPacks": packs, "isPreview": True}}


def good() -> list[Event]:
    """A run in which everything was judged."""
    return [
        *judged(URN, "key-rotates"),
        pre(URN),
        *judged(OTHER, "bucket-closed"),
        pre(OTHER),
        {"policyAnalyzeStackSummaryEvent": about_pack(passed=["stack-logged"])},
        end(),
    ]


def without(kind: str) -> list[Event]:
    """The good run, without one kind of event."""
    return [event for event in good() if kind not in event]


def write(path: Path, events: list[Event]) -> Path:
    """The log as a file."""
    lines = [json.dumps({"sequence": number, "timestamp": 1, **event}) for number, event in enumerate(events)]
    path.write_text("\n".join(lines) + "\n")
    return path
