"""The people of the company: what they may do, from which devices, and what nobody may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .access import Access, AccessArgs, AccessRow
from .base import Component
from .boundaries import Boundaries, BoundariesArgs
from .devices import Devices, DevicesArgs
from .foundation import Foundation
from .governance import Governance
from .hosting import Hosting
from .shared_stores import SharedStores
from .stores import Stores

if TYPE_CHECKING:
    from config import StackConfig


class People(Component):
    """Every right of people, from the need-to-know matrix; and, where there is an organization, their limits."""

    token = "hosting:access:People"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-7",)

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        stores: Stores,
        shared: SharedStores,
        governance: Governance,
        hosting: Hosting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        buckets = {"exports": (foundation.backups, stores.copies.bucket_name)}
        if stores.erasures is not None:
            buckets["erasures"] = (foundation.backups, stores.erasures.bucket_name)
        buckets |= {bucket: (made.project, made.bucket_name) for bucket, made in shared.buckets.items()}
        Access(
            "access",
            AccessArgs(
                rows={
                    row_id: AccessRow(**row.model_dump(exclude={"reviewed"})) for row_id, row in config.access.items()
                },
                workload=foundation.workload,
                projects={project.project_id: project for project in foundation.projects},
                region=config.regions.primary,
                archive=governance.archive,
                databases=stores.databases,
                login_role=stores.login.role if stores.login is not None else None,
                services={service: made.service_name for service, made in hosting.services.items()},
                secrets=stores.secrets,
                buckets=buckets,
                informed=config.monitoring.contacts.security,
            ),
            self.child(),
        )
        self._organization(config, foundation)
        self.register_outputs({})

    def _organization(self, config: StackConfig, foundation: Foundation) -> None:
        """What only an organization node can hold. Without one, the first preview says what is missing."""
        organization = config.organization
        if organization is None:
            pulumi.log.info(
                "no organization is configured: without one there are no deny policies and access boundaries (ACC-9), "
                "no device levels (DEV-1, DEV-2) and no limits of sessions (AUT-3)",
                self,
            )
            return
        deployer = f"ci-deploy@{config.projects.delivery}.iam.gserviceaccount.com"
        Boundaries(
            "boundaries",
            BoundariesArgs(
                organization_id=organization.id,
                projects=foundation.projects,
                vault=foundation.vault,
                home=foundation.audit,
                deployer=deployer,
                break_glass=organization.break_glass,
            ),
            self.child(),
        )
        if organization.access_policy is None:
            pulumi.log.info(
                "no access policy is configured: devices and sessions (DEV-1, DEV-2, AUT-3) stay open", self
            )
            return
        Devices(
            "devices",
            DevicesArgs(
                project=foundation.audit,
                organization_id=organization.id,
                access_policy=organization.access_policy,
                groups=organization.group_keys,
                session_hours=organization.session_hours,
                systems=organization.systems,
            ),
            self.child(),
        )
