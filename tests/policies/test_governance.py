"""What the governance rules know: types that grant, conditions of federation, constraints, chains of rights."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pulumi_gcp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.graph import Graph
from policies.iam import POLICY_DOCUMENT, is_grant
from policies.model import Resource
from policies.rules import load_all
from policies.rules._cel import alternatives
from policies.rules._constraints import BOOLEAN, LIST, MANAGED, kind_of, nearest
from policies.rules._escalation import Access
from policies.rules._iam_types import tokens
from policies.rules._permissions import DEPLOY, ESCALATING, ROLES
from policies.rules.iam_escalation import no_escalation

GONE = {"gcp:notebooks/instanceIam", "gcp:notebooks/runtimeIam"}
"""Families of provider 9.x that older stacks may still hold."""


def sdk_tokens() -> set[str]:
    """Every resource type token that the installed SDK registers."""
    root = Path(inspect.getfile(pulumi_gcp)).parent
    found: set[str] = set()
    for file in root.glob("*/*.py"):
        found.update(re.findall(r"__init__\(\s*'(gcp:[\w/]+:\w+)'", file.read_text(encoding="utf-8")))
    return found


def test_every_type_of_the_provider_that_grants_is_known() -> None:
    """A type of grant that the table misses would be a hole that nobody judges."""
    ours = {t for t in tokens() if t != POLICY_DOCUMENT and not any(t.startswith(g) for g in GONE)}
    theirs = {t for t in sdk_tokens() if re.search(r"(IAM|Iam)(Member|Binding|Policy)$", t)}
    assert ours == theirs
    assert all(is_grant(t) for t in ours)


def test_every_type_that_a_governance_rule_names_exists() -> None:
    """A rule about a misspelt type judges nothing."""
    known = sdk_tokens()
    names = ("audit_logs", "log_", "alerting", "uptime", "contacts", "services", "api_keys", "sessions", "entitlements")
    prefixes = (*names, "org_policies", "federation", "iam_")
    unknown = {
        (r.id, t)
        for r in load_all().values()
        if r.check.__module__.rpartition(".")[2].startswith(prefixes)
        for t in r.types
        if t.startswith("gcp:") and t not in known and t != POLICY_DOCUMENT and not any(t.startswith(g) for g in GONE)
    }
    assert unknown == set()


def test_every_family_of_grants_has_one_rule_against_the_public() -> None:
    """Nothing that can be shared is forgotten, and nothing is told twice."""
    rules = [r for r in load_all().values() if r.clause == "ACC-3"]
    judged = {t: [r.id for r in rules if t in r.types] for t in tokens() if t != POLICY_DOCUMENT}
    assert {t: found for t, found in judged.items() if len(found) != 1} == {}


CLAIM = st.sampled_from(["repository_id", "repository_owner_id", "ref", "environment"])
VALUE = st.from_regex(r"[a-z0-9/]{1,8}", fullmatch=True)


@given(st.dictionaries(CLAIM, VALUE, min_size=1), st.randoms(use_true_random=False))
def test_conjunctions_pin_every_claim_however_written(pins: dict[str, str], random: object) -> None:
    """Quotes, order, brackets and blanks make no difference."""
    parts = []
    for claim, value in pins.items():
        choice = random.randrange(5)  # type: ignore[attr-defined]
        parts.append(
            [
                f"assertion.{claim} == '{value}'",
                f'"{value}"==attribute.{claim}',
                f"(assertion['{claim}']=='{value}')",
                f"assertion.{claim} in ['{value}']",
                f'((attribute["{claim}"] == "{value}"))',
            ][choice]
        )
    random.shuffle(parts)  # type: ignore[attr-defined]
    assert alternatives(" && ".join(parts)) == ({c: frozenset({v}) for c, v in pins.items()},)


@pytest.mark.parametrize(
    "condition", ["true", "", "1 == 1", "has(assertion.sub)", "assertion.ref != 'x'", "!(assertion.a=='b')"]
)
def test_what_is_not_a_comparison_pins_nothing(condition: str) -> None:
    """A condition is never taken to be narrower than it is."""
    assert alternatives(condition) == ({},)


def test_each_way_through_an_or_is_an_alternative() -> None:
    """One loose way is enough for a stranger."""
    found = alternatives("assertion.a == '1' && (assertion.b == '2' || assertion.c == '3') || assertion.d == '4'")
    assert [set(pins) for pins in found] == [{"a", "b"}, {"a", "c"}, {"d"}]


def test_operators_inside_quotes_are_text() -> None:
    """A value may look like code."""
    assert alternatives("assertion.a == 'x && y || z'") == ({"a": frozenset({"x && y || z"})},)


def test_constraints_are_of_one_kind() -> None:
    """No constraint stands in two lists, and each is found by its own name."""
    assert len(BOOLEAN) + len(LIST) + len(MANAGED) == len(BOOLEAN | LIST | MANAGED)
    assert all(kind_of(name) for name in (*BOOLEAN, *LIST, *MANAGED))


@settings(deadline=None)
@given(st.sampled_from(sorted(BOOLEAN | LIST | MANAGED)), st.data())
def test_a_constraint_with_a_letter_too_much_is_told_its_name(name: str, data: st.DataObject) -> None:
    """The message names a constraint that exists."""
    place = data.draw(st.integers(1, len(name) - 1))
    wrong = f"{name[:place]}x{name[place:]}"
    assert kind_of(wrong) is None
    assert kind_of(nearest(wrong) or "") is not None


def test_roles_hold_permissions_that_the_rules_know() -> None:
    """A permission that no rule looks at would be dead knowledge."""
    known = {*ESCALATING, *DEPLOY, "iam.serviceAccounts.actAs"}
    assert {p for permissions in ROLES.values() for p in permissions} <= known
    assert all(role == role.lower() for role in ROLES)


def _grant(number: int, kind: str, role: str, member: str, account: int | None) -> Resource:
    props: dict[str, object] = {"role": role, "member": member}
    if account is None:
        props["project"] = "p"
    else:
        props["serviceAccountId"] = f"projects/p/serviceAccounts/a{account}@p.iam.gserviceaccount.com"
    token = f"gcp:{kind}/iAMMember:IAMMember"
    return Resource(
        data=props, urn=f"urn:pulumi:s::p::{token}::g{number}", type=token, name=f"g{number}", outputs=props
    )


@settings(deadline=None)
@given(st.integers(1, 8), st.booleans())
def test_a_chain_of_accounts_is_followed_to_its_end(length: int, strong: bool) -> None:
    """However many accounts lie between, the first link is reported if and only if the last account rules."""
    member = "group:team@example.com"
    grants = []
    for index in range(length):
        grants.append(_grant(index, "serviceaccount", "roles/iam.serviceAccountTokenCreator", member, index))
        member = f"serviceAccount:a{index}@p.iam.gserviceaccount.com"
    role = "roles/resourcemanager.projectIamAdmin" if strong else "roles/run.viewer"
    grants.append(_grant(length, "projects", role, member, None))
    graph = Graph(grants)
    found = [f for f in no_escalation(graph, {"deployers": ()}) if "team@example.com" in f.message]
    assert [f.resource.name for f in found if f.resource] == (["g0"] if strong else [])
    assert len(Access(graph).accounts) >= length
