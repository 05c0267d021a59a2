"""The repository that the infrastructure comes from: nobody changes or deploys it alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_github as github

from .base import Component
from .branch_rules import BranchRules, BranchRulesArgs
from .environments import Environment, Environments, EnvironmentsArgs


@dataclass(frozen=True, kw_only=True)
class RepositoryArgs:
    """An existing repository, adopted (`pulumi import`) or made new."""

    owner: str
    """Organization."""
    repository: str
    branch: str
    """The protected branch, without `refs/heads/`."""
    checks: tuple[str, ...]
    """Names of the status checks that must pass before a merge (CIN-4)."""
    environments: tuple[Environment, ...]
    description: str = ""
    allowed_actions: tuple[str, ...] = ()
    """Patterns of actions beside GitHub's own, such as `pulumi/*`; all are pinned by commit."""
    approvals: int = 1
    topics: tuple[str, ...] = field(default=())


class Repository(Component):
    """A private repository: a ruleset nobody bypasses, reviewed environments, pinned actions, security updates."""

    token = "hosting:delivery:Repository"
    clauses: ClassVar[tuple[str, ...]] = ("REV-1", "REV-3", "CIN-4", "DEP-2", "CHG-3")

    provider: github.Provider
    repository_id: pulumi.Output[int]
    """Numeric id: a name can be taken over by somebody else, an id cannot."""

    def __init__(self, name: str, args: RepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        self.provider = github.Provider(f"{name}-github", owner=args.owner, opts=self.child())
        repository = self._repository()
        self._actions(repository)
        BranchRules(
            f"{name}-{args.branch}",
            BranchRulesArgs(
                provider=self.provider,
                repository=repository.name,
                branch=args.branch,
                ruleset=f"protect-{args.branch}",
                checks=args.checks,
                approvals=args.approvals,
            ),
            self.child(),
        )
        Environments(
            name,
            EnvironmentsArgs(
                provider=self.provider,
                repository=repository.name,
                branch=args.branch,
                environments=args.environments,
            ),
            self.child(),
        )
        self.repository_id = repository.repo_id
        self.register_outputs({"repository_id": self.repository_id})

    def _options(self, **more: object) -> pulumi.ResourceOptions:
        return self.child(provider=self.provider, **more)

    def _repository(self) -> github.Repository:
        args = self._args
        repository = github.Repository(
            self._name,
            name=args.repository,
            description=args.description,
            visibility="private",
            topics=list(args.topics),
            has_issues=True,
            has_wiki=False,
            allow_merge_commit=False,
            allow_rebase_merge=False,
            allow_squash_merge=True,
            allow_auto_merge=False,
            allow_update_branch=True,
            delete_branch_on_merge=True,
            archive_on_destroy=True,
            web_commit_signoff_required=True,
            security_and_analysis=github.RepositorySecurityAndAnalysisArgs(
                secret_scanning=github.RepositorySecurityAndAnalysisSecretScanningArgs(status="enabled"),
                secret_scanning_push_protection=github.RepositorySecurityAndAnalysisSecretScanningPushProtectionArgs(
                    status="enabled"
                ),
            ),
            opts=self._options(protect=True),
        )
        github.RepositoryVulnerabilityAlerts(self._name, repository=repository.name, enabled=True, opts=self._options())
        github.RepositoryDependabotSecurityUpdates(
            self._name, repository=repository.name, enabled=True, opts=self._options()
        )
        return repository

    def _actions(self, repository: github.Repository) -> None:
        github.ActionsRepositoryPermissions(
            self._name,
            repository=repository.name,
            enabled=True,
            allowed_actions="selected",
            sha_pinning_required=True,
            allowed_actions_config=github.ActionsRepositoryPermissionsAllowedActionsConfigArgs(
                github_owned_allowed=True, verified_allowed=False, patterns_alloweds=list(self._args.allowed_actions)
            ),
            opts=self._options(),
        )
        github.WorkflowRepositoryPermissions(
            self._name,
            repository=repository.name,
            default_workflow_permissions="read",
            can_approve_pull_request_reviews=False,
            opts=self._options(),
        )
