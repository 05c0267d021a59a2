"""The engine's event log. Events of kinds that are not known here are counted; broken or mixed-up logs are refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from review import shapes
from review.problems import ReviewError

_IGNORED: Final = frozenset(
    {
        "stdoutEvent",
        "policyLoadEvent",
        "policyRemediateSummaryEvent",
        "startDebuggingEvent",
        "progressEvent",
    }
)
_DRIFTS: Final = frozenset({"update", "delete"})
"""What a refresh comes to where the cloud has something else; it begins as `refresh` like any other."""
_ENVELOPE: Final = frozenset({"sequence", "timestamp"})
_DEBUG_WITHIN = 90
"""Characters from the line's start within which a diagnostic event names itself (sequence and timestamp precede it)."""


@dataclass(kw_only=True)
class Log:
    """What the log says, unchanged but for its order within each list."""

    resources: list[dict[str, Any]] = field(default_factory=list)
    """Metadata of each step as it began."""
    drifted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """URN to the metadata of a refresh that found something else than was known."""
    failed: list[str] = field(default_factory=list)
    policies: list[dict[str, Any]] = field(default_factory=list)
    remediations: list[dict[str, Any]] = field(default_factory=list)
    analysed: list[dict[str, Any]] = field(default_factory=list)
    stack_analysed: list[dict[str, Any]] = field(default_factory=list)
    diagnostics: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    summary: dict[str, Any] | None = None
    unknown: Counter[str] = field(default_factory=Counter)
    truncated: bool = False
    started: int = 0
    """Seconds since the epoch, from the first event."""


def read(path: Path) -> Log:
    """The log of one run. A last line that is cut off is reported as truncation; any other damage is refused."""
    log = Log()
    for event in lines(path, log):
        try:
            log.started = log.started or shapes.whole(event.get("timestamp") or 0)
            _take(log, event)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ReviewError(f"{path}: event {event.get('sequence')} has an unexpected shape: {error!r}.") from None
    return log


def lines(path: Path, log: Log | None = None) -> Iterator[dict[str, Any]]:
    """Events in their order, without debug messages; says in `log` when the last one is cut off."""
    last = -1
    for number, text, final in _lines(path):
        if '"diagnosticEvent":' in text[:_DEBUG_WITHIN] and '"severity":"debug"' in text:
            continue
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            if not final:
                raise ReviewError(
                    f"{path}:{number} is not JSON: the event log is damaged.",
                    fix="run the preview again, to a new file",
                ) from None
            if log is not None:
                log.truncated = True
            continue
        if not isinstance(event, dict):
            raise ReviewError(f"{path}:{number} is not an event: expected a JSON object.")
        sequence = event.get("sequence")
        if isinstance(sequence, int):
            if sequence <= last:
                raise ReviewError(
                    f"{path}:{number} has event {sequence} after event {last}: the log holds more than one run, or its"
                    " lines were moved.",
                    fix="give every run an event log of its own",
                )
            last = sequence
        yield event


def _lines(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line number, text, and whether nothing follows."""
    try:
        with path.open(encoding="utf-8") as file:
            held: tuple[int, str] | None = None
            for number, text in enumerate(file, start=1):
                if not text.strip():
                    continue
                if held:
                    yield (*held, False)
                held = (number, text)
            if held:
                yield (*held, True)
    except OSError as error:
        raise ReviewError(f"{path}: the event log cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ReviewError(f"{path} is not an event log: {error}.") from error


def _take(log: Log, event: dict[str, Any]) -> None:
    for kind, body in event.items():
        if kind in _ENVELOPE or kind in _IGNORED:
            continue
        match kind:
            case "resourcePreEvent":
                log.resources.append(_step(body["metadata"]))
            case "resOutputsEvent":
                metadata = _step(body["metadata"])
                if metadata["op"] in _DRIFTS:
                    log.drifted[metadata["urn"]] = metadata
            case "resOpFailedEvent":
                log.failed.append(_step(body["metadata"])["urn"])
            case "policyEvent" | "policyRemediationEvent":
                _violation(log, kind, body)
            case "policyAnalyzeSummaryEvent" | "policyAnalyzeStackSummaryEvent":
                chosen = log.analysed if kind == "policyAnalyzeSummaryEvent" else log.stack_analysed
                passed = list(map(str, body.get("passed") or ()))
                chosen.append({**body, "policyPackName": str(body["policyPackName"]), "passed": passed})
            case "diagnosticEvent":
                log.diagnostics.append(dict(body))
            case "errorEvent":
                log.errors.append(str(body.get("error", "")))
            case "preludeEvent" | "cancelEvent":
                pass
            case "summaryEvent":
                if log.summary is not None:
                    raise ValueError("a second summary: the log holds more than one run")
                packs, changed = shapes.mapping(body.get("PolicyPacks")), shapes.counts(body.get("resourceChanges"))
                log.summary = {**body, "PolicyPacks": packs, "resourceChanges": changed}
            case _:
                log.unknown[kind] += 1


def _violation(log: Log, kind: str, body: dict[str, Any]) -> None:
    if kind == "policyRemediationEvent":
        sides = {side: shapes.mapping(body.get(side)) for side in ("before", "after")}
        log.remediations.append({**body, **sides})
    else:
        name = str(body["policyName"]) or "unnamed-rule"
        log.policies.append({**body, "policyName": name, "message": str(body["message"])})


def _step(metadata: dict[str, Any]) -> dict[str, Any]:
    return {**metadata, "urn": str(metadata["urn"]), "op": str(metadata["op"])}
