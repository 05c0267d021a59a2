"""Virtual machines: whose identity they run under, and who may use their images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policies.model import Resource, UnknownValue
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._identity import (
    ACCOUNT_SAMPLE,
    DEFAULT_EMAIL,
    OWN_EMAIL,
    from_account,
    is_address,
    is_default,
    own_account,
)
from policies.rules._machines import (
    FROM_IMAGE,
    FROM_TEMPLATE,
    INSTANCE,
    MACHINES,
    REGION_TEMPLATE,
    TEMPLATE,
    inherited,
    made_by_gke,
)
from policies.rules._public import not_public

NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("cis-gcp:4.12", "whether updates are installed is known to the running machine only"),
    ("prowler:compute_instance_suspended_without_persistent_disks", "a machine is suspended at run time"),
    ("prowler:compute_snapshot_not_outdated", "the age of a snapshot is known at run time only"),
    ("prowler:compute_public_address_shodan", "asks an outside service about addresses in use"),
)

_OWN: dict[str, Any] = {"serviceAccount": {"email": OWN_EMAIL, "scopes": ["cloud-platform"]}}
_SHARED: dict[str, Any] = {"serviceAccount": {"email": DEFAULT_EMAIL, "scopes": ["cloud-platform"]}}
_IDENTITY_DOCS = ("https://cloud.google.com/compute/docs/access/service-accounts",)


@rule(
    id="vm-no-default-account",
    clause="ACC-5",
    title="Virtual machines do not run as a default service account",
    severity="high",
    types=MACHINES,
    decides=("serviceAccount.email",),
    graph=True,
    provenance=True,
    fix='service_account={"email": app_account.email, "scopes": ["cloud-platform"]}',
    references=(
        "checkov:CKV_GCP_30",
        "trivy:GCP-0044",
        "kics:using_default_service_account",
        "prowler:compute_instance_default_service_account_in_use",
        "cis-gcp:4.1",
        "terrascan:AC_GCP_0040",
    ),
    sources=_IDENTITY_DOCS,
    traps=(22,),
    good=(
        (Sample(INSTANCE, _OWN, depends={"serviceAccount": ("account",)}), ACCOUNT_SAMPLE),
        {},
        *(Sample(t, _OWN) for t in MACHINES),
    ),
    bad=(
        {"serviceAccount": {"scopes": ["cloud-platform"]}},
        {"serviceAccount": {"email": "default", "scopes": []}},
        *(Sample(t, _SHARED) for t in MACHINES),
    ),
    not_applicable=({"name": "gke-pool-1", **_SHARED}, Sample(FROM_TEMPLATE, {})),
)
def no_default_account(machine: Resource) -> Iterator[Finding]:
    """The default account is shared by the whole project and was an editor of it: one machine taken, all is taken.

    A machine without a `serviceAccount` block has no account at all; that is another rule's subject.
    """
    reason = made_by_gke(machine) or inherited("serviceAccount")(machine)
    if reason:
        yield skip(reason)
    elif machine.raw("serviceAccount") is not None:
        yield from own_account(machine, "serviceAccount.email", who="the machine")


@rule(
    id="vm-own-account",
    clause="ACC-5",
    title="Virtual machines name a service account of their own",
    severity="low",
    types=MACHINES,
    decides=("serviceAccount",),
    graph=True,
    provenance=True,
    fix='service_account={"email": app_account.email, "scopes": ["cloud-platform"]}',
    references=("kics:using_default_service_account",),
    sources=_IDENTITY_DOCS,
    good=((Sample(INSTANCE, _OWN, depends={"serviceAccount": ("account",)}), ACCOUNT_SAMPLE), _OWN),
    bad=(
        {"name": "app"},
        {"serviceAccount": {"email": "app", "scopes": []}},
        {"name": "gke-nat", **_SHARED},
        *(Sample(t, {}) for t in (TEMPLATE, REGION_TEMPLATE)),
    ),
    not_applicable=(Sample(FROM_TEMPLATE, {}), Sample(FROM_IMAGE, {})),
)
def own_named_account(machine: Resource) -> Iterator[Finding]:
    """A machine without an identity gets one later in a hurry, or borrows a key."""
    path = "serviceAccount.email"
    if reason := inherited("serviceAccount")(machine):
        yield skip(reason)
    elif machine.raw("serviceAccount") is None:
        yield fail(machine, "serviceAccount", "is not set: the machine has no identity of its own")
    elif not machine.known(path):
        if not from_account(machine, path):
            yield unsure(machine, path)
    elif machine.has(path):
        email = machine.text(path) or ""
        if not is_address(email) and not is_default(email):
            yield fail(machine, path, f"is {email!r}, which is no service account's address")
        elif is_default(email) and not machine.known("name"):
            yield unsure(machine, "name")
        elif is_default(email) and made_by_gke(machine):
            yield fail(machine, path, f"is {email}: a name that begins with gke- does not make it a node")


@rule(
    id="vm-default-account-scopes",
    clause="ACC-10",
    title="No virtual machine gives a default service account access to all APIs",
    severity="high",
    types=MACHINES,
    decides=("serviceAccount.scopes",),
    absent="pass",
    graph=True,
    fix='service_account={"email": app_account.email, "scopes": ["cloud-platform"]}',
    references=(
        "checkov:CKV_GCP_31",
        "kics:vm_with_full_cloud_access",
        "prowler:compute_instance_default_service_account_in_use_with_full_api_access",
        "cis-gcp:4.2",
        "terrascan:AC_GCP_0041",
    ),
    sources=_IDENTITY_DOCS,
    good=(
        {"serviceAccount": {"email": DEFAULT_EMAIL, "scopes": ["compute-ro", "storage-ro"]}},
        (Sample(INSTANCE, _OWN, depends={"serviceAccount": ("account",)}), ACCOUNT_SAMPLE),
        *(Sample(t, _OWN) for t in MACHINES),
    ),
    bad=(
        {"serviceAccount": {"scopes": ["storage-ro", "https://www.googleapis.com/auth/cloud-platform"]}},
        *(Sample(t, _SHARED) for t in MACHINES),
    ),
    not_applicable=({"name": "gke-pool-1", **_SHARED},),
)
def default_account_scopes(machine: Resource) -> Iterator[Finding]:
    """Scope `cloud-platform` hands every API to whoever reaches the metadata server of the machine.

    With an account of its own the scope is what Google recommends, since roles then say what is allowed.
    """
    if reason := made_by_gke(machine):
        yield skip(reason)
        return
    scopes = machine.items("serviceAccount.scopes")
    full = any(isinstance(s, str) and s.strip().rsplit("/", 1)[-1].lower() == "cloud-platform" for s in scopes)
    email = "serviceAccount.email"
    if full and not machine.known(email):
        if not from_account(machine, email):
            yield unsure(machine, email)
    elif full and is_default(machine.text(email) or "default"):
        yield fail(machine, "serviceAccount.scopes", "has cloud-platform with a default service account")
    elif not full and any(not isinstance(s, str) for s in scopes):
        raise UnknownValue(machine.at("serviceAccount.scopes"))


not_public(
    ("compute/imageIam", "compute/machineImageIam", "compute/snapshotIam", "compute/diskIam"),
    role="roles/compute.imageUser",
    id="image-not-public",
    title="Images, snapshots and disks are shared with nobody in the world",
    why="Whoever may use an image can start it and read everything that was on the disk, keys and data included.",
    references=("prowler:compute_image_not_publicly_shared",),
)
