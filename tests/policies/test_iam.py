"""Every way to grant access reads as the same grants: who gets which role, from which place, at which level."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pulumi_gcp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.graph import Graph
from policies.iam import BASIC, POLICY_DOCUMENT, all_grants, grants, is_grant, level_of
from policies.model import UNKNOWN, Resource, Secret, UnknownValue, gcp

MEMBERS = st.one_of(
    st.sampled_from(["allUsers", "allAuthenticatedUsers"]),
    st.builds(
        "{}:{}@example.com".format,
        st.sampled_from(["user", "group", "serviceAccount", "deleted:user"]),
        st.text("abc-9", min_size=1, max_size=5),
    ),
    st.just("domain:example.com"),
    st.just("principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"),
)
ROLES = st.sampled_from([*sorted(BASIC), "roles/storage.admin", "projects/p/roles/custom.editor"])
CONDITIONS = st.sampled_from([None, {"title": "t", "expression": "request.time < timestamp('2027-01-01T00:00:00Z')"}])
SUBJECTS = [
    "storage/bucketIAM",
    "projects/iAM",
    "cloudrunv2/serviceIam",
    "pubsub/topicIAM",
    "folder/iAM",
    "bigquery/iam",
]


def token(subject: str, shape: str) -> str:
    return gcp(f"{subject}{shape}")


def resource(type_token: str, data: dict[str, Any]) -> Resource:
    return Resource(data=data, urn=f"urn:pulumi:p::x::{type_token}::r", type=type_token, name="r")


def told(found: Resource) -> list[tuple[str, str, bool]]:
    return [(g.role, g.member, g.conditional) for g in grants(found)]


def wrapped(data: st.DataObject, value: Any) -> Any:
    """The value, or the value as a secret, at any depth."""
    if isinstance(value, list):
        value = [wrapped(data, v) for v in value]
    return Secret(value) if data.draw(st.integers(0, 4)) == 0 else value


@given(st.sampled_from(SUBJECTS), ROLES, st.lists(MEMBERS, min_size=1, max_size=4), CONDITIONS, st.data())
def test_member_binding_and_policy_are_the_same_grants(
    subject: str, role: str, members: list[str], condition: dict[str, str] | None, data: st.DataObject
) -> None:
    """The same access written in three shapes, some of it encrypted, reads as the same grants."""
    expected = [(role, m, condition is not None) for m in members]
    limited = {"condition": condition} if condition else {}
    singles = [
        resource(token(subject, "Member"), {"role": wrapped(data, role), "member": wrapped(data, m), **limited})
        for m in members
    ]
    assert [t for single in singles for t in told(single)] == expected
    binding = {"role": wrapped(data, role), "members": wrapped(data, members), **limited}
    assert told(resource(token(subject, "Binding"), binding)) == expected
    document = {"bindings": [{"role": role, "members": members, **limited}]}
    policy = {"policyData": wrapped(data, json.dumps(document))}
    assert told(resource(token(subject, "Policy"), policy)) == expected
    assert told(resource(token(subject, "Policy"), {"policyData": document})) == expected


@given(ROLES, st.lists(st.one_of(MEMBERS, st.just(UNKNOWN)), max_size=5), st.booleans())
def test_known_members_count_and_unknown_ones_are_told(role: str, members: list[Any], hidden: bool) -> None:
    """An unknown never hides a known grant and is never passed over in silence."""
    binding = resource(token("projects/iAM", "Binding"), {"role": UNKNOWN if hidden else role, "members": members})
    found: list[tuple[str, str]] = []

    def collect() -> None:
        found.extend((g.role, g.member) for g in _each(binding))

    if UNKNOWN in members or (hidden and members):
        with pytest.raises(UnknownValue):
            collect()
    elif not hidden:
        collect()
    if members and not (hidden and not found):
        assert found == [("" if hidden else role, m) for m in members if m is not UNKNOWN]


def _each(found: Resource) -> Any:
    yield from grants(found)


ACLS = ["storage/bucketACL", "storage/defaultObjectACL", "storage/objectACL"]
CONTROLS = ["storage/bucketAccessControl", "storage/defaultObjectAccessControl", "storage/objectAccessControl"]
ENTITIES = {
    "allUsers": "allUsers",
    "allAuthenticatedUsers": "allAuthenticatedUsers",
    "user-ann@example.com": "user:ann@example.com",
    "group-ops@example.com": "group:ops@example.com",
    "domain-example.com": "domain:example.com",
    "user-app@p.iam.gserviceaccount.com": "serviceAccount:app@p.iam.gserviceaccount.com",
    "project-owners-123": "project:owners-123",
}


@given(st.sampled_from(ACLS), st.lists(st.sampled_from(sorted(ENTITIES)), max_size=4), st.data())
def test_access_control_lists_are_grants(subject: str, entities: list[str], data: st.DataObject) -> None:
    """Entities of a list, wrapped or not, name their members."""
    entries = wrapped(data, [f"READER:{e}" for e in entities])
    assert told(resource(gcp(subject), {"roleEntities": entries})) == [("READER", ENTITIES[e], False) for e in entities]


@pytest.mark.parametrize("subject", CONTROLS)
@pytest.mark.parametrize("entity", sorted(ENTITIES))
def test_single_access_controls_are_grants(subject: str, entity: str) -> None:
    """One entry as a resource of its own."""
    assert told(resource(gcp(subject), {"role": "OWNER", "entity": entity})) == [("OWNER", ENTITIES[entity], False)]


@pytest.mark.parametrize("key", ["predefinedAcl", "defaultAcl"])
@pytest.mark.parametrize(
    ("canned", "public"),
    [
        ("publicRead", True),
        ("PUBLICREADWRITE", True),
        ("authenticatedRead", True),
        ("private", False),
        ("projectPrivate", False),
        ("logDeliveryWrite", False),
    ],
)
def test_canned_lists_that_open_to_everyone_are_grants(key: str, canned: str, public: bool) -> None:
    """A predefined list opens a bucket without naming anybody."""
    found = list(grants(resource(gcp("storage/bucketACL"), {key: canned})))
    assert [g.public for g in found] == [True] * public


@pytest.mark.parametrize(
    "data",
    [
        {"roleEntities": UNKNOWN},
        {"roleEntities": ["READER:allUsers", UNKNOWN]},
        {"roleEntities": Secret(UNKNOWN)},
        {"predefinedAcl": UNKNOWN},
    ],
)
def test_an_unknown_entry_of_a_list_is_told(data: dict[str, Any]) -> None:
    """What is not known is not taken for nobody."""
    with pytest.raises(UnknownValue):
        told(resource(gcp("storage/bucketACL"), data))


DATASET_ENTRIES: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"role": "OWNER", "specialGroup": "allAuthenticatedUsers"}, ("roles/bigquery.dataOwner", "allAuthenticatedUsers")),
    ({"role": "reader", "iamMember": "allUsers"}, ("roles/bigquery.dataViewer", "allUsers")),
    ({"role": "WRITER", "groupByEmail": "g@example.com"}, ("roles/bigquery.dataEditor", "group:g@example.com")),
    ({"role": "roles/x", "userByEmail": "u@example.com"}, ("roles/x", "user:u@example.com")),
    ({"role": "OWNER", "domain": "example.com"}, ("roles/bigquery.dataOwner", "domain:example.com")),
    (
        {"role": "OWNER", "userByEmail": "a@p.iam.gserviceaccount.com"},
        ("roles/bigquery.dataOwner", "serviceAccount:a@p.iam.gserviceaccount.com"),
    ),
]


@pytest.mark.parametrize(("entry", "expected"), DATASET_ENTRIES)
def test_dataset_access_is_a_grant(entry: dict[str, Any], expected: tuple[str, str]) -> None:
    """On the dataset itself and as a resource of its own."""
    assert told(resource(gcp("bigquery/datasetAccess"), entry)) == [(*expected, False)]
    assert told(resource(gcp("bigquery/dataset"), {"accesses": [{}, entry]})) == [(*expected, False)]


@pytest.mark.parametrize("accesses", [UNKNOWN, [UNKNOWN, {"iamMember": "allUsers"}], [{"iamMember": UNKNOWN}]])
def test_an_unknown_dataset_entry_is_told_and_hides_no_other(accesses: Any) -> None:
    """The entry after an unknown one is still read."""
    found = resource(gcp("bigquery/dataset"), {"accesses": accesses})
    with pytest.raises(UnknownValue):
        told(found)
    public = [g.member for g in all_grants(Graph([found]))]
    assert public == (["allUsers"] if isinstance(accesses, list) and len(accesses) == 2 else [])


@pytest.mark.parametrize(
    ("member", "kind", "public", "human"),
    [
        ("allUsers", "allusers", True, False),
        ("ALLAUTHENTICATEDUSERS", "allauthenticatedusers", True, False),
        ("user:a@example.com", "user", False, True),
        ("User:a@example.com", "user", False, True),
        ("deleted:user:a@example.com?uid=1", "user", False, True),
        ("group:a@example.com", "group", False, True),
        ("domain:example.com", "domain", False, True),
        ("serviceAccount:a@p.iam.gserviceaccount.com", "serviceaccount", False, False),
        ("principal://iam.googleapis.com/locations/global/workforcePools/w/subject/s", "principal", False, True),
        ("principalSet://iam.googleapis.com/projects/1/x/workloadIdentityPools/p/*", "principalset", False, False),
        ("projectEditor:p", "projecteditor", False, False),
        ("group:allUsers@example.com", "group", False, True),
    ],
)  # fmt: skip
def test_a_member_tells_its_kind(member: str, kind: str, public: bool, human: bool) -> None:
    """Kinds are compared without regard to letter case; a name that contains a public word is not public."""
    (grant,) = grants(resource(token("projects/iAM", "Member"), {"role": "roles/viewer", "member": member}))
    assert (grant.kind, grant.public, grant.human) == (kind, public, human)


LEVELS = {
    "organizations/iAMMember": "organization",
    "organizations/iAMBinding": "organization",
    "organizations/iAMPolicy": "organization",
    "folder/iAMMember": "folder",
    "folder/iAMBinding": "folder",
    "projects/iAMMember": "project",
    "projects/iAMPolicy": "project",
    "billing/accountIamMember": "billing",
    "billing/accountIamBinding": "billing",
    "billing/accountIamPolicy": "billing",
    "serviceaccount/iAMMember": "account",
    "serviceaccount/iAMBinding": "account",
    "storage/bucketIAMMember": "resource",
    "kms/keyRingIAMBinding": "resource",
    "iap/tunnelIamPolicy": "resource",
    "cloudrun/iamMember": "resource",
    "tags/tagKeyIamMember": "resource",
    "organizations/getIAMPolicy": "project",
    "projects/iAMAuditConfig": None,
    "projects/iAMCustomRole": None,
    "projects/iamMemberRemove": None,
    "iam/denyPolicy": None,
    "iam/projectsPolicyBinding": None,
    "storage/bucket": None,
}


@pytest.mark.parametrize(("short", "level"), LEVELS.items())
def test_a_type_tells_the_level_of_its_grants(short: str, level: str | None) -> None:
    """Where a grant sits decides how far it reaches; what is no grant is none."""
    made = gcp(short) if not short.endswith("getIAMPolicy") else POLICY_DOCUMENT
    assert level_of(made) == level
    assert is_grant(made) == (level is not None)


def test_every_iam_type_of_the_provider_is_read() -> None:
    """However a module spells it (iAM, Iam, IAM), each member, binding and policy type of the SDK is a grant."""
    found: set[str] = set()
    for module in Path(pulumi_gcp.__file__).parent.glob("*/*.py"):
        for made in re.findall(r"'(gcp:\w+/\w+:\w+)'", module.read_text(encoding="utf-8")):
            if re.search(r"iam\w*(member|binding|policy):", made, re.IGNORECASE) and ":get" not in made:
                found.add(made)
    assert len(found) > 300
    missed = {t for t in found if not is_grant(t)}
    assert missed == {t for t in missed if re.search(r"/(iamMemberRemove|\w*AccessPolicy|\w*PolicyBinding):", t)}, (
        missed
    )


@pytest.mark.parametrize("document", ["not json", "[]", '"x"', '{"bindings": "x"}', '{"bindings": [7]}', "{"])
def test_a_document_that_is_no_policy_grants_nothing_and_is_never_called_known(document: str) -> None:
    """A broken document raises or grants nothing; it does not stop the whole stack from being judged."""
    broken = resource(token("projects/iAM", "Policy"), {"policyData": document})
    good = resource(token("projects/iAM", "Member"), {"role": "roles/viewer", "member": "allUsers"})
    assert [g.member for g in all_grants(Graph([broken, good]))] == ["allUsers"]
