"""GitHub environments: what a job has to be let into before it gets an identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_github as github

from .base import Component, require


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One environment: the name that identity federation trusts, who lets jobs in, and from where they come."""

    name: str
    reviewer_team_ids: tuple[int, ...] = ()
    """Numeric ids of teams, one of whose members lets each job in, and never the own one."""
    branch_only: bool = True
    """Whether jobs of the protected branch alone are let in; without it they need reviewers (REV-3)."""
    deploys: bool = False
    """Whether jobs change something; they need both (REV-3)."""

    def __post_init__(self) -> None:
        reviewed = bool(self.reviewer_team_ids)
        require(reviewed or not self.deploys, "REV-3", f"environment {self.name} deploys and has no reviewers")
        require(self.branch_only or not self.deploys, "REV-3", f"environment {self.name} deploys from every branch")
        require(
            reviewed or self.branch_only,
            "REV-3",
            f"environment {self.name} takes jobs of every branch, and nobody looks at them before they run",
        )


@dataclass(frozen=True, kw_only=True)
class EnvironmentsArgs:
    """Of which repository. One that a workflow names and nobody declared is made by GitHub, open to everybody."""

    provider: github.Provider
    repository: pulumi.Input[str]
    branch: str
    environments: tuple[Environment, ...]


class Environments(Component):
    """Environments that bind administrators too: no self-review, no way around the reviewers."""

    token = "hosting:delivery:Environments"
    clauses: ClassVar[tuple[str, ...]] = ("REV-2", "REV-3")

    def __init__(self, name: str, args: EnvironmentsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        for environment in args.environments:
            self._environment(f"{name}-{environment.name}", args, environment)
        self.register_outputs({})

    def _environment(self, name: str, args: EnvironmentsArgs, environment: Environment) -> None:
        reviewers = [github.RepositoryEnvironmentReviewerArgs(teams=list(environment.reviewer_team_ids))]
        policy = github.RepositoryEnvironmentDeploymentBranchPolicyArgs(
            protected_branches=False, custom_branch_policies=True
        )
        made = github.RepositoryEnvironment(
            name,
            repository=args.repository,
            environment=environment.name,
            can_admins_bypass=False,
            prevent_self_review=True,
            reviewers=reviewers if environment.reviewer_team_ids else [],
            deployment_branch_policy=policy if environment.branch_only else None,
            opts=self.child(provider=args.provider),
        )
        if environment.branch_only:
            github.RepositoryEnvironmentDeploymentPolicy(
                name,
                repository=args.repository,
                environment=made.environment,
                branch_pattern=args.branch,
                opts=self.child(provider=args.provider),
            )
