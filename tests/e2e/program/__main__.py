"""Runs the project's program under a transform that changes one resource, as somebody past our constructors could.

`WEAKEN` holds a JSON object: `type` and `name` pick the resource (the name may end in `*`), `set` and `drop` change
properties by path (wire names), `options` changes resource options. Without it the program runs as it is.
`WEAKEN_PROGRAM` names another program of the repository.
`ROWS` names a folder with another data.yaml and access.yaml.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import pulumi

ROOT = Path(__file__).resolve().parents[3]


def _place(value: Any, steps: list[str], new: Any) -> Any:
    """A copy with the value at the path replaced, or dropped when `new` is None."""
    copied = dict(value or {})
    head, *rest = steps
    if rest:
        copied[head] = _place(copied.get(head), rest, new)
    elif new is None:
        copied.pop(head, None)
    else:
        copied[head] = new
    return copied


def weaken(change: dict[str, Any]) -> None:
    """Registers the transform."""

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        fits = (
            args.name.startswith(change["name"][:-1]) if change["name"].endswith("*") else args.name == change["name"]
        )
        if args.type_ != change["type"] or not fits:
            return None
        props: Any = args.props
        for path, value in change.get("set", {}).items():
            props = _place(props, path.split("."), value)
        for path in change.get("drop", []):
            props = _place(props, path.split("."), None)
        for key, value in change.get("options", {}).items():
            setattr(args.opts, key, value)
        return pulumi.ResourceTransformResult(props=props, opts=args.opts)

    pulumi.runtime.register_resource_transform(transform)


sys.path.insert(0, str(ROOT))
if os.environ.get("ROWS"):
    from settings import access, inventory

    inventory.FILE = str(Path(os.environ["ROWS"]) / inventory.FILE)
    access.FILE = str(Path(os.environ["ROWS"]) / access.FILE)
if os.environ.get("WEAKEN"):
    weaken(json.loads(os.environ["WEAKEN"]))
runpy.run_path(str(ROOT / os.environ.get("WEAKEN_PROGRAM", "__main__.py")), run_name="__main__")
