"""The policy pack as its own command lists it: version, rules and levels that a run must show."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

from review.guard import NAME, Pack, pack_of
from tools import places, stamp
from tools.refusal import Refusal

__all__ = ["NAME", "Pack", "load"]


def _sources(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix in (".py", ".yaml", ".json") and f.is_file())


def load(folder: Path = places.PACK) -> Pack:
    """Reads the pack; refuses one that is missing or does not import, before anything is run with it."""
    project = folder / "PulumiPolicy.yaml"
    if not project.exists():
        raise Refusal(
            f"the policy pack is missing: there is no {project}; nothing was started.",
            fix="git checkout -- policies   brings it back; without it no preview and no deployment runs",
        )
    wanted = stamp.digest(_sources(folder), str(folder))
    kept = places.local() / "pack.json"
    known = stamp.read(kept)
    if known.get("digest") != wanted:
        known = {"digest": wanted, "listing": _list(folder)}
        stamp.write(kept, known)
    rules = [json.loads(line) for line in known["listing"].splitlines()]
    return pack_of(rules, str(yaml.safe_load(project.read_text())["version"]))


def judge(digest: Path) -> str:
    """What the judge says of a digest, a verdict a line, at the committed levels and with the accepted exceptions."""
    command = [str(places.VENV_PYTHON), "-m", "policies", "judge", str(digest), "--json", "--fail-on", "never"]
    for option, file in (("--config", places.PACK / "config.json"), ("--waivers", places.PACK / "waivers.yaml")):
        command += [option, str(file)] if file.exists() else []
    run = subprocess.run(
        [*command, "--registers", str(places.ROOT)], cwd=places.ROOT, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refusal(f"{digest.name} could not be judged.", details=tuple(run.stderr.strip().splitlines()[-4:]))
    return run.stdout


def _list(folder: Path) -> str:
    command = [str(places.VENV_PYTHON), "-m", folder.name, "list", "--json"]
    run = subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)
    if run.returncode != 0 or not run.stdout.strip():
        raise Refusal(
            f"the policy pack in {folder} does not load; nothing was started.",
            details=tuple((run.stderr or "it lists no rules").strip().splitlines()[-6:]),
            fix=f"python -m {folder.name} list   must work first",
        )
    return run.stdout
