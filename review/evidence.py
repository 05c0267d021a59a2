"""What else stands behind a clause: evidence that jobs left (a restore drill), and what people attest."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from review.manifest import sha256
from review.mask import looks_secret, visible
from review.problems import ReviewError

_FIGURES: Final = 12
_HEAD: Final = ("started", "finished")
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


def records(paths: Iterable[Path]) -> list[Record]:
    """The evidence of jobs; refuses what is no JSON object, names no clause, or holds what looks like a credential."""
    found: dict[str, Record] = {}
    for path in paths:
        record = _record(path)
        if record.name in found:
            raise ReviewError(f"{path}: there are two files of evidence called {path.name}.", fix="rename one of them")
        found[record.name] = record
    return [found[name] for name in sorted(found)]


def _record(path: Path) -> Record:
    try:
        data = path.read_bytes()
        document: Any = json.loads(data)
    except OSError as error:
        raise ReviewError(f"{path}: the evidence cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: the evidence is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ReviewError(f"{path}: the evidence is not a JSON object.")
    if looks_secret(data.decode(errors="replace")):
        raise ReviewError(f"{path}: holds what looks like a credential; evidence is copied as it is, so this is not.")
    named = document.get("clauses", document.get("clause"))
    clauses = [named] if isinstance(named, str) else named
    if not isinstance(clauses, list) or not clauses or not all(isinstance(c, str) and c for c in clauses):
        raise ReviewError(f"{path}: names no clause.", fix='"clauses": ["BAK-6"]')
    file = f"jobs/{path.name}"
    proof = Proof(
        kind="Evidence of a job", title=_title(document), facts=tuple(_facts(document)), file=file, sha256=sha256(data)
    )
    return Record(name=file, data=data, clauses=tuple(sorted(set(clauses))), proof=proof)


def _title(document: Mapping[str, Any]) -> str:
    job, subject, outcome = (_said(document.get(key) or "") for key in ("job", "subject", "outcome"))
    return f"{job or 'a job'}{f' of {subject}' if subject else ''}{f': {outcome}' if outcome else ''}"


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((key, _said(document[key])) for key in _HEAD if document.get(key))
    figures = document.get("figures")
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
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
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
