"""The evidence of one run: a folder that is the same byte for byte when made again from the same inputs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from review import comment, document, evidence, junit, oscal, page, sarif, statement
from review.compare import compare
from review.coverage import WITHOUT, WORST, by_clause, cases
from review.manifest import describe, sha256
from review.mask import looks_secret
from review.model import Digest, Review
from review.problems import ReviewError

MANIFEST: Final = "manifest.json"
STATEMENT: Final = "statement.json"
ENVELOPE: Final = "statement.dsse.json"
SEAL: Final = "seal.json"
"""Describes the statement and its envelope, which cannot name themselves, so that a changed byte in them is found."""


def make(
    review: Review,
    folder: Path,
    *,
    sources: Mapping[str, Path],
    previous: Path | None = None,
    key: Path | None = None,
    jobs: Iterable[Path] = (),
    jobs_key: Path | None = None,
    attestations: Path | None = None,
    sbom: Path | None = None,
) -> list[str]:
    """Writes the bundle into a new or empty folder; returns the names of its files.

    `sources` are further inputs whose digests are evidence (program, stack file): a folder counts as its files. `jobs`
    is evidence that jobs left; it and the list of parts (`sbom`) are copied as they are.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ReviewError(f"{folder} is not empty: evidence is never written over.", fix="--out NEW_FOLDER")
    inputs = [*review.inputs, *(_digest(name, path) for name, path in sorted(sources.items()))]
    signer = statement.load_key(key) if key else None
    records, attested = (
        evidence.records(jobs, statement.load_public_key(jobs_key) if jobs_key else None),
        evidence.attestations(attestations),
    )
    proofs = evidence.by_clause(records, attested, review.when[:10])
    comparison = compare(_read_clauses(previous), _clauses(review)) if previous is not None else None
    files = {
        "index.html": page.write(review, proofs=proofs, comparison=comparison),
        "comment.md": comment.write(review, whole="index.html of this bundle"),
        "review.json": document.write(review),
        "results.sarif": sarif.write(review),
        "junit.xml": junit.write(review),
        **{name: write(review) for name, write in oscal.KINDS.values()},
        "clauses.json": _dump(_clauses(review)),
        "waivers.json": _dump([_waiver(f) for f in review.of("waived")]),
        "versions.json": _dump({"packs": review.packs, "versions": review.versions, "commit": review.commit}),
        "inputs.json": _dump({digest.name: digest.sha256 for digest in inputs}),
        "attestations.json": _dump(attested),
        "proofs.json": _dump(evidence.plain(proofs)),
    }
    if comparison is not None:
        files["comparison.json"] = _dump(comparison)
    encoded = {name: text.encode() for name, text in files.items()}
    encoded |= {record.name: record.data for record in records}
    if sbom is not None:
        encoded["sbom.json"] = _read(sbom)
    encoded[MANIFEST] = described(encoded)
    made = statement.make(review, {name: sha256(data) for name, data in sorted(encoded.items())}, inputs)
    encoded[STATEMENT] = made
    if signer:
        encoded[ENVELOPE] = statement.sign(made, signer)
    encoded[SEAL] = described({name: encoded[name] for name in (STATEMENT, ENVELOPE) if name in encoded})
    _write(folder, encoded)
    return sorted(encoded)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """All files or none: an interrupted run leaves no half of a bundle under its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as part:
        for name, data in files.items():
            path = Path(part, "bundle", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        if folder.exists():
            folder.rmdir()
        Path(part, "bundle").rename(folder)


def _read(path: Path) -> bytes:
    """A list of parts, as it is."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReviewError(f"{path}: cannot be read: {error.strerror}.") from None
    if looks_secret(data.decode(errors="replace")):
        raise ReviewError(f"{path}: holds what looks like a credential, so it is not copied.")
    return data


def described(files: Mapping[str, bytes]) -> bytes:
    """Size and digests of files, as JSON."""
    return _dump({name: describe(data) for name, data in sorted(files.items())}).encode()


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _digest(name: str, path: Path) -> Digest:
    """SHA-256 of a file; of a folder, that of the sorted list of its files' digests and names."""
    if path.is_file():
        return Digest(name=name, sha256=sha256(path.read_bytes()))
    if not path.is_dir():
        raise ReviewError(f"{path}: there is no such input as {name}.")
    wanted = (f for f in path.rglob("*") if f.is_file() and not _ignored(f.relative_to(path)))
    lines = [f"{sha256(f.read_bytes())}  {f.relative_to(path).as_posix()}\n" for f in wanted]
    return Digest(name=name, sha256=sha256("".join(sorted(lines, key=lambda line: line[66:])).encode()))


def _ignored(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def _clauses(review: Review) -> list[dict[str, Any]]:
    """Every clause verbatim, with the resources it was judged on, by which rules, and what came of it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in cases(review):
        checks = [
            {"rule": c.rule, "outcome": c.outcome, "reason": c.reason, "by_engine": c.by_engine} for c in case.checks
        ]
        entry = {"resource": case.urn or "the stack", "outcome": case.outcome, "checks": checks}
        found.setdefault(case.clause or WITHOUT, []).append(entry)
    known = {clause.id: clause for clause in review.clauses}
    return [
        {
            "clause": name,
            "sentence": known[name].sentence if name in known else "",
            "text": known[name].text if name in known else "",
            "sha256": known[name].sha256 if name in known else "",
            "outcome": min((r["outcome"] for r in found[name]), key=WORST.index) if name in found else "not judged",
            "counts": counts,
            "resources": found.get(name, []),
        }
        for name, counts in by_clause(review).items()
    ]


def _waiver(finding: Any) -> dict[str, str]:
    return {
        "clause": finding.clause,
        "rule": finding.rule,
        "resource": finding.urn,
        "owner": finding.owner,
        "reason": finding.reason,
        "expires": finding.expires,
    }


def _read_clauses(folder: Path) -> list[dict[str, Any]]:
    path = folder / "clauses.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: the previous bundle cannot be read: {error}") from None
    if not isinstance(found, list):
        raise ReviewError(f"{path} is not the list of a bundle's clauses.")
    return found
