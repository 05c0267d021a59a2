"""API keys: best none; where one exists it is restricted to the services and the callers it was made for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, View, gcp
from policies.normalise import world
from policies.rule import Finding, Sample, each, fail, rule

KEY: Final = gcp("projects/apiKey")
_DOCS = ("https://cloud.google.com/api-keys/docs/add-restrictions-api-keys",)
NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("prowler:apikeys_key_rotated_in_90_days", "the age of a key is known at run time only"),
    ("cis-gcp:1.15", "the age of a key is known at run time only"),
)
_TARGETS = [{"service": "maps-backend.googleapis.com", "methods": ["GetMap*"]}]
_SERVER = {"serverKeyRestrictions": {"allowedIps": ["203.0.113.7"]}}
_GOOD: Final[Mapping[str, Any]] = {"name": "maps", "restrictions": {"apiTargets": _TARGETS, **_SERVER}}


def _with(**restrictions: Any) -> dict[str, Any]:
    return {"name": "maps", "restrictions": restrictions}


@rule(
    id="api-key-none",
    clause="ACC-4",
    title="The stack has no API keys",
    severity="low",
    types=(KEY,),
    scope="stack",
    level="advisory",
    fix="sign in with a service account instead",
    references=("prowler:apikeys_key_exists", "cis-gcp:1.12"),
    sources=("https://cloud.google.com/docs/authentication/api-keys",),
    good=((Sample("serviceaccount/account", {"accountId": "app"}),),),
    bad=((Sample(KEY, _GOOD),),),
)
def none(graph: Graph) -> Iterator[Finding]:
    """An API key says which project pays, never who calls; whoever sees it can use it. Advisory: some services, such as
    maps in a browser, know nothing else."""
    for key in graph.of(KEY):
        yield fail(key, "name", "is an API key: it names no caller and never expires")


@rule(
    id="api-key-services-restricted",
    clause="ACC-4",
    title="API keys are restricted to the services they were made for",
    severity="medium",
    types=(KEY,),
    decides=("restrictions.apiTargets",),
    fix='restrictions={"api_targets": [{"service": "maps-backend.googleapis.com"}], …}',
    references=("prowler:apikeys_api_restrictions_configured", "cis-gcp:1.14", "kics:gcp_api_key_api_targets_missing"),
    sources=_DOCS,
    good=(_GOOD,),
    bad=({"name": "maps"}, _with(**_SERVER), _with(apiTargets=[], **_SERVER), _with(apiTargets=[{"methods": ["*"]}])),
)
def services_restricted(key: Resource) -> Iterator[Finding]:
    """An unrestricted key opens every API of the project that accepts keys, also those enabled later."""
    targets = key.views("restrictions.apiTargets")
    if not targets:
        yield fail(key, "restrictions.apiTargets", "is empty: the key works for every service")

    def check(target: View) -> Iterator[Finding]:
        if target.text("service") in (None, "*", "cloudapis.googleapis.com"):
            yield fail(target, "service", f"is {target.show('service')}: that restricts nothing")

    yield from each(targets, check)


@rule(
    id="api-key-no-gemini",
    clause="ACC-4",
    title="No API key opens the Generative Language API",
    severity="medium",
    types=(KEY,),
    decides=("restrictions.apiTargets",),
    fix="call Gemini through Vertex AI with a service account; leave generativelanguage out of api_targets",
    references=("prowler:apikeys_api_restricted_with_gemini_api",),
    sources=("https://ai.google.dev/gemini-api/docs/api-key",),
    good=(_GOOD,),
    bad=({"name": "maps"}, _with(apiTargets=[{"service": "generativelanguage.googleapis.com"}])),
)
def no_gemini(key: Resource) -> Iterator[Finding]:
    """With such a key anybody talks to models, and reads files uploaded to them, at the company's expense."""
    targets = key.views("restrictions.apiTargets")
    if not targets:
        yield fail(key, "restrictions.apiTargets", "is empty: the key also opens the Generative Language API")

    def check(target: View) -> Iterator[Finding]:
        if target.text("service") == "generativelanguage.googleapis.com":
            yield fail(target, "service", "is the Generative Language API")

    yield from each(targets, check)


_CALLERS: Final = {
    "browserKeyRestrictions": "allowedReferrers",
    "serverKeyRestrictions": "allowedIps",
    "androidKeyRestrictions": "allowedApplications",
    "iosKeyRestrictions": "allowedBundleIds",
}


@rule(
    id="api-key-callers-restricted",
    clause="ACC-4",
    title="API keys are restricted to the hosts or applications they were made for",
    severity="medium",
    types=(KEY,),
    decides=("restrictions",),
    fix='"server_key_restrictions": {"allowed_ips": ["203.0.113.7"]}',
    references=("cis-gcp:1.13",),
    sources=_DOCS,
    good=(
        _GOOD,
        _with(browserKeyRestrictions={"allowedReferrers": ["https://app.example.com/*"]}),
        _with(iosKeyRestrictions={"allowedBundleIds": ["com.example.app"]}),
    ),
    bad=(
        {"name": "maps"},
        _with(apiTargets=_TARGETS),
        _with(browserKeyRestrictions={"allowedReferrers": ["*"]}),
        _with(browserKeyRestrictions={"allowedReferrers": ["https://app.example.com/*", "*.com/*"]}),
        _with(serverKeyRestrictions={"allowedIps": ["0.0.0.0/0"]}),
        _with(serverKeyRestrictions={"allowedIps": []}),
    ),
)
def callers_restricted(key: Resource) -> Iterator[Finding]:
    """A key found in a page or an app then still works only there. Wildcards for whole hosts or top-level domains and
    all addresses restrict nothing (CIS 1.13)."""
    key.get("restrictions")
    found = [(block, name) for block, name in _CALLERS.items() if key.has(f"restrictions.{block}")]
    if not found:
        yield fail(key, "restrictions", "names no caller")
    for block, name in found:
        path = f"restrictions.{block}.{name}"
        values = key.items(path)
        texts = [v for v in values if isinstance(v, str)]
        if not values or any(_open(v) for v in texts) or (name == "allowedIps" and world(texts)):
            yield fail(key, path, f"is {key.show(path)}: anybody is among them")
        elif UNKNOWN in values:
            key.get(f"{path}[{values.index(UNKNOWN)}]")


def _open(referrer: str) -> bool:
    host = referrer.partition("://")[2] or referrer
    host = host.split("/")[0]
    return host in ("", "*", "*.*") or (host.startswith("*.") and host.count(".") < 2)
