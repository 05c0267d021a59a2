"""What nobody may do, whatever roles they have: deny policies, and a boundary around what workloads reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

IAM = "iam.googleapis.com"
EVERYBODY = "principalSet://goog/public:all"
KEYS = ("cloudkms.googleapis.com/cryptoKeyVersions.destroy", "cloudkms.googleapis.com/cryptoKeyVersions.update")
"""Destroying a version loses what it encrypts; updating one disables it."""
SINKS = (
    "logging.googleapis.com/buckets.delete",
    "logging.googleapis.com/exclusions.create",
    "logging.googleapis.com/exclusions.update",
    "logging.googleapis.com/sinks.delete",
    "logging.googleapis.com/sinks.update",
)
"""Whatever would let logs go somewhere else, or nowhere (LOG-2)."""
ENFORCEMENT = "3"
"""Version of the list of permissions that the boundary stops; left out it would be that of the day of creation."""


@dataclass(frozen=True, kw_only=True)
class BoundariesArgs:
    """Where they hold, and for whom they do not."""

    organization_id: str
    projects: tuple[Project, ...]
    vault: Project
    """Where the keys lie."""
    home: Project
    """Whose provider manages what belongs to the organization."""
    deployer: pulumi.Input[str]
    """E-mail of the account that applies reviewed plans; it alone changes sinks."""
    break_glass: str
    """Group for the day on which nothing else helps."""

    def __post_init__(self) -> None:
        require(self.organization_id.isdigit(), "ACC-9", f"organization_id is digits, not {self.organization_id}")
        require(self.vault in self.projects, "ACC-9", "the vault is one of the projects")


class Boundaries(Component):
    """Roles say what somebody may do; these say what no role gives, and hold for rights that others grant as well."""

    token = "hosting:governance:Boundaries"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-9", "ENC-5", "LOG-2")

    def __init__(self, name: str, args: BoundariesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        glass = f"principalSet://goog/group/{args.break_glass}"
        deployer = pulumi.Output.concat("principal://iam.googleapis.com/projects/-/serviceAccounts/", args.deployer)
        self._deny(args.vault, "keys", "Key versions are not destroyed or disabled", KEYS, [glass])
        for project in args.projects:
            self._deny(project, "sinks", "Logs keep flowing to where they flow", SINKS, [glass, deployer])
        self._boundary()
        self.register_outputs({})

    def _deny(
        self,
        project: Project,
        label: str,
        title: str,
        permissions: tuple[str, ...],
        exceptions: list[pulumi.Input[str]],
    ) -> None:
        gcp.iam.DenyPolicy(
            f"{self._name}-{project.project_id}-{label}",
            name=f"{self._name}-{label}",
            parent=quote(f"cloudresourcemanager.googleapis.com/projects/{project.project_id}", safe=""),
            display_name=title,
            rules=[
                gcp.iam.DenyPolicyRuleArgs(
                    description=title,
                    deny_rule=gcp.iam.DenyPolicyRuleDenyRuleArgs(
                        denied_principals=[EVERYBODY],
                        denied_permissions=list(permissions),
                        exception_principals=exceptions,
                    ),
                )
            ],
            opts=self.child(provider=project.provider, depends_on=[project.api(IAM)]),
        )

    def _boundary(self) -> None:
        """Workloads reach what is the company's: a stolen identity is worth nothing in somebody else's organization."""
        args = self._args
        boundary = gcp.iam.PrincipalAccessBoundaryPolicy(
            self._name,
            organization=args.organization_id,
            location="global",
            principal_access_boundary_policy_id=f"{self._name}-{args.home.project_id}",
            display_name="Inside of the company",
            details=gcp.iam.PrincipalAccessBoundaryPolicyDetailsArgs(
                enforcement_version=ENFORCEMENT,
                rules=[
                    gcp.iam.PrincipalAccessBoundaryPolicyDetailsRuleArgs(
                        description="ACC-9: the company's organization and nothing else",
                        effect="ALLOW",
                        resources=[f"//cloudresourcemanager.googleapis.com/organizations/{args.organization_id}"],
                    )
                ],
            ),
            opts=self.child(provider=args.home.provider, depends_on=[args.home.api(IAM)]),
        )
        for project in args.projects:
            number = gcp.organizations.get_project_output(
                project_id=project.project_id, opts=pulumi.InvokeOutputOptions(parent=self, provider=project.provider)
            ).number
            gcp.iam.ProjectsPolicyBinding(
                f"{self._name}-{project.project_id}",
                project=project.project_id,
                location="global",
                policy_binding_id=self._name,
                policy_kind="PRINCIPAL_ACCESS_BOUNDARY",
                policy=boundary.name,
                target=gcp.iam.ProjectsPolicyBindingTargetArgs(
                    principal_set=pulumi.Output.concat("//cloudresourcemanager.googleapis.com/projects/", number)
                ),
                opts=self.child(provider=project.provider, depends_on=[project.api(IAM)]),
            )
