"""Dataflow and Data Fusion: workers without public addresses, state under a key of our own, logs and metrics on."""

from __future__ import annotations

from policies.model import gcp
from policies.rules._facts import boolean, one_of
from policies.rules._keys import cmek

JOB = gcp("dataflow/job")
FLEX = gcp("dataflow/flexTemplateJob")
PIPELINE = gcp("dataflow/pipeline")
FUSION = gcp("datafusion/instance")
_FUSION_DOCS = "https://cloud.google.com/data-fusion/docs"

one_of(
    {
        JOB: "ipConfiguration",
        FLEX: "ipConfiguration",
        PIPELINE: "workload.dataflowFlexTemplateRequest.launchParameter.environment.ipConfiguration",
    },
    allowed=("WORKER_IP_PRIVATE",),
    others=("WORKER_IP_PUBLIC",),
    missing="is not set: the workers get public addresses",
    guard=lambda job: (
        "the pipeline launches a classic template"
        if job.type == PIPELINE and not job.has("workload.dataflowFlexTemplateRequest")
        else None
    ),
    id="dataflow-no-public-address",
    clause="HOS-2",
    title="Dataflow workers have no public addresses",
    severity="medium",
    fix='ip_configuration="WORKER_IP_PRIVATE"',
    references=("checkov:CKV_GCP_94",),
    sources=("https://cloud.google.com/dataflow/docs/guides/routes-firewall",),
    why="A worker holds the rows it works on. With a public address it is a machine on the internet.",
)

cmek(
    {JOB: "kmsKeyName", FLEX: "kmsKeyName"},
    id="dataflow-own-key",
    title="Dataflow jobs keep their state under a key of our own",
    references=("checkov:CKV_GCP_90",),
    sources=("https://cloud.google.com/dataflow/docs/guides/customer-managed-encryption-keys",),
    why="Windows, timers and shuffled rows are written to disk while the job runs.",
)

boolean(
    {FUSION: "privateInstance"},
    missing="is not set, and the default is a public instance",
    id="datafusion-private",
    clause="HOS-2",
    title="Data Fusion instances are private",
    severity="high",
    fix="private_instance=True",
    references=("checkov:CKV_GCP_87",),
    sources=(f"{_FUSION_DOCS}/how-to/create-private-ip",),
    why="A public instance runs its pipelines on machines with public addresses.",
)

boolean(
    {FUSION: "enableStackdriverLogging"},
    missing="is not set, and the default is off",
    remedy=True,
    id="datafusion-logs",
    clause="LOG-8",
    title="Data Fusion instances write their logs",
    severity="medium",
    fix="enable_stackdriver_logging=True",
    references=("checkov:CKV_GCP_104",),
    sources=(f"{_FUSION_DOCS}/how-to/view-and-filter-logs",),
    why="Without logs nobody can tell which pipeline moved which data.",
)

boolean(
    {FUSION: "enableStackdriverMonitoring"},
    missing="is not set, and the default is off",
    remedy=True,
    id="datafusion-metrics",
    clause="MON-6",
    title="Data Fusion instances report their metrics",
    severity="low",
    fix="enable_stackdriver_monitoring=True",
    references=("checkov:CKV_GCP_105",),
    sources=(f"{_FUSION_DOCS}/how-to/monitor",),
    why="A pipeline that stopped is noticed by its metrics, or by its customers.",
)

cmek(
    {FUSION: "cryptoKeyConfig.keyReference"},
    id="datafusion-own-key",
    title="Data Fusion instances are encrypted with a key of our own",
    fix='crypto_key_config={"key_reference": key.id}',
    sources=(f"{_FUSION_DOCS}/how-to/customer-managed-encryption-keys",),
    why="Pipelines keep previews and metadata of the data they move.",
)
