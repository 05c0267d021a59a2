"""Ordinary changes of a running stack: each shows exactly its steps, and nothing that holds data is replaced."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.e2e.sandbox import ROOT, Ran, Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PREFIX = "secure-hosting:"
HOLDS_DATA = ("sql/", "storage/bucket:", "kms/", "secretmanager/secret:", "bigquery/", "logging/projectBucketConfig")
REPLACING = ("replace", "create-replacement", "delete-replaced", "delete")


Rows = dict[str, Any]


def preview(sandbox: Sandbox, change: Callable[[dict[str, Any], Rows, Rows], None]) -> Ran:
    """A preview of the applied stack with its stack file and its rows of data.yaml and access.yaml changed."""
    yaml = YAML()
    config = yaml.load(sandbox.config)
    data, access = (YAML(typ="safe").load(ROOT / name) for name in ("data.yaml", "access.yaml"))
    sections = {key.removeprefix(PREFIX): value for key, value in config["config"].items()}
    change(sections, data[sandbox.stack], access[sandbox.stack])
    text = io.StringIO()
    yaml.dump(config, text)
    sandbox.config.write_text(text.getvalue(), encoding="utf-8")
    yaml.dump(data, sandbox.folder / "data.yaml")
    yaml.dump(access, sandbox.folder / "access.yaml")
    ran = sandbox.pulumi("preview", ROWS=str(sandbox.folder), PULUMI_OPTION_POLICY_PACK=str(sandbox.own_pack()))
    assert ran.code == 0, ran.said[-3000:]
    return ran


def kinds(ran: Ran) -> Counter[tuple[str, str]]:
    """Operation and type of every step."""
    return Counter((op, kind.rsplit(":", 1)[-1]) for op, kind, _ in ran.steps())


def endangered(ran: Ran) -> list[tuple[str, str, str]]:
    """Steps that would take data away."""
    return [
        step for step in ran.steps() if step[0] in REPLACING and any(f"gcp:{kind}" in step[1] for kind in HOLDS_DATA)
    ]


def test_a_service_more_is_created_and_changes_only_the_way_in(copy: Sandbox) -> None:
    """The load balancer learns of it; every other service, and its certificate, stays as it is."""

    def add(config: dict[str, Any], _rows: Rows, _access: Rows) -> None:
        config["workloads"]["back-office"] = {"purpose": "serves the people of the shop"}
        image = "back-office@sha256:" + "5e" * 32
        config["services"]["back-office"] = {"image": image, "domain": "office.example.com"}

    ran = preview(copy, add)
    assert kinds(ran) == {
        ("create", "Account"): 1,
        ("create", "Service"): 1,
        ("create", "ServiceIamMember"): 1,
        ("create", "RegionNetworkEndpointGroup"): 1,
        ("create", "BackendService"): 1,
        ("create", "ManagedSslCertificate"): 1,
        ("create", "UptimeCheckConfig"): 1,
        ("create", "AlertPolicy"): 3,
        ("create", "CustomService"): 1,
        ("create", "Slo"): 1,
        ("update", "Dashboard"): 1,
        ("update", "TargetHttpsProxy"): 1,
        ("update", "URLMap"): 1,
    }


PROXY = "gcp:iap/webCloudRunServiceIamMember:WebCloudRunServiceIamMember"
TODAY = datetime.now(UTC).date()
TERM = {"reviewed": TODAY, "expires": TODAY + timedelta(days=90)}
STOCK: dict[str, Any] = {"group": "stock@example.com", "purpose": "counts what is left on the shelves", **TERM}
PEOPLE: dict[str, tuple[Callable[[Rows], object], set[tuple[str, str, str]]]] = {
    "joins": (
        lambda rows: rows.update(
            joins={**STOCK, "asset": "service/shop-api", "access": "use"},
            counts={**STOCK, "asset": "database/shop", "access": "sign-in"},
        ),
        {
            ("create", PROXY, "access-joins"),
            ("create", "gcp:projects/iAMMember:IAMMember", "access-counts"),
            ("create", "gcp:sql/user:User", "shop-group-stock"),
        },
    ),
    "leaves": (lambda rows: rows.pop("shop-staff"), {("delete", PROXY, "access-shop-staff")}),
    "changes team": (
        lambda rows: rows["shop-staff"].update(group="stock@example.com"),
        {(op, PROXY, "access-shop-staff") for op in ("create-replacement", "replace", "delete-replaced")},
    ),
    "stays longer": (
        lambda rows: rows["platform-databases"].update(TERM),
        {("update", "gcp:privilegedaccessmanager/entitlement:entitlement", "platform-databases")},
    ),
}
"""What a person does → the change of access.yaml, and every step it may cause."""


@pytest.mark.parametrize("what", PEOPLE)
def test_a_person(what: str, copy: Sandbox) -> None:
    """Each row is one grant: nobody else's changes, and nothing that holds data."""
    change, steps = PEOPLE[what]
    ran = preview(copy, lambda _config, _rows, access: change(access))
    assert set(ran.steps()) == steps


def test_a_grant_that_has_run_out_stops_the_preview(copy: Sandbox) -> None:
    """It names the row, the day and the clause; nothing is previewed on old rights."""
    yesterday = TODAY - timedelta(days=1)
    with pytest.raises(AssertionError, match=rf"shop-staff\.expires  \(ACC-7\)\s+the row ended on {yesterday}"):
        preview(copy, lambda _config, _rows, access: access["shop-staff"].update(expires=yesterday))


def test_a_longer_retention_changes_one_bucket(copy: Sandbox) -> None:
    """In stack file and inventory alike; nothing else notices."""

    def longer(config: dict[str, Any], rows: Rows, _access: Rows) -> None:
        config["backups"]["exports"]["deleteAfterDays"] = 120
        rows["exports"]["retentionDays"] = 120

    assert preview(copy, longer).steps() == [("update", "gcp:storage/bucket:Bucket", "exports")]


def test_a_renamed_database_stays_the_database_it_is(copy: Sandbox) -> None:
    """`formerly` carries it over with everything in it; only labels, and what was named after it elsewhere, change."""

    def rename(config: dict[str, Any], rows: Rows, _access: Rows) -> None:
        config["databases"]["store"] = {**config["databases"].pop("shop"), "formerly": "shop"}
        for workload in config["workloads"].values():
            if "databases" in workload:
                workload["databases"] = ["store"]
        config["jobs"]["activity"] = ["store"]
        rows["store"] = rows.pop("shop")

    ran = preview(copy, rename)
    assert endangered(ran) == []
    assert ("update", "gcp:sql/databaseInstance:DatabaseInstance", "store") in ran.steps()
    made = {kind.rsplit(":", 1)[-1] for op, kind, _ in ran.steps() if op != "update"}
    assert made == set(), ran.steps()


def test_a_renamed_database_without_its_former_name_is_refused(copy: Sandbox) -> None:
    """It would be another, empty one, and the old one would go: protection says so in the preview."""

    def rename(config: dict[str, Any], rows: Rows, _access: Rows) -> None:
        config["databases"]["store"] = config["databases"].pop("shop")
        for workload in config["workloads"].values():
            if "databases" in workload:
                workload["databases"] = ["store"]
        config["jobs"]["activity"] = ["store"]
        rows["store"] = rows.pop("shop")

    with pytest.raises(AssertionError, match="protected"):
        preview(copy, rename)


def test_a_service_less_takes_only_what_was_its_own(copy: Sandbox) -> None:
    """First the engine refuses; once it is unprotected, its own resources go and no others."""

    def remove(config: dict[str, Any], _rows: Rows, access: Rows) -> None:
        image = "back-office@sha256:" + "5e" * 32
        config["workloads"]["back-office"] = {"purpose": "serves the people of the shop"}
        config["services"]["back-office"] = {"image": image, "domain": "office.example.com"}
        del config["services"]["shop-api"]
        for name in [name for name, row in access.items() if row["asset"] == "service/shop-api"]:
            del access[name]

    with pytest.raises(AssertionError, match="protected"):
        preview(copy.copy(copy.folder / "protected"), remove)
    assert copy.pulumi("state", "unprotect", "--all", "--yes").code == 0
    ran = preview(copy, remove)
    gone = Counter(kind.rsplit(":", 1)[-1] for op, kind, _ in ran.steps() if op == "delete")
    assert gone == {
        "Service": 1,
        "ServiceIamMember": 1,
        "WebCloudRunServiceIamMember": 1,
        "RegionNetworkEndpointGroup": 1,
        "BackendService": 1,
        "ManagedSslCertificate": 1,
        "UptimeCheckConfig": 1,
        "AlertPolicy": 3,
        "CustomService": 1,
        "Slo": 1,
    }
    assert endangered(ran) == []
