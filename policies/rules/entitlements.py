"""Just-in-time access: asked for with a reason, approved by another person, over after four hours at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.iam import BASIC, PUBLIC
from policies.model import UNKNOWN, Resource, UnknownValue, View, gcp
from policies.normalise import seconds
from policies.rule import Finding, each, fail, rule

ENTITLEMENT: Final = "gcp:privilegedaccessmanager/entitlement:entitlement"
BOUNDARY: Final = gcp("iam/principalAccessBoundaryPolicy")
_DOCS = ("https://cloud.google.com/iam/docs/pam-create-entitlements",)
_STEPS = [{"approvalsNeeded": 1, "approvers": {"principals": ["group:approvers@example.com"]}}]
_BASE: Final[Mapping[str, Any]] = {
    "entitlementId": "database-admin",
    "maxRequestDuration": "14400s",
    "eligibleUsers": [{"principals": ["group:on-call@example.com"]}],
    "approvalWorkflow": {"manualApprovals": {"requireApproverJustification": True, "steps": _STEPS}},
    "requesterJustificationConfig": {"unstructured": {}},
    "privilegedAccess": {"gcpIamAccess": {"roleBindings": [{"role": "roles/cloudsql.admin"}]}},
}


def _with(**changes: Any) -> dict[str, Any]:
    return {**_BASE, **changes}


def _without(key: str) -> dict[str, Any]:
    return {k: v for k, v in _BASE.items() if k != key}


def _workflow(steps: Any) -> dict[str, Any]:
    return _with(approvalWorkflow={"manualApprovals": {"steps": steps}})


@rule(
    id="entitlement-approved",
    clause="ACC-8",
    title="Just-in-time access needs the approval of another person",
    severity="high",
    types=(ENTITLEMENT,),
    decides=("approvalWorkflow", "approvalWorkflow.manualApprovals.steps"),
    fix='"steps": [{"approvals_needed": 1, "approvers": {"principals": ["group:approvers@example.com"]}}]',
    sources=_DOCS,
    traps=(39,),
    good=(_BASE,),
    bad=(
        _without("approvalWorkflow"),
        _workflow([]),
        _workflow([{"approvalsNeeded": 0, "approvers": {"principals": ["group:approvers@example.com"]}}]),
        _workflow([{"approvalsNeeded": 1, "approvers": {"principals": []}}]),
    ),
)
def approved(entitlement: Resource) -> Iterator[Finding]:
    """Without an approval workflow whoever is eligible takes the role at any time: that is standing access."""
    steps = entitlement.views("approvalWorkflow.manualApprovals.steps")
    if not steps:
        yield fail(entitlement, "approvalWorkflow", "names no approver: nobody has to agree")

    def check(step: View) -> Iterator[Finding]:
        needed = step.number("approvalsNeeded")
        if needed is not None and needed < 1:
            yield fail(step, "approvalsNeeded", f"is {needed:g}")
        if not any(approvers.items("principals") for approvers in step.views("approvers")):
            yield fail(step, "approvers", "names nobody")

    yield from each(steps, check)


@rule(
    id="entitlement-short",
    clause="ACC-8",
    title="Just-in-time access ends after at most four hours",
    severity="medium",
    types=(ENTITLEMENT,),
    decides=("maxRequestDuration",),
    fix='max_request_duration="14400s"',
    sources=_DOCS,
    traps=(39,),
    params={"max_hours": 4},
    good=(_BASE, _with(maxRequestDuration="1800s")),
    bad=(_with(maxRequestDuration="14401s"), _with(maxRequestDuration="86400s"), _with(maxRequestDuration="a day")),
)
def short(entitlement: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Access that lasts longer than the task becomes standing access, open while nobody watches."""
    span = seconds(entitlement.text("maxRequestDuration"))
    if span is None or span > float(params["max_hours"]) * 3600:
        shown = entitlement.show("maxRequestDuration")
        yield fail(entitlement, "maxRequestDuration", f"is {shown}, more than {params['max_hours']} hours")


@rule(
    id="entitlement-justified",
    clause="ACC-8",
    title="Whoever asks for access writes down why",
    severity="low",
    types=(ENTITLEMENT,),
    decides=("requesterJustificationConfig",),
    fix='requester_justification_config={"unstructured": {}}',
    sources=_DOCS,
    good=(_BASE,),
    bad=(_with(requesterJustificationConfig={"notMandatory": {}}), _without("requesterJustificationConfig")),
)
def justified(entitlement: Resource) -> Iterator[Finding]:
    """The reason is what the approver decides by, and what a review reads a year later."""
    entitlement.get("requesterJustificationConfig")
    without = entitlement.raw("requesterJustificationConfig.notMandatory") is not None
    if without or entitlement.raw("requesterJustificationConfig.unstructured") is None:
        yield fail(entitlement, "requesterJustificationConfig", "does not ask for a reason")


def _principals(entitlement: Resource) -> Iterator[tuple[str, str]]:
    lost = ""
    for users in entitlement.views("eligibleUsers"):
        for index, who in enumerate(users.items("principals")):
            if who is UNKNOWN:
                lost = users.at(f"principals[{index}]")
            elif isinstance(who, str):
                yield users.at(f"principals[{index}]"), who
    if lost:
        raise UnknownValue(lost)


@rule(
    id="entitlement-for-groups",
    clause="ACC-1",
    title="Just-in-time access is open to groups only",
    severity="medium",
    types=(ENTITLEMENT,),
    decides=("eligibleUsers",),
    absent="pass",
    fix='eligible_users=[{"principals": ["group:on-call@example.com"]}]',
    sources=_DOCS,
    good=(_BASE,),
    bad=(
        _with(eligibleUsers=[{"principals": ["group:on-call@example.com", "user:jane@example.com"]}]),
        _with(eligibleUsers=[{"principals": ["domain:example.com"]}]),
        _with(eligibleUsers=[{"principals": ["allAuthenticatedUsers"]}]),
    ),
)
def for_groups(entitlement: Resource) -> Iterator[Finding]:
    """Who leaves the team leaves the group; a person on the list stays, and a whole domain is everybody."""
    for path, who in _principals(entitlement):
        kind = who.split(":", 1)[0].strip().lower()
        if kind in ("user", "domain") or kind in PUBLIC:
            yield fail(entitlement, path, f"{who} is no group")


@rule(
    id="entitlement-no-basic-role",
    clause="ACC-2",
    title="Just-in-time access gives no basic role",
    severity="high",
    types=(ENTITLEMENT,),
    decides=("privilegedAccess",),
    absent="pass",
    fix='role_bindings=[{"role": "roles/cloudsql.admin"}]',
    sources=_DOCS,
    traps=(19,),
    good=(_BASE,),
    bad=(
        _with(
            privilegedAccess={
                "gcpIamAccess": {"roleBindings": [{"role": "roles/cloudsql.admin"}, {"role": "roles/owner"}]}
            }
        ),
        _with(privilegedAccess={"gcpIamAccess": {"roleBindings": [{"role": "roles/Editor"}]}}),
    ),
)
def no_basic_role(entitlement: Resource) -> Iterator[Finding]:
    """Four hours as owner are enough to make a way in that stays."""

    def check(binding: View) -> Iterator[Finding]:
        role = binding.text("role") or ""
        if role.lower() in BASIC:
            yield fail(binding, "role", f"is {role}")

    yield from each(entitlement.views("privilegedAccess.gcpIamAccess.roleBindings"), check)


_DETAILS: Final[Mapping[str, Any]] = {
    "enforcementVersion": "3",
    "rules": [{"effect": "ALLOW", "resources": ["//cloudresourcemanager.googleapis.com/organizations/123456789012"]}],
}


@rule(
    id="boundary-version-explicit",
    clause="ACC-9",
    title="Principal access boundaries state which permissions they limit",
    severity="medium",
    types=(BOUNDARY,),
    decides=("details.enforcementVersion",),
    fix='details={"enforcement_version": "3", "rules": [...]}',
    sources=("https://cloud.google.com/iam/docs/principal-access-boundary-policies#versions",),
    traps=(40,),
    params={"minimum": 1},
    good=({"details": _DETAILS}, {"details": {**_DETAILS, "enforcementVersion": "latest"}}),
    bad=({"details": {**_DETAILS, "enforcementVersion": ""}}, {"details": {"rules": _DETAILS["rules"]}}, {}),
)
def boundary_version(policy: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Left out, the version of the day of creation is frozen in, and no one can tell from the code what is limited."""
    version = (policy.text("details.enforcementVersion") or "").lower()
    if version != "latest" and not (version.isdigit() and int(version) >= float(params["minimum"])):
        yield fail(policy, "details.enforcementVersion", f"is {policy.show('details.enforcementVersion')}")


@rule(
    id="boundary-limits",
    clause="ACC-9",
    title="Principal access boundaries name the resources that principals may reach",
    severity="medium",
    types=(BOUNDARY,),
    decides=("details.rules",),
    fix='rules=[{"effect": "ALLOW", "resources": ["//cloudresourcemanager.googleapis.com/organizations/…"]}]',
    sources=("https://cloud.google.com/iam/docs/principal-access-boundary-policies",),
    good=({"details": _DETAILS},),
    bad=({"details": {"enforcementVersion": "3", "rules": []}}, {"details": {"rules": [{"effect": "ALLOW"}]}}),
)
def boundary_limits(policy: Resource) -> Iterator[Finding]:
    """A boundary without rules or resources limits nothing."""
    rules = policy.views("details.rules")
    if not rules:
        yield fail(policy, "details.rules", "is empty")
    yield from each(
        rules, lambda r: [] if r.items("resources") else [fail(r, "resources", "is empty: the rule allows nothing")]
    )


_EVERYONE: Final = ("principalset://goog/public:all",)


@rule(
    id="deny-policy-binds",
    clause="ACC-9",
    title="Deny policies make no exception for everybody",
    severity="high",
    types=(gcp("iam/denyPolicy"),),
    decides=("rules",),
    fix='exception_principals=["principalSet://goog/group/break-glass@example.com"]',
    sources=("https://cloud.google.com/iam/docs/deny-overview",),
    good=(
        {
            "rules": [
                {
                    "denyRule": {
                        "deniedPrincipals": ["principalSet://goog/public:all"],
                        "deniedPermissions": ["cloudkms.googleapis.com/cryptoKeyVersions.destroy"],
                        "exceptionPrincipals": ["principalSet://goog/group/break-glass@example.com"],
                    }
                }
            ]
        },
    ),
    bad=(
        {"rules": []},
        {"rules": [{"denyRule": {"deniedPrincipals": ["principalSet://goog/public:all"], "deniedPermissions": []}}]},
        {
            "rules": [
                {
                    "denyRule": {
                        "deniedPrincipals": ["principalSet://goog/public:all"],
                        "deniedPermissions": ["iam.googleapis.com/roles.update"],
                        "exceptionPrincipals": ["principalSet://goog/public:all"],
                    }
                }
            ]
        },
    ),
)
def deny_binds(policy: Resource) -> Iterator[Finding]:
    """A deny rule that denies nothing, or excepts everybody, is a lock without a bolt."""
    rules = policy.views("rules")
    if not rules:
        yield fail(policy, "rules", "is empty: nothing is denied")

    def check(entry: View) -> Iterator[Finding]:
        if not entry.items("denyRule.deniedPermissions"):
            yield fail(entry, "denyRule.deniedPermissions", "is empty: nothing is denied")
        if not entry.items("denyRule.deniedPrincipals"):
            yield fail(entry, "denyRule.deniedPrincipals", "is empty: nobody is denied")
        exceptions = entry.items("denyRule.exceptionPrincipals")
        if any(isinstance(who, str) and who.strip().lower() in _EVERYONE for who in exceptions):
            yield fail(entry, "denyRule.exceptionPrincipals", "excepts everybody")
        if UNKNOWN in exceptions:
            raise UnknownValue(entry.at("denyRule.exceptionPrincipals"))

    yield from each(rules, check)
