"""The need-to-know matrix: what it gives is given, until the day it says, and everything wrong in it has its line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.access import REQUESTED, STANDING, AccessRow
from config import ConfigError, parse
from policies.clauses import CLAUSES
from policies.registers import load
from policies.rules import access as rules
from settings import access, limits
from settings.rows import Unreadable
from tests.recording import ROOT, Recording, record_stack, stack_file, today

FIRST = "support-orders"


def refused(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> list[tuple[str, str]]:
    """Place and clause of the mistakes of the production stack with a changed matrix."""
    document = YAML().load(ROOT / access.FILE)
    change(document["prod"])
    path = tmp_path / access.FILE
    YAML().dump(document, path)
    stack = {key.removeprefix("secure-hosting:"): value for key, value in stack_file().items()}
    inventory = YAML(typ="safe").load(ROOT / "data.yaml")["prod"]
    with pytest.raises(ConfigError) as refusal:
        parse({**stack, "today": today().isoformat(), "inventory": inventory}, documents=[access.read(path, "prod")])
    return [(mistake.key, mistake.clause) for mistake in refusal.value.mistakes]


def test_a_mistake_names_file_and_line(tmp_path: Path) -> None:
    """Several at once, in the rows where they stand."""
    lines = (ROOT / access.FILE).read_text().splitlines()
    assert lines[4].strip() == "group: orders-support@example.com"

    def change(rows: dict[str, Any]) -> None:
        rows[FIRST]["group"] = "team@example.org"
        rows[FIRST]["asset"] = "database/gone"

    assert refused(tmp_path, change) == [
        (f"access.yaml:5 {FIRST}.group", "ACC-1"),
        (f"access.yaml:6 {FIRST}.asset", "ACC-7"),
    ]


def test_rows_belong_into_the_matrix() -> None:
    """A row in the stack file would be a second source of rights."""
    stack = {key.removeprefix("secure-hosting:"): value for key, value in stack_file().items()}
    with pytest.raises(ConfigError) as refusal:
        parse({**stack, "access": {}}, documents=[access.read(ROOT / access.FILE, "prod")])
    assert ("access", "ACC-7") in [(mistake.key, mistake.clause) for mistake in refusal.value.mistakes]


@pytest.mark.parametrize(
    ("text", "says"),
    [("prod:\n  a: [", "ACC-7: access.yaml:"), ("- a\n", "access.yaml:1"), ("prod: 7\n", "access.yaml:1 prod")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """With its line, and the clause that it serves."""
    path = tmp_path / access.FILE
    path.write_text(text)
    with pytest.raises(Unreadable, match=says):
        access.read(path, "prod")


def grants(recording: Recording) -> dict[str, tuple[str, str, str]]:
    """Row → member, role and condition of the grants that people have."""
    found: dict[str, tuple[str, str, str]] = {}
    for resource in recording:
        member = str(resource.inputs.get("member", ""))
        if member.startswith("group:") and not member.endswith("@google.com"):
            condition = resource.inputs["condition"]
            row = condition["title"].split()[1]
            assert row not in found
            found[row] = (member, resource.inputs["role"], condition["expression"])
    return found


@pytest.fixture(scope="module")
def recording() -> Recording:
    """The production stack."""
    return record_stack()


def test_every_standing_row_is_one_grant_and_there_is_no_other(recording: Recording) -> None:
    """One that is missing sends people to somebody who gives it by hand; one too many is what nobody reviews."""
    rows = YAML(typ="safe").load(ROOT / access.FILE)["prod"]
    standing = {name: row for name, row in rows.items() if "approvers" not in row}
    made = grants(recording)
    assert set(made) == set(standing)
    for name, row in standing.items():
        member, _, expression = made[name]
        end = row["expires"] + timedelta(days=1)
        assert member == f"group:{row['group']}"
        assert expression.startswith(f'request.time < timestamp("{end}T00:00:00Z")')


def test_a_login_opens_one_database(recording: Recording) -> None:
    """The right to connect is on the project; the condition keeps it on the instance."""
    member, role, expression = grants(recording)[FIRST]
    assert (member, role.rsplit("/", 1)[-1]) == ("group:orders-support@example.com", "databaseLogin")
    assert 'resource.name == "projects/example-prod-workload/instances/orders-abcdef"' in expression


def test_administering_is_asked_for(recording: Recording) -> None:
    """ACC-8: somebody else agrees, it is over in hours, and the row's end ends it too."""
    asked = recording.one("gcp:privilegedaccessmanager/entitlement:entitlement").inputs
    (step,) = asked["approvalWorkflow"]["manualApprovals"]["steps"]
    assert (step["approvalsNeeded"], step["approvers"]["principals"]) == (1, ["group:security@example.com"])
    assert asked["maxRequestDuration"] == "7200s"
    (binding,) = asked["privilegedAccess"]["gcpIamAccess"]["roleBindings"]
    assert binding == {
        "role": "roles/cloudsql.editor",
        "conditionExpression": 'request.time < timestamp("2027-11-21T00:00:00Z")',
    }


def row(**changes: Any) -> dict[str, Any]:
    """A row of the matrix."""
    return {
        "group": "orders-support@example.com",
        "asset": "bucket/exports",
        "access": "read",
        "purpose": "checks the copies every month",
        "reviewed": "2027-01-01",
        "expires": "2027-01-31",
        **changes,
    }


JOINED = {
    "copies": ("bucket/exports", "gcp:storage/bucketIAMMember:BucketIAMMember", "roles/storage.objectViewer"),
    "erased": ("bucket/erasures", "gcp:storage/bucketIAMMember:BucketIAMMember", "roles/storage.objectViewer"),
    "token": (
        "secret/orders-reports",
        "gcp:secretmanager/secretIamMember:SecretIamMember",
        "roles/secretmanager.secretAccessor",
    ),
    "keys": (
        "logs/example-prod-keys",
        "gcp:logging/logViewIamMember:LogViewIamMember",
        "roles/logging.viewAccessor",
    ),
    "watch": ("project/example-prod-keys", "gcp:projects/iAMMember:IAMMember", "roles/monitoring.viewer"),
}
"""Rows of somebody who joins: asset, type of the grant, role."""


@pytest.fixture(scope="module")
def empty() -> Recording:
    """The production stack of a company where nobody may do anything."""
    return record_stack(access={})


def test_somebody_joins(empty: Recording) -> None:
    """Every row more is one grant more, and nothing else changes but what it stands on."""
    words = {name: "watch" if name == "watch" else "read" for name in JOINED}
    rows = {name: row(asset=asset, access=words[name]) for name, (asset, _, _) in JOINED.items()}
    rows["narrow"] = row(
        asset="project/example-prod-audit",
        access="watch",
        expires=today().isoformat(),
        condition='resource.name == "a" || resource.name == "b"',
    )
    after = record_stack(access=rows)
    had = {r.urn: r.inputs for r in empty if r.custom}
    new = {r.name: r for r in after if r.custom and r.urn not in had}
    for name, (_, kind, role) in JOINED.items():
        grant = new[f"access-{name}"]
        assert (grant.type, grant.inputs["role"], grant.inputs["member"]) == (
            kind,
            role,
            "group:orders-support@example.com",
        )
    assert set(new) - {f"access-{name}" for name in rows} == {"access-example-prod-keys"}
    assert {r.urn: r.inputs for r in after if r.urn in had} == had
    end = (today() + timedelta(days=1)).isoformat()
    assert grants(after)["narrow"][2] == (
        f'request.time < timestamp("{end}T00:00:00Z") && (resource.name == "a" || resource.name == "b")'
    )


def test_without_rows_people_have_nothing(empty: Recording) -> None:
    """Whoever leaves loses the row, and with it the grant and the login."""
    assert grants(empty) == {}
    assert [u for u in empty.of("gcp:sql/user:User") if "GROUP" in u.inputs["type"]] == []
    assert empty.of("gcp:privilegedaccessmanager/entitlement:entitlement") == []


@pytest.mark.parametrize(("expires", "live"), [("2027-01-15", True), ("2027-01-14", False)])
def test_the_last_day_counts_in_full(tmp_path: Path, expires: str, live: bool) -> None:
    """A row holds on its last day and not on the next."""
    found = refused(tmp_path, lambda rows: rows.update(joined=row(expires=expires), bad=row(asset="bucket/gone")))
    assert any("joined.expires" in key for key, _ in found) is not live


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_the_end_is_midnight_utc_wherever_one_looks(hours: int) -> None:
    """The condition names a moment, not a wall clock."""
    right = AccessRow(**{k: v for k, v in row().items() if k not in ("reviewed", "expires")}, expires=today())
    moment = datetime.fromisoformat(right.until.split('"')[1])
    elsewhere = moment.astimezone(timezone(timedelta(hours=hours)))
    assert elsewhere.astimezone(UTC).isoformat() == "2027-01-16T00:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"group": "user:jo@example.com"}, "ACC-1"),
        ({"asset": "bucket/exports", "access": "write"}, "ACC-7"),
        ({"access": "read", "approvers": "a@example.com"}, "ACC-8"),
    ],
)
def test_a_component_refuses_what_the_matrix_would(changes: dict[str, str], clause: str) -> None:
    """Whoever uses it without the stack file is not less safe."""
    given = {key: value for key, value in row(**changes).items() if key != "reviewed"}
    with pytest.raises(ValueError, match=clause):
        AccessRow(**{**given, "expires": today()})


def test_program_rules_and_components_know_the_same_rights() -> None:
    """Written three times, so that a slip in one of them shows."""
    words = {(kind, word) for kind, found in access.STANDING.items() for word in found}
    assert words == set(STANDING) | {("database", "sign-in")} == set(rules.STANDING)
    assert {key: (role.lower(),) for key, role in STANDING.items()} == {
        key: roles for key, roles in rules.STANDING.items() if key[0] != "database"
    }
    assert set(access.REQUESTED["project"]) == set(REQUESTED)
    assert {word: role.lower() for word, role in REQUESTED.items()} == rules.REQUESTED
    assert str(limits.REQUEST_HOURS_MAX) in CLAUSES["ACC-8"].sentence


@pytest.mark.parametrize("stack", ["prod", "small"])
def test_pack_and_program_read_the_same_rows(stack: str) -> None:
    """Two readers of one file."""
    read = access.read(ROOT / access.FILE, stack).rows
    judged = {right.id: right for right in load(ROOT, today()).access[stack]}
    assert set(read) == set(judged)
    for name, right in judged.items():
        assert (right.group, right.asset, str(right.expires)) == tuple(
            str(read[name][key]) for key in ("group", "asset", "expires")
        )
