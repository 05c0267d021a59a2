"""Governance, weakened one thing at a time: the whole pack stops it, by a rule of the clause that was broken.

The production stack as the program registers it, with one input changed, one resource taken out or one put in, judged
with the committed waivers and registers. The same kinds of change, with the real engine: tests/e2e/test_weakened.py.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

import config
from policies import cli
from policies.model import gcp
from policies.registers import Registers, load
from tests.judging import verdicts
from tests.recording import ROOT, Recorded, Recording

POLICY = gcp("orgpolicy/policy")
ENTITLEMENT = "gcp:privilegedaccessmanager/entitlement:entitlement"
LEVEL = "gcp:accesscontextmanager/accessLevel:AccessLevel"
BINDING = "gcp:accesscontextmanager/gcpUserAccessBinding:GcpUserAccessBinding"
DENY = gcp("iam/denyPolicy")
SINK = gcp("logging/organizationSink")
METRIC = gcp("logging/metric")
ALERT = gcp("monitoring/alertPolicy")
CHANNEL = gcp("monitoring/notificationChannel")
MEMBER = gcp("projects/iAMMember")
AUDIT = gcp("projects/iAMAuditConfig")
WORKLOAD = "example-prod-workload"
Change = Callable[[dict[str, Any]], object]


@dataclass(frozen=True, kw_only=True)
class Weakened:
    """What is done to resources of a type whose name begins so; without a change they are taken out."""

    clause: str
    kind: str
    name: str
    change: Change | None = None
    added: bool = False
    """Whether the change makes a new resource out of a copy."""


def put(path: str, value: Any) -> Change:
    """Sets a property; a number in the path is an index."""

    def change(inputs: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        holder: Any = inputs
        for step in steps:
            holder = holder[int(step)] if isinstance(holder, list) else holder.setdefault(step, {})
        holder[int(last) if isinstance(holder, list) else last] = value

    return change


def drop(path: str) -> Change:
    """Removes a property."""

    def change(inputs: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        holder: Any = inputs
        for step in steps:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        del holder[last]

    return change


def grant(member: str, role: str) -> Change:
    """Somebody else's grant of another role, without a condition."""

    def change(inputs: dict[str, Any]) -> None:
        inputs.pop("condition", None)
        inputs.update(member=member, role=role)

    return change


_SOMEBODY = "access-platform-metrics"
CASES: dict[str, Weakened] = {
    "a person instead of a group": Weakened(
        clause="ACC-1", kind=MEMBER, name=_SOMEBODY, change=put("member", "user:jo@example.com")
    ),
    "a group becomes editor": Weakened(clause="ACC-2", kind=MEMBER, name=_SOMEBODY, change=put("role", "roles/editor")),
    "everybody with an account reads the secret": Weakened(
        clause="ACC-3",
        kind=gcp("secretmanager/secretIamMember"),
        name="access-payment-token-owners",
        change=put("member", "allAuthenticatedUsers"),
    ),
    "a grant without a row": Weakened(
        clause="ACC-7",
        kind=MEMBER,
        name=_SOMEBODY,
        change=grant("group:contractors@example.com", "roles/monitoring.viewer"),
        added=True,
    ),
    "a grant that outlives its row": Weakened(
        clause="ACC-7",
        kind=MEMBER,
        name=_SOMEBODY,
        change=put("condition.expression", 'request.time < timestamp("2099-01-01T00:00:00Z")'),
    ),
    "a grant that never ends": Weakened(clause="ACC-7", kind=MEMBER, name=_SOMEBODY, change=drop("condition")),
    "a request nobody approves": Weakened(
        clause="ACC-8", kind=ENTITLEMENT, name="platform-databases", change=drop("approvalWorkflow")
    ),
    "a request for a day": Weakened(
        clause="ACC-8", kind=ENTITLEMENT, name="platform-databases", change=put("maxRequestDuration", "86400s")
    ),
    "a workload may act as every account": Weakened(
        clause="ACC-6",
        kind=MEMBER,
        name=_SOMEBODY,
        change=grant(
            f"serviceAccount:orders-api@{WORKLOAD}.iam.gserviceaccount.com", "roles/iam.serviceAccountTokenCreator"
        ),
        added=True,
    ),
    "a misspelt guardrail": Weakened(
        clause="ACC-9",
        kind=POLICY,
        name=f"guardrails-{WORKLOAD}-compute.requireOsLogin",
        change=put("name", f"projects/{WORKLOAD}/policies/compute.requireOSLogins"),
    ),
    "a guardrail that is only tried": Weakened(
        clause="ACC-9",
        kind=POLICY,
        name=f"guardrails-{WORKLOAD}-sql.restrictPublicIp",
        change=lambda inputs: inputs.update(dryRunSpec=inputs.pop("spec")),
    ),
    "a guardrail of another kind of value": Weakened(
        clause="ACC-9",
        kind=POLICY,
        name=f"guardrails-{WORKLOAD}-gcp.resourceLocations",
        change=put("spec.rules", [{"enforce": "TRUE"}]),
    ),
    "a guardrail that is gone": Weakened(
        clause="ACC-9", kind=POLICY, name=f"guardrails-{WORKLOAD}-iam.disableServiceAccountKeyCreation"
    ),
    "a boundary that is frozen": Weakened(
        clause="ACC-9",
        kind=gcp("iam/principalAccessBoundaryPolicy"),
        name="boundaries",
        change=drop("details.enforcementVersion"),
    ),
    "the deployer may destroy keys": Weakened(
        clause="ENC-5",
        kind=DENY,
        name="boundaries-example-prod-keys-keys",
        change=put("rules.0.denyRule.deniedPermissions", ["cloudkms.googleapis.com/cryptoKeyVersions.update"]),
    ),
    "an internal service without the proxy": Weakened(
        clause="AUT-1", kind=gcp("cloudrunv2/service"), name="report-runner", change=put("iapEnabled", False)
    ),
    "a session of a week": Weakened(
        clause="AUT-3", kind=BINDING, name="devices-platform", change=put("sessionSettings.sessionLength", "604800s")
    ),
    "any device will do": Weakened(clause="DEV-2", kind=BINDING, name="devices-finance", change=drop("accessLevels")),
    "devices without encryption": Weakened(
        clause="DEV-1",
        kind=LEVEL,
        name="devices",
        change=put("basic.conditions.0.devicePolicy.allowedEncryptionStatuses", []),
    ),
    "devices of anybody": Weakened(
        clause="DEV-1",
        kind=LEVEL,
        name="devices",
        change=put("basic.conditions.0.devicePolicy.requireCorpOwned", False),
    ),
    "one person is not logged": Weakened(
        clause="LOG-1",
        kind=AUDIT,
        name=f"audit-{WORKLOAD}",
        change=put("auditLogConfigs.1.exemptedMembers", ["user:jo@example.com"]),
    ),
    "a project without audit logs": Weakened(clause="LOG-1", kind=AUDIT, name=f"audit-{WORKLOAD}"),
    "only errors are kept": Weakened(
        clause="LOG-2", kind=SINK, name="logs-organization-keep", change=put("filter", "severity>=ERROR")
    ),
    "the projects' own logs are left out": Weakened(
        clause="LOG-2", kind=SINK, name="logs-organization-search", change=put("includeChildren", False)
    ),
    "the writer may not write": Weakened(
        clause="LOG-2", kind=gcp("storage/bucketIAMMember"), name="logs-organization-keep"
    ),
    "logs of a month": Weakened(
        clause="LOG-3", kind=gcp("logging/projectBucketConfig"), name="logs", change=put("retentionDays", 30)
    ),
    "an alert that is switched off": Weakened(
        clause="MON-1", kind=ALERT, name="alerts-log-sinks", change=put("enabled", False)
    ),
    "an alert that leaves somebody out": Weakened(
        clause="MON-1",
        kind=METRIC,
        name="alerts-firewall-rules",
        change=lambda i: i.update(
            filter=f'({i["filter"]}) AND NOT protoPayload.authenticationInfo.principalEmail="jo@example.com"'
        ),
    ),
    "break-glass is not heard of": Weakened(clause="ACC-9", kind=METRIC, name="alerts-break-glass"),
    "changes past the code by one person": Weakened(
        clause="CHG-4",
        kind=METRIC,
        name="alerts-out-of-band-change",
        change=lambda i: i.update(filter=i["filter"] + '\nprotoPayload.serviceName="compute.googleapis.com"'),
    ),
    "one channel": Weakened(
        clause="MON-2", kind=ALERT, name="alerts-key-destruction", change=lambda i: i["notificationChannels"].pop()
    ),
    "two channels of one type": Weakened(
        clause="MON-2", kind=CHANNEL, name="alerts-on-call", change=put("type", "email")
    ),
    "a check that nobody hears": Weakened(clause="MON-3", kind=ALERT, name="uptime-orders-api"),
    "findings that nobody reads": Weakened(
        clause="MON-4", kind=gcp("securitycenter/v2OrganizationNotificationConfig"), name="findings"
    ),
    "security notices without a reader": Weakened(
        clause="MON-4", kind=gcp("essentialcontacts/contact"), name=f"contacts-{WORKLOAD}-security"
    ),
    "an objective of perfection": Weakened(
        clause="MON-7", kind=gcp("monitoring/slo"), name="objective-orders-api", change=put("goal", 1.0)
    ),
    "a budget that nobody watches": Weakened(clause="MON-7", kind=ALERT, name="objective-orders-api-"),
    "no page to look at": Weakened(clause="MON-7", kind=gcp("monitoring/dashboard"), name="dashboard"),
}


def weaken(recording: Recording, case: Weakened) -> list[Recorded]:
    """The recording with the change made; a case that hits nothing is a mistake of the test."""
    hit = [one for one in recording.of(case.kind) if one.name.startswith(case.name)]
    assert hit, f"no {case.kind} begins with {case.name}: {[one.name for one in recording.of(case.kind)]}"
    if case.change is None:
        return [one for one in recording if one not in hit]
    made: list[Recorded] = []
    for one in recording:
        changed = one
        if one in hit:
            inputs = copy.deepcopy(one.inputs)
            case.change(inputs)
            outputs = {**{key: value for key, value in one.outputs.items() if key not in one.inputs}, **inputs}
            changed = replace(one, inputs=inputs, outputs=outputs)
            if case.added:
                made.append(one)
                changed = replace(changed, urn=f"{one.urn}-added", name=f"{one.name}-added")
        made.append(changed)
    return made


@pytest.mark.parametrize("label", CASES)
def test_weakened_governance_is_stopped_by_its_clause(production: Recording, label: str) -> None:
    """By a mandatory rule; what it says names the resource or the stack."""
    case = CASES[label]
    stopped = [v for v in verdicts(weaken(production, case)) if v.blocking]
    assert case.clause in {verdict.rule.clause for verdict in stopped}, [(v.rule.id, v.name) for v in stopped]


def test_the_stack_itself_is_stopped_by_nothing(production: Recording) -> None:
    """Otherwise the cases above would prove nothing."""
    assert [(v.rule.id, v.name) for v in verdicts(production) if v.blocking] == []


def test_there_is_a_case_for_every_clause_of_governance_that_is_provisioned() -> None:
    """ACC, AUT, DEV, LOG and MON; what is left out is proven where it is at home."""
    assert len(CASES) >= 20
    assert {case.clause.split("-")[0] for case in CASES.values()} >= {"ACC", "AUT", "DEV", "LOG", "MON", "CHG"}


LAST = dt.date(2027, 11, 20)
"""The last day of every row and attestation that is committed."""


def registers(day: dt.date) -> Registers:
    """The committed registers on a day, with a scan of that day: what is looked at here is the rest."""
    found = load(ROOT, day)
    assert found.scan is not None
    return replace(found, scan=replace(found.scan, scanned=day))


@pytest.mark.parametrize(
    ("day", "stopped"),
    [
        (LAST - dt.timedelta(days=1), set()),
        (LAST, set()),
        (LAST + dt.timedelta(days=1), {"ACC-7", "AUT-5", "DEV-3", "HOS-7"}),
    ],
)
def test_rows_and_attestations_end_together_with_their_last_day(
    production: Recording, day: dt.date, stopped: set[str]
) -> None:
    """The day before, the day itself, the day after: grants, logins and what people confirmed."""
    clauses = {"ACC-7", "AUT-5", "DEV-3", "HOS-7"}
    found = verdicts(production, day=day, registers=registers(day), only=lambda rule: rule.clause in clauses)
    assert {verdict.rule.clause for verdict in found if verdict.blocking} == stopped


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2027-11-20T23:59:59+00:00", "2027-11-20"),
        ("2027-11-21T00:00:00+00:00", "2027-11-21"),
        ("2027-11-21T01:30:00+02:00", "2027-11-20"),
        ("2027-11-20T20:00:00-05:00", "2027-11-21"),
    ],
)
def test_the_day_is_that_of_utc_for_program_and_judge(monkeypatch: pytest.MonkeyPatch, moment: str, day: str) -> None:
    """Whoever previews in Auckland or Anchorage sees the same rows alive as CI does."""
    now = dt.datetime.fromisoformat(moment)

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return now.astimezone(tz) if tz is not None else now.replace(tzinfo=None)

    monkeypatch.setattr(config, "datetime", Clock)
    monkeypatch.setattr(cli, "dt", SimpleNamespace(datetime=Clock, UTC=dt.UTC, date=dt.date))
    today_of_program = config.StackConfig.model_fields["today"].get_default(call_default_factory=True)
    assert (str(today_of_program), str(cli._day(None))) == (day, day)
