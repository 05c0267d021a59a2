"""Bigtable: instances and tables cannot be deleted in passing, tables are backed up, clusters have keys of our own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, each, fail, rule
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._keys import EXAMPLE_KEY, KEY, encrypted
from policies.rules._public import not_public

INSTANCE = gcp("bigtable/instance")
TABLE = gcp("bigtable/table")

boolean(
    {INSTANCE: "deletionProtection"},
    missing="is not set: what protects the instance is a default of the provider's, which nobody here decided",
    remedy=True,
    id="bigtable-deletion-protected",
    clause="BAK-5",
    title="Bigtable instances are protected from deletion, in so many words",
    severity="medium",
    fix="deletion_protection=True",
    references=("checkov:CKV_GCP_122",),
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/bigtable/instance/",),
    traps=(6,),
    why="A changed name replaces the instance, and with it the data. The provider's default is true; it is written out "
    "so that a later `false` is seen as a change.",
)


@rule(
    id="bigtable-own-key",
    clause="ENC-1",
    title="Bigtable clusters are encrypted with keys of our own",
    severity="medium",
    types=(INSTANCE,),
    decides=("clusters[0].kmsKeyName",),
    fix='clusters=[{"kms_key_name": key.id, …}]',
    references=("checkov:CKV_GCP_85",),
    sources=("https://cloud.google.com/bigtable/docs/cmek",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(
                INSTANCE,
                {"name": "data", "clusters": [{"clusterId": "a", "kmsKeyName": EXAMPLE_KEY}]},
                depends={"clusters": ("key",)},
            ),
            Sample(KEY, {"name": "app"}, name="key"),
        ),
    ),
    bad=(
        {"name": "data", "clusters": [{"clusterId": "a"}]},
        {"name": "data", "clusters": [{"clusterId": "a", "kmsKeyName": EXAMPLE_KEY}, {"clusterId": "b"}]},
        {"name": "data"},
    ),
)
def bigtable_own_key(instance: Resource) -> Iterator[Finding]:
    """Every cluster holds a full copy. One cluster without a key undoes the others."""
    clusters = instance.views("clusters")
    if not clusters:
        yield fail(instance, "clusters", "names no cluster with a key")
    yield from each(clusters, lambda cluster: encrypted(cluster, "kmsKeyName", graph=instance.graph))


boolean(
    {INSTANCE: "forceDestroy"},
    want=False,
    absent="pass",
    remedy=True,
    id="bigtable-no-force-destroy",
    clause="BAK-5",
    title="Removing a Bigtable instance from the code does not delete its backups",
    severity="high",
    fix="force_destroy=False",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/bigtable/instance/",),
    traps=(29,),
    why="With force_destroy the backups go first, and then the data. The default is false.",
)

one_of(
    {TABLE: "deletionProtection"},
    allowed=("PROTECTED",),
    others=("UNPROTECTED",),
    missing="is not set: the table and its families can be deleted",
    remedy=True,
    id="bigtable-table-deletion-protected",
    clause="BAK-5",
    title="Bigtable tables are protected from deletion",
    severity="medium",
    fix='deletion_protection="PROTECTED"',
    sources=("https://cloud.google.com/bigtable/docs/managing-tables#deletion-protection",),
    traps=(6,),
    why="Google Cloud itself refuses to delete a protected table, whoever asks.",
)

at_least_days(
    {TABLE: "automatedBackupPolicy.retentionPeriod"},
    days=7,
    missing="is not set: the table is not backed up automatically",
    id="bigtable-table-backed-up",
    clause="BAK-1",
    title="Bigtable tables are backed up automatically",
    severity="medium",
    fix='automated_backup_policy={"frequency": "24h", "retention_period": "720h"}',
    sources=("https://cloud.google.com/bigtable/docs/backups#automated",),
    why="Replication copies a mistake to every cluster. Backups are kept for at least a week.",
)

not_public(
    ("bigtable/instanceIam", "bigtable/tableIam"),
    role="roles/bigtable.reader",
    id="bigtable-not-public",
    title="Bigtable is open to nobody outside",
    why="A public table is read by whoever finds its name.",
)
