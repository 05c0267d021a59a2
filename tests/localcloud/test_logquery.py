"""The evaluator of the logging query language says what the cloud says, and refuses what it does not cover."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.logquery import QueryError, matches

ENTRY: dict[str, Any] = {
    "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
    "severity": "NOTICE",
    "resource": {"type": "gce_firewall_rule"},
    "labels": {"k8s.io/app": "orders"},
    "protoPayload": {
        "methodName": "SetIamPolicy",
        "authenticationInfo": {"principalEmail": "a@example.com"},
        "serviceData": {"policyDelta": {"bindingDeltas": [{"action": "REMOVE"}, {"action": "ADD"}]}},
        "response": {"status": 200, "done": True},
    },
}


@pytest.mark.parametrize(
    "query",
    [
        "",
        'log_id("cloudaudit.googleapis.com/activity")',
        'SOURCE("projects/p") AND severity=NOTICE',
        'protoPayload.methodName="SetIamPolicy"',
        'protoPayload.methodName="setiampolicy"',
        'protoPayload.methodName:"iampol"',
        'protoPayload.methodName!="other"',
        'protoPayload.methodName=~"^Set.*Policy$"',
        'protoPayload.methodName=("other" OR "SetIamPolicy")',
        'protoPayload.serviceData.policyDelta.bindingDeltas.action="ADD"',
        'protoPayload.serviceData.policyDelta.bindingDeltas.action=("ADD" AND "REMOVE")',
        "protoPayload.authenticationInfo.principalEmail:*",
        "protoPayload.response.status>=200 protoPayload.response.status<300",
        "protoPayload.response.done=true",
        'labels."k8s.io/app"=orders',
        "severity>=NOTICE",
        'NOT protoPayload.missing="x"',
        '-protoPayload.methodName="other"',
        "resource.type=gce_firewall_rule\nseverity=NOTICE -- a comment\n(severity>ERROR OR severity<ERROR)",
        "firewall AND SetIam",
        '"a@example.com"',
    ],
)
def test_selected(query: str) -> None:
    """These filters select the entry."""
    assert matches(query, ENTRY)


@pytest.mark.parametrize(
    "query",
    [
        'log_id("cloudaudit.googleapis.com/data_access")',
        'SOURCE("projects/p2") OR source("projects/q")',
        'protoPayload.methodName="SetIam"',
        'protoPayload.methodName!~"^Set"',
        'protoPayload.missing!="x"',
        "protoPayload.missing:*",
        "severity>=WARNING",
        'severity=NOTICE OR severity=ERROR AND protoPayload.methodName="other"',
        "NOT severity=NOTICE OR severity=ERROR",
        "nowhere",
    ],
)
def test_not_selected(query: str) -> None:
    """These do not: OR binds closer than AND, and a missing field fails every comparison but a negated one."""
    assert not matches(query, ENTRY)


@pytest.mark.parametrize(
    "query",
    [
        "log_id(x)",
        'log_id("a", "b")',
        "sample(insertId, 0.1)",
        'ip_in_net(protoPayload.requestMetadata.callerIp, "10.0.0.0/8")',
        'protoPayload.methodName="unterminated',
        "severity>=LOUD",
        'protoPayload.methodName=~"(?<!x)Set"',
        'protoPayload.methodName=~"("',
        'protoPayload.methodName!=("a" OR "b")',
        "a = AND",
        "(severity=NOTICE",
    ],
)
def test_refused(query: str) -> None:
    """What the evaluator does not cover, or the cloud would refuse, is an error and never a silent no."""
    with pytest.raises(QueryError):
        matches(query, ENTRY)
