"""Proof from the engine's own event log that the pack ran: on every resource, at the expected version, not lowered.

The engine tells, for each resource, which rules passed or failed. For the remediation step it names every rule about
resources that is switched on, so a disabled one shows by its absence. Local packs do not run on destroy and refresh.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tools import places
from tools.events import Log
from tools.pack import NAME, Pack
from tools.refusal import Refusal

_NOT_ANALYSED = {"delete", "delete-replaced", "discard", "discard-replaced", "read", "read-replacement", "refresh"}
_NOT_ANALYSED |= {"remove-pending-replace", "read-discard"}
_LOWER = {"advisory", "disabled", "none"}


def problems(log: Log, pack: Pack, *, finished: bool = True) -> list[str]:
    """What is wrong with how the pack ran, one sentence each; none when all is well.

    `finished` is false for a run that stopped early, which need not have reached the end of the stack.
    """
    found: list[str] = []
    ran = {key.split("|")[0]: value for key, value in ((log.summary or {}).get("PolicyPacks") or {}).items()}
    if finished and log.summary is None:
        found.append("the event log has no summary: the run did not finish, so it proves nothing")
    elif log.summary is not None and NAME not in ran:
        found.append(f"the policy pack {NAME} did not run")
    versions = {version for version, _ in log.analysed.values()} | {v.pack_version for v in log.violations}
    versions |= {str(ran[NAME]).removeprefix("v")} if NAME in ran else set()
    versions |= {log.stack_pack_version} if log.stack_rules is not None else set()
    found += [f"the pack ran at version {v}; expected is {pack.version}" for v in sorted(versions - {pack.version})]
    unjudged = [
        urn for urn, operation in log.registered.items() if operation not in _NOT_ANALYSED and urn not in log.analysed
    ]
    if unjudged:
        more = f" and {len(unjudged) - 1} more" if len(unjudged) > 1 else ""
        found.append(f"{unjudged[0]}{more} was registered without being judged")
    stopped = any(violation.blocking for violation in log.violations) or log.errors
    if finished and not stopped and NAME in ran and log.stack_rules is None:
        found.append("the stack as a whole was not judged")
    found += _switched_off(log, pack)
    found += _lowered(log, pack)
    return found


def _switched_off(log: Log, pack: Pack) -> list[str]:
    if not log.analysed:
        return []
    off = sorted(pack.resource_rules - log.active)
    return (
        [f"switched off: {', '.join(off[:5])}" + (f" and {len(off) - 5} more" if len(off) > 5 else "")] if off else []
    )


def _lowered(log: Log, pack: Pack) -> list[str]:
    lowered = {
        violation.rule
        for violation in log.violations
        if pack.levels.get(violation.rule) == "mandatory" and not violation.blocking and not violation.undetermined
    }
    return [f"{rule} is mandatory, but the run only advised" for rule in sorted(lowered)]


def config_problems(file: Path, pack: Pack) -> list[str]:
    """Levels that a pack configuration lowers or rules it switches off."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{file} cannot be read: {error}"]
    found: list[str] = []
    for rule, entry in config.items() if isinstance(config, dict) else ():
        level = entry.get("enforcementLevel") if isinstance(entry, dict) else entry
        declared = "mandatory" if rule == "all" else pack.levels.get(rule)
        if level in _LOWER and declared not in _LOWER:
            found.append(f"{file.name} sets {rule} to {level}")
    return found


def digest_problems(log: Log, digest: Path) -> list[str]:
    """Rules about the whole stack that the digest gives something to judge but the event log does not name."""
    if log.stack_rules is None:
        return []
    command = [str(places.VENV_PYTHON), "-m", "policies", "judge", str(digest), "--json", "--fail-on", "never"]
    for option, file in (("--config", places.PACK / "config.json"), ("--waivers", places.PACK / "waivers.yaml")):
        command += [option, str(file)] if file.exists() else []
    run = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Refusal(f"{digest} could not be judged.", details=tuple(run.stderr.strip().splitlines()[-4:]))
    outcomes: dict[str, set[str]] = {}
    for line in run.stdout.splitlines():
        record = json.loads(line)
        outcomes.setdefault(record["rule"], set()).add(record["outcome"])
    seen = log.stack_rules | log.active | {v.rule for v in log.violations}
    seen |= {rule for _, rules in log.analysed.values() for rule in rules}
    judged = {rule for rule, said in outcomes.items() if said <= {"pass", "fail"}}
    return [
        f"switched off: {rule} has something to judge, but the run does not name it" for rule in sorted(judged - seen)
    ]


def refusal(found: list[str]) -> Refusal:
    """The failure of a run whose log does not prove that it was judged."""
    return Refusal(
        "this run does not count: the policy pack did not run as committed.",
        details=tuple(f"- {sentence}" for sentence in found),
        fix="run it through `make`, without pack configuration, on the committed policies/",
    )
