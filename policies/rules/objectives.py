"""Availability objectives: each service and database has one, it leaves a budget, and somebody hears when that goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._ours import ours
from policies.rules._watch import ALERT

SLO: Final = gcp("monitoring/slo")
DASHBOARD: Final = gcp("monitoring/dashboard")
RUN: Final = gcp("cloudrunv2/service")
DATABASE: Final = gcp("sql/databaseInstance")
_DOCS = (
    "https://sre.google/workbook/alerting-on-slos/",
    "https://cloud.google.com/stackdriver/docs/solutions/slo-monitoring",
)
_OURS = Sample("hosting:monitoring:Watch", {}, "ours")
_NAME = "projects/audit/services/app/serviceLevelObjectives/available"


def _slo(text: str = 'resource.labels.service_name="app"', goal: Any = 0.995) -> Sample:
    sli = {"goodTotalRatio": {"totalServiceFilter": text}}
    props = {"service": "app", "sloId": "available", "goal": goal, "requestBasedSli": sli}
    return Sample(SLO, props, "slo", outputs={"name": _NAME})


def _alert(text: str = f'select_slo_burn_rate("{_NAME}", "3600s")', **more: Any) -> Sample:
    conditions = [{"conditionThreshold": {"filter": text}}]
    return Sample(ALERT, {"conditions": conditions, "notificationChannels": ["mail"], **more}, "alert")


_APP = Sample(RUN, {"name": "app"}, "app")
_DATA = Sample(DATABASE, {"name": "orders"}, "orders")
_UP = 'metric.type="cloudsql.googleapis.com/database/up" AND resource.labels.database_id="p:orders"'


def _texts(resource: Resource, *beginnings: str) -> tuple[list[str], bool]:
    """The texts below these properties, and whether one is not known yet."""
    leaves = [plain(value) for path, value in resource.walk() if path.startswith(beginnings)]
    return [leaf for leaf in leaves if isinstance(leaf, str)], UNKNOWN in leaves


def _measured(slo: Resource, subject: Resource, name: str) -> bool | None:
    """Whether the objective is about it; None where that is not known yet and comes from nowhere."""
    texts, lost = _texts(slo, "requestBasedSli", "windowsBasedSli", "basicSli")
    if any(re.search(rf'[":/]{re.escape(name)}"', text) for text in texts):
        return True
    if not lost:
        return False
    edges = {urn for found in slo.property_dependencies.values() for urn in found}
    return subject.urn in edges if edges else None


@rule(
    id="slo-for-everything",
    clause="MON-7",
    title="Every service and every database has an availability objective",
    severity="low",
    types=(RUN, DATABASE),
    scope="stack",
    fix="gcp.monitoring.Slo(service=…, goal=0.995, rolling_period_days=30, request_based_sli=… or windows_based_sli=…)",
    sources=_DOCS,
    good=((_OURS, _APP, _slo()), (_OURS, _DATA, _slo(_UP)), (_OURS, _APP, _DATA, _slo(), _slo(_UP))),
    bad=((_OURS, _APP), (_OURS, _APP, _slo('resource.labels.service_name="app-two"')), (_OURS, _APP, _DATA, _slo())),
    not_applicable=((_APP,), (_OURS,)),
)
def for_everything(graph: Graph) -> Iterator[Finding]:
    """Without a number nobody can say whether it is good enough, or whether a change may be risked today. Judged for
    stacks of this project."""
    subjects = graph.of(RUN, DATABASE)
    if not (ours(graph) and subjects):
        yield skip("the stack has no service and no database, or is not built from this project's components")
        return
    for subject in subjects:
        name = str(subject.output("name") or subject.name)
        found = [_measured(slo, subject, name) for slo in graph.of(SLO)]
        if None in found and True not in found:
            yield unsure(subject, "name", "an objective that may be about it is not known yet")
        elif True not in found:
            yield fail(subject, "name", "has no objective: nobody knows how much failure is too much")


@rule(
    id="slo-leaves-budget",
    clause="MON-7",
    title="Objectives are high enough to mean something and leave a budget",
    severity="low",
    types=(SLO,),
    decides=("goal",),
    fix="goal=0.995",
    sources=_DOCS,
    params={"lowest": 0.9, "highest": 0.9999},
    good=({"service": "s", "goal": 0.995}, {"service": "s", "goal": 0.9999}, {"service": "s", "goal": 0.9}),
    bad=({"service": "s", "goal": 1.0}, {"service": "s", "goal": 0.5}, {"service": "s"}),
)
def leaves_budget(slo: Resource, params: dict[str, float]) -> Iterator[Finding]:
    """One of 100 % is broken by the first restart, and from then on nobody looks; one of 50 % is never broken."""
    goal = slo.number("goal")
    if goal is None or not params["lowest"] <= goal <= params["highest"]:
        yield fail(slo, "goal", f"is {slo.show('goal')}; an objective is {params['lowest']:g} to {params['highest']:g}")


def _named(text: str, slo: Resource) -> bool:
    """Whether a text names the objective in full, or by its parts while its full name is not known yet."""
    name = slo.output("name")
    parts = f"/services/{slo.text('service')}/serviceLevelObjectives/{slo.text('sloId')}"
    return f'"{name}"' in text or f'{parts}"' in text


def _followed(slo: Resource, others: list[Resource], word: str, *beginnings: str) -> bool | None:
    """Whether one of the others asks for the objective by that selector; None where it is not known yet."""
    maybe = False
    for other in others:
        texts, lost = _texts(other, *beginnings)
        if any(word in text and _named(text.replace('\\"', '"'), slo) for text in texts):
            return True
        if lost:
            edges = {urn for path in beginnings for urn in other.property_dependencies.get(path, ())}
            if slo.urn in edges:
                return True
            maybe = maybe or not edges
    return None if maybe else False


@rule(
    id="slo-budget-alerts",
    clause="MON-7",
    title="Somebody hears when the budget of an objective goes too fast",
    severity="medium",
    types=(SLO,),
    scope="stack",
    fix='an enabled AlertPolicy with filter=\'select_slo_burn_rate("<name of the objective>", "3600s")\' and channels',
    sources=_DOCS,
    good=((_slo(), _alert()), (_slo(), _alert("severity"), _alert())),
    bad=(
        (_slo(),),
        (
            _slo(),
            _alert('select_slo_burn_rate("projects/audit/services/other/serviceLevelObjectives/available", "3600s")'),
        ),
        (_slo(), _alert(f'select_slo_health("{_NAME}")')),
        (_slo(), _alert(enabled=False)),
        (_slo(), _alert(notificationChannels=[])),
    ),
    not_applicable=((_APP,),),
)
def budget_alerts(graph: Graph) -> Iterator[Finding]:
    """An objective that nobody hears of is a chart."""
    objectives = graph.of(SLO)
    if not objectives:
        yield skip("the stack has no objectives")
        return
    alerts = {alert: _heard(alert) for alert in graph.of(ALERT)}
    sure = [alert for alert, heard in alerts.items() if heard]
    maybe = [alert for alert, heard in alerts.items() if heard is None]
    for slo in objectives:
        followed = _followed(slo, sure, "select_slo_burn_rate", "conditions")
        if followed is False and _followed(slo, maybe, "select_slo_burn_rate", "conditions") is not False:
            followed = None
        if followed is None:
            yield unsure(slo, "name", "an alert that may follow it is not known yet")
        elif not followed:
            yield fail(slo, "goal", "is promised, and no alert says when its budget is used up")


def _heard(alert: Resource) -> bool | None:
    """Whether an alert is on and has channels; None where that is not known and no channel of the stack vouches."""
    enabled, channels = plain(alert.raw("enabled")), plain(alert.raw("notificationChannels"))
    if enabled is False or channels in (None, []):
        return False
    linked = channels is not UNKNOWN or bool(alert.property_dependencies.get("notificationChannels"))
    return True if linked and enabled is not UNKNOWN else None


def _board(text: str = rf"select_slo_budget_fraction(\"{_NAME}\")") -> Sample:
    return Sample(DASHBOARD, {"dashboardJson": f'{{"tiles": ["{text}"]}}'}, "board")


@rule(
    id="slo-on-dashboard",
    clause="MON-7",
    title="A dashboard shows what is left of every budget",
    severity="low",
    types=(SLO,),
    scope="stack",
    fix='gcp.monitoring.Dashboard(dashboard_json=…) with a chart of select_slo_budget_fraction("<name>")',
    sources=_DOCS,
    good=((_OURS, _slo(), _board()),),
    bad=((_OURS, _slo()), (_OURS, _slo(), _board("cpu"))),
    not_applicable=((_slo(),), (_OURS,)),
)
def on_dashboard(graph: Graph) -> Iterator[Finding]:
    """Whoever is woken sees all of it on one page. Judged for stacks of this project."""
    objectives = graph.of(SLO)
    if not (ours(graph) and objectives):
        yield skip("the stack has no objectives, or is not built from this project's components")
        return
    boards = graph.of(DASHBOARD)
    for slo in objectives:
        shown = _followed(slo, boards, "select_slo_", "dashboardJson")
        if shown is None:
            yield unsure(slo, "name", "a dashboard that may show it is not known yet")
        elif not shown:
            yield fail(slo, "goal", "is on no dashboard of this stack")
