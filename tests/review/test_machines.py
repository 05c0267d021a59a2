"""What machines read: SARIF, JUnit, JSON with its schema."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from review import document, junit, sarif
from review.build import build
from review.model import Finding
from review.policy import order
from tests.recording import ROOT
from tests.review import record
from tests.review.making import BUCKET, policy, recorded, review_of, step

LEVELS = {"none", "note", "warning", "error"}


def log_of(text: str) -> tuple[dict[str, object], list[dict[str, object]], list[dict[str, object]]]:
    """Run, rules and results of a SARIF log."""
    document_ = json.loads(text)
    (run,) = document_["runs"]
    return document_, run["tool"]["driver"]["rules"], run["results"]


@pytest.mark.parametrize("name", sorted(record.names()))
def test_sarif_fits_its_schema(name: str, tmp_path: Path) -> None:
    """Of every recorded run. The schema is ours, written after the standard, and stricter: it allows nothing else."""
    schema = json.loads((ROOT / "tests/review/sarif.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    written = json.loads(sarif.write(build(**record.files(name, tmp_path))))
    assert [error.json_path + " " + error.message for error in checker.iter_errors(written)] == []


def test_sarif_schema_can_fail() -> None:
    """A level that the standard does not know, and a property of our own invention."""
    schema = json.loads((ROOT / "tests/review/sarif.schema.json").read_text())
    checker = jsonschema.Draft202012Validator(schema)
    written = json.loads(sarif.write(recorded()))
    written["runs"][0]["results"][0]["level"] = "critical"
    written["runs"][0]["results"][1]["color"] = "red"
    assert len(list(checker.iter_errors(written))) == 2


def test_sarif_has_the_shape_that_the_standard_asks_for() -> None:
    """Version, schema, driver; every result points at a rule, a file below the root, and a line from 1."""
    document_, rules, results = log_of(sarif.write(recorded()))
    assert document_["version"] == "2.1.0"
    assert str(document_["$schema"]).endswith("sarif-schema-2.1.0.json")
    assert len({r["id"] for r in rules}) == len(rules)
    assert results
    for result in results:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # type: ignore[index]
        assert result["level"] in LEVELS
        assert result["kind"] == "fail" or result["level"] == "none"
        (location,) = result["locations"]  # type: ignore[misc]
        physical = location["physicalLocation"]
        assert physical["artifactLocation"]["uriBaseId"] == "%SRCROOT%"
        assert not physical["artifactLocation"]["uri"].startswith(("/", "..", "file:"))
        assert physical["region"]["startLine"] >= 1
        assert len(result["partialFingerprints"]["secureHosting/v1"]) == 64  # type: ignore[index,call-overload]


def test_sarif_names_the_line_that_made_the_resource() -> None:
    """The recorded bucket, where the program makes it."""
    lines = (ROOT / "tests/review/programs/everything/__main__.py").read_text().splitlines()
    _, _, results = log_of(sarif.write(recorded()))
    found = [r for r in results if r["locations"][0]["logicalLocations"][0]["name"] == "orders"]  # type: ignore[index]
    assert found
    assert {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in found} == {"__main__.py"}  # type: ignore[index]
    assert len(lines) > 100


def test_fingerprints_outlive_lines_and_words(tmp_path: Path) -> None:
    """A finding stays the same one when the file grows or the message is reworded, and differs by resource."""
    steps = [step("create", BUCKET, name, new={}) for name in ("a", "b")]
    review = review_of(tmp_path, steps, *({"policyEvent": policy("bucket-private", name)} for name in ("a", "b")))
    one, two = review.findings
    moved = dataclasses.replace(one, line=99, found="other words")
    assert sarif.fingerprint(one, review) == sarif.fingerprint(moved, review)
    assert sarif.fingerprint(one, review) != sarif.fingerprint(two, review)


def test_waived_is_suppressed_and_undetermined_is_open() -> None:
    """Neither is a failure, neither is silent."""
    base = Finding(
        rule="r",
        clause="ACC-3",
        title="t",
        outcome="waived",
        level="",
        severity="high",
        urn="",
        name="the stack",
        found="x",
        fix="",
        owner="platform-team",
        expires="2027-11-30",
        reason="because",
    )
    review = dataclasses.replace(
        recorded(), findings=(base, dataclasses.replace(base, rule="s", outcome="undetermined"))
    )
    _, _, results = log_of(sarif.write(review))
    assert [("suppressions" in r, r["kind"], r["level"]) for r in results] == [
        (True, "fail", "error"),
        (False, "open", "none"),
    ]


def test_junit_has_a_case_for_each_clause_and_resource() -> None:
    """Counts add up; not applicable is skipped with the reason; each failure names rules and what was found."""
    root = ElementTree.fromstring(junit.write(recorded()))  # noqa: S314  written here
    suites = root.findall("testsuite")
    names = [str(s.get("name")).split(" ")[0] for s in suites]
    assert names == sorted(names, key=order)
    for suite in suites:
        cases = suite.findall("testcase")
        keys = [(c.get("classname"), c.get("name")) for c in cases]
        assert len(keys) == len(set(keys))
        assert int(suite.get("tests", "")) == len(cases)
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    assert int(root.get("failures", "")) == len(root.findall(".//failure")) > 0
    assert all("not applicable: " in s.get("message", "") for s in root.findall(".//skipped"))
    tls = root.find(".//testcase[@classname='ENC-3']/failure")
    assert tls is not None
    assert "ALLOW_UNENCRYPTED_AND_ENCRYPTED" in str(tls.text)


def test_errors_of_the_run_are_errors_in_junit(tmp_path: Path) -> None:
    """A run that stopped does not read like a run without failures."""
    body = {"diagnosticEvent": {"severity": "error", "message": "the program\x00 failed\n"}}
    root = ElementTree.fromstring(junit.write(review_of(tmp_path, [], body)))  # noqa: S314  written here
    assert root.get("errors") == "1"
    assert root.find(".//error") is not None


def test_json_fits_its_published_schema() -> None:
    """docs/schemas/review.json is made from the model, and what is written fits it."""
    published = ROOT / "docs/schemas/review.json"
    assert published.read_text() == document.schema(), "stale: python -m review schema -o docs/schemas/review.json"
    schema = json.loads(published.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    written = json.loads(document.write(recorded()))
    jsonschema.Draft202012Validator(schema).validate(written)
    written["verdict"] = "splendid"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(written)
