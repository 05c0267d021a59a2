"""The jobs that prove the rest: exports, drills, canary and anchors run on a schedule, and somebody hears when not.

Judged where the stack is built from this project's components and has a database: other stacks may prove the same in
other ways, which no rule could tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from policies.graph import Graph
from policies.model import UNKNOWN, Resource
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._job_samples import DATABASE, RENAMED, absent, cron, failed, job, missing, schedule
from policies.rules._jobs import (
    JOB,
    SCHEDULE,
    WORKERS,
    Duty,
    about,
    databases,
    doing,
    heard,
    hours_between,
    silence,
    why_not,
)
from policies.rules._ours import enabled, marked, off_google
from policies.rules._render import CRON, POSTGRES
from policies.rules._sql import INSTANCE
from policies.rules._watch import ALERT

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
    whole = (job(task.argument), schedule(name))
    slow = "0 3 1 * *"
    later = {"schedule": "30 2 * * *", "httpTarget": UNKNOWN}
    render = (Sample(POSTGRES, {"name": "site"}, "site"), enabled("p"))
    alone = (marked(), render[0], cron(task.argument, "0 2 * * *"))
    bad_schedules: tuple[tuple[Sample, ...], ...] = (
        (marked(), DATABASE),
        (marked(), DATABASE, job(task.argument)),
        (marked(), DATABASE, job(task.argument), schedule(name, slow)),
        (marked(), DATABASE, job(task.argument), schedule(name, paused=True)),
        (marked(), DATABASE, job(task.argument), schedule("something-else")),
        (marked(), DATABASE, job("report", name="weekly-report"), schedule("weekly-report")),
    )
    if task.duty.each:
        bad_schedules += (
            (marked(), DATABASE, Sample(INSTANCE, {"name": "stock"}, "stock"), *whole),
            (marked(), *render),
            (marked(), render[0]),
            (marked(), *render, cron(task.argument, slow)),
        )
    rule(
        id=f"{task.id}-scheduled",
        clause=task.clause,
        title=f"In our stacks {task.what}",
        severity=task.severity,
        types=(INSTANCE, POSTGRES, *WORKERS, SCHEDULE),
        reads={
            JOB: ("template.template",),
            CRON: ("serviceDetails",),
            SCHEDULE: ("schedule", "paused", "httpTarget.uri"),
        },
        scope="stack",
        fix=f"the section `jobs` of the stack file; it runs `python -m jobs {task.argument}` on a schedule",
        why=task.why,
        sources=_DOCS,
        params={"max_hours": task.hours},
        good=(
            (marked(), DATABASE, *whole),
            (marked(), DATABASE, whole[0], Sample(SCHEDULE, later, "clock", {"httpTarget": (name,)})),
            (marked(), *render, cron(task.argument, "0 2 * * *")),
            *(((marked(), render[0], cron(task.argument, "0 2 * * *")),) if task.duty.each else ()),
            (marked(), *RENAMED, *whole),
        ),
        bad=bad_schedules,
        not_applicable=((DATABASE,), (marked(),)),
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
            (marked(), DATABASE, *whole, missing(name)),
            (marked(), DATABASE, *whole, absent(name, 84_600)),
            *(((*alone, cron("watch", "50 */6 * * *")),) if task.duty.each else ()),
        ),
        bad=(
            (marked(), DATABASE, *whole),
            (marked(), DATABASE, *whole, missing(name, hours=1000)),
            (marked(), DATABASE, *whole, missing("others")),
            (marked(), DATABASE, *whole, missing(name, enabled=False)),
            (marked(), DATABASE, *whole, missing(name, notificationChannels=[])),
            (marked(), DATABASE, *whole, absent(name, 84_600, result="failed")),
            (marked(), DATABASE, *whole, failed(name)),
            *((alone, (*alone, cron("watch", slow))) if task.duty.each else ()),
        ),
        not_applicable=((DATABASE, *whole), (marked(), DATABASE)),
    )(lambda graph, params: _when_done(graph, task, float(params["max_hours"])))


def _when_asked(graph: Graph, judge: Any, task: Task, hours: float) -> Iterator[Finding]:
    reason = why_not(graph, task.duty)
    if reason is not None:
        yield skip(reason)
    else:
        yield from judge(graph, task, hours)


def _when_done(graph: Graph, task: Task, hours: float) -> Iterator[Finding]:
    if why_not(graph, task.duty) is None and not doing(graph, task.duty):
        yield skip("no job of this stack does this, which another rule says")
    else:
        yield from _when_asked(graph, _watched, task, hours)


for _task in TASKS:
    _register(_task)
