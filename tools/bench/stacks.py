"""Stack files of a given size: the production values, with more databases and more workloads that use them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import yaml

from tools import places

_PREFIX = "secure-hosting:"


def scaled(copies: int) -> dict[str, Any]:
    """Production with `copies` more databases, each with two workloads of its own; everything else as it is."""
    document: dict[str, Any] = yaml.safe_load((places.ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8"))
    config = document["config"]
    databases, workloads = config[f"{_PREFIX}databases"], config[f"{_PREFIX}workloads"]
    model = databases["inventory"]
    for number in range(copies):
        name = f"extra-{number:04d}"
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
