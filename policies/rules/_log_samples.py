"""Audit log entries of every kind, with everything open that differs from company to company: no filter may drop one.

Shaped like the Logging API's LogEntry. Sources: Cloud Audit Logs documentation (log names, severities, resource types).
"""

from __future__ import annotations

from typing import Any, Final

from policies.logquery import ANY, Answer, Ending, Entry, selects

_NAMES: Final = ("activity", "data_access", "system_event", "policy")
_RESOURCES: Final = (
    *("project", "organization", "folder", "service_account", "iam_role", "gcs_bucket", "cloudsql_database"),
    *("cloud_run_revision", "cloud_run_job", "k8s_cluster", "gce_instance", "gce_network", "gce_firewall_rule"),
    *("cloudkms_cryptokey", "cloudkms_cryptokeyversion", "bigquery_dataset", "audited_resource", "logging_sink"),
    *("pubsub_topic", "pubsub_subscription", "service_config", "secretmanager.googleapis.com/Secret"),
)


def _audit(name: str, resource: str, severity: str) -> Entry:
    return {
        "logName": Ending(f"/logs/cloudaudit.googleapis.com%2F{name}"),
        "severity": severity,
        "insertId": ANY,
        "timestamp": ANY,
        "receiveTimestamp": ANY,
        "operation": ANY,
        "labels": ANY,
        "resource": {"type": resource, "labels": ANY},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            **dict.fromkeys(("serviceName", "methodName", "resourceName", "authenticationInfo", "response"), ANY),
            **dict.fromkeys(("authorizationInfo", "requestMetadata", "request", "status", "metadata"), ANY),
            **dict.fromkeys(("serviceData", "policyViolationInfo", "resourceLocation"), ANY),
        },
    }


def _plain(severity: str) -> Entry:
    fields: dict[str, Any] = dict.fromkeys(
        (
            "logName",
            "resource",
            "labels",
            "insertId",
            "timestamp",
            "trace",
            "textPayload",
            "jsonPayload",
            "protoPayload",
        ),
        ANY,
    )
    return {**fields, "severity": severity}


AUDIT: Final = tuple(_audit(n, r, s) for n in _NAMES for r in _RESOURCES for s in ("INFO", "NOTICE", "ERROR"))
EVERYTHING: Final = tuple(_plain(s) for s in ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL"))


def keeps_everything(query: str) -> bool:
    """Whether the filter lets every log entry through, whatever is in it. Raises QueryError."""
    return all(selects(query, entry) is True for entry in EVERYTHING)


def may_select_audit(query: str) -> Entry | None:
    """An audit log entry that the filter selects, or may select, or None where there is none. Raises QueryError."""
    answers: dict[int, Answer] = {}
    for index, entry in enumerate(AUDIT):
        answers[index] = selects(query, entry)
        if answers[index] is not False:
            return entry
    return None
