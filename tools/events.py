"""The engine's event log, read line by line; its debug lines, most of the file, are skipped unread."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from review.guard import Ran
from tools.refusal import Refusal

_MARKUP = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_CLAUSE = re.compile(r"\b[A-Z]{3}-\d+\b")
_DEBUG = '"severity":"debug"'


def plain(text: str) -> str:
    """Without the engine's colour marks."""
    return _MARKUP.sub("", text).rstrip()


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One policy event."""

    rule: str
    message: str
    level: str
    severity: str
    urn: str
    pack: str
    pack_version: str

    @property
    def blocking(self) -> bool:
        """Whether it stops the run."""
        return self.level == "mandatory"

    @property
    def undetermined(self) -> bool:
        """Whether the pack could not decide, rather than found something wrong."""
        return "\n  undetermined" in self.message


@dataclass(kw_only=True)
class Log:
    """What one run said: violations, errors, what was analysed by which pack, and the summary."""

    violations: list[Violation] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    """URN and message of each error the engine, the program or a provider reported."""
    output: dict[str, str] = field(default_factory=dict)
    """What programs, packs and providers wrote to standard error, by URN."""
    notes: list[str] = field(default_factory=list)
    """What the program tells about a clause without stopping: what this company does without, or still has to do."""
    registered: dict[str, str] = field(default_factory=dict)
    """URN of each resource a step was made for, with its operation."""
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was known of each of them when its step began; values may be masked."""
    failed: list[str] = field(default_factory=list)
    """URNs whose operation failed."""
    ran: Ran = field(default_factory=Ran)
    """What of it proves that the pack judged."""
    summary: dict[str, Any] | None = None
    changes: dict[str, int] = field(default_factory=dict)


def read(path: Path) -> Log:
    """The log of one run. Refuses a missing file and one with a broken line before its last."""
    log = Log()
    try:
        with path.open(encoding="utf-8") as lines:
            broken = 0
            for number, text in enumerate(lines, start=1):
                if _DEBUG in text:
                    continue
                if broken:
                    raise Refusal(f"{path}:{broken} is not JSON: the event log is damaged.")
                try:
                    event = json.loads(text)
                except ValueError:
                    broken = number
                    continue
                _take(log, event)
    except FileNotFoundError:
        raise Refusal(f"there is no event log {path}: the engine did not run.") from None
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not an event log: {error}.") from None
    return log


def _take(log: Log, event: dict[str, Any]) -> None:
    for kind, body in event.items():
        if isinstance(body, dict):
            log.ran.take(kind, body)
        if kind == "policyEvent":
            log.violations.append(_violation(body))
        elif kind == "diagnosticEvent":
            _diagnostic(log, body)
        elif kind == "resourcePreEvent":
            log.registered[body["metadata"]["urn"]] = body["metadata"]["op"]
            log.states[body["metadata"]["urn"]] = body["metadata"].get("new") or {}
        elif kind == "resOpFailedEvent":
            log.failed.append(body["metadata"]["urn"])
        elif kind == "summaryEvent":
            log.summary = body
            log.changes = dict(body.get("resourceChanges") or {})


def _version(body: dict[str, Any]) -> str:
    return str(body.get("policyPackVersionTag") or body.get("policyPackVersion") or "").removeprefix("v")


def _violation(body: dict[str, Any]) -> Violation:
    return Violation(
        rule=body["policyName"],
        message=plain(body["message"]),
        level=body["enforcementLevel"],
        severity=body.get("severity", ""),
        urn=body.get("resourceUrn", ""),
        pack=body["policyPackName"],
        pack_version=_version(body),
    )


def _diagnostic(log: Log, body: dict[str, Any]) -> None:
    text, urn = plain(body["message"]), body.get("urn", "")
    if body["severity"] == "info#err":
        log.output[urn] = log.output.get(urn, "") + plain(body["message"]) + "\n"
    elif body["severity"] == "error" and text.strip():
        log.errors.append((urn, text))
    elif body["severity"] in ("info", "warning") and _CLAUSE.search(text) and text not in log.notes:
        log.notes.append(text)
