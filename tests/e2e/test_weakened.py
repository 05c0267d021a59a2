"""Each weakened stack is stopped by the real engine, in preview and in `up`, before the cloud changes."""

from __future__ import annotations

from typing import Any

import pytest

from policies.model import gcp
from tests.e2e.sandbox import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DATABASE = gcp("sql/databaseInstance")
BUCKET = gcp("storage/bucket")

WEAKENED: dict[str, tuple[str, dict[str, Any]]] = {
    "database takes unencrypted connections": (
        "ENC-3",
        {
            "type": DATABASE,
            "name": "shop",
            "set": {"settings.ipConfiguration.sslMode": "ALLOW_UNENCRYPTED_AND_ENCRYPTED"},
        },
    ),
    "database leaves its TLS mode to the cloud": (
        "ENC-3",
        {"type": DATABASE, "name": "shop", "drop": ["settings.ipConfiguration.sslMode"]},
    ),
    "database gets a public address": (
        "HOS-2",
        {"type": DATABASE, "name": "shop", "set": {"settings.ipConfiguration.ipv4Enabled": True}},
    ),
    "database is open to two halves of the internet": (
        "HOS-2",
        {
            "type": DATABASE,
            "name": "shop",
            "set": {"settings.ipConfiguration.authorizedNetworks": [{"value": "0.0.0.0/1"}, {"value": "128.0.0.0/1"}]},
        },
    ),
    "backups are off": (
        "BAK-1",
        {"type": DATABASE, "name": "shop", "set": {"settings.backupConfiguration.enabled": False}},
    ),
    "a week of backups is kept": (
        "BAK-2",
        {
            "type": DATABASE,
            "name": "shop",
            "set": {"settings.backupConfiguration.backupRetentionSettings.retainedBackups": 7},
        },
    ),
    "database may be deleted": ("BAK-5", {"type": DATABASE, "name": "shop", "set": {"deletionProtection": False}}),
    "key never rotates": (
        "ENC-2",
        {"type": gcp("kms/cryptoKey"), "name": "key-customer", "drop": ["rotationPeriod"]},
    ),
    "copies may become public": (
        "ACC-3",
        {"type": BUCKET, "name": "exports", "set": {"publicAccessPrevention": "inherited"}},
    ),
    "copies keep no versions": ("BAK-8", {"type": BUCKET, "name": "exports", "set": {"versioning.enabled": False}}),
    "subnet writes no flow logs": (
        "LOG-5",
        {"type": gcp("compute/subnetwork"), "name": "private-workloads", "drop": ["logConfig"]},
    ),
    "a workload becomes editor of the project": (
        "ACC-2",
        {"type": gcp("projects/iAMMember"), "name": "shop-api", "set": {"role": "roles/editor"}},
    ),
    "one person's reads are not logged": (
        "LOG-1",
        {
            "type": gcp("projects/iAMAuditConfig"),
            "name": "audit-example-small-workload",
            "set": {"auditLogConfigs": [{"logType": "DATA_READ", "exemptedMembers": ["user:admin@example.com"]}]},
        },
    ),
    "secret is never renewed": (
        "ENC-9",
        {"type": gcp("secretmanager/secret"), "name": "mail-token", "drop": ["rotation"]},
    ),
    "an alert reaches nobody": (
        "MON-2",
        {"type": gcp("monitoring/alertPolicy"), "name": "alerts-key-destruction", "set": {"notificationChannels": []}},
    ),
    "a missing backup is silence": (
        "BAK-7",
        {"type": gcp("monitoring/alertPolicy"), "name": "backup-export-shop-missing", "set": {"enabled": False}},
    ),
    "nobody restores the newest export": (
        "BAK-6",
        {"type": gcp("cloudscheduler/job"), "name": "restore-drill-shop", "set": {"paused": True}},
    ),
    "the canary of logs flies once a month": (
        "LOG-6",
        {"type": gcp("cloudscheduler/job"), "name": "log-canary", "set": {"schedule": "15 3 1 * *"}},
    ),
    "the activity log is anchored once a month": (
        "LOG-7",
        {"type": gcp("cloudscheduler/job"), "name": "activity-anchor-shop", "set": {"schedule": "15 3 1 * *"}},
    ),
    "anybody's repository may deploy": (
        "CIN-1",
        {
            "type": gcp("iam/workloadIdentityPoolProvider"),
            "name": "github-build",
            "set": {"attributeCondition": "true"},
        },
    ),
    "changes need no review": (
        "REV-1",
        {
            "type": "github:index/repositoryRuleset:RepositoryRuleset",
            "name": "repository-main",
            "set": {"enforcement": "evaluate"},
        },
    ),
}


@pytest.mark.parametrize("case", WEAKENED)
def test_weakened_stack_is_stopped_in_preview_and_in_up(case: str, copy: Sandbox) -> None:
    """The message carries the clause and what to write, and the cloud is as it was."""
    clause, change = WEAKENED[case]
    before = copy.localcloud("list", "--json")
    preview = copy.pulumi("preview", weaken=change)
    assert preview.code != 0
    blocking = [message for message in preview.mandatory().values() if f"{clause} " in message]
    assert blocking, preview.said[-3000:]
    assert all("  fix    " in message and "  found  " in message for message in blocking)
    up = copy.pulumi("up", "--yes", weaken=change)
    assert up.code != 0
    assert [message for message in up.mandatory().values() if f"{clause} " in message]
    assert copy.localcloud("list", "--json") == before


@pytest.mark.parametrize("case", ["database gets a public address", "key never rotates", "copies may become public"])
def test_weakened_resource_is_stopped_before_it_exists(case: str, empty: Sandbox) -> None:
    """Even without a preview, the resource with the fault is not created."""
    _clause, change = WEAKENED[case]
    up = empty.pulumi("up", "--yes", "--skip-preview", weaken=change)
    assert up.code != 0
    assert up.mandatory()
    made = [urn for urn in _urns(empty) if urn.endswith(f"{change['type']}::{change['name']}")]
    assert made == []


def _urns(sandbox: Sandbox) -> list[str]:
    return [r["urn"] for r in sandbox.state()["deployment"].get("resources", [])]
