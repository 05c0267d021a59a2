"""Who likely made a change past the code: entries of Google's audit log, matched to resources by their names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from review.problems import ReviewError
from review.run import Step

_READS: Final = re.compile(r"(?:^|\.)(?:get|list|search|query|test|check|read|aggregated)[A-Z]?\w*$", re.IGNORECASE)
_SHORTEST: Final = 3
"""Characters of a name; shorter ones fit by chance."""
_PARTS: Final = ("name", "bucket", "instance", "secretId", "topic", "datasetId", "accountId", "roleId")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One change that somebody made."""

    who: str
    method: str
    resource: str
    when: str


def read(path: Path) -> list[Entry]:
    """The changes in an audit log: JSON lines, or one list as `gcloud logging read --format json` prints it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ReviewError(f"{path}: the audit log cannot be read: {error}.") from None
    try:
        whole = json.loads(text) if text.lstrip().startswith("[") else None
        found = whole if whole is not None else [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: the audit log is not JSON: {error}.") from None
    return sorted(_entries(found), key=lambda e: (e.when, e.who, e.method))


def _entries(found: Iterable[Any]) -> Iterator[Entry]:
    for one in found:
        payload = one.get("protoPayload") if isinstance(one, dict) else None
        if not isinstance(payload, dict):
            continue
        who = payload.get("authenticationInfo")
        entry = Entry(
            who=str(who.get("principalEmail") or who.get("principalSubject") or "") if isinstance(who, dict) else "",
            method=str(payload.get("methodName") or ""),
            resource=str(payload.get("resourceName") or ""),
            when=str(one.get("timestamp") or ""),
        )
        status = payload.get("status")
        failed = isinstance(status, dict) and bool(status.get("code"))
        if entry.who and not failed and not _READS.search(entry.method):
            yield entry


def likely(step: Step, entries: Iterable[Entry], *, deployer: str = "") -> str:
    """Who made the last change of this resource that is not the deployer's, in words; empty where nobody is named."""
    names = {name for name in _names(step) if len(name) >= _SHORTEST}
    about = [e for e in entries if e.who.lower() != deployer.lower() and _is_about(e.resource, names)]
    if not about:
        return ""
    last = about[-1]
    others = sorted({e.who for e in about} - {last.who})
    also = f"; before that by {', '.join(others[:3])}" if others else ""
    return f"{last.who} ({last.method}, {last.when}){also}"


def _names(step: Step) -> set[str]:
    """What the cloud calls the resource; of a grant, the thing that it is on."""
    found = set(step.names)
    for state in (step.old, step.new):
        inputs = state.get("inputs") or {}
        found.update(str(inputs[key]) for key in _PARTS if isinstance(inputs.get(key), str))
        if re.search(r"gcp:projects/(?:iAM|IAM)", step.type) and isinstance(inputs.get("project"), str):
            found.add(f"projects/{inputs['project']}")
    return found


def _is_about(resource: str, names: Iterable[str]) -> bool:
    """Whether the last part of the entry's resource, or all of it, is one of the names."""
    plain = re.sub(r"^//[^/]+/", "", resource)
    last = plain.rsplit("/", 1)[-1]
    return any(plain == n or plain.endswith(f"/{n}") or (last == n.rsplit("/", 1)[-1] and "/" in n) for n in names)
