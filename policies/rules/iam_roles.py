"""Custom roles: they list permissions one by one, none of which leads to more rights."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import UNKNOWN, Resource, UnknownValue, gcp
from policies.rule import Finding, fail, rule
from policies.rules._escalation import act_as
from policies.rules._permissions import DEPLOY, ESCALATING

_TYPES = (gcp("projects/iAMCustomRole"), gcp("organizations/iAMCustomRole"))
_DOCS = ("https://cloud.google.com/iam/docs/creating-custom-roles", "https://cloud.google.com/iam/docs/roles-overview")


def _permissions(role: Resource) -> Iterator[tuple[str, str]]:
    lost = ""
    for index, permission in enumerate(role.items("permissions")):
        if permission is UNKNOWN:
            lost = f"permissions[{index}]"
        elif isinstance(permission, str):
            yield f"permissions[{index}]", permission.strip()
    if lost:
        raise UnknownValue(role.at(lost))


@rule(
    id="custom-role-no-wildcard",
    clause="ACC-10",
    title="Custom roles list single permissions, no wildcards",
    severity="high",
    types=_TYPES,
    decides=("permissions",),
    absent="pass",
    fix='permissions=["storage.objects.get", "storage.objects.list"]',
    sources=_DOCS,
    good=({"permissions": ["storage.objects.get", "storage.objects.list"]},),
    bad=({"permissions": ["*"]}, {"permissions": ["storage.objects.get", "storage.*"]}, {"permissions": "compute.*"}),
)
def no_wildcard(role: Resource) -> Iterator[Finding]:
    """A wildcard grants what exists today and whatever the service adds tomorrow."""
    for path, permission in _permissions(role):
        if "*" in permission:
            yield fail(role, path, f"{permission} is not one permission")


@rule(
    id="custom-role-no-escalation",
    clause="ACC-6",
    title="Custom roles hold no permission that leads to more rights",
    severity="high",
    types=_TYPES,
    decides=("permissions",),
    absent="pass",
    fix="leave the permission out; grant it on the one account or resource by a predefined role where it is needed",
    sources=("https://cloud.google.com/iam/docs/best-practices-service-accounts#lateral-movement", *_DOCS),
    traps=(20,),
    good=(
        {"permissions": ["run.services.get", "run.services.update"]},
        {"permissions": ["iam.serviceAccounts.get", "iam.serviceAccounts.actAs", "storage.objects.get"]},
    ),
    bad=(
        {"permissions": ["storage.objects.get", "resourcemanager.projects.setIamPolicy"]},
        {"permissions": ["iam.serviceAccounts.getAccessToken"]},
        {"permissions": ["iam.roles.update"]},
        {"permissions": ["iam.serviceAccounts.actAs", "run.services.create"]},
    ),
)
def no_escalation(role: Resource) -> Iterator[Finding]:
    """Who may set policies, change roles, make keys or borrow tokens can give themselves everything else.

    Acting as an account and starting something that runs as it are harmless apart and an escalation together.
    """
    held: dict[str, str] = {}
    for path, permission in _permissions(role):
        held[permission] = path
        if permission in ESCALATING:
            yield fail(role, path, f"{permission} {ESCALATING[permission]}")
    starts = sorted(DEPLOY & set(held))
    if act_as(held) and starts:
        yield fail(role, held[starts[0]], f"{starts[0]} with iam.serviceAccounts.actAs runs code as any account")
