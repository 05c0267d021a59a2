"""Encryption keys: they rotate, cannot be lost, and belong to nobody but the service that encrypts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import at_least_days, boolean, one_of
from policies.rules._public import not_public

KEY = gcp("kms/cryptoKey")


@rule(
    id="kms-key-rotates",
    clause="ENC-2",
    title="Symmetric encryption keys rotate within 90 days",
    severity="high",
    types=(KEY,),
    decides=("rotationPeriod",),
    fix='rotation_period="7776000s"',
    references=(
        "checkov:CKV_GCP_43",
        "trivy:GCP-0065",
        "kics:high_google_kms_crypto_key_rotation_period",
        "prowler:kms_key_rotation_max_90_days",
        "cis-gcp:1.10",
        "terrascan:AC_GCP_0011",
        "terrascan:AC_GCP_0012",
    ),
    sources=("https://cloud.google.com/kms/docs/key-rotation",),
    traps=(11,),
    params={"max_days": 90},
    good=({"rotationPeriod": "7776000s"}, {"rotationPeriod": "86400.5s", "purpose": "ENCRYPT_DECRYPT"}),
    bad=({"rotationPeriod": "7776001s"}, {"rotationPeriod": "31536000s"}, {"rotationPeriod": "soon"}),
    not_applicable=({"purpose": "ASYMMETRIC_SIGN"},),
)
def key_rotates(key: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A key without a rotation period never rotates; the longer one version lives, the more data one leak exposes."""
    purpose = key.upper("purpose", "ENCRYPT_DECRYPT")
    if purpose != "ENCRYPT_DECRYPT":
        yield skip(f"keys for {purpose} cannot rotate automatically")
        return
    seconds = key.number("rotationPeriod")
    if seconds is None:
        yield fail(key, "rotationPeriod", f"is {key.show('rotationPeriod')}: the key never rotates")
    elif seconds > float(params["max_days"]) * 86400:
        yield fail(key, "rotationPeriod", f"is {seconds / 86400:.1f} days, more than {params['max_days']}")


@rule(
    id="kms-key-rotates-at-all",
    clause="ENC-2",
    title="Symmetric encryption keys have a rotation period",
    severity="high",
    types=(KEY,),
    decides=("rotationPeriod",),
    fix='rotation_period="7776000s"',
    references=("prowler:kms_key_rotation_enabled",),
    sources=("https://cloud.google.com/kms/docs/key-rotation",),
    traps=(11,),
    good=({"rotationPeriod": "7776000s"}, {"rotationPeriod": "31536000s", "purpose": "ENCRYPT_DECRYPT"}),
    bad=({}, {"rotationPeriod": ""}, {"rotationPeriod": "soon"}),
    not_applicable=({"purpose": "ASYMMETRIC_SIGN"},),
)
def key_rotates_at_all(key: Resource) -> Iterator[Finding]:
    """One version that lives for ever is one leak that never ends. How often it must rotate is a rule of its own."""
    purpose = key.upper("purpose", "ENCRYPT_DECRYPT")
    if purpose != "ENCRYPT_DECRYPT":
        yield skip(f"keys for {purpose} cannot rotate automatically")
    elif key.number("rotationPeriod") is None:
        yield fail(key, "rotationPeriod", f"is {key.show('rotationPeriod')}: the key never rotates")


not_public(
    ("kms/cryptoKeyIAM",),
    role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
    id="kms-key-not-public",
    title="Encryption keys are open to nobody outside",
    severity="critical",
    waivable=False,
    references=(
        "checkov:CKV_GCP_112",
        "kics:kms_crypto_key_publicly_accessible",
        "prowler:kms_key_not_publicly_accessible",
        "cis-gcp:1.9",
    ),
    why="A key that everyone may use encrypts nothing.",
)

not_public(
    ("kms/keyRingIAM",),
    role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
    id="kms-ring-not-public",
    title="Key rings are open to nobody outside",
    severity="critical",
    waivable=False,
    references=("checkov:CKV2_GCP_8", "datadog:cloud_kms_key_rings_are_public"),
    why="A grant on the ring holds for all keys in it, also for those that are made later.",
)

at_least_days(
    {KEY: "destroyScheduledDuration"},
    days=30,
    missing="is not set, and can never be set later",
    id="kms-destroy-delay",
    clause="ENC-5",
    title="A key version stays recoverable for at least 30 days after its destruction was asked for",
    severity="medium",
    fix='destroy_scheduled_duration="2592000s"',
    sources=("https://cloud.google.com/kms/docs/destroy-restore",),
    traps=(13,),
    why="Destroying a key destroys all data under it. The delay is the time to notice; Google fixes it when the key is "
    "made. Google's default is 30 days, but an organization can lower it, so it is written out.",
)

boolean(
    {KEY: "skipInitialVersionCreation"},
    want=False,
    absent="pass",
    guard=lambda key: "the key is for imported versions only" if key.flag("importOnly") else None,
    remedy=True,
    id="kms-first-version-made",
    clause="ENC-1",
    title="A key is made together with its first version",
    severity="medium",
    fix="skip_initial_version_creation=False",
    sources=("https://cloud.google.com/kms/docs/importing-a-key",),
    traps=(14,),
    not_applicable=({"importOnly": True, "skipInitialVersionCreation": True},),
    why="A key without a version cannot encrypt; a version that somebody makes later by hand has an unknown origin.",
)

one_of(
    {KEY: "deletionPolicy"},
    allowed=("PREVENT",),
    others=("DELETE", "ABANDON"),
    missing="is not set: a destroy of the stack destroys every version of the key",
    remedy=True,
    id="kms-deletion-prevented",
    clause="ENC-5",
    title="Keys have the deletion policy PREVENT",
    severity="high",
    fix='deletion_policy="PREVENT"',
    sources=("https://www.pulumi.com/registry/packages/gcp/api-docs/kms/cryptokey/",),
    traps=(10,),
    why="A key cannot be deleted, so deleting it destroys its versions instead, and with them all data under them.",
)

one_of(
    {gcp("kms/cryptoKeyVersion"): "state"},
    allowed=("ENABLED",),
    others=("DISABLED", "DESTROYED", "DESTROY_SCHEDULED"),
    absent="pass",
    id="kms-version-enabled",
    clause="ENC-5",
    title="No code disables or destroys a key version",
    severity="critical",
    fix='state="ENABLED"',
    sources=("https://cloud.google.com/kms/docs/enable-disable",),
    traps=(10,),
    why="Disabling a version takes the data under it away from every service at once; destroying it takes it for good.",
)


@rule(
    id="kms-key-protected",
    clause="ENC-5",
    title="Keys are protected from deletion by the engine",
    severity="high",
    types=(KEY,),
    scope="stack",
    fix="opts=ResourceOptions(protect=True)",
    references=("checkov:CKV_GCP_82",),
    sources=("https://www.pulumi.com/docs/iac/concepts/options/protect/",),
    traps=(10, 52),
    good=((Sample(KEY, {"name": "app"}, options={"protect": True}),),),
    bad=((Sample(KEY, {"name": "app"}),), (Sample(KEY, {"deletionPolicy": "PREVENT"}),)),
)
def key_protected(graph: Graph) -> Iterator[Finding]:
    """`protect` makes the engine refuse a plan that deletes the key, whatever the reason: a rename, a refactoring, a
    destroy. It is the only guard that shows in the preview."""
    for key in graph.of(KEY):
        if not key.protect:
            yield fail(key, "protect", "is off: a deleted line of code destroys the key and all data under it")
