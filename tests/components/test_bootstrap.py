"""What comes before the stack: projects, state, identities and their rights, as the bootstrap program makes them."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from pulumi.runtime import rpc

from components import ci_roles
from components.branch_rules import BranchRulesArgs
from components.budget import BudgetArgs
from components.environments import Environment
from components.federation import FederationArgs, Trusted
from components.state_store import StateStoreArgs
from policies.model import gcp
from tests.components.parts import project
from tests.recording import Recording, record, record_bootstrap

PROJECT, BUCKET, MEMBER = gcp("organizations/project"), gcp("storage/bucket"), gcp("projects/iAMMember")
PROVIDER = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
READS = re.compile(r"(viewer|reader|reviewer|browser|serviceUsageConsumer)$", re.IGNORECASE)


@pytest.fixture(scope="module")
def made() -> Recording:
    """The bootstrap of production, applied."""
    return record_bootstrap()


@pytest.fixture(scope="module")
def alone() -> Recording:
    """That of a company without an organization."""
    return record_bootstrap(stack="small-bootstrap")


def rights(recording: Recording, account: str) -> dict[str, set[str]]:
    """The roles of an account by project, the organization under its own name."""
    found: dict[str, set[str]] = defaultdict(set)
    for grant in (*recording.of(MEMBER), *recording.of("gcp:organizations/iAMMember:IAMMember")):
        if grant.inputs["member"].startswith(f"serviceAccount:{account}@"):
            found[grant.inputs.get("project") or ci_roles.ORGANIZATION].add(grant.inputs["role"])
    return found


def test_projects_are_paid_labelled_without_a_network_and_hard_to_lose(made: Recording) -> None:
    """The default network is open inside, and a deleted project's name is gone for ever (traps 6 and 47)."""
    projects = made.of(PROJECT)
    assert {p.inputs["projectId"].removeprefix("example-prod-") for p in projects} == set(ci_roles.EVERYWHERE)
    for one in projects:
        assert one.inputs["autoCreateNetwork"] is False
        assert one.inputs["deletionPolicy"] == "PREVENT"
        assert one.inputs["folderId"] == "folders/345678901234"
        assert one.inputs["billingAccount"] == "01AB23-45CD67-89EF01"
        assert {"owner", "environment", "managed-by"} <= set(one.inputs["labels"])
        assert one.protect
    liens = made.of("gcp:resourcemanager/lien:Lien")
    assert len(liens) == len(projects)
    assert all(lien.inputs["restrictions"] == ["resourcemanager.projects.delete"] for lien in liens)


def test_nothing_is_asked_of_a_project_before_it_exists(made: Recording) -> None:
    """Every provider of a project waits for the project itself."""
    urns = {p.urn: p.inputs["projectId"] for p in made.of(PROJECT)}
    providers = [p for p in made.of("pulumi:providers:gcp") if "project" in p.inputs]
    assert len(providers) == len(urns)
    for provider in providers:
        waits = [urns[urn] for urn in provider.property_dependencies["project"] if urn in urns]
        assert waits == [provider.inputs["project"]]


def test_the_state_keeps_its_history_and_is_never_deleted(made: Recording) -> None:
    """A retention would stop the engine, an age would delete the state of a stack that nobody changes (CHG-1)."""
    state = made.one(BUCKET, "state").inputs
    assert state["versioning"] == {"enabled": True}
    assert state["publicAccessPrevention"] == "enforced"
    assert state["uniformBucketLevelAccess"] is True
    assert state["softDeletePolicy"]["retentionDurationSeconds"] == 30 * 86_400
    assert state.get("retentionPolicy") is None
    assert state["logging"]["logBucket"] == "example-prod-delivery-access-log"
    deleting = [rule for rule in state["lifecycleRules"] if rule["action"]["type"] == "Delete"]
    assert [rule["condition"] for rule in deleting] == [{"daysSinceNoncurrentTime": 180, "withState": "ARCHIVED"}]


def test_the_state_has_a_key_of_its_own_in_another_project(made: Recording) -> None:
    """And the key of the secrets lies where the administrator of data keys has no right (CHG-1, ENC-6, ENC-7)."""
    users = defaultdict(set)
    for bucket in made.of(BUCKET):
        users[bucket.inputs["encryption"]["defaultKmsKeyName"]].add(bucket.name)
    (key,) = [key for key, buckets in users.items() if "state" in buckets]
    assert users[key] == {"state"}
    assert key.startswith("projects/example-prod-keys/")
    secrets = made.exports["secrets_provider"].removeprefix("gcpkms://")
    assert secrets.startswith("projects/example-prod-delivery/")
    assert not rights(made, "ci-deploy")["example-prod-delivery"] & {"roles/cloudkms.admin"}
    opened = {
        grant.inputs["member"].partition(":")[2].partition("@")[0]: grant.inputs["role"]
        for grant in made.of("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")
        if grant.inputs["cryptoKeyId"] == secrets
    }
    decrypts = "roles/cloudkms.cryptoKeyDecrypter"
    assert opened == {"ci-preview": decrypts, "ci-drift": decrypts, "ci-deploy": f"{decrypts[:-9]}EncrypterDecrypter"}


def test_previews_only_look(made: Recording) -> None:
    """Code of a pull request, which nobody has looked at, runs as this identity (CHG-3)."""
    for account in ("ci-preview", "ci-drift"):
        held = rights(made, account)
        assert set(held) == {f"example-prod-{p}" for p in ci_roles.EVERYWHERE} | {ci_roles.ORGANIZATION}
        assert [role for roles in held.values() for role in roles if not READS.search(role)] == []
    writers = [
        g for g in made.of("gcp:storage/bucketIAMMember:BucketIAMMember") if g.inputs["bucket"].endswith("state")
    ]
    assert {g.name: g.inputs["role"] for g in writers} == {
        "state-preview": "roles/storage.objectViewer",
        "state-drift": "roles/storage.objectViewer",
        "state-deploy": "roles/storage.objectUser",
    }


@pytest.mark.parametrize(("account", "table"), [("deploy", ci_roles.DEPLOY), ("preview", ci_roles.READ)])
def test_ci_holds_what_its_table_says_and_nothing_else(
    made: Recording, account: str, table: tuple[ci_roles.CiRole, ...]
) -> None:
    """docs/real-cloud.md is made of the same table."""
    wanted = defaultdict(set)
    for entry in table:
        for place in entry.where:
            wanted[place if place == ci_roles.ORGANIZATION else f"example-prod-{place}"].add(entry.role)
    assert rights(made, f"ci-{account}") == wanted


@pytest.mark.parametrize("table", [ci_roles.DEPLOY, ci_roles.READ], ids=["deploy", "read"])
def test_every_kind_of_resource_of_the_stack_has_a_role(
    production: Recording, table: tuple[ci_roles.CiRole, ...]
) -> None:
    """A new kind of resource without a role fails here, and not on the day it is deployed."""
    covered = {(place, module) for entry in table for place in entry.where for module in entry.covers}
    missing = set()
    for resource in production:
        if not resource.type.startswith("gcp:"):
            continue
        module = resource.type.split(":")[1].split("/")[0]
        place = resource.provider.split("::")[-2].removesuffix("-google")
        if (place, module) not in covered and (ci_roles.ORGANIZATION, module) not in covered:
            missing.add((place, module))
    assert missing == set()


def test_each_environment_has_an_identity_of_its_own(made: Recording) -> None:
    """A token of one environment is worth nothing at another; all but previews come from the protected branch."""
    conditions = {p.name: p.inputs["attributeCondition"] for p in made.of(PROVIDER)}
    ids = 'assertion.repository_owner_id == "1000001" && assertion.repository_id == "284705316"'
    branch = ' && assertion.ref == "refs/heads/main"'
    assert conditions == {
        "github-preview": f'{ids} && assertion.environment == "preview"',
        "github-drift": f'{ids} && assertion.environment == "drift"{branch}',
        "github-deploy": f'{ids} && assertion.environment == "production"{branch}',
    }


def test_what_federation_trusts_is_protected_in_the_same_graph(made: Recording) -> None:
    """The ruleset of the branch and the environments, with reviewers wherever unreviewed code or a change comes in."""
    ruleset = made.one("github:index/repositoryRuleset:RepositoryRuleset").inputs
    assert ruleset["conditions"]["refName"]["includes"] == ["refs/heads/main"]
    assert ruleset["enforcement"] == "active"
    assert ruleset["bypassActors"] == []
    environments = {e.inputs["environment"]: e.inputs for e in made.of(_ENVIRONMENT)}
    assert set(environments) == {"preview", "drift", "production"}
    assert [name for name, e in environments.items() if not e["reviewers"]] == ["drift"]
    assert [name for name, e in environments.items() if not e.get("deploymentBranchPolicy")] == ["preview"]
    assert all(not e["canAdminsBypass"] and e["preventSelfReview"] for e in environments.values())


_ENVIRONMENT = "github:index/repositoryEnvironment:RepositoryEnvironment"


def test_nothing_is_made_twice(made: Recording, production: Recording) -> None:
    """The stack makes none of what its bootstrap makes; APIs are enabled by whoever needs them."""
    shared = {"gcp:projects/service:Service", "gcp:projects/serviceIdentity:ServiceIdentity"}

    def identities(recording: Recording) -> set[tuple[str, ...]]:
        names = ("name", "accountId", "workloadIdentityPoolId", "environment", "projectId", "roleId", "location")
        return {
            (r.type, str(r.inputs.get("project", "")), *(str(r.inputs.get(name, "")) for name in names))
            for r in recording
            if r.custom
            and r.type not in shared
            and not r.type.startswith("pulumi:")
            and any(name in r.inputs for name in names[:-1])
            and "iammember" not in r.type.lower()
        }

    assert identities(made) & identities(production) == set()


def test_somebody_hears_of_the_costs(made: Recording) -> None:
    """Half, nearly all, all, and more than foreseen; by e-mail and by the account's own administrators (MON-4)."""
    budget = made.one("gcp:billing/budget:Budget").inputs
    assert budget["amount"]["specifiedAmount"] == {"currencyCode": "EUR", "units": "800"}
    assert [r["thresholdPercent"] for r in budget["thresholdRules"]] == [0.5, 0.9, 1.0, 1.2]
    assert len(budget["budgetFilter"]["projects"]) == 5
    assert not budget["allUpdatesRule"]["disableDefaultIamRecipients"]
    channel = made.one("gcp:monitoring/notificationChannel:NotificationChannel").inputs
    assert channel["labels"] == {"email_address": "finance@example.com"}


def test_without_an_organization_it_is_said_what_is_missing(alone: Recording, made: Recording) -> None:
    """Neither folder nor rights on an organization, and a sentence that names the clauses."""
    assert alone.of("gcp:organizations/folder:Folder") == []
    assert alone.of("gcp:organizations/iAMMember:IAMMember") == []
    assert [p.inputs.get("folderId") for p in alone.of(PROJECT)] == [None] * 5
    (sentence,) = alone.exports["missing"]
    assert {"ACC-9", "DEV-1", "DEV-2", "AUT-3", "LOG-2"} <= set(re.findall(r"[A-Z]{3}-\d+", sentence))
    assert made.exports["missing"] == []


def test_a_first_preview_shows_who_gets_what() -> None:
    """Members, roles, keys and conditions are there before any project exists."""
    preview = record_bootstrap(preview=True)
    for grant in (*preview.of(MEMBER), *preview.of("gcp:storage/bucketIAMMember:BucketIAMMember")):
        if grant.name.startswith(("ci-", "state-")) and "delivery" not in grant.name.split("-")[-1]:
            assert rpc.UNKNOWN not in (grant.inputs["role"], grant.inputs["member"]), grant.urn
    assert preview.one(BUCKET, "state").inputs["encryption"]["defaultKmsKeyName"] != rpc.UNKNOWN


def test_what_a_workflow_needs_is_exported(made: Recording) -> None:
    """The variables of the GitHub environments are these."""
    assert made.exports["state"] == "gs://example-prod-delivery-state"
    assert (
        made.exports["accounts"]["deploy"] == "serviceAccount:ci-deploy@example-prod-delivery.iam.gserviceaccount.com"
    )
    assert set(made.exports["workload_identity_providers"]) == {"preview", "drift", "deploy"}


def _refused(build: object, clause: str) -> None:
    def program() -> None:
        with pytest.raises(ValueError, match=f"{clause}: "):
            build()  # type: ignore[operator]

    record(program)


BROKEN = {
    "an owner by name": ("CIN-1", lambda: _federation(owner_id="example")),
    "no repository": ("CIN-1", lambda: _federation(repository_id="")),
    "a branch that is none": ("CIN-1", lambda: _federation(branch="main branch")),
    "nobody is trusted": ("CIN-1", lambda: _federation(identities={})),
    "two identities of one environment": (
        "CIN-1",
        lambda: _federation(identities={n: Trusted(environment="x", purpose="p") for n in ("a", "b")}),
    ),
    "deploys without reviewers": ("REV-3", lambda: Environment(name="production", deploys=True)),
    "deploys from every branch": (
        "REV-3",
        lambda: Environment(name="production", reviewer_team_ids=(1,), deploys=True, branch_only=False),
    ),
    "unreviewed code gets an identity": ("REV-3", lambda: Environment(name="preview", branch_only=False)),
    "nobody approves": ("REV-1", lambda: _rules(approvals=0)),
    "nothing is checked": ("CIN-4", lambda: _rules(checks=())),
    "a branch with a space": ("REV-1", lambda: _rules(branch="main branch")),
    "nobody writes the state": ("CHG-1", lambda: _state(writers={})),
    "a reader that writes": ("CHG-3", lambda: _state(readers={"deploy": "m"})),
    "a state without a history": ("CHG-1", lambda: _state(noncurrent_days=1)),
    "a budget of nothing": ("MON-4", lambda: _budget(monthly=0)),
    "a budget for no project": ("MON-4", lambda: _budget(projects=())),
}


def _federation(**changes: object) -> FederationArgs:
    trusted = {"deploy": Trusted(environment="production", purpose="applies")}
    args: dict[str, object] = {"owner_id": "1", "repository_id": "2", "branch": "main", "identities": trusted}
    return FederationArgs(project=project("delivery"), **{**args, **changes})  # type: ignore[arg-type]


def _rules(**changes: object) -> BranchRulesArgs:
    args: dict[str, object] = {
        "provider": None,
        "repository": "app",
        "branch": "main",
        "ruleset": "r",
        "checks": ("t",),
    }
    return BranchRulesArgs(**{**args, **changes})  # type: ignore[arg-type]


def _state(**changes: object) -> StateStoreArgs:
    args: dict[str, object] = {"region": "europe-west1", "writers": {"deploy": "m"}, "readers": {"preview": "m"}}
    places = {"project": project("delivery"), "vault": project("keys")}
    return StateStoreArgs(**{**places, **args, **changes})  # type: ignore[arg-type]


def _budget(**changes: object) -> BudgetArgs:
    home = project("delivery")
    args: dict[str, object] = {"billing_account": "a", "currency": "EUR", "monthly": 1, "email": "e"}
    return BudgetArgs(home=home, **{"projects": (home,), **args, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("case", BROKEN)
def test_arguments_that_break_a_clause_are_refused(case: str) -> None:
    """Before any resource exists, with the clause in front."""
    clause, build = BROKEN[case]
    _refused(build, clause)
