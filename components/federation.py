"""How CI signs in: by workload identity federation, pinned to one repository, without any key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, known, require
from .projects import Project

ISSUER = "https://token.actions.githubusercontent.com"


@dataclass(frozen=True, kw_only=True)
class Trusted:
    """One identity of CI: who becomes it."""

    environment: str
    """The GitHub environment whose jobs become it."""
    purpose: str
    branch_only: bool = True
    """Whether jobs of the protected branch alone become it; false only for an identity that changes nothing."""


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
    identities: Mapping[str, Trusted]
    """By role: `deploy` is the account `ci-deploy`."""

    def __post_init__(self) -> None:
        for field in ("owner_id", "repository_id"):
            require(bool(re.fullmatch(r"[1-9]\d*", getattr(self, field))), "CIN-1", f"{field} is a number, not a name")
        require(bool(re.fullmatch(r"[\w./-]+", self.branch)), "CIN-1", f"{self.branch} is no branch name")
        require(bool(self.identities), "CIN-1", "at least one identity is trusted")
        environments = [trusted.environment for trusted in self.identities.values()]
        require(len(environments) == len(set(environments)), "CIN-1", "each identity has an environment of its own")


class Federation(Component):
    """Identities that jobs of one repository become, each from an environment of its own and without any key.

    Each has its own pool and provider, so that a token for one is worth nothing at the other.
    """

    token = "hosting:delivery:Federation"
    clauses: ClassVar[tuple[str, ...]] = ("CIN-1", "CHG-3", "REV-2", "ACC-4")

    members: dict[str, pulumi.Output[str]]
    """`serviceAccount:<email>` by role."""
    providers: dict[str, pulumi.Output[str]]
    """Full names of the providers by role: what a workflow signs in with."""

    def __init__(self, name: str, args: FederationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        self.members, self.providers = {}, {}
        for role, trusted in args.identities.items():
            self._identity(role, trusted)
        self.register_outputs({"members": self.members, "providers": self.providers})

    def _identity(self, role: str, trusted: Trusted) -> None:
        args, project = self._args, self._args.project
        environment, ref = trusted.environment, f"refs/heads/{args.branch}" if trusted.branch_only else None
        email = f"ci-{role}@{project.project_id}.iam.gserviceaccount.com"
        account = gcp.serviceaccount.Account(
            f"{self._name}-{role}",
            account_id=f"ci-{role}",
            project=project.project_id,
            display_name=f"CI {role}",
            description=f"CIN-1: {trusted.purpose}; environment {environment} of repository {args.repository_id}",
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
                depends_on=[project.api(f"{api}.googleapis.com") for api in ("iam", "sts", "iamcredentials")],
            ),
        )
        provider = gcp.iam.WorkloadIdentityPoolProvider(
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
            service_account_id=known(f"projects/{project.project_id}/serviceAccounts/{email}", account),
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.concat(
                "principalSet://iam.googleapis.com/", pool.name, f"/attribute.environment/{environment}"
            ),
            opts=self.child(provider=project.provider),
        )
        self.members[role] = known(f"serviceAccount:{email}", account)
        self.providers[role] = provider.name
