"""Whether a run counts: its own event log proves that the pack judged everything in it, as committed.

The engine tells, for each resource, which rules passed or failed. For the remediation step it names every rule about
resources that is switched on, so a disabled one shows by its absence. Local packs do not run on destroy and refresh.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from review import events, shapes
from review.problems import ReviewError

NAME: Final = "secure-hosting"
_NOT_ANALYSED = {"delete", "delete-replaced", "discard", "discard-replaced", "read", "read-replacement", "refresh"}
_NOT_ANALYSED |= {"remove-pending-replace", "read-discard"}
_LOWER = {"advisory", "disabled", "none"}


@dataclass(frozen=True, kw_only=True)
class Pack:
    """What a run is held against."""

    version: str
    levels: dict[str, str]
    """Rule to the level the rule itself declares."""
    resource_rules: frozenset[str]
    """Rules about single resources: the engine names each of them for every resource it registers."""


@dataclass(kw_only=True)
class Ran:
    """What an event log says about judging."""

    registered: dict[str, str] = field(default_factory=dict)
    """URN of each resource a step was made for, with its operation."""
    analysed: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    """URN of each analysed resource, with pack version and the rules that passed or failed."""
    active: set[str] = field(default_factory=set)
    """Rules about resources that were switched on: the engine names them all in its remediation step."""
    violations: list[tuple[str, str, bool, str]] = field(default_factory=list)
    """Rule, level, whether it could not be decided, and pack version of each policy event."""
    stack_rules: frozenset[str] | None = None
    """The stack rules that passed or failed; None when the stack was never analysed."""
    stack_version: str = ""
    errors: int = 0
    summary: dict[str, Any] | None = None

    def take(self, kind: str, body: dict[str, Any]) -> None:
        """Takes in one event."""
        ours = body.get("policyPackName") == NAME
        if kind == "resourcePreEvent":
            self.registered[str(body["metadata"]["urn"])] = str(body["metadata"]["op"])
        elif kind == "policyEvent":
            open_ = "\n  undetermined" in str(body.get("message"))
            self.violations.append((str(body["policyName"]), str(body["enforcementLevel"]), open_, _version(body)))
        elif kind == "policyAnalyzeSummaryEvent" and ours:
            self.analysed[str(body["resourceUrn"])] = (_version(body), frozenset(_rules(body)))
        elif kind == "policyRemediateSummaryEvent" and ours:
            self.active.update(_rules(body))
        elif kind == "policyAnalyzeStackSummaryEvent" and ours:
            self.stack_rules = (self.stack_rules or frozenset()) | frozenset(_rules(body))
            self.stack_version = _version(body)
        elif kind == "diagnosticEvent" and body.get("severity") == "error" and str(body.get("message")).strip():
            self.errors += 1
        elif kind == "summaryEvent":
            self.summary = {**body, "PolicyPacks": shapes.mapping(body.get("PolicyPacks"))}

    @property
    def stopped(self) -> bool:
        """Whether a violation or an error ended the run before its time."""
        return bool(self.errors) or any(level == "mandatory" for _, level, _, _ in self.violations)


def read(path: Path) -> Ran:
    """What the log of one run says; refuses one that is damaged, of several runs, or no event log."""
    ran = Ran()
    for event in events.lines(path):
        for kind, body in event.items():
            if isinstance(body, dict):
                _take(ran, kind, body, path)
    return ran


def _take(ran: Ran, kind: str, body: dict[str, Any], path: Path) -> None:
    try:
        ran.take(kind, body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReviewError(f"{path}: an event {kind} has an unexpected shape: {error!r}.") from None


def _rules(body: dict[str, Any]) -> Iterator[str]:
    yield from map(str, body.get("passed") or ())
    yield from map(str, body.get("failed") or ())


def _version(body: dict[str, Any]) -> str:
    return str(body.get("policyPackVersionTag") or body.get("policyPackVersion") or "").removeprefix("v")


def problems(ran: Ran, pack: Pack, *, finished: bool = True) -> list[str]:
    """What is wrong with how the pack ran, one sentence each; none when all is well.

    `finished` is false for a run that stopped early, which need not have reached the end of the stack.
    """
    found: list[str] = []
    packs = {key.split("|")[0]: value for key, value in ((ran.summary or {}).get("PolicyPacks") or {}).items()}
    if finished and ran.summary is None:
        found.append("the event log has no summary: the run did not finish, so it proves nothing")
    elif ran.summary is not None and NAME not in packs:
        found.append(f"the policy pack {NAME} did not run")
    versions = {version for version, _ in ran.analysed.values()} | {version for *_, version in ran.violations}
    versions |= {str(packs[NAME]).removeprefix("v")} if NAME in packs else set()
    versions |= {ran.stack_version} if ran.stack_rules is not None else set()
    found += [f"the pack ran at version {v}; expected is {pack.version}" for v in sorted(versions - {pack.version})]
    unjudged = [urn for urn, op in ran.registered.items() if op not in _NOT_ANALYSED and urn not in ran.analysed]
    if unjudged:
        more = f" and {len(unjudged) - 1} more" if len(unjudged) > 1 else ""
        found.append(f"{unjudged[0]}{more} was registered without being judged")
    if finished and not ran.stopped and NAME in packs and ran.stack_rules is None:
        found.append("the stack as a whole was not judged")
    found += _switched_off(ran, pack)
    found += _lowered(ran, pack)
    return found


def _switched_off(ran: Ran, pack: Pack) -> list[str]:
    off = sorted(pack.resource_rules - ran.active) if ran.analysed else []
    more = f" and {len(off) - 5} more" if len(off) > 5 else ""
    return [f"switched off: {', '.join(off[:5])}{more}"] if off else []


def _lowered(ran: Ran, pack: Pack) -> list[str]:
    lowered = {
        rule
        for rule, level, undetermined, _ in ran.violations
        if pack.levels.get(rule) == "mandatory" and level != "mandatory" and not undetermined
    }
    return [f"{rule} is mandatory, but the run only advised" for rule in sorted(lowered)]


def config_problems(file: Path, pack: Pack) -> list[str]:
    """Levels that a pack configuration lowers or rules it switches off."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return [f"{file} cannot be read: {error}"]
    found: list[str] = []
    for rule, entry in config.items() if isinstance(config, dict) else ():
        level = entry.get("enforcementLevel") if isinstance(entry, dict) else entry
        declared = "mandatory" if rule == "all" else pack.levels.get(rule)
        if level in _LOWER and declared not in _LOWER:
            found.append(f"{file.name} sets {rule} to {level}")
    return found


def digest_problems(ran: Ran, digest: Path, folder: Path) -> list[str]:
    """Rules about the whole stack that the digest gives something to judge but the event log does not name."""
    if ran.stack_rules is None:
        return []
    command = ["judge", str(digest.resolve()), "--json", "--fail-on", "never"]
    for option, file in (("--config", folder / "config.json"), ("--waivers", folder / "waivers.yaml")):
        command += [option, str(file)] if file.exists() else []
    outcomes: dict[str, set[str]] = {}
    for line in run_pack(folder, command).splitlines():
        record = json.loads(line)
        outcomes.setdefault(record["rule"], set()).add(record["outcome"])
    seen = ran.stack_rules | ran.active | {rule for rule, *_ in ran.violations}
    seen |= {rule for _, rules in ran.analysed.values() for rule in rules}
    judged = {rule for rule, said in outcomes.items() if said <= {"pass", "fail"}}
    return [
        f"switched off: {rule} has something to judge, but the run does not name it" for rule in sorted(judged - seen)
    ]


def run_pack(folder: Path, words: list[str]) -> str:
    """What the pack in a folder prints; it runs as a program of its own, so that an earlier version of it can, too."""
    command = [sys.executable, "-m", folder.name, *words]
    done = subprocess.run(command, cwd=folder.resolve().parent, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        tail = "\n  ".join((done.stderr or "it printed nothing").strip().splitlines()[-4:])
        raise ReviewError(f"`python -m {folder.name} {words[0]}` failed:\n  {tail}")
    return done.stdout


def listing(folder: Path) -> list[dict[str, Any]]:
    """Every rule of a pack, as its own command lists it."""
    return [json.loads(line) for line in run_pack(folder, ["list", "--json"]).splitlines()]


def pack_of(rules: list[dict[str, Any]], version: str) -> Pack:
    """The pack from its listing."""
    return Pack(
        version=version,
        levels={rule["rule"]: rule["level"] for rule in rules},
        resource_rules=frozenset(r["rule"] for r in rules if r["scope"] == "resource" and r["level"] != "disabled"),
    )


def version_of(folder: Path) -> str:
    """The version that PulumiPolicy.yaml names."""
    path = folder / "PulumiPolicy.yaml"
    try:
        return str(yaml.safe_load(path.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, RecursionError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ReviewError(f"{path}: the version of the policy pack cannot be read: {error}") from None
