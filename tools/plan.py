"""A plan is applied only as it was reviewed: same code, same pack, same settings, same state before, same steps.

The engine's own plan file limits what `up` may do, but it knows neither which state it was made from nor which pack
judged it. `preview --save-plan FILE` therefore writes a record beside it, and `up --plan FILE` holds the world against
that record, previews again, and refuses when anything differs. What was applied is written down in turn (CHG-3, CIN-1).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools import pack, places, stamp
from tools.refusal import Refusal
from tools.run import Run
from tools.stacks import Stack

SUFFIX = ".reviewed.json"
_SECRET = "4dabf18193072939515e22adb298388d"
_SHOWN = 8
_ROOMS = ("bootstrap", "components", "jobs", "policies", "settings")
_FILES = ("__main__.py", "config.py", "osv.json", "requirements.lock")
_QUIET = frozenset({"same", "read", "refresh"})
_VOLATILE = frozenset({"created", "modified", "sourcePosition", "stackTrace"})


def option(name: str, extra: list[str]) -> tuple[Path | None, list[str]]:
    """The file that a flag such as `--plan` names, as an absolute path, and the other arguments."""
    rest: list[str] = []
    found: str | None = None
    waiting = False
    for word in extra:
        if waiting:
            found, waiting = word, False
        elif word == name:
            waiting = True
        elif word.startswith(f"{name}="):
            found = word.partition("=")[2]
        else:
            rest.append(word)
    if waiting or found == "":
        raise Refusal(f"{name} names no file.", fix=f'ARGS="{name}=plan.json"')
    return (Path(found).absolute() if found else None), rest


def record_of(plan: Path) -> Path:
    """Where the record of a plan lies: beside it."""
    return plan.with_name(plan.name + SUFFIX)


def forget(plan: Path) -> None:
    """Removes a plan and its record, so that no old one is taken for a new one."""
    for file in (plan, record_of(plan)):
        file.unlink(missing_ok=True)


def seal(plan: Path, run: Run) -> None:
    """Writes the record of a plan that a proven, successful preview has just made; else removes the plan."""
    if run.exit_code or not plan.exists():
        forget(plan)
        return
    facts = {**_facts(run.stack), "plan": _digest(plan.read_bytes()), "steps": steps(run.digest), "commit": _commit()}
    stamp.write_text(record_of(plan), json.dumps(facts, indent=1, sort_keys=True) + "\n")


def check(plan: Path, stack: Stack) -> dict[str, Any]:
    """The record of a plan. Refuses one that was made for another stack, from other code, or from another state."""
    record = _read(plan)
    now = {**_facts(stack), "plan": _digest(plan.read_bytes())}
    wrong = [sentence for key, sentence in _DIFFERS.items() if record.get(key) != now[key]]
    if wrong:
        details = tuple(f"- {text.format(then=record.get('stack'), now=stack.name)}" for text in wrong)
        raise _refused(stack, details)
    return record


def compare(record: Mapping[str, Any], fresh: Run) -> None:
    """Refuses when a fresh preview would do something else than the reviewed one."""
    then: Mapping[str, Any] = record["steps"]
    now = steps(fresh.digest)
    details = [_difference(urn, then.get(urn), now.get(urn)) for urn in sorted({*then, *now})]
    found = [text for text in details if text]
    if found:
        more = [f"- and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise _refused(fresh.stack, (*(f"- {text}" for text in found[:_SHOWN]), *more))


def applied(record: Mapping[str, Any], run: Run) -> Path:
    """Writes down what was deployed: commit, stack, plan, pack and versions, and what changed."""
    kept = {key: record[key] for key in ("stack", "plan", "pack", "policies", "sources", "engine", "commit", "state")}
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "applied_commit": _commit(),
        "exit_code": run.exit_code,
        "changes": run.log.changes,
    }
    file = run.stack.runs / "deployment.json"
    stamp.write_text(file, json.dumps({**kept, **result}, indent=1, sort_keys=True) + "\n")
    return file


_DIFFERS = {
    "stack": "it was made for the stack {then}, not for {now}",
    "plan": "the plan file was changed after its preview",
    "sources": "program, components, settings or stack files differ from those that were previewed",
    "policies": "the policy pack differs from the one that judged the preview",
    "pack": "the policy pack has another version than the one that judged the preview",
    "engine": "the engine has another version than the one that made the preview",
    "state": "the state has moved on since the preview: something else was applied in between",
}


def _refused(stack: Stack, details: tuple[str, ...]) -> Refusal:
    return Refusal(
        f"the plan is not what was reviewed; nothing was changed in {stack.name}.",
        details=details,
        fix='preview it again (make preview ARGS="--save-plan=plan.json"), have that reviewed, and apply the new plan',
    )


def _read(plan: Path) -> dict[str, Any]:
    if not plan.exists():
        raise Refusal(f"there is no plan {plan}; nothing was changed.", fix='make preview ARGS="--save-plan=plan.json"')
    file = record_of(plan)
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        record = None
    except (ValueError, UnicodeDecodeError):
        raise Refusal(
            f"{file} is damaged; nothing was changed.", fix="fetch the plan of the pull request again"
        ) from None
    if not isinstance(record, dict) or not isinstance(record.get("steps"), dict):
        raise Refusal(
            f"{plan.name} has no record of its preview beside it ({file.name}); nothing was changed.",
            fix='only a plan that `make preview ARGS="--save-plan=plan.json"` made and judged is applied',
        )
    return record


def _facts(stack: Stack) -> dict[str, str]:
    """What a plan rests on."""
    engine = stamp.read(places.local() / "engine.json").get("version", "")
    return {
        "stack": stack.name,
        "sources": _digest_of(_sources()),
        "policies": _digest_of(f for f in _files("policies") if f.suffix in (".py", ".yaml", ".json")),
        "pack": pack.load().version,
        "engine": engine,
        "state": _state(stack),
    }


def _sources() -> Iterator[Path]:
    for room in _ROOMS:
        yield from (f for f in _files(room) if f.suffix in (".py", ".yaml", ".json"))
    yield from sorted(places.ROOT.glob("*.yaml"))
    yield from (f for f in (places.ROOT / name for name in _FILES) if f.exists())


def _files(room: str) -> list[Path]:
    return sorted(f for f in (places.ROOT / room).rglob("*") if f.is_file() and "__pycache__" not in f.parts)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _digest_of(files: Iterator[Path]) -> str:
    """Over names and contents; lines that Pulumi writes into a stack file count like any other."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(f"{file.relative_to(places.ROOT)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return f"sha256:{sha.hexdigest()}"


def _state(stack: Stack) -> str:
    """A digest of what the engine knows before the run. Ciphertext differs from export to export and is left out."""
    command = [str(places.engine() / "pulumi"), "stack", "export", "--stack", stack.name, "--non-interactive"]
    run = subprocess.run(
        command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refusal(
            f"the state of {stack.name} cannot be read; nothing was changed.",
            details=tuple(run.stderr.strip().splitlines()[-4:]),
        )
    deployment = json.loads(run.stdout).get("deployment") or {}
    resources = sorted(
        deployment.get("resources") or (), key=lambda r: (r["urn"], str(r.get("id")), bool(r.get("delete")))
    )
    return _digest(json.dumps([_masked(r) for r in resources], sort_keys=True).encode())


def steps(digest: Mapping[str, Any]) -> dict[str, list[str]]:
    """What a preview would do: URN to operations with a digest of what each would write."""
    found: dict[str, list[str]] = {}
    for step in digest.get("steps") or ():
        if step["op"] in _QUIET:
            continue
        new = step.get("newState") or {}
        written = {key: new.get(key) for key in ("inputs", "protect", "parent", "provider")}
        written["dependencies"] = sorted(new.get("dependencies") or ())
        reasons = sorted(step.get("replaceReasons") or ())
        what = _digest(json.dumps([_masked(written), reasons], sort_keys=True).encode())[7:23]
        found.setdefault(step["urn"], []).append(f"{step['op']} {what}")
    return {urn: sorted(ops) for urn, ops in found.items()}


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        if _SECRET in value:
            return "[secret]"
        return {key: _masked(item) for key, item in value.items() if key not in _VOLATILE}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _difference(urn: str, then: list[str] | None, now: list[str] | None) -> str:
    """One resource that would be treated otherwise, in words; "" when it would not."""
    if then == now:
        return ""
    kind, name = urn.split("::")[2].rsplit("$", 1)[-1], urn.rsplit("::", 1)[-1]
    before, after = (", ".join(op.partition(" ")[0] for op in ops or ["nothing"]) for ops in (then, now))
    other = f"{before} was reviewed, {after} would happen"
    what = other if before != after else f"the {after} would write other values"
    return f"{kind} {name}: {what}"


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "HEAD"], cwd=places.ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""
