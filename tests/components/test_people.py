"""What nobody may do, and from which devices people work: with an organization node, and without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pulumi
import pytest

from components.boundaries import Boundaries, BoundariesArgs
from components.devices import Devices, DevicesArgs
from components.entitlement import EntitlementArgs
from policies.graph import Graph
from policies.judge import Judge
from policies.load import resource
from policies.pack import rules
from tests.components import parts
from tests.recording import Recording, record

DENY = "gcp:iam/denyPolicy:DenyPolicy"
BINDING = "gcp:accesscontextmanager/gcpUserAccessBinding:GcpUserAccessBinding"
LEVEL = "gcp:accesscontextmanager/accessLevel:AccessLevel"
CLAUSES = ("ACC-8", "ACC-9", "DEV-1", "DEV-2", "AUT-3")


def outcomes(recording: Recording, change: Callable[[dict[str, dict[str, Any]]], None]) -> set[str]:
    """Rules of these clauses that stop what was recorded, with the inputs changed by name and type."""
    inputs = {f"{r.type} {r.name}": json.loads(json.dumps(r.inputs)) for r in recording if r.custom}
    change(inputs)
    states = [
        resource(
            {
                "urn": r.urn,
                "type": r.type,
                "custom": True,
                "inputs": inputs[f"{r.type} {r.name}"],
                "propertyDependencies": {k: list(v) for k, v in r.property_dependencies.items()},
            }
        )
        for r in recording
        if r.custom
    ]
    judge = Judge([r for r in rules().values() if r.clause in CLAUSES])
    graph = Graph(states, stack="prod")
    return {v.rule.id for state in states for v in judge.judge_resource(state) if v.outcome == "fail"} | {
        v.rule.id for v in judge.judge_stack_rules(graph) if v.outcome == "fail"
    }


def boundaries_args(**changes: Any) -> BoundariesArgs:
    """Arguments of the boundaries around two projects."""
    vault, audit = parts.project("keys"), parts.project("audit")
    given: dict[str, Any] = {
        "organization_id": "123456789012",
        "projects": (vault, audit),
        "vault": vault,
        "home": audit,
        "deployer": "ci-deploy@example-prod-delivery.iam.gserviceaccount.com",
        "break_glass": "break-glass@example.com",
    }
    return BoundariesArgs(**{**given, **changes})


def devices_args(**changes: Any) -> DevicesArgs:
    """Arguments of the devices of one group."""
    given: dict[str, Any] = {
        "project": parts.project("audit"),
        "organization_id": "123456789012",
        "access_policy": "987654321098",
        "groups": {"platform": "01example00003pl"},
        "session_hours": 8,
        "systems": {"DESKTOP_MAC": "15.0.0"},
    }
    return DevicesArgs(**{**given, **changes})


@pytest.fixture(scope="module")
def limited() -> Recording:
    """Boundaries and devices alone."""

    def build() -> None:
        Boundaries("boundaries", boundaries_args())
        Devices("devices", devices_args())

    return record(build)


def test_nobody_destroys_a_key_version(limited: Recording) -> None:
    """In the project of the keys; the deployer is not excepted, break-glass is (ENC-5)."""
    (policy,) = [p for p in limited.of(DENY) if p.name.endswith("-keys")]
    rule = policy.inputs["rules"][0]["denyRule"]
    assert "cloudkms.googleapis.com/cryptoKeyVersions.destroy" in rule["deniedPermissions"]
    assert rule["deniedPrincipals"] == ["principalSet://goog/public:all"]
    assert rule["exceptionPrincipals"] == ["principalSet://goog/group/break-glass@example.com"]
    assert unquote(policy.inputs["parent"]) == "cloudresourcemanager.googleapis.com/projects/example-prod-keys"


def test_only_the_deployer_changes_sinks(limited: Recording) -> None:
    """In every project: logs that go elsewhere are logs that are lost (LOG-2)."""
    policies = [p for p in limited.of(DENY) if p.name.endswith("-sinks")]
    assert len(policies) == 2
    for policy in policies:
        rule = policy.inputs["rules"][0]["denyRule"]
        assert {"logging.googleapis.com/sinks.delete", "logging.googleapis.com/sinks.update"} <= set(
            rule["deniedPermissions"]
        )
        assert [who.rpartition("/")[2] for who in rule["exceptionPrincipals"]] == [
            "break-glass@example.com",
            "ci-deploy@example-prod-delivery.iam.gserviceaccount.com",
        ]


def test_workloads_stay_inside_of_the_company(limited: Recording) -> None:
    """Every project is bound to the one boundary, and its version is written out (trap 40)."""
    boundary = limited.one("gcp:iam/principalAccessBoundaryPolicy:PrincipalAccessBoundaryPolicy")
    assert boundary.inputs["details"]["enforcementVersion"] == "3"
    bindings = limited.of("gcp:iam/projectsPolicyBinding:ProjectsPolicyBinding")
    assert {b.inputs["project"] for b in bindings} == {"example-prod-keys", "example-prod-audit"}
    assert {b.inputs["policyKind"] for b in bindings} == {"PRINCIPAL_ACCESS_BOUNDARY"}


def test_every_group_with_rights_is_bound_to_a_device_level(production: Recording) -> None:
    """DEV-2: whoever has a row in the matrix has a binding, with the level and a session that ends."""
    members = {str(r.inputs.get("member", "")) for r in production}
    members |= {
        who
        for e in production.of("gcp:privilegedaccessmanager/entitlement:entitlement")
        for users in e.inputs["eligibleUsers"]
        for who in users["principals"]
    }
    groups = {m.removeprefix("group:").partition("@")[0] for m in members if m.endswith("@example.com")}
    bindings = production.of(BINDING)
    assert groups
    assert {b.name.removeprefix("devices-") for b in bindings} >= groups
    for binding in bindings:
        assert binding.inputs["accessLevels"] == "accessPolicies/987654321098/accessLevels/managed_device"
        assert binding.inputs["sessionSettings"]["sessionLength"] == "28800s"


def weaker(kind: str, path: str, value: Any) -> Callable[[dict[str, dict[str, Any]]], None]:
    """Sets a property of every resource of a type; None takes it out."""

    def change(inputs: dict[str, dict[str, Any]]) -> None:
        for key in [key for key in inputs if key.startswith(f"{kind} ")]:
            holder: Any = inputs[key]
            *steps, last = path.split(".")
            for step in steps:
                holder = holder[int(step) if step.isdigit() else step]
            if value is None:
                del holder[last]
            else:
                holder[last] = value

    return change


DEVICE = "basic.conditions.0.devicePolicy"
WEAKENED = {
    "device-encrypted": [
        weaker(LEVEL, f"{DEVICE}.allowedEncryptionStatuses", []),
        weaker(LEVEL, f"{DEVICE}.allowedEncryptionStatuses", None),
        weaker(LEVEL, f"{DEVICE}.allowedEncryptionStatuses", ["ENCRYPTED", "UNENCRYPTED"]),
    ],
    "device-locked": [weaker(LEVEL, f"{DEVICE}.requireScreenLock", value) for value in (False, None)],
    "device-company-owned": [weaker(LEVEL, f"{DEVICE}.requireCorpOwned", value) for value in (False, None)],
    "device-conditions-all-hold": [weaker(LEVEL, "basic.conditions.0.negate", True)],
    "device-people-bound": [weaker(BINDING, "accessLevels", None), weaker(LEVEL, DEVICE, None)],
    "session-ends": [
        weaker(BINDING, "sessionSettings.sessionLength", "86400s"),
        weaker(BINDING, "sessionSettings.sessionLengthEnabled", False),
    ],
    "session-second-factor": [weaker(BINDING, "sessionSettings.sessionReauthMethod", "PASSWORD")],
    "deny-policy-binds": [
        weaker(DENY, "rules", []),
        weaker(DENY, "rules.0.denyRule.exceptionPrincipals", ["principalSet://goog/public:all"]),
    ],
    "boundary-version-explicit": [
        weaker(
            "gcp:iam/principalAccessBoundaryPolicy:PrincipalAccessBoundaryPolicy", "details.enforcementVersion", None
        )
    ],
    "boundary-limits": [
        weaker("gcp:iam/principalAccessBoundaryPolicy:PrincipalAccessBoundaryPolicy", "details.rules", [])
    ],
}


def test_nothing_of_it_is_found_fault_with(limited: Recording) -> None:
    """As the components write it, by the rules of these clauses."""
    assert outcomes(limited, lambda _: None) == set()


@pytest.mark.parametrize(
    ("rule", "change"),
    [(rule, change) for rule, changes in WEAKENED.items() for change in changes],
    ids=[f"{rule}-{index}" for rule, changes in WEAKENED.items() for index in range(len(changes))],
)
def test_whoever_weakens_it_is_stopped(
    limited: Recording, rule: str, change: Callable[[dict[str, dict[str, Any]]], None]
) -> None:
    """By the rule about that very fact."""
    assert rule in outcomes(limited, change)


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "organization by name": (lambda: boundaries_args(organization_id="example.com"), "ACC-9"),
    "vault of elsewhere": (lambda: boundaries_args(vault=parts.project("other")), "ACC-9"),
    "session of a day": (lambda: devices_args(session_hours=24), "AUT-3"),
    "any system": (lambda: devices_args(systems={}), "DEV-1"),
    "request of a day": (lambda: entitlement_args(hours=24), "ACC-8"),
    "own approver": (lambda: entitlement_args(approvers="platform@example.com"), "ACC-8"),
    "owner for an hour": (lambda: entitlement_args(role="roles/owner"), "ACC-2"),
}


def entitlement_args(**changes: Any) -> EntitlementArgs:
    """Arguments of an entitlement."""
    project = parts.project()
    given: dict[str, Any] = {
        "project": project,
        "group": "platform@example.com",
        "approvers": "security@example.com",
        "role": "roles/cloudsql.editor",
        "condition": 'request.time < timestamp("2027-01-01T00:00:00Z")',
        "hours": 2,
        "informed": "security@example.com",
        "manager": project,
    }
    return EntitlementArgs(**{**given, **changes})


@pytest.mark.parametrize(("make", "clause"), REFUSED.values(), ids=REFUSED.keys())
def test_arguments_that_break_a_clause_are_refused(make: Callable[[], object], clause: str) -> None:
    """Before any resource exists."""
    raised: list[str] = []

    def build() -> None:
        try:
            make()
        except ValueError as error:
            raised.append(str(error))
        pulumi.export("done", value=True)

    record(build)
    assert len(raised) == 1
    assert raised[0].startswith(clause)


def test_without_an_organization_it_is_said_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    """A company without the node can still run everything else, and knows what it does without."""
    from tests.recording import record_stack

    caplog.set_level("INFO")
    small = record_stack(stack="small")
    assert small.of(DENY) == small.of(BINDING) == []
    assert "no organization is configured" in caplog.text
    assert all(clause in caplog.text for clause in ("ACC-9", "DEV-1", "DEV-2", "AUT-3"))
