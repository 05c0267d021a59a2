"""The rules of a protected branch: nobody changes it alone, past the checks, or by rewriting its history."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_github as github

from .base import Component, require


@dataclass(frozen=True, kw_only=True)
class BranchRulesArgs:
    """Which branch of which repository."""

    provider: github.Provider
    repository: pulumi.Input[str]
    branch: str
    """Without `refs/heads/`."""
    ruleset: str
    """Name of the ruleset on GitHub. Several rulesets of one branch add up: the strictest value of each counts."""
    checks: tuple[str, ...]
    """Names of the status checks that must pass before a merge (CIN-4)."""
    approvals: int = 1

    def __post_init__(self) -> None:
        require(bool(re.fullmatch(r"[\w./-]+", self.branch)), "REV-1", f"{self.branch} is no branch name")
        require(self.approvals >= 1, "REV-1", "at least one other developer approves a change")
        require(bool(self.checks), "CIN-4", "at least one check has to pass before a merge")


class BranchRules(Component):
    """A ruleset that nobody goes around: pull request, approval of the last push, code owners, checks, signatures."""

    token = "hosting:delivery:BranchRules"
    clauses: ClassVar[tuple[str, ...]] = ("REV-1", "REV-2", "CIN-4")

    def __init__(self, name: str, args: BranchRulesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        github.RepositoryRuleset(
            name,
            repository=args.repository,
            name=args.ruleset,
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
            opts=self.child(provider=args.provider, protect=True),
        )
        self.register_outputs({})
