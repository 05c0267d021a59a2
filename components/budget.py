"""Who hears of it when the projects cost more than expected: a stolen identity shows on the bill first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

STEPS = ((0.5, "CURRENT_SPEND"), (0.9, "CURRENT_SPEND"), (1.0, "CURRENT_SPEND"), (1.2, "FORECASTED_SPEND"))
"""Parts of the sum at which somebody is told, and whether they were spent or are foreseen."""


@dataclass(frozen=True, kw_only=True)
class BudgetArgs:
    """How much for which projects."""

    home: Project
    """Has the channel, and pays the quota of the budget's API."""
    billing_account: str
    currency: str
    monthly: int
    projects: tuple[Project, ...]
    email: str
    """Group that is told, beside the administrators of the billing account."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.monthly > 0, "MON-4", "a budget is more than nothing")
        require(bool(self.projects), "MON-4", "a budget is about at least one project")


class Budget(Component):
    """One budget over all projects. It stops nothing: it tells."""

    token = "hosting:bootstrap:Budget"
    clauses: ClassVar[tuple[str, ...]] = ("MON-4",)

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        home = args.home
        channel = gcp.monitoring.NotificationChannel(
            name,
            project=home.project_id,
            display_name="Costs",
            description="MON-4: reads what the projects cost",
            type="email",
            labels={"email_address": args.email},
            user_labels=args.labels,
            enabled=True,
            force_delete=False,
            opts=self.child(provider=home.provider, depends_on=[home.api("monitoring.googleapis.com")]),
        )
        gcp.billing.Budget(
            name,
            billing_account=args.billing_account,
            display_name=f"Hosting: {home.project_id}",
            amount=gcp.billing.BudgetAmountArgs(
                specified_amount=gcp.billing.BudgetAmountSpecifiedAmountArgs(
                    currency_code=args.currency, units=str(args.monthly)
                )
            ),
            budget_filter=gcp.billing.BudgetBudgetFilterArgs(
                projects=[pulumi.Output.concat("projects/", project.number) for project in args.projects],
                calendar_period="MONTH",
                credit_types_treatment="EXCLUDE_ALL_CREDITS",
            ),
            threshold_rules=[
                gcp.billing.BudgetThresholdRuleArgs(threshold_percent=part, spend_basis=basis) for part, basis in STEPS
            ],
            all_updates_rule=gcp.billing.BudgetAllUpdatesRuleArgs(
                monitoring_notification_channels=[channel.name],
                disable_default_iam_recipients=False,
            ),
            opts=self.child(provider=home.provider, depends_on=[home.api("billingbudgets.googleapis.com")]),
        )
        self.register_outputs({})
