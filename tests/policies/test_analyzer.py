"""The analyzer as the engine meets it: real messages over a real connection, with rules made for the purpose."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2 as proto

from policies import pack
from policies.analyzer import JUDGEMENT, Analyzer, set_value
from policies.graph import Graph
from policies.model import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, Resource, Secret, gcp
from policies.rule import Finding, Rule, fail, fail_stack, skip, unsure
from tests.policies.wire import connected, member, request, struct, urn

DB, KEY, BUCKET = gcp("sql/databaseInstance"), gcp("kms/cryptoKey"), gcp("storage/bucket")
TODAY = dt.date(2026, 11, 22)


def is_private(db: Resource) -> Iterator[Finding]:
    if db.type.endswith("Replica"):
        yield skip("replicas follow their primary")
    if db.flag("settings.ipv4Enabled", True):
        yield fail(db, "settings.ipv4Enabled", f"is {db.show('settings.ipv4Enabled')}")


def has_own_key(db: Resource) -> Iterator[Finding]:
    if not db.has("key"):
        yield fail(db, "key", "is not set")
    elif not db.known("key") and not (db.graph and db.graph.sources(db, "key", KEY)):
        yield unsure(db, "key")


def breaks(db: Resource) -> Iterator[Finding]:
    raise ZeroDivisionError(f"on {db.text('password')}")


def has_a_bucket(stack: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    if len(stack.of(BUCKET)) < float(params["least"]):
        yield fail_stack("there is no bucket")


def make(id: str, check: Any, **other: Any) -> Rule:
    record: dict[str, Any] = {
        "clause": "BAK-1",
        "severity": "high",
        "types": (DB,),
        "fix": "write it",
        "why": "because",
    }
    return Rule(**{**record, "id": id, "title": f"{id} holds", "check": check, **other})


def close_it(_db: Resource) -> Iterator[tuple[str, Any]]:
    yield "settings.ipv4Enabled", False
    yield "settings.note[0]", "closed"


def wrap_it(db: Resource) -> Iterator[tuple[str, Any]]:
    yield "password", Secret(db.raw("password"))


def plain_password(db: Resource) -> Iterator[Finding]:
    if db.has("password") and not db.is_secret("password"):
        yield fail(db, "password", f"is plain: {db.show('password')}")


PRIVATE = make("private", is_private)
OWN_KEY = make("own-key", has_own_key, severity="critical", waivable=False)
SOFT_KEY = make("soft-key", has_own_key)
BUCKETS = make("buckets", has_a_bucket, scope="stack", types=(), params={"least": 1})
GRAPH_KEY = make("graph-key", has_own_key, graph=True)


@pytest.fixture
def no_waivers(tmp_path: Path) -> Path:
    return tmp_path / "none.yaml"


def analyzer(*rules: Rule, config: Mapping[str, Any] | None = None, waivers: Path | None = None) -> Analyzer:
    return Analyzer({r.id: r for r in rules}, config or {}, TODAY, waivers=waivers)


def said(response: proto.AnalyzeResponse) -> dict[str, str]:
    """Rule → level of the diagnostics."""
    return {d.policyName: proto.EnforcementLevel.Name(d.enforcementLevel) for d in response.diagnostics}


def reasons(response: proto.AnalyzeResponse) -> dict[str, str]:
    return {n.policy_name: n.reason for n in response.not_applicable if n.reason}


def test_a_violation_names_clause_place_and_fix() -> None:
    """The message that people read under a preview holds everything they need."""
    with connected(analyzer(PRIVATE)) as engine:
        response = engine.Analyze(request(DB, "main", {"settings": {"ipv4Enabled": True}}))
    (found,) = response.diagnostics
    assert found.message.splitlines() == [
        "BAK-1 private holds",
        f"  where  {DB}  main",
        "  found  settings.ipv4Enabled: is True",
        "  fix    write it",
        "  why    python -m policies explain private",
    ]
    assert (found.policyPackName, found.policyPackVersion) == (pack.NAME, pack.version())
    assert (found.urn, found.enforcementLevel) == (urn(DB, "main"), proto.MANDATORY)
    assert found.severity == proto.POLICY_SEVERITY_HIGH


def test_what_passes_is_silent_and_what_is_foreign_is_not_counted_as_passed() -> None:
    """The engine counts as passed what is neither found nor not applicable: rules of other types must be listed."""
    bucket_rule = make("bucket-rule", is_private, types=(BUCKET,))
    with connected(analyzer(PRIVATE, bucket_rule)) as engine:
        response = engine.Analyze(request(DB, "main", {"settings": {"ipv4Enabled": False}}))
    assert not response.diagnostics
    assert [n.policy_name for n in response.not_applicable] == ["bucket-rule"]


def test_a_rule_that_does_not_apply_says_why() -> None:
    """The reason reaches the engine."""
    replica = make("replica", lambda db: [skip("replicas follow their primary")])
    with connected(analyzer(replica)) as engine:
        assert reasons(engine.Analyze(request(DB, "main", {}))) == {"replica": "replicas follow their primary"}


@pytest.mark.parametrize("key", [UNKNOWN, Secret(UNKNOWN)])
def test_an_unknown_is_left_to_the_stack_and_settled_by_its_edge(key: object) -> None:
    """Before creation nobody knows the key; the stack's edges show that it is one of ours."""
    with connected(analyzer(OWN_KEY, SOFT_KEY)) as engine:
        first = engine.Analyze(request(DB, "main", {"key": key}))
        assert not first.diagnostics
        assert set(reasons(first)) == {"own-key", "soft-key"}
        assert "left to the whole stack" in reasons(first)["own-key"]
        stack = [member(KEY, "k", {}), member(DB, "main", {"key": key}, {"key": [urn(KEY, "k")]})]
        assert said(engine.AnalyzeStack(proto.AnalyzeStackRequest(resources=stack))) == {}


def test_an_unknown_without_a_fitting_edge_stops_only_under_a_critical_rule() -> None:
    """What nobody can decide is told; where the rule is critical it stops the deployment."""
    with connected(analyzer(OWN_KEY, SOFT_KEY)) as engine:
        engine.Analyze(request(DB, "main", {"key": UNKNOWN}))
        stack = [member(BUCKET, "b", {}), member(DB, "main", {"key": UNKNOWN}, {"key": [urn(BUCKET, "b")]})]
        response = engine.AnalyzeStack(proto.AnalyzeStackRequest(resources=stack))
    assert said(response) == {"own-key": "MANDATORY", "soft-key": "ADVISORY"}
    assert all("undetermined" in d.message for d in response.diagnostics)


def test_declared_inputs_decide_also_when_the_stack_comes_with_outputs() -> None:
    """During `up` the stack holds what the cloud filled in; a field left out is still a field left out."""
    with connected(analyzer(GRAPH_KEY)) as engine:
        engine.Analyze(request(DB, "main", {}))
        stack = [member(DB, "main", {"key": "projects/p/locations/l/keyRings/r/cryptoKeys/filled-in"})]
        assert said(engine.AnalyzeStack(proto.AnalyzeStackRequest(resources=stack))) == {"graph-key": "MANDATORY"}


def test_rules_about_the_stack_speak_once() -> None:
    """Presence is judged over the whole stack."""
    with connected(analyzer(BUCKETS)) as engine:
        assert not engine.Analyze(request(DB, "main", {})).diagnostics
        response = engine.AnalyzeStack(proto.AnalyzeStackRequest(resources=[member(DB, "main", {})]))
        assert said(response) == {"buckets": "MANDATORY"}
        assert response.diagnostics[0].urn == ""
        both = [member(DB, "main", {}), member(BUCKET, "b", {})]
        assert said(engine.AnalyzeStack(proto.AnalyzeStackRequest(resources=both))) == {}


def test_a_rule_that_breaks_fails_closed_and_alone() -> None:
    """The broken rule is a violation of its own, without the secret it stumbled over; the others are judged."""
    with connected(analyzer(make("broken", breaks), PRIVATE)) as engine:
        response = engine.Analyze(request(DB, "main", {"password": Secret("hunter2-hunter2"), "settings": {}}))
    assert said(response) == {"broken": "MANDATORY", "private": "MANDATORY"}
    assert "rule broken broke: ZeroDivisionError: on [secret]" in response.diagnostics[0].message


def test_no_secret_reaches_the_engine_in_a_message() -> None:
    """Secrets arrive readable, and leave as a mask."""
    tells = make("tells", lambda db: [fail(db, "password", f"is {db.text('password')}")])
    with connected(analyzer(tells)) as engine:
        response = engine.Analyze(request(DB, "main", {"password": Secret("correct horse")}))
    assert "is [secret]" in response.diagnostics[0].message
    assert "correct horse" not in json_format.MessageToJson(response)


def test_options_reach_the_rules() -> None:
    """Protection and ignored changes are part of what is judged."""

    def guarded(db: Resource) -> Iterator[Finding]:
        if not db.protect:
            yield fail(db, "", "is not protected")
        if db.ignore_changes:
            yield fail(db, "", f"ignores {', '.join(db.ignore_changes)}")

    with connected(analyzer(make("guarded", guarded))) as engine:
        assert not engine.Analyze(request(DB, "main", {}, protect=True)).diagnostics
        response = engine.Analyze(request(DB, "main", {}, protect=False, ignoreChanges=["settings"]))
    assert "is not protected" in response.diagnostics[0].message
    assert "ignores settings" in response.diagnostics[0].message


def configure(level: int, **properties: Any) -> proto.PolicyConfig:
    return proto.PolicyConfig(enforcementLevel=level, properties=struct(properties))  # type: ignore[arg-type]


def test_configuration_sets_levels_and_thresholds() -> None:
    """A company may lower what is waivable and choose its thresholds."""
    with connected(analyzer(PRIVATE, BUCKETS)) as engine:
        wanted = {"private": configure(proto.ADVISORY), "buckets": configure(proto.MANDATORY, least=2)}
        engine.Configure(proto.ConfigureAnalyzerRequest(policyConfig=wanted))
        assert said(engine.Analyze(request(DB, "main", {}))) == {"private": "ADVISORY"}
        one = proto.AnalyzeStackRequest(resources=[member(BUCKET, "b", {})])
        assert said(engine.AnalyzeStack(one)) == {"buckets": "MANDATORY", "configuration-loosens-nothing": "ADVISORY"}
        engine.Configure(proto.ConfigureAnalyzerRequest(policyConfig={"private": configure(proto.DISABLED)}))
        assert said(engine.Analyze(request(DB, "main", {}))) == {}
        levels = {p.name: p.enforcementLevel for p in engine.GetAnalyzerInfo(empty_pb2.Empty()).policies}
        assert levels["private"] == proto.DISABLED


@pytest.mark.parametrize("level", [proto.ADVISORY, proto.DISABLED])
def test_no_configuration_lowers_a_rule_that_cannot_be_waived(level: int) -> None:
    """The engine is told so, and the rule keeps its level."""
    with connected(analyzer(OWN_KEY)) as engine:
        with pytest.raises(grpc.RpcError) as refused:
            engine.Configure(proto.ConfigureAnalyzerRequest(policyConfig={"own-key": configure(level)}))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "own-key" in str(refused.value.details())
        lowered = {"own-key": configure(proto.MANDATORY, undetermined="advisory")}
        with pytest.raises(grpc.RpcError, match="undetermined"):
            engine.Configure(proto.ConfigureAnalyzerRequest(policyConfig=lowered))
        assert said(engine.Analyze(request(DB, "main", {}))) == {"own-key": "MANDATORY"}


def test_an_unusable_configuration_is_refused_with_every_mistake() -> None:
    """Misspelt rules and settings stop the preview instead of being ignored."""
    wanted = {"privat": configure(proto.MANDATORY), "buckets": configure(proto.MANDATORY, least="two", most=3)}
    with connected(analyzer(PRIVATE, BUCKETS)) as engine, pytest.raises(grpc.RpcError) as refused:
        engine.Configure(proto.ConfigureAnalyzerRequest(policyConfig=wanted))
    details = str(refused.value.details())
    assert "did you mean private?" in details
    assert "buckets.least" in details
    assert "buckets.most" in details


def test_the_listing_tells_clause_severity_fix_and_settings() -> None:
    """What `pulumi policy` shows of the pack comes from the rules."""
    with connected(analyzer(PRIVATE, BUCKETS, GRAPH_KEY)) as engine:
        info = engine.GetAnalyzerInfo(empty_pb2.Empty())
        assert engine.GetPluginInfo(empty_pb2.Empty()).version == pack.version()
    listed = {p.name: p for p in info.policies}
    assert (info.name, info.version, info.supportsConfig) == (pack.NAME, pack.version(), True)
    assert listed["private"].framework.reference == "BAK-1"
    assert listed["private"].severity == proto.POLICY_SEVERITY_HIGH
    assert listed["private"].remediation_steps == "write it"
    assert listed["private"].policy_type == proto.POLICY_TYPE_RESOURCE
    assert listed["graph-key"].policy_type == listed["buckets"].policy_type == proto.POLICY_TYPE_STACK
    assert json_format.MessageToDict(listed["buckets"].configSchema.properties)["least"]["default"] == 1
    assert {"waiver-not-expired", "waiver-in-use"} <= set(listed)


WAIVERS = """\
waivers:
  - rule: private
    resource: main
    owner: team-platform
    reason: the migration needs it until spring
    compensating_control: the firewall admits one address
    expires: 2027-03-01
  - rule: private
    resource: old-*
    owner: team-platform
    reason: the migration needed it last year
    compensating_control: the firewall admits one address
    expires: 2026-01-01
"""


def test_a_waiver_is_visible_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live waiver is named with its end; an expired one excuses nothing and is a violation of its own."""
    (tmp_path / "waivers.yaml").write_text(WAIVERS)
    monkeypatch.setenv(JUDGEMENT, str(tmp_path / "judgement.json"))
    with connected(analyzer(PRIVATE, waivers=tmp_path / "waivers.yaml")) as engine:
        live = engine.Analyze(request(DB, "main", {}))
        late = engine.Analyze(request(DB, "old-1", {}))
        stack = proto.AnalyzeStackRequest(resources=[member(DB, "main", {}), member(DB, "old-1", {})])
        overall = engine.AnalyzeStack(stack)
    assert not live.diagnostics
    assert reasons(live) == {"private": "waived until 2027-03-01"}
    assert said(late) == {"private": "MANDATORY"}
    assert said(overall) == {"waiver-not-expired": "MANDATORY"}
    written = json.loads((tmp_path / "judgement.json").read_text())
    assert written["waived"][0]["waiver"] == {
        "owner": "team-platform",
        "expires": "2027-03-01",
        "reason": "the migration needs it until spring",
    }


def test_the_summary_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It replaces the old one in one step, holds every outcome, and leaves no draft behind."""
    target = tmp_path / "deep" / "judgement.json"
    monkeypatch.setenv(JUDGEMENT, str(target))
    with connected(analyzer(PRIVATE, OWN_KEY, BUCKETS)) as engine:
        engine.Analyze(request(DB, "good", {"settings": {"ipv4Enabled": False}, "key": "k"}))
        engine.Analyze(request(DB, "bad", {"key": UNKNOWN}))
        engine.AnalyzeStack(proto.AnalyzeStackRequest(resources=[member(DB, "good", {}), member(DB, "bad", {})]))
    written = json.loads(target.read_text())
    assert written["counts"] == {"checks": 5, "fail": 2, "pass": 2, "undetermined": 1}
    assert {row["rule"] for row in written["fail"]} == {"private", "buckets"}
    assert [(row["rule"], row["blocking"]) for row in written["undetermined"]] == [("own-key", True)]
    assert (written["pack"], written["today"]) == (pack.NAME, "2026-11-22")
    assert [p.name for p in target.parent.iterdir()] == ["judgement.json"]


def test_a_summary_that_cannot_be_written_stops_the_preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidence that was asked for and is not there must not go unnoticed."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(JUDGEMENT, str(tmp_path / "file" / "judgement.json"))
    with connected(analyzer(PRIVATE)) as engine, pytest.raises(grpc.RpcError, match="SECURE_HOSTING_JUDGEMENT"):
        engine.AnalyzeStack(proto.AnalyzeStackRequest())


def remediated(rule: Rule, properties: Mapping[str, Any], level: str = "remediate") -> proto.RemediateResponse:
    with connected(analyzer(rule, config={rule.id: level})) as engine:
        response: proto.RemediateResponse = engine.Remediate(request(DB, "main", properties))
    return response


def test_a_remediation_changes_what_the_rule_says_and_nothing_else() -> None:
    """Other properties, unknowns and secrets come back as they were."""
    rule = make("private", is_private, remediate=close_it)
    before = {"settings": {"ipv4Enabled": True, "note": ["x", "y"]}, "key": UNKNOWN, "password": Secret("s3cret")}
    (made,) = remediated(rule, before).remediations
    after = {**before, "settings": {"ipv4Enabled": False, "note": ["closed", "y"]}}
    assert made.properties == struct(after)
    assert (made.policyName, made.description, made.diagnostic) == ("private", "BAK-1 private holds", "")


def test_a_remediation_wraps_a_secret() -> None:
    """A plain password leaves as a secret."""
    (made,) = remediated(make("wrapped", plain_password, remediate=wrap_it), {"password": "hunter2"}).remediations
    wrapped = json_format.MessageToDict(made.properties)["password"]
    assert wrapped == {SIGNATURE: SECRET_SIGNATURE, "value": "hunter2"}


def test_nothing_is_remediated_below_the_level_remediate_or_where_the_rule_passes() -> None:
    """A mandatory rule only says what is wrong; a compliant resource is left alone."""
    rule = make("private", is_private, remediate=close_it)
    assert not remediated(rule, {"settings": {"note": [1]}}, "mandatory").remediations
    assert not remediated(rule, {"settings": {"ipv4Enabled": False}}).remediations
    assert not remediated(rule, {"settings": {"ipv4Enabled": UNKNOWN}}).remediations


def test_a_remediation_that_breaks_changes_nothing_and_is_told() -> None:
    """The engine shows a warning; the rule then stops the resource."""

    def half(_db: Resource) -> Iterator[tuple[str, Any]]:
        yield "settings.ipv4Enabled", False
        raise KeyError("gone")

    rule = make("private", is_private, remediate=half)
    with connected(analyzer(rule, config={"private": "remediate"})) as engine:
        (made,) = engine.Remediate(request(DB, "main", {"settings": {}})).remediations
        assert not made.HasField("properties")
        assert "private broke: KeyError" in made.diagnostic
        assert said(engine.Analyze(request(DB, "main", {"settings": {}}))) == {"private": "MANDATORY"}


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ({}, "a.b", {"a": {"b": 1}}),
        ({"a": [{"b": 0, "c": 2}]}, "a.b", {"a": [{"b": 1, "c": 2}]}),
        ({"a": {"b": 0}}, "a[0].b", {"a": {"b": 1}}),
        ({"a": [{"b": 0}, {}]}, "a[1].b", {"a": [{"b": 0}, {"b": 1}]}),
        ({"a": ["x"]}, "a[0]", {"a": [1]}),
        ({"x.y": 0}, '["x.y"]', {"x.y": 1}),
        (
            {"a": {SIGNATURE: SECRET_SIGNATURE, "value": {"b": 0}}},
            "a.b",
            {"a": {SIGNATURE: SECRET_SIGNATURE, "value": {"b": 1}}},
        ),
    ],
)
def test_a_value_is_set_where_a_reader_finds_it(before: dict[str, Any], path: str, after: dict[str, Any]) -> None:
    """Missing blocks are made; lists of one, lone blocks and secrets are entered as when reading."""
    set_value(before, path, 1)
    assert before == after
