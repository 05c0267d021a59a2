"""Roles that let their holder act as, or take over, every service account below a project, folder or organization."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.iam import Grant
from policies.model import Resource, UnknownValue
from policies.rule import Finding, Sample, fail, rule
from policies.rules import _grants as g
from policies.rules._iam_types import tokens
from policies.rules._reviewed import behind_review

_DOCS = (
    "https://cloud.google.com/iam/docs/best-practices-service-accounts",
    "https://cloud.google.com/iam/docs/service-account-impersonation",
)
IMPERSONATION: Final = frozenset(
    {
        "roles/owner",
        "roles/editor",
        "roles/iam.securityAdmin",
        "roles/iam.serviceAccountAdmin",
        "roles/iam.serviceAccountKeyAdmin",
        "roles/iam.serviceAccountUser",
        "roles/iam.serviceAccountTokenCreator",
        "roles/iam.serviceAccountOpenIdTokenCreator",
        "roles/iam.workloadIdentityUser",
        "roles/dataflow.developer",
        "roles/dataflow.admin",
        "roles/dataproc.hubAgent",
        "roles/deploymentmanager.editor",
        "roles/cloudbuild.builds.editor",
        "roles/cloudbuild.builds.builder",
        "roles/composer.worker",
        "roles/backupdr.computeEngineOperator",
        "roles/run.sourceDeveloper",
        "roles/assuredoss.admin",
        "roles/securitycenter.admin",
    }
)
"""Predefined roles with iam.serviceAccounts.actAs, getAccessToken, setIamPolicy or keys (IAM roles reference)."""
_AGENT_ROLE = re.compile(r"^roles/[\w.]*serviceagent$", re.IGNORECASE)
_AGENT = re.compile(
    r"@(gcp-sa-[a-z-]+|[a-z-]+-system|[a-z-]+-robot|cloudservices|cloudbuild)\.(iam\.)?gserviceaccount\.com$"
)
_LOWER: Final = frozenset(role.lower() for role in IMPERSONATION)


def _to_agent(grant: Grant) -> bool:
    """Whether the member is one of Google's own service agents, for whom the service agent roles are made."""
    if grant.member:
        return bool(_AGENT.search(grant.member.lower()))
    return bool(grant.sources) and all("serviceIdentity" in urn for urn in grant.sources)


def _apart(grant: Grant) -> bool:
    return _to_agent(grant) or behind_review(grant)


def impersonates(grant: Grant) -> bool:
    """Whether the role lets its holder become other accounts. Service agent roles count unless an agent holds them."""
    if _AGENT_ROLE.match(grant.role):
        return not _to_agent(grant)
    return grant.role.lower() in _LOWER


def _impersonation(resource: Resource) -> Iterator[Finding]:
    lost = ""
    for grant in g.roles(resource, apart=_apart):
        if behind_review(grant):
            continue
        if _AGENT_ROLE.match(grant.role) and g.member_lost(grant):
            lost = grant.path
        elif impersonates(grant):
            message = f"{grant.role} for {g.to(grant)}: it acts as every service account below"
            yield fail(resource, grant.path, message)
    if lost:
        raise UnknownValue(resource.at(lost))


def _register(level: str, where: str, module: str, references: tuple[str, ...]) -> None:
    member, binding, policy = f"{module}/iAMMember", f"{module}/iAMBinding", f"{module}/iAMPolicy"
    agent = "serviceAccount:service-123456789012@gcp-sa-cloudbuild.iam.gserviceaccount.com"
    rule(
        id=f"iam-no-impersonation-{level}",
        clause="ACC-6",
        title=f"Nobody can act as or administer all service accounts of {where}",
        severity="high",
        types=tokens(levels=(level,)),
        decides=("role",),
        absent="pass",
        graph=True,
        provenance=True,
        fix="grant the role on the one account it is needed for: gcp.serviceaccount.IAMMember(service_account_id=…)",
        references=references,
        sources=_DOCS,
        traps=(20,),
        why="Granted above an account, the role covers each account there, also the strongest and those made later. "
        "Accounts that this stack proves to be behind review (federation, protected branch, approval) may hold it.",
        good=(
            (
                Sample(member, {"role": "roles/run.viewer", "member": g.EXAMPLE_ACCOUNT}, depends={"role": ("role",)}),
                g.CUSTOM_ROLE,
            ),
            Sample(binding, {"role": "roles/iam.serviceAccountViewer", "members": ["group:team@example.com"]}),
            Sample(member, {"role": "roles/cloudbuild.serviceAgent", "member": agent}),
        ),
        bad=(
            {"role": "roles/iam.serviceAccountTokenCreator", "member": "user:jane@example.com"},
            {"role": "roles/cloudbuild.serviceAgent", "member": g.EXAMPLE_ACCOUNT},
            Sample(binding, {"role": "roles/iam.serviceAccountUser"}),
            Sample(binding, {"role": "roles/run.serviceAgent", "members": [agent, g.EXAMPLE_ACCOUNT]}),
            Sample(policy, g.document(("roles/iam.workloadIdentityUser", "group:team@example.com"))),
        ),
    )(_impersonation)


_register("project", "a project", "projects", ("checkov:CKV_GCP_49", "trivy:GCP-0011"))
_register("folder", "a folder", "folder", ("checkov:CKV_GCP_44", "trivy:GCP-0005"))
_register("organization", "the organization", "organizations", ("checkov:CKV_GCP_45", "trivy:GCP-0009"))


@rule(
    id="iam-account-user-not-on-project",
    clause="ACC-6",
    title="The roles Service Account User and Token Creator are granted on single accounts, not on projects",
    severity="high",
    types=tokens(levels=("project",)),
    decides=("role",),
    absent="pass",
    graph=True,
    provenance=True,
    fix='gcp.serviceaccount.IAMMember(service_account_id=account.name, role="roles/iam.serviceAccountUser", member=…)',
    references=(
        "checkov:CKV_GCP_41",
        "kics:google_project_iam_binding_service_account_has_token_creator_or_account_user_role",
        "kics:google_project_iam_member_service_account_has_token_creator_or_account_user_role",
        "prowler:iam_no_service_roles_at_project_level",
        "cis-gcp:1.6",
        "terrascan:AC_GCP_0006",
        "terrascan:AC_GCP_0007",
    ),
    sources=_DOCS,
    traps=(20,),
    good=(
        (
            Sample(
                "projects/iAMMember",
                {"role": "roles/run.viewer", "member": g.EXAMPLE_ACCOUNT},
                depends={"role": ("role",)},
            ),
            g.CUSTOM_ROLE,
        ),
    ),
    bad=(
        {"role": "roles/iam.serviceAccountUser", "member": "user:jane@example.com"},
        {"role": "roles/iam.serviceAccountTokenCreator", "member": g.EXAMPLE_ACCOUNT},
        Sample("projects/iAMBinding", {"role": "roles/iam.serviceAccountUser", "members": [g.EXAMPLE_ACCOUNT]}),
        Sample("projects/iAMPolicy", g.document(("roles/iam.serviceAccountUser", "group:team@example.com"))),
    ),
)
def account_user(resource: Resource) -> Iterator[Finding]:
    """On the project the roles cover all of its accounts: their holder is as powerful as the strongest one."""
    for grant in g.roles(resource, apart=behind_review):
        if not behind_review(grant) and grant.role.lower() in (
            "roles/iam.serviceaccountuser",
            "roles/iam.serviceaccounttokencreator",
        ):
            yield fail(resource, grant.path, f"{grant.role} on the whole project for {g.to(grant)}")
