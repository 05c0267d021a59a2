"""Identity-Aware Proxy: internal services ask for a Google sign-in, from people in groups of ours (AUT-1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.iam import grants, parts
from policies.model import Resource, gcp
from policies.normalise import seconds
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._links import linked, pointers

SERVICE = gcp("cloudrunv2/service")
BACKENDS = (gcp("compute/backendService"), gcp("compute/regionBackendService"))
WEB_MEMBER = gcp("iap/webIamMember")
SETTINGS = gcp("iap/settings")
_ACCESSOR = "roles/iap.httpsResourceAccessor"
_INVOKERS = ("gcp:cloudrunv2/serviceIam", "gcp:cloudrun/iam")
_MEMBER = gcp("cloudrunv2/serviceIamMember")
_DOCS = ("https://cloud.google.com/iap/docs/concepts-overview",)


_PROXIED = "gcp:iap/webCloudRunServiceIam"


def _invoker(member: str) -> Sample:
    properties = {"name": "admin", "location": "europe-west1", "role": "roles/run.invoker", "member": member}
    return Sample(_MEMBER, properties, "invoker", {"name": ("admin",)})


@rule(
    id="iap-backend-enabled",
    clause="AUT-1",
    title="Load balancer backends with Identity-Aware Proxy settings have it switched on",
    severity="high",
    types=BACKENDS,
    decides=("iap.enabled",),
    fix='iap={"enabled": True}',
    sources=_DOCS,
    good=({"iap": {"enabled": True, "oauth2ClientId": "x"}}, Sample(BACKENDS[1], {"iap": {"enabled": "true"}})),
    bad=({"iap": {"enabled": False, "oauth2ClientId": "x"}}, Sample(BACKENDS[1], {"iap": {"enabled": False}})),
    not_applicable=({"protocol": "HTTPS"},),
)
def backend_enabled(backend: Resource) -> Iterator[Finding]:
    """Settings without the switch look protected and let everybody through. A backend without the block publishes for
    everybody on purpose and is judged by other rules."""
    if not backend.has("iap"):
        yield skip("the backend publishes without sign-in")
    elif not backend.flag("iap.enabled"):
        yield fail(backend, "iap.enabled", f"is {backend.show('iap.enabled')}")


@rule(
    id="iap-internal-run-service",
    clause="AUT-1",
    title="Cloud Run services for our own people sit behind Identity-Aware Proxy",
    severity="high",
    types=(SERVICE,),
    decides=("iapEnabled",),
    fix="iap_enabled=True",
    sources=("https://cloud.google.com/run/docs/securing/identity-aware-proxy-cloud-run",),
    graph=True,
    good=(
        (Sample(SERVICE, {"name": "admin", "iapEnabled": True}, "admin"), _invoker("group:staff@example.com")),
        (Sample(SERVICE, {"name": "admin"}, "admin"), _invoker("serviceAccount:web@example.iam.gserviceaccount.com")),
    ),
    bad=(
        (Sample(SERVICE, {"name": "admin", "iapEnabled": False}, "admin"), _invoker("group:staff@example.com")),
        (Sample(SERVICE, {"name": "admin"}, "admin"), _invoker("domain:example.com")),
        (
            Sample(SERVICE, {"name": "admin", "iapEnabled": False}, "admin"),
            Sample(
                f"{_PROXIED}Member:WebCloudRunServiceIamMember",
                {"cloudRunServiceName": "admin", "member": "group:staff@example.com"},
                "proxy",
                {"cloudRunServiceName": ("admin",)},
            ),
        ),
        Sample(SERVICE, {"name": "admin", "labels": {"exposure": "internal"}}),
        (
            Sample(SERVICE, {"name": "admin"}, "admin"),
            _invoker("serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com"),
        ),
    ),
)
def internal_run_service(service: Resource) -> Iterator[Finding]:
    """A service that people may invoke is one for our own people. Without the proxy they use raw tokens, and no device
    or session rule applies. A label `exposure: internal` says the same."""
    if service.flag("iapEnabled"):
        return
    bindings = _bindings(service)
    if any(map(_for_the_proxy, bindings)):
        yield fail(service, "iapEnabled", f"is {service.show('iapEnabled')}, and only the proxy may call the service")
        return
    people = sorted({g.member for r in (*bindings, *_behind(service)) for g in grants(r) if g.human})
    if people or service.text("labels.exposure") == "internal":
        who = ", ".join(people[:3]) or "our own people"
        yield fail(service, "iapEnabled", f"is {service.show('iapEnabled')}, and the service is for {who}")


def _for_the_proxy(binding: Resource) -> bool:
    """Whether a grant lets the proxy's service agent call: it calls for people who signed in."""
    agents = [agent.raw("service") for agent in linked(binding, "member", gcp("projects/serviceIdentity"))]
    return "iap.googleapis.com" in agents or any("gcp-sa-iap." in grant.member for grant in parts(binding))


def _behind(service: Resource) -> list[Resource]:
    """The grants on the proxy in front of this service: who holds one expects the proxy to be there."""
    types = [t for t in (service.graph.types if service.graph else ()) if t.startswith(_PROXIED)]
    return pointers(service, "cloudRunServiceName", *sorted(types)) if types else []


def _bindings(service: Resource) -> list[Resource]:
    """The grants on this service of the same stack."""
    types = [t for t in sorted(service.graph.types if service.graph else ()) if t.startswith(_INVOKERS)]
    found = [r for path in ("name", "service") for r in (pointers(service, path, *types) if types else ())]
    return list({r.urn: r for r in found}.values())


@rule(
    id="iap-access-by-group",
    clause="AUT-1",
    title="Access through Identity-Aware Proxy is granted to groups",
    severity="high",
    types=(WEB_MEMBER, "gcp:iap/*"),
    decides=("member",),
    absent="pass",
    fix='member="group:staff@example.com"',
    sources=("https://cloud.google.com/iap/docs/managing-access",),
    traps=(19, 23),
    good=(
        {"role": _ACCESSOR, "member": "group:staff@example.com"},
        {"role": _ACCESSOR, "member": "serviceAccount:probe@example.iam.gserviceaccount.com"},
        Sample(gcp("iap/tunnelInstanceIAMBinding"), {"role": "roles/iap.tunnelResourceAccessor", "members": []}),
        Sample(SETTINGS, {"name": "projects/1/iap_web"}),
    ),
    bad=(
        {"role": _ACCESSOR, "member": "user:someone@example.com"},
        {"role": _ACCESSOR, "member": "allAuthenticatedUsers"},
        Sample(
            gcp("iap/webBackendServiceIamBinding"),
            {"role": _ACCESSOR, "members": ["group:staff@example.com", "domain:example.com"]},
        ),
    ),
)
def access_by_group(binding: Resource) -> Iterator[Finding]:
    """Joining, moving and leaving happen in groups; a single person or a whole domain is need to know no more."""
    for grant in grants(binding):
        if grant.public or grant.kind in ("user", "domain"):
            yield fail(binding, grant.path, f"grants {grant.role} to {grant.member}")


@rule(
    id="iap-sign-in-again",
    clause="AUT-3",
    title="Sessions through Identity-Aware Proxy end after at most 12 hours",
    severity="medium",
    types=(SETTINGS,),
    decides=("accessSettings.reauthSettings.maxAge",),
    fix='access_settings={"reauth_settings": {"method": "SECURE_KEY", "max_age": "43200s", "policy_type": "MINIMUM"}}',
    sources=("https://cloud.google.com/iap/docs/configuring-reauth",),
    params={"max_hours": 12},
    good=({"accessSettings": {"reauthSettings": {"method": "SECURE_KEY", "maxAge": "43200s"}}},),
    bad=(
        {"accessSettings": {"reauthSettings": {"method": "LOGIN", "maxAge": "86400s"}}},
        {"accessSettings": {"corsSettings": {"allowHttpOptions": False}}},
    ),
)
def sign_in_again(settings: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A laptop left open is a signed-in stranger. Judged where the proxy's settings are managed."""
    age = seconds(settings.text("accessSettings.reauthSettings.maxAge"))
    if age is None or age > float(params["max_hours"]) * 3600:
        shown = settings.show("accessSettings.reauthSettings.maxAge")
        yield fail(
            settings, "accessSettings.reauthSettings.maxAge", f"is {shown}, more than {params['max_hours']} hours"
        )
