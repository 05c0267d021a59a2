"""Access in plain words, from every shape in which it is granted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from review.mask import UNKNOWN
from review.model import Review
from tests.review.making import BUCKET, MEMBER, URN, recorded, review_of, step

READER = "roles/storage.objectViewer"
BINDING = "gcp:storage/bucketIAMBinding:BucketIAMBinding"
POLICY = "gcp:storage/bucketIAMPolicy:BucketIAMPolicy"


def said(review: Review) -> tuple[list[str], list[str]]:
    """Gained and lost, in words."""
    return [a.sentence for a in review.gained], [a.sentence for a in review.lost]


def grant(who: str, **more: Any) -> dict[str, Any]:
    return {"bucket": "invoices", "role": READER, "member": who, **more}


def document(*members: str) -> str:
    return json.dumps({"bindings": [{"role": READER, "members": list(members)}]})


GAINED = "group data-team@example.com: read objects on bucket invoices"


@pytest.mark.parametrize(
    ("type_", "old", "new"),
    [
        (MEMBER, None, grant("group:data-team@example.com")),
        (BINDING, None, {"bucket": "invoices", "role": READER, "members": ["group:data-team@example.com"]}),
        (
            BINDING,
            {"bucket": "invoices", "role": READER, "members": ["group:a@example.com"]},
            {"bucket": "invoices", "role": READER, "members": ["group:a@example.com", "group:data-team@example.com"]},
        ),
        (POLICY, None, {"bucket": "invoices", "policyData": document("group:data-team@example.com")}),
        (
            POLICY,
            {"bucket": "invoices", "policyData": document("group:a@example.com")},
            {"bucket": "invoices", "policyData": document("group:a@example.com", "group:data-team@example.com")},
        ),
    ],
)
def test_every_iam_shape_says_the_same(
    tmp_path: Path, type_: str, old: dict[str, Any] | None, new: dict[str, Any]
) -> None:
    """Member, binding and policy document differ for the engine, not for a reader; and backwards it is a loss."""
    op = "create" if old is None else "update"
    assert said(review_of(tmp_path / "1", [step(op, type_, "g", old=old, new=new)])) == ([GAINED], [])
    back = step("delete", type_, "g", old=new) if old is None else step("update", type_, "g", old=new, new=old)
    assert said(review_of(tmp_path / "2", [back])) == ([], [GAINED])


@pytest.mark.parametrize(
    ("type_", "inputs", "sentence"),
    [
        (
            "gcp:storage/bucketACL:BucketACL",
            {"bucket": "invoices", "roleEntities": ["READER:user-jane@example.com"]},
            "person jane@example.com: read on bucket invoices",
        ),
        (
            "gcp:storage/bucketACL:BucketACL",
            {"bucket": "invoices", "predefinedAcl": "publicRead"},
            "everyone on the internet: read on bucket invoices",
        ),
        (
            "gcp:storage/bucketAccessControl:BucketAccessControl",
            {"bucket": "invoices", "role": "OWNER", "entity": "domain-example.com"},
            "everyone at example.com: do everything, and give access to others on bucket invoices",
        ),
        (
            "gcp:storage/objectAccessControl:ObjectAccessControl",
            {"bucket": "invoices", "object": "a.pdf", "role": "READER", "entity": "allUsers"},
            "everyone on the internet: read on object a.pdf of bucket invoices",
        ),
        (
            "gcp:bigquery/dataset:Dataset",
            {"datasetId": "sales", "accesses": [{"role": "READER", "groupByEmail": "data@example.com"}]},
            "group data@example.com: read on dataset sales",
        ),
        (
            "gcp:bigquery/datasetAccess:DatasetAccess",
            {"datasetId": "sales", "role": "roles/bigquery.dataViewer", "iamMember": "allUsers"},
            "everyone on the internet: read tables on dataset sales",
        ),
        (
            "gcp:projects/iAMMember:IAMMember",
            {"project": "example-prod", "role": "roles/owner", "member": "user:jane@example.com"},
            "person jane@example.com: do everything, and give access to others (basic role owner) on project"
            " example-prod",
        ),
        (
            "gcp:serviceaccount/iAMMember:IAMMember",
            {"serviceAccountId": "deploy", "role": "roles/iam.serviceAccountUser", "member": "group:ops@example.com"},
            "group ops@example.com: act as the service account on service account deploy",
        ),
        (
            "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
            {"cryptoKeyId": "k", "role": "roles/cloudkms.cryptoKeyDecrypter", "member": "serviceAccount:a@p.iam.x"},
            "service account a@p.iam.x: decrypt on crypto key k",
        ),
        (
            "gcp:organizations/iAMMember:IAMMember",
            {"orgId": "1", "role": "roles/viewer", "member": "allAuthenticatedUsers"},
            "everyone with a Google account: read nearly everything (basic role viewer) on organization 1",
        ),
        (
            "gcp:serviceaccount/key:Key",
            {"serviceAccountId": "deploy"},
            "whoever holds the key file: act as it on service account deploy",
        ),
        (
            "gcp:sql/user:User",
            {"name": "data@example.com", "type": "CLOUD_IAM_GROUP", "instance": "orders"},
            "group data@example.com: sign in, with its own grants in the database on database instance orders",
        ),
        (
            "github:index/teamRepository:TeamRepository",
            {"teamId": "7", "repository": "shop", "permission": "push"},
            "team 7: change the code on repository shop",
        ),
        (
            "github:index/repositoryCollaborator:RepositoryCollaborator",
            {"username": "jane", "repository": "shop", "permission": "admin"},
            "person jane: do everything with the repository, and give access to others on repository shop",
        ),
        (
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            {"bucket": "b", "role": "roles/made.up", "member": "strange:thing"},
            "strange:thing: use the role roles/made.up on bucket b",
        ),
    ],
)
def test_access_in_plain_words(tmp_path: Path, type_: str, inputs: dict[str, Any], sentence: str) -> None:
    """Who, what, on which thing; also where a role or a member is not known here."""
    assert said(review_of(tmp_path, [step("create", type_, "g", new=inputs)])) == ([sentence], [])


def test_row_purpose_and_end_are_told() -> None:
    """A condition that is an end in time becomes a date, and the row that the grant comes from its reason."""
    (access,) = [a for a in recorded().gained if "data-team" in a.member]
    assert access.until == "2027-01-31"
    assert access.because == "row quarterly of access.yaml, purpose: quarterly close"
    assert access.condition == ""


def test_moving_between_shapes_is_no_change_of_access() -> None:
    """In the recording the auditors' member becomes a binding with one more group."""
    review = recorded()
    assert not [a for a in (*review.gained, *review.lost) if "audit@example.com" in a.member]
    assert [a.sentence for a in review.gained if "finance" in a.member] == [
        "group finance@example.com: read objects on bucket example-recorded-labelled"
    ]
    assert any(note.startswith("moved is authoritative") for note in review.access_notes)


def test_custom_role_that_grows_tells_its_holders() -> None:
    """No grant changes, yet everyone who holds it gains."""
    assert any(
        note.startswith("Everyone who holds the custom role role") and note.endswith(" gains: storage.objects.delete.")
        for note in recorded().access_notes
    )


def test_replaced_grant_is_no_change_of_access(tmp_path: Path) -> None:
    """The same right before and after."""
    same = grant("group:a@example.com")
    assert said(review_of(tmp_path, [step("replace", MEMBER, "g", old=same, new=same)])) == ([], [])


def test_unknown_member_and_target_are_named_by_their_source(tmp_path: Path) -> None:
    """Known after apply, from the account and the bucket of the same stack."""
    account, bucket = f"{URN}gcp:serviceaccount/account:Account::worker", f"{URN}{BUCKET}::exports"
    one = step(
        "create",
        MEMBER,
        "g",
        new={"bucket": UNKNOWN, "role": READER, "member": UNKNOWN},
        now={"propertyDependencies": {"member": [account], "bucket": [bucket]}},
    )
    (access,) = review_of(tmp_path, [one]).gained
    assert access.sentence == (
        "an identity known only after apply, from worker: read objects on bucket exports (known only after apply)"
    )
    assert access.kind == "workload"


def test_unknown_policy_is_said_to_be_unknown(tmp_path: Path) -> None:
    """Nobody is claimed to gain or lose anything."""
    one = step(
        "update", POLICY, "g", old={"bucket": "b", "policyData": "{}"}, new={"bucket": "b", "policyData": UNKNOWN}
    )
    review = review_of(tmp_path, [one])
    assert any("the whole policy is known only after apply" in note for note in review.access_notes)


def test_public_access_comes_first(tmp_path: Path) -> None:
    """Then people, then workloads."""
    members = ("serviceAccount:a@p.iam.gserviceaccount.com", "group:z@example.com", "allUsers")
    steps = [step("create", MEMBER, f"g{i}", new=grant(m)) for i, m in enumerate(members)]
    assert [a.kind for a in review_of(tmp_path, steps).gained] == ["public", "people", "workload"]


def test_permissions_that_are_not_known_yet_are_not_spelt_out(tmp_path: Path) -> None:
    """The engine's word for unknown is a text, and no list of letters."""
    role = "gcp:projects/iAMCustomRole:IAMCustomRole"
    made = {"roleId": "reader", "project": "p", "permissions": UNKNOWN}
    grant = {"project": "p", "role": "projects/p/roles/reader", "member": "user:jane@example.com"}
    steps = [
        step("create", role, "role", new=made, now={"outputs": {"name": "projects/p/roles/reader"}}),
        step("create", "gcp:projects/iAMMember:IAMMember", "g", new=grant),
    ]
    (gained,) = review_of(tmp_path, steps).gained
    assert "(" not in gained.can
