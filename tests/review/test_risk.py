"""The ranking: what a reviewer must see first, and the reasons written out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from review.model import LEVELS, Change
from review.risk import REASONS
from tests.recording import ROOT
from tests.review.making import BUCKET, MEMBER, policy, recorded, review_of, step

DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
KEY = "gcp:kms/cryptoKey:CryptoKey"


def only(folder: Path, one: dict[str, Any], *bodies: dict[str, Any]) -> Change:
    """The one change of a run."""
    (change,) = review_of(folder, [one], *bodies).changes
    return change


def member(who: str, role: str = "roles/storage.objectViewer") -> dict[str, Any]:
    return step("create", MEMBER, "g", new={"bucket": "b", "role": role, "member": who})


@pytest.mark.parametrize(
    ("one", "level", "reason"),
    [
        (step("delete", DATABASE, "d", old={"name": "d"}), "critical", "data is lost and nothing stops it"),
        (step("delete", KEY, "k", old={"name": "k"}), "critical", "data is lost and nothing stops it"),
        (member("allUsers"), "critical", "opens something to everyone"),
        (member("user:a@example.com", "roles/owner"), "critical", "gives people a basic"),
        (
            step("delete", DATABASE, "d", old={"deletionProtection": True}),
            "high",
            "data would be lost, but something stops it",
        ),
        (step("delete", DATABASE, "d", old={}, was={"protect": True}), "high", "but something stops it"),
        (step("delete", BUCKET, "b", old={"forceDestroy": False}), "high", "but something stops it"),
        (step("delete", BUCKET, "b", old={"forceDestroy": True}), "critical", "data is lost and nothing stops it"),
        (
            step("update", DATABASE, "d", old={"deletionProtection": True}, new={"deletionProtection": False}),
            "high",
            "takes a protection away",
        ),
        (
            step("update", KEY, "k", old={"rotationPeriod": "7776000s"}, new={}),
            "high",
            "takes a protection away",
        ),
        (
            step("update", BUCKET, "b", old={"x": "1"}, new={"x": "1"}, was={"protect": True}),
            "high",
            "takes a protection away",
        ),
        (member("serviceAccount:a@p.iam.gserviceaccount.com", "roles/editor"), "high", "gives a workload a basic"),
        (step("delete", "gcp:strange/thing:Thing", "t", old={}), "high", "whether it holds data is not known"),
        (member("group:a@example.com"), "high", "gives people access"),
        (member("serviceAccount:a@p.iam.gserviceaccount.com"), "medium", "gives access"),
        (
            step("delete", MEMBER, "g", old={"bucket": "b", "role": "r", "member": "group:a@example.com"}),
            "medium",
            "takes access away",
        ),
        (step("delete", DATABASE, "d", old={}, was={"retainOnDelete": True}), "medium", "is forgotten by the state"),
        (
            step("update", DATABASE, "d", old={"encryption": "a"}, new={"encryption": "b"}),
            "medium",
            "changes a setting of security",
        ),
        (step("update", BUCKET, "b", old={"x": "1"}, new={"x": "2"}), "low", "changes in place"),
        (step("create", BUCKET, "b", new={"x": "1"}), "low", "is created"),
        (step("update", BUCKET, "b", old={"labels": {"a": "1"}}, new={"labels": {"a": "2"}}), "noise", "labels"),
    ],
)
def test_level_and_first_reason(tmp_path: Path, one: dict[str, Any], level: str, reason: str) -> None:
    """Each kind of change has its level, and says why."""
    change = only(tmp_path, one)
    assert change.risk == level
    assert any(reason in said for said in change.reasons)


def test_violation_raises_a_quiet_change(tmp_path: Path) -> None:
    """Labels alone are noise, unless the policy is broken."""
    one = step("update", BUCKET, "b", old={"labels": {"a": "1"}}, new={"labels": {"a": "2"}})
    change = only(tmp_path, one, {"policyEvent": policy("bucket-private", "b")})
    assert (change.risk, change.reasons[0]) == ("high", "breaks the policy")


def test_replacement_says_why_and_what_stops_it() -> None:
    """Region of the recorded database: its old and new value, what is lost, and what stands in the way."""
    orders = next(c for c in recorded().changes if c.name == "orders")
    assert orders.cause == "region europe-west1 → europe-west4 cannot change in place"
    assert orders.consequence == "all databases, users and backups of the instance"
    assert orders.guard == "Deletion protection stops `up`"
    assert (orders.file, orders.line > 0) == ("__main__.py", True)


def test_replacement_by_dependency_names_it() -> None:
    """The recorded database in the instance is replaced only because the instance is."""
    shop = next(c for c in recorded().changes if c.name == "orders-shop")
    assert shop.cause == "it depends on orders, replaced too"


def test_changes_are_sorted_by_level_then_reason() -> None:
    """The order is the ranking's, whatever the engine's was."""
    changes = recorded().changes
    assert [LEVELS.index(c.risk) for c in changes] == sorted(LEVELS.index(c.risk) for c in changes)


def test_noise_is_set_apart_not_hidden(tmp_path: Path) -> None:
    """Labels and what the provider computes are attributes like others, marked."""
    one = step(
        "update",
        BUCKET,
        "b",
        old={"labels": {"a": "1"}},
        new={"labels": {"a": "2"}},
        was={"outputs": {"etag": "x"}},
        detailedDiff={"etag": {"kind": "update", "inputDiff": False}},
    )
    change = only(tmp_path, one)
    assert [(a.path, a.before, a.after, a.noise) for a in change.attributes] == [
        ("etag", "x", "(computed by the provider)", True),
        ("labels.a", "1", "2", True),
    ]


def test_ranking_stands_in_the_docs_as_it_is() -> None:
    """docs/review.md lists the reasons in this order, with these levels."""
    rows = re.findall(r"^\| (critical|high|medium|low|noise) \| (.+?) \|$", (ROOT / "docs/review.md").read_text(), re.M)
    assert rows == [(level, words) for _, level, words in REASONS]
