"""What machines read: SARIF, JUnit, JSON with its schema."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any
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


OFFICIAL = ROOT / "tests/review/sarif-schema-2.1.0.json"
"""The standard's own, with errata 01 (OASIS): the copy in the Go module owenrumney/go-sarif v3.3.1, unchanged."""
OWN = ROOT / "tests/review/sarif.schema.json"
"""Stricter: what we write and nothing else, with the formats that code scanning asks for."""


def faults(written: Any) -> list[str]:
    """What the standard's schema and our own find wrong with a log."""
    official, own = (json.loads(path.read_text()) for path in (OFFICIAL, OWN))
    checker = jsonschema.FormatChecker()
    checkers = (
        ("standard", jsonschema.Draft4Validator(official, format_checker=checker)),
        ("own", jsonschema.Draft202012Validator(own, format_checker=checker)),
    )
    return [f"{name} {e.json_path} {e.message}" for name, one in checkers for e in one.iter_errors(written)]


@pytest.mark.parametrize("name", sorted(record.names()))
def test_sarif_fits_its_schema(name: str, tmp_path: Path) -> None:
    """The standard's, and our own, which is stricter; of every recorded run."""
    assert faults(json.loads(sarif.write(build(**record.files(name, tmp_path))))) == []


def test_sarif_of_hostile_names_and_of_nothing_fits_its_schema(tmp_path: Path) -> None:
    """Whatever a resource is called and a message says, the log stays one."""
    evil = "\x00\ud83d \u202e<script>{{0}} [a](javascript:b) %SRCROOT%/../\n" + "x" * 5000
    steps = [step("create", BUCKET, evil, new={"x": evil}, now={"sourcePosition": "project:///../../etc/passwd#0"})]
    body = policy("", evil, message=f"ACC-3 {evil}\n  found  {evil}\n  fix    {evil}")
    written = json.loads(sarif.write(review_of(tmp_path / "hostile", steps, {"policyEvent": body})))
    assert faults(written) == []
    assert len(written["runs"][0]["results"]) == 1
    assert faults(json.loads(sarif.write(review_of(tmp_path / "empty", [])))) == []


def test_sarif_schema_is_the_one_that_is_named() -> None:
    """Every log names it; the copy is byte for byte what was taken over."""
    official = json.loads(OFFICIAL.read_text())
    jsonschema.Draft4Validator.check_schema(official)
    assert official["id"] == sarif.SCHEMA
    taken = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
    assert hashlib.sha256(OFFICIAL.read_bytes()).hexdigest() == taken


def test_sarif_schema_can_fail() -> None:
    """A level that the standard does not know, and a property of our own invention: both schemas find both."""
    written = json.loads(sarif.write(recorded()))
    written["runs"][0]["results"][0]["level"] = "critical"
    written["runs"][0]["results"][1]["color"] = "red"
    assert sorted(fault.split()[0] for fault in faults(written)) == ["own", "own", "standard", "standard"]


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
    assert len(root.findall(".//skipped")) > 10
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
