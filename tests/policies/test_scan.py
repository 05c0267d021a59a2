"""The scan of the dependencies: what counts as known, critical and fixed, at the edges; and what is unreadable."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from policies.graph import Graph
from policies.judge import Judge, Result
from policies.pack import rules
from policies.registers import RegisterError, load
from policies.scan import ScanError, parse
from policies.waivers import Waiver
from tests.recording import ROOT

PUBLISHED = dt.date(2027, 1, 1)
DAY = dt.timedelta(days=1)
RULES = ("dependencies-scanned", "dependencies-patched")


def hole(name: str = "GHSA-aaaa-bbbb-cccc", **changes: Any) -> dict[str, Any]:
    """A vulnerability as the OSV schema has it."""
    return {"id": name, "published": "2027-01-01T10:00:00Z", "modified": "2027-01-02T00:00:00Z", **changes}


def scan(
    *holes: dict[str, Any],
    severity: str | None = "9.8",
    name: str = "Jinja2",
    version: str = "3.1.5",
    path: str = "/src/requirements.lock",
    **changes: Any,
) -> dict[str, Any]:
    """What osv-scanner writes for one package, with the two keys of ours."""
    entry: dict[str, Any] = {
        "package": {"name": name, "version": version, "ecosystem": "PyPI"},
        "vulnerabilities": list(holes),
        "groups": [{"ids": [h["id"] for h in holes], "aliases": [], "max_severity": severity}] if severity else [],
    }
    result = {"source": {"path": path, "type": "lockfile"}, "packages": [entry]}
    return {"scanned": "2027-01-05T12:00:00Z", "scanner": "osv-scanner 2.2.4", "results": [result], **changes}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository that pins one package that is known to be broken."""
    (tmp_path / "requirements.lock").write_text("jinja2==3.1.5 \\\n    --hash=sha256:00\nrich==15.0.0\n")
    return tmp_path


def judged(root: Path, document: Any, today: dt.date, *waivers: Waiver) -> dict[str, Result]:
    """The verdicts of the two rules on an empty stack; the first of each rule."""
    if document is not None:
        (root / "osv.json").write_text(json.dumps(document))
    stack = Graph([], stack="prod")
    stack.registers = load(root, today)
    judge = Judge([rules()[name] for name in RULES], waivers=waivers, today=today)
    found: dict[str, Result] = {}
    for result in judge.judge_stack_rules(stack):
        found.setdefault(result.rule.id, result)
    return found


def outcome(root: Path, document: Any, today: dt.date) -> str:
    """What becomes of the patch deadline."""
    return judged(root, document, today)["dependencies-patched"].outcome


@pytest.mark.parametrize(("days", "expected"), [(0, "pass"), (14, "pass"), (15, "fail"), (400, "fail")])
def test_a_critical_hole_has_fourteen_days(root: Path, days: int, expected: str) -> None:
    """From the day it was published; the fourteenth still counts."""
    assert outcome(root, scan(hole()), PUBLISHED + days * DAY) == expected


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("2027-01-01T00:00:00Z", "fail"),
        ("2027-01-01T23:59:59Z", "fail"),
        ("2027-01-02T00:00:00Z", "pass"),
        ("2027-01-02T01:00:00+02:00", "fail"),
        ("2027-01-01T22:30:00-02:00", "pass"),
        ("2027-01-01", "fail"),
    ],
)
def test_days_are_those_of_utc(root: Path, published: str, expected: str) -> None:
    """Wherever the database or the scanner stands."""
    assert outcome(root, scan(hole(published=published)), dt.date(2027, 1, 16)) == expected


@pytest.mark.parametrize(
    ("severity", "words", "expected"),
    [
        ("9.0", None, "fail"),
        ("8.9", None, "pass"),
        ("8.9", "CRITICAL", "pass"),
        ("", "CRITICAL", "fail"),
        ("", "high", "pass"),
        ("", "BLUE", "fail"),
        ("", None, "fail"),
        (None, None, "fail"),
        (None, "LOW", "pass"),
    ],
)
def test_what_nobody_rated_is_critical(root: Path, severity: str | None, words: str | None, expected: str) -> None:
    """The score decides, else the word; a word that is none, or none at all, is no reason to wait."""
    specific = {"database_specific": {"severity": words}} if words else {}
    assert outcome(root, scan(hole(**specific), severity=severity), PUBLISHED + 30 * DAY) == expected


def test_a_hole_with_two_names_is_as_old_as_the_older_one(root: Path) -> None:
    """Otherwise a second identifier would buy two more weeks."""
    names = scan(hole("PYSEC-1", published="2027-01-20T00:00:00Z"), hole("GHSA-2"))
    result = judged(root, names, dt.date(2027, 1, 25))["dependencies-patched"]
    assert result.outcome == "fail"
    assert "GHSA-2, PYSEC-1" in result.findings[0].message
    assert "Jinja2 3.1.5 in requirements.lock" in result.findings[0].message


def test_what_was_withdrawn_does_not_count(root: Path) -> None:
    """An advisory that was a mistake is no finding."""
    assert outcome(root, scan(hole(withdrawn="2027-01-03T00:00:00Z")), PUBLISHED + 30 * DAY) == "pass"


@pytest.mark.parametrize(("pins", "expected"), [("3.1.6", "pass"), ("3.1.5", "fail")])
def test_what_is_no_longer_pinned_is_fixed(root: Path, pins: str, expected: str) -> None:
    """The pull request with the update passes before the next scan."""
    (root / "requirements.lock").write_text(f"jinja2[i18n]=={pins} \\\n    --hash=sha256:00\n")
    assert outcome(root, scan(hole(), name="JINJA2"), PUBLISHED + 30 * DAY) == expected


@pytest.mark.parametrize(("version", "expected"), [("0.31.0", "fail"), ("v0.31.0", "fail"), ("0.30.0", "pass")])
def test_go_modules_are_found_in_go_mod(root: Path, version: str, expected: str) -> None:
    """The engine that is built here has dependencies, too."""
    (root / "engine").mkdir()
    (root / "engine" / "go.mod").write_text("module x\nrequire (\n\tgolang.org/x/crypto v0.31.0 // indirect\n)\n")
    found = scan(hole("GO-2027-1"), name="golang.org/x/crypto", version=version, path="/w/secure/engine/go.mod")
    assert outcome(root, found, PUBLISHED + 30 * DAY) == expected


def test_a_lock_file_that_is_not_here_counts_as_it_was_scanned(root: Path) -> None:
    """Nothing says that it is fixed."""
    assert outcome(root, scan(hole(), path="/elsewhere/package-lock.json"), PUBLISHED + 30 * DAY) == "fail"


def test_a_waiver_names_the_hole_and_waives_no_other(root: Path) -> None:
    """The exception is for one finding; the next one stops the preview again."""
    waiver = Waiver(
        rule="dependencies-patched",
        resource="GHSA-aaaa-*",
        owner="platform-team",
        reason="the template is never rendered with input",
        compensating_control="templates are our own",
        expires=dt.date(2027, 3, 1),
    )
    day = PUBLISHED + 30 * DAY
    assert judged(root, scan(hole()), day, waiver)["dependencies-patched"].outcome == "waived"
    assert judged(root, scan(hole("GHSA-other")), day, waiver)["dependencies-patched"].outcome == "fail"
    assert judged(root, scan(hole()), dt.date(2027, 3, 2), waiver)["dependencies-patched"].outcome == "fail"


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (dt.date(2027, 4, 5), "pass"),
        (dt.date(2027, 4, 6), "fail"),
        (dt.date(2027, 1, 4), "pass"),
        (dt.date(2027, 1, 3), "fail"),
    ],
)
def test_a_scan_counts_for_ninety_days(root: Path, today: dt.date, expected: str) -> None:
    """And one of the future was made by nobody."""
    result = judged(root, scan(), today)["dependencies-scanned"]
    assert result.outcome == expected
    assert expected == "pass" or "2027-01-05" in result.findings[0].message


def test_without_a_scan_nobody_looked(root: Path) -> None:
    """The message says which file is missing, the rule what to run."""
    result = judged(root, None, PUBLISHED)["dependencies-scanned"]
    assert (result.outcome, result.blocking) == ("fail", True)
    assert "osv.json is not there" in result.findings[0].message


def test_the_committed_scan_is_readable_and_says_what_it_is() -> None:
    """No scanner has run in this checkout, and the file does not pretend that one has."""
    found = load(ROOT, PUBLISHED).scan
    assert found is not None
    assert "example" in found.scanner


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "osv.json: the file is not an object"),
        ({}, "osv.json: results is missing"),
        ({"results": {}}, "osv.json: results is not a list"),
        ({"results": [], "scanned": "2027-01-05"}, "osv.json: scanner is missing"),
        ({"results": [], "scanner": "x"}, "osv.json: scanned is missing"),
        (scan(scanned="yesterday"), "osv.json: scanned: 'yesterday' is no day"),
        (scan(scanned="2027-01-05T12:00:00"), "has no time zone"),
        (scan(hole(published=None)), "results[0].packages[0].vulnerabilities[0].published is not a text"),
        (scan(hole(published="2027-13-01T00:00:00Z")), "vulnerabilities[0].published: '2027-13-01T00:00:00Z'"),
        (scan({"published": "2027-01-01"}, severity=None), "vulnerabilities[0].id is missing"),
        (scan(hole(), severity="high"), "groups[0].max_severity: 'high' is no CVSS score"),
        (scan(hole(), severity="11"), "0 to 10"),
        (scan(hole(), version=""), "results[0].packages[0].package.version is not a text"),
        (scan(results=[{"packages": []}]), "results[0].source is not an object"),
        (scan(results=["x"]), "results[0] is not an object"),
    ],
)
def test_what_is_no_scan_is_refused_with_its_place(root: Path, document: Any, says: str) -> None:
    """A scan that is half read would acquit."""
    (root / "osv.json").write_text(json.dumps(document))
    with pytest.raises(RegisterError) as refused:
        load(root, PUBLISHED)
    assert says in str(refused.value)


@pytest.mark.parametrize(("text", "says"), [("{", "osv.json:1: is not JSON"), ("", "is not JSON"), ("\xff", "UTF-8")])
def test_what_is_no_json_is_refused_with_its_line(root: Path, text: str, says: str) -> None:
    """Cut short, empty, binary."""
    (root / "osv.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RegisterError) as refused:
        load(root, PUBLISHED)
    assert says in str(refused.value)


def test_a_group_names_only_what_was_found(root: Path) -> None:
    """A group of something else would take its score to the wrong hole."""
    document = scan(hole())
    document["results"][0]["packages"][0]["groups"][0]["ids"].append("GHSA-none")
    with pytest.raises(ScanError, match="GHSA-none"):
        parse(document, root)
