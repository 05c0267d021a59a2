"""What jobs really sign fits its published schema, and `review bundle` shows it with the clause that it stands for."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives import serialization
from typer.testing import CliRunner

from jobs.canary import Canary, run
from jobs.core.evidence import FileSigner
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.drill import publish
from jobs.storage.folder import FolderStore
from review.cli import app
from review.problems import ReviewError
from tests.jobs.cloud_fixtures import cloud, http, log, signing_key
from tests.jobs.loopback import Cloud
from tests.jobs.parts import Round
from tests.recording import ROOT
from tests.review.making import BUCKET, step, write

__all__ = ["cloud", "http", "log", "signing_key"]

SCHEMA = json.loads((ROOT / "docs/schemas/job-evidence.json").read_text())
"""Of `predicate.evidence`; jobs/core/evidence.py makes it, and a test of the jobs holds it fresh."""


def public(key: Path) -> Path:
    """The public half, as an auditor has it."""
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path = key.with_suffix(".pub")
    path.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))
    return path


def bundled(tmp_path: Path, file: Path, key: Path) -> dict[str, Any]:
    """The evidence in the file is schema-true; a bundle with it verifies. Returns clause → proofs of the bundle."""
    statement = json.loads(base64.b64decode(json.loads(file.read_text())["payload"]))
    checker = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    assert [e.message for e in checker.iter_errors(statement["predicate"]["evidence"])] == []
    run_of = write(tmp_path / "run", [step("create", BUCKET, "b", new={})])
    out = tmp_path / "bundle"
    words = ["bundle", "--digest", str(run_of["digest"]), "--events", str(run_of["events"]), "--out", str(out)]
    done = CliRunner().invoke(app, [*words, "--job-evidence", str(file), "--job-key", str(public(key))])
    assert done.exit_code == 0, done.exception
    assert CliRunner().invoke(app, ["verify", str(out)]).exit_code == 0
    assert (out / "jobs" / file.name).read_bytes() == file.read_bytes()
    assert "signature checked" in (out / "index.html").read_text()
    found: dict[str, Any] = json.loads((out / "proofs.json").read_text())
    return found


def of_jobs(found: dict[str, Any], clause: str) -> dict[str, Any]:
    """The one proof of a clause that a job left."""
    (proof,) = [one for one in found[clause] if one["kind"] == "Evidence of a job"]
    return dict(proof)


def drilled(round_trip: Round, tmp_path: Path, key: Path) -> Path:
    """The file that a drill of the newest export leaves."""
    publish(round_trip.drill(), [FolderStore(tmp_path / "left")], FileSigner(key))
    (file,) = (tmp_path / "left").rglob("*.json")
    return file


def test_a_restore_drill_stands_behind_its_clause(round_trip: Round, tmp_path: Path, signing_key: Path) -> None:
    """A real export of a real server, restored, compared and signed."""
    round_trip.export()
    proof = of_jobs(bundled(tmp_path, drilled(round_trip, tmp_path, signing_key), signing_key), "BAK-6")
    assert proof["title"].startswith("drill of ")
    assert proof["title"].endswith(": passed")
    assert proof["facts"]["signature"] == "checked"
    assert {"started_at", "finished_at"} <= proof["facts"].keys()
    assert not [name for name in proof["facts"] if name.startswith("failed")]


def test_a_drill_that_failed_says_which_check(round_trip: Round, tmp_path: Path, signing_key: Path) -> None:
    """It is evidence like any other, and does not read like a good one."""
    round_trip.export()
    (round_trip.path / "dump").write_bytes(b"")
    proof = of_jobs(bundled(tmp_path, drilled(round_trip, tmp_path, signing_key), signing_key), "BAK-6")
    assert proof["title"].endswith(": failed")
    assert "failed:" in proof["facts"]


def test_the_log_canary_stands_behind_its_clause(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """Another job, the same form."""
    (tmp_path / "left").mkdir()
    settings = Canary(
        projects="p-workload",
        log_bucket="projects/p-audit/locations/europe-west1/buckets/audit",
        evidence=f"file://{tmp_path}/left",
        sign=str(signing_key),
        minutes=0.001,
    )
    run(settings, log[0], http)
    (file,) = (tmp_path / "left").rglob("*.json")
    statement = json.loads(base64.b64decode(json.loads(file.read_text())["payload"]))
    found = bundled(tmp_path, file, signing_key)
    for clause in statement["predicate"]["evidence"]["clauses"]:
        assert of_jobs(found, clause)["title"].startswith(statement["predicate"]["evidence"]["job"])


def test_evidence_that_was_changed_is_refused(round_trip: Round, tmp_path: Path, signing_key: Path) -> None:
    """Signed by the job's key or not at all; the schema finds what is not of a job."""
    round_trip.export()
    file = drilled(round_trip, tmp_path, signing_key)
    envelope = json.loads(file.read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["evidence"]["checks"][0]["outcome"] = "splendid"
    checker = jsonschema.Draft202012Validator(SCHEMA)
    assert not checker.is_valid(statement["predicate"]["evidence"])
    file.chmod(0o600)
    file.write_text(json.dumps({**envelope, "payload": base64.b64encode(json.dumps(statement).encode()).decode()}))
    run_of = write(tmp_path / "run", [step("create", BUCKET, "b", new={})])
    words = ["bundle", "--digest", str(run_of["digest"]), "--events", str(run_of["events"])]
    words += ["--out", str(tmp_path / "bundle"), "--job-evidence", str(file), "--job-key", str(public(signing_key))]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, ReviewError)
    assert "no signature by this key" in str(done.exception)
    with pytest.raises(FileNotFoundError):
        (tmp_path / "bundle" / "manifest.json").read_bytes()
