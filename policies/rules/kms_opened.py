"""Says on a key, a key ring and a database what a grant or a user elsewhere in the stack makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.graph import Graph
from policies.model import Resource, UnknownValue, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._keys import EXAMPLE_KEY, EXAMPLE_RING, KEY, RING
from policies.rules._links import pointers
from policies.rules._public import public_grants
from policies.rules._sql import INSTANCE, engine

_IAM: Final = {
    KEY: ("cryptoKeyId", tuple(gcp(f"kms/cryptoKeyIAM{shape}") for shape in ("Member", "Binding", "Policy"))),
    RING: ("keyRingId", tuple(gcp(f"kms/keyRingIAM{shape}") for shape in ("Member", "Binding", "Policy"))),
}
_USER: Final = gcp("sql/user")
_ROLE: Final = "roles/cloudkms.cryptoKeyDecrypter"


def _stack(type_token: str, property_name: str, reference: str, member: str) -> tuple[Sample, ...]:
    thing = Sample(type_token, {"name": "data"}, name="thing", outputs={"id": reference})
    grant = {property_name: reference, "role": _ROLE, "member": member}
    return thing, Sample(_IAM[type_token][1][0], grant, name="grant")


@rule(
    id="kms-opened-to-nobody",
    clause="ACC-3",
    title="No grant of the stack opens a key or a key ring to everyone",
    severity="high",
    types=(KEY, RING),
    scope="stack",
    fix="remove the grant to allUsers or allAuthenticatedUsers",
    references=("checkov:CKV2_GCP_6", "checkov:CKV2_GCP_8"),
    sources=("https://cloud.google.com/kms/docs/iam",),
    traps=(23,),
    good=(
        _stack(KEY, "cryptoKeyId", EXAMPLE_KEY, "group:keys@example.com"),
        _stack(RING, "keyRingId", EXAMPLE_RING, "group:keys@example.com"),
    ),
    bad=(
        _stack(KEY, "cryptoKeyId", EXAMPLE_KEY, "allUsers"),
        _stack(RING, "keyRingId", EXAMPLE_RING, "allAuthenticatedUsers"),
    ),
)
def opened_to_nobody(graph: Graph) -> Iterator[Finding]:
    """The grant has a verdict of its own; this one tells which key is open, and so which data."""
    for thing in graph.of(KEY, RING):
        property_name, types = _IAM[thing.type]
        for grant in pointers(thing, property_name, *types):
            try:
                for finding in public_grants(grant):
                    yield fail(thing, "", f"is opened by {grant.name}: {finding.message}")
            except UnknownValue:
                yield unsure(thing, "", f"may be opened by {grant.name}, whose member is not known yet")


@rule(
    id="sql-mysql-no-open-root",
    clause="AUT-2",
    title="No MySQL database has a root user without a password",
    severity="critical",
    types=(INSTANCE,),
    decides=("databaseVersion",),
    absent="not_applicable",
    fix="password=random.RandomPassword(…).result on the user",
    references=("checkov:CKV2_GCP_7",),
    sources=("https://cloud.google.com/sql/docs/mysql/users",),
    graph=True,
    good=(
        (
            Sample(INSTANCE, {"name": "main", "databaseVersion": "MYSQL_8_0"}, name="instance"),
            Sample(_USER, {"name": "root", "instance": "main", "passwordWo": "x"}, name="root"),
            Sample(_USER, {"name": "root", "instance": "other"}, name="elsewhere"),
        ),
    ),
    bad=(
        (
            Sample(INSTANCE, {"name": "main", "databaseVersion": "MYSQL_8_0"}, name="instance"),
            Sample(_USER, {"name": "root", "instance": "main"}, name="root"),
        ),
    ),
    not_applicable=({"databaseVersion": "POSTGRES_17"},),
)
def no_open_root(instance: Resource) -> Iterator[Finding]:
    """Says on the database what its user means: whoever reaches the port owns everything in it."""
    if engine(instance) != "MYSQL":
        yield skip("only MySQL has a root user")
        return
    for user in pointers(instance, "instance", _USER):
        name = user.raw("name")
        root = isinstance(name, str) and name.lower().startswith("root") and not user.has("type")
        if root and not user.has("password") and not user.has("passwordWo"):
            yield fail(instance, "", f"has the user {name} without a password")
