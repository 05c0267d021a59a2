"""Runs made by hand, in the engine's own spelling, for what no single recording shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from review.build import build
from review.model import Review

RECORDED = Path(__file__).resolve().parent / "recorded"
URN = "urn:pulumi:prod::example::"
BUCKET = "gcp:storage/bucket:Bucket"
MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"


def recorded(**more: Any) -> Review:
    """The recorded change."""
    given = {"digest": "change.digest.json", "events": "change.events.jsonl", "results": "change.results.jsonl", **more}
    paths = {k: RECORDED / v if isinstance(v, str) and k != "commit" else v for k, v in given.items()}
    return build(**paths)


def state(type_: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A resource's state."""
    return {"urn": f"{URN}{type_}::{name}", "custom": True, "type": type_, "inputs": inputs, **more}


def step(
    op: str, type_: str, name: str, *, old: dict[str, Any] | None = None, new: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A step of a digest. `was` and `now` add to the old and the new state."""
    was, now = more.pop("was", {}), more.pop("now", {})
    made: dict[str, Any] = {"op": op, "urn": f"{URN}{type_}::{name}", "detailedDiff": None, **more}
    if old is not None:
        made["oldState"] = state(type_, name, old, **was)
    if new is not None:
        made["newState"] = state(type_, name, new, **now)
    return made


def policy(rule: str, name: str, type_: str = BUCKET, *, message: str = "", level: str = "mandatory") -> dict[str, Any]:
    """A violation as the pack words it."""
    text = message or "ACC-3 Buckets are private\n  where  x\n  found  publicAccessPrevention: is not set\n  fix    y"
    return {
        "resourceUrn": f"{URN}{type_}::{name}",
        "message": text,
        "policyName": rule,
        "policyPackName": "secure-hosting",
        "policyPackVersion": "1.0.0",
        "enforcementLevel": level,
        "severity": "high",
    }


def events_of(steps: Iterable[dict[str, Any]], *bodies: dict[str, Any], summary: bool = True) -> list[dict[str, Any]]:
    """An event log of these steps, judged by the pack, with further events (kind → body)."""
    made: list[dict[str, Any]] = [{"preludeEvent": {"config": {}}}]
    counts: dict[str, int] = {}
    for one in steps:
        counts[one["op"]] = counts.get(one["op"], 0) + 1
        metadata = {"op": one["op"], "urn": one["urn"], "old": one.get("oldState"), "new": one.get("newState")}
        made.append({"resourcePreEvent": {"metadata": metadata, "planning": True}})
    made += bodies
    if summary:
        packs = {"secure-hosting|local|/checkout/policies": "1.0.0"}
        made.append({"summaryEvent": {"resourceChanges": counts, "PolicyPacks": packs, "isPreview": True}})
    return [{"sequence": index, "timestamp": 1_800_000_000, **event} for index, event in enumerate(made)]


def write(
    folder: Path, steps: list[dict[str, Any]], *bodies: dict[str, Any], events: list[dict[str, Any]] | None = None
) -> dict[str, Path]:
    """Digest and event log of one run as files."""
    folder.mkdir(parents=True, exist_ok=True)
    digest, log = folder / "digest.json", folder / "events.jsonl"
    digest.write_text(json.dumps({"config": {}, "steps": steps}))
    lines = events_of(steps, *bodies) if events is None else events
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"digest": digest, "events": log}


def review_of(folder: Path, steps: list[dict[str, Any]], *bodies: dict[str, Any]) -> Review:
    """The review of a run made by hand."""
    return build(**write(folder, steps, *bodies))


def outside_of_code(text: str) -> str:
    """The text without its code spans, as CommonMark finds them: a run of backticks up to the next as long."""
    kept, rest = [], text
    while match := re.search(r"(?<!\\)(`+)", rest):
        kept.append(rest[: match.start()])
        rest = rest[match.end() :]
        close = re.search(rf"(?<!`){match[1]}(?!`)", rest)
        assert close is not None, "a code span does not end"
        rest = rest[close.end() :]
    return "".join(kept) + rest
