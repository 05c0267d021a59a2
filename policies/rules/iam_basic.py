"""Basic roles: owner, editor and viewer span every service; nobody holds them, whatever kind of principal."""

from __future__ import annotations

from collections.abc import Iterator

from policies.iam import BASIC
from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule
from policies.rules import _grants as g
from policies.rules._iam_types import tokens

_DOCS = ("https://cloud.google.com/iam/docs/roles-overview#basic",)


def _basic(resource: Resource) -> Iterator[Finding]:
    for grant in g.roles(resource):
        if grant.role.lower() in BASIC:
            yield fail(
                resource, grant.path, f"{grant.role} for {g.to(grant)}: a basic role spans thousands of permissions"
            )


def _register(level: str, where: str, module: str, reference: str) -> None:
    member, binding, policy = f"{module}/iAMMember", f"{module}/iAMBinding", f"{module}/iAMPolicy"
    group = "group:team@example.com"
    rule(
        id=f"iam-no-basic-role-{level}",
        clause="ACC-2",
        title=f"No principal of any kind holds a basic role on {where}",
        severity="high",
        types=tokens(levels=(level,)),
        decides=("role",),
        absent="pass",
        graph=True,
        provenance=True,
        fix='role="roles/run.viewer"  # or a custom role that lists what is needed',
        references=(reference,),
        sources=_DOCS,
        traps=(19,),
        why="A basic role grants every service at once, also those added later; no kind of principal needs that.",
        good=(
            (Sample(member, {"role": "roles/run.viewer", "member": group}, depends={"role": ("role",)}), g.CUSTOM_ROLE),
            Sample(binding, {"role": "roles/cloudbuild.builds.editor", "members": [group]}),
            Sample(policy, g.document(("roles/run.viewer", group))),
        ),
        bad=(
            {"role": "roles/viewer", "member": "domain:example.com"},
            {"role": "roles/Editor", "member": "principalSet://iam.googleapis.com/projects/1/locations/global/x/*"},
            Sample(binding, {"role": "roles/owner", "members": []}),
            Sample(policy, g.document(("roles/run.viewer", group), ("roles/editor", g.EXAMPLE_ACCOUNT))),
        ),
    )(_basic)


_register("project", "a project", "projects", "checkov:CKV_GCP_117")
_register("folder", "a folder", "folder", "checkov:CKV_GCP_116")
_register("organization", "the organization", "organizations", "checkov:CKV_GCP_115")

rule(
    id="iam-no-basic-role-resource",
    clause="ACC-2",
    title="No principal of any kind holds a basic role on a single resource, account or billing account",
    severity="medium",
    types=("gcp:pubsub/topicIAMMember:TopicIAMMember", *tokens(levels=("resource", "account", "billing"))),
    decides=("role",),
    absent="pass",
    graph=True,
    provenance=True,
    fix='role="roles/pubsub.publisher"  # the role that lists what is needed',
    sources=_DOCS,
    traps=(19,),
    why="A basic role on a resource lets its holder read, change or share all of it, where one verb would do.",
    good=(
        (
            Sample(
                "pubsub/topicIAMMember",
                {"topic": "orders", "role": "roles/pubsub.publisher", "member": "group:team@example.com"},
                depends={"role": ("role",)},
            ),
            g.CUSTOM_ROLE,
        ),
    ),
    bad=(
        {"topic": "orders", "role": "roles/editor", "member": g.EXAMPLE_ACCOUNT},
        Sample("serviceaccount/iAMBinding", {"role": "roles/owner", "members": ["group:team@example.com"]}),
    ),
)(_basic)
