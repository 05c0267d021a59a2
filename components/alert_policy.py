"""One way to make an alert: a threshold on a metric, a text for the person who is woken, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from .base import Component
from .projects import Project


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """When it fires: the aligned metric is above (or below) the value for as long as `duration`."""

    filter: pulumi.Input[str]
    aligner: str | None = None
    """Per series, over each `period` (Cloud Monitoring API, Aggregation.Aligner); none for the rate of an objective,
    which is a number already."""
    comparison: Literal["COMPARISON_GT", "COMPARISON_LT"] = "COMPARISON_GT"
    value: float = 0
    duration: str = "0s"
    period: str = "60s"
    reducer: str | None = None
    """Across series (Aggregation.Reducer)."""
    group_by: tuple[str, ...] = ()


def alert_policy(
    owner: Component,
    name: str,
    *,
    project: Project,
    channels: Sequence[pulumi.Input[str]],
    title: str,
    do: str,
    severity: Literal["WARNING", "ERROR", "CRITICAL"],
    threshold: Threshold,
    labels: Mapping[str, str],
    depends_on: Sequence[pulumi.Resource] = (),
) -> gcp.monitoring.AlertPolicy:
    """An enabled alert of `owner`. `do` is what whoever is woken does first."""
    return _policy(
        owner,
        name,
        project=project,
        channels=channels,
        title=title,
        do=do,
        severity=severity,
        conditions=[_above(title, threshold)],
        labels=labels,
        depends_on=depends_on,
    )


def alert_on_any(
    owner: Component,
    name: str,
    *,
    project: Project,
    channels: Sequence[pulumi.Input[str]],
    title: str,
    do: str,
    thresholds: Mapping[str, Threshold],
    labels: Mapping[str, str],
    depends_on: Sequence[pulumi.Resource] = (),
) -> gcp.monitoring.AlertPolicy:
    """An alert that any one of several conditions raises."""
    return _policy(
        owner,
        name,
        project=project,
        channels=channels,
        title=title,
        do=do,
        severity="CRITICAL",
        conditions=[_above(words, threshold) for words, threshold in thresholds.items()],
        labels=labels,
        depends_on=depends_on,
    )


def alert_on_silence(
    owner: Component,
    name: str,
    *,
    project: Project,
    channels: Sequence[pulumi.Input[str]],
    title: str,
    do: str,
    query: pulumi.Input[str],
    labels: Mapping[str, str],
    depends_on: Sequence[pulumi.Resource] = (),
) -> gcp.monitoring.AlertPolicy:
    """An alert while a PromQL query has an answer: the one way to hear of what never happened."""
    condition = gcp.monitoring.AlertPolicyConditionArgs(
        display_name=title,
        condition_prometheus_query_language=gcp.monitoring.AlertPolicyConditionConditionPrometheusQueryLanguageArgs(
            query=query, duration="0s", evaluation_interval="300s", disable_metric_validation=True
        ),
    )
    return _policy(
        owner,
        name,
        project=project,
        channels=channels,
        title=title,
        do=do,
        severity="CRITICAL",
        conditions=[condition],
        labels=labels,
        depends_on=depends_on,
    )


def _above(title: str, threshold: Threshold) -> gcp.monitoring.AlertPolicyConditionArgs:
    aggregated = threshold.aligner is not None
    aggregation = gcp.monitoring.AlertPolicyConditionConditionThresholdAggregationArgs(
        alignment_period=threshold.period,
        per_series_aligner=threshold.aligner,
        cross_series_reducer=threshold.reducer,
        group_by_fields=list(threshold.group_by) or None,
    )
    return gcp.monitoring.AlertPolicyConditionArgs(
        display_name=title,
        condition_threshold=gcp.monitoring.AlertPolicyConditionConditionThresholdArgs(
            filter=threshold.filter,
            comparison=threshold.comparison,
            threshold_value=threshold.value,
            duration=threshold.duration,
            aggregations=[aggregation] if aggregated else [],
            trigger=gcp.monitoring.AlertPolicyConditionConditionThresholdTriggerArgs(count=1),
        ),
    )


def _policy(
    owner: Component,
    name: str,
    *,
    project: Project,
    channels: Sequence[pulumi.Input[str]],
    title: str,
    do: str,
    severity: str,
    conditions: list[gcp.monitoring.AlertPolicyConditionArgs],
    labels: Mapping[str, str],
    depends_on: Sequence[pulumi.Resource],
) -> gcp.monitoring.AlertPolicy:
    return gcp.monitoring.AlertPolicy(
        name,
        project=project.project_id,
        display_name=title,
        enabled=True,
        combiner="OR",
        severity=severity,
        notification_channels=list(channels),
        user_labels=labels,
        documentation=gcp.monitoring.AlertPolicyDocumentationArgs(subject=title, content=do, mime_type="text/markdown"),
        alert_strategy=gcp.monitoring.AlertPolicyAlertStrategyArgs(auto_close="604800s"),
        conditions=conditions,
        opts=owner.child(provider=project.provider, depends_on=[*depends_on, project.api("monitoring.googleapis.com")]),
    )
