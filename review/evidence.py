"""What else stands behind a clause: evidence that jobs left (a restore drill), and what people attest."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from review import statement
from review.manifest import sha256
from review.mask import looks_secret, visible
from review.problems import ReviewError

_FIGURES: Final = 12
_HEAD: Final = ("started", "started_at", "finished", "finished_at")
_LONGEST: Final = 200


@dataclass(frozen=True, kw_only=True)
class Proof:
    """One thing that stands behind a clause."""

    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """The evidence of one job: copied as it is, byte for byte."""

    name: str
    data: bytes
    clauses: tuple[str, ...]
    proof: Proof


def records(paths: Iterable[Path], key: Ed25519PublicKey | None = None) -> list[Record]:
    """The evidence of jobs; refuses what is no JSON object, names no clause, or holds what looks like a credential.

    A signed envelope is opened to be read, and copied as it is. With a key, evidence it did not sign is refused.
    """
    found: dict[str, Record] = {}
    for path in paths:
        record = _record(path, key)
        if record.name in found:
            raise ReviewError(f"{path}: there are two files of evidence called {path.name}.", fix="rename one of them")
        found[record.name] = record
    return [found[name] for name in sorted(found)]


def _record(path: Path, key: Ed25519PublicKey | None) -> Record:
    try:
        data = path.read_bytes()
        document: Any = json.loads(data)
    except OSError as error:
        raise ReviewError(f"{path}: the evidence cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: the evidence is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ReviewError(f"{path}: the evidence is not a JSON object.")
    envelope = "payload" in document and "payloadType" in document
    payload = _payload(path, document) if envelope else data
    if key is not None:
        wrong = statement.problems(data, payload, key) if envelope else ["is not signed"]
        if wrong:
            raise ReviewError(f"{path}: the evidence {'; '.join(wrong)}.")
    document = _inner(path, payload) if envelope else _inside(document)
    if looks_secret(data.decode(errors="replace")) or looks_secret(payload.decode(errors="replace")):
        raise ReviewError(f"{path}: holds what looks like a credential; evidence is copied as it is, so this is not.")
    named = document.get("clauses", document.get("clause"))
    clauses = [named] if isinstance(named, str) else named
    if not isinstance(clauses, list) or not clauses or not all(isinstance(c, str) and c for c in clauses):
        raise ReviewError(f"{path}: names no clause.", fix='"clauses": ["BAK-6"]')
    file = f"jobs/{path.name}"
    signed = (("signature", "checked" if key else "not checked here"),) if envelope else ()
    facts = (*_facts(document), *signed)
    proof = Proof(kind="Evidence of a job", title=_title(document), facts=facts, file=file, sha256=sha256(data))
    return Record(name=file, data=data, clauses=tuple(sorted(set(clauses))), proof=proof)


def _payload(path: Path, envelope: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(envelope["payload"], validate=True)
    except (ValueError, TypeError):
        raise ReviewError(f"{path}: the envelope's payload is not base64.") from None


def _inner(path: Path, payload: bytes) -> dict[str, Any]:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ReviewError(f"{path}: the envelope holds no JSON object.")
    return _inside(document)


def _inside(document: dict[str, Any]) -> dict[str, Any]:
    """The evidence of an in-toto statement (`predicate.evidence`) with its result; else the object itself."""
    predicate = document.get("predicate")
    found = predicate.get("evidence") if isinstance(predicate, dict) else None
    if not isinstance(found, dict) or not isinstance(predicate, dict):
        return document
    return {"outcome": str(predicate.get("result") or "").lower(), **found}


def _subject(document: Mapping[str, Any]) -> str:
    if subject := document.get("subject"):
        return _said(subject)
    subjects = document.get("subjects")
    names = (
        [str(s["name"]) for s in subjects if isinstance(s, dict) and "name" in s] if isinstance(subjects, list) else []
    )
    return _said(", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else ""))


def _title(document: Mapping[str, Any]) -> str:
    job, outcome = (_said(document.get(key) or "") for key in ("job", "outcome"))
    subject = _subject(document)
    return f"{job or 'a job'}{f' of {subject}' if subject else ''}{f': {outcome}' if outcome else ''}"


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((key, _said(document[key])) for key in _HEAD if document.get(key))
    checks = document.get("checks")
    for check in checks if isinstance(checks, list) else ():
        if isinstance(check, dict) and check.get("outcome") != "passed":
            yield (
                f"{_said(check.get('outcome') or 'not passed')}:",
                _said(f"{check.get('name')} {check.get('detail') or ''}"),
            )
    figures = document.get("figures") or document.get("facts")
    if isinstance(figures, dict):
        yield from ((str(key), _said(value)) for key, value in sorted(figures.items())[:_FIGURES])
        if len(figures) > _FIGURES:
            yield "and", f"{len(figures) - _FIGURES} more figures"


def _said(value: Any) -> str:
    text = visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def attestations(path: Path | None) -> list[dict[str, str]]:
    """The rows of the register of attestations; none without a register."""
    if path is None or not path.exists():
        return []
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        rows = document["attestations"]
        return [{str(key): str(value) for key, value in row.items()} for row in rows]
    except (OSError, ValueError, RecursionError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ReviewError(f"{path}: the attestations cannot be read: {error!r}.") from None


def by_clause(found: Iterable[Record], attested: Iterable[Mapping[str, str]], day: str) -> dict[str, list[Proof]]:
    """Clause to what stands behind it; an attestation that had ended on the day of the run says so."""
    made: dict[str, list[Proof]] = defaultdict(list)
    for record in found:
        for clause in record.clauses:
            made[clause].append(record.proof)
    for row in attested:
        ended = "ended on" if day and row.get("expires", "") < day else "until"
        facts = [(key, row.get(key, "")) for key in ("owner", "statement", "evidence", "digest", "date")]
        facts.append((ended, row.get("expires", "")))
        proof = Proof(
            kind="Attestation",
            title=row.get("subject", ""),
            facts=tuple((key, _said(value)) for key, value in facts if value),
        )
        made[row.get("clause", "")].append(proof)
    return dict(sorted(made.items()))


def plain(proofs: Mapping[str, Sequence[Proof]]) -> dict[str, list[dict[str, Any]]]:
    """For JSON."""
    return {clause: [{**asdict(p), "facts": dict(p.facts)} for p in found] for clause, found in proofs.items()}
