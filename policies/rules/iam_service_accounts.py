"""Service accounts: one for each workload, without keys or administration rights, never a default one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.graph import Graph
from policies.iam import parts
from policies.model import UNKNOWN, Resource, UnknownValue, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _grants as g
from policies.rules._facts import boolean
from policies.rules._iam_types import tokens
from policies.rules._reviewed import behind_review

_DOCS = ("https://cloud.google.com/iam/docs/best-practices-service-accounts",)
NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("prowler:iam_sa_user_managed_key_rotate_90_days", "the age of a key is known at run time only; keys are refused"),
    ("cis-gcp:1.7", "the age of a key is known at run time only; keys are refused"),
    ("prowler:iam_sa_user_managed_key_unused", "whether a key is used is known at run time only; keys are refused"),
    ("prowler:iam_service_account_unused", "whether an account is used is known at run time only"),
)
_MEMBERS: Final = ("member", "members", "policyData", "bindings")
_DEFAULT: Final = re.compile(r"-compute@developer\.gserviceaccount\.com|@appspot\.gserviceaccount\.com", re.IGNORECASE)
"""The accounts that workloads of Compute Engine and App Engine run as where they name none."""
_SHARED: Final = re.compile(r"@cloudbuild\.gserviceaccount\.com|@cloudservices\.gserviceaccount\.com", re.IGNORECASE)
"""The accounts that every build and every deployment of a project shares."""


def _default_account(resource: Resource) -> Iterator[Finding]:
    """A member that is not known and has no edge at all is evidence: the engine records an edge for whatever comes from
    a resource, so this one was asked of the cloud, as the default accounts are. With an edge to what asks for them it
    is one of them; with another edge that tells no kind it is undetermined."""
    for grant in parts(resource):
        edges = [urn for key in _MEMBERS for urn in resource.property_dependencies.get(key, ())]
        if g.member_lost(grant) and (not edges or all("DefaultServiceAccount" in urn for urn in edges)):
            where = "is that of the default service account" if edges else "comes from no account of this stack"
            yield fail(resource, grant.path, f"is not known, and {where}")
            return
    for grant in g.members(resource):
        if _DEFAULT.search(grant.member):
            yield fail(resource, grant.path, f"{grant.member} is a default service account, shared by many workloads")


def _register(level: str, where: str, module: str, references: tuple[str, ...]) -> None:
    member, binding, policy = f"{module}/iAMMember", f"{module}/iAMBinding", f"{module}/iAMPolicy"
    default = "serviceAccount:123456789012-compute@developer.gserviceaccount.com"
    rule(
        id=f"iam-no-default-account-{level}",
        clause="ACC-5",
        title=f"No default service account holds a role on {where}",
        severity="high",
        types=tokens(levels=(level,)),
        decides=("member",),
        absent="pass",
        graph=True,
        provenance=True,
        fix="member=account.member  # an account of the workload's own",
        references=references,
        sources=_DOCS,
        traps=(22,),
        why="Everything that names no account of its own runs as the default one: a right for one is a right for all.",
        good=(
            (
                Sample(
                    member,
                    {"role": "roles/run.viewer", "member": g.EXAMPLE_ACCOUNT},
                    depends={"member": ("account",)},
                ),
                g.ACCOUNT,
            ),
            Sample(policy, g.document(("roles/run.viewer", g.EXAMPLE_ACCOUNT))),
        ),
        bad=(
            {"role": "roles/run.viewer", "member": default.removeprefix("serviceAccount:")},
            {"role": "roles/run.viewer", "member": "serviceAccount:example@appspot.gserviceaccount.com"},
            Sample(binding, {"role": "roles/run.viewer", "members": [g.EXAMPLE_ACCOUNT, default]}),
            Sample(policy, g.document(("roles/run.viewer", default))),
        ),
    )(_default_account)


@rule(
    id="iam-no-shared-google-account",
    clause="ACC-5",
    title="No account that all builds or deployments of a project share holds a role",
    severity="medium",
    types=tokens(levels=("project", "folder", "organization")),
    decides=("member",),
    absent="pass",
    fix="member=account.member  # an account of the build's own; triggers take service_account",
    sources=("https://cloud.google.com/build/docs/cloud-build-service-account",),
    traps=(22,),
    good=({"role": "roles/run.viewer", "member": g.EXAMPLE_ACCOUNT},),
    bad=(
        {"role": "roles/run.developer", "member": "serviceAccount:123456789012@cloudbuild.gserviceaccount.com"},
        Sample(
            "folder/iAMBinding",
            {"role": "roles/viewer", "members": ["serviceAccount:123456789012@cloudservices.gserviceaccount.com"]},
        ),
        Sample(
            "organizations/iAMPolicy", g.document(("roles/viewer", "serviceAccount:1@cloudbuild.gserviceaccount.com"))
        ),
    ),
)
def no_shared_google_account(resource: Resource) -> Iterator[Finding]:
    """Whoever may start any build at all acts with every right that was given to the one account of all builds."""
    for grant in g.members(resource):
        if _SHARED.search(grant.member):
            yield fail(resource, grant.path, f"{grant.member} is shared by every build or deployment of the project")


_register("project", "a project", "projects", ("checkov:CKV_GCP_46", "trivy:GCP-0006"))
_register("folder", "a folder", "folder", ("checkov:CKV_GCP_48", "trivy:GCP-0004"))
_register("organization", "the organization", "organizations", ("checkov:CKV_GCP_47", "trivy:GCP-0008"))


@rule(
    id="iam-account-not-admin",
    clause="ACC-10",
    title="No service account holds an administration role on a project, folder or organization",
    severity="high",
    types=tokens(levels=("project", "folder", "organization")),
    decides=("role",),
    absent="pass",
    graph=True,
    provenance=True,
    fix='role="projects/…/roles/app"  # a custom role, or a narrow role on the one resource',
    references=(
        "checkov:CKV_GCP_42",
        "trivy:GCP-0007",
        "kics:google_project_iam_member_service_account_has_admin_role",
        "kics:service_account_with_improper_privileges",
        "prowler:iam_sa_no_administrative_privileges",
        "cis-gcp:1.5",
        "terrascan:AC_GCP_0005",
    ),
    sources=_DOCS,
    good=(
        (
            Sample(
                "folder/iAMMember",
                {"role": "roles/logging.logWriter", "member": g.EXAMPLE_ACCOUNT},
                depends={"role": ("role",)},
            ),
            g.CUSTOM_ROLE,
        ),
        Sample("projects/iAMMember", {"role": "roles/editor", "member": "group:team@example.com"}),
        Sample("projects/iAMMember", {"role": "roles/viewer", "member": g.EXAMPLE_ACCOUNT}),
    ),
    bad=(
        {"role": "roles/owner", "member": g.EXAMPLE_ACCOUNT},
        Sample("projects/iAMBinding", {"role": "roles/container.admin", "members": [g.EXAMPLE_ACCOUNT]}),
        Sample("projects/iAMMember", {"role": "roles/iam.serviceAccountAdmin", "members": [g.EXAMPLE_ACCOUNT]}),
        Sample("organizations/iAMPolicy", g.document(("roles/storage.objectAdmin", g.EXAMPLE_ACCOUNT))),
        (
            Sample("projects/iAMMember", {"role": "roles/editor", "member": UNKNOWN}, depends={"member": ("account",)}),
            g.ACCOUNT,
        ),
    ),
)
def account_not_admin(resource: Resource) -> Iterator[Finding]:
    """A workload that administers is one bug away from an intruder who administers. Role names are compared whole.

    An account that this stack proves to be behind review (federation, protected branch, approval) may administer."""
    lost = ""
    for grant in g.members(resource):
        if grant.kind != "serviceaccount" or behind_review(grant):
            continue
        if administers(grant.role):
            yield fail(resource, grant.path, f"{grant.role} for the workload identity {g.to(grant)}")
        elif g.role_lost(grant) and not g.is_custom(grant):
            lost = "role"
    if lost:
        raise UnknownValue(resource.at(lost))


def administers(role: str) -> bool:
    """Whether a predefined role administers: owner and editor (old and new spelling) and those that say admin, also
    before a version (`roles/compute.instanceAdmin.v1`)."""
    word = role.strip().lower()
    name = re.sub(r"\.v\d+$", "", word.rpartition("/")[2])
    return word in ("roles/owner", "roles/editor", "roles/writer") or "admin" in name.split(".")[-1]


@rule(
    id="iam-no-account-keys",
    clause="ACC-4",
    title="No service account has a key of its own",
    severity="high",
    types=("gcp:serviceaccount/key:Key",),
    scope="stack",
    fix="leave the key out; use workload identity federation or an attached service account",
    references=(
        "prowler:iam_sa_no_user_managed_keys",
        "cis-gcp:1.4",
    ),
    sources=("https://cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys",),
    traps=(21,),
    good=(g.ACCOUNT,),
    bad=(
        (g.ACCOUNT, Sample("serviceaccount/key", {"serviceAccountId": "app"})),
        (Sample("serviceaccount/key", {"serviceAccountId": "app", "publicKeyData": "dGVzdA=="}),),
    ),
)
def no_account_keys(graph: Graph) -> Iterator[Finding]:
    """A key works for anybody who copies it, until somebody notices: no control on the network or device stops it."""
    for key in graph.of(gcp("serviceaccount/key")):
        yield fail(
            key, "serviceAccountId", "makes a long-lived key, which lies in plain sight of whoever gets the file"
        )


@rule(
    id="iam-no-uploaded-account-keys",
    clause="ACC-4",
    title="No service account trusts a key that was made elsewhere",
    severity="high",
    types=("gcp:serviceaccount/key:Key",),
    decides=("publicKeyData",),
    absent="pass",
    fix="leave public_key_data out; use workload identity federation or an attached service account",
    references=("checkov:CKV2_GCP_3", "datadog:service_has_non_gcp_managed_service_account_keys"),
    sources=("https://cloud.google.com/iam/docs/keys-upload",),
    traps=(21,),
    good=({"serviceAccountId": "app", "publicKeyType": "TYPE_X509_PEM_FILE"},),
    bad=({"serviceAccountId": "app", "publicKeyData": "dGVzdA=="},),
)
def no_uploaded_keys(key: Resource) -> Iterator[Finding]:
    """Where the private half of an uploaded key lies, and who has a copy, nobody at Google can say."""
    if key.has("publicKeyData"):
        yield fail(key, "publicKeyData", "uploads a key that was made elsewhere")


boolean(
    {gcp("serviceaccount/account"): "createIgnoreAlreadyExists"},
    want=False,
    absent="pass",
    id="iam-account-not-adopted",
    clause="ACC-5",
    title="Service accounts are made by this code, not taken over",
    severity="low",
    fix="create_ignore_already_exists=False; an account that is ours is imported",
    sources=_DOCS,
    why="An account that somebody made before under the same name keeps its keys and grants. Default: false.",
)

_WORKLOADS: Final = {
    gcp("cloudrunv2/service"): "template.serviceAccount",
    gcp("cloudrunv2/job"): "template.template.serviceAccount",
    gcp("cloudrunv2/workerPool"): "template.serviceAccount",
    gcp("cloudrun/service"): "template.spec.serviceAccountName",
    gcp("cloudfunctionsv2/function"): "serviceConfig.serviceAccountEmail",
    gcp("cloudfunctions/function"): "serviceAccountEmail",
    gcp("compute/instance"): "serviceAccount.email",
}


@rule(
    id="iam-own-identity",
    clause="ACC-5",
    title="No two workloads share one identity",
    severity="medium",
    types=tuple(_WORKLOADS),
    scope="stack",
    fix="give each workload a gcp.serviceaccount.Account of its own",
    sources=_DOCS,
    traps=(22,),
    good=(
        (
            Sample("cloudrunv2/service", {"template": {"serviceAccount": "app@p.iam.gserviceaccount.com"}}, "app"),
            Sample(
                "cloudrunv2/job", {"template": {"template": {"serviceAccount": "j@p.iam.gserviceaccount.com"}}}, "j"
            ),
        ),
    ),
    bad=(
        (
            Sample("cloudrunv2/service", {"template": {"serviceAccount": "app@p.iam.gserviceaccount.com"}}, "app"),
            Sample(
                "cloudrunv2/job", {"template": {"template": {"serviceAccount": "App@p.iam.gserviceaccount.com"}}}, "j"
            ),
        ),
    ),
    not_applicable=(Sample("cloudrunv2/service", {"template": {}}),),
)
def own_identity(graph: Graph) -> Iterator[Finding]:
    """With one identity for two workloads each can do what only the other needs, and logs cannot tell them apart.

    Workloads whose account is not known yet are told apart by the account resource they come from. Instances of one
    template, and workloads that name no account (another rule's subject), are left out.
    """
    users: dict[str, list[Resource]] = {}
    lost: list[Finding] = []
    for workload in graph.of(*_WORKLOADS):
        path = _WORKLOADS[workload.type]
        accounts = graph.sources(workload, path, gcp("serviceaccount/account"))
        value = workload.output(path) if workload.has(path) else None
        key = accounts[0] if len(accounts) == 1 else value.lower() if isinstance(value, str) else None
        if key and not _DEFAULT.search(key):
            users.setdefault(key, []).append(workload)
        elif key is None and not workload.known(path):
            lost.append(unsure(workload, path))
    if len(lost) > 1 or (lost and users):
        yield from lost
    elif not users:
        yield skip("no workload names an identity of its own")
    for sharers in users.values():
        for workload in sharers[1:]:
            path = _WORKLOADS[workload.type]
            yield fail(workload, path, f"is also the identity of {sharers[0].name}")
