"""One run of the engine as steps: from a `--json` digest, from an event log, or from both, held against each other."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, Literal

from review import events, shapes
from review.events import Log
from review.mask import MASK, SIGNATURE
from review.model import Op
from review.problems import ReviewError

_OPS: Final[dict[str, Op]] = {
    "same": "same",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read": "read",
    "read-replacement": "read",
    "refresh": "refresh",
    "discard": "forget",
    "discard-replaced": "forget",
    "remove-pending-replace": "forget",
    "import": "import",
    "import-replacement": "replace",
}
_DEFAULT_PROVIDER = re.compile(r"::pulumi:providers:\w+::default(?:_\w+)?$")
"""The engine makes these by itself; neither its digest nor its counts have them."""
_PLACE = re.compile(r"project:///((?!\.\./|/|\.venv/)[^#]+)#(\d+)")


@dataclass(kw_only=True)
class Step:
    """What happens to one URN, with the steps of a replacement as one."""

    urn: str
    op: Op
    old: dict[str, Any] = field(default_factory=dict)
    new: dict[str, Any] = field(default_factory=dict)
    replace_keys: set[str] = field(default_factory=set)
    detailed: dict[str, dict[str, Any]] = field(default_factory=dict)
    imported: bool = False
    """Whether it is taken over from the cloud, be it as it is or changed at once."""

    @property
    def state(self) -> dict[str, Any]:
        """What it is after the run, or was before its end."""
        return self.new or self.old

    @property
    def type(self) -> str:
        """Its type token."""
        return str(self.state.get("type") or type_of(self.urn))

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def names(self) -> set[str]:
        """What the cloud calls it: ids and names, of before and after."""
        found = [state.get("id") for state in (self.old, self.new)]
        found += [(state.get("outputs") or {}).get(key) for state in (self.old, self.new) for key in ("id", "name")]
        return {str(name) for name in found if isinstance(name, str | int | float) and name}

    @property
    def place(self) -> tuple[str, int]:
        """File and line in the project that made it, or ("", 0)."""
        for state in (self.new, self.old):
            frames = [state.get("sourcePosition"), *(f.get("sourcePosition") for f in state.get("stackTrace") or ())]
            for frame in frames:
                match = _PLACE.fullmatch(frame) if isinstance(frame, str) else None
                if match and ".." not in match[1].split("/"):
                    return match[1], int(match[2])
        return "", 0


@dataclass(kw_only=True)
class Run:
    """Steps by URN, the log, and what cannot be said."""

    stack: str
    project: str
    preview: bool
    steps: dict[str, Step]
    log: Log | None
    diagnostics: list[tuple[str, str]]
    """Severity and message."""
    limits: list[str]

    @cached_property
    def kind(self) -> Literal["preview", "up", "refresh", "destroy"]:
        """What the engine was asked to do, as far as its steps tell."""
        ops = Counter(step.op for step in self.steps.values())
        if ops["refresh"] and not ops["same"] and not ops["create"]:
            return "refresh"
        if any(step.op == "delete" and step.type == "pulumi:pulumi:Stack" for step in self.steps.values()):
            return "destroy"
        return "preview" if self.preview else "up"

    @property
    def when(self) -> str:
        """When it began, as its event log says; empty without one."""
        if self.log is None or self.log.started <= 0:
            return ""
        try:
            return dt.datetime.fromtimestamp(self.log.started, dt.UTC).isoformat()
        except (OverflowError, OSError, ValueError):
            return ""

    @property
    def day(self) -> str:
        """The day of it."""
        return self.when[:10]


@cache
def type_of(urn: str) -> str:
    """The type token in a URN, without those of its parents."""
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > 3 else ""


def load(digest: Path | None, event_log: Path | None) -> Run:
    """Reads one run. Refuses files that cannot be read, that are of different runs, or of several stacks."""
    if digest is None and event_log is None:
        raise ReviewError("there is nothing to review.", fix="--digest FILE and --events FILE of one preview")
    log = events.read(event_log) if event_log else None
    document = _read_digest(digest) if digest else {}
    try:
        steps = _merge(map(_of_digest, document.get("steps") or ()))
        said = _merge(map(_of_event, _begun(log))) if log else {}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReviewError(f"{digest or event_log}: a step has an unexpected shape: {error!r}.") from None
    limits: list[str] = []
    if digest is None:
        limits.append("There is no digest: file and line of a change are not known, nor whether `protect` stops it.")
    if log is None:
        limits.append(
            "There is no event log: whether the policy pack ran, and what it found, cannot be said from a digest alone."
        )
    elif digest is not None:
        _same_run(steps, said, digest, event_log)
    if log is not None:
        limits += _holes(log, steps or said)
    limits += _miscounted(document, steps)
    chosen = steps if digest else said
    stack, project = _whose(chosen)
    summary = (log.summary or {}) if log else {}
    diagnostics = [(str(d.get("severity")), str(d.get("message"))) for d in (log.diagnostics if log else [])]
    if log is None or not diagnostics:
        diagnostics += [(str(d.get("severity")), str(d.get("message"))) for d in document.get("diagnostics") or ()]
    if log is not None:
        diagnostics += [("error", text) for text in log.errors]
    return Run(
        stack=stack,
        project=project,
        preview=bool(summary.get("isPreview", digest is not None)),
        steps=chosen,
        log=log,
        diagnostics=diagnostics,
        limits=limits,
    )


def _begun(log: Log) -> Iterator[dict[str, Any]]:
    """Steps as they began; of a refresh, what it found. Nothing that a later step of the same run corrects."""
    later = {m["urn"] for m in log.resources if m["op"] != "refresh"}
    for metadata in log.resources:
        urn = metadata["urn"]
        if _DEFAULT_PROVIDER.search(urn):
            continue
        found = log.drifted.get(urn) if metadata["op"] == "refresh" and urn not in later else None
        yield found or metadata


def _read_digest(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReviewError(f"{path}: the digest cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ReviewError(
            f"{path} is not a whole digest: {error}.", fix="pulumi preview --json --show-sames > FILE, to its end"
        ) from None
    if isinstance(document, dict) and isinstance(document.get("deployment"), dict):
        document = {"steps": [_unchanged(r) for r in document["deployment"].get("resources") or ()]}
    if not isinstance(document, dict) or not ({"steps", "changeSummary", "diagnostics"} & document.keys()):
        raise ReviewError(
            f"{path} is not a digest: it has no `steps`.", fix="pulumi preview --json --show-sames > FILE"
        )
    return document


def _unchanged(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource of a `stack export`."""
    return {"op": "same", "urn": resource["urn"], "oldState": resource, "newState": resource}


def _of_digest(step: dict[str, Any]) -> Step:
    return Step(
        urn=str(step["urn"]),
        op=_op(str(step["op"]), str(step["urn"])),
        old=_state(step.get("oldState")),
        new=_state(step.get("newState")),
        replace_keys=set(map(str, step.get("replaceReasons") or ())),
        detailed={str(k): dict(v) for k, v in (step.get("detailedDiff") or {}).items()},
    )


def _of_event(metadata: dict[str, Any]) -> Step:
    detailed = metadata.get("detailedDiff") or {}
    return Step(
        urn=metadata["urn"],
        op=_op(metadata["op"], metadata["urn"]),
        old=_state(metadata.get("old")),
        new=_state(metadata.get("new")),
        replace_keys=set(map(str, metadata.get("keys") or ())),
        detailed={str(k): {"kind": v.get("diffKind"), "inputDiff": v.get("inputDiff")} for k, v in detailed.items()},
    )


_SHAPES: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (dict, ("inputs", "outputs", "propertyDependencies")),
    (list, ("dependencies", "additionalSecretOutputs", "stackTrace")),
    (str, ("type", "urn", "parent", "sourcePosition")),
)


def _state(given: Any) -> dict[str, Any]:
    """A resource's state, with what is read of it in the shapes that the engine writes. Values may be of any."""
    state = dict(given or {})
    for kind, keys in _SHAPES:
        for key in keys:
            if not isinstance(state.get(key, kind()), kind | None):
                raise TypeError(f"{key} is {type(state[key]).__name__}, not {kind.__name__}")
    edges = [*(state.get("dependencies") or ()), *(state.get("additionalSecretOutputs") or ())]
    for urns in (state.get("propertyDependencies") or {}).values():
        edges += urns or ()
    if not all(isinstance(edge, str) for edge in edges):
        raise TypeError("a dependency is not a URN")
    if not all(isinstance(frame, dict) for frame in state.get("stackTrace") or ()):
        raise TypeError("stackTrace holds something else than frames")
    return state


def _op(word: str, urn: str) -> Op:
    if word not in _OPS:
        raise ReviewError(f"{urn}: this version does not know the operation {word!r}, so it cannot say what happens.")
    return _OPS[word]


_WEIGHT: Final[dict[Op, int]] = {"replace": 3, "delete": 2, "update": 1, "create": 1, "import": 1}


def _merge(found: Any) -> dict[str, Step]:
    """One step a URN, whatever the order: those of a replacement belong together."""
    steps: dict[str, Step] = {}
    for step in found:
        step.imported = step.op == "import"
        known = steps.get(step.urn)
        if known is None:
            steps[step.urn] = step
            continue
        if "refresh" in (known.op, step.op) and known.op != step.op:
            steps[step.urn] = step if known.op == "refresh" else known
            continue
        both = {known.op, step.op}
        heavier = max((known, step), key=lambda s: (_WEIGHT.get(s.op, 0), bool(s.new), s.op))
        known.op = "replace" if both == {"create", "delete"} else heavier.op
        known.old, known.new = known.old or step.old, known.new or step.new
        known.imported |= step.imported
        known.replace_keys |= step.replace_keys
        known.detailed = {**step.detailed, **known.detailed}
    for step in steps.values():
        if step.op == "delete":
            step.new = {}
    return dict(sorted(steps.items()))


def _same_run(steps: dict[str, Step], said: dict[str, Step], digest: Path, log: Path | None) -> None:
    """Refuses a digest and a log that tell of different runs. A log may have more: what was not changed."""
    missing = sorted(urn for urn in steps.keys() - said.keys() if steps[urn].op != "same")
    extra = sorted(urn for urn in said.keys() - steps.keys() if said[urn].op not in ("same", "read", "refresh"))
    other = sorted(u for u in steps.keys() & said.keys() if steps[u].op != said[u].op and steps[u].op != "same")
    values = sorted(u for u in steps.keys() & said.keys() if not missing and _differ(steps[u], said[u]))
    for urns, words in (
        (missing, f"stands in {digest} alone"),
        (extra, f"stands in {log} alone"),
        (other, f"is changed in another way in {digest} than in {log}"),
        (values, f"has other values in {digest} than in {log}"),
    ):
        if urns:
            more = f" (and {len(urns) - 1} more)" if len(urns) > 1 else ""
            raise ReviewError(
                f"digest and event log are of different runs: {urns[0]}{more} {words}.",
                fix="take both from one run: `pulumi preview --json --event-log FILE`, with PULUMI_DEBUG_COMMANDS=true",
            )


def _differ(one: Step, other: Step) -> bool:
    """Whether two accounts of a resource have other inputs, before or after; both are there in full."""
    pairs = ((one.old, other.old), (one.new, other.new))
    return any(a and b and _plain(a.get("inputs") or {}) != _plain(b.get("inputs") or {}) for a, b in pairs)


def _plain(value: Any) -> Any:
    """Without what digest and log spell in two ways: secrets, files and references to resources."""
    if isinstance(value, dict):
        return MASK if SIGNATURE in value else {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _holes(log: Log, steps: dict[str, Step]) -> list[str]:
    limits = []
    if log.truncated:
        limits.append("The event log ends in the middle of a line: whatever came after it is missing here.")
    if log.summary is None:
        limits.append("The event log has no summary: the run did not finish, so nothing here proves anything.")
    else:
        done = {urn: step for urn, step in steps.items() if urn not in log.failed}
        limits += _difference("event log", log.summary["resourceChanges"], done)
    return limits


def _miscounted(document: dict[str, Any], steps: dict[str, Step]) -> list[str]:
    try:
        told = shapes.counts(document.get("changeSummary"))
    except ValueError as error:
        return [f"The digest's own summary cannot be read: {error}."]
    return _difference("digest", told, steps) if "changeSummary" in document else []


def _difference(whose: str, told: dict[str, int], steps: dict[str, Step]) -> list[str]:
    listed: Counter[str] = Counter(step.op for step in steps.values())
    listed["import"] = sum(step.imported for step in steps.values())
    wrong = [
        f"{number} to {kind}, of which {listed[kind]} are listed"
        for kind, number in sorted(told.items())
        if kind in ("create", "update", "delete", "replace", "import") and listed[kind] != number
    ]
    return [f"The {whose}'s own summary counts {'; '.join(wrong)}: this review is not complete."] if wrong else []


def _whose(steps: dict[str, Step]) -> tuple[str, str]:
    names = {tuple(urn.removeprefix("urn:pulumi:").split("::")[:2]) for urn in steps}
    if len(names) > 1:
        listed = ", ".join(sorted("/".join(reversed(n)) for n in names))
        raise ReviewError(f"the run tells of several stacks: {listed}.", fix="one review a stack")
    found = names.pop() if names else ("", "")
    return (found[0], found[1]) if len(found) == 2 else ("", "")
