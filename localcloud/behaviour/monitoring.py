"""Monitoring: what alerts name exists first; objectives and dashboards are such that the API takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from localcloud.behaviour import Request, on
from localcloud.codec import leaves
from localcloud.errors import not_found, refused

POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
METRIC = "gcp:logging/metric:Metric"
SLO = "gcp:monitoring/slo:Slo"
SERVICES = ("gcp:monitoring/customService:CustomService", "gcp:monitoring/genericService:GenericService")
DASHBOARD = "gcp:monitoring/dashboard:Dashboard"
LAYOUTS = ("gridLayout", "mosaicLayout", "rowLayout", "columnLayout")
OBJECTIVE = re.compile(r'select_slo_[a-z_]+\("([^"]+)"')
USER_METRIC = re.compile(r"logging\.googleapis\.com/user/([\w.%/-]+)")


def metrics_of(value: Any) -> Iterator[str]:
    """Names of the log-based metrics that the filters of a policy are about."""
    for _, text in leaves(value):
        if isinstance(text, str):
            yield from USER_METRIC.findall(text)


@on("create", POLICY)
@on("update", POLICY)
def alerts_need_their_metrics(request: Request) -> None:
    """A policy on a log-based metric that does not exist is refused. (The real cloud also refuses one on a metric
    that is younger than about ten minutes; here the metric is known at once.)"""
    for name in metrics_of(request.inputs):
        for project in {request.project, *(item.project for item in request.store.find(METRIC))}:
            if request.store.get(METRIC, f"projects/{project}/metrics/{name}") is not None:
                break
        else:
            raise not_found(f'Cannot find metric(s) that match type = "logging.googleapis.com/user/{name}". It')


@on("create", POLICY)
@on("update", POLICY)
def alerts_need_their_channels(request: Request) -> None:
    """A policy that notifies a channel which does not exist is refused."""
    for channel in request.get("notificationChannels") or []:
        if isinstance(channel, str) and request.store.get(CHANNEL, channel) is None:
            raise not_found(f"Notification channel {channel} (notificationChannels of '{request.name}')")


@on("create", POLICY)
@on("update", POLICY)
def alerts_need_their_objectives(request: Request) -> None:
    """A policy on the budget of an objective that does not exist is refused."""
    for _, text in leaves(request.inputs):
        for name in OBJECTIVE.findall(text) if isinstance(text, str) else ():
            if request.store.get(SLO, name) is None:
                raise not_found(f"Service level objective {name} of '{request.name}'")


@on("create", SLO)
@on("update", SLO)
def objectives_are_possible(request: Request) -> None:
    """The service exists, the goal leaves a budget, the period is one that the API takes, and one thing is measured."""
    service = f"projects/{request.project}/services/{request.get('service')}"
    if all(request.store.get(kind, service) is None for kind in SERVICES):
        raise not_found(f"Service {service} of '{request.name}'")
    goal = request.get("goal")
    if isinstance(goal, float | int) and not 0 < goal <= 0.9999:
        raise refused(f"goal must be greater than 0 and at most 0.9999, not {goal}")
    days = request.get("rollingPeriodDays")
    if bool(days) == bool(request.get("calendarPeriod")):
        raise refused("exactly one of rollingPeriodDays and calendarPeriod must be set")
    if isinstance(days, float | int) and not 1 <= days <= 30:
        raise refused(f"rollingPeriodDays must be 1 to 30, not {days:g}")
    if sum(bool(request.get(sli)) for sli in ("basicSli", "requestBasedSli", "windowsBasedSli")) != 1:
        raise refused("exactly one of basicSli, requestBasedSli and windowsBasedSli must be set")


@on("create", DASHBOARD)
@on("update", DASHBOARD)
def dashboards_are_json_with_one_layout(request: Request) -> None:
    """What is not JSON, has no name, or has no layout or two, is refused."""
    text = request.get("dashboardJson")
    if not isinstance(text, str):
        return
    try:
        board = json.loads(text)
    except ValueError as error:
        raise refused(f"dashboardJson is not JSON: {error}") from error
    if not isinstance(board, dict) or not board.get("displayName"):
        raise refused("dashboardJson has no displayName")
    if sum(layout in board for layout in LAYOUTS) != 1:
        raise refused(f"dashboardJson must have exactly one of {', '.join(LAYOUTS)}")
