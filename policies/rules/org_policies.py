"""Organization policies: each names a constraint that exists, gives it a value of its kind, and is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, UnknownValue, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules._constraints import OPENING, kind_of, nearest

POLICY: Final = gcp("orgpolicy/policy")
CUSTOM: Final = gcp("orgpolicy/customConstraint")
_OLDER: Final = (gcp("organizations/policy"), gcp("folder/organizationPolicy"), gcp("projects/organizationPolicy"))
_TYPES: Final = (POLICY, *_OLDER)
_DOCS = ("https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints",)
_PARENT = "projects/example-prod-workload"


def _policy(constraint: str, *rules: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    spec = {"spec": {"inheritFromParent": False, "rules": list(rules)}} if rules else {}
    return {"parent": _PARENT, "name": f"{_PARENT}/policies/{constraint}", **spec, **more}


_ON: Final[Mapping[str, Any]] = {"enforce": "TRUE"}
_KEYS = "iam.disableServiceAccountKeyCreation"
_PLACES = {"values": {"allowedValues": ["in:europe-west1-locations"]}}


def _older(constraint: str, **more: Any) -> Sample:
    return Sample("projects/organizationPolicy", {"constraint": constraint, "project": "p", **more})


def constraint_of(policy: Resource) -> str:
    """The constraint's name without prefixes, such as `iam.disableServiceAccountKeyCreation`."""
    text = policy.text("name" if policy.type == POLICY else "constraint") or ""
    return text.rpartition("/policies/")[2].removeprefix("constraints/").rpartition("/")[2]


@rule(
    id="orgpolicy-constraint-exists",
    clause="ACC-9",
    title="Organization policies name constraints that exist",
    severity="high",
    types=_TYPES,
    decides=("name",),
    fix=f'name=f"projects/{{project}}/policies/{_KEYS}"',
    sources=_DOCS,
    traps=(42,),
    params={"also": ()},
    good=(
        _policy(_KEYS, _ON),
        _policy("custom.noPublicRun", _ON),
        _older("constraints/compute.requireOsLogin", booleanPolicy={"enforced": True}),
    ),
    bad=(
        _policy("iam.disableServiceAccountKeysCreation", _ON),
        _policy("iam.disableserviceaccountkeycreation", _ON),
        _policy("example.unknownThing", _ON),
        _older("compute.requireOSLogin", booleanPolicy={"enforced": True}),
    ),
)
def constraint_exists(policy: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A policy on a misspelt name is refused at best and holds nothing at worst. Names newer than the catalogue go into
    the parameter `also`."""
    path = "name" if policy.type == POLICY else "constraint"
    name = constraint_of(policy)
    if kind_of(name) is None and name not in params["also"]:
        near = nearest(name)
        hint = f"; did you mean {near}?" if near else ""
        yield fail(policy, path, f"names {name or 'nothing'}, which is no known constraint{hint}")


def _rules(policy: Resource, spec: str = "spec") -> list[View]:
    return policy.views(f"{spec}.rules")


def _seen(entry: View) -> None:
    if entry.data is UNKNOWN:
        raise UnknownValue(entry.path)


@rule(
    id="orgpolicy-value-fits",
    clause="ACC-9",
    title="Organization policies give their constraint a value of its kind",
    severity="medium",
    types=_TYPES,
    decides=("name",),
    absent="not_applicable",
    fix='rules=[{"enforce": "TRUE"}] for an on/off constraint, {"values": {"allowed_values": [...]}} for a list',
    sources=_DOCS,
    traps=(42,),
    good=(
        _policy(_KEYS, _ON),
        _policy("gcp.resourceLocations", _PLACES),
        _older("compute.vmExternalIpAccess", listPolicy={"deny": {"all": True}}),
    ),
    bad=(
        _policy("gcp.resourceLocations", _ON),
        _policy(_KEYS, {"denyAll": "TRUE"}),
        _older("compute.vmExternalIpAccess", booleanPolicy={"enforced": True}),
        _older("compute.requireOsLogin", listPolicy={"deny": {"all": True}}),
    ),
    not_applicable=(_policy("example.unknownThing", _ON),),
)
def value_fits(policy: Resource) -> Iterator[Finding]:
    """A list constraint cannot be enforced and an on/off one has no values: the API refuses the policy in the middle
    of an `up`, or stores it without effect."""
    kind = kind_of(constraint_of(policy))
    if kind is None:
        yield skip("the constraint is not known")
        return
    wrong = {
        "list": ("enforce", "booleanPolicy", "takes values, not on or off"),
        "boolean": ("values allowAll denyAll", "listPolicy", "is on or off, it takes no values"),
    }.get(kind, ("values allowAll denyAll", "listPolicy", "is enforced or not, it takes no values"))

    def check(entry: View) -> Iterator[Finding]:
        _seen(entry)
        for key in wrong[0].split():
            if entry.has(key):
                yield fail(entry, key, f"{constraint_of(policy)} {wrong[2]}")

    yield from each((e for spec in ("spec", "dryRunSpec") for e in _rules(policy, spec)), check)
    if policy.has(wrong[1]):
        yield fail(policy, wrong[1], f"{constraint_of(policy)} {wrong[2]}")


@rule(
    id="orgpolicy-in-force",
    clause="ACC-9",
    title="Organization policies are in force, not only tried",
    severity="high",
    types=_TYPES,
    decides=("spec",),
    fix='spec={"rules": [{"enforce": "TRUE"}]}  # beside or instead of dry_run_spec',
    sources=("https://cloud.google.com/resource-manager/docs/organization-policy/dry-run-policy",),
    traps=(42,),
    good=(
        _policy(_KEYS, _ON, dryRunSpec={"rules": [_ON]}),
        _older("compute.requireOsLogin", booleanPolicy={"enforced": True}),
    ),
    bad=(
        _policy(_KEYS, dryRunSpec={"rules": [_ON]}),
        _policy(_KEYS),
        _policy(_KEYS, spec={"rules": []}),
        _policy(_KEYS, {"condition": {"expression": "resource.matchTag('a','b')"}}),
        _policy(_KEYS, {"enforce": "TRUE", "condition": {"expression": "resource.matchTag('a','b')"}}),
        _older("compute.requireOsLogin"),
    ),
)
def in_force(policy: Resource) -> Iterator[Finding]:
    """A dry run writes down what would have been refused and refuses nothing."""
    if policy.type == POLICY:
        policy.get("spec")
        if not _rules(policy) and not policy.flag("spec.reset"):
            tried = policy.has("dryRunSpec")
            yield fail(policy, "spec", "has only a dry run" if tried else "holds no rule")
        given = _rules(policy)
        for entry in given:
            _seen(entry)
            if not any(entry.has(key) for key in ("enforce", "values", "allowAll", "denyAll")):
                yield fail(entry, "enforce", "is not set, and neither are values: the rule says nothing")
        if given and all(entry.get("condition") for entry in given):
            yield fail(policy, "spec.rules", "has only rules with a condition: nothing holds for what has no such tag")
    elif not any(policy.has(key) for key in ("booleanPolicy", "listPolicy", "restorePolicy")):
        yield fail(policy, "booleanPolicy", "is not set, and neither is listPolicy: the policy holds nothing")


@rule(
    id="orgpolicy-no-reset",
    clause="ACC-9",
    title="No organization policy resets a constraint to Google's default",
    severity="high",
    types=_TYPES,
    decides=("spec.reset",),
    absent="pass",
    fix="reset=False, and rules",
    sources=_DOCS,
    traps=(42,),
    good=({**_policy(_KEYS), "spec": {"reset": False, "rules": [_ON]}},),
    bad=(
        {**_policy(_KEYS), "spec": {"reset": True}},
        _older("compute.requireOsLogin", restorePolicy={"default": True}),
    ),
)
def no_reset(policy: Resource) -> Iterator[Finding]:
    """A reset drops what the organization above has decided; for most constraints the default allows everything."""
    if policy.flag("spec.reset"):
        yield fail(policy, "spec.reset", "is true: what was decided above no longer holds here")
    if policy.flag("restorePolicy.default"):
        yield fail(policy, "restorePolicy.default", "is true: what was decided above no longer holds here")


@rule(
    id="orgpolicy-restricts",
    clause="ACC-9",
    title="Organization policies restrict: they are not switched off or opened to everything",
    severity="high",
    types=_TYPES,
    decides=("spec.rules",),
    absent="pass",
    fix='rules=[{"enforce": "TRUE"}]; exceptions as further rules with a condition on a tag',
    sources=("https://cloud.google.com/resource-manager/docs/organization-policy/tags-organization-policy",),
    traps=(42,),
    good=(
        _policy(_KEYS, _ON),
        _policy(_KEYS, {"enforce": True}),
        _policy("gcp.disableCloudLogging", {"enforce": "FALSE"}),
        _policy(_KEYS, _ON, {"enforce": "FALSE", "condition": {"expression": "resource.matchTag('1/a','b')"}}),
    ),
    bad=(
        _policy(_KEYS, {"enforce": "FALSE"}),
        _policy("gcp.resourceLocations", {"allowAll": "TRUE"}),
        _policy(
            _KEYS, {"enforce": "FALSE"}, {"enforce": "TRUE", "condition": {"expression": "resource.matchTag('a','b')"}}
        ),
        _older("compute.requireOsLogin", booleanPolicy={"enforced": False}),
        _older("compute.vmExternalIpAccess", listPolicy={"allow": {"all": True}}),
    ),
)
def restricts(policy: Resource) -> Iterator[Finding]:
    """A policy that says off or all overrides the stricter one above it. Exceptions for tagged resources are fine."""
    if constraint_of(policy) in OPENING:
        return

    def check(entry: View) -> Iterator[Finding]:
        _seen(entry)
        if not entry.has("condition"):
            if entry.has("enforce") and not entry.flag("enforce"):
                yield fail(entry, "enforce", f"is {entry.show('enforce')}: the constraint is switched off")
            if entry.flag("allowAll"):
                yield fail(entry, "allowAll", "allows everything")

    yield from each(_rules(policy), check)
    if policy.has("booleanPolicy") and not policy.flag("booleanPolicy.enforced"):
        yield fail(policy, "booleanPolicy.enforced", "is false: the constraint is switched off")
    if policy.flag("listPolicy.allow.all"):
        yield fail(policy, "listPolicy.allow.all", "allows everything")


@rule(
    id="orgpolicy-custom-defined",
    clause="ACC-9",
    title="Policies on custom constraints name one that is defined",
    severity="medium",
    types=(POLICY,),
    decides=("name",),
    absent="not_applicable",
    graph=True,
    fix='gcp.orgpolicy.CustomConstraint(name="custom.noPublicRun", …) in the same stack',
    sources=(
        "https://cloud.google.com/resource-manager/docs/organization-policy/creating-managing-custom-constraints",
    ),
    traps=(42,),
    good=((Sample(POLICY, _policy("custom.noPublicRun", _ON)), Sample(CUSTOM, {"name": "custom.noPublicRun"}, "c")),),
    bad=((Sample(POLICY, _policy("custom.noPublicRuns", _ON)), Sample(CUSTOM, {"name": "custom.noPublicRun"}, "c")),),
    not_applicable=(_policy(_KEYS, _ON), _policy("custom.elsewhere", _ON)),
)
def custom_defined(policy: Resource) -> Iterator[Finding]:
    """A stack that defines custom constraints uses those; where it defines none, they are defined elsewhere."""
    name = constraint_of(policy)
    defined = policy.graph.of(CUSTOM) if policy.graph else []
    if not name.startswith("custom.") or not defined:
        yield skip("the constraint is not a custom one, or is defined elsewhere")
        return
    names = policy.graph.once(_custom_names) if policy.graph else set()
    if name not in names:
        if None in names:
            raise UnknownValue(policy.at("name"))
        told = ", ".join(sorted(str(n) for n in names)[:5])
        yield fail(policy, "name", f"names {name}; this stack defines {told}")


def _custom_names(graph: Graph) -> set[str | None]:
    """The custom constraints that the stack defines, None among them where one is not known yet."""
    return {c.text("name") if c.known("name") else None for c in graph.of(CUSTOM)}
