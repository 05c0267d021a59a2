"""Jobs run by the clock: what exports, restores, checks and anchors does so only where a schedule starts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.graph import Graph
from policies.model import UNKNOWN
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._jobs import JOB, SCHEDULE, starters
from policies.rules._ours import marked, ours

_STARTS = "https://run.googleapis.com/v2/projects/p/locations/europe-west1/jobs/{}:run"


def _schedule(job: str, **more: Any) -> Sample:
    inputs = {"schedule": "0 3 * * *", "httpTarget": {"uri": _STARTS.format(job)}, **more}
    return Sample(SCHEDULE, inputs, "clock")


_EXPORT = Sample(JOB, {"name": "export"}, "export")


@rule(
    id="run-job-scheduled",
    clause="BAK-6",
    title="Every job of our stacks is started by a schedule",
    severity="high",
    types=(JOB, SCHEDULE),
    scope="stack",
    reads={SCHEDULE: ("schedule", "paused", "httpTarget.uri")},
    fix='gcp.cloudscheduler.Job(schedule=…, http_target={"uri": f"…/jobs/{job.name}:run"}) for the job',
    sources=("https://cloud.google.com/run/docs/execute/jobs-on-schedule",),
    good=(
        (_EXPORT, _schedule("export"), marked()),
        (
            _EXPORT,
            Sample(SCHEDULE, {"httpTarget": UNKNOWN, "schedule": "0 3 * * *"}, "clock", {"httpTarget": ("export",)}),
            marked(),
        ),
    ),
    bad=(
        (_EXPORT, marked()),
        (_EXPORT, _schedule("export", paused=True), marked()),
        (_EXPORT, _schedule("other"), marked()),
        (_EXPORT, Sample(JOB, {"name": "drill"}, "drill"), _schedule("export"), marked()),
    ),
    not_applicable=((_EXPORT,), (_schedule("export"), marked())),
)
def job_scheduled(graph: Graph) -> Iterator[Finding]:
    """A job that nobody starts is a promise that nobody keeps: no export, no drill, no sign that logs arrive. Judged in
    stacks that are built from this project's components."""
    jobs = graph.of(JOB)
    if not ours(graph) or not jobs:
        yield skip("no jobs of our stacks")
        return
    for job in jobs:
        found = [
            started if schedule.known("paused") else None
            for schedule, started in starters(job)
            if not schedule.known("paused") or not schedule.flag("paused")
        ]
        if found and True not in found:
            yield unsure(job, "name", "a schedule that may start it is not known yet")
        elif True not in found:
            yield fail(job, "name", "is started by no schedule")
