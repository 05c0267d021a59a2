"""Encryption keys: they rotate, cannot be lost, and belong to nobody but the service that encrypts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource, gcp
from policies.rule import Finding, fail, rule, skip

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
        "prowler:kms_key_rotation_enabled",
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
