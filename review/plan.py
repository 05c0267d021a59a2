"""Whether the plan that is about to be applied is the one that was reviewed."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

from review.problems import ReviewError

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_QUIET: Final = {"same", "read", "refresh"}


def digest(path: Path) -> str:
    """SHA-256 of the plan's file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ReviewError(f"{path}: the plan cannot be read: {error.strerror}.") from None


def reviewed(given: str) -> str:
    """The digest of the reviewed plan: itself, or as `review.json`, `inputs.json` or a bundle names it."""
    if _SHA256.fullmatch(given.lower()):
        return given.lower()
    path = Path(given)
    path = path / "inputs.json" if path.is_dir() else path
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReviewError(
            f"{given}: neither a SHA-256 nor a review that can be read: {error}",
            fix="--reviewed with the digest that the comment shows, or a bundle",
        ) from None
    inputs = document.get("inputs", document) if isinstance(document, dict) else {}
    if isinstance(inputs, list):
        inputs = {str(entry.get("name")): entry.get("sha256") for entry in inputs if isinstance(entry, dict)}
    found = inputs.get("plan") if isinstance(inputs, dict) else None
    if not isinstance(found, str) or not _SHA256.fullmatch(found):
        raise ReviewError(f"{given} names no plan.", fix="review with --plan FILE, so that its digest is part of it")
    return found


def problems(path: Path, wanted: str) -> list[str]:
    """One sentence where the plan is another one."""
    found = digest(path)
    if found == wanted:
        return []
    return [f"the plan to be applied ({found[:16]}…) is not the reviewed one ({wanted[:16]}…)"]


def differences(path: Path, steps: dict[str, str]) -> list[str]:
    """Where the plan does something else than the digest that was reviewed (URN to the operation of each step)."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        planned = document["resourcePlans"]
        does = {str(urn): [str(s) for s in entry.get("steps") or ()] for urn, entry in planned.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReviewError(f"{path} is no plan: {error!r}.", fix="pulumi preview --save-plan FILE") from None
    found = []
    for urn in sorted(does.keys() | steps.keys()):
        ops = [op for op in does.get(urn, ()) if op not in _QUIET]
        reviewed_op = steps.get(urn, "same")
        reviewed_ops = [] if reviewed_op in _QUIET else [reviewed_op]
        if bool(ops) != bool(reviewed_ops) or (ops and _kind(ops) != _kind(reviewed_ops)):
            name = urn.rsplit("::", 1)[-1]
            found.append(f"the plan would {_words(ops)} {name}; what was reviewed would {_words(reviewed_ops)} it")
    return found


def _kind(ops: list[str]) -> str:
    words = " ".join(ops)
    if "replace" in words or {"create", "delete"} <= set(ops):
        return "replace"
    return ops[0]


def _words(ops: list[str]) -> str:
    return _kind(ops) if ops else "not change"
