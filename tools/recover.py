"""After a crash: finds out what exists, writes it into the state, clears what never finished. See docs/recovery.md.

The engine alone cannot do this: it does not know whether a create that was interrupted, or whose answer was lost, took
place. The local cloud is asked; for the real clouds a person says what they found.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from tools import events, places, setup, stamp
from tools.progress import Stage
from tools.refusal import Refusal
from tools.run import exclusive
from tools.stacks import Stack

State = dict[str, Any]


def recover(stack: Stack, *, found: Mapping[str, str], absent: frozenset[str]) -> list[str]:
    """Brings the state in line with what exists; returns what was done, one sentence each."""
    setup.ensure()
    done: list[str] = []
    with exclusive(stack), Stage(f"Recovery of {stack.name}") as stage:
        if not stack.real:
            done += _restore(stack)
        stack.prepare()
        stage.doing = "releasing the engine's lock"
        _pulumi(stack, "cancel", "--yes", "--stack", stack.name)
        stage.doing = "comparing the state with what exists"
        document = json.loads(_pulumi(stack, "stack", "export", "--stack", stack.name))
        deployment: State = document["deployment"]
        if stack.real:
            _decide(deployment, found, absent)
            existing = list(found.items())
        else:
            existing = _existing(stack)
        changes = adopt(deployment, existing, _registered(stack))
        if changes:
            file = stack.runs / "recovered.json"
            stamp.write_text(file, json.dumps(document))
            _pulumi(stack, "stack", "import", "--stack", stack.name, "--file", str(file))
            file.unlink()
            done += changes
        stage.doing = "reading every resource"
        _pulumi(stack, "refresh", *stack.flags, "--yes", "--skip-preview", "--clear-pending-creates")
        stage.done("done", f"{len(done)} repaired" if done else "nothing was left behind")
    return done


def adopt(deployment: State, existing: list[tuple[str, str]], registered: Mapping[str, State]) -> list[str]:
    """Puts resources that exist but are not in the state there, and drops operations that never finished.

    `existing` has the URN and id of every resource of this stack in the cloud; `registered` what the last run knew.
    """
    resources: list[State] = deployment.setdefault("resources", [])
    pending = {op["resource"]["urn"]: op["resource"] for op in deployment.get("pending_operations") or ()}
    known = {(entry["type"], entry.get("id")) for entry in resources}
    said: list[str] = []
    for urn, identity in existing:
        if (_type(urn), identity) in known:
            continue
        for older in resources:
            if older["urn"] == urn and not older.get("delete"):
                older["delete"] = True
                said.append(f"{_name(urn)}: {older['id']} is being replaced; the next up removes it")
        resources.append({**_entry(urn, pending.get(urn), registered.get(urn), resources), "id": identity})
        said.append(f"{_name(urn)}: {identity} exists and is now in the state")
    taken = {urn for urn, _ in existing}
    for op in deployment.pop("pending_operations", None) or ():
        if op["type"] == "creating" and op["resource"]["urn"] not in taken:
            said.append(f"{_name(op['resource']['urn'])}: was never created; the next up creates it")
    return said


def _entry(urn: str, pending: State | None, seen: State | None, resources: list[State]) -> State:
    """A resource's state without its values, which the refresh reads; edges come from the interrupted run."""
    kind = _type(urn)
    entry: State = {"urn": urn, "custom": True, "type": kind}
    source = pending or seen or {}
    for key in ("parent", "provider", "dependencies", "propertyDependencies", "protect", "retainOnDelete"):
        if source.get(key):
            entry[key] = source[key]
    entry.setdefault("parent", resources[0]["urn"])
    package = kind.split(":")[0]
    providers = [r for r in resources if r["type"] == f"pulumi:providers:{package}" and not r.get("delete")]
    if not entry.get("provider") and providers:
        entry["provider"] = f"{providers[0]['urn']}::{providers[0]['id']}"
    return entry


def _decide(deployment: State, found: Mapping[str, str], absent: frozenset[str]) -> None:
    """In the real clouds nobody but a person can say whether an interrupted create took place."""
    creating = [op["resource"]["urn"] for op in deployment.get("pending_operations") or () if op["type"] == "creating"]
    if undecided := [urn for urn in creating if urn not in found and urn not in absent]:
        raise Refusal(
            f"{len(undecided)} interrupted create(s): look in the provider's console whether each exists.",
            details=tuple(undecided),
            fix="give each one:  --found URN=ID   where it exists\n--absent URN     where it does not",
        )


def _existing(stack: Stack) -> list[tuple[str, str]]:
    command = [str(places.VENV_PYTHON), "-m", "localcloud", "list", "--json"]
    run = subprocess.run(command, cwd=places.ROOT, env=stack.environment(), capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Refusal("the local cloud cannot be read.", details=tuple(run.stderr.strip().splitlines()[-4:]))
    prefix = f"urn:pulumi:{stack.name}::{stack.project}::"
    entries = [json.loads(text) for text in run.stdout.splitlines()]
    return [(entry["urn"], entry["id"]) for entry in entries if entry["urn"].startswith(prefix)]


def _registered(stack: Stack) -> dict[str, State]:
    """What the last `up` registered, from its event log; none when there was none."""
    log = stack.runs / "up.events.jsonl"
    return events.read(log).states if log.exists() else {}


def _restore(stack: Stack) -> list[str]:
    """Goes back to the engine's copy when the state file is damaged; the damaged one is kept beside it."""
    if not stack.state.exists():
        return []
    try:
        stack.checkpoint()
        return []
    except ValueError:
        copy = stack.state.with_name(stack.state.name + ".bak")
    try:
        text = copy.read_text(encoding="utf-8")
        json.loads(text)["checkpoint"]["latest"]["manifest"]
    except (OSError, ValueError, KeyError, TypeError):
        raise Refusal(
            f"the state {stack.state} and the engine's copy of it are both damaged; nothing was changed.",
            fix=f"restore {stack.state.parent} from a backup, or start the local cloud anew:\n"
            f"rm -r {places.local()}   removes it with everything in it",
        ) from None
    stack.state.replace(stack.state.with_name(stack.state.name + ".damaged"))
    stamp.write_text(stack.state, text)
    return [f"the state was damaged; went back to {copy.name}, the damaged one is kept as {stack.state.name}.damaged"]


def _type(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _pulumi(stack: Stack, *arguments: str) -> str:
    command = [str(places.engine() / "pulumi"), *arguments, "--non-interactive"]
    run = subprocess.run(
        command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refusal(
            f"`pulumi {arguments[0]}` failed; run `make recover{stack.command_hint}` again once this is mended.",
            details=tuple((run.stderr + run.stdout).strip().splitlines()[-10:]),
            code=run.returncode,
        )
    return run.stdout


def parse_found(pairs: list[str]) -> dict[str, str]:
    """`URN=ID` pairs; ids may hold `=` themselves, URNs do not."""
    found: dict[str, str] = {}
    for pair in pairs:
        urn, sign, identity = pair.partition("=")
        if not sign or not urn.startswith("urn:pulumi:") or not identity:
            raise Refusal(f"{pair!r} is not URN=ID.", fix="--found 'urn:pulumi:prod::…=projects/…'")
        found[urn] = identity
    return found


def show(done: list[str], stack: Stack) -> None:
    """What was done, and what comes next."""
    for sentence in done:
        print(f"  {sentence}")
    print(f"  Next     make up{stack.command_hint}   finishes what was interrupted")
