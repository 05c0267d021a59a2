"""Cloud Run: reached through the load balancer only, by identities that are checked, under an identity of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules._identity import ACCOUNT_SAMPLE, DEFAULT_EMAIL, OWN_EMAIL, own_account
from policies.rules._public import not_public
from policies.rules._serverless import (
    IDENTITY,
    JOB,
    RUN,
    SERVICE,
    SERVICE_V1,
    WORKER_POOL,
    annotation,
    containers,
    plain_secret,
)

_INGRESS_DOCS: Final = ("https://cloud.google.com/run/docs/securing/ingress",)
_INSIDE: Final = frozenset({"INGRESS_TRAFFIC_INTERNAL_ONLY", "INTERNAL"})
_BALANCED: Final = frozenset({"INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "INTERNAL-AND-CLOUD-LOAD-BALANCING"})
_INGRESS_V1: Final = annotation("ingress")


def _v1(**annotations: str) -> Sample:
    marks = {f"run.googleapis.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return Sample(SERVICE_V1, {"metadata": {"annotations": marks}})


def _ingress(service: Resource) -> tuple[str, str]:
    path = "ingress" if service.type == SERVICE else _INGRESS_V1
    return path, service.upper(path) or "ALL"


not_public(
    ("cloudrun/iam", "cloudrunv2/serviceIam", "cloudrunv2/jobIam", "cloudrunv2/workerPoolIam"),
    role="roles/run.invoker",
    id="run-not-public",
    title="Cloud Run services answer nobody without an identity",
    why="allUsers as invoker lets the whole internet call the service, allAuthenticatedUsers every Google account.",
    references=("checkov:CKV_GCP_102", "datadog:cloud_run_service_is_public"),
)


@rule(
    id="run-ingress",
    clause="HOS-3",
    title="Cloud Run services take traffic from inside or from the load balancer only",
    severity="high",
    types=(SERVICE, SERVICE_V1),
    decides=("ingress",),
    fix='ingress="INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"',
    sources=_INGRESS_DOCS,
    traps=(25,),
    good=(
        {"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"},
        {"ingress": "ingress_traffic_internal_only"},
        _v1(ingress="internal"),
        _v1(ingress="internal-and-cloud-load-balancing"),
    ),
    bad=({}, {"ingress": "INGRESS_TRAFFIC_ALL"}, _v1(ingress="all"), _v1()),
)
def run_ingress(service: Resource) -> Iterator[Finding]:
    """Left out, the whole internet reaches the service past the load balancer and its web application firewall."""
    path, value = _ingress(service)
    if value not in _INSIDE | _BALANCED:
        yield fail(service, path, f"is {service.show(path)}: the internet reaches the service directly")


_DISABLED_V1: Final = annotation("default-url-disabled")


@rule(
    id="run-default-url-off",
    clause="HOS-3",
    title="Cloud Run services behind a load balancer have no address of their own (run.app)",
    severity="medium",
    types=(SERVICE, SERVICE_V1),
    decides=("defaultUriDisabled",),
    fix="default_uri_disabled=True",
    sources=("https://cloud.google.com/run/docs/securing/ingress#disable-default-url",),
    traps=(25,),
    good=(
        {"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "defaultUriDisabled": True},
        _v1(ingress="internal-and-cloud-load-balancing", default_url_disabled="true"),
    ),
    bad=({}, {"ingress": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"}, {"defaultUriDisabled": False}, _v1()),
    not_applicable=({"ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY"}, _v1(ingress="internal")),
)
def default_url_off(service: Resource) -> Iterator[Finding]:
    """One change of the ingress setting would publish the second address, which knows no load balancer.

    Services for inside traffic only keep it: tasks, schedules and subscriptions call them by it.
    """
    path = "defaultUriDisabled" if service.type == SERVICE else _DISABLED_V1
    if _ingress(service)[1] in _INSIDE:
        yield skip("is called from inside by this address")
    elif not service.flag(path):
        yield fail(service, path, f"is {service.show(path)}: a second address goes around the load balancer")


@rule(
    id="run-invoker-checked",
    clause="ACC-3",
    title="Cloud Run checks who calls (invoker IAM)",
    severity="high",
    types=(SERVICE, SERVICE_V1),
    decides=("invokerIamDisabled",),
    absent="pass",
    fix="invoker_iam_disabled=False",
    sources=("https://cloud.google.com/run/docs/securing/managing-access#invoker_check",),
    traps=(24,),
    good=({"invokerIamDisabled": False}, {}, _v1(invoker_iam_disabled="false")),
    bad=({"invokerIamDisabled": True}, {"invokerIamDisabled": "true"}, _v1(invoker_iam_disabled="true")),
)
def invoker_checked(service: Resource) -> Iterator[Finding]:
    """Switched off, the service is public although no grant to allUsers can be found anywhere."""
    path = "invokerIamDisabled" if service.type == SERVICE else annotation("invoker-iam-disabled")
    if service.flag(path):
        yield fail(service, path, "is on: everyone may call the service, without any grant to show for it")


def _identity(type_token: str, email: str) -> dict[str, Any]:
    steps = IDENTITY[type_token].split(".")
    made: Any = email
    for step in reversed(steps):
        made = {step: made}
    return dict(made)


@rule(
    id="run-own-account",
    clause="ACC-5",
    title="Cloud Run workloads have service accounts of their own",
    severity="high",
    types=RUN,
    decides=("template.serviceAccount",),
    graph=True,
    provenance=True,
    fix="service_account=app_account.email",
    sources=("https://cloud.google.com/run/docs/securing/service-identity",),
    traps=(22,),
    good=(
        (Sample(SERVICE, _identity(SERVICE, OWN_EMAIL), depends={"template": ("account",)}), ACCOUNT_SAMPLE),
        *(Sample(t, _identity(t, OWN_EMAIL)) for t in RUN),
    ),
    bad=(
        {"template": {"containers": []}},
        *(Sample(t, _identity(t, DEFAULT_EMAIL)) for t in RUN),
        *(Sample(t, {"template": {}}) for t in (JOB, WORKER_POOL, SERVICE_V1)),
    ),
)
def run_own_account(workload: Resource) -> Iterator[Finding]:
    """Left out, the workload runs as the default account, which it shares with everything else in the project."""
    yield from own_account(workload, IDENTITY[workload.type], who="the workload")


def _env(name: str, **value: Any) -> dict[str, Any]:
    return {"template": {"containers": [{"envs": [{"name": name, **value}]}]}}


@rule(
    id="run-no-plain-secrets",
    clause="CHG-2",
    title="Cloud Run takes secrets by reference, never as plain variables",
    severity="high",
    types=RUN,
    decides=("template.containers[0].envs",),
    graph=True,
    absent="pass",
    fix='envs=[{"name": "DB_PASSWORD", "value_source": {"secret_key_ref": {"secret": secret.id, "version": "1"}}}]',
    sources=("https://cloud.google.com/run/docs/configuring/services/secrets",),
    traps=(26,),
    good=(
        _env("DB_PASSWORD", valueSource={"secretKeyRef": {"secret": "db", "version": "1"}}),
        _env("LOG_LEVEL", value="info"),
        _env("DB_PASSWORD_FILE", value="/secrets/db"),
        _env("DATABASE_URL", value="postgres:///app?host=/cloudsql/example"),
        Sample(JOB, {"template": {"template": {"containers": [{"envs": [{"name": "MODE", "value": "x"}]}]}}}),
    ),
    bad=(
        _env("DB_PASSWORD", value="hunter2"),
        _env("SETTINGS", value="postgres://app:hunter2@db/app"),
        _env("GREETING", value="-----BEGIN PRIVATE KEY-----"),
        Sample(JOB, {"template": {"template": {"containers": [{"envs": [{"name": "API_KEY", "value": "x"}]}]}}}),
        Sample(WORKER_POOL, _env("STRIPE_SECRET", value="x")),
        Sample(SERVICE_V1, {"template": {"spec": {"containers": [{"envs": [{"name": "TOKEN", "value": "x"}]}]}}}),
    ),
)
def no_plain_secrets(workload: Resource) -> Iterator[Finding]:
    """Variables are shown in the console, in every description of a revision, and in the stack's state."""
    yield from each(containers(workload), lambda container: each(container.views("envs"), _variable))


def _variable(env: View) -> Iterator[Finding]:
    yield from plain_secret(env, "value", env.text("name") or "a variable")
