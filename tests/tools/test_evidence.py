"""`make evidence`: the bundle of the last run, from what the run left; the same run is never written twice."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from review import sarif
from tests.review import record
from tests.review.making import BUCKET, events_of, step, write
from tools import evidence, pack, places
from tools.cli import app
from tools.refusal import Refusal
from tools.stacks import Stack

STACK = Stack(name="prod")


def left(name: str, of: str = "preview") -> None:
    """A recorded run of the real engine, where `make` leaves one."""
    STACK.runs.mkdir(parents=True, exist_ok=True)
    found = record.files(name, STACK.runs)
    assert found["events"] is not None
    shutil.copy(found["events"], STACK.runs / f"{of}.events.jsonl")
    if found["digest"] is not None:
        shutil.copy(found["digest"], STACK.runs / "digest.json")


def test_the_last_preview_becomes_a_verified_folder_with_all_of_it(tmp_path: Path) -> None:
    """Review, OSCAL, statement, list of parts; digests of what decides the run; versions; judged rule by rule."""
    left("change")
    done = CliRunner().invoke(app, ["evidence"])
    assert done.exit_code == 0, done.exception
    place = Path(done.output.strip())
    assert place.parent == places.local() / "evidence" / "prod"
    names = {path.name for path in place.iterdir()}
    assert {"index.html", "oscal-assessment-results.json", "statement.json", "sbom.json", "manifest.json"} <= names
    inputs = json.loads((place / "inputs.json").read_text())
    assert {"digest", "events", "results", "stack file", *evidence._SOURCES} <= inputs.keys()
    versions = json.loads((place / "versions.json").read_text())
    assert {"sdk", "policy sdk"} <= versions["versions"].keys()
    assert len(versions["commit"]) == 40
    assert json.loads((place / "results.sarif").read_text())["$schema"] == sarif.SCHEMA


def test_the_same_run_is_verified_and_the_next_one_is_compared(tmp_path: Path) -> None:
    """The folder is named after the run's own moment; a changed byte in it is found."""
    left("change")
    first = evidence.make(STACK, "preview", [])
    before = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    assert evidence.make(STACK, "preview", []) == first
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == before
    steps = [step("create", BUCKET, "b", new={})]
    later = [{**event, "timestamp": 1_900_000_000} for event in events_of(steps)]
    files = write(tmp_path / "later", steps, events=later)
    shutil.copy(files["digest"], STACK.runs / "digest.json")
    shutil.copy(files["events"], STACK.runs / "preview.events.jsonl")
    second = evidence.make(STACK, "preview", [])
    assert second.name > first.name
    assert (second / "comparison.json").exists()
    assert not (first / "comparison.json").exists()
    page = first / "index.html"
    page.write_bytes(page.read_bytes() + b" ")
    left("change")
    with pytest.raises(Refusal, match="the evidence was not made") as refused:
        evidence.make(STACK, "preview", [])
    assert "index.html" in str(refused.value)


def test_a_deployment_has_evidence_of_its_own(tmp_path: Path) -> None:
    """Without a digest, as the engine gives none; into a folder that is named; with what is handed on."""
    left("up", of="up")
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    words = ["evidence", "--of", "up", "--out", str(tmp_path / "bundle"), "--plan", str(plan)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.exception
    assert "plan" in json.loads((tmp_path / "bundle" / "inputs.json").read_text())
    assert json.loads((tmp_path / "bundle" / "review.json").read_text())["preview"] is False


def test_an_accepted_exception_is_waived_wherever_a_digest_is_judged(tmp_path: Path) -> None:
    """At the pack's own levels, with its waivers and registers: else the night would tell of it for ever."""
    accepted = yaml.safe_load((places.PACK / "waivers.yaml").read_text())["waivers"][0]
    service = step(
        "create",
        "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
        accepted["resource"],
        new={"member": "allUsers", "role": "roles/run.invoker", "name": "x", "location": "l", "project": "p"},
    )
    files = write(tmp_path, [service])
    verdicts = [json.loads(line) for line in pack.judge(files["digest"]).splitlines()]
    (found,) = [v for v in verdicts if v["rule"] == accepted["rule"] and v["urn"] == service["urn"]]
    assert found["outcome"] == "waived"


def test_the_judgement_counts_for_the_run_that_wrote_it() -> None:
    """A preview after a deployment leaves its own; the older run's evidence does without."""
    left("change")
    left("up", of="up")
    (STACK.runs / "judgement.json").write_text("{}")
    os.utime(STACK.runs / "up.events.jsonl", (1, 1))
    assert "--judgement" in list(evidence._words(STACK, "preview"))
    assert "--judgement" not in list(evidence._words(STACK, "up"))


def test_what_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """No run yet; a log that tells no moment; evidence of something else."""
    with pytest.raises(Refusal, match="there is no preview of prod yet"):
        evidence.make(STACK, "preview", [])
    left("change")
    (STACK.runs / "preview.events.jsonl").write_text("{}\n")
    with pytest.raises(Refusal, match="does not tell when it began"):
        evidence.make(STACK, "preview", [])
    with pytest.raises(Refusal, match="there is no evidence of a destroy"):
        evidence.make(STACK, "destroy", [])
