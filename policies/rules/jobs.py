"""The jobs that prove the rest: exports, drills, canary and anchors run on a schedule, and somebody hears when not.

Judged where the stack is built from this project's components and has a database: other stacks may prove the same in
other ways, which no rule could tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.graph import Graph
from policies.logquery import QueryError, selects
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._jobs import (
    JOB,
    SCHEDULE,
    WORKERS,
    Duty,
    about,
    databases,
    doing,
    failure,
    heard,
    hours_between,
    silence,
)
from policies.rules._ours import enabled, marked, off_google, ours
from policies.rules._render import CRON, POSTGRES
from policies.rules._sql import INSTANCE
from policies.rules._watch import ALERT

_BUCKET: Final = gcp("storage/bucket")
_DOCS: Final = (
    "https://cloud.google.com/run/docs/execute/jobs-on-schedule",
    "https://cloud.google.com/monitoring/alerts/using-promql",
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A duty with its clause, its figures and its words."""

    id: str
    clause: str
    alert: str
    """Clause of the alert on silence."""
    duty: Duty
    argument: str
    hours: float
    """Between two runs at most."""
    silent: float
    """Hours without a success after which somebody hears of it."""
    what: str
    why: str
    severity: str = "high"


TASKS: Final = (
    Task(
        id="backup-export",
        clause="BAK-4",
        alert="BAK-7",
        duty=Duty(words=r"(^|[\s/-])(export|dump|pg_dump)\b", each=True),
        argument="export",
        hours=24,
        silent=26,
        what="an independent copy of every database is made every day",
        why="Copies that the database service keeps itself go with its project, its administrators and its mistakes.",
    ),
    Task(
        id="restore-drill",
        clause="BAK-6",
        alert="BAK-6",
        duty=Duty(words=r"^(?!.*recovery).*(^|[\s/-])(drill|restore-drill|restore-test)\b", each=True),
        argument="drill",
        hours=168,
        silent=192,
        what="a copy of every database is restored and checked every week",
        why="A backup that was never restored is a hope: a truncated or empty one looks the same from outside.",
    ),
    Task(
        id="log-canary",
        clause="LOG-6",
        alert="LOG-6",
        duty=Duty(words=r"(^|[\s/-])canary\b", each=False),
        argument="canary",
        hours=24,
        silent=26,
        what="an entry is sent on every way of logs and looked for every day",
        why="A sink that lost its right, or a filter that drops too much, is silent: nothing says what is missing.",
    ),
    Task(
        id="activity-anchor",
        clause="LOG-7",
        alert="LOG-7",
        duty=Duty(words=r"(^|[\s/-])anchor\b", each=False),
        argument="anchor",
        hours=24,
        silent=26,
        what="the head of the activity log is anchored every day",
        why="A chain shows what was changed inside of it; only an anchor shows that it was not rewritten or cut off.",
    ),
)
_WATCH: Final = Task(
    id="watch",
    clause="BAK-7",
    alert="BAK-7",
    duty=Duty(words=r"(^|[\s/-])watch\b", each=False),
    argument="watch",
    hours=26,
    silent=26,
    what="somebody hears where no export was made, or no drill passed, for too long",
    why="On Render alone no monitoring hears that a job is silent; one more job has to, whose failure Render tells.",
)
"""Of stacks on Render alone; it stands in for the alerts on silence."""
_DATABASE: Final = Sample(INSTANCE, {"name": "orders", "databaseVersion": "POSTGRES_17"}, "orders")
_CHANNEL: Final = "projects/p/notificationChannels/mail"


def _job(argument: str, name: str = "", database: str = "orders") -> Sample:
    container = {"image": "jobs@sha256:00", "args": [argument], "envs": [{"name": "JOBS_DATABASE", "value": database}]}
    props = {"name": name or f"{argument}-{database}", "template": {"template": {"containers": [container]}}}
    return Sample(JOB, props, name or f"{argument}-{database}")


def _schedule(job: str, cron: str = "30 2 * * *", **more: Any) -> Sample:
    uri = f"https://run.googleapis.com/v2/projects/p/locations/l/jobs/{job}:run"
    return Sample(SCHEDULE, {"name": job, "schedule": cron, "httpTarget": {"uri": uri}, **more}, f"{job}-schedule")


def _missing(job: str, hours: int = 26, **more: Any) -> Sample:
    query = (
        f'(sum(increase(run_googleapis_com:job_completed_execution_count{{job_name="{job}",result="succeeded"}}'
        f"[{hours}h])) or vector(0)) < 0.5"
    )
    condition = {"conditionPrometheusQueryLanguage": {"query": query, "duration": "0s"}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": [_CHANNEL], **more}, f"{job}-missing")


def _absent(job: str, seconds: int, result: str = "succeeded") -> Sample:
    text = (
        'metric.type="run.googleapis.com/job/completed_execution_count" AND resource.type="cloud_run_job" AND '
        f'metric.labels.result="{result}" AND resource.labels.job_name="{job}"'
    )
    condition = {"conditionAbsent": {"filter": text, "duration": f"{seconds}s"}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": [_CHANNEL]}, f"{job}-absent")


def _failed(job: str, result: str = "failed", **more: Any) -> Sample:
    text = (
        'metric.type="run.googleapis.com/job/completed_execution_count" AND resource.type="cloud_run_job" AND '
        f'metric.label.result="{result}" AND resource.label.job_name=monitoring.regex.full_match("{job}")'
    )
    condition = {"conditionThreshold": {"filter": text, "comparison": "COMPARISON_GT", "thresholdValue": 0}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": [_CHANNEL], **more}, "failed")


def _cron(argument: str, schedule: str, database: str = "site") -> Sample:
    details = {"schedule": schedule, "envSpecificDetails": {"dockerCommand": f"python -m jobs {argument}"}}
    name = f"render-{argument}-{database}"
    return Sample(CRON, {"name": name, "serviceDetails": details}, name)


def _asked(graph: Graph, task: Task | None = None) -> str | None:
    """Why the stack is not asked for jobs, or for the job of a task."""
    if not ours(graph):
        return "the stack is not built from this project's components"
    if off_google(graph) and not (task and task.duty.each):
        return "the stack runs on Render alone, and this is done on Google Cloud"
    return None if databases(graph) else "the stack has no database"


def _scheduled(graph: Graph, task: Task, hours: float) -> Iterator[Finding]:
    workers = doing(graph, task.duty)
    if not task.duty.each:
        yield from _often_enough(workers, task, hours, None)
        return
    does = {worker.urn: (worker, sure) for worker, sure in workers}
    for database in databases(graph):
        its = [(does[urn][0], does[urn][1] and fits) for urn, fits in about(database).items() if urn in does]
        yield from _often_enough(its, task, hours, database)


def _often_enough(
    workers: list[tuple[Resource, bool]], task: Task, hours: float, database: Resource | None
) -> Iterator[Finding]:
    """Judges the jobs that do it, and those that may (False): where only these run often enough, nobody knows yet."""
    gaps = [(gap, worker, sure) for worker, sure in workers for gap in hours_between(worker)]
    often = [(gap, worker, sure) for gap, worker, sure in gaps if gap is None or gap <= hours]
    if any(gap is not None and sure for gap, _, sure in often):
        return
    surely = [worker for worker, sure in workers if sure]
    if often:
        gap, worker, _ = often[0]
        what = "its schedule" if gap is None else "what it does"
        yield unsure(worker, "", f"{what} is not known yet")
    elif surely:
        yield fail(surely[0], "", f"is started by no schedule at least every {hours:g} hours")
    elif database is not None:
        yield fail(database, "", f"no job of this stack does this: `{task.argument}`")
    else:
        yield fail_stack(f"no job of this stack does this: `{task.argument}`")


def _watched(graph: Graph, task: Task, hours: float) -> Iterator[Finding]:
    if off_google(graph):
        yield from _often_enough(doing(graph, _WATCH.duty), _WATCH, hours, None)
        return
    for worker, sure in doing(graph, task.duty):
        answers = heard(graph, worker, silence)
        if any(after <= hours for after in answers.found):
            continue
        if not sure:
            yield unsure(worker, "", "what it does is not known yet")
        elif answers.open:
            yield unsure(worker, "", "an alert that may watch it is not known yet")
        elif answers.found:
            yield fail(worker, "", f"its silence is heard after {min(answers.found):g} hours, not after {hours:g}")
        else:
            yield fail(worker, "", "no live alert of this stack hears when it does not succeed")


def _register(task: Task) -> None:
    name = f"{task.argument}-orders"
    whole = (_job(task.argument), _schedule(name))
    slow = "0 3 1 * *"
    later = {"schedule": "30 2 * * *", "httpTarget": UNKNOWN}
    render = (Sample(POSTGRES, {"name": "site"}, "site"), enabled("p"))
    alone = (marked(), render[0], _cron(task.argument, "0 2 * * *"))
    bad_schedules: tuple[tuple[Sample, ...], ...] = (
        (marked(), _DATABASE),
        (marked(), _DATABASE, _job(task.argument)),
        (marked(), _DATABASE, _job(task.argument), _schedule(name, slow)),
        (marked(), _DATABASE, _job(task.argument), _schedule(name, paused=True)),
        (marked(), _DATABASE, _job(task.argument), _schedule("something-else")),
        (marked(), _DATABASE, _job("report", name="weekly-report"), _schedule("weekly-report")),
    )
    if task.duty.each:
        bad_schedules += (
            (marked(), _DATABASE, Sample(INSTANCE, {"name": "stock"}, "stock"), *whole),
            (marked(), *render),
            (marked(), render[0]),
            (marked(), *render, _cron(task.argument, slow)),
        )
    rule(
        id=f"{task.id}-scheduled",
        clause=task.clause,
        title=f"In our stacks {task.what}",
        severity=task.severity,
        types=(INSTANCE, POSTGRES, *WORKERS, SCHEDULE),
        reads={JOB: ("template.template",), SCHEDULE: ("schedule", "paused", "httpTarget.uri")},
        scope="stack",
        fix=f"the section `jobs` of the stack file; it runs `python -m jobs {task.argument}` on a schedule",
        why=task.why,
        sources=_DOCS,
        params={"max_hours": task.hours},
        good=(
            (marked(), _DATABASE, *whole),
            (marked(), _DATABASE, whole[0], Sample(SCHEDULE, later, "clock", {"httpTarget": (name,)})),
            (marked(), *render, _cron(task.argument, "0 2 * * *")),
            *(((marked(), render[0], _cron(task.argument, "0 2 * * *")),) if task.duty.each else ()),
        ),
        bad=bad_schedules,
        not_applicable=((_DATABASE,), (marked(),)),
    )(lambda graph, params: _when_asked(graph, _scheduled, task, float(params["max_hours"])))
    rule(
        id=f"{task.id}-missing-alert",
        clause=task.alert,
        title=f"Somebody hears within {task.silent:g} hours when it is not so that {task.what}",
        severity=task.severity,
        types=(INSTANCE, POSTGRES, *WORKERS, ALERT),
        reads={ALERT: ("conditions", "enabled", "notificationChannels")},
        scope="stack",
        fix=f"an AlertPolicy on the absence of success: (sum(increase(…[{task.silent:g}h])) or vector(0)) < 0.5"
        + ("; on Render alone a cron job with `python -m jobs watch`" if task.duty.each else ""),
        why="A job that does not run says nothing. Silence has to be an alert, also of what never ran at all.",
        sources=_DOCS,
        params={"max_hours": task.silent},
        good=(
            (marked(), _DATABASE, *whole, _missing(name)),
            (marked(), _DATABASE, *whole, _absent(name, 84_600)),
            *(((*alone, _cron("watch", "50 */6 * * *")),) if task.duty.each else ()),
        ),
        bad=(
            (marked(), _DATABASE, *whole),
            (marked(), _DATABASE, *whole, _missing(name, hours=1000)),
            (marked(), _DATABASE, *whole, _missing("others")),
            (marked(), _DATABASE, *whole, _missing(name, enabled=False)),
            (marked(), _DATABASE, *whole, _missing(name, notificationChannels=[])),
            (marked(), _DATABASE, *whole, _absent(name, 84_600, result="failed")),
            (marked(), _DATABASE, *whole, _failed(name)),
            *((alone, (*alone, _cron("watch", slow))) if task.duty.each else ()),
        ),
        not_applicable=((_DATABASE, *whole), (marked(), _DATABASE)),
    )(lambda graph, params: _when_done(graph, task, float(params["max_hours"])))


def _when_asked(graph: Graph, judge: Any, task: Task, hours: float) -> Iterator[Finding]:
    reason = _asked(graph, task)
    if reason is not None:
        yield skip(reason)
    else:
        yield from judge(graph, task, hours)


def _when_done(graph: Graph, task: Task, hours: float) -> Iterator[Finding]:
    if _asked(graph, task) is None and not doing(graph, task.duty):
        yield skip("no job of this stack does this, which another rule says")
    else:
        yield from _when_asked(graph, _watched, task, hours)


for _task in TASKS:
    _register(_task)


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
        (marked(), _DATABASE, _job("drill"), _failed("drill-.*")),
        (marked(), _DATABASE, _job("drill"), _job("canary", name="canary"), _failed(".*")),
    ),
    bad=(
        (marked(), _DATABASE, _job("drill")),
        (marked(), _DATABASE, _job("drill"), _failed("export-.*")),
        (marked(), _DATABASE, _job("drill"), _failed("drill-.*", result="succeeded")),
        (marked(), _DATABASE, _job("drill"), _failed("drill-.*", enabled=False)),
        (marked(), _DATABASE, _job("drill"), _failed("drill-.*", notificationChannels=[])),
        (marked(), _DATABASE, _job("drill"), _missing("drill-orders")),
    ),
    not_applicable=((_DATABASE, _job("drill")), (marked(), _DATABASE)),
)
def failure_alert(graph: Graph) -> Iterator[Finding]:
    """A drill that fails at night and is not heard is a backup that is not there. Cron jobs on Render report their
    failures by Render's own events."""
    workers = graph.of(JOB)
    if _asked(graph) is not None or not workers:
        yield skip("no job of this stack proves anything")
        return
    for worker in workers:
        answers = heard(graph, worker, failure)
        if answers.found:
            continue
        if answers.open:
            yield unsure(worker, "", "an alert that may watch it is not known yet")
        else:
            yield fail(worker, "", "no live alert of this stack hears when it fails")


_STORE: Final[Mapping[str, str]] = {"store": "evidence"}
_EVIDENCE: Final = {
    "name": "example-evidence",
    "labels": {"store": "evidence"},
    "retentionPolicy": {"retentionPeriod": "34560000", "isLocked": True},
}


@rule(
    id="job-evidence-locked",
    clause="BAK-6",
    title="What jobs found can be changed by nobody",
    severity="high",
    types=(_BUCKET,),
    decides=("retentionPolicy.isLocked",),
    fix='retention_policy={"retention_period": "34560000", "is_locked": True}',
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    traps=(28,),
    params={**_STORE, "min_days": 400},
    good=(_EVIDENCE,),
    bad=(
        {"name": "e", "labels": {"store": "evidence"}},
        {**_EVIDENCE, "retentionPolicy": {"retentionPeriod": "34560000", "isLocked": False}},
        {**_EVIDENCE, "retentionPolicy": {"retentionPeriod": "2592000", "isLocked": True}},
    ),
    not_applicable=({"name": "exports", "labels": {"store": "exports"}}, {"name": "exports"}),
)
def evidence_locked(bucket: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Evidence and the anchors of the activity log prove something only while nobody can put others in their place.
    Judged for buckets with the label `store: evidence`."""
    if bucket.text("labels.store") != str(params["store"]):
        yield skip("the bucket holds no evidence")
        return
    if not bucket.flag("retentionPolicy.isLocked"):
        yield fail(bucket, "retentionPolicy.isLocked", f"is {bucket.show('retentionPolicy.isLocked')}")
    days = (bucket.number("retentionPolicy.retentionPeriod") or 0) / 86_400
    if days < float(params["min_days"]):
        yield fail(bucket, "retentionPolicy.retentionPeriod", f"is {days:g} days, fewer than {params['min_days']}")


_METRIC: Final = gcp("logging/metric")
_SAID: Final[Mapping[str, Any]] = {
    "failed": {"severity": "ERROR", "jsonPayload": {"job": "drill", "deployment": "drill-orders", "message": "found"}},
    "done": {
        "severity": "INFO",
        "jsonPayload": {"job": "drill", "deployment": "drill-orders", "message": "done", "exit": 0},
    },
}
"""What a job says at its end, by the name of the metric that counts it."""


@rule(
    id="job-metric-selects",
    clause="BAK-7",
    title="Metrics over our jobs select what jobs say at their end",
    severity="high",
    types=(_METRIC,),
    decides=("filter",),
    fix='filter="severity=ERROR AND jsonPayload.job:* AND jsonPayload.deployment:*"',
    sources=("https://cloud.google.com/logging/docs/view/logging-query-language",),
    good=(
        {"name": "jobs/failed", "filter": "severity=ERROR AND jsonPayload.job:* AND jsonPayload.deployment:*"},
        {"name": "jobs/done", "filter": "jsonPayload.exit=0 AND jsonPayload.job:*"},
    ),
    bad=(
        {"name": "jobs/failed", "filter": "(severity=ERROR AND jsonPayload.job:*) AND labels.never=never"},
        {"name": "jobs/failed", "filter": "severity=EMERGENCY"},
        {"name": "jobs/done", "filter": "jsonPayload.exit=1 AND jsonPayload.job:*"},
        {"name": "jobs/failed", "filter": "this is ( no filter"},
    ),
    not_applicable=({"name": "security/changes", "filter": "x"},),
)
def metric_selects(counter: Resource) -> Iterator[Finding]:
    """Jobs on Render are heard by these alone: a filter that selects nothing is silence that nobody hears."""
    word = (counter.text("name") or "").removeprefix("jobs/")
    sample = _SAID.get(word) if (counter.text("name") or "").startswith("jobs/") else None
    if sample is None:
        yield skip("the metric is not about jobs")
        return
    text = counter.text("filter") or ""
    try:
        selected = bool(text.strip()) and selects(text, sample) is True
    except QueryError:
        selected = False
    if not selected:
        yield fail(counter, "filter", f"does not select what a job says when it is {word}")
