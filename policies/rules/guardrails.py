"""The guardrails of our own standard: every project has the organization policies that hold without our code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._ours import enabled, marked, ours, projects_in_use
from policies.rules.org_policies import POLICY, constraint_of

_BASELINE: Final = (
    "compute.disableNestedVirtualization",
    "compute.disableSerialPortAccess",
    "compute.disableVpcExternalIpv6",
    "compute.requireOsLogin",
    "compute.requireShieldedVm",
    "compute.skipDefaultNetworkCreation",
    "compute.vmExternalIpAccess",
    "gcp.resourceLocations",
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "sql.restrictAuthorizedNetworks",
    "sql.restrictPublicIp",
    "storage.publicAccessPrevention",
    "storage.uniformBucketLevelAccess",
)


def _policy(constraint: str, parent: str = "projects/app") -> Sample:
    props = {"parent": parent, "name": f"{parent}/policies/{constraint}", "spec": {"rules": [{"enforce": "TRUE"}]}}
    return Sample(POLICY, props, f"{parent}-{constraint}")


_ALL = tuple(_policy(name) for name in _BASELINE)


@rule(
    id="orgpolicy-guardrails-complete",
    clause="ACC-9",
    title="Every project has the organization policies of the baseline",
    severity="medium",
    types=(POLICY,),
    scope="stack",
    fix='gcp.orgpolicy.Policy(name=f"projects/{project}/policies/<constraint>", …), or one on the organization',
    sources=("https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints",),
    traps=(42,),
    params={"constraints": _BASELINE},
    good=(
        (marked(), enabled("app"), *_ALL),
        (marked(), enabled("app"), *(_policy(name, "organizations/123456789012") for name in _BASELINE)),
        (marked(), enabled("app"), *_ALL[1:], _policy(_BASELINE[0].replace("compute.", "compute.managed."))),
    ),
    bad=(
        (marked(), enabled("app")),
        (marked(), enabled("app"), *_ALL[1:]),
        (marked(), enabled("app"), enabled("audit"), *_ALL),
    ),
    not_applicable=((enabled("app"),), (marked(),)),
)
def complete(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """They also stop what is made by hand or by other programs. A policy on a folder or the organization counts for all
    projects, a managed constraint for the older one of its name. Judged for stacks of this project."""
    projects, lost = projects_in_use(graph)
    if not ours(graph) or not (projects or lost):
        yield skip("the stack is not built from this project's components, or enables no services")
        return
    held: dict[str, set[str]] = {}
    for policy in graph.of(POLICY):
        name, parent = plain(policy.raw("name")), plain(policy.raw("parent"))
        if isinstance(name, str) and isinstance(parent, str):
            held.setdefault(parent, set()).add(constraint_of(policy).replace(".managed.", "."))
        else:
            lost.append(unsure(policy, "parent" if isinstance(name, str) else "name"))
    everywhere = {c for parent, names in held.items() if not parent.startswith("projects/") for c in names}
    missing = {
        service.urn: (
            service,
            project,
            sorted({*params["constraints"]} - everywhere - held.get(f"projects/{project}", set())),
        )
        for project, service in projects.items()
    }
    open_ones = [entry for entry in missing.values() if entry[2]]
    if lost and (open_ones or not projects):
        yield from lost
        return
    for service, project, names in open_ones:
        yield fail(service, "project", f"{project} lacks {', '.join(names)}")
