"""Separation of duties: nobody both makes accounts and uses them, nor both administers systems and their logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import Grant, all_parts
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _grants as g
from policies.rules._iam_types import tokens
from policies.rules._reviewed import behind_review
from policies.rules.iam_service_accounts import administers

_WIDE: Final = ("project", "folder", "organization", "account")
_TYPES: Final = tokens(levels=_WIDE)
_ACCOUNT_ADMIN: Final = "roles/iam.serviceaccountadmin"
_ACCOUNT_USER: Final = "roles/iam.serviceaccountuser"
_LOG_ROLES: Final = frozenset({"roles/logging.admin", "roles/logging.configwriter"})
_TEAM = "group:team@example.com"


def _on(role: Any, member: Any, name: str, project: str = "example-prod-workload") -> Sample:
    return Sample("projects/iAMMember", {"project": project, "role": role, "member": member}, name)


def _holders(graph: Graph) -> tuple[dict[str, list[Grant]], list[Finding]]:
    """Grants above single resources by who holds them, and what is not known and comes from nowhere."""
    held: dict[str, list[Grant]] = {}
    lost: list[Finding] = []
    for grant in all_parts(graph):
        if grant.level not in _WIDE:
            continue
        unknown_member = not grant.member and grant.unknown and not grant.sources
        if (g.role_lost(grant) and not g.is_custom(grant)) or unknown_member:
            lost.append(unsure(grant.resource, grant.path))
        for who in [grant.member.lower()] if grant.member else grant.sources:
            held.setdefault(who, []).append(grant)
    return held, lost


@rule(
    id="iam-accounts-made-or-used",
    clause="ACC-6",
    title="Nobody both administers service accounts and acts as them",
    severity="medium",
    types=_TYPES,
    scope="stack",
    fix="grant roles/iam.serviceAccountAdmin and roles/iam.serviceAccountUser to different groups",
    references=("prowler:iam_role_sa_enforce_separation_of_duties", "cis-gcp:1.8"),
    sources=("https://cloud.google.com/iam/docs/job-functions/auditing",),
    good=(
        (
            _on("roles/iam.serviceAccountAdmin", "group:admins@example.com", "a"),
            _on("roles/iam.serviceAccountUser", _TEAM, "b"),
        ),
    ),
    bad=(
        (_on("roles/iam.serviceAccountAdmin", _TEAM, "a"), _on("roles/iam.serviceAccountUser", _TEAM, "b")),
        (
            Sample("organizations/iAMBinding", {"role": "roles/iam.serviceAccountAdmin", "members": [_TEAM]}, "a"),
            Sample("serviceaccount/iAMMember", {"role": "roles/iam.serviceAccountUser", "member": _TEAM}, "b"),
        ),
        (
            Sample(
                "projects/iAMPolicy",
                g.document(("roles/iam.serviceAccountAdmin", _TEAM), ("roles/iam.serviceAccountUser", _TEAM)),
                "a",
            ),
        ),
    ),
    not_applicable=((g.ACCOUNT,),),
)
def accounts_made_or_used(graph: Graph) -> Iterator[Finding]:
    """Who does both can make an account, give it any right and work under its name, unseen by anybody else."""
    held, lost = _holders(graph)
    yield from lost
    if not held:
        yield skip("the stack grants nothing above single resources")
    for who, grants in held.items():
        roles = {grant.role.lower(): grant for grant in grants}
        if _ACCOUNT_ADMIN in roles and _ACCOUNT_USER in roles:
            grant = roles[_ACCOUNT_USER]
            if behind_review(grant):
                continue
            name = grant.member or who.rsplit("::", 1)[-1]
            yield fail(grant.resource, grant.path, f"{name} also holds roles/iam.serviceAccountAdmin")


@rule(
    id="iam-logs-out-of-reach",
    clause="LOG-2",
    title="People who administer systems do not administer the logs about them",
    severity="high",
    types=_TYPES,
    scope="stack",
    fix="grant roles/logging.viewer to administrators; keep roles/logging.admin for another group",
    sources=("https://cloud.google.com/logging/docs/access-control",),
    params={"log_roles": tuple(sorted(_LOG_ROLES))},
    good=(
        (
            _on("roles/run.admin", _TEAM, "a"),
            _on("roles/logging.viewer", _TEAM, "b", "example-prod-audit"),
            _on("roles/logging.admin", "group:auditors@example.com", "c", "example-prod-audit"),
        ),
    ),
    bad=(
        (_on("roles/run.admin", _TEAM, "a"), _on("roles/logging.admin", _TEAM, "b", "example-prod-audit")),
        (_on("roles/editor", _TEAM, "a"), _on("roles/logging.configWriter", _TEAM, "b", "example-prod-audit")),
    ),
    not_applicable=((_on("roles/run.admin", g.EXAMPLE_ACCOUNT, "a"),),),
)
def logs_out_of_reach(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Logs are evidence only while those they are about cannot change where they go or how long they stay."""
    held, lost = _holders(graph)
    yield from lost
    people = {who: grants for who, grants in held.items() if any(grant.human for grant in grants)}
    if not people:
        yield skip("the stack grants nothing to people above single resources")
    for grants in people.values():
        logs = [grant for grant in grants if grant.role.lower() in params["log_roles"]]
        systems = [grant for grant in grants if administers(grant.role) and grant not in logs]
        if logs and systems:
            grant = logs[0]
            yield fail(grant.resource, grant.path, f"{grant.member} also holds {systems[0].role}")
