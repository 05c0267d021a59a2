"""Artifact Registry: closed to the world, under a key of our own, scanned, with tags that cannot be moved."""

from __future__ import annotations

from collections.abc import Iterator

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail_stack, rule, skip, unsure
from policies.rules._facts import boolean, one_of
from policies.rules._keys import cmek
from policies.rules._public import not_public

REPOSITORY = gcp("artifactregistry/repository")
SERVICE = gcp("projects/service")
_REGISTRIES = ("artifactregistry.googleapis.com", "containerregistry.googleapis.com")
_SCANNERS = ("containerscanning.googleapis.com", "containeranalysis.googleapis.com")


def _not_docker(repository: Resource) -> str | None:
    if repository.upper("format") != "DOCKER":
        return "only repositories of container images have tags"
    mode = repository.upper("mode", "STANDARD_REPOSITORY")
    return None if mode == "STANDARD_REPOSITORY" else f"a {mode} holds no images of its own"


def _not_scanned(repository: Resource) -> str | None:
    if repository.upper("format") != "DOCKER":
        return "only images are scanned where they lie"
    virtual = repository.upper("mode") == "VIRTUAL_REPOSITORY"
    return "a VIRTUAL_REPOSITORY holds no images" if virtual else None


not_public(
    ("artifactregistry/repositoryIam",),
    role="roles/artifactregistry.reader",
    id="registry-not-public",
    title="Repositories are open to nobody outside",
    references=("checkov:CKV_GCP_101", "datadog:artifact_registry_repository_is_public"),
    why="Images hold code, configuration and, too often, credentials.",
)

cmek(
    {REPOSITORY: "kmsKeyName"},
    id="registry-own-key",
    title="Repositories are encrypted with a key of our own",
    fix="kms_key_name=key.id",
    references=("checkov:CKV_GCP_84",),
    sources=("https://cloud.google.com/artifact-registry/docs/cmek",),
    why="The key is fixed when the repository is made: one without it has to be filled again.",
)

boolean(
    {REPOSITORY: "dockerConfig.immutableTags"},
    base={"format": "DOCKER"},
    missing="is not set: a tag can be moved to another image",
    guard=_not_docker,
    remedy=True,
    id="registry-immutable-tags",
    clause="CIN-3",
    title="Tags of images cannot be moved",
    severity="medium",
    fix='docker_config={"immutable_tags": True}',
    sources=("https://cloud.google.com/artifact-registry/docs/docker/troubleshoot#tag-immutability",),
    not_applicable=({"format": "PYTHON"}, {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}),
    why="Whoever can move a tag deploys what they want under the name that was reviewed.",
)

one_of(
    {REPOSITORY: "vulnerabilityScanningConfig.enablementConfig"},
    allowed=("INHERITED",),
    others=("DISABLED",),
    absent="pass",
    base={"format": "DOCKER"},
    guard=_not_scanned,
    remedy=True,
    id="registry-scanning-not-disabled",
    clause="DEP-1",
    title="Repositories do not opt out of vulnerability scanning",
    severity="high",
    fix='vulnerability_scanning_config={"enablement_config": "INHERITED"}',
    sources=("https://cloud.google.com/artifact-analysis/docs/enable-automatic-scanning",),
    not_applicable=({"format": "PYTHON"},),
    why="An image that is not scanned is deployed with the holes that everyone else knows. The default is inherited.",
)


boolean(
    {REPOSITORY: "cleanupPolicyDryRun"},
    want=False,
    absent="pass",
    id="registry-cleanup-real",
    clause="MIN-1",
    title="Cleanup policies of repositories delete, and do not only report",
    severity="low",
    fix="cleanup_policy_dry_run=False",
    sources=("https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy",),
    why="A dry run keeps every old image, with the holes that were fixed since. The default is to delete.",
)


@rule(
    id="registry-images-scanned",
    clause="DEP-1",
    title="A stack with a registry enables the scanning of images",
    severity="medium",
    types=(SERVICE, REPOSITORY),
    scope="stack",
    fix='gcp.projects.Service(service="containerscanning.googleapis.com")',
    references=(
        "checkov:CKV2_GCP_11",
        "prowler:gcr_container_scanning_enabled",
        "prowler:artifacts_container_analysis_enabled",
    ),
    sources=("https://cloud.google.com/artifact-analysis/docs/enable-automatic-scanning",),
    good=(
        (
            Sample(SERVICE, {"service": "artifactregistry.googleapis.com"}, name="registry"),
            Sample(SERVICE, {"service": "containerscanning.googleapis.com"}, name="scanning"),
        ),
    ),
    bad=(
        (Sample(SERVICE, {"service": "artifactregistry.googleapis.com"}, name="registry"),),
        (
            Sample(REPOSITORY, {"format": "DOCKER"}, name="images"),
            Sample(SERVICE, {"service": "run.googleapis.com"}, name="run"),
        ),
    ),
    not_applicable=(
        (Sample(SERVICE, {"service": "run.googleapis.com"}),),
        (Sample(REPOSITORY, {"format": "DOCKER"}),),
    ),
)
def images_scanned(graph: Graph) -> Iterator[Finding]:
    """Scanning is an API that somebody has to enable. A stack without APIs or registry is not asked."""
    services = [str(s.raw("service") or "").lower() for s in graph.of(SERVICE) if s.known("service")]
    hidden = next((s for s in graph.of(SERVICE) if not s.known("service")), None)
    registry = graph.of(REPOSITORY, gcp("container/registry")) or any(s in _REGISTRIES for s in services)
    if hidden is not None and not any(s in _SCANNERS for s in services):
        yield unsure(hidden, "service")
    elif not services or not registry:
        yield skip("the stack enables no APIs, or has no registry")
    elif not any(s in _SCANNERS for s in services):
        yield fail_stack("containerscanning.googleapis.com is not enabled beside the registry")
