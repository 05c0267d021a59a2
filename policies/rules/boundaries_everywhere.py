"""Boundaries leave no project out: where a stack of ours limits one project, it limits all that it uses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._keys import KEY, RING
from policies.rules._links import linked
from policies.rules._ours import enabled, marked, ours, projects_in_use

_DENY: Final = gcp("iam/denyPolicy")
_BINDING: Final = gcp("iam/projectsPolicyBinding")
_HIGHER: Final = (gcp("iam/organizationsPolicyBinding"), gcp("iam/foldersPolicyBinding"))
_SINKS: Final = "logging.googleapis.com/sinks.delete"
_KEYS: Final = "cloudkms.googleapis.com/cryptokeyversions.destroy"
_DOCS: Final = ("https://cloud.google.com/iam/docs/deny-overview",)


def _binding(project: str) -> Sample:
    return Sample(_BINDING, {"project": project, "policyKind": "PRINCIPAL_ACCESS_BOUNDARY"}, f"bound-{project}")


def _denial(project: str, permission: str) -> Sample:
    rules = [{"denyRule": {"deniedPrincipals": ["principalSet://goog/public:all"], "deniedPermissions": [permission]}}]
    parent = f"cloudresourcemanager.googleapis.com%2Fprojects%2F{project}"
    return Sample(_DENY, {"parent": parent, "rules": rules}, f"denied-{project}-{permission}")


@rule(
    id="boundary-binds-every-project",
    clause="ACC-9",
    title="An access boundary that binds one project of a stack binds them all",
    severity="medium",
    types=(_BINDING,),
    scope="stack",
    fix="a gcp.iam.ProjectsPolicyBinding for the project, or one for the organization",
    sources=("https://cloud.google.com/iam/docs/principal-access-boundary-policies",),
    good=(
        (marked(), enabled("app"), _binding("app")),
        (marked(), enabled("app"), enabled("audit"), _binding("app"), _binding("audit")),
    ),
    bad=((marked(), enabled("app"), enabled("audit"), _binding("app")),),
    not_applicable=(
        (marked(), enabled("app")),
        (_binding("app"), enabled("app"), enabled("audit")),
        (marked(), enabled("app"), enabled("audit"), _binding("app"), Sample(_HIGHER[0], {"organization": "1"}, "all")),
    ),
)
def binds_every_project(graph: Graph) -> Iterator[Finding]:
    """Whoever is bound nowhere can be lured anywhere: the identities left out reach every organization."""
    if not ours(graph) or not graph.of(_BINDING) or graph.of(*_HIGHER):
        yield skip("no boundary of our stacks binds single projects")
        return
    projects, lost = projects_in_use(graph)
    bound = {graph.project_of(binding) for binding in graph.of(_BINDING)}
    lost += [unsure(b, "project") for b in graph.of(_BINDING) if graph.project_of(b) is None]
    yield from lost
    for project, service in projects.items() if not lost else ():
        if project not in bound:
            yield fail(service, "project", f"{project} is bound by no access boundary")


@rule(
    id="deny-policies-everywhere",
    clause="ACC-9",
    title="What a stack denies about keys and log sinks it denies in every project that has them",
    severity="medium",
    types=(_DENY,),
    scope="stack",
    fix="a gcp.iam.DenyPolicy for the project, or one for the organization",
    sources=_DOCS,
    good=(
        (marked(), enabled("app"), _denial("app", _SINKS)),
        (marked(), enabled("app"), enabled("keys"), _denial("app", _SINKS), _denial("keys", _SINKS)),
        (
            marked(),
            _denial("keys", _KEYS),
            Sample(KEY, {"name": "data", "keyRing": "projects/keys/locations/eu/keyRings/r"}, "key"),
        ),
    ),
    bad=(
        (marked(), enabled("app"), enabled("keys"), _denial("app", _SINKS)),
        (
            marked(),
            enabled("app"),
            _denial("app", _SINKS),
            Sample(KEY, {"name": "data", "keyRing": "projects/keys/locations/eu/keyRings/r"}, "key"),
        ),
    ),
    not_applicable=((marked(), enabled("app")), (_denial("app", _SINKS), enabled("app"), enabled("keys"))),
)
def denied_everywhere(graph: Graph) -> Iterator[Finding]:
    """The project that was forgotten is where logs stop and keys are destroyed. Judged where a stack of ours denies
    anything; a policy of the organization or a folder counts for all."""
    policies = graph.of(_DENY)
    if not ours(graph) or not policies:
        yield skip("our stack has no deny policies")
        return
    projects, lost = projects_in_use(graph)
    lost += [unsure(p, "rules" if p.known("parent") else "parent") for p in policies if not _readable(p)]
    keys = {_home(key): key for key in graph.of(KEY)}
    lost += [unsure(key, "keyRing") for home, key in keys.items() if home is None]
    yield from lost
    if lost:
        return
    sinks = _places(policies, _SINKS)
    for project, service in projects.items() if sinks else ():
        if not {project, ""} & sinks:
            yield fail(service, "project", f"nothing denies that the log sinks of {project} are deleted")
    for home, key in keys.items():
        if not {home, ""} & _places(policies, _KEYS):
            yield fail(key, "keyRing", f"nothing denies that the key versions of {home} are destroyed")


def _readable(policy: Resource) -> bool:
    return policy.known("parent") and policy.known("rules") and all(value is not None for value in _denied(policy))


def _denied(policy: Resource) -> Iterator[str | None]:
    for view in policy.views("rules"):
        names = view.raw("denyRule.deniedPermissions")
        listed = names if isinstance(names, list) else [] if names is None else [names]
        yield from (name.lower() if isinstance(name, str) else None for name in listed)


def _places(policies: list[Resource], permission: str) -> set[str]:
    """The projects in which it is denied; "" stands for all."""
    found: set[str] = set()
    for policy in policies:
        if permission in _denied(policy):
            match = re.search(r"(?:/|%2f)projects(?:/|%2f)(.+)$", policy.text("parent") or "", re.IGNORECASE)
            found.add(match[1] if match else "")
    return found


def _home(key: Resource) -> str | None:
    """The project that a key lies in."""
    ring = key.raw("keyRing")
    match = re.match(r"projects/([^/]+)/", ring) if isinstance(ring, str) else None
    if match:
        return match[1]
    homes = [r.graph.project_of(r) for r in linked(key, "keyRing", RING) if r.graph]
    return next((home for home in homes if isinstance(home, str)), None)
