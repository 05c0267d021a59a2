"""What the rules about firewalls, identities and variables read, where other tools or hasty readers go wrong."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.judge import Judge
from policies.model import UNKNOWN, Resource, Secret, View
from policies.rule import REGISTRY, Sample
from policies.rules import load_all
from policies.rules._firewalls import is_world
from policies.rules._identity import is_default
from policies.rules._serverless import plain_secret
from tests.policies.examples import graph

load_all()


def outcome(rule: str, *parts: Sample) -> str:
    """The verdict of one rule about the first resource."""
    return Judge([REGISTRY[rule]]).apply(REGISTRY[rule], graph(parts).resources[0]).outcome


def test_source_tags_beside_open_ranges_do_not_close_a_firewall_rule() -> None:
    """Google joins source ranges and tags by OR, so the world stays admitted; Trivy's GCP-0070 takes it for a pass."""
    props = {
        "direction": "INGRESS",
        "sourceRanges": ["0.0.0.0/0"],
        "sourceTags": ["vms"],
        "allows": [{"protocol": "tcp", "ports": ["3380-3390"]}],
    }
    assert outcome("firewall-rdp-closed", Sample("compute/firewall", props)) == "fail"


def test_tls_1_3_as_minimum_passes() -> None:
    """TLS 1.3 is newer than 1.2; a tool that wants exactly TLS_1_2 fails it."""
    props = {"profile": "RESTRICTED", "minTlsVersion": "TLS_1_3"}
    assert outcome("tls-minimum-version", Sample("compute/sSLPolicy", props)) == "pass"


def test_unknown_source_does_not_hide_the_world() -> None:
    """One range that is not known yet leaves the others judged, and alone is never a pass."""
    allow = [{"protocol": "tcp", "ports": ["22"]}]
    both = Sample("compute/firewall", {"allows": allow, "sourceRanges": [UNKNOWN, "0.0.0.0/0"]})
    alone = Sample("compute/firewall", {"allows": allow, "sourceRanges": [UNKNOWN, "10.0.0.0/8"]})
    assert [outcome("firewall-ssh-closed", part) for part in (both, alone)] == ["fail", "undetermined"]


def test_rules_of_one_policy_are_judged_apart() -> None:
    """A rule whose action is not known yet does not hide the open rule beside it."""
    match = {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "tcp", "ports": ["22"]}]}
    rules = [{"action": UNKNOWN, "match": match}, {"action": "allow", "match": match}]
    assert outcome("firewall-ssh-closed", Sample("compute/networkFirewallPolicyWithRules", {"rules": rules})) == "fail"


@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_two_halves_of_a_range_admit_as_much_as_the_range(prefix: int, address: int) -> None:
    """Splitting a range changes nothing; only the whole or half of all addresses is the world."""
    whole = ipaddress.ip_network((address, prefix), strict=False)
    halves = [str(half) for half in whole.subnets()]
    assert is_world(halves) == is_world([str(whole)])
    if prefix >= 2:
        assert not is_world([str(whole)])


@pytest.mark.parametrize("bare", ["0.0.0.0", "::", "::0", "0.0.0.0/32"])  # noqa: S104
def test_unspecified_address_means_everyone(bare: str) -> None:
    """No packet comes from the unspecified address: whoever writes it means the world."""
    assert is_world([bare])


@pytest.mark.parametrize(
    ("email", "default"),
    [
        ("123456789012-compute@developer.gserviceaccount.com", True),
        ("example-prod-workload@appspot.gserviceaccount.com", True),
        ("projects/p/serviceAccounts/1-compute@developer.gserviceaccount.com", True),
        ("Default", True),
        ("default@example-prod-workload.iam.gserviceaccount.com", False),
        ("app@example-prod-workload.iam.gserviceaccount.com", False),
    ],
)
def test_default_accounts_are_told_by_their_domain(email: str, default: bool) -> None:
    """An account of ours may be called default; Google's own are known by their domain."""
    assert is_default(email) is default


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("DB_PASSWORD", "hunter2", "fail"),
        ("DB_PASSWORD", UNKNOWN, "fail"),
        ("MODE", Secret(UNKNOWN), "undetermined"),
        ("DATABASE_URL", UNKNOWN, "undetermined"),
        ("DATABASE_URL", "postgres://app:pw@db/app", "fail"),
        ("DATABASE_URL", "postgres:///app?host=/cloudsql/db", None),
        ("API_KEY_SECRET_NAME", "projects/p/secrets/api", None),
        ("DB_PASSWORD_FILE", "/secrets/db", None),
        ("TOKEN", "projects/p/secrets/token/versions/1", None),
        ("MODE", UNKNOWN, "undetermined"),
        ("DB_PASSWORD", "", None),
    ],
)
def test_variables_that_carry_credentials(name: str, value: Any, kind: str | None) -> None:
    """Names or values that say credential fail, references and plain settings do not; no message shows a value."""
    resource = Resource(data={"value": value}, urn="urn", type="gcp:cloudrunv2/service:Service", name="app")
    findings = list(plain_secret(View(resource, resource.data), "value", name))
    assert [finding.kind for finding in findings] == ([kind] if kind else [])
    assert not any(isinstance(value, str) and value and value in finding.message for finding in findings)
