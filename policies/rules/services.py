"""Services that have to be on, and services that have to be off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure

SERVICE: Final = gcp("projects/service")


def _service(name: str, label: str = "service") -> Sample:
    return Sample(SERVICE, {"project": "app", "service": name}, label)


@rule(
    id="service-asset-inventory",
    clause="MON-1",
    title="Where the stack enables services, the asset inventory is among them",
    severity="low",
    types=(SERVICE,),
    scope="stack",
    level="advisory",
    fix='gcp.projects.Service(service="cloudasset.googleapis.com", …)',
    references=("kics:cloud_asset_inventory_disabled", "prowler:iam_cloud_asset_inventory_enabled", "cis-gcp:2.13"),
    sources=("https://cloud.google.com/asset-inventory/docs/overview",),
    good=((_service("run.googleapis.com"), _service("cloudasset.googleapis.com", "assets")),),
    bad=((_service("run.googleapis.com"),),),
    not_applicable=((Sample(gcp("serviceaccount/account"), {"accountId": "app"}),),),
)
def asset_inventory(graph: Graph) -> Iterator[Finding]:
    """The inventory is the only record of what existed, who could reach it and when: five weeks back, if it was on.
    Advisory: the service may be enabled in a project of its own, outside this stack."""
    services = graph.of(SERVICE)
    if not services:
        yield skip("the stack enables no services")
        return
    if any(s.known("service") and s.text("service") == "cloudasset.googleapis.com" for s in services):
        return
    lost = [s for s in services if not s.known("service")]
    yield from (unsure(service, "service") for service in lost)
    if not lost:
        yield fail_stack("enables services, but not cloudasset.googleapis.com")


@rule(
    id="service-gemini-off",
    clause="HOS-6",
    title="The Generative Language API is off",
    severity="medium",
    types=(SERVICE,),
    decides=("service",),
    absent="pass",
    fix="call Gemini through aiplatform.googleapis.com, with IAM and audit logs",
    references=("prowler:gemini_api_disabled",),
    sources=("https://ai.google.dev/gemini-api/docs/api-key",),
    good=({"service": "run.googleapis.com"}, {"service": "aiplatform.googleapis.com"}),
    bad=({"service": "generativelanguage.googleapis.com"},),
)
def gemini_off(service: Resource) -> Iterator[Finding]:
    """It takes any API key of the project, also old ones made for a map, and knows neither IAM nor regions."""
    if service.text("service") == "generativelanguage.googleapis.com":
        yield fail(service, "service", "is the Generative Language API: every unrestricted API key now opens it")
