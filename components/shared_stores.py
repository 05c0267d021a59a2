"""Buckets, datasets and topics of the workloads: what their rows in data.yaml and the stack file say becomes stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, renamed
from .bucket import Bucket, BucketArgs, Grant
from .dataset import Dataset, DatasetArgs
from .foundation import Foundation
from .governance import Governance
from .projects import Project
from .roles import Role, RoleArgs
from .stores import Stores
from .subscription import Subscription, SubscriptionArgs
from .topic import Topic, TopicArgs

if TYPE_CHECKING:
    from config import StackConfig
    from settings.stores import Bucket as BucketSettings

ADD_AND_REPLACE = ("storage.objects.create", "storage.objects.delete")
READ = ("storage.objects.get", "storage.objects.list")


class SharedStores(Component):
    """Every store beside the databases. How long content stays is what its row in data.yaml says (MIN-1)."""

    token = "hosting:data:SharedStores"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-10", "MIN-1", "MIN-2", "PRI-1")

    buckets: dict[str, Bucket]

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        stores: Stores,
        governance: Governance,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation, self._stores, self._governance = config, foundation, stores, governance
        self._roles: dict[str, pulumi.Output[str]] = {}
        self.buckets = {bucket: self._bucket(bucket, spec) for bucket, spec in config.buckets.items()}
        for dataset in config.datasets:
            self._dataset(dataset)
        self._queries()
        for topic in config.topics:
            self._topic(topic)
        self.register_outputs({})

    def _members(self, workloads: tuple[str, ...]) -> dict[str, pulumi.Output[str]]:
        return {name: identity.member for name, identity in self._stores.who(*workloads).items()}

    def _days(self, store: str) -> int:
        return self._config.inventory[store].retention_days

    def _bucket(self, name: str, spec: BucketSettings) -> Bucket:
        config = self._config
        public = config.data_classes[spec.data_class].public is not None
        project = self._foundation.assets if public else None
        project = project or self._foundation.workload
        return Bucket(
            name,
            BucketArgs(
                project=project,
                key=self._foundation.keys[spec.data_class],
                bucket_name=f"{project.project_id}-{spec.formerly or name}",
                region=config.regions.primary,
                delete_after_days=self._days(name),
                soft_delete_days=spec.soft_delete_days,
                noncurrent_days=spec.earlier_versions_days,
                access_log_bucket=self._governance.archive.access_log,
                grants={
                    **{
                        f"{who}-writes": Grant(role=self._role(project, "objectWriter", ADD_AND_REPLACE), member=member)
                        for who, member in self._members(spec.writers).items()
                    },
                    **{
                        f"{who}-reads": Grant(role=self._role(project, "objectReader", READ), member=member)
                        for who, member in self._members(spec.readers).items()
                    },
                },
                public=public,
                labels=config.labels(name),
                protected=config.protects(name),
            ),
            self.child(**renamed(spec.formerly)),
        )

    def _role(self, project: Project, role_id: str, permissions: tuple[str, ...]) -> pulumi.Output[str]:
        label = f"{role_id}-{project.project_id}"
        if label not in self._roles:
            title = f"{role_id}: {', '.join(permissions)}"
            args = RoleArgs(project=project, role_id=role_id, title=role_id, description=title, permissions=permissions)
            self._roles[label] = Role(label, args, self.child()).role
        return self._roles[label]

    def _dataset(self, name: str) -> None:
        config, spec = self._config, self._config.datasets[name]
        Dataset(
            name,
            DatasetArgs(
                project=self._foundation.workload,
                key=self._foundation.keys[spec.data_class],
                region=config.regions.primary,
                former_name=spec.formerly,
                delete_after_days=self._days(name),
                writers=self._members(spec.writers),
                readers=self._members(spec.readers),
                labels=config.labels(name),
                protected=config.protects(name),
            ),
            self.child(**renamed(spec.formerly)),
        )

    def _queries(self) -> None:
        """Reading a dataset takes a query, and a query is a job of the project: the right to start one, once."""
        project = self._foundation.workload
        readers = {reader for spec in self._config.datasets.values() for reader in spec.readers}
        for who, identity in sorted(self._stores.who(*readers).items()):
            gcp.projects.IAMMember(
                f"queries-{who}",
                project=project.project_id,
                role=self._role(project, "queryRunner", ("bigquery.jobs.create",)),
                member=identity.member,
                opts=self.child(provider=project.provider),
            )

    def _topic(self, name: str) -> None:
        config, spec, project = self._config, self._config.topics[name], self._foundation.workload
        labels, retention = config.labels(name), self._days(name)
        topic = Topic(
            name,
            TopicArgs(
                project=project,
                key=self._foundation.keys[spec.data_class],
                regions=(config.regions.primary,),
                publishers=self._members(spec.writers),
                retention_days=retention,
                former_name=spec.formerly,
                labels=labels,
            ),
            self.child(**renamed(spec.formerly)),
        )
        for who, member in self._members(spec.readers).items():
            args = SubscriptionArgs(
                project=project,
                topic=topic,
                reader=member,
                retention_days=retention,
                former_name=f"{spec.formerly}-{who}" if spec.formerly is not None else None,
                labels=labels,
            )
            former = f"{spec.formerly}-{who}" if spec.formerly is not None else None
            Subscription(f"{name}-{who}", args, self.child(**renamed(former)))
