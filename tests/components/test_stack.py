"""What holds for every resource of the production stack, whichever component made it."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from pulumi.runtime import rpc

from components.base import Component
from policies.clauses import CLAUSES
from tests.recording import Recorded, Recording, record_stack, stack_file

STATEFUL = {
    "gcp:kms/cryptoKey:CryptoKey",
    "gcp:kms/keyRing:KeyRing",
    "gcp:secretmanager/secret:Secret",
    "gcp:sql/database:Database",
    "gcp:sql/databaseInstance:DatabaseInstance",
    "gcp:storage/bucket:Bucket",
    "random:index/randomId:RandomId",
}


def components() -> list[type[Component]]:
    """Every component class that the program has loaded."""
    found, new = [], [Component]
    while new:
        new = [sub for one in new for sub in one.__subclasses__()]
        found += new
    return found


def is_provider(resource: Recorded) -> bool:
    """Providers themselves have no provider."""
    return resource.type.startswith("pulumi:providers:")


def test_no_resource_uses_a_default_provider(production: Recording) -> None:
    """A default provider takes whatever project and credentials the machine has (trap 52)."""
    assert [r.urn for r in production if r.custom and not r.provider and not is_provider(r)] == []


def test_every_resource_goes_through_the_provider_of_the_project_it_lies_in(production: Recording) -> None:
    """Otherwise quota and permissions of one project would serve another."""
    providers = {
        f"{r.urn}::{r.outputs.get('id', '')}".partition("::id")[0]: r.inputs["project"]
        for r in production.of("pulumi:providers:gcp")
    }
    astray = [
        (r.urn, r.inputs["project"], project)
        for r in production
        if r.type.startswith("gcp:") and "project" in r.inputs
        for urn, project in providers.items()
        if r.provider.startswith(urn) and r.inputs["project"].removeprefix("projects/") != project
    ]
    assert astray == []


def test_providers_pay_from_their_own_project(production: Recording) -> None:
    """Without a billing project the quota of whoever runs the program is used, and organization policies fail."""
    for provider in production.of("pulumi:providers:gcp"):
        assert provider.inputs["userProjectOverride"] == "true"
        assert provider.inputs["billingProject"] == provider.inputs["project"]


def test_every_resource_stands_inside_a_component(production: Recording) -> None:
    """With the options merged the wrong way around a child leaves its component, and transforms and aliases with it."""
    loose = [r.urn for r in production if "$" not in r.urn.split("::")[2] and r.type != "hosting:base:Foundation"]
    assert all(urn.split("::")[2].startswith("hosting:") for urn in loose), loose


def test_every_stateful_resource_is_protected(production: Recording) -> None:
    """Protection is what stands between a slip and the data (CHG-5)."""
    assert [r.urn for r in production if r.type in STATEFUL and not r.protect] == []


def test_only_the_moment_of_the_next_rotation_is_ignored(production: Recording) -> None:
    """An ignored property is one that nobody guards (trap 52)."""
    ignored = Counter(path for r in production for path in r.ignore_changes)
    assert set(ignored) == {"rotation.nextRotationTime"}


def test_apis_stay_enabled_when_the_stack_goes(production: Recording) -> None:
    """Disabling one API disables those that depend on it, with everything in them (trap 46)."""
    for service in production.of("gcp:projects/service:Service"):
        assert service.inputs["disableDependentServices"] is False
        assert service.inputs["disableOnDestroy"] is False


def test_nothing_is_open_to_everyone_but_services_that_say_why(production: Recording) -> None:
    """A service for everybody has its reason in the stack file; all else is open to nobody unknown (ACC-3)."""
    services = stack_file()["secure-hosting:services"]
    public = {f"{name}-public" for name, service in services.items() if "public" in service}
    opened = {r.name for r in production if r.custom and re.search(r"all(Authenticated)?Users", json.dumps(r.inputs))}
    assert opened == public


def test_grants_are_additive(production: Recording) -> None:
    """Policies and bindings strip service agents and other stacks (trap 17)."""
    kinds = {r.type for r in production if "IAM" in r.type or "iam" in r.type.lower().split(":")[-1]}
    assert not [kind for kind in kinds if kind.lower().endswith(("iampolicy", "iambinding"))]


def test_every_grant_names_a_role_and_a_member(production: Recording) -> None:
    """A member that got lost on the way is a grant to nobody, which nobody sees."""
    grants = [r for r in production if r.type.lower().endswith("iammember")]
    assert len(grants) > 20
    assert [
        g.urn
        for g in grants
        if not g.inputs.get("role") or not re.match("[a-zA-Z]+:.+|allUsers$", g.inputs.get("member", ""))
    ] == []


def test_no_account_has_a_key(production: Recording) -> None:
    """A key file outlives everybody's memory of it (trap 21)."""
    assert production.of("gcp:serviceaccount/key:Key") == []


def test_nothing_fires_when_it_is_declared(production: Recording) -> None:
    """Restores, fail-overs and suspensions are actions, not states (traps 8 and 51)."""
    for database in production.of("gcp:sql/databaseInstance:DatabaseInstance"):
        assert not {"restoreBackupContext", "backupdrBackup", "clone", "pointInTimeRestoreContext"} & set(
            database.inputs
        )


def test_every_label_taker_says_whose_it_is(production: Recording) -> None:
    """A resource without an owner is one that nobody cleans up."""
    for resource in production:
        labels = resource.inputs.get("labels") or resource.inputs.get("userLabels")
        if labels and "email_address" not in labels and "topic" not in labels:
            assert {"owner", "environment", "managed-by"} <= set(labels), resource.urn


def test_secrets_are_secret_outputs(production: Recording) -> None:
    """A password that is not wrapped stands in plain text in the state."""
    assert "password" in production.one("gcp:sql/user:User", "orders-password-reports").secrets
    assert "secretData" in production.one("gcp:secretmanager/secretVersion:SecretVersion").secrets
    held = [(r, path) for r in production for path in _paths_of(r.inputs, "-of-the-mock")]
    assert len(held) >= 2
    bare = [(r.urn, path) for r, path in held if not any(f"{path}.".startswith(f"{s}.") for s in r.secrets)]
    assert bare == []


def _paths_of(value: object, text: str, path: str = "") -> list[str]:
    """Where a text stands inside of a value."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _paths_of(item, text, f"{path}.{key}".lstrip("."))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _paths_of(item, text, f"{path}.{index}")]
    return [path] if isinstance(value, str) and text in value else []


def test_exports_carry_no_secret(production: Recording) -> None:
    """Stack outputs are read by everybody who may read the state."""
    assert "generated-password" not in json.dumps(production.exports)


def test_components_name_clauses_that_exist(production: Recording) -> None:
    """The thread from component to text must not end in the void."""
    assert production.resources
    made = {r.type for r in production if r.type.startswith("hosting:")}
    classes = {one.token: one for one in components() if hasattr(one, "token")}
    assert made <= set(classes)
    for one in classes.values():
        assert one.clauses, one
        assert set(one.clauses) <= set(CLAUSES), one
        assert list(one.clauses) == sorted(set(one.clauses), key=one.clauses.index), one


def test_a_first_preview_shows_every_key_role_and_account_by_name() -> None:
    """A reviewer who reads "known after apply" for a member or a key has reviewed nothing."""
    preview = record_stack(preview=True)
    shown = {
        "gcp:sql/databaseInstance:DatabaseInstance": ("encryptionKeyName", "settings"),
        "gcp:storage/bucket:Bucket": ("name", "encryption"),
        "gcp:secretmanager/secret:Secret": ("replication", "topics"),
        "gcp:secretmanager/secretIamMember:SecretIamMember": ("secretId", "member", "role"),
        "gcp:kms/cryptoKey:CryptoKey": ("keyRing",),
        "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": ("cryptoKeyId", "role"),
        "gcp:compute/subnetwork:Subnetwork": ("network",),
    }
    for kind, properties in shown.items():
        resources = [r for r in preview.of(kind) if r.inputs.get("role") != "roles/cloudkms.signerVerifier"]
        assert resources, kind
        for resource in resources:
            for name in properties:
                assert rpc.UNKNOWN not in json.dumps(resource.inputs[name]), (resource.urn, name)
    assert preview.one("gcp:sql/databaseInstance:DatabaseInstance", "orders").inputs["name"] == rpc.UNKNOWN


def test_names_foretold_are_the_names_the_provider_gives(production: Recording) -> None:
    """A name that is built here instead of asked for has to be the very same."""
    keys = {
        f"{k.inputs['keyRing']}/cryptoKeys/{k.inputs['name']}" for k in production.of("gcp:kms/cryptoKey:CryptoKey")
    }
    rings = {
        f"projects/{r.inputs['project']}/locations/{r.inputs['location']}/keyRings/{r.inputs['name']}"
        for r in production.of("gcp:kms/keyRing:KeyRing")
    }
    assert {k.inputs["keyRing"] for k in production.of("gcp:kms/cryptoKey:CryptoKey")} <= rings
    grants = production.of("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")
    assert {grant.inputs["cryptoKeyId"] for grant in grants} <= keys
    roles = {role.outputs["name"] for role in production.of("gcp:projects/iAMCustomRole:IAMCustomRole")}
    own = {r.inputs["role"] for r in production if str(r.inputs.get("role", "")).startswith("projects/")}
    assert own <= roles
    members = {account.outputs["member"] for account in production.of("gcp:serviceaccount/account:Account")}
    used = {
        r.inputs["member"]
        for r in production
        if re.search(r"@example-[a-z-]+\.iam\.gserviceaccount\.com$", str(r.inputs.get("member", "")))
    }
    assert used <= members


def test_the_program_is_the_same_twice(production: Recording) -> None:
    """A program that differs from run to run shows changes that nobody made."""
    assert {r.urn: r.inputs for r in production} == {r.urn: r.inputs for r in record_stack()}


def test_the_program_refuses_to_run_unjudged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pack a preview would look clean whatever it does."""
    import pulumi

    from config import require_policy_pack

    with pytest.raises(pulumi.RunError, match="export PULUMI_OPTION_POLICY_PACK="):
        require_policy_pack({})
    with pytest.raises(pulumi.RunError, match="holds no policy pack"):
        require_policy_pack({"PULUMI_OPTION_POLICY_PACK": "/nowhere"})


def test_the_small_stack_is_as_strict_as_the_large_one(production: Recording) -> None:
    """One database and one service: less of everything, weaker in nothing."""
    small = record_stack(stack="small")
    assert len(small.of("gcp:sql/databaseInstance:DatabaseInstance")) == 1
    assert len(small.resources) < len(production.resources)
    assert [r.urn for r in small if r.type in STATEFUL and not r.protect] == []
    assert small.of("gcp:compute/routerNat:RouterNat") == []
