"""The devices and sessions of people: encrypted, locked, the company's own; signed in anew before the day is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

MANAGER = "accesscontextmanager.googleapis.com"
LEVEL = "managed_device"


@dataclass(frozen=True, kw_only=True)
class DevicesArgs:
    """Which devices, and which groups are bound to them."""

    project: Project
    """Whose provider manages what belongs to the organization."""
    organization_id: str
    access_policy: str
    """Number of the organization's access policy."""
    groups: Mapping[str, str]
    """What stands before the @ of the group → its key in Cloud Identity."""
    session_hours: int
    systems: Mapping[str, str]
    """Operating system → oldest version."""

    def __post_init__(self) -> None:
        require(1 <= self.session_hours <= 12, "AUT-3", f"a session lasts 1 to 12 hours, not {self.session_hours}")
        require(bool(self.systems), "DEV-1", "without a list of systems every system is let in")


class Devices(Component):
    """One access level, and every group of people bound to it: console, command line and proxy ask for it."""

    token = "hosting:access:Devices"
    clauses: ClassVar[tuple[str, ...]] = ("DEV-1", "DEV-2", "AUT-3")

    def __init__(self, name: str, args: DevicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        api = args.project.api(MANAGER)
        policy = f"accessPolicies/{args.access_policy}"
        level = gcp.accesscontextmanager.AccessLevel(
            name,
            name=f"{policy}/accessLevels/{LEVEL}",
            parent=policy,
            title="Managed device",
            description="DEV-1: the company's own, encrypted, locked, with a system that gets updates",
            basic=gcp.accesscontextmanager.AccessLevelBasicArgs(
                combining_function="AND",
                conditions=[
                    gcp.accesscontextmanager.AccessLevelBasicConditionArgs(
                        negate=False,
                        device_policy=gcp.accesscontextmanager.AccessLevelBasicConditionDevicePolicyArgs(
                            require_screen_lock=True,
                            require_corp_owned=True,
                            require_admin_approval=True,
                            allowed_encryption_statuses=["ENCRYPTED"],
                            allowed_device_management_levels=["COMPLETE"],
                            os_constraints=[
                                gcp.accesscontextmanager.AccessLevelBasicConditionDevicePolicyOsConstraintArgs(
                                    os_type=system, minimum_version=version
                                )
                                for system, version in sorted(args.systems.items())
                            ],
                        ),
                    )
                ],
            ),
            opts=self.child(provider=args.project.provider, depends_on=[api]),
        )
        for group, key in args.groups.items():
            gcp.accesscontextmanager.GcpUserAccessBinding(
                f"{name}-{group}",
                organization_id=args.organization_id,
                group_key=key,
                access_levels=level.name,
                session_settings=gcp.accesscontextmanager.GcpUserAccessBindingSessionSettingsArgs(
                    session_length=f"{args.session_hours * 3600}s",
                    session_length_enabled=True,
                    session_reauth_method="SECURITY_KEY",
                    use_oidc_max_age=False,
                ),
                opts=self.child(provider=args.project.provider, depends_on=[api]),
            )
        self.register_outputs({"level": level.name})
