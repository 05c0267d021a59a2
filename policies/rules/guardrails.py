"""The guardrails of our own standard: every project has the organization policies that hold without our code."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.model import UNKNOWN, View, gcp
from policies.registers import Registers
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
    homeless = list(lost)
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
    if homeless or (lost and (open_ones or not projects)):
        yield from lost
        return
    for service, project, names in open_ones:
        yield fail(service, "project", f"{project} lacks {', '.join(names)}")


VALUE: Final = gcp("tags/tagValue")
_TAG: Final = re.compile(r"matchTag\(\s*['\"]([^'\"]+)['\"]\s*,\s*['\"]([^'\"]+)['\"]\s*\)")
_UNTIL: Final = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\b")
_TODAY: Final = dt.date(2026, 11, 22)


def _excepted(description: str = "until 2027-01-31: a supplier's appliance") -> Sample:
    condition = {"expression": "resource.matchTag('app/guardrail-exception', 'legacy')", "description": description}
    rules = [{"enforce": "TRUE"}, {"enforce": "FALSE", "condition": condition}]
    props = {"parent": "projects/app", "name": "projects/app/policies/compute.requireOsLogin", "spec": {"rules": rules}}
    return Sample(POLICY, props, "policy", registers=Registers(today=_TODAY))


_VALUE: Final = Sample(VALUE, {"parent": "tagKeys/1", "shortName": "legacy"}, "value")


@rule(
    id="orgpolicy-exceptions-end",
    clause="ACC-9",
    title="Exceptions from organization policies are for a tag of this stack, have a reason and an end",
    severity="medium",
    types=(POLICY,),
    scope="stack",
    fix='condition={"expression": "resource.matchTag(…)", "description": "until <YYYY-MM-DD>: <reason>"}',
    sources=("https://cloud.google.com/resource-manager/docs/organization-policy/tags-organization-policy",),
    params={"max_days": 366},
    good=(
        (marked(), _excepted(), _VALUE),
        (marked(), _excepted("until 2026-11-22: a supplier's appliance"), _VALUE),
        (marked(), _policy("compute.requireOsLogin")),
    ),
    bad=(
        (marked(), _excepted("until 2026-11-21: a supplier's appliance"), _VALUE),
        (marked(), _excepted("until 2027-11-24: a supplier's appliance"), _VALUE),
        (marked(), _excepted("a supplier's appliance"), _VALUE),
        (marked(), _excepted("until 2027-01-31"), _VALUE),
        (marked(), _excepted("until 2027-02-31: a supplier's appliance"), _VALUE),
        (marked(), _excepted()),
    ),
    not_applicable=((_excepted(), _VALUE), (marked(), enabled("app"))),
)
def exceptions_end(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A tag does not end by itself, and an exception that nobody ends becomes the rule. Judged for stacks of this
    project, on the day of judgement; a policy whose every rule holds for everything has no exception."""
    policies = graph.of(POLICY)
    if not (ours(graph) and policies):
        yield skip("the stack has no organization policies, or is not built from this project's components")
        return
    values = {plain(value.raw("shortName")) for value in graph.of(VALUE)}
    for policy in policies:
        for entry in policy.views("spec.rules"):
            if entry.data is UNKNOWN or plain(entry.raw("condition")) is UNKNOWN:
                yield unsure(policy, "spec.rules")
            elif entry.has("condition"):
                yield from _dated(graph, entry, values, float(params["max_days"]))


def _dated(graph: Graph, entry: View, values: set[Any], max_days: float) -> Iterator[Finding]:
    unknown = [path for path in ("condition.expression", "condition.description") if plain(entry.raw(path)) is UNKNOWN]
    for path in unknown:
        yield unsure(entry, path)
    if unknown:
        return
    tag = _TAG.search(str(plain(entry.raw("condition.expression"))))
    said = str(plain(entry.raw("condition.description")) or "")
    until = _UNTIL.search(said)
    try:
        end = dt.date.fromisoformat(until[1]) if until else None
    except ValueError:
        end = None
    if tag is not None and tag[2] not in values and UNKNOWN not in values:
        yield fail(entry, "condition.expression", f"asks for the tag {tag[2]}, which this stack does not define")
    if end is None or len(_UNTIL.sub("", said).strip(" :")) < 10:
        yield fail(entry, "condition.description", "does not say until when and why (`until 2027-01-31: <reason>`)")
    elif graph.registers is not None and end < graph.registers.today:
        yield fail(entry, "condition.description", f"says that the exception ended on {end}")
    elif graph.registers is not None and (end - graph.registers.today).days > max_days:
        yield fail(entry, "condition.description", f"says until {end}, which is more than {max_days:g} days away")
