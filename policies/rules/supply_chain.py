"""Supply chain: images come from a scanned registry whose tags stay, and somebody signed them (CIN-2, CIN-3, DEP-1)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.graph import Graph
from policies.model import Resource, UnknownValue, View, gcp
from policies.rule import Finding, Sample, each, fail, fail_stack, rule, skip, unsure
from policies.rules._facts import boolean

REGISTRY = gcp("artifactregistry/repository")
ATTESTOR = gcp("binaryauthorization/attestor")
SERVICE = gcp("projects/service")
SERVICES = gcp("projects/services")
"""The list of APIs of provider versions before 3: gone, and still judged where a file has it."""
_SCANNING = "containerscanning.googleapis.com"
_IMAGES = ("artifactregistry.googleapis.com", "containerregistry.googleapis.com", _SCANNING)
_PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----"
_KEY = {"id": "kms", "pkixPublicKey": {"publicKeyPem": _PEM, "signatureAlgorithm": "ECDSA_P256_SHA256"}}
_STRONG = ("ECDSA_P256", "ECDSA_P384", "ECDSA_P521", "EC_SIGN", "RSA_PSS_3072", "RSA_PSS_4096", "RSA_SIGN_PSS_3072")


def _no_images(registry: Resource) -> str | None:
    if registry.upper("format", "DOCKER") != "DOCKER":
        return f"a {registry.show('format')} repository has no image tags"
    if registry.upper("mode", "STANDARD_REPOSITORY") != "STANDARD_REPOSITORY":
        return "tags of a remote or virtual repository come from elsewhere"
    return None


boolean(
    {REGISTRY: "dockerConfig.immutableTags"},
    id="registry-immutable-tags",
    clause="CIN-3",
    title="Image tags cannot be moved",
    severity="medium",
    base={"repositoryId": "app", "format": "DOCKER"},
    guard=_no_images,
    missing="is not set: tags can be moved",
    fix='docker_config={"immutable_tags": True}',
    why="A tag that can be moved lets another image be started under the name of the one that was tested. The default "
    "is off.",
    sources=("https://cloud.google.com/artifact-registry/docs/docker/immutable-tags",),
    not_applicable=({"format": "MAVEN"}, {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}),
)


@rule(
    id="registry-scanned",
    clause="DEP-1",
    title="Registries are scanned for known vulnerabilities",
    severity="medium",
    types=(REGISTRY,),
    decides=("vulnerabilityScanningConfig.enablementConfig",),
    absent="pass",
    fix='vulnerability_scanning_config={"enablement_config": "INHERITED"}',
    sources=("https://cloud.google.com/artifact-analysis/docs/enable-automatic-scanning",),
    good=({"format": "DOCKER", "vulnerabilityScanningConfig": {"enablementConfig": "INHERITED"}}, {"format": "DOCKER"}),
    bad=({"format": "DOCKER", "vulnerabilityScanningConfig": {"enablementConfig": "disabled"}},),
)
def registry_scanned(registry: Resource) -> Iterator[Finding]:
    """Left out, the registry follows the project, where scanning is on with its API; only DISABLED takes it out."""
    path = "vulnerabilityScanningConfig.enablementConfig"
    if registry.upper(path) == "DISABLED":
        yield fail(registry, path, "is DISABLED: images are not scanned")


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


def _enabled(graph: Graph) -> tuple[set[str], bool]:
    """The APIs that the stack enables, and whether one is not known yet."""
    found: set[str] = set()
    hidden = False
    for resource in graph.of(SERVICE, SERVICES):
        path = "services" if resource.type == SERVICES else "service"
        try:
            found.update(str(v).lower() for v in resource.items(path))
        except UnknownValue:
            hidden = True
    return found, hidden


@rule(
    id="container-scanning-on",
    clause="DEP-1",
    title="The container scanning API is enabled where images are kept",
    severity="medium",
    types=(SERVICE, SERVICES),
    scope="stack",
    fix=f'gcp.projects.Service(…, service="{_SCANNING}")',
    references=(
        "checkov:CKV2_GCP_11",
        "prowler:gcr_container_scanning_enabled",
        "prowler:artifacts_container_analysis_enabled",
    ),
    sources=("https://cloud.google.com/artifact-analysis/docs/enable-automatic-scanning",),
    good=(
        (Sample(SERVICE, {"service": _SCANNING}, "scan"), Sample(REGISTRY, {"format": "DOCKER"}, "app")),
        Sample(SERVICES, {"services": ["iam.googleapis.com", _SCANNING]}),
    ),
    bad=(
        (
            Sample(SERVICE, {"service": "artifactregistry.googleapis.com"}),
            Sample(REGISTRY, {"format": "DOCKER"}, "app"),
        ),
        Sample(SERVICES, {"services": ["iam.googleapis.com"]}),
        (
            Sample(SERVICE, {"service": "iam.googleapis.com"}, "a"),
            Sample(SERVICE, {"service": "run.googleapis.com"}, "b"),
        ),
    ),
    not_applicable=(
        Sample(REGISTRY, {"format": "DOCKER"}),
        (Sample(SERVICE, {"service": "sqladmin.googleapis.com"}), Sample(gcp("sql/databaseInstance"), {}, "db")),
    ),
)
def scanning_on(graph: Graph) -> Iterator[Finding]:
    """Without the API no image is looked at, whatever the registry says. Judged in stacks that manage APIs and keep
    images, and in those that manage nothing but APIs: they are the baseline of a project."""
    if not graph.of(SERVICE, SERVICES):
        yield skip("the stack enables no APIs")
        return
    enabled, hidden = _enabled(graph)
    if _SCANNING in enabled:
        return
    baseline = all(t in (SERVICE, SERVICES) or t.startswith("pulumi:") for t in graph.types)
    if not (baseline or graph.of(REGISTRY) or enabled & set(_IMAGES)):
        yield skip("the stack keeps no images")
    elif hidden:
        yield unsure(graph.of(SERVICE, SERVICES)[0], "service")
    else:
        yield fail_stack(f"{_SCANNING} is not among the enabled APIs")


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
