"""Availability objectives: each service and database has one, it leaves a budget, and somebody hears when that goes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


def _alert(text: str = f'select_slo_burn_rate("{_NAME}", "3600s")', name: str = "alert", **more: Any) -> Sample:
    conditions = [{"conditionThreshold": {"filter": text}}]
    return Sample(ALERT, {"conditions": conditions, "notificationChannels": ["mail"], **more}, name)


_SLOW = f'select_slo_burn_rate("{_NAME}", "21600s")'


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


@dataclass(frozen=True, slots=True)
class _Followers:
    """What asks for objectives by a selector: alerts for their burn rate, dashboards for what is left."""

    by_name: dict[str, dict[str, str]]
    """By an objective's full name, and by its end from `/services/` on: URNs with the window that is asked for."""
    by_edge: dict[str, dict[str, str]]
    """The same by what a text that is not known yet comes from; the window is then not known either ("")."""
    open: bool
    """Whether a text that is not known yet comes from nowhere, and so may ask for any."""

    def of(self, slo: Resource) -> dict[str, str]:
        """What follows the objective."""
        end = f"/services/{slo.text('service')}/serviceLevelObjectives/{slo.text('sloId')}"
        named = {**self.by_name.get(end, {}), **self.by_name.get(str(slo.output("name")), {})}
        return {**self.by_edge.get(slo.urn, {}), **named}


_ALONE: Final = r"\s*\)\s*\Z"
"""Behind a selector nothing more can stand in a filter: what narrows it further is refused, or hears nothing."""


def _followers(others: Iterable[Resource], selector: str, *beginnings: str, alone: bool = False) -> _Followers:
    asked = re.compile(selector + r'\w*\(\s*"([^"]+)"(?:\s*,\s*"(\w+)")?' + (_ALONE if alone else ""))
    found = _Followers({}, {}, False)
    is_open = False
    for other in others:
        texts, lost = _texts(other, *beginnings)
        for name, window in (m for text in texts for m in asked.findall(text.replace('\\"', '"'))):
            for key in (name, f"/services/{name.rpartition('/services/')[2]}"):
                found.by_name.setdefault(key, {})[other.urn] = window
        edges = {urn for path in beginnings for urn in other.property_dependencies.get(path, ())} if lost else set()
        for urn in edges:
            found.by_edge.setdefault(urn, {})[other.urn] = ""
        is_open = is_open or (lost and not edges)
    return dataclasses.replace(found, open=is_open)


def _listening(graph: Graph) -> _Followers:
    """The alerts that are on and reach somebody."""
    return _followers((a for a in graph.of(ALERT) if _heard(a)), "select_slo_burn_rate", "conditions", alone=True)


def _perhaps_listening(graph: Graph) -> _Followers:
    """The alerts of which that is not known yet."""
    return _followers(
        (a for a in graph.of(ALERT) if _heard(a) is None), "select_slo_burn_rate", "conditions", alone=True
    )


def _shown(graph: Graph) -> _Followers:
    return _followers(graph.of(DASHBOARD), "select_slo_", "dashboardJson")


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
        (_slo(), _alert(f'(select_slo_burn_rate("{_NAME}", "3600s")) AND severity=EMERGENCY')),
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
    sure, maybe = graph.once(_listening), graph.once(_perhaps_listening)
    for slo in objectives:
        if sure.of(slo):
            continue
        if sure.open or maybe.open or maybe.of(slo):
            yield unsure(slo, "name", "an alert that may follow it is not known yet")
        else:
            yield fail(slo, "goal", "is promised, and no alert says when its budget is used up")


@rule(
    id="slo-budget-alerts-fast-and-slow",
    clause="MON-7",
    title="In our stacks somebody hears of a budget that goes fast and of one that goes slowly",
    severity="low",
    types=(SLO,),
    scope="stack",
    fix="two AlertPolicies on select_slo_burn_rate: an hour's window with a high rate, and hours with a lower",
    sources=_DOCS,
    good=((_OURS, _slo(), _alert(), _alert(_SLOW, name="slow")),),
    bad=(
        (_OURS, _slo(), _alert()),
        (_OURS, _slo(), _alert(), _alert(name="again")),
        (_OURS, _slo(), _alert(), _alert(_SLOW, name="slow", enabled=False)),
    ),
    not_applicable=((_slo(), _alert()), (_OURS,)),
)
def fast_and_slow(graph: Graph) -> Iterator[Finding]:
    """One alert hears what breaks at once and sleeps through what drips, or hears both too late. That there is one at
    all is another rule."""
    sure, maybe = graph.once(_listening), graph.once(_perhaps_listening)
    hidden = sure.open or maybe.open
    objectives = [slo for slo in graph.of(SLO) if hidden or sure.of(slo) or maybe.of(slo)]
    if not (ours(graph) and objectives):
        yield skip("no alert follows an objective, or the stack is not built from this project's components")
        return
    for slo in objectives:
        windows = list(sure.of(slo).values())
        if len(windows) > 1 and ("" in windows or len(set(windows)) > 1):
            continue
        if hidden or maybe.of(slo):
            yield unsure(slo, "name", "an alert that may follow it is not known yet")
        else:
            yield fail(slo, "goal", "is followed by one alert alone, not by one for a fast and one for a slow loss")


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
    boards = graph.once(_shown)
    for slo in objectives:
        if boards.of(slo):
            continue
        if boards.open:
            yield unsure(slo, "name", "a dashboard that may show it is not known yet")
        else:
            yield fail(slo, "goal", "is on no dashboard of this stack")
