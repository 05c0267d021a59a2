"""Writes stacks as the engine's files: `pulumi stack export` and the digest of `pulumi preview --json`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from policies.model import UNKNOWN, encode
from tests.policies.wire import urn

PROVIDER = "urn:pulumi:prod::secure-hosting::pulumi:providers:gcp::cloud::0b6c"


def state(
    type_token: str,
    name: str,
    inputs: Mapping[str, Any],
    *,
    outputs: Mapping[str, Any] | None = None,
    depends: Mapping[str, Iterable[str]] | None = None,
    **options: Any,
) -> dict[str, Any]:
    """A resource as the engine writes it; `depends` maps a property to URNs."""
    edges = {key: sorted(urns) for key, urns in (depends or {}).items()}
    made: dict[str, Any] = {
        "urn": urn(type_token, name),
        "custom": True,
        "type": type_token,
        "inputs": encode(dict(inputs)),
        "provider": PROVIDER,
        "dependencies": sorted({u for urns in edges.values() for u in urns}),
        "propertyDependencies": edges,
        **options,
    }
    if outputs is not None:
        made["outputs"] = encode(dict(outputs))
    return made


def digest(states: Iterable[Mapping[str, Any]], op: str = "create") -> dict[str, Any]:
    """A preview that plans `op` for each resource."""
    steps = [{"op": op, "urn": s["urn"], "newState": {**s, "outputs": s.get("outputs", s["inputs"])}} for s in states]
    return {"config": {}, "steps": steps, "changeSummary": {op: len(steps)}, "duration": 1}


def export(states: Iterable[Mapping[str, Any]], version: int = 3) -> dict[str, Any]:
    """The state of a stack; resources without outputs get their inputs, as a cloud that adds nothing would."""
    resources = [{"id": s["urn"].rsplit("::", 1)[-1], "outputs": s.get("inputs", {}), **s} for s in states]
    manifest = {"time": "2026-11-22T00:00:00Z", "magic": "x", "version": "v3.220.0"}
    return {"version": version, "deployment": {"manifest": manifest, "resources": resources}}


def write(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


__all__ = ["UNKNOWN", "digest", "export", "state", "urn", "write"]
