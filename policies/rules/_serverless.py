"""Serverless workloads: where each type keeps its containers, identity and network settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.model import UNKNOWN, Resource, View, gcp
from policies.rule import Finding, fail, unsure
from policies.rules._exposure import credential_in, names_a_secret

SERVICE: Final = gcp("cloudrunv2/service")
JOB: Final = gcp("cloudrunv2/job")
WORKER_POOL: Final = gcp("cloudrunv2/workerPool")
SERVICE_V1: Final = gcp("cloudrun/service")
RUN: Final = (SERVICE, JOB, WORKER_POOL, SERVICE_V1)

FUNCTION: Final = gcp("cloudfunctionsv2/function")
FUNCTION_V1: Final = gcp("cloudfunctions/function")
STANDARD: Final = gcp("appengine/standardAppVersion")
FLEXIBLE: Final = gcp("appengine/flexibleAppVersion")

TEMPLATE: Final = {
    SERVICE: "template",
    JOB: "template.template",
    WORKER_POOL: "template",
    SERVICE_V1: "template.spec",
}
"""Where a workload's containers stand."""

IDENTITY: Final = {
    SERVICE: "template.serviceAccount",
    JOB: "template.template.serviceAccount",
    WORKER_POOL: "template.serviceAccount",
    SERVICE_V1: "template.spec.serviceAccountName",
}

_POINTER: Final = re.compile(
    r"(^|[-_])(name|id|path|file|dir|ttl|endpoint|version|project|location|length|algorithm|issuer|audience|"
    r"expiry|seconds|minutes|hours|days|enabled|type|header|prefix|count|limit)s?$",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"([-_]|^)(url|uri|dsn|string)$", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"(projects/[^/]+/secrets/|sm://|secretmanager:)", re.IGNORECASE)


def annotation(key: str, *, template: bool = False) -> str:
    """The path of a Cloud Run (first generation API) annotation, on the service or on its revisions."""
    return f'{"template." if template else ""}metadata.annotations["run.googleapis.com/{key}"]'


def containers(resource: Resource) -> list[View]:
    """The containers of a Cloud Run workload."""
    return resource.views(f"{TEMPLATE[resource.type]}.containers")


def plain_secret(view: View, path: str, name: str) -> Iterator[Finding]:
    """A finding where an environment variable carries a credential as its value.

    Names that say secret count whatever the value is, unless they point elsewhere (`DB_PASSWORD_FILE`, `SECRET_ID`) or
    the value is only a reference or an address without a password; values count that look like a credential. That the
    engine keeps the value secret does not help: everyone who may see the workload reads its variables. A value that is
    not known yet comes from another resource, or cannot be judged.
    """
    value = view.raw(path)
    text = value if isinstance(value, str) else None
    if value is None or value == "":
        return
    telling = names_a_secret(name) and not _POINTER.search(name)
    if text and (kind := credential_in(text)):
        yield fail(view, path, f"of {name} is {kind}, readable for everyone who sees the workload")
    elif telling and not _ADDRESS.search(name):
        if not (text and _REFERENCE.match(text)):
            yield fail(view, path, f"of {name} is a plain value, readable for everyone who sees the workload")
    elif value is UNKNOWN and (telling or view.is_secret(path) or not _from_resource(view, path)):
        yield unsure(view, path)


def _from_resource(view: View, path: str) -> bool:
    graph = view.resource.graph
    return bool(graph and graph.sources(view, path))


def plain_variables(view: View, path: str) -> Iterator[Finding]:
    """The same for a map of variables."""
    for block in view.views(path):
        variables = block.get("")
        for name in variables if isinstance(variables, dict) else ():
            yield from plain_secret(block, f'["{name}"]', str(name))
