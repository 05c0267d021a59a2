"""What is pinned is listed with its hashes, and what the scanner found gets where the pack reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from policies.registers import load
from tests.recording import ROOT, today
from tools import osv, places, sbom
from tools.engine import versions

BILL = sbom.document()


def parts(role: str | None = None) -> dict[str, Any]:
    """Components of the bill by reference; with a role, the versions of what runs by name."""
    if role is None:
        return {part["bom-ref"]: part for part in BILL["components"]}
    return {
        part["name"]: part["version"]
        for part in BILL["components"]
        if {"name": "secure-hosting:role", "value": role} in part["properties"]
    }


def test_every_pinned_package_is_on_the_bill_with_every_hash() -> None:
    """Counted in the lock itself: none is lost on the way."""
    lock = places.LOCKFILE.read_text(encoding="utf-8")
    packages = [part for part in BILL["components"] if part.get("purl", "").startswith("pkg:pypi/")]
    assert len(packages) == len(re.findall(r"^\S+==", lock, re.MULTILINE)) > 50
    assert sum(len(part["hashes"]) for part in packages) == lock.count("--hash=sha256:")


def test_every_requirement_is_locked_by_hash_at_its_version() -> None:
    """requirements.txt says what, the lock says which bytes."""
    wanted = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert wanted
    purls = [f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{version}" for name, version in wanted]
    assert [purl for purl in purls if purl not in parts()] == []


def test_every_go_module_of_the_engine_is_on_the_bill() -> None:
    """Those of the engine and those of its language host, each with what go.sum says."""
    for folder in sbom.MODULES:
        wanted = re.findall(
            r"^(?:require )?\t?(\S+) (v\S+)(?: // indirect)?$", (folder / "go.mod").read_text(), re.MULTILINE
        )
        listed = [part for ref, part in parts().items() if ref.endswith(f"#{folder.name}")]
        assert {(part["name"], part["version"]) for part in listed} == set(wanted)
        assert all(part["properties"][-1]["value"].startswith("h1:") for part in listed)


def test_the_versions_of_engine_and_providers_are_reported() -> None:
    """As they are pinned: the engine that is built, the plugins that are asked for."""
    assert parts("engine") == {"pulumi": f"v{versions.cli()}"}
    assert parts("language host") == {"pulumi-language-python": f"v{versions.host()}"}
    pinned = dict(
        re.findall(r"^pulumi-(gcp|github|random|render)==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M)
    )
    assert parts("provider") == {f"pulumi-resource-{name}": f"v{version}" for name, version in pinned.items()}


def test_the_same_commit_gives_the_same_bill(tmp_path: Path) -> None:
    """Nothing in it depends on the day: two bills can be compared."""
    made = tmp_path / "bill.json"
    run = CliRunner().invoke(sbom.app, ["--output", str(made)])
    assert run.exit_code == 0
    assert json.loads(made.read_text()) == BILL == json.loads(CliRunner().invoke(sbom.app, []).output)


def test_what_has_no_hash_is_no_bill(tmp_path: Path) -> None:
    """A package without a hash is whatever the index hands out."""
    (tmp_path / "requirements.lock").write_text("rich==15.0.0\n")
    with pytest.raises(sbom.Unpinned, match=r"rich 15\.0\.0 has no hash"):
        list(sbom.python_packages(tmp_path / "requirements.lock"))
    (tmp_path / "go.mod").write_text("module x\nrequire golang.org/x/crypto v0.31.0\n")
    (tmp_path / "go.sum").write_text("golang.org/x/crypto v0.31.0/go.mod h1:x=\n")
    with pytest.raises(sbom.Unpinned, match=r"go\.sum: golang\.org/x/crypto v0\.31\.0"):
        list(sbom.go_modules(tmp_path))


def test_a_scan_gets_to_the_pack(tmp_path: Path) -> None:
    """What the scanner wrote, with the moment: the pack reads the same holes out of it."""
    hole = {"id": "GHSA-1", "published": "2027-01-01T00:00:00Z"}
    package = {"package": {"name": "none-such", "version": "1"}, "vulnerabilities": [hole], "groups": []}
    raw = tmp_path / "raw.json"
    raw.write_text(json.dumps({"results": [{"source": {"path": "/w/a.lock"}, "packages": [package]}]}))
    arguments = [str(raw), "--scanner", "osv-scanner 2", "--output", str(tmp_path / "osv.json")]
    run = CliRunner().invoke(osv.app, [*arguments, "--scanned", "2027-01-09T23:30:00-02:00"])
    assert (run.exit_code, run.output) == (0, "wrote osv.json: 1 known in what is pinned, on 2027-01-10\n")
    scan = load(tmp_path, today()).scan
    assert scan is not None
    assert (str(scan.scanned), scan.scanner, scan.found[0].ids) == ("2027-01-10", "osv-scanner 2", ("GHSA-1",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "not what osv-scanner writes"),
        ('{"results": [{"packages": []}]}', "results[0].source is not an object"),
    ],
)
def test_what_is_no_scan_leaves_the_old_one(tmp_path: Path, text: str | None, says: str) -> None:
    """A scanner that broke must not look like one that found nothing."""
    raw, kept = tmp_path / "raw.json", tmp_path / "osv.json"
    kept.write_text("the old one")
    if text is not None:
        raw.write_text(text)
    run = CliRunner().invoke(osv.app, [str(raw), "--output", str(kept)])
    assert run.exit_code == 2
    assert says in run.stderr
    assert kept.read_text() == "the old one"


SCANNER = """#!/bin/sh
echo "$@" >> "{log}"
[ "$1" = --version ] && echo "osv-scanner version: 9.9.9" && exit 0
echo '{{"results": []}}'
echo "what went wrong" >&2
exit {code}
"""


def scanner(tmp_path: Path, code: int) -> str:
    """A PATH on which a scanner lies that ends with a code."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "osv-scanner").write_text(SCANNER.format(log=tmp_path / "log", code=code))
    (folder / "osv-scanner").chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize("code", [0, 1])
def test_scan_runs_the_scanner_over_every_lock_file(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with the format that it is to be read as: it does not know our names. 1: it found some."""
    monkeypatch.setenv("PATH", scanner(tmp_path, code))
    run = CliRunner().invoke(osv.app, ["--output", str(tmp_path / "osv.json")])
    assert (run.exit_code, run.stderr) == (0, "")
    assert load(tmp_path, today()).scan is not None
    assert json.loads((tmp_path / "osv.json").read_text())["scanner"] == "osv-scanner version: 9.9.9"
    first = (tmp_path / "log").read_text().splitlines()[0].split()
    assert first[:4] == ["scan", "source", "--format", "json"]
    given = [word.partition(":") for word in first if ":" in word]
    assert [(kind, str(Path(path).relative_to(ROOT))) for kind, _, path in given] == list(osv.LOCKS)
    locks = {str(p.relative_to(ROOT)) for p in (places.LOCKFILE, *(f / "go.mod" for f in sbom.MODULES))}
    assert locks <= {path for _, path in osv.LOCKS}
    assert all((ROOT / path).is_file() for _, path in osv.LOCKS)


@pytest.mark.parametrize("code", [2, 127, 128, 130])
def test_a_scan_that_broke_leaves_the_old_one(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No database, no packages found, interrupted: the same JSON on its output proves nothing then."""
    monkeypatch.setenv("PATH", scanner(tmp_path, code))
    kept = tmp_path / "osv.json"
    kept.write_text("the old one")
    run = CliRunner().invoke(osv.app, ["--output", str(kept)])
    assert run.exit_code == 2
    assert f"the scanner ended with {code}" in run.stderr
    assert "what went wrong" in run.stderr
    assert kept.read_text() == "the old one"


def test_without_a_scanner_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that a laptop can do without; a build that fails is no scan either."""
    monkeypatch.setenv("PATH", str(tmp_path))
    run = CliRunner().invoke(osv.app, ["--output", str(tmp_path / "osv.json")])
    assert (run.exit_code, "neither osv-scanner nor Go is installed" in run.stderr) == (2, True)
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\necho "$@ $GOBIN" >&2; exit 1\n')
    go.chmod(0o755)
    monkeypatch.setenv("SECURE_HOSTING_CACHE", str(tmp_path / "cache"))
    run = CliRunner().invoke(osv.app, ["--output", str(tmp_path / "osv.json")])
    assert run.exit_code == 2
    assert f"install {osv.MODULE} {tmp_path}/cache/scanner/v" in run.stderr
    assert not (tmp_path / "osv.json").exists()
