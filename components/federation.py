"""How CI signs in: by workload identity federation, pinned to one repository, without any key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, kw_only=True)
class FederationArgs:
    """Whom the company's projects trust."""

    project: Project
    """The delivery project."""
    owner_id: str
    """Numeric id of the GitHub organization: a name can be taken over, an id cannot."""
    repository_id: str
    """Numeric id of the repository."""
    branch: str
    """The protected branch, without `refs/heads/`."""
    preview_environment: str = "preview"
    deploy_environment: str = "production"

    def __post_init__(self) -> None:
        for field in ("owner_id", "repository_id"):
            require(bool(re.fullmatch(r"[1-9]\d*", getattr(self, field))), "CIN-1", f"{field} is a number, not a name")
        require(bool(re.fullmatch(r"[\w./-]+", self.branch)), "CIN-1", f"{self.branch} is no branch name")


class Federation(Component):
    """Two identities: one that may look, from reviewed pull requests; one that may change, from the protected branch.

    Each GitHub environment has its own provider, so that a token for one is worth nothing at the other.
    """

    token = "hosting:delivery:Federation"
    clauses: ClassVar[tuple[str, ...]] = ("CIN-1", "CHG-3", "REV-2", "ACC-4")

    preview: gcp.serviceaccount.Account
    """Reads the state, changes nothing."""
    deploy: gcp.serviceaccount.Account
    """Applies the reviewed plan."""

    def __init__(self, name: str, args: FederationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        self.preview = self._identity("preview", args.preview_environment, ref=None)
        self.deploy = self._identity("deploy", args.deploy_environment, ref=f"refs/heads/{args.branch}")
        self.register_outputs({"preview": self.preview.email, "deploy": self.deploy.email})

    def _identity(self, role: str, environment: str, *, ref: str | None) -> gcp.serviceaccount.Account:
        args, project = self._args, self._args.project
        account = gcp.serviceaccount.Account(
            f"{self._name}-{role}",
            account_id=f"ci-{role}",
            project=project.project_id,
            display_name=f"CI {role}",
            description=f"CIN-1: GitHub environment {environment} of repository {args.repository_id}",
            disabled=False,
            opts=self.child(provider=project.provider, depends_on=[project.api("iam.googleapis.com")]),
        )
        pool = gcp.iam.WorkloadIdentityPool(
            f"{self._name}-{role}",
            project=project.project_id,
            workload_identity_pool_id=f"github-{role}",
            display_name=f"GitHub {role}",
            description=f"CIN-1: environment {environment}",
            disabled=False,
            opts=self.child(
                provider=project.provider,
                depends_on=[project.api("iam.googleapis.com"), project.api("sts.googleapis.com")],
            ),
        )
        gcp.iam.WorkloadIdentityPoolProvider(
            f"{self._name}-{role}",
            project=project.project_id,
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id="github",
            display_name=f"GitHub {role}",
            attribute_mapping={
                "google.subject": "assertion.sub",
                "attribute.repository_id": "assertion.repository_id",
                "attribute.environment": "assertion.environment",
            },
            attribute_condition=" && ".join(
                [
                    f'assertion.repository_owner_id == "{args.owner_id}"',
                    f'assertion.repository_id == "{args.repository_id}"',
                    f'assertion.environment == "{environment}"',
                    *([f'assertion.ref == "{ref}"'] if ref else []),
                ]
            ),
            oidc=gcp.iam.WorkloadIdentityPoolProviderOidcArgs(issuer_uri=ISSUER, allowed_audiences=[]),
            disabled=False,
            opts=self.child(provider=project.provider),
        )
        gcp.serviceaccount.IAMMember(
            f"{self._name}-{role}",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.concat(
                "principalSet://iam.googleapis.com/projects/",
                gcp.organizations.get_project_output(
                    project_id=project.project_id,
                    opts=pulumi.InvokeOutputOptions(parent=self, provider=project.provider),
                ).number,
                f"/locations/global/workloadIdentityPools/github-{role}/attribute.environment/{environment}",
            ),
            opts=self.child(provider=project.provider, depends_on=[pool]),
        )
        return account
