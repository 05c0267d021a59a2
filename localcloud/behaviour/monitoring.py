"""Alerts: the metrics and channels that they name exist first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localcloud.behaviour import Request, on
from localcloud.codec import leaves
from localcloud.errors import not_found

POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
METRIC = "gcp:logging/metric:Metric"
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
