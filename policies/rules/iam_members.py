"""Who is granted access: groups of our own domain, never individuals, private mailboxes, whole domains or everyone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.iam import POLICY_DOCUMENT, level_of
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule
from policies.rules import _grants as g
from policies.rules._iam_types import FAMILIES, tokens
from policies.rules._public import not_public

_DOCS = ("https://cloud.google.com/iam/docs/principals-overview",)
_OTHER: Final = (gcp("bigquery/datasetAccess"), gcp("bigquery/dataset"))
_GROUP = Sample("cloudidentity/group", {"groupKey": {"id": "team@example.com"}, "labels": {}}, "group")
_FIRST: Final = "gcp:projects/iAMMember:IAMMember"

NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("cis-gcp:1.2", "whether people use a second factor is set in Cloud Identity, which no stack describes"),
    ("cis-gcp:1.3", "which second factor administrators use is set in Cloud Identity, which no stack describes"),
)

not_public(
    ("projects/iAM", "organizations/iAM", "folder/iAM", "billing/accountIam", "serviceaccount/iAM"),
    role="roles/run.viewer",
    extra=(POLICY_DOCUMENT,),
    id="iam-not-public",
    title="No project, folder, organization, billing account or service account is open to everyone",
    severity="critical",
    waivable=False,
    references=("checkov:CKV_GCP_113",),
    why="A public grant above single resources opens everything below it, now and later.",
)

_METASTORE: Final = ("Database", "Federation", "Service", "Table")
_ELSEWHERE: Final = {
    "artifactregistry": ("repository",),
    "bigquery": ("connection", "dataset", "", "routine"),
    "bigtable": ("instance", "table"),
    "cloudfunctions": ("function",),
    "cloudfunctionsv2": ("function",),
    "cloudrun": ("",),
    "cloudrunv2": ("job", "service", "workerPool"),
    "compute": ("disk", "image", "machineImage", "snapshot"),
    "dataproc": ("autoscalingPolicy", "cluster", "job", *(f"metastore{x}" for x in _METASTORE)),
    "kms": ("cryptoKey", "keyRing"),
    "notebooks": ("instance", "runtime"),
    "pubsub": ("schema", "subscription", "topic"),
    "secretmanager": ("regionalSecret", "secret"),
    "spanner": ("database", "instance"),
    "storage": ("bucket", "managedFolder"),
    "vertex": ("aiEndpoint", "aiFeatureStoreEntityType", "aiFeatureStore"),
    "workbench": ("instance",),
}
"""Families whose own files judge whether they are public; a test holds that every family is judged once."""
_WIDE: Final = {"project", "organization", "folder", "billing", "account"}


def _judged_here(family: str) -> bool:
    module, _, subject = family.partition("/")
    own = subject.lower().removesuffix("iam") in {s.lower() for s in _ELSEWHERE.get(module, ())}
    return not own and level_of(gcp(f"{family}Member")) not in _WIDE


not_public(
    tuple(family for family in FAMILIES if _judged_here(family)),
    role="roles/viewer",
    id="resource-not-public",
    title="No resource of a lesser service is open to everyone",
    why="What few people look at stays open longest.",
)


@rule(
    id="iam-people-in-groups",
    clause="ACC-1",
    title="People get access through groups, never as individual users",
    severity="medium",
    types=(_FIRST, *(t for t in tokens() if t != _FIRST), *_OTHER),
    decides=("member",),
    absent="pass",
    graph=True,
    provenance=True,
    fix='member="group:team@example.com"',
    references=("trivy:GCP-0003", "kics:user_with_iam_role"),
    sources=_DOCS,
    good=(
        (
            Sample(
                _FIRST, {"role": "roles/run.viewer", "member": "group:team@example.com"}, depends={"member": ("group",)}
            ),
            _GROUP,
        ),
        Sample("storage/bucketIAMMember", {"member": "serviceAccount:test@example.com"}),
        Sample("bigquery/dataset", {"accesses": [{"role": "READER", "groupByEmail": "team@example.com"}]}),
    ),
    bad=(
        {"role": "roles/run.viewer", "member": "user:jane@example.com"},
        {"member": "USER:jane@example.com"},
        Sample("projects/iAMBinding", {"members": ["group:team@example.com", "user:jane@example.com"]}),
        Sample("secretmanager/secretIamPolicy", g.document(("roles/viewer", "user:jane@example.com"))),
        Sample("bigquery/dataset", {"accesses": [{"role": "OWNER", "userByEmail": "jane@example.com"}]}),
    ),
)
def people_in_groups(resource: Resource) -> Iterator[Finding]:
    """A grant to one person outlives the reason for it; who leaves a team leaves its group, and all access ends."""
    for grant in g.members(resource):
        if grant.kind == "user":
            yield fail(resource, grant.path, f"{grant.member} is one person")


@rule(
    id="iam-company-accounts",
    clause="ACC-1",
    title="Access goes to accounts of a company, never to private mailboxes or public groups",
    severity="high",
    types=(_FIRST, *(t for t in tokens() if t != _FIRST), *_OTHER),
    decides=("member",),
    absent="pass",
    graph=True,
    provenance=True,
    fix='member="group:team@example.com"',
    references=("trivy:GCP-0069", "kics:not_proper_email_account_in_use", "cis-gcp:1.1", "terrascan:AC_GCP_0008"),
    sources=("https://cloud.google.com/resource-manager/docs/organization-policy/restricting-domains",),
    params={
        "domains": (
            *("gmail.com", "googlemail.com", "googlegroups.com", "yahoo.com", "hotmail.com", "outlook.com", "live.com"),
            *("aol.com", "icloud.com", "me.com", "protonmail.com", "proton.me", "mail.com", "zoho.com", "gmx.com"),
            *("gmx.net", "gmx.de", "web.de", "yandex.com", "mail.ru"),
        )
    },
    good=(
        (
            Sample(
                _FIRST, {"role": "roles/run.viewer", "member": "group:team@example.com"}, depends={"member": ("group",)}
            ),
            _GROUP,
        ),
        {"member": "serviceAccount:app@example-prod.iam.gserviceaccount.com"},
        {"member": "user:jane@notgmail.com"},
    ),
    bad=(
        {"role": "roles/run.viewer", "member": "user:jane@gmail.com"},
        Sample("projects/iAMBinding", {"members": ["group:team@example.com", "user:jane@Hotmail.com"]}),
        {"member": "group:everybody@googlegroups.com"},
        Sample("projects/iAMBinding", {"members": ["jane@gmail.com"]}),
    ),
)
def company_accounts(resource: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Nobody here can require two factors of a private mailbox, lock it, or take it back when its owner leaves."""
    private = {str(domain).lower() for domain in params["domains"]}
    for grant in g.members(resource):
        domain = grant.member.rpartition("@")[2].split("?")[0].strip().lower()
        if domain in private or (grant.kind == "domain" and grant.member.split(":", 1)[1].strip().lower() in private):
            yield fail(resource, grant.path, f"{grant.member} is not an account of a company")


_WHOLE = ("cloudresourcemanager.googleapis.com/", "goog/public:", "goog/cloudidentitycustomerid/")


@rule(
    id="iam-no-whole-company",
    clause="ACC-7",
    title="No grant goes to everybody of a company at once",
    severity="medium",
    types=(_FIRST, *(t for t in tokens() if t != _FIRST), *_OTHER),
    decides=("member",),
    absent="pass",
    graph=True,
    provenance=True,
    fix='member="group:team@example.com"',
    sources=_DOCS,
    traps=(19,),
    good=(
        (
            Sample(
                _FIRST, {"role": "roles/run.viewer", "member": "group:team@example.com"}, depends={"member": ("group",)}
            ),
            _GROUP,
        ),
        {
            "member": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.a/b"
        },
    ),
    bad=(
        {"role": "roles/run.viewer", "member": "domain:example.com"},
        {"member": "principalSet://cloudresourcemanager.googleapis.com/organizations/123456789012"},
        {"member": "principalSet://iam.googleapis.com/locations/global/workforcePools/staff/*"},
        Sample("bigquery/dataset", {"accesses": [{"role": "READER", "domain": "example.com"}]}),
    ),
)
def no_whole_company(resource: Resource) -> Iterator[Finding]:
    """A domain or an organization as member is everybody who works there: the opposite of need to know."""
    for grant in g.members(resource):
        member = grant.member.lower()
        everybody = member.endswith("/*") and "/workforcepools/" in member
        if grant.kind == "domain" or everybody or any(f"principalset://{part}" in member for part in _WHOLE):
            yield fail(resource, grant.path, f"{grant.member} is everybody of a company")
