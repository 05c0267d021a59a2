"""Somebody hears when a job fails, and when one that a schedule starts does not succeed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._job_samples import DATABASE, absent, cron, failed, job, missing, schedule
from policies.rules._jobs import JOB, LATER, WORKERS, arguments, failure, heard, hours_between, silence, why_not
from policies.rules._ours import marked
from policies.rules._watch import ALERT

_OF_THE_HOUSE: Final = re.compile(r"-m\s+jobs\b")
_DONE_QUERY: Final = (
    '(sum(increase(logging_googleapis_com:user_jobs_done{deployment="render-sweep-site"}[26h])) or vector(0)) < 0.5'
)
_DONE: Final = Sample(
    ALERT,
    {
        "conditions": [{"conditionPrometheusQueryLanguage": {"query": _DONE_QUERY, "duration": "0s"}}],
        "notificationChannels": ["projects/p/notificationChannels/mail"],
    },
    "done",
)


@rule(
    id="job-failure-alert",
    clause="BAK-6",
    title="In our stacks somebody hears when a job fails",
    severity="high",
    types=(*WORKERS, ALERT),
    reads={ALERT: ("conditions", "enabled", "notificationChannels")},
    scope="stack",
    fix='an AlertPolicy on metric.type="run.googleapis.com/job/completed_execution_count" with result="failed"',
    sources=("https://cloud.google.com/run/docs/monitoring",),
    good=(
        (marked(), DATABASE, job("drill"), failed("drill-.*")),
        (marked(), DATABASE, job("drill"), job("canary", name="canary"), failed(".*")),
    ),
    bad=(
        (marked(), DATABASE, job("drill")),
        (marked(), DATABASE, job("drill"), failed("export-.*")),
        (marked(), DATABASE, job("drill"), failed("drill-.*", result="succeeded")),
        (marked(), DATABASE, job("drill"), failed("drill-.*", enabled=False)),
        (marked(), DATABASE, job("drill"), failed("drill-.*", notificationChannels=[])),
        (marked(), DATABASE, job("drill"), missing("drill-orders")),
    ),
    not_applicable=((DATABASE, job("drill")), (marked(), DATABASE)),
)
def failure_alert(graph: Graph) -> Iterator[Finding]:
    """A drill that fails at night and is not heard is a backup that is not there. Cron jobs on Render report their
    failures by Render's own events."""
    workers = graph.of(JOB)
    if why_not(graph) is not None or not workers:
        yield skip("no job of this stack proves anything")
        return
    yield from _unheard(graph, workers, failure, "fails")


def _unheard(graph: Graph, workers: Iterable[Resource], ask: Any, what: str) -> Iterator[Finding]:
    for worker in workers:
        answers = heard(graph, worker, ask)
        if answers.found:
            continue
        if answers.open:
            yield unsure(worker, "", "an alert that may watch it is not known yet")
        else:
            yield fail(worker, "", f"no live alert of this stack hears when it {what}")


@rule(
    id="job-silence-alert",
    clause="BAK-7",
    title="In our stacks somebody hears when a job that runs by the clock does not succeed",
    severity="medium",
    types=(*WORKERS, ALERT),
    reads={ALERT: ("conditions", "enabled", "notificationChannels")},
    scope="stack",
    fix="an AlertPolicy on the absence of success: (sum(increase(…[26h])) or vector(0)) < 0.5",
    sources=("https://cloud.google.com/monitoring/alerts/using-promql",),
    good=(
        (marked(), DATABASE, job("count", name="count"), schedule("count"), missing("count")),
        (marked(), DATABASE, job("count", name="count"), schedule("count"), absent("count", 84_600)),
        (marked(), DATABASE, cron("sweep", "0 2 * * *"), job("count", name="count"), _DONE),
    ),
    bad=(
        (marked(), DATABASE, job("count", name="count"), schedule("count")),
        (marked(), DATABASE, job("count", name="count"), schedule("count"), missing("others")),
        (marked(), DATABASE, job("count", name="count"), schedule("count"), missing("count", enabled=False)),
        (marked(), DATABASE, job("count", name="count"), schedule("count"), failed("count")),
        (marked(), DATABASE, cron("sweep", "0 2 * * *"), job("count", name="count")),
    ),
    not_applicable=(
        (DATABASE, job("count", name="count"), schedule("count")),
        (marked(), DATABASE, job("count", name="count")),
    ),
)
def silence_alert(graph: Graph) -> Iterator[Finding]:
    """What never ran has no failure to tell. How soon the silence has to be heard is asked of the jobs that prove
    something; that it is heard at all, of each that a schedule starts. Of cron jobs on Render those of the house can
    be heard, which send what they say to Google Cloud."""
    workers = [w for w in graph.of(*WORKERS) if hours_between(w)] if why_not(graph) is None else []
    told = {worker: _of_the_house(worker) for worker in workers}
    if not any(house is not False for house in told.values()):
        yield skip("no job of this stack runs by the clock")
        return
    yield from _unheard(graph, [w for w, house in told.items() if house], silence, "does not succeed")
    for worker, house in told.items():
        if house is None and not heard(graph, worker, silence).found:
            yield unsure(worker, "", "what it does is not known yet")


def _of_the_house(worker: Resource) -> bool | None:
    """Whether what it says reaches Google Cloud; None where its command is not known yet."""
    said = " ".join(arguments(worker))
    return worker.type == JOB or bool(_OF_THE_HOUSE.search(said)) or (None if LATER in said else False)
