"""OSCAL: compliance-trestle reads all three models and finds nothing wrong with them; what they say is the run."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from trestle.common.err import TrestleError
from trestle.core.base_model import OscalBaseModel
from trestle.core.validator_factory import validator_factory
from trestle.oscal.assessment_results import AssessmentResults
from trestle.oscal.catalog import Catalog
from trestle.oscal.component import ComponentDefinition

from review import oscal
from review.build import build
from review.coverage import cases
from review.model import Review
from tests.recording import ROOT
from tests.review.making import BUCKET, policy, recorded, review_of, step, write

MODELS: dict[str, type[OscalBaseModel]] = {
    "assessment-results": AssessmentResults,
    "component-definition": ComponentDefinition,
    "catalog": Catalog,
}


def validated(review: Review, kind: str, folder: Path) -> dict[str, Any]:
    """The model as written, after trestle read it and found nothing wrong with it."""
    path = folder / f"{kind}.json"
    path.write_text(oscal.KINDS[kind][1](review))
    model = MODELS[kind].oscal_read(path)
    assert model is not None
    validator = validator_factory.get(argparse.Namespace(mode="all"))
    assert validator.model_is_valid(model, True, None), validator.error_msg()
    document: dict[str, Any] = json.loads(path.read_text())[kind]
    return document


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The recorded change in all three models."""
    folder = tmp_path_factory.mktemp("oscal")
    return {kind: validated(recorded(), kind, folder) for kind in MODELS}


def test_every_model_names_the_version_it_is_written_in(read: dict[str, dict[str, Any]]) -> None:
    """OSCAL 1.1; the moment is the run's own."""
    when = recorded().when
    assert when
    for document in read.values():
        assert document["metadata"]["oscal-version"].startswith("1.1.")
        assert document["metadata"]["last-modified"] == when


def test_observations_are_the_checks(read: dict[str, dict[str, Any]]) -> None:
    """One for each clause on each resource, with the worst outcome and every rule that had a say."""
    review = recorded()
    (result,) = read["assessment-results"]["results"]
    found = Counter({p["name"]: p["value"] for p in o["props"]}["outcome"] for o in result["observations"])
    assert found == Counter(case.outcome for case in cases(review) if case.clause)
    said = "\n".join(o["description"] for o in result["observations"])
    assert all(check.rule in said for check in review.checks if check.clause)


def test_a_clause_with_a_failure_is_not_satisfied(read: dict[str, dict[str, Any]]) -> None:
    """And each has its risks, with what to write."""
    (result,) = read["assessment-results"]["results"]
    states = {f["target"]["target-id"]: f["target"]["status"]["state"] for f in result["findings"]}
    failing = {f.clause for f in recorded().violations}
    assert {clause for clause in failing if states[f"{clause}_statement"] != "not-satisfied"} == set()
    assert {s for c, s in states.items() if c.removesuffix("_statement") not in failing} == {"satisfied"}
    assert len(result["risks"]) == len(recorded().findings)
    assert {r["risk-uuid"] for f in result["findings"] for r in f.get("related-risks", ())} == {
        r["uuid"] for r in result["risks"]
    }


def test_what_is_referred_to_is_there(read: dict[str, dict[str, Any]]) -> None:
    """Subjects, actors and components by identifier, controls by the catalog."""
    (result,) = read["assessment-results"]["results"]
    local = result["local-definitions"]
    known = {entry["uuid"] for entry in (*local["components"], *local["inventory-items"])}
    assert {s["subject-uuid"] for o in result["observations"] for s in o["subjects"]} <= known
    assert {
        a["actor-uuid"] for o in result["observations"] for origin in o["origins"] for a in origin["actors"]
    } <= known
    controls = {c["id"] for g in read["catalog"]["groups"] for c in g["controls"]}
    assert controls == {c.id for c in recorded().clauses}
    (selection,) = result["reviewed-controls"]["control-selections"]
    assert {c["control-id"] for c in selection["include-controls"]} <= controls
    needs = [
        r["control-id"]
        for c in read["component-definition"]["components"]
        for i in c.get("control-implementations", ())
        for r in i["implemented-requirements"]
    ]
    assert set(needs) <= controls
    assert needs


def test_components_are_those_of_the_program(read: dict[str, dict[str, Any]]) -> None:
    """Named alike in both models, and the pack is the one that judges."""
    components = {c["title"]: c["type"] for c in read["component-definition"]["components"]}
    assert components["hosting:data:Recorded"] == "software"
    assert components["policy pack secure-hosting"] == "validation"
    (result,) = read["assessment-results"]["results"]
    uuids = {c["title"]: c["uuid"] for c in result["local-definitions"]["components"]}
    assert all(uuids[c["title"]] == c["uuid"] for c in read["component-definition"]["components"])


def test_exception_is_a_deviation_that_somebody_approved(tmp_path: Path) -> None:
    """With its end as the deadline; the clause is not called satisfied."""
    one = [step("create", BUCKET, "b", new={})]
    waiver = {"owner": "platform-team", "expires": "2027-11-30", "reason": "customers order without an account"}
    entry = {"rule": "bucket-private", "clause": "ACC-3", "outcome": "waived", "severity": "high", "urn": one[0]["urn"]}
    path = tmp_path / "judgement.json"
    path.write_text(json.dumps({"version": "1.0.0", "counts": {}, "waived": [{**entry, "waiver": waiver}]}))
    review = build(**write(tmp_path, one), judgement=path)
    (result,) = validated(review, "assessment-results", tmp_path)["results"]
    (risk,) = result["risks"]
    assert (risk["status"], risk["deadline"][:10]) == ("deviation-approved", "2027-11-30")
    (finding,) = result["findings"]
    assert finding["target"]["status"]["state"] == "not-satisfied"
    assert "exceptions" in finding["target"]["status"]["remarks"]


@pytest.mark.parametrize("kind", MODELS)
def test_an_empty_run_and_a_hostile_one_are_valid_too(tmp_path: Path, kind: str) -> None:
    """Nothing judged; and names that no OSCAL token may hold."""
    digest = tmp_path / "digest.json"
    digest.write_text('{"steps": []}')
    empty = validated(build(digest=digest, events=None), kind, tmp_path)
    assert empty["metadata"]["oscal-version"].startswith("1.1.")
    if kind == "assessment-results":
        (result,) = empty["results"]
        assert not result.get("observations")
        assert not result.get("risks")
    name = " \n<b>\t\u202e  ]]> "
    one = step("create", BUCKET, name, new={"x": name})
    body = policy("bucket private\n", name, message=f"ACC-3 {name}\n  found  {name}\n  fix    {name}")
    hostile = validated(review_of(tmp_path / "hostile", [one], {"policyEvent": body}), kind, tmp_path)
    if kind == "assessment-results":
        (result,) = hostile["results"]
        assert len(result["observations"]) == len(result["risks"]) == 1
        (item,) = result["local-definitions"]["inventory-items"]
        assert "\\u202e" in item["description"], "what is invisible is made visible"
        assert "\u202e" not in json.dumps(hostile, ensure_ascii=False)


def test_a_model_that_is_not_valid_is_found(tmp_path: Path) -> None:
    """The helper of these tests really asks trestle: an identifier twice, and a shape of another model, are refused."""
    text = json.loads(oscal.KINDS["assessment-results"][1](recorded()))
    one, two, *_ = text["assessment-results"]["results"][0]["observations"]
    two["uuid"] = one["uuid"]
    path = tmp_path / "twice.json"
    path.write_text(json.dumps(text))
    model = AssessmentResults.oscal_read(path)
    validator = validator_factory.get(argparse.Namespace(mode="all"))
    assert not validator.model_is_valid(model, True, None)
    path.write_text(json.dumps({"catalog": text["assessment-results"]}))
    with pytest.raises(TrestleError):
        Catalog.oscal_read(path)


def test_same_run_gives_the_same_bytes() -> None:
    """No clock and no random identifier."""
    for _, writer in oscal.KINDS.values():
        assert writer(recorded()) == writer(recorded())


def test_command_writes_one_model_or_all(tmp_path: Path) -> None:
    """To standard output by default; three files into a folder."""
    files = write(tmp_path, [step("create", BUCKET, "b", new={})])
    command = [
        sys.executable,
        "-m",
        "review",
        "oscal",
        "--digest",
        str(files["digest"]),
        "--events",
        str(files["events"]),
    ]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "assessment-results" in json.loads(shown.stdout)
    subprocess.run([*command, "--kind", "all", "-o", str(tmp_path / "o")], cwd=ROOT, capture_output=True, check=True)
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == sorted(name for name, _ in oscal.KINDS.values())
    wrong = subprocess.run([*command, "--kind", "ssp"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (2, False)
