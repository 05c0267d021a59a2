"""Clusters write logs and report metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource
from policies.rule import Finding, fail, rule
from policies.rules._gke import CLUSTER

_LOG_DOCS: Final = ("https://cloud.google.com/kubernetes-engine/docs/concepts/about-logs",)


def _service(kind: str, host: str, *, off: dict[str, Any], now: dict[str, Any]) -> None:
    """Two facts: the service is on, and it is not the agent that Google switched off in 2021."""
    path, components = f"{kind}Service", f"{kind}Config.enableComponents"

    def is_on(cluster: Resource) -> Iterator[Finding]:
        if (cluster.text(path) or "").lower() == "none":
            yield fail(cluster, path, "is 'none'")
        elif cluster.raw(f"{kind}Config") is not None and not cluster.items(components):
            yield fail(cluster, components, "is empty: nothing is collected")

    def is_current(cluster: Resource) -> Iterator[Finding]:
        value = (cluster.text(path) or "").lower()
        if value not in ("", f"{host}/kubernetes"):
            yield fail(cluster, path, f"is {value!r}, not '{host}/kubernetes'")

    shared: dict[str, Any] = {"types": (CLUSTER,), "decides": (path,), "absent": "pass", "sources": _LOG_DOCS}
    fix = f'{kind}_service="{host}/kubernetes"'
    fine: tuple[dict[str, Any], ...] = (
        {path: f"{host}/kubernetes"},
        {},
        {f"{kind}Config": {"enableComponents": ["SYSTEM_COMPONENTS"]}},
    )
    none = {path: "none"}
    rule(fix=fix, good=fine, bad=(none, {path: "None"}, {f"{kind}Config": {"enableComponents": []}}), **shared, **off)(
        is_on
    )
    rule(fix=fix, good=fine, bad=({path: host}, none), **shared, **now)(is_current)


_service(
    "logging",
    "logging.googleapis.com",
    off={
        "id": "gke-logs",
        "clause": "LOG-8",
        "title": "Clusters write their logs to Cloud Logging",
        "severity": "medium",
        "why": "What happened in a cluster without logs cannot be found out. On by default.",
        "references": ("checkov:CKV_GCP_1", "terrascan:AC_GCP_0030"),
    },
    now={
        "id": "gke-logs-kubernetes",
        "clause": "LOG-8",
        "title": "Clusters log with the Kubernetes agent",
        "severity": "medium",
        "why": "The legacy agent stopped working on 31 March 2021: the setting looks on and collects nothing.",
        "references": ("trivy:GCP-0060", "kics:stackdriver_logging_disabled"),
    },
)
_service(
    "monitoring",
    "monitoring.googleapis.com",
    off={
        "id": "gke-metrics",
        "clause": "MON-6",
        "title": "Clusters send their metrics to Cloud Monitoring",
        "severity": "medium",
        "why": "Nobody is called for a cluster that reports nothing. On by default.",
        "references": ("checkov:CKV_GCP_8", "terrascan:AC_GCP_0029"),
    },
    now={
        "id": "gke-metrics-kubernetes",
        "clause": "MON-6",
        "title": "Clusters report metrics with the Kubernetes agent",
        "severity": "medium",
        "why": "The legacy agent stopped working on 31 March 2021: the setting looks on and collects nothing.",
        "references": ("trivy:GCP-0052", "kics:stackdriver_monitoring_disabled"),
    },
)
