"""The repository that the infrastructure comes from: nobody changes or deploys it alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_github as github

from .base import Component, require


@dataclass(frozen=True, kw_only=True)
class DeployEnvironment:
    """A GitHub environment: the name that identity federation trusts, and the people who release into it."""

    name: str
    reviewer_team_ids: tuple[int, ...] = ()
    """Numeric ids of teams; at least one for an environment that deploys (REV-3)."""
    deploys: bool = False


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
    environments: tuple[DeployEnvironment, ...]
    description: str = ""
    allowed_actions: tuple[str, ...] = ()
    """Patterns of actions beside GitHub's own, such as `pulumi/*`; all are pinned by commit."""
    approvals: int = 1
    topics: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        require(self.approvals >= 1, "REV-1", "at least one other developer approves a change")
        require(bool(self.checks), "CIN-4", "at least one check has to pass before a merge")
        for environment in self.environments:
            reviewed = bool(environment.reviewer_team_ids) or not environment.deploys
            require(reviewed, "REV-3", f"environment {environment.name} deploys and has no reviewers")


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
        self._rules(repository)
        self._actions(repository)
        for environment in args.environments:
            self._environment(repository, environment)
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

    def _rules(self, repository: github.Repository) -> None:
        args = self._args
        github.RepositoryRuleset(
            f"{self._name}-{args.branch}",
            repository=repository.name,
            name=f"protect-{args.branch}",
            target="branch",
            enforcement="active",
            bypass_actors=[],
            conditions=github.RepositoryRulesetConditionsArgs(
                ref_name=github.RepositoryRulesetConditionsRefNameArgs(
                    includes=[f"refs/heads/{args.branch}"], excludes=[]
                )
            ),
            rules=github.RepositoryRulesetRulesArgs(
                creation=True,
                deletion=True,
                non_fast_forward=True,
                required_linear_history=True,
                required_signatures=True,
                pull_request=github.RepositoryRulesetRulesPullRequestArgs(
                    required_approving_review_count=args.approvals,
                    require_code_owner_review=True,
                    require_last_push_approval=True,
                    dismiss_stale_reviews_on_push=True,
                    required_review_thread_resolution=True,
                ),
                required_status_checks=github.RepositoryRulesetRulesRequiredStatusChecksArgs(
                    strict_required_status_checks_policy=True,
                    do_not_enforce_on_create=False,
                    required_checks=[
                        github.RepositoryRulesetRulesRequiredStatusChecksRequiredCheckArgs(context=check)
                        for check in args.checks
                    ],
                ),
            ),
            opts=self._options(protect=True),
        )

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

    def _environment(self, repository: github.Repository, environment: DeployEnvironment) -> None:
        reviewers = [github.RepositoryEnvironmentReviewerArgs(teams=list(environment.reviewer_team_ids))]
        policy = github.RepositoryEnvironmentDeploymentBranchPolicyArgs(
            protected_branches=False, custom_branch_policies=True
        )
        made = github.RepositoryEnvironment(
            f"{self._name}-{environment.name}",
            repository=repository.name,
            environment=environment.name,
            can_admins_bypass=False,
            prevent_self_review=True,
            reviewers=reviewers if environment.reviewer_team_ids else [],
            deployment_branch_policy=policy if environment.deploys else None,
            opts=self._options(),
        )
        if environment.deploys:
            github.RepositoryEnvironmentDeploymentPolicy(
                f"{self._name}-{environment.name}",
                repository=repository.name,
                environment=made.environment,
                branch_pattern=self._args.branch,
                opts=self._options(),
            )
