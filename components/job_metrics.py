"""What jobs say, as numbers that alerts can watch: how many failed and with which finding, how many are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component
from .projects import Project

LABELS = {"deployment": "EXTRACT(jsonPayload.deployment)", "finding": "EXTRACT(jsonPayload.message)"}
"""Which job it was, as its platform calls it, and what it said."""


@dataclass(frozen=True, kw_only=True)
class JobMetricsArgs:
    """Where jobs are heard: the central log bucket, whichever cloud they run in."""

    project: Project
    log_bucket: pulumi.Input[str]


class JobMetrics(Component):
    """Two metrics over the structured logs of `jobs/`, with the name of the job as a label."""

    token = "hosting:jobs:JobMetrics"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-6", "BAK-7")

    failed: gcp.logging.Metric
    done: gcp.logging.Metric

    def __init__(self, name: str, args: JobMetricsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        of_jobs = "jsonPayload.job:* AND jsonPayload.deployment:*"
        self.failed = self._metric(
            args, "failed", "BAK-6 Jobs that failed, with what they found", f"severity=ERROR AND {of_jobs}"
        )
        self.done = self._metric(
            args, "done", "BAK-7 Jobs that ended with what they were for", f"jsonPayload.exit=0 AND {of_jobs}"
        )
        self.register_outputs({})

    def _metric(self, args: JobMetricsArgs, word: str, title: str, query: str) -> gcp.logging.Metric:
        labels = LABELS if word == "failed" else {"deployment": LABELS["deployment"]}
        project = args.project
        return gcp.logging.Metric(
            f"jobs-{word}",
            project=project.project_id,
            name=f"jobs/{word}",
            description=title,
            filter=query,
            bucket_name=args.log_bucket,
            disabled=False,
            label_extractors=labels,
            metric_descriptor=gcp.logging.MetricMetricDescriptorArgs(
                metric_kind="DELTA",
                value_type="INT64",
                unit="1",
                display_name=f"Jobs that are {word}" if word == "done" else "Jobs that failed",
                labels=[
                    gcp.logging.MetricMetricDescriptorLabelArgs(key=key, value_type="STRING") for key in sorted(labels)
                ],
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api("logging.googleapis.com")]),
        )


def says_why(metric: gcp.logging.Metric, names: str) -> pulumi.Output[str]:
    """The filter of an alert on what jobs of these names (a pattern) said."""
    return metric.name.apply(
        lambda name: (
            f'metric.type="logging.googleapis.com/user/{name}" AND resource.type="logging_bucket"'
            f' AND metric.label.deployment=monitoring.regex.full_match("{names}")'
        )
    )
