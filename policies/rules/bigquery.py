"""BigQuery: datasets and tables closed to the world, encrypted with a key of our own, protected from deletion."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule
from policies.rules._facts import boolean
from policies.rules._keys import EXAMPLE_KEY, KEY, cmek, encrypted
from policies.rules._links import linked
from policies.rules._public import not_public, public_grants

DATASET = gcp("bigquery/dataset")
TABLE = gcp("bigquery/table")
_CMEK = ("https://cloud.google.com/bigquery/docs/customer-managed-encryption",)

NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("cis-gcp:7.4", "whether data was classified is a finding of a scan at run time, not a property of a resource"),
)

not_public(
    ("bigquery/datasetIam",),
    extra=(gcp("bigquery/datasetAccess"),),
    role="roles/bigquery.dataViewer",
    id="bigquery-dataset-grants-not-public",
    title="No grant opens a dataset to everyone",
    references=("checkov:CKV_GCP_15", "trivy:GCP-0046", "prowler:bigquery_dataset_public_access", "cis-gcp:7.1"),
    why="A public dataset is found by a search of the catalogue, and copied by a query.",
    bad=(Sample("bigquery/datasetAccess", {"datasetId": "d", "role": "READER", "specialGroup": "allUsers"}),),
)

_PRINCIPALS = ("specialGroup", "iamMember", "groupByEmail", "userByEmail", "domain", "view", "routine", "dataset")


def _dataset(*accesses: dict[str, object]) -> dict[str, object]:
    return {"datasetId": "data", "accesses": list(accesses)}


@rule(
    id="bigquery-dataset-not-public",
    clause="ACC-3",
    title="The access list of a dataset names nobody outside",
    severity="high",
    types=(DATASET,),
    decides=("accesses",),
    absent="pass",
    fix='accesses=[{"role": "READER", "group_by_email": "analysts@example.com"}]',
    references=(
        "checkov:CKV_GCP_15",
        "trivy:GCP-0046",
        "kics:bigquery_dataset_is_public",
        "prowler:bigquery_dataset_public_access",
        "cis-gcp:7.1",
        "terrascan:AC_GCP_0230",
    ),
    sources=("https://cloud.google.com/bigquery/docs/access-control",),
    traps=(23,),
    graph=True,
    good=(
        _dataset({"role": "READER", "groupByEmail": "analysts@example.com"}),
        _dataset({"role": "READER", "specialGroup": "projectReaders"}, {"view": {"tableId": "t"}}),
        _dataset({"routine": {"routineId": "r"}}, {"dataset": {"targetTypes": ["VIEWS"]}}),
    ),
    bad=(
        _dataset({"role": "OWNER", "specialGroup": "allAuthenticatedUsers"}),
        _dataset({"role": "READER", "iamMember": "allUsers"}),
        _dataset({"role": "VIEWER", "specialGroup": "projectReaders"}, {"role": "READER"}),
    ),
)
def dataset_not_public(dataset: Resource) -> Iterator[Finding]:
    """An entry for all users opens the dataset; so does one with a role and nobody named."""

    def named(entry: View) -> Iterator[Finding]:
        if isinstance(entry.data, dict) and entry.has("role") and not any(entry.has(p) for p in _PRINCIPALS):
            yield fail(entry, "", "has a role and names nobody")

    yield from each(dataset.views("accesses"), named)
    yield from public_grants(dataset)


not_public(
    ("bigquery/iam", "bigquery/routineIam", "bigquery/connectionIam"),
    role="roles/bigquery.dataViewer",
    id="bigquery-table-not-public",
    title="Tables, routines and connections are open to nobody outside",
    references=("checkov:CKV_GCP_100", "datadog:bigquery_table_is_public"),
    why="A grant on one table does not show in the dataset's access list.",
)

cmek(
    {DATASET: "defaultEncryptionConfiguration.kmsKeyName"},
    id="bigquery-dataset-own-key",
    title="Datasets have a default key of our own",
    fix='default_encryption_configuration={"kms_key_name": key.id}',
    references=("checkov:CKV_GCP_81", "prowler:bigquery_dataset_cmk_encryption", "cis-gcp:7.3"),
    sources=_CMEK,
    why="The default key covers every table that is made later, by whatever query.",
)


@rule(
    id="bigquery-table-own-key",
    clause="ENC-1",
    title="Tables are encrypted with a key of our own, their own or their dataset's",
    severity="medium",
    types=(TABLE,),
    decides=("encryptionConfiguration.kmsKeyName",),
    fix='encryption_configuration={"kms_key_name": key.id}',
    references=("checkov:CKV_GCP_80", "prowler:bigquery_table_cmk_encryption", "cis-gcp:7.2"),
    sources=_CMEK,
    graph=True,
    provenance=True,
    good=(
        (
            Sample(
                TABLE,
                {"datasetId": "data", "encryptionConfiguration": {"kmsKeyName": EXAMPLE_KEY}},
                depends={"encryptionConfiguration": ("key",)},
            ),
            Sample(KEY, {"name": "app"}, name="key"),
        ),
        (
            Sample(TABLE, {"datasetId": "data"}),
            Sample(
                DATASET,
                {"datasetId": "data", "defaultEncryptionConfiguration": {"kmsKeyName": EXAMPLE_KEY}},
                name="dataset",
            ),
        ),
        {"datasetId": "data", "view": {"query": "SELECT 1"}},
    ),
    bad=({"datasetId": "data"}, {"datasetId": "data", "externalDataConfiguration": {"autodetect": True}}),
)
def table_own_key(table: Resource) -> Iterator[Finding]:
    """A table without a key of its own takes its dataset's. A view holds no data. An external table holds its metadata
    and cached results, so it is judged like the others."""
    if table.has("view"):
        return
    path = "encryptionConfiguration.kmsKeyName"
    datasets = linked(table, "datasetId", DATASET)
    if not table.has(path) and datasets:
        for dataset in datasets:
            yield from encrypted(dataset, "defaultEncryptionConfiguration.kmsKeyName", graph=table.graph)
    else:
        yield from encrypted(table, path, graph=table.graph)


boolean(
    {TABLE: "deletionProtection"},
    missing="is not set: what protects the table is a default of the provider's, which nobody here decided",
    remedy=True,
    id="bigquery-table-deletion-protected",
    clause="BAK-5",
    title="Tables are protected from deletion, in so many words",
    severity="medium",
    fix="deletion_protection=True",
    references=("checkov:CKV_GCP_121",),
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/bigquery/table/",),
    traps=(6,),
    why="A changed schema replaces the table, and with it the data. The provider's default is true; it is written out "
    "so that a later `false` is seen as a change.",
)

boolean(
    {DATASET: "deleteContentsOnDestroy"},
    want=False,
    absent="pass",
    remedy=True,
    id="bigquery-dataset-contents-kept",
    clause="BAK-5",
    title="Removing a dataset from the code does not delete its tables",
    severity="high",
    fix="delete_contents_on_destroy=False",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/bigquery/dataset/",),
    traps=(29,),
    why="With the setting on, a deleted line of code deletes all tables. The default is false.",
)
