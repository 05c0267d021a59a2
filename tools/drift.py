"""Every night: what exists, read back with an identity that only looks, against what was applied (CHG-4).

A preview compares the program with the state. What somebody changed by hand shows in neither, and of the fields that
the program leaves to the cloud nothing ever shows. Here the engine reads every resource back without writing anything;
each difference between the state and what was read is drift, in fields of ours and of the cloud's alike, and the pack
judges what was read.

Beside the last runs of the stack it leaves what `python -m review drift --run` makes the issue of: the engine's digest
and event log, what was found here, and, of the real clouds, who changed what (`FILES`).
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

import yaml

from tools import audit_log, events, pack, places, setup, stamp
from tools.progress import Stage
from tools.refusal import Refusal
from tools.run import exclusive
from tools.stacks import PROJECT, Stack

UNREAD = ("secretmanager/secretVersion", "github:", "random:")
"""What the identity that looks may not read (secrets' values, settings of the repository), and what exists nowhere."""
_MOVING = frozenset(
    {
        "conditions",
        "etag",
        "fingerprint",
        "generation",
        "labelFingerprint",
        "latestCreatedRevision",
        "latestReadyRevision",
        "metageneration",
        "nextRotationTime",
        "observedGeneration",
        "primaries",
        "reconciling",
        "terminalCondition",
        "updateTime",
        "updated",
    }
)
"""What the clouds themselves change all the time: counters, moments, versions of keys."""
DIGEST, EVENTS, FOUND, AUDIT_LOG = "drift.json", "drift.events.jsonl", "drift.found.json", "drift.audit.json"
FILES = (DIGEST, EVENTS, FOUND, AUDIT_LOG)
_JUDGED = "drift.judged.json"
_SECRET = "4dabf18193072939515e22adb298388d"
_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place in one resource that is not as it was applied."""

    urn: str
    path: str
    """Empty where the resource itself is gone."""
    applied: str
    found: str

    def __str__(self) -> str:
        kind, name = self.urn.split("::")[2].rsplit("$", 1)[-1], self.urn.rsplit("::", 1)[-1]
        if not self.path:
            return f"{kind} {name}: does not exist any more"
        return f"{kind} {name}: {self.path} is {self.found}, applied was {self.applied}"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a comparison found."""

    stack: Stack
    compared: int
    differences: tuple[Difference, ...]
    broken: tuple[str, ...]
    """Clause, rule, resource and message of each violation in what exists."""
    unread: int
    deployer: str = ""
    """The identity that applies the stack; what it changed is no drift."""
    unnamed: str = ""
    """Why the audit log could not be asked who it was."""

    @property
    def exit_code(self) -> int:
        """1 when anything is not as it was applied."""
        return 1 if self.differences or self.broken else 0


def look(stack: Stack, *, out: TextIO) -> Found:
    """Reads everything back; changes nothing, neither in the clouds nor in the state."""
    setup.ensure(out)
    with exclusive(stack), Stage(f"Reading back {stack.name}", out=out) as stage:
        stack.prepare()
        for name in (*FILES, _JUDGED):
            (stack.runs / name).unlink(missing_ok=True)
        unread = _unread(stack)
        command = [str(places.engine() / "pulumi"), "refresh", "--preview-only", "--json", "--non-interactive"]
        command += ["--event-log", str(stack.runs / EVENTS)]
        command += [*stack.flags, *(word for one in unread for word in ("--exclude", one["urn"]))]
        run = subprocess.run(
            command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False
        )
        document = _parsed(run.stdout)
        if document is not None:
            stamp.write_text(stack.runs / DIGEST, run.stdout)
        if run.returncode != 0 or document is None:
            raise Refusal(
                f"{stack.name} could not be read back, so nothing is known about drift.",
                details=tuple(events.plain(run.stderr + run.stdout[-2000:]).strip().splitlines()[-8:]),
                code=run.returncode or 1,
            )
        left_out = {one["urn"] for one in unread}
        steps = [step for step in document.get("steps") or () if step["urn"] not in left_out]
        # The rules see the stack as a whole: what was not read stands in it as it was applied.
        as_applied = [{"op": "same", "urn": one["urn"], "oldState": one, "newState": one} for one in unread]
        stamp.write_text(stack.runs / _JUDGED, json.dumps({**document, "steps": [*steps, *as_applied]}))
        differences = tuple(d for step in steps for d in differing(step))
        stage.doing = "judging what exists"
        broken = tuple(_judge(stack))
        deployer, unnamed = _ask_who(stack) if stack.real and differences else ("", "")
        stage.done("as applied" if not differences and not broken else "drift", f"{len(steps)} resources")
    found = Found(
        stack=stack,
        compared=len(steps),
        differences=differences,
        broken=broken,
        unread=len(unread),
        deployer=deployer,
        unnamed=unnamed,
    )
    stamp.write_text(stack.runs / FOUND, as_json(found) + "\n")
    return found


def _ask_who(stack: Stack) -> tuple[str, str]:
    """Leaves the audit log of the stack's projects beside the run; returns its deployer, and why there is no log."""
    config = yaml.safe_load(stack.read_file()).get("config") or {}
    projects = config.get(f"{PROJECT}:projects") or {}
    deployer = f"ci-deploy@{projects['delivery']}.iam.gserviceaccount.com" if projects.get("delivery") else ""
    try:
        entries = audit_log.read(sorted({str(name) for name in projects.values() if name}), now=dt.datetime.now(dt.UTC))
    except Refusal as refusal:
        return deployer, refusal.what
    stamp.write_text(stack.runs / AUDIT_LOG, json.dumps(entries, indent=1) + "\n")
    return deployer, ""


def _unread(stack: Stack) -> list[dict[str, Any]]:
    """The resources that are left out, as the state has them."""
    command = [str(places.engine() / "pulumi"), "stack", "export", "--stack", stack.name, "--non-interactive"]
    run = subprocess.run(
        command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False
    )
    document = _parsed(run.stdout)
    if run.returncode != 0 or document is None:
        raise Refusal(f"the state of {stack.name} cannot be read.", details=tuple(run.stderr.strip().splitlines()[-4:]))
    resources = (document.get("deployment") or {}).get("resources") or ()
    return [r for r in resources if any(kind in r["type"] for kind in UNREAD) and r.get("custom")]


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def differing(step: Mapping[str, Any]) -> Iterator[Difference]:
    """What one resource is otherwise than it was applied; secrets are compared by nobody and shown to nobody."""
    old, new, urn = step.get("oldState"), step.get("newState"), step["urn"]
    if not old or not old.get("custom"):
        return
    if not new or step["op"] == "delete":
        yield Difference(urn=urn, path="", applied="there", found="gone")
        return
    for path, before, after in _leaves(old.get("outputs") or {}, new.get("outputs") or {}, ""):
        yield Difference(urn=urn, path=path, applied=_shown(before), found=_shown(after))


def _leaves(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if _secret(old) or _secret(new) or _same(old, new):
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            if key not in _MOVING and not key.startswith("__"):
                yield from _leaves(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _leaves(one, other, f"{path}[{index}]")
    else:
        yield path, old, new


def _secret(value: Any) -> bool:
    return value == "[secret]" or (isinstance(value, Mapping) and _SECRET in value)


def _same(old: Any, new: Any) -> bool:
    """Whether two values mean the same: what is empty is as good as absent."""
    return old == new or (old in (None, "", [], {}) and new in (None, "", [], {}))


def _shown(value: Any) -> str:
    text = "not set" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _judge(stack: Stack) -> Iterator[str]:
    for line in pack.judge(stack.runs / _JUDGED).split("\n"):
        if not line:
            continue
        verdict = json.loads(line)
        if verdict["outcome"] == "fail" and verdict["severity"] != "low":
            name = str(verdict["urn"] or "the stack").rsplit("::", 1)[-1]
            yield f"{verdict['clause']} {verdict['rule']}: {name}: {verdict['message']}"


def show(found: Found, *, out: TextIO) -> None:
    """What a person reads, and what the issue says that is opened at night."""
    print(
        f"  {found.compared} resources of {found.stack.name} were read back, {found.unread} were not (secrets' values, "
        "the repository, random values)",
        file=out,
    )
    for title, entries in (("Drift", found.differences), ("Broken", found.broken)):
        for number, entry in enumerate(entries):
            print(f"  {'' if number else title:<8} {entry}", file=out)
    if found.unnamed:
        print(f"  Note     {found.unnamed}", file=out)
    if found.exit_code:
        print(
            "  Next     find in the audit log who changed it; then bring it back: make up takes the program's word, a "
            "reviewed change of the program takes the cloud's",
            file=out,
        )


def as_json(found: Found) -> str:
    """The same facts as one JSON object."""
    return json.dumps(
        {
            "stack": found.stack.name,
            "exit_code": found.exit_code,
            "compared": found.compared,
            "unread": found.unread,
            "differences": [vars(d) for d in found.differences],
            "broken": list(found.broken),
            "deployer": found.deployer,
            "unnamed": found.unnamed,
        },
        indent=1,
    )
