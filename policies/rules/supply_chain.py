"""Supply chain: what registries fetch and publish can be trusted, and somebody signed the images (CIN-2, CIN-3)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View, gcp
from policies.rule import Finding, each, fail, rule, skip
from policies.rules._facts import boolean

REGISTRY = gcp("artifactregistry/repository")
ATTESTOR = gcp("binaryauthorization/attestor")
_PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----"
_KEY = {"id": "kms", "pkixPublicKey": {"publicKeyPem": _PEM, "signatureAlgorithm": "ECDSA_P256_SHA256"}}
_STRONG = ("ECDSA_P256", "ECDSA_P384", "ECDSA_P521", "EC_SIGN", "RSA_PSS_3072", "RSA_PSS_4096", "RSA_SIGN_PSS_3072")


@rule(
    id="registry-upstream-checked",
    clause="CIN-3",
    title="Remote registries check that their upstream works with the given credentials",
    severity="low",
    types=(REGISTRY,),
    decides=("remoteRepositoryConfig.disableUpstreamValidation",),
    absent="pass",
    fix='remote_repository_config={"disable_upstream_validation": False}',
    good=({"remoteRepositoryConfig": {"disableUpstreamValidation": False, "noCache": {}}}, {"format": "DOCKER"}),
    bad=({"remoteRepositoryConfig": {"disableUpstreamValidation": True}},),
)
def upstream_checked(registry: Resource) -> Iterator[Finding]:
    """Without the check a wrong upstream shows at the first build that needs it. The default is to check."""
    path = "remoteRepositoryConfig.disableUpstreamValidation"
    if registry.flag(path):
        yield fail(registry, path, "is on")


boolean(
    {REGISTRY: "mavenConfig.allowSnapshotOverwrites"},
    id="registry-no-snapshot-overwrites",
    clause="CIN-3",
    title="Published packages cannot be replaced",
    severity="medium",
    want=False,
    absent="pass",
    base={"format": "MAVEN"},
    fix='maven_config={"allow_snapshot_overwrites": False}',
    why="A version that can be published twice is a build that cannot be repeated. The default is to refuse.",
)


@rule(
    id="attestor-has-keys",
    clause="CIN-2",
    title="Attestors hold a public key",
    severity="high",
    types=(ATTESTOR,),
    decides=("attestationAuthorityNote.publicKeys",),
    fix='attestation_authority_note={"note_reference": note.name, "public_keys": [{…}]}',
    sources=("https://cloud.google.com/binary-authorization/docs/key-concepts#attestors",),
    good=({"attestationAuthorityNote": {"noteReference": "note", "publicKeys": [_KEY]}},),
    bad=(
        {"attestationAuthorityNote": {"noteReference": "note", "publicKeys": []}},
        {"attestationAuthorityNote": {"noteReference": "note", "publicKeys": [{"comment": "later"}]}},
    ),
)
def attestor_has_keys(attestor: Resource) -> Iterator[Finding]:
    """Without a key no signature can be checked, and the first reaction to blocked deployments is to switch it off."""
    keys = attestor.views("attestationAuthorityNote.publicKeys")
    if not keys:
        yield fail(attestor, "attestationAuthorityNote.publicKeys", "is empty")

    def check(key: View) -> Iterator[Finding]:
        key.get("")
        if not key.has("pkixPublicKey.publicKeyPem") and not key.has("asciiArmoredPgpPublicKey"):
            yield fail(key, "pkixPublicKey", "holds no key")

    yield from each(keys, check)


@rule(
    id="attestor-key-strong",
    clause="CIN-2",
    title="Attestations are signed with a strong algorithm",
    severity="medium",
    types=(ATTESTOR,),
    decides=("attestationAuthorityNote.publicKeys[0].pkixPublicKey.signatureAlgorithm",),
    fix='signature_algorithm="ECDSA_P256_SHA256"',
    sources=(
        "https://cloud.google.com/binary-authorization/docs/reference/rest/v1/projects.attestors#SignatureAlgorithm",
    ),
    good=({"attestationAuthorityNote": {"noteReference": "note", "publicKeys": [_KEY]}},),
    bad=(
        {
            "attestationAuthorityNote": {
                "publicKeys": [
                    {"pkixPublicKey": {"publicKeyPem": _PEM, "signatureAlgorithm": "RSA_SIGN_PKCS1_2048_SHA256"}}
                ]
            }
        },
    ),
    not_applicable=({"attestationAuthorityNote": {"publicKeys": [{"asciiArmoredPgpPublicKey": "mQENBF"}]}},),
)
def attestor_key_strong(attestor: Resource) -> Iterator[Finding]:
    """PKCS#1 v1.5 signatures and 2048 bits are what is left when nobody chose; the signature outlives the image."""
    keys = [k for k in attestor.views("attestationAuthorityNote.publicKeys") if k.has("pkixPublicKey")]
    if not keys:
        yield skip("the attestor holds no PKIX key")

    def check(key: View) -> Iterator[Finding]:
        if not (key.upper("pkixPublicKey.signatureAlgorithm") or "").startswith(_STRONG):
            shown = key.show("pkixPublicKey.signatureAlgorithm")
            yield fail(key, "pkixPublicKey.signatureAlgorithm", f"is {shown}")

    yield from each(keys, check)
