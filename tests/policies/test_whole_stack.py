"""What must not change a verdict about a stack: names, order, the shape of a grant; and what can only worsen it."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.judge import Judge, Result
from policies.load import from_document
from policies.rules import load_all
from tests.policies.traps import parts as p
from tests.policies.traps.stacks import Part, documents, part
from tests.policies.traps.table import TRAPS

JUDGE = Judge(list(load_all().values()), today=dt.date(2026, 11, 27))
STRANGER: Final = "user:stranger@gmail.com"


def verdicts(parts: Sequence[Part], form: str = "export") -> list[Result]:
    return JUDGE.judge_graph(from_document(documents(parts)[form]))


def failures(results: Sequence[Result]) -> set[tuple[str, str]]:
    return {(r.rule.id, r.resource.name if r.resource else "") for r in results if r.outcome == "fail"}


# The shape of a grant ------------------------------------------------------------------------------------------------

SHAPELESS: Final = ("iam-no-authoritative-binding", "iam-no-authoritative-policy", "iam-one-owner-of-a-role")
"""Rules about the shape itself."""


@dataclass(frozen=True)
class Given:
    """A right: whose, which, on what."""

    place: str
    role: str
    member: str


PLACES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "project": ("projects/iAM", {"project": "example-shop-data"}),
    "folder": ("folder/iAM", {"folder": "folders/1001"}),
    "organization": ("organizations/iAM", {"orgId": "778899001122"}),
    "account": ("serviceaccount/iAM", {"serviceAccountId": f"projects/x/serviceAccounts/{p.ACCOUNT_MAIL}"}),
    "bucket": ("storage/bucketIAM", {"bucket": "example-shop-papers"}),
    "key": ("kms/cryptoKeyIAM", {"cryptoKeyId": p.KEY_ID}),
}
ROLES: Final = (
    "roles/viewer",
    "roles/editor",
    "roles/owner",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.roleAdmin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/run.developer",
    "roles/cloudbuild.builds.editor",
    "roles/cloudkms.admin",
    "roles/cloudkms.cryptoKeyDecrypter",
    "roles/storage.objectViewer",
    "roles/logging.viewer",
)
MEMBERS: Final = (
    "allUsers",
    "allAuthenticatedUsers",
    STRANGER,
    "group:team@shop.example",
    "domain:shop.example",
    f"serviceAccount:{p.ACCOUNT_MAIL}",
    "serviceAccount:other@example-shop-data.iam.gserviceaccount.com",
    f"principalSet://iam.googleapis.com/{p.POOL_NAME}/*",
)
GIVEN: Final = st.lists(
    st.builds(Given, st.sampled_from(sorted(PLACES)), st.sampled_from(ROLES), st.sampled_from(MEMBERS)),
    min_size=1,
    max_size=5,
    unique=True,
)


def as_members(rights: Sequence[Given]) -> list[Part]:
    return [
        part(f"{PLACES[g.place][0]}Member", f"m{i}", **PLACES[g.place][1], role=g.role, member=g.member)
        for i, g in enumerate(rights)
    ]


def as_bindings(rights: Sequence[Given]) -> list[Part]:
    held: dict[tuple[str, str], list[str]] = defaultdict(list)
    for g in rights:
        held[g.place, g.role].append(g.member)
    return [
        part(f"{PLACES[place][0]}Binding", f"b{i}", **PLACES[place][1], role=role, members=members)
        for i, ((place, role), members) in enumerate(held.items())
    ]


def as_policies(rights: Sequence[Given]) -> list[Part]:
    held: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for g in rights:
        held[g.place].append({"role": g.role, "members": [g.member]})
    return [
        part(f"{PLACES[place][0]}Policy", f"p{i}", **PLACES[place][1], policyData=json.dumps({"bindings": bindings}))
        for i, (place, bindings) in enumerate(held.items())
    ]


@settings(max_examples=120, deadline=None)
@given(GIVEN)
def test_the_shape_of_a_grant_makes_no_difference(rights: list[Given]) -> None:
    """One resource a member, one a role, or a whole policy document: the same rights, the same verdicts."""
    around = [p.ACCOUNT, p.KEY, p.BUCKET]
    wrong = [
        {r.rule.id for r in verdicts([*around, *shape(rights)]) if r.outcome == "fail"} - set(SHAPELESS)
        for shape in (as_members, as_bindings, as_policies)
    ]
    assert wrong[0] == wrong[1] == wrong[2]


# Names and order -----------------------------------------------------------------------------------------------------

STACKS: Final = [pytest.param(trap.bad, id=f"{trap.number}-{trap.what}") for trap in TRAPS[::3]]


def counted(results: Sequence[Result]) -> list[tuple[str, str, str]]:
    return sorted((r.rule.id, r.outcome, r.resource.type if r.resource else "") for r in results)


@pytest.mark.parametrize("parts", STACKS)
@pytest.mark.parametrize("form", ["digest", "export"])
def test_the_order_of_resources_makes_no_difference(parts: tuple[Part, ...], form: str) -> None:
    """The engine registers resources in whatever order they become ready."""
    document = documents(parts)[form]
    before = counted(JUDGE.judge_graph(from_document(document)))
    rows = document["steps"] if form == "digest" else document["deployment"]["resources"]
    random.Random(7).shuffle(rows)  # noqa: S311 - the same order in every run
    assert counted(JUDGE.judge_graph(from_document(document))) == before


@pytest.mark.parametrize("parts", STACKS)
@pytest.mark.parametrize("form", ["digest", "export"])
def test_the_names_of_resources_make_no_difference(parts: tuple[Part, ...], form: str) -> None:
    """What the program calls a resource is its own business; the cloud never hears of it."""
    before = documents(parts)[form]
    text = json.dumps(before)
    for made in parts:
        text = text.replace(f'::{made.name}"', f'::zz-{made.name[::-1]}"')
    assert counted(JUDGE.judge_graph(from_document(json.loads(text)))) == counted(
        JUDGE.judge_graph(from_document(before))
    )


# What can only worsen a stack ----------------------------------------------------------------------------------------

WORSE: Final = (
    part("projects/iAMMember", "worse", project="example-shop-data", role="roles/owner", member=STRANGER),
    part("organizations/iAMMember", "worse", orgId="778899001122", role="roles/editor", member="domain:shop.example"),
    part("storage/bucketIAMMember", "worse", bucket="example-shop-papers", role="roles/viewer", member="allUsers"),
    part("serviceaccount/key", "worse", serviceAccountId=f"projects/x/serviceAccounts/{p.ACCOUNT_MAIL}"),
    part(
        "compute/firewall",
        "worse",
        network="inner",
        direction="INGRESS",
        sourceRanges=["0.0.0.0/0"],
        allows=[{"protocol": "all"}],
    ),
    part("logging/projectExclusion", "worse", project="example-shop-data", name="x", filter='logName:"cloudaudit"'),
    part("render:postgres:SuspendPostgres", "worse", postgresId="dpg-1"),
    replace(p.DATABASE, name="worse", props={"region": "us-east1", "databaseVersion": "MYSQL_5_6"}),
    replace(p.FEDERATION, name="worse", props={**p.FEDERATION.props, "attributeCondition": "true"}),
    part("kms/cryptoKeyIAMMember", "worse", cryptoKeyId=p.KEY_ID, role="roles/cloudkms.admin", member=STRANGER),
)


@pytest.mark.parametrize("worse", WORSE, ids=lambda w: w.type)
def test_a_weaker_resource_more_mends_nothing(worse: Part) -> None:
    """What failed still fails when something bad is added, in every stack that falls into a trap."""
    mended = {}
    for trap in TRAPS[::2]:
        missing = failures(verdicts(trap.bad)) - failures(verdicts([*trap.bad, worse]))
        if missing:
            mended[trap.what] = missing
    assert mended == {}


def test_the_weaker_resources_are_weak() -> None:
    """Each of them fails something of its own."""
    for worse in WORSE:
        assert any(name == "worse" for _, name in failures(verdicts([worse]))), worse.type
