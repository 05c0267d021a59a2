"""One page to look at when an alert fires: budgets, traffic, databases, and what the security alerts count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

COLUMNS: Final = 48
"""Width of a mosaic (Dashboards API)."""
_TILE: Final = (24, 12)
_RUN: Final = 'resource.type="cloud_run_revision" AND metric.type="run.googleapis.com/'
_SQL: Final = 'resource.type="cloudsql_database" AND metric.type="cloudsql.googleapis.com/database/'
_AUDIT: Final = 'resource.type="logging_bucket" AND metric.type=starts_with("logging.googleapis.com/user/security/")'


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    """What the page shows."""

    project: Project
    title: str
    objectives: Mapping[str, pulumi.Input[str]]
    """Label → full name of the objective."""

    def __post_init__(self) -> None:
        require(bool(self.title), "MON-7", "a dashboard has a title")


class Dashboard(Component):
    """The dashboard as code: what everybody looks at is the same, and a change of it is reviewed."""

    token = "hosting:monitoring:Dashboard"
    clauses: ClassVar[tuple[str, ...]] = ("MON-7",)

    def __init__(self, name: str, args: DashboardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        budgets = [
            _chart(
                f"Error budget left: {label}",
                pulumi.Output.format('select_slo_budget_fraction("{0}")', objective),
                "ALIGN_NEXT_OLDER",
            )
            for label, objective in args.objectives.items()
        ]
        gcp.monitoring.Dashboard(
            name,
            project=project.project_id,
            dashboard_json=pulumi.Output.json_dumps(
                {
                    "displayName": args.title,
                    "mosaicLayout": {"columns": COLUMNS, "tiles": _placed([*budgets, *_FIXED])},
                },
                sort_keys=True,
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api("monitoring.googleapis.com")]),
        )
        self.register_outputs({})


def _chart(
    title: str, query: pulumi.Input[str], aligner: str, reducer: str | None = None, by: Sequence[str] = ()
) -> dict[str, Any]:
    aggregation: dict[str, Any] = {"alignmentPeriod": "60s", "perSeriesAligner": aligner}
    if reducer is not None:
        aggregation |= {"crossSeriesReducer": reducer, "groupByFields": list(by)}
    series = {"timeSeriesFilter": {"filter": query, "aggregation": aggregation}}
    return {"title": title, "xyChart": {"dataSets": [{"plotType": "LINE", "timeSeriesQuery": series}]}}


def _placed(charts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Two charts a row."""
    width, height = _TILE
    across = COLUMNS // width
    return [
        {
            "xPos": index % across * width,
            "yPos": index // across * height,
            "width": width,
            "height": height,
            "widget": chart,
        }
        for index, chart in enumerate(charts)
    ]


_FIXED: Final = (
    _chart(
        "Requests a second, by answer",
        f'{_RUN}request_count"',
        "ALIGN_RATE",
        "REDUCE_SUM",
        ("resource.label.service_name", "metric.label.response_code_class"),
    ),
    _chart(
        "Latency of 95 of 100 requests",
        f'{_RUN}request_latencies"',
        "ALIGN_PERCENTILE_95",
        "REDUCE_MAX",
        ("resource.label.service_name",),
    ),
    _chart("Databases: processor", f'{_SQL}cpu/utilization"', "ALIGN_MEAN"),
    _chart("Databases: disk", f'{_SQL}disk/utilization"', "ALIGN_MEAN"),
    _chart("Security events", _AUDIT, "ALIGN_DELTA", "REDUCE_SUM", ("metric.type",)),
)
