"""The evidence of the last run of a stack: one folder that an auditor can check without a meeting (`make evidence`).

`python -m review bundle` writes it: the review, OSCAL, an in-toto statement, digests of all inputs. Here its inputs are
found where the run left them. The folder is named after the run, so the same run is never written twice.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools import pack, places, stamp
from tools.refusal import Refusal
from tools.stacks import Stack

_SOURCES = {
    "access matrix": "access.yaml",
    "components": "components",
    "configuration": "config.py",
    "data inventory": "data.yaml",
    "dependency scan": "osv.json",
    "policy pack": "policies",
    "program": "__main__.py",
    "requirements": "requirements.lock",
    "settings": "settings",
}
"""What decides what a run does, beside the stack file; a folder counts as its files."""


def judge(stack: Stack) -> Path:
    """What the judge says of the last preview's digest, rule by rule, beside it."""
    results = stack.runs / "results.jsonl"
    stamp.write_text(results, pack.judge(stack.runs / "digest.json"))
    return results


def folder(stack: Stack, of: str) -> Path:
    """Where the evidence of the last run belongs: a name from the moment at which that run began."""
    log = stack.runs / f"{of}.events.jsonl"
    try:
        with log.open(encoding="utf-8") as file:
            began = datetime.fromtimestamp(json.loads(file.readline())["timestamp"], UTC)
    except FileNotFoundError:
        raise Refusal(f"there is no {of} of {stack.name} yet.", fix=f"make {of}{stack.command_hint}") from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise Refusal(f"{log} does not tell when it began.", fix=f"make {of}{stack.command_hint}") from None
    return places.local() / "evidence" / stack.name / f"{began:%Y%m%dT%H%M%SZ}-{of}"


def make(stack: Stack, of: str, extra: list[str], *, out: Path | None = None) -> Path:
    """Writes and verifies the bundle; returns its folder. The same run's is only verified."""
    if of not in ("preview", "up"):
        raise Refusal(f"there is no evidence of a {of}.", fix="RUN_OF=preview or RUN_OF=up")
    place = folder(stack, of) if out is None else out.absolute()
    if not (place / "manifest.json").exists():
        with tempfile.TemporaryDirectory() as parts:
            sbom = Path(parts, "sbom.json")
            _run(["-m", "tools.sbom", "--output", str(sbom)])
            _run(["-m", "review", "bundle", *_words(stack, of), "--sbom", str(sbom), "--out", str(place), *extra])
    _run(["-m", "review", "verify", str(place)])
    return place


def _words(stack: Stack, of: str) -> Iterator[str]:
    """The options of the bundle: what the run left, what it was made of, and the bundle before it."""
    yield from ("--events", str(stack.runs / f"{of}.events.jsonl"))
    judgement = stack.runs / "judgement.json"
    if of == "preview":
        yield from ("--digest", str(stack.runs / "digest.json"), "--results", str(judge(stack)))
    if judgement.exists() and _last(stack) == of:
        yield from ("--judgement", str(judgement))
    yield from ("--source", f"stack file={stack.file}")
    for name, path in _SOURCES.items():
        if (places.ROOT / path).exists():
            yield from ("--source", f"{name}={places.ROOT / path}")
    for name, number in _versions().items():
        yield from ("--version", f"{name}={number}")
    if commit := _commit():
        yield from ("--commit", commit)
    if before := _before(folder(stack, of)):
        yield from ("--previous", str(before))


def _last(stack: Stack) -> str:
    """Which of the two was last: the judgement is of that one."""
    logs = {of: stack.runs / f"{of}.events.jsonl" for of in ("preview", "up")}
    there = {of: log.stat().st_mtime for of, log in logs.items() if log.exists()}
    return max(there, key=lambda of: there[of], default="")


def _versions() -> dict[str, Any]:
    engine = stamp.read(places.local() / "engine.json").get("version", "")
    found = {"engine": engine, "sdk": version("pulumi"), "policy sdk": version("pulumi-policy")}
    return {name: number for name, number in found.items() if number}


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "HEAD"], cwd=places.ROOT, capture_output=True, text=True, check=False)
    return run.stdout.strip() if run.returncode == 0 else ""


def _before(place: Path) -> Path | None:
    """The newest evidence of this stack that is older."""
    found = [p.parent for p in place.parent.glob("*/clauses.json") if p.parent.name < place.name]
    return max(found, key=lambda path: path.name, default=None)


def _run(words: list[str]) -> None:
    command = [str(places.VENV_PYTHON), *words]
    run = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        tail = (run.stderr + run.stdout).strip().splitlines()[-8:]
        raise Refusal(f"the evidence was not made ({' '.join(words[1:3])}).", details=tuple(tail), code=run.returncode)
