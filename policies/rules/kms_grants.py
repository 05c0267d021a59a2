"""Who manages keys does not use them, people use none, and rotation reaches the data that was written before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from policies.graph import Graph
from policies.iam import Grant, all_parts, hidden_policies, parts
from policies.model import Resource, Secret, UnknownValue, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._grants import is_custom
from policies.rules._sql import INSTANCE

_USE: Final = frozenset(
    f"roles/cloudkms.{name}".lower()
    for name in (
        "cryptoKeyEncrypter",
        "cryptoKeyDecrypter",
        "cryptoKeyEncrypterDecrypter",
        "cryptoKeyEncrypterViaDelegation",
        "cryptoKeyDecrypterViaDelegation",
        "cryptoKeyEncrypterDecrypterViaDelegation",
        "cryptoOperator",
        "signer",
        "signerVerifier",
    )
)
"""The predefined roles that encrypt, decrypt or sign (Cloud KMS documentation, "Permissions and roles")."""
_ADMIN: Final = "roles/cloudkms.admin"
_KEY_IAM: Final = tuple(
    gcp(f"{kind}{shape}")
    for kind in ("kms/cryptoKeyIAM", "kms/keyRingIAM", "projects/iAM", "folder/iAM", "organizations/iAM")
    for shape in ("Member", "Binding", "Policy")
)
_AGENT: Final = "serviceAccount:service-1@gcp-sa-cloud-sql.iam.gserviceaccount.com"
_KEY_ID: Final = "projects/example-prod-keys/locations/europe-west1/keyRings/data/cryptoKeys/app"


def _project(role: str, member: str, name: str) -> Sample:
    return Sample("projects/iAMMember", {"project": "example-prod-keys", "role": role, "member": member}, name=name)


def _on_key(role: str, member: str, name: str) -> Sample:
    return Sample("kms/cryptoKeyIAMMember", {"cryptoKeyId": _KEY_ID, "role": role, "member": member}, name=name)


def _who(grant: Grant) -> str | None:
    """The member, or the one resource that a member not known yet comes from."""
    return grant.member.lower() or (grant.sources[0] if len(grant.sources) == 1 else None)


def _place(grant: Grant) -> str | None:
    """The project whose keys the grant is about; None where that is not known, or more than one."""
    resource = grant.resource
    for path in ("cryptoKeyId", "keyRingId"):
        if isinstance(value := resource.raw(path), str) and (found := re.match(r"projects/([^/]+)/", value)):
            return found[1]
    found_project = resource.graph.project_of(resource) if resource.graph and grant.level == "project" else None
    return found_project.removeprefix("projects/") if found_project else None


_PLACED_BY: Final = {"project": "project", "resource": "cryptoKeyId"}


def _place_lost(grant: Grant) -> bool:
    """Whether nothing tells yet which keys the grant is about, not even an edge."""
    path = _PLACED_BY.get(grant.level, "")
    resource = grant.resource
    return bool(path) and not resource.known(path) and not resource.property_dependencies.get(path)


def _apart(one: Grant, other: Grant) -> bool:
    places = _place(one), _place(other)
    return None not in places and places[0] != places[1]


@rule(
    id="kms-duties-separated",
    clause="ENC-6",
    title="Whoever administers keys cannot encrypt or decrypt with them",
    severity="high",
    types=_KEY_IAM,
    scope="stack",
    fix="give roles/cloudkms.admin and the encrypter and decrypter roles to different members",
    references=(
        "kics:kms_admin_and_crypto_key_roles_in_use",
        "prowler:iam_role_kms_enforce_separation_of_duties",
        "cis-gcp:1.11",
    ),
    sources=("https://cloud.google.com/kms/docs/separation-of-duties",),
    traps=(16,),
    good=(
        (
            _project(_ADMIN, "group:keys@example.com", "admin"),
            _on_key("roles/cloudkms.cryptoKeyEncrypterDecrypter", _AGENT, "agent"),
        ),
        (
            _project(_ADMIN, "group:keys@example.com", "admin"),
            Sample(
                "kms/cryptoKeyIAMMember",
                {
                    "cryptoKeyId": _KEY_ID.replace("-keys/", "-delivery/"),
                    "role": "roles/cloudkms.cryptoKeyDecrypter",
                    "member": "group:keys@example.com",
                },
                name="elsewhere",
            ),
        ),
    ),
    bad=(
        (
            _project(_ADMIN, "group:keys@example.com", "admin"),
            _on_key("roles/cloudkms.cryptoKeyDecrypter", "group:Keys@example.com", "use"),
        ),
        (
            Sample(
                "projects/iAMPolicy",
                {
                    "policyData": json.dumps(
                        {
                            "bindings": [
                                {"role": _ADMIN, "members": ["user:jane@example.com"]},
                                {"role": "roles/cloudkms.cryptoKeyEncrypter", "members": ["user:jane@example.com"]},
                            ]
                        }
                    )
                },
            ),
        ),
    ),
)
def duties_separated(graph: Graph) -> Iterator[Finding]:
    """Who manages a key and also uses it needs nobody's help to read the data and to hide it. The union of all grants
    counts, on key, ring, project, folder and organization: two harmless lines make one dangerous member. Keys of two
    projects that are both known are two matters."""
    admins: dict[str, list[Grant]] = {}
    users: dict[str, list[Grant]] = {}
    open_ones: list[Grant] = []
    for grant in all_parts(graph):
        who = _who(grant)
        role = grant.role.lower()
        if who is None or (not role and not is_custom(grant)):
            open_ones.append(grant)
        elif role == _ADMIN:
            admins.setdefault(who, []).append(grant)
        elif role in _USE:
            users.setdefault(who, []).append(grant)
    yield from (unsure(resource, "policyData") for resource in hidden_policies(graph))
    for grant in open_ones:
        if grant.unknown and (grant.role.lower() in (_ADMIN, *_USE) or (not grant.role and (admins or users))):
            yield unsure(grant.resource, grant.unknown[0])
    for who, found in admins.items():
        for grant in found:
            other = next((o for o in users.get(who, ()) if not _apart(grant, o)), None)
            lost = next((g for g in (grant, other) if g and _place_lost(g)), None)
            if other is not None and lost is not None and (_place(grant) or _place(other)):
                yield unsure(lost.resource, _PLACED_BY[lost.level], "is not known yet: the keys may be of one project")
            elif other is not None:
                yield fail(
                    grant.resource,
                    grant.path,
                    f"{grant.member or 'the member'} administers keys and holds {other.role} by {other.resource.name}",
                )


@rule(
    id="kms-no-people-use-keys",
    clause="ENC-6",
    title="People cannot encrypt or decrypt with keys",
    severity="high",
    types=_KEY_IAM,
    decides=("member",),
    absent="pass",
    fix="grant the encrypter and decrypter roles to service agents only",
    sources=("https://cloud.google.com/kms/docs/iam",),
    traps=(16,),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(
                "kms/cryptoKeyIAMMember",
                {"cryptoKeyId": _KEY_ID, "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "member": _AGENT},
                depends={"member": ("agent",)},
            ),
            Sample("projects/serviceIdentity", {"service": "sqladmin.googleapis.com"}, name="agent"),
        ),
        _project("roles/cloudkms.viewer", "group:audit@example.com", "viewer"),
    ),
    bad=(
        _on_key("roles/cloudkms.cryptoKeyDecrypter", "user:jane@example.com", "use"),
        _project("roles/cloudkms.cryptoKeyEncrypterDecrypter", "group:data@example.com", "use"),
        Sample("kms/keyRingIAMBinding", {"role": "roles/cloudkms.cryptoOperator", "members": ["domain:example.com"]}),
    ),
)
def no_people_use_keys(resource: Resource) -> Iterator[Finding]:
    """The service decrypts for those who may read the data. A person with the role decrypts copies, past every log of
    the service."""
    lost: str | None = None
    for grant in parts(resource):
        uses = grant.role.lower() in _USE
        if uses and grant.human:
            yield fail(resource, grant.path, f"{grant.member} holds {grant.role}")
        elif (uses or not grant.role) and grant.unknown and (grant.human or not grant.kind):
            lost = lost or grant.unknown[0]
    if lost is not None:
        raise UnknownValue(resource.at(lost))


_WORKERS: Final = (
    gcp("cloudrunv2/job"),
    gcp("workflows/workflow"),
    gcp("cloudfunctionsv2/function"),
    gcp("cloudrunv2/service"),
)
_SCHEDULE: Final = gcp("cloudscheduler/job")
_REENCRYPT: Final = re.compile(r"re-?_?encrypt", re.IGNORECASE)


def _speaks_of_reencryption(resource: Resource) -> bool:
    texts = [resource.name, *(v.value if isinstance(v, Secret) else v for _, v in resource.walk())]
    return any(isinstance(text, str) and _REENCRYPT.search(text) for text in texts)


@rule(
    id="kms-data-reencrypted",
    clause="ENC-8",
    title="A scheduled job encrypts databases again after a rotation",
    severity="medium",
    types=(INSTANCE, *_WORKERS, _SCHEDULE),
    scope="stack",
    fix="a scheduled job that calls the reEncrypt method of Cloud SQL for each database",
    sources=("https://cloud.google.com/sql/docs/postgres/configure-cmek#re-encrypt",),
    traps=(12,),
    good=(
        (
            Sample("hosting:data:Database", {}, name="database"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),
            Sample(_WORKERS[0], {"name": "reencrypt"}, name="reencrypt"),
            Sample(_SCHEDULE, {"name": "nightly", "schedule": "0 3 * * *"}, depends={"httpTarget": ("reencrypt",)}),
        ),
        (
            Sample("hosting:data:Database", {}, name="database"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),
            Sample(_SCHEDULE, {"schedule": "0 3 * * *", "httpTarget": {"uri": "https://x/instances/main:reEncrypt"}}),
        ),
    ),
    bad=(
        (
            Sample("hosting:data:Database", {}, name="database"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),
        ),
        (
            Sample("hosting:data:Database", {}, name="database"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),
            Sample(_WORKERS[0], {"name": "reencrypt"}, name="reencrypt"),
        ),
        (
            Sample("hosting:data:Database", {}, name="database"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),
            Sample(
                _SCHEDULE,
                {"name": "reencrypt", "schedule": "0 3 * * *", "paused": True},
                depends={"httpTarget": ("main",)},
            ),
        ),
        (
            Sample("hosting:data:Database", {}, name="database"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),
            Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="other"),
            Sample(_SCHEDULE, {"schedule": "0 3 * * *", "httpTarget": {"uri": "https://x/instances/main/reencrypt"}}),
        ),
    ),
    not_applicable=((Sample(INSTANCE, {"encryptionKeyName": _KEY_ID}, name="main"),),),
)
def data_reencrypted(graph: Graph) -> Iterator[Finding]:
    """A rotation makes a new key version for new data only: what was written before stays under the old version, and a
    leaked one opens it still. Asked of stacks of this project's components alone."""
    if not any(t.startswith("hosting:") for t in graph.types):
        yield skip("the stack is not made of this project's components")
        return
    instances = [instance for instance in graph.of(INSTANCE) if instance.has("encryptionKeyName")]
    if not instances:
        yield skip("no database has a key of our own")
        return
    workers = {worker.urn for worker in graph.of(*_WORKERS) if _speaks_of_reencryption(worker)}
    schedules = [schedule for schedule in graph.of(_SCHEDULE) if not schedule.flag("paused")]
    if any(_made_after(schedule) & workers for schedule in schedules):
        return
    speaking = [schedule for schedule in schedules if _speaks_of_reencryption(schedule)]
    for instance in instances:
        if not any(_is_for(schedule, instance) for schedule in speaking):
            yield fail(instance, "", "is encrypted again by no schedule after its key rotated")


def _made_after(resource: Resource) -> set[str]:
    return set(resource.dependencies).union(*resource.property_dependencies.values())


def _is_for(schedule: Resource, instance: Resource) -> bool:
    name = instance.output("name") or instance.name
    return instance.urn in _made_after(schedule) or any(
        isinstance(value, str) and f"/instances/{name}" in value for _, value in schedule.walk()
    )
