"""Whether a bundle is as it was written: every changed, missing or added byte is named.

`statement.json` names the digest of each file and of the manifest; the manifest, being made of those files, can be made
again and is compared; the seal does the same for statement and envelope. Who changes all of them consistently is found
by the signature alone: verify with `--key`, or with the platform's own tool (docs/review.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from review import statement
from review.bundle import ENVELOPE, MANIFEST, SEAL, STATEMENT, described
from review.manifest import differences, first_difference, sha256
from review.problems import ReviewError


def verify(folder: Path, *, key: Path | None = None) -> tuple[list[str], list[str]]:
    """Problems, and what was verified. Without a key only the agreement of the files with each other is."""
    if not folder.is_dir():
        raise ReviewError(f"{folder} is not a folder.")
    public = statement.load_public_key(key) if key else None
    files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_symlink() or not p.is_dir()}
    found = [f"{name}: is a link; evidence is made of files" for name, p in files.items() if p.is_symlink()]
    data = {name: p.read_bytes() for name, p in files.items() if not p.is_symlink()}
    missing = [name for name in (MANIFEST, STATEMENT, SEAL) if name not in data]
    found += [f"{name}: is missing" for name in missing]
    found += _sealed(data) if SEAL in data else []
    subjects = _subjects(data.get(STATEMENT, b""))
    if subjects is None:
        return sorted({*found, f"{STATEMENT}: is no in-toto statement"}), []
    found += _contents(data, subjects)
    found += _signature(data, public) if public else []
    found += [f"{name}: was added" for name in sorted(files.keys() - {*subjects, STATEMENT, ENVELOPE, SEAL})]
    proven = [f"{len(subjects)} files are as {STATEMENT} says"]
    if public:
        proven.append(f"the statement is signed by the key {statement.key_id(public)[:16]}")
    return sorted(set(found)), [] if found else proven


def _contents(data: dict[str, bytes], subjects: dict[str, str]) -> list[str]:
    """Each file against the digest that the statement names; where it differs, as far as the manifest can tell."""
    manifest = _object(data.get(MANIFEST, b""))
    found: list[str] = []
    for name, digest in sorted(subjects.items()):
        if name == MANIFEST or (name in data and sha256(data[name]) == digest):
            continue
        entry = manifest.get(name)
        if name not in data:
            found.append(f"{name}: is missing")
        elif isinstance(entry, dict) and entry.get("sha256") == digest:
            found += [f"{name}: {words}" for words in differences(data[name], entry)]
        else:
            found.append(f"{name}: was changed (the manifest cannot say where)")
    if MANIFEST in data and subjects.get(MANIFEST) != sha256(data[MANIFEST]):
        again = described({n: data[n] for n in subjects if n != MANIFEST and n in data})
        sure = not found and subjects.get(MANIFEST) == sha256(again)
        found.append(f"{MANIFEST}: {first_difference(data[MANIFEST], again) if sure else 'was changed'}")
    return found


def _sealed(data: dict[str, bytes]) -> list[str]:
    """Statement and envelope against the seal; the seal against what it would be."""
    again = described({name: data[name] for name in (STATEMENT, ENVELOPE) if name in data})
    if data[SEAL] == again:
        return []
    found: list[str] = []
    for name, entry in _object(data[SEAL]).items():
        if name in (STATEMENT, ENVELOPE) and name not in data:
            found.append(f"{name}: is missing")
        elif name in data and isinstance(entry, dict) and {"sha256", "size", "pieces"} <= entry.keys():
            now = _object(described({name: data[name]}))[name]
            if entry["sha256"] != now["sha256"] and entry["pieces"] != now["pieces"]:
                found += [f"{name}: {words}" for words in differences(data[name], entry)]
    return found or [f"{SEAL}: {first_difference(data[SEAL], again)}"]


def _signature(data: dict[str, bytes], public: Ed25519PublicKey) -> list[str]:
    if ENVELOPE not in data:
        return [f"{ENVELOPE}: is missing: the bundle is not signed"]
    return [f"{ENVELOPE}: {words}" for words in statement.problems(data[ENVELOPE], data.get(STATEMENT, b""), public)]


def _subjects(data: bytes) -> dict[str, str] | None:
    try:
        document = json.loads(data)
        if document["_type"] != statement.STATEMENT_TYPE:
            return None
        return {str(s["name"]): str(s["digest"]["sha256"]) for s in document["subject"]}
    except (ValueError, KeyError, TypeError):
        return None


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
