"""Jobs run by the clock: what exports, restores, checks and anchors does so only where a schedule starts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._ours import marked, ours

_JOB = gcp("cloudrunv2/job")
_SCHEDULE = gcp("cloudscheduler/job")
_STARTS = "https://run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/{}:run"


def _schedule(job: str, **more: Any) -> Sample:
    inputs = {"schedule": "0 3 * * *", "httpTarget": {"uri": _STARTS.format(job)}, **more}
    return Sample(_SCHEDULE, inputs, "clock")


_EXPORT = Sample(_JOB, {"name": "export"}, "export")


@rule(
    id="run-job-scheduled",
    clause="BAK-6",
    title="Every job of our stacks is started by a schedule",
    severity="high",
    types=(_JOB, _SCHEDULE),
    scope="stack",
    reads={_SCHEDULE: ("schedule", "paused", "httpTarget.uri")},
    fix='gcp.cloudscheduler.Job(schedule=…, http_target={"uri": f"…/jobs/{job.name}:run"}) for the job',
    sources=("https://cloud.google.com/run/docs/execute/jobs-on-schedule",),
    good=(
        (_EXPORT, _schedule("export"), marked()),
        (
            _EXPORT,
            Sample(_SCHEDULE, {"httpTarget": UNKNOWN, "schedule": "0 3 * * *"}, "clock", {"httpTarget": ("export",)}),
            marked(),
        ),
    ),
    bad=(
        (_EXPORT, marked()),
        (_EXPORT, _schedule("export", paused=True), marked()),
        (_EXPORT, _schedule("other"), marked()),
        (_EXPORT, Sample(_JOB, {"name": "drill"}, "drill"), _schedule("export"), marked()),
    ),
    not_applicable=((_EXPORT,), (_schedule("export"), marked())),
)
def job_scheduled(graph: Graph) -> Iterator[Finding]:
    """A job that nobody starts is a promise that nobody keeps: no export, no drill, no sign that logs arrive. Judged in
    stacks that are built from this project's components."""
    jobs = graph.of(_JOB)
    if not ours(graph) or not jobs:
        yield skip("no jobs of our stacks")
        return
    for job in jobs:
        found = [_starts(schedule, job) for schedule in graph.of(_SCHEDULE)]
        if None in found and True not in found:
            yield unsure(job, "name", "a schedule that may start it is not known yet")
        elif True not in found:
            yield fail(job, "name", "is started by no schedule")


def _starts(schedule: Resource, job: Resource) -> bool | None:
    """None where it is not known yet."""
    if not schedule.known("paused"):
        return None
    if schedule.flag("paused"):
        return False
    edges = schedule.property_dependencies.get("httpTarget", ())
    uri = schedule.raw("httpTarget.uri")
    if not isinstance(uri, str):
        return job.urn in edges or (None if uri is UNKNOWN and not edges else False)
    if not job.known("name"):
        return job.urn in edges or None
    return f"/jobs/{job.text('name')}:run" in uri
