"""How much failure is acceptable: an objective for every service, site and database, and an alert on its budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

import pulumi
import pulumi_gcp as gcp

from .alert_policy import Threshold, alert_policy
from .alerts import Channels
from .base import Component, known, require
from .projects import Project

DAYS: Final = 30
"""The budget is that of a rolling month, the longest that the API takes."""


@dataclass(frozen=True, kw_only=True)
class Burn:
    """How fast the budget may go before somebody hears of it (Google SRE workbook, chapter 5, table 5-8)."""

    label: str
    hours: int
    rate: float
    severity: str
    gone: str


BURNS: Final = (
    Burn(label="fast", hours=1, rate=14.4, severity="CRITICAL", gone="2 % of a month's budget in an hour"),
    Burn(label="slow", hours=6, rate=6, severity="ERROR", gone="5 % of a month's budget in six hours"),
)


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Requests: the bad ones of all."""

    total: str
    bad: str


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Five minutes at a time: in a good one the metric's mean reaches 1, or its value is true at least once."""

    series: pulumi.Input[str]
    boolean: bool = False


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is measured, and the part of it that has to be good."""

    title: str
    goal: float
    measure: Ratio | Windows

    def __post_init__(self) -> None:
        require(0.9 <= self.goal <= 0.9999, "MON-7", f"an objective is 0.9 to 0.9999, not {self.goal}")


@dataclass(frozen=True, kw_only=True)
class ObjectivesArgs:
    """Which objectives, and who is told."""

    project: Project
    """The audit project, whose metrics scope sees the others."""
    channels: Channels
    objectives: Mapping[str, Objective]
    scope: pulumi.Resource
    """What makes the metrics of the workload visible in the project."""
    labels: Mapping[str, str] = field(default_factory=dict)


class Objectives(Component):
    """An objective each, and two alerts on it: one for an outage, one for what goes wrong all day."""

    token = "hosting:monitoring:Objectives"
    clauses: ClassVar[tuple[str, ...]] = ("MON-7",)

    names: dict[str, pulumi.Output[str]]
    """Full names, for dashboards."""

    def __init__(self, name: str, args: ObjectivesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._args = args
        self.names = {label: self._objective(f"{name}-{label}", one) for label, one in args.objectives.items()}
        self.register_outputs({})

    def _objective(self, name: str, objective: Objective) -> pulumi.Output[str]:
        args, project = self._args, self._args.project
        service = gcp.monitoring.CustomService(
            name,
            project=project.project_id,
            service_id=name,
            display_name=objective.title,
            user_labels=args.labels,
            opts=self.child(
                provider=project.provider, depends_on=[args.scope, project.api("monitoring.googleapis.com")]
            ),
        )
        slo = gcp.monitoring.Slo(
            name,
            project=project.project_id,
            service=known(name, service),
            slo_id="available",
            display_name=f"{objective.title}: {objective.goal:.2%} of {DAYS} days",
            goal=objective.goal,
            rolling_period_days=DAYS,
            request_based_sli=_requests(objective.measure),
            windows_based_sli=_windows(objective.measure),
            user_labels=args.labels,
            opts=self.child(provider=project.provider),
        )
        for burn in BURNS:
            alert_policy(
                self,
                f"{name}-{burn.label}",
                project=project,
                channels=args.channels.ids,
                title=f"MON-7 {objective.title} uses up its error budget ({burn.label})",
                do=f"{burn.gone} is gone. Look at what was deployed last; roll back by the last reviewed plan.",
                severity="CRITICAL" if burn.severity == "CRITICAL" else "ERROR",
                threshold=Threshold(
                    filter=pulumi.Output.format('select_slo_burn_rate("{0}", "{1}s")', slo.name, burn.hours * 3600),
                    value=burn.rate,
                ),
                labels=args.labels,
            )
        return slo.name


def _requests(measure: Ratio | Windows) -> gcp.monitoring.SloRequestBasedSliArgs | None:
    if isinstance(measure, Windows):
        return None
    return gcp.monitoring.SloRequestBasedSliArgs(
        good_total_ratio=gcp.monitoring.SloRequestBasedSliGoodTotalRatioArgs(
            total_service_filter=measure.total, bad_service_filter=measure.bad
        )
    )


def _windows(measure: Ratio | Windows) -> gcp.monitoring.SloWindowsBasedSliArgs | None:
    if isinstance(measure, Ratio):
        return None
    if measure.boolean:
        return gcp.monitoring.SloWindowsBasedSliArgs(window_period="300s", good_bad_metric_filter=measure.series)
    return gcp.monitoring.SloWindowsBasedSliArgs(
        window_period="300s",
        metric_mean_in_range=gcp.monitoring.SloWindowsBasedSliMetricMeanInRangeArgs(
            time_series=measure.series,
            range=gcp.monitoring.SloWindowsBasedSliMetricMeanInRangeRangeArgs(min=1, max=1),
        ),
    )
