"""The command: what people and CI type, what comes out, and with which exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from policies import pack
from policies.clauses import CLAUSES
from policies.cli import app
from policies.model import UNKNOWN, Secret, gcp
from tests.policies.files import digest, export, state, write

KEY, DB = gcp("kms/cryptoKey"), gcp("sql/databaseInstance")
RULE = "kms-key-rotates"
ROW = {"file", "rule", "clause", "outcome", "severity", "urn", "property", "message", "references"}
GOOD_KEY = {"rotationPeriod": "7776000s", "keyRing": "r", "destroyScheduledDuration": "2592000s"}
ONLY_ROTATION = {"all": "disabled", RULE: "mandatory"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Every rule that may be switched off is off, but the one about rotation."""
    return write(tmp_path / "config.json", ONLY_ROTATION)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def about_rotation(result: Result) -> list[dict[str, Any]]:
    return [row for row in rows(result) if row["rule"] == RULE]


def stack(path: Path, *keys: Mapping[str, Any], as_export: bool = False) -> Path:
    states = [state(KEY, f"k{i}", key, protect=True) for i, key in enumerate(keys)]
    return write(path, export(states) if as_export else digest(states))


@pytest.mark.parametrize("as_export", [False, True])
def test_a_row_has_exactly_the_promised_keys(tmp_path: Path, as_export: bool) -> None:
    """Others read these rows: file, rule, clause, outcome, severity, urn, property, message, references."""
    file = stack(tmp_path / "s.json", {**GOOD_KEY, "rotationPeriod": "31536000s"}, GOOD_KEY, as_export=as_export)
    result = run("judge", file, "--json")
    assert {frozenset(row) for row in rows(result)} == {frozenset(ROW)}
    bad, good = about_rotation(result)
    assert bad["file"] == str(file)
    assert (bad["clause"], bad["outcome"], bad["severity"]) == ("ENC-2", "fail", "high")
    assert bad["urn"].endswith(f"{KEY}::k0")
    assert bad["property"] == "rotationPeriod"
    assert "365.0 days" in bad["message"]
    assert "checkov:CKV_GCP_43" in bad["references"]
    assert (good["outcome"], good["property"], good["message"]) == ("pass", None, "")


def test_every_outcome_is_told(tmp_path: Path) -> None:
    """Pass, fail, not applicable and undetermined are four different words."""
    keys: list[dict[str, Any]] = [GOOD_KEY, {}, {"purpose": "ASYMMETRIC_SIGN"}, {"rotationPeriod": UNKNOWN}]
    found = about_rotation(run("judge", stack(tmp_path / "s.json", *keys), "--json"))
    assert [row["outcome"] for row in found] == ["pass", "fail", "not_applicable", "undetermined"]


def test_exit_codes(tmp_path: Path, config: Path) -> None:
    """0 when nothing failed, 1 when something did, 2 when a file could not be used, whatever the others said."""
    good, bad = stack(tmp_path / "good.json", GOOD_KEY), stack(tmp_path / "bad.json", {})
    broken = write(tmp_path / "broken.json", '{"steps": [')
    config_of = ["--config", config]
    assert run("judge", good, *config_of).exit_code == 0
    assert run("judge", bad, *config_of).exit_code == 1
    assert run("judge", good, bad, *config_of).exit_code == 1
    mixed = run("judge", broken, bad, *config_of, "--json")
    assert mixed.exit_code == 2
    assert [row["outcome"] for row in about_rotation(mixed)] == ["fail"]
    assert "broken.json" in mixed.stderr
    assert "cut short" in mixed.stderr


@pytest.mark.parametrize(("threshold", "code"), [("low", 1), ("high", 1), ("critical", 0), ("never", 0)])
def test_fail_on_sets_the_severity_that_stops(tmp_path: Path, config: Path, threshold: str, code: int) -> None:
    """The rotation rule is of severity high."""
    assert run("judge", stack(tmp_path / "s.json", {}), "--config", config, "--fail-on", threshold).exit_code == code


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fail-on", "hihg"], "--fail-on hihg: one of low"),
        (["--today", "31.1.2026"], "write it as 2026-01-31"),
        (["--config", "nowhere.json"], "nowhere.json: no such file"),
        (["--waivers", "nowhere.yaml"], "nowhere.yaml: no such file"),
    ],
)
def test_options_that_cannot_be_used_are_refused(tmp_path: Path, arguments: list[str], says: str) -> None:
    """Before anything is judged, with exit code 2."""
    result = run("judge", stack(tmp_path / "s.json", GOOD_KEY), *arguments)
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""


def test_a_configuration_sets_thresholds_and_is_refused_with_every_mistake(tmp_path: Path) -> None:
    """A company's own figure counts; misspelt rules, levels and settings are named together."""
    file = stack(tmp_path / "s.json", {**GOOD_KEY, "rotationPeriod": "2592000s"})
    strict = write(tmp_path / "strict.json", {RULE: {"max_days": 10}})
    assert [r["outcome"] for r in about_rotation(run("judge", file, "--config", strict, "--json"))] == ["fail"]
    wrong = write(tmp_path / "wrong.json", {"kms-key-rotate": "mandatory", RULE: {"max_days": "ten"}, "all": "off"})
    result = run("judge", file, "--config", wrong)
    assert result.exit_code == 2
    assert f"did you mean {RULE}?" in result.stderr
    assert f"{RULE}.max_days" in result.stderr
    assert "'off' is no level" in result.stderr
    for text in ("[]", "{"):
        assert run("judge", file, "--config", write(tmp_path / "c.json", text)).exit_code == 2


def test_no_configuration_file_lowers_a_rule_that_cannot_be_waived(tmp_path: Path) -> None:
    """Neither by name nor with `all`."""
    fixed = next(r for r in pack.rules().values() if not r.waivable and r.scope == "resource")
    result = run(
        "judge", write(tmp_path / "s.json", digest([])), "--config", write(tmp_path / "c.json", {fixed.id: "advisory"})
    )
    assert result.exit_code == 2
    assert f"{fixed.id}: cannot be advisory" in result.stderr
    off = write(tmp_path / "off.json", {"all": "disabled"})
    judged = {r["rule"] for r in rows(run("judge", stack(tmp_path / "k.json", {}), "--config", off, "--json"))}
    assert fixed.id in {r.id for r in pack.rules().values() if not r.waivable}
    assert all(not pack.rules()[rule].waivable for rule in judged - {LOOSENED})


LOOSENED = "configuration-loosens-nothing"


@pytest.mark.parametrize("level", ["disabled", "advisory"])
def test_what_the_configuration_loosens_is_told_and_counted(tmp_path: Path, level: str) -> None:
    """`all` may lower what can be waived: it stops nothing, but every judgement says how many rules and names some."""
    rules = pack.rules()
    file, config = stack(tmp_path / "k.json", {}), write(tmp_path / "c.json", {"all": level})
    loosened = [r for r in rules.values() if r.waivable and r.level not in (level, "disabled")]
    (told,) = [r for r in rows(run("judge", file, "--config", config, "--json")) if r["rule"] == LOOSENED]
    assert (told["outcome"], told["urn"], told["property"]) == ("waived", None, None)
    assert f" {len(loosened)} of {len(rules)} rules: {loosened[0].id}, " in told["message"]
    text = run("judge", file, "--config", config, "--fail-on", "never")
    assert " ".join(told["message"].split()) in " ".join(text.stdout.split())
    one = write(tmp_path / "one.json", {loosened[-1].id: level})
    (row,) = [r for r in rows(run("judge", file, "--config", one, "--json")) if r["rule"] == LOOSENED]
    assert row["message"].endswith(f"1 of {len(rules)} rules: {loosened[-1].id}")
    same = write(tmp_path / "same.json", {"all": "mandatory", RULE: {"max_days": 30}})
    assert LOOSENED not in {r["rule"] for r in rows(run("judge", file, "--config", same, "--json"))}


WAIVER = """\
waivers:
  - rule: {rule}
    resource: {resource}
    owner: team-platform
    reason: the key is replaced in spring
    compensating_control: nobody holds the decrypter role
    expires: {expires}
"""


def test_a_waiver_excuses_until_it_ends(tmp_path: Path, config: Path) -> None:
    """Live: waived and visible. Late or unused: a violation."""
    file = stack(tmp_path / "s.json", {})
    waivers = write(tmp_path / "w.yaml", WAIVER.format(rule=RULE, resource="k0", expires="2026-12-01"))
    arguments = ["judge", file, "--config", config, "--waivers", waivers, "--json", "--today"]
    live, late = run(*arguments, "2026-12-01"), run(*arguments, "2026-12-02")
    (row,) = about_rotation(live)
    assert (live.exit_code, row["outcome"]) == (0, "waived")
    assert row["waiver"] == {
        "owner": "team-platform",
        "expires": "2026-12-01",
        "reason": "the key is replaced in spring",
    }
    assert set(row) == ROW | {"waiver"}
    assert late.exit_code == 1
    assert {r["rule"] for r in rows(late) if r["outcome"] == "fail"} == {RULE, "waiver-not-expired"}
    unused = run("judge", stack(tmp_path / "g.json", GOOD_KEY), *arguments[2:], "2026-12-01")
    assert {r["rule"] for r in rows(unused) if r["outcome"] == "fail"} == {"waiver-in-use"}


def test_waivers_are_counted_for_each_file_anew(tmp_path: Path, config: Path) -> None:
    """A waiver used in one stack is still unused in the next."""
    waivers = write(tmp_path / "w.yaml", WAIVER.format(rule=RULE, resource="k0", expires="2030-01-01"))
    files = [stack(tmp_path / "a.json", {}), stack(tmp_path / "b.json", GOOD_KEY)]
    found = rows(run("judge", *files, "--config", config, "--waivers", waivers, "--json", "--today", "2026-12-01"))
    assert [(Path(r["file"]).name, r["outcome"]) for r in found if r["rule"] == "waiver-in-use"] == [
        ("a.json", "pass"),
        ("b.json", "fail"),
    ]


MALFORMED = """\
waivers:
  - rule: {rule}
    resource: k0
    owner: team-platform
    reason: the key is replaced in spring
    compensating_control: nobody holds the decrypter role
    expires: someday
  - rule: kms-key-rotate
    resource: "*"
    owner: team-platform
    reason: short
    compensating_control: nobody holds the decrypter role
    expires: 2027-01-01
  - rule: {fixed}
    resource: db
    owner: team-platform
    reason: it is in the way of the release
    compensating_control: we look at it now and then
    expires: 2027-01-01
    approved: true
  - just a line
"""


def test_malformed_waivers_are_refused_with_line_numbers(tmp_path: Path) -> None:
    """All mistakes at once, each with its line."""
    fixed = next(r.id for r in pack.rules().values() if not r.waivable)
    text = MALFORMED.format(rule=RULE, fixed=fixed)
    result = run("judge", stack(tmp_path / "s.json", {}), "--waivers", write(tmp_path / "w.yaml", text))
    assert result.exit_code == 2
    for said in ("w.yaml:2: expires", "w.yaml:8: resource", "w.yaml:8: reason", "w.yaml:14: approved", "w.yaml:21:"):
        assert said in result.stderr, said
    allowed = text.replace("    approved: true\n", "")
    known = run("judge", stack(tmp_path / "s.json", {}), "--waivers", write(tmp_path / "w.yaml", allowed))
    assert f"w.yaml:14: rule: {fixed} cannot be waived" in known.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("waivers: [", "w.yaml:1: not valid YAML"),
        ("- rule: x", "w.yaml:1: expected one key"),
        ("a: 1", "expected one key"),
    ],
)
def test_a_waivers_file_of_another_shape_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """With the line where it goes wrong."""
    result = run("judge", stack(tmp_path / "s.json", {}), "--waivers", write(tmp_path / "w.yaml", text))
    assert result.exit_code == 2
    assert says in result.stderr


def test_text_names_place_and_fix_and_counts_types_without_rules(tmp_path: Path, config: Path) -> None:
    """For people: the violation, one line of counts, and what nobody looked at."""
    states = [state(KEY, "k", {}), *(state("acme:thing/widget:Widget", f"w{i}", {}) for i in range(3))]
    result = run("judge", write(tmp_path / "s.json", digest(states)), "--config", config)
    assert "ENC-2 Symmetric encryption keys rotate within 90 days" in result.stdout
    assert f"where  {KEY}  k" in result.stdout
    assert 'fix    rotation_period="7776000s"' in result.stdout
    assert "1 fail" in result.stdout
    assert "without a rule of their own: acme:thing/widget:Widget (3)" in result.stdout
    assert "acme:thing/widget:Widget (3)" in run("judge", tmp_path / "s.json", "--config", config, "--json").stderr


def test_secrets_of_a_file_are_not_printed(tmp_path: Path) -> None:
    """Neither in text nor in rows."""
    states = [
        state(DB, "db", {"rootPassword": Secret("hunter2-hunter2"), "databaseVersion": Secret("MYSQL_5_6-hunter2")})
    ]
    file = write(tmp_path / "s.json", digest(states))
    for extra in (["--all"], ["--json"]):
        result = run("judge", file, *extra)
        assert result.exit_code == 1
        assert "hunter2" not in result.output


def test_hundreds_of_files_share_one_preparation(tmp_path: Path, config: Path) -> None:
    """Each file gets its own rows; rules, configuration and waivers are read once."""
    files = [stack(tmp_path / f"s{i}.json", {} if i % 2 else GOOD_KEY) for i in range(300)]
    found = about_rotation(run("judge", *files, "--config", config, "--json"))
    assert [(Path(r["file"]).name, r["outcome"]) for r in found] == [
        (f"s{i}.json", "fail" if i % 2 else "pass") for i in range(300)
    ]


def test_list_filters(tmp_path: Path) -> None:
    """By clause, measure, type, severity and foreign check; a foreign id is not a prefix."""

    def listed(*arguments: str) -> set[str]:
        return {row["rule"] for row in rows(run("list", "--json", *arguments))}

    assert listed() == set(pack.rules())
    assert RULE in listed("--clause", "ENC-2") < listed("--clause", "enc") < listed()
    assert RULE in listed("--type", "kms/cryptoKey")
    assert RULE not in listed("--severity", "low")
    assert RULE in listed("--reference", "checkov:ckv_gcp_43") == listed("--reference", "CKV_GCP_43")
    assert listed("--reference", "checkov:CKV_GCP_4") != listed("--reference", "checkov:CKV_GCP_43")
    assert listed("--reference", "checkov") > listed("--reference", "CKV_GCP_43")
    assert listed("--reference", "CKV_GCP_99999") == set()
    assert "1 rules" not in run("list").stdout.splitlines()[0]
    assert run("list", "--clause", "XYZ-1").exit_code == 2
    assert run("list", "--severity", "hihg").exit_code == 2


def test_explain_tells_why_with_examples_and_sources() -> None:
    """By our id or a foreign one; an unknown name gets the nearest."""
    text = run("explain", RULE).stdout
    rule = pack.rules()[RULE]
    for part in (
        rule.title,
        rule.fix,
        rule.why,
        CLAUSES["ENC-2"].sentence,
        *rule.references,
        *rule.sources,
        "31536000s",
    ):
        assert part in text
    assert run("explain", "CKV_GCP_43").stdout == text
    assert run("explain", "checkov:CKV_GCP_43").stdout == text
    unknown = run("explain", "kms-key-rotate")
    assert unknown.exit_code == 2
    assert f"did you mean {RULE}?" in unknown.stderr


def test_every_rule_can_be_explained() -> None:
    """No example or figure is of a kind that cannot be shown."""
    for rule in pack.rules():
        assert run("explain", rule).exit_code == 0


def test_coverage_speaks_of_clauses_and_of_other_tools() -> None:
    """Which clauses have rules, and which of a tool's checks are answered."""
    by_clause = json.loads(run("coverage", "--json").stdout)
    assert set(by_clause) == set(CLAUSES)
    assert RULE in by_clause["ENC-2"]["rules"]
    foreign = json.loads(run("coverage", "--from", "checkov", "--json").stdout)
    assert RULE in foreign["covered"]["CKV_GCP_43"]
    assert not set(foreign["covered"]) & (set(foreign["retired"]) | set(foreign["not decidable"]))
    said = run("coverage", "--from", "checkov").stdout
    assert re.match(r"Checkov: \d+ Google Cloud checks: \d+ covered \(\d+ as strict or stricter\), 1 of retired", said)
    assert "; and 7 for GitHub\n" in said
    assert all(line in said for line in ("CKV_GCP_43", "narrower: the default, error, is what is asked for"))
    unknown = run("coverage", "--from", "nosuchtool")
    assert unknown.exit_code == 2
    assert "checkov" in unknown.stderr


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    """As CI types it."""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "policies", "judge", str(stack(tmp_path / "s.json", {})), "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert {frozenset(json.loads(line)) for line in done.stdout.splitlines()} == {frozenset(ROW)}


@pytest.mark.parametrize("rule_id", ["configuration-loosens-nothing", "waiver-in-use", "waiver-not-expired"])
def test_rules_about_exceptions_are_explained_as_their_findings_promise(rule_id: str) -> None:
    """A finding ends with the command that says why; it works for these rules as well."""
    result = run("explain", rule_id)
    assert result.exit_code == 0
    assert rule_id in result.stdout
    assert "CHG-3" in result.stdout
