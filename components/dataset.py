"""A BigQuery dataset: in its region, under a key of ours, with tables that expire and grants on the dataset alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .keys import DataKey
from .projects import Project

BIGQUERY = "bigquery.googleapis.com"
DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class DatasetArgs:
    """Where it lies, how long tables stay, who works with it."""

    project: Project
    key: DataKey
    region: str
    former_name: str | None = None
    """The name under which it was made, which it keeps in the cloud."""
    delete_after_days: int
    """MIN-1: tables and partitions older than this are deleted by BigQuery."""
    writers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    readers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.delete_after_days <= 3650, "MIN-1", "tables expire after 1 to 3650 days")
        require(self.region == self.key.location, "ENC-7", f"the key lies in {self.key.location}, not in {self.region}")


class Dataset(Component):
    """Analysis copies what other stores delete, so its tables expire by default."""

    token = "hosting:data:Dataset"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-10", "ACC-11", "BAK-5", "ENC-1", "ENC-7", "MIN-1", "PRI-1")

    dataset_id: str

    def __init__(self, name: str, args: DatasetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        self.dataset_id = (args.former_name or name).replace("-", "_")
        use = args.key.use_by(project.agent(BIGQUERY), project)
        dataset = gcp.bigquery.Dataset(
            name,
            dataset_id=self.dataset_id,
            project=project.project_id,
            location=args.region,
            description="MIN-1: what is here expires by default",
            default_table_expiration_ms=args.delete_after_days * DAY_MS,
            default_partition_expiration_ms=args.delete_after_days * DAY_MS,
            default_encryption_configuration=gcp.bigquery.DatasetDefaultEncryptionConfigurationArgs(
                kms_key_name=use.key_id
            ),
            max_time_travel_hours="168",
            delete_contents_on_destroy=False,
            labels=args.labels,
            opts=self.child(
                provider=project.provider, depends_on=[use.grant, project.api(BIGQUERY)], protect=args.protected
            ),
        )
        for role, members in (("dataEditor", args.writers), ("dataViewer", args.readers)):
            for who, member in members.items():
                gcp.bigquery.DatasetIamMember(
                    f"{name}-{who}-{role}",
                    project=project.project_id,
                    dataset_id=dataset.dataset_id,
                    role=f"roles/bigquery.{role}",
                    member=member,
                    opts=self.child(provider=project.provider),
                )
        self.register_outputs({"dataset_id": self.dataset_id})
