"""Identities, roles and projects: one account each, listed permissions, and APIs as they are used."""

from __future__ import annotations

import re

import pytest

from components.identities import Identity, IdentityArgs
from components.job_catalogue import KINDS
from components.projects import Project, ProjectArgs
from components.roles import Role, RoleArgs
from tests.components import parts
from tests.recording import Recording, record, stack_file

ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"
SERVICE = "gcp:projects/service:Service"


def test_every_workload_has_an_account_of_its_own(production: Recording) -> None:
    """Without one it would run as the default account, which can edit the project (trap 22)."""
    accounts = {a.inputs["accountId"] for a in production.of("gcp:serviceaccount/account:Account")}
    each = {kind.name for kind in KINDS if kind.each}
    assert set(stack_file()["secure-hosting:workloads"]) - each <= accounts
    assert {f"{name}-orders" for name in each} <= accounts, "a job for each database has an account for each"


def test_custom_roles_list_single_permissions_that_lead_no_further(production: Recording) -> None:
    """ACC-6, ACC-10."""
    for role in production.of(ROLE):
        for permission in role.inputs["permissions"]:
            assert re.fullmatch(r"[a-z]+(\.[a-zA-Z]+){2}", permission), permission
            assert not re.search(r"setIamPolicy|actAs|getAccessToken|sign|roles\.", permission), permission


def test_workloads_hold_nothing_broad_on_the_project(production: Recording) -> None:
    """Only roles of ours; those for databases hold for one instance each."""
    workloads = set(stack_file()["secure-hosting:workloads"]) - {kind.name for kind in KINDS}
    for grant in production.of("gcp:projects/iAMMember:IAMMember"):
        if grant.inputs["member"].removeprefix("serviceAccount:").partition("@")[0] in workloads:
            assert grant.inputs["role"].startswith("projects/example-prod-workload/roles/"), grant.urn
            assert ("databaseLogin" in grant.inputs["role"]) == ("condition" in grant.inputs), grant.urn


def test_a_workload_holds_exactly_the_permissions_listed_for_it(production: Recording) -> None:
    """The list in the stack file is what is granted, no less and no more."""
    roles = {role.outputs["name"]: sorted(role.inputs["permissions"]) for role in production.of(ROLE)}
    held = {
        grant.inputs["member"].removeprefix("serviceAccount:").partition("@")[0]: roles[grant.inputs["role"]]
        for grant in production.of("gcp:projects/iAMMember:IAMMember")
        if "/roles/workload" in grant.inputs["role"]
    }
    listed = {
        name: sorted(spec["permissions"])
        for name, spec in stack_file()["secure-hosting:workloads"].items()
        if "permissions" in spec
    }
    assert {name: held.get(name) for name in listed} == listed


def test_an_account_without_permissions_gets_no_role() -> None:
    """A role without permissions cannot be created."""
    args = IdentityArgs  # built inside of the program, with its project
    recording = record(
        lambda: Identity("orders-api", args(project=parts.project(), account_id="orders-api", purpose="serves orders"))
    )
    assert recording.of(ROLE) == []
    assert recording.of("gcp:projects/iAMMember:IAMMember") == []


@pytest.mark.parametrize("account_id", ["short", "UPPER-CASE", "1-digit-first", "ends-in-", "x" * 31])
def test_names_that_google_refuses_are_refused_at_once(account_id: str) -> None:
    """6 to 30 lower-case letters, digits and hyphens."""
    with pytest.raises(ValueError, match=r"^ACC-5: "):
        record(lambda: IdentityArgs(project=parts.project(), account_id=account_id, purpose="any"))


@pytest.mark.parametrize(
    ("permission", "clause"),
    [
        ("storage.*", "ACC-10"),
        ("*", "ACC-10"),
        ("roles/editor", "ACC-10"),
        ("resourcemanager.projects.setIamPolicy", "ACC-6"),
        ("iam.serviceAccounts.actAs", "ACC-6"),
        ("iam.serviceAccounts.getAccessToken", "ACC-6"),
        ("iam.serviceAccounts.signBlob", "ACC-6"),
        ("iam.serviceAccountKeys.create", "ACC-6"),
        ("iam.roles.update", "ACC-6"),
        ("orgpolicy.policies.update", "ACC-6"),
    ],
)
def test_roles_with_wildcards_or_a_way_up_are_refused(permission: str, clause: str) -> None:
    """No role of ours leads to more rights than it lists."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        record(
            lambda: RoleArgs(
                project=parts.project(), role_id="wide", title="t", description="d", permissions=(permission,)
            )
        )


@pytest.mark.parametrize("role_id", ["has-hyphen", "ab", "x" * 65])
def test_role_ids_that_google_refuses_are_refused_at_once(role_id: str) -> None:
    """3 to 64 letters, digits, dots and underscores."""
    with pytest.raises(ValueError, match=r"^ACC-10: "):
        record(
            lambda: RoleArgs(
                project=parts.project(), role_id=role_id, title="t", description="d", permissions=("a.b.c",)
            )
        )


def test_a_role_without_permissions_is_refused() -> None:
    """It would only show at creation."""
    with pytest.raises(ValueError, match=r"^ACC-10: "):
        record(lambda: RoleArgs(project=parts.project(), role_id="empty", title="t", description="d", permissions=()))


def test_an_api_is_enabled_once_and_only_when_it_is_used() -> None:
    """Two components that need the same API share the resource; a second one would conflict."""

    def program() -> None:
        project = parts.project()
        assert project.api("run.googleapis.com") is project.api("run.googleapis.com")

    assert [service.inputs["service"] for service in record(program).of(SERVICE)] == ["run.googleapis.com"]
    assert record(parts.project).of(SERVICE) == []


def test_a_service_agent_is_created_rather_than_hoped_for(production: Recording) -> None:
    """Enabling an API does not create every agent, and a grant to nobody fails."""
    for identity in production.of("gcp:projects/serviceIdentity:ServiceIdentity"):
        apis = [production.by_urn(urn) for urn in identity.dependencies]
        assert (identity.inputs["service"], identity.inputs["project"]) in [
            (api.inputs["service"], api.inputs["project"]) for api in apis if api.type == SERVICE
        ]


def test_every_resource_follows_the_api_it_needs(production: Recording) -> None:
    """An API that is enabled beside its first use is not yet there (trap list: propagation)."""
    needs = {
        "gcp:compute/network:Network": "compute.googleapis.com",
        "gcp:sql/databaseInstance:DatabaseInstance": "sqladmin.googleapis.com",
        "gcp:kms/keyRing:KeyRing": "cloudkms.googleapis.com",
        "gcp:secretmanager/secret:Secret": "secretmanager.googleapis.com",
        "gcp:pubsub/topic:Topic": "pubsub.googleapis.com",
        "gcp:storage/bucket:Bucket": "storage.googleapis.com",
        "gcp:dns/managedZone:ManagedZone": "dns.googleapis.com",
        "gcp:servicenetworking/connection:Connection": "servicenetworking.googleapis.com",
        "gcp:serviceaccount/account:Account": "iam.googleapis.com",
        "gcp:projects/iAMCustomRole:IAMCustomRole": "iam.googleapis.com",
    }
    for kind, api in needs.items():
        for resource in production.of(kind):
            found = [production.by_urn(urn).inputs.get("service") for urn in production.before(resource)]
            assert api in found, resource.urn


def test_a_role_depends_on_nothing_but_its_project() -> None:
    """Roles are granted by others; they wait for nobody."""
    recording = record(
        lambda: Role(
            "reader",
            RoleArgs(
                project=parts.project(),
                role_id="reader",
                title="t",
                description="d",
                permissions=("storage.objects.get",),
            ),
        )
    )
    kinds = {recording.by_urn(urn).type for urn in recording.one(ROLE).dependencies}
    assert kinds == {SERVICE}


def test_a_project_id_that_google_refuses_is_refused_at_once() -> None:
    """6 to 30 lower-case letters, digits and hyphens."""
    with pytest.raises(ValueError, match=r"^HOS-1: "):
        record(lambda: Project("x", ProjectArgs(project_id="My Project", region="europe-west1")))
