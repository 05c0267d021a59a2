"""Cloud Run: which images run, who attested them, and where their traffic goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule
from policies.rules._serverless import JOB, RUN, SERVICE_V1, TEMPLATE, WORKER_POOL, annotation, containers

_DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$", re.IGNORECASE)
_PATH: Final = "europe-west1-docker.pkg.dev/example-prod-workload/images/app"
_IMAGE: Final = f"{_PATH}@sha256:{'0123456789abcdef' * 4}"


def _props(type_token: str, image: str | None) -> dict[str, Any]:
    made: Any = {"containers": [{"image": image} if image else {}]}
    for step in reversed(TEMPLATE[type_token].split(".")):
        made = {step: made}
    return dict(made)


@rule(
    id="run-image-digest",
    clause="CIN-3",
    title="Cloud Run images are named by digest",
    severity="medium",
    types=RUN,
    decides=("template.containers[0].image",),
    fix=f'image="{_PATH}@sha256:..."',
    sources=("https://cloud.google.com/run/docs/deploying#images",),
    good=tuple(Sample(t, _props(t, _IMAGE)) for t in RUN),
    bad=(
        *(Sample(t, _props(t, f"{_PATH}:latest")) for t in RUN),
        Sample(RUN[0], _props(RUN[0], _PATH)),
        Sample(RUN[0], _props(RUN[0], f"{_PATH}@sha256:0123")),
    ),
)
def image_digest(workload: Resource) -> Iterator[Finding]:
    """A tag can be moved to another image after the review; a digest is the image."""
    yield from each(containers(workload), _digest)


def _digest(container: View) -> Iterator[Finding]:
    if not _DIGEST.search(container.text("image") or ""):
        yield fail(container, "image", f"is {container.show('image')}: no digest")


@rule(
    id="run-image-registry",
    clause="CIN-3",
    title="Cloud Run images come from Artifact Registry",
    severity="medium",
    types=RUN,
    decides=("template.containers[0].image",),
    params={"registries": (r"[a-z0-9-]+-docker\.pkg\.dev/",)},
    fix=f'image="{_PATH}@sha256:..."',
    sources=("https://cloud.google.com/artifact-registry/docs/docker",),
    good=tuple(Sample(t, _props(t, _IMAGE)) for t in RUN),
    bad=(
        *(Sample(t, _props(t, "docker.io/library/nginx:1")) for t in RUN),
        Sample(RUN[0], _props(RUN[0], "gcr.io/cloudrun/hello")),
        Sample(RUN[0], _props(RUN[0], "us-docker.pkg.dev.example.com/x/y")),
    ),
)
def image_registry(workload: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Images from elsewhere were neither scanned nor built by us. The registries are a parameter (patterns)."""

    def from_ours(container: View) -> Iterator[Finding]:
        image = container.text("image") or ""
        if not any(re.match(pattern, image) for pattern in params["registries"]):
            yield fail(container, "image", f"is {container.show('image')}, from no registry of ours")

    yield from each(containers(workload), from_ours)


_BINARY_V1: Final = annotation("binary-authorization")
_V1: Final = {"metadata": {"annotations": {"run.googleapis.com/binary-authorization": "default"}}}


@rule(
    id="run-binary-authorization",
    clause="CIN-2",
    title="Cloud Run runs attested images only (Binary Authorization)",
    severity="medium",
    types=RUN,
    decides=("binaryAuthorization.useDefault",),
    fix='binary_authorization={"use_default": True}',
    sources=("https://cloud.google.com/binary-authorization/docs/run/enabling-binauthz-cloud-run",),
    traps=(41,),
    good=(
        {"binaryAuthorization": {"useDefault": True}},
        {"binaryAuthorization": {"policy": "projects/p/platforms/cloudRun/policies/app"}},
        Sample(JOB, {"binaryAuthorization": {"useDefault": "true"}}),
        Sample(SERVICE_V1, _V1),
    ),
    bad=(
        {},
        {"binaryAuthorization": {"useDefault": False}},
        {"binaryAuthorization": {"useDefault": True, "breakglassJustification": "it was late"}},
        Sample(JOB, {}),
        Sample(WORKER_POOL, {}),
        Sample(SERVICE_V1, {}),
    ),
)
def binary_authorization(workload: Resource) -> Iterator[Finding]:
    """Otherwise whoever may deploy may run any image. A break-glass reason in the code is a standing exception."""
    block = "binaryAuthorization"
    if workload.type == SERVICE_V1:
        if not workload.text(_BINARY_V1):
            yield fail(workload, _BINARY_V1, "is not set: any image may run")
        return
    if workload.known(block) and workload.has(f"{block}.breakglassJustification"):
        yield fail(workload, f"{block}.breakglassJustification", "switches the policy off for every deployment")
    if not workload.text(f"{block}.policy") and not workload.flag(f"{block}.useDefault"):
        yield fail(workload, f"{block}.useDefault", f"is {workload.show(f'{block}.useDefault')}: any image may run")


_EGRESS_V1: Final = annotation("vpc-access-egress", template=True)


@rule(
    id="run-egress-through-network",
    clause="HOS-1",
    title="Cloud Run sends its traffic through our network",
    severity="low",
    types=RUN,
    decides=("template.vpcAccess.egress",),
    fix='vpc_access={"egress": "ALL_TRAFFIC", "network_interfaces": [{"subnetwork": subnet.id}]}',
    sources=("https://cloud.google.com/run/docs/configuring/vpc-direct-vpc",),
    good=(
        {"template": {"vpcAccess": {"egress": "ALL_TRAFFIC"}}},
        {"template": {"vpcAccess": {"egress": "all_traffic", "connector": "app"}}},
        Sample(JOB, {"template": {"template": {"vpcAccess": {"egress": "ALL_TRAFFIC"}}}}),
        Sample(
            SERVICE_V1,
            {"template": {"metadata": {"annotations": {"run.googleapis.com/vpc-access-egress": "all-traffic"}}}},
        ),
    ),
    bad=(
        {"template": {"containers": []}},
        {"template": {"vpcAccess": {"egress": "PRIVATE_RANGES_ONLY"}}},
        Sample(JOB, {"template": {"template": {}}}),
        Sample(SERVICE_V1, {"template": {}}),
    ),
)
def egress_through_network(workload: Resource) -> Iterator[Finding]:
    """Traffic that leaves by Google's own way meets none of our firewalls and logs: data can be carried out unseen."""
    path = _EGRESS_V1 if workload.type == SERVICE_V1 else f"{TEMPLATE[workload.type]}.vpcAccess.egress"
    if (workload.upper(path) or "").replace("-", "_") != "ALL_TRAFFIC":
        yield fail(workload, path, f"is {workload.show(path)}: traffic leaves past our network")
