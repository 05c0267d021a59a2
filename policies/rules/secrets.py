"""Secret Manager: open to nobody outside, rotated and told about it, encrypted with a key of our own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules._facts import at_least_days, boolean
from policies.rules._keys import EXAMPLE_KEY, KEY, cmek, encrypted
from policies.rules._public import not_public

SECRET = gcp("secretmanager/secret")
REGIONAL = gcp("secretmanager/regionalSecret")
_ROTATION = {"rotationPeriod": "7776000s", "nextRotationTime": "2027-01-01T00:00:00Z"}
_KEYS = ("https://cloud.google.com/secret-manager/docs/cmek",)

not_public(
    ("secretmanager/secretIam", "secretmanager/regionalSecretIam"),
    role="roles/secretmanager.secretAccessor",
    id="secret-not-public",
    title="Secrets are open to nobody outside",
    severity="critical",
    waivable=False,
    references=("prowler:secretmanager_secret_not_publicly_accessible",),
    why="A secret that everyone may read is a password on a wall.",
)


@rule(
    id="secret-rotates",
    clause="ENC-9",
    title="Secrets rotate within 90 days",
    severity="medium",
    types=(SECRET, REGIONAL),
    decides=("rotation.rotationPeriod",),
    fix='rotation={"rotation_period": "7776000s", "next_rotation_time": …}, topics=[…]',
    references=("prowler:secretmanager_secret_rotation_enabled",),
    sources=("https://cloud.google.com/secret-manager/docs/secret-rotation",),
    params={"max_days": 90},
    good=({"rotation": _ROTATION}, Sample(REGIONAL, {"rotation": {"rotationPeriod": "86400s"}})),
    bad=({}, {"rotation": {"rotationPeriod": "7776001s"}}, {"rotation": {"nextRotationTime": "2027-01-01T00:00:00Z"}}),
)
def secret_rotates(secret: Resource, params: dict[str, float]) -> Iterator[Finding]:
    """A secret that leaked without anyone noticing ends at its next rotation; without one it works for ever."""
    seconds = secret.number("rotation.rotationPeriod")
    if seconds is None:
        yield fail(secret, "rotation.rotationPeriod", f"is {secret.show('rotation.rotationPeriod')}: it never rotates")
    elif seconds > float(params["max_days"]) * 86400:
        yield fail(secret, "rotation.rotationPeriod", f"is {seconds / 86400:.1f} days")


@rule(
    id="secret-rotation-heard",
    clause="ENC-9",
    title="The rotation of a secret is announced to a topic",
    severity="medium",
    types=(SECRET, REGIONAL),
    decides=("topics",),
    fix='topics=[{"name": topic.id}]',
    sources=("https://cloud.google.com/secret-manager/docs/secret-rotation",),
    good=({"rotation": _ROTATION, "topics": [{"name": "projects/p/topics/rotation"}]},),
    bad=(
        {"rotation": _ROTATION},
        {"rotation": _ROTATION, "topics": [{}]},
        {"rotation": {"rotationPeriod": "7776000s"}, "topics": [{"name": "projects/p/topics/rotation"}]},
    ),
    not_applicable=({"labels": {"a": "b"}},),
)
def rotation_heard(secret: Resource) -> Iterator[Finding]:
    """Secret Manager does not make a new value: it sends a message. Without a topic nobody hears it."""
    if secret.get("rotation") in (None, {}):
        yield skip("the secret does not rotate")
    elif not any(topic.data is not UNKNOWN and topic.has("name") for topic in secret.views("topics")):
        secret.words("topics")
        yield fail(secret, "topics", "names none: the rotation is announced to nobody")
    elif not secret.has("rotation.nextRotationTime"):
        yield fail(secret, "rotation.nextRotationTime", "is not set: Secret Manager needs to know when to begin")


def _replicated(**replication: object) -> dict[str, object]:
    return {"secretId": "app", "replication": replication}


@rule(
    id="secret-own-key",
    clause="ENC-9",
    title="Secrets are encrypted with a key of our own, in every replica",
    severity="medium",
    types=(SECRET,),
    decides=("replication.auto.customerManagedEncryption.kmsKeyName",),
    fix='replication={"user_managed": {"replicas": [{"customer_managed_encryption": {"kms_key_name": key.id}, …}]}}',
    sources=_KEYS,
    graph=True,
    provenance=True,
    good=(
        (
            Sample(
                SECRET,
                _replicated(auto={"customerManagedEncryption": {"kmsKeyName": EXAMPLE_KEY}}),
                depends={"replication": ("key",)},
            ),
            Sample(KEY, {"name": "app"}, name="key"),
        ),
        _replicated(
            userManaged={
                "replicas": [{"location": "l", "customerManagedEncryption": {"kmsKeyName": EXAMPLE_KEY}}],
            }
        ),
    ),
    bad=(
        _replicated(auto={}),
        _replicated(userManaged={"replicas": [{"location": "europe-west1"}]}),
        _replicated(
            userManaged={
                "replicas": [
                    {"location": "a", "customerManagedEncryption": {"kmsKeyName": EXAMPLE_KEY}},
                    {"location": "b"},
                ],
            }
        ),
        {"secretId": "app"},
    ),
)
def secret_own_key(secret: Resource) -> Iterator[Finding]:
    """Each replica has a key of its own location. One replica without a key undoes the others."""
    replicas = secret.views("replication.userManaged.replicas")
    if replicas:
        yield from each(replicas, lambda r: encrypted(r, "customerManagedEncryption.kmsKeyName", graph=secret.graph))
    else:
        path = "replication.auto.customerManagedEncryption.kmsKeyName"
        yield from encrypted(secret, path, graph=secret.graph)


cmek(
    {REGIONAL: "customerManagedEncryption.kmsKeyName"},
    clause="ENC-9",
    id="secret-regional-own-key",
    title="Regional secrets are encrypted with a key of our own",
    fix='customer_managed_encryption={"kms_key_name": key.id}',
    sources=_KEYS,
    why="A key of our own can be taken away from a secret that leaked, and its use is logged.",
)

at_least_days(
    {SECRET: "versionDestroyTtl", REGIONAL: "versionDestroyTtl"},
    days=1,
    id="secret-version-recoverable",
    clause="BAK-5",
    title="A destroyed secret version can be brought back for at least a day",
    severity="low",
    fix='version_destroy_ttl="604800s"',
    sources=("https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions",),
    why="A version destroyed by mistake takes a service down, and without a delay it is gone at once. One day is the "
    "shortest delay that Secret Manager knows.",
)

boolean(
    {gcp("secretmanager/secretVersion"): "enabled", gcp("secretmanager/regionalSecretVersion"): "enabled"},
    absent="pass",
    id="secret-version-enabled",
    clause="CHG-6",
    title="No code disables a secret version",
    severity="low",
    fix="enabled=True",
    sources=("https://cloud.google.com/secret-manager/docs/disable-secret-version",),
    why="Disabling is an emergency measure: left in the code it fires again at every deployment. The default is true.",
)

boolean(
    {SECRET: "deletionProtection", REGIONAL: "deletionProtection"},
    missing="is not set, and the default is off",
    id="secret-deletion-protected",
    clause="BAK-5",
    title="Secrets are protected from deletion",
    severity="low",
    level="advisory",
    fix="deletion_protection=True",
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/secretmanager/secret/",),
    traps=(6,),
    why="A deleted secret takes down every service that reads it, and its value cannot be brought back.",
)
