"""Records of finished steps, so that a second run does nothing and an interrupted one is repeated."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path


def digest(files: Iterable[Path], *facts: str) -> str:
    """SHA-256 over the files' contents and the facts, in order."""
    sha = hashlib.sha256()
    for file in files:
        sha.update(file.read_bytes())
        sha.update(b"\0")
    for fact in facts:
        sha.update(fact.encode())
        sha.update(b"\0")
    return sha.hexdigest()


def read(path: Path) -> dict[str, str]:
    """The record, or an empty one when the step never finished."""
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write(path: Path, record: dict[str, str]) -> None:
    """Writes the record so that readers see the old one or the new one, never half of one."""
    write_text(path, json.dumps(record, indent=1, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replaces a file in one step; the old content stays when the disk is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        new.write_text(text)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def link(path: Path, target: Path) -> None:
    """Points the symbolic link at `path` to `target` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
