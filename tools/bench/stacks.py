"""Stacks of a given size: the production values, with more databases and more workloads that use them.

What people wrote down about production (data.yaml, access.yaml) has rows for each stack by its name, and so have
waivers. A stack of another name is therefore measured in a copy of the project, whose rows are production's and one for
each further database.
"""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, Final

import yaml

from tools import places

_PREFIX = "secure-hosting:"
_MODEL: Final = "inventory"
"""The database that the others are like, and whose rows theirs are like."""
_LEFT_OUT: Final = (".git*", ".venv", ".local", ".*_cache", "__pycache__", "docs", "tests", "Pulumi.*.yaml")


def _extra(number: int) -> str:
    return f"extra-{number:04d}"


def scaled(copies: int) -> dict[str, Any]:
    """Production with `copies` more databases, each with two workloads of its own; everything else as it is."""
    document: dict[str, Any] = yaml.safe_load((places.ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))
    config = document["config"]
    databases, workloads = config[f"{_PREFIX}databases"], config[f"{_PREFIX}workloads"]
    model = databases[_MODEL]
    for number in range(copies):
        name = _extra(number)
        databases[name] = copy.deepcopy(model)
        for role in ("api", "worker"):
            workloads[f"{name}-{role}"] = {
                "purpose": f"measures the pack on database {name}",
                "databases": [name],
                "permissions": ["monitoring.timeSeries.create"],
            }
    return document


def write(folder: Path, copies: int) -> Path:
    """The stack file of that size."""
    path = folder / f"Pulumi.extra-{copies}.yaml"
    path.write_text(yaml.safe_dump(scaled(copies), sort_keys=False), encoding="utf-8")
    return path


def project(folder: Path, stack: str, copies: int) -> Path:
    """A copy of the project in which the stack of that name has its rows."""
    target = folder / f"project-{stack}"
    shutil.copytree(places.ROOT, target, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for name in ("data.yaml", "access.yaml"):
        rows = yaml.safe_load((places.ROOT / name).read_text(encoding="utf-8"))
        rows[stack] = copy.deepcopy(rows["prod"])
        if name == "data.yaml":
            rows[stack] |= {_extra(number): dict(rows["prod"][_MODEL]) for number in range(copies)}
        (target / name).write_text(yaml.safe_dump(rows, sort_keys=False), encoding="utf-8")
    waivers = target / "policies" / "waivers.yaml"
    accepted = yaml.safe_load(waivers.read_text(encoding="utf-8"))
    for waiver in accepted["waivers"]:
        waiver["stack"] = stack if waiver.get("stack") == "prod" else waiver.get("stack", stack)
    waivers.write_text(yaml.safe_dump(accepted, sort_keys=False), encoding="utf-8")
    return target
