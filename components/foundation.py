"""The ground the rest stands on: projects, keys and the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_random as random

from .base import Component
from .keys import DataKey, DataKeyArgs, KeyRing, KeyRingArgs
from .network import EgressRule, Network, NetworkArgs
from .projects import Project, ProjectArgs

if TYPE_CHECKING:
    from config import StackConfig


class Foundation(Component):
    """Projects with their providers, one key for each class of data, and one network."""

    token = "hosting:base:Foundation"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-4", "ENC-7", "LOG-2")

    workload: Project
    backups: Project
    audit: Project
    delivery: Project
    assets: Project | None
    """Public files, where there are any."""
    projects: tuple[Project, ...]
    """All of them, the keys' own project included."""
    vault: Project
    """Where keys lie, and nothing else."""
    rings: dict[str, KeyRing]
    """By region."""
    keys: dict[str, DataKey]
    """By class of data."""
    network: Network
    random: random.Provider

    def __init__(self, name: str, config: StackConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, None, opts)
        region = config.regions.primary
        self.random = random.Provider("random", opts=self.child())
        self.workload = self._project("workload", config.projects.workload, region)
        self.backups = self._project("backups", config.projects.backups, config.regions.backup)
        self.audit = self._project("audit", config.projects.audit, region)
        self.delivery = self._project("delivery", config.projects.delivery, region)
        self.vault = self._project("keys", config.projects.keys, region)
        assets = config.projects.assets
        self.assets = self._project("assets", assets, region) if assets is not None else None
        opened = (self.assets,) if self.assets is not None else ()
        self.projects = (self.workload, self.vault, self.backups, self.audit, self.delivery, *opened)
        self.keys = self._keys(config, self.vault)
        self.network = Network(
            "private",
            NetworkArgs(
                project=self.workload,
                region=region,
                range=str(config.network.range),
                services_range=str(config.network.services_range),
                flow_log_sampling=config.network.flow_log_sampling,
                egress={
                    name: EgressRule(
                        purpose=egress.purpose,
                        ranges=tuple(str(block) for block in egress.ranges),
                        ports=egress.ports,
                    )
                    for name, egress in config.network.egress.items()
                },
                labels=config.company.labels,
            ),
            self.child(),
        )
        self.register_outputs({})

    def _project(self, name: str, project_id: str, region: str) -> Project:
        return Project(name, ProjectArgs(project_id=project_id, region=region), self.child())

    def _keys(self, config: StackConfig, project: Project) -> dict[str, DataKey]:
        rings = self.rings = {}
        kept = {spec.location for name, spec in config.data_classes.items() if config.protects(f"key-{name}")}
        keys: dict[str, DataKey] = {}
        for name, spec in config.data_classes.items():
            location = getattr(config.regions, spec.location)
            if location not in rings:
                rings[location] = KeyRing(
                    f"data-{location}",
                    KeyRingArgs(project=project, location=location, protected=spec.location in kept),
                    self.child(),
                )
            keys[name] = DataKey(
                f"key-{name}",
                DataKeyArgs(
                    ring=rings[location],
                    data_class=name,
                    rotation_days=spec.rotation_days,
                    destroy_delay_days=spec.destroy_delay_days,
                    labels={**config.company.labels, "data-class": name},
                    protected=config.protects(f"key-{name}"),
                ),
                self.child(),
            )
        return keys
