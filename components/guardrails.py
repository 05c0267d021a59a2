"""Guardrails: organization policies that hold even where our code is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

BOOLEAN = (
    "compute.disableSerialPortAccess",
    "compute.requireOsLogin",
    "compute.requireShieldedVm",
    "compute.skipDefaultNetworkCreation",
    "compute.disableNestedVirtualization",
    "compute.disableVpcExternalIpv6",
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "sql.restrictAuthorizedNetworks",
    "sql.restrictPublicIp",
    "storage.publicAccessPrevention",
    "storage.uniformBucketLevelAccess",
)
"""Constraints that are on or off; on is the safe side for all of them (Organization Policy documentation)."""


@dataclass(frozen=True, kw_only=True)
class GuardrailsArgs:
    """Where the guardrails hold: the projects of the stack, each with its own policies."""

    projects: tuple[Project, ...]
    allowed_locations: tuple[str, ...]
    """Regions in which resources may be made (PRI-1)."""
    public: Project | None = None
    """The project of public files: the one in which a bucket can be opened to everybody (ACC-3)."""
    customer_ids: tuple[str, ...] = ()
    """Google Workspace customer ids whose accounts may get access; empty leaves the constraint to the organization."""

    def __post_init__(self) -> None:
        require(bool(self.allowed_locations), "PRI-1", "at least one location is allowed")


class Guardrails(Component):
    """Policies on each project, enforced: they also stop what is made by hand or by another program."""

    token = "hosting:governance:Guardrails"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-9", "PRI-1", "ACC-4", "HOS-2")

    def __init__(self, name: str, args: GuardrailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name = name
        for project in args.projects:
            for constraint in BOOLEAN:
                opened = project is args.public and constraint == "storage.publicAccessPrevention"
                rule = gcp.orgpolicy.PolicySpecRuleArgs(enforce="FALSE" if opened else "TRUE")
                self._policy(project, constraint, rule)
            self._policy(
                project, "gcp.resourceLocations", _values([f"in:{r}-locations" for r in args.allowed_locations])
            )
            self._policy(project, "compute.vmExternalIpAccess", gcp.orgpolicy.PolicySpecRuleArgs(deny_all="TRUE"))
            if args.customer_ids:
                self._policy(project, "iam.allowedPolicyMemberDomains", _values(list(args.customer_ids)))
        self.register_outputs({})

    def _policy(self, project: Project, constraint: str, rule: gcp.orgpolicy.PolicySpecRuleArgs) -> None:
        parent = f"projects/{project.project_id}"
        gcp.orgpolicy.Policy(
            f"{self._name}-{project.project_id}-{constraint}",
            name=f"{parent}/policies/{constraint}",
            parent=parent,
            spec=gcp.orgpolicy.PolicySpecArgs(inherit_from_parent=False, reset=False, rules=[rule]),
            opts=self.child(provider=project.provider, depends_on=[project.api("orgpolicy.googleapis.com")]),
        )


def _values(allowed: list[str]) -> gcp.orgpolicy.PolicySpecRuleArgs:
    return gcp.orgpolicy.PolicySpecRuleArgs(values=gcp.orgpolicy.PolicySpecRuleValuesArgs(allowed_values=allowed))
