"""The engine's own traps: options that switch a control off without touching any property (trap 52)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from policies.graph import Graph
from policies.iam import is_grant
from policies.model import Resource, gcp
from policies.rule import REGISTRY, Finding, Sample, fail, rule, skip
from policies.rules._stores import STATEFUL

_SQL = gcp("sql/databaseInstance")
_BUCKET = gcp("storage/bucket")
_ZONE = gcp("dns/managedZone")
_ENGINE = "pulumi:pulumi:"
_TOLERATED = {
    (_SQL, "settings.disksize"): "automatic growth changes it",
    (gcp("secretmanager/secret"), "rotation.nextrotationtime"): "every rotation moves it",
    (gcp("secretmanager/regionalSecret"), "rotation.nextrotationtime"): "every rotation moves it",
}
"""What the cloud itself changes all the time; ignoring it hides nothing."""


_GRANTS = (
    *("role", "member", "members", "policyData", "bindings", "condition", "entity", "roleEntities", "predefinedAcl"),
    *("defaultAcl", "specialGroup", "iamMember", "groupByEmail", "userByEmail", "domain"),
)
_FURTHER = {
    r"gcp:logging/\w+Sink:": ("filter", "exclusions", "destination", "disabled"),
    r"gcp:logging/\w+Exclusion:": ("filter", "disabled"),
    r"gcp:compute/firewall:": ("allows", "denies", "direction", "disabled", "sourceTags", "sourceServiceAccounts"),
    r"gcp:compute/\w+Policy(With)?Rules?:": ("action", "direction", "disabled", "enableLogging", "match", "rules"),
    r"gcp:compute/(instance|regionInstance)Template:": ("disks",),
    r"gcp:compute/instance": ("attachedDisks", "metadataStartupScript"),
    r"gcp:compute/projectMetadataItem:": ("key", "value"),
    r"gcp:cloudfunctions/function:": ("environmentVariables", "buildEnvironmentVariables", "triggerHttp"),
    r"gcp:cloudfunctionsv2/function:": ("buildConfig.environmentVariables", "serviceConfig.environmentVariables"),
    r"gcp:cloudrun/service:": ("metadata.annotations", "template"),
    r"gcp:(orgpolicy/policy|\w+/(organizationPolicy|policy)):": (
        *("spec", "dryRunSpec", "booleanPolicy", "listPolicy", "restorePolicy", "constraint"),
    ),
    r"gcp:accesscontextmanager/accessLevel": ("basic", "custom", "accessLevels", "devicePolicy"),
    r"gcp:binaryauthorization/policy:": ("clusterAdmissionRules", "defaultAdmissionRule", "admissionWhitelistPatterns"),
    r"gcp:iam/workloadIdentityPoolProvider:": ("attributeCondition", "attributeMapping", "oidc", "saml", "aws"),
    r"gcp:identityplatform/": ("signIn", "client", "blockingFunctions", "allowPasswordSignup", "enabled"),
    r"gcp:billing/budget:": ("allUpdatesRule",),
    r"render:.*:(EnvVar|EnvGroupEnvVar|SecretFile|EnvGroupSecretFile):?": ("value", "content", "envVarKey"),
    r"render:projects:Project": ("environments",),
}
"""Deciding properties of further types that one rule judges together: by the beginning of the type token."""


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str, ...]:
    """A property path as comparable steps: `settings[0].ip_configuration` is `("settings", "ipconfiguration")`."""
    plain = re.sub(r"\[[^\]]*\]", "", path.replace('["', ".").replace('"]', ""))
    return tuple(s for s in re.sub(r"[_\s]", "", plain).lower().split(".") if s)


@lru_cache(maxsize=1)
def _concrete_rules(size: int) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Type tokens and deciding paths of every rule that names its types (`size` renews it when rules are added)."""
    rules = list(REGISTRY.values())[:size]
    declared = ((r.types, r.decides) for r in rules if r.scope == "resource" and r.decides)
    named = [(types, paths) for types, paths in declared if not any(t in ("*", "gcp:*") for t in types)]
    return (*named, *(((token,), paths) for r in rules for token, paths in r.reads.items()))


@lru_cache(maxsize=4096)
def security_relevant(type_token: str, size: int) -> frozenset[str]:
    """The properties of a type that decide some rule: the union of what all rules about it read."""
    found: set[str] = {path for kind, paths in _FURTHER.items() if re.match(kind, type_token) for path in paths}
    if is_grant(type_token):
        found.update(_GRANTS)
    for types, paths in _concrete_rules(size):
        if any(type_token == t or (t.endswith("*") and type_token.startswith(t[:-1])) for t in types):
            found.update(paths)
    return frozenset(found)


def _hides(ignored: tuple[str, ...], decisive: tuple[str, ...]) -> bool:
    """Whether one lies inside the other. A `*` stands for any step."""
    shorter = min(len(ignored), len(decisive))
    return all(a == b or "*" in (a, b) for a, b in zip(ignored[:shorter], decisive[:shorter], strict=True))


@rule(
    id="pulumi-ignores-no-security-field",
    clause="CHG-5",
    title="No resource ignores changes to a property that a rule decides by",
    severity="high",
    types=("*",),
    scope="stack",
    fix="remove the property from ignore_changes",
    sources=("https://www.pulumi.com/docs/iac/concepts/options/ignorechanges/",),
    traps=(9, 52),
    good=(
        Sample(_BUCKET, {"name": "logs"}, options={"ignore_changes": ("effectiveLabels",)}),
        Sample(_SQL, {"name": "orders"}, options={"ignore_changes": ("settings.diskSize",)}),
        Sample(_BUCKET, {"name": "logs"}),
    ),
    bad=(
        Sample(gcp("kms/cryptoKey"), {"name": "app"}, options={"ignore_changes": ("rotationPeriod",)}),
        Sample(gcp("kms/cryptoKey"), {"name": "app"}, options={"ignore_changes": ("rotation_period",)}),
        Sample(
            "render:postgres:Postgres", {"name": "orders"}, options={"ignore_changes": ("ipAllowList[0].cidrBlock",)}
        ),
        Sample("github:index/repositoryRuleset:RepositoryRuleset", {}, options={"ignore_changes": ("rules",)}),
        Sample(_BUCKET, {"name": "logs"}, options={"ignore_changes": ("*",)}),
        Sample(gcp("projects/iAMBinding"), {"role": "x"}, options={"ignore_changes": ("members",)}),
        Sample(gcp("logging/projectSink"), {"name": "all"}, options={"ignore_changes": ("filter",)}),
        Sample(gcp("cloudfunctions/function"), {"name": "f"}, options={"ignore_changes": ("ingressSettings",)}),
    ),
)
def ignores_no_security_field(graph: Graph) -> Iterator[Finding]:
    """An ignored property keeps whatever the cloud has: the code shows the secure value, the cloud the other one.
    What is security-relevant is what any rule about the type reads, so the list grows with the rules."""
    for resource in graph.resources:
        if not resource.ignore_changes:
            continue
        decisive = security_relevant(resource.type, len(REGISTRY))
        for path in resource.ignore_changes:
            steps = _steps(path)
            if (resource.type, ".".join(steps)) in _TOLERATED:
                continue
            hidden = sorted(d for d in decisive if _hides(steps, _steps(d))) if steps else []
            if hidden or steps == ("*",):
                shown = ", ".join(hidden[:3]) or "everything"
                yield fail(resource, path, f"is ignored, and with it {shown}: a weakened value would stay")


@rule(
    id="pulumi-stateful-protected",
    clause="CHG-5",
    title="What cannot be made again is protected by the engine",
    severity="high",
    types=tuple(sorted(STATEFUL)),
    scope="stack",
    fix="opts=pulumi.ResourceOptions(protect=True)",
    sources=("https://www.pulumi.com/docs/iac/concepts/options/protect/",),
    traps=(6, 10, 52),
    good=(
        Sample(_SQL, {"name": "orders"}, options={"protect": True}),
        Sample(_BUCKET, {"name": "scratch", "labels": {"lifetime": "temporary"}}),
        Sample(_ZONE, {"dnsName": "internal.", "visibility": "private"}),
    ),
    bad=(
        Sample(_SQL, {"name": "orders"}),
        Sample(gcp("kms/cryptoKey"), {"name": "app"}, options={"protect": False}),
        Sample("render:postgres:Postgres", {"name": "orders"}),
        Sample(_ZONE, {"dnsName": "example.com."}),
    ),
    not_applicable=(Sample(gcp("compute/network"), {"name": "main"}),),
)
def stateful_protected(graph: Graph) -> Iterator[Finding]:
    """A renamed resource or a removed line deletes the data with the next `up`; `protect` makes that an error first.
    A store labelled `lifetime: temporary` says that it may go."""
    stateful = [r for r in graph.resources if r.type in STATEFUL and r.custom]
    if not stateful:
        yield skip("the stack holds nothing that cannot be made again")
    for resource in stateful:
        if not resource.protect and not _can_go(resource):
            yield fail(resource, "", "is not protected: removing or renaming it deletes it with its content")


def _can_go(resource: Resource) -> bool:
    """A private zone is made again from its records; a public one is tied to its registrar by its name servers."""
    if resource.type == _ZONE and resource.raw("visibility") == "private":
        return True
    labels = resource.raw("labels")
    return isinstance(labels, dict) and labels.get("lifetime") == "temporary"


def _stack(graph: Graph) -> str:
    """The stack's short name, in small letters: as the graph was told, else as the resources' URNs say."""
    urns = (r.urn for r in graph.resources)
    told = graph.stack or next((u.split("::")[0].removeprefix("urn:pulumi:") for u in urns if "::" in u), "")
    return told.rsplit("/", 1)[-1].lower()


_NO_CLOUD = frozenset({"pulumi", "random", "tls", "time", "pulumiverse", "std", "archive", "null", "cloudinit"})
"""Packages that reach no account: who runs them, and with which credentials, makes no difference."""


@rule(
    id="pulumi-provider-explicit",
    clause="CHG-7",
    title="Production resources go through providers that the code configures",
    severity="high",
    types=("*",),
    scope="stack",
    fix="opts=pulumi.ResourceOptions(provider=gcp.Provider(…, project=…))",
    sources=("https://www.pulumi.com/docs/iac/concepts/options/provider/",),
    traps=(52,),
    params={"production_stacks": ("prod*", "live", "main")},
    good=(
        Sample(
            _BUCKET,
            {"name": "logs"},
            options={"provider": "urn:pulumi:prod::secure-hosting::pulumi:providers:gcp::workload::id-1"},
        ),
        Sample(
            "random:index/randomId:RandomId",
            {"byteLength": 4},
            options={"provider": "urn:pulumi:prod::secure-hosting::pulumi:providers:random::default_4_21_0::id-1"},
        ),
        Sample(_BUCKET, {"name": "logs"}),
    ),
    bad=(
        Sample(
            _BUCKET,
            {"name": "logs"},
            options={"provider": "urn:pulumi:prod::secure-hosting::pulumi:providers:gcp::default_10_2_0::id-1"},
        ),
        Sample(
            "render:services:WebService",
            {},
            options={"provider": "urn:pulumi:prod::secure-hosting::pulumi:providers:render::default::id-1"},
        ),
    ),
)
def provider_explicit(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A default provider takes account, project and credentials from whoever runs the command: the same code changes
    another company's project from another laptop. Judged in stacks named like production."""
    name = _stack(graph)
    if not any(fnmatchcase(name, str(p)) for p in params["production_stacks"]):
        yield skip(f"the stack {name or '(unnamed)'} is not production")
        return
    for resource in graph.resources:
        if not resource.provider or resource.type.startswith((_ENGINE, "pulumi:providers:")):
            continue
        parts = resource.provider.split("::")
        package = parts[2].rsplit(":", 1)[-1] if len(parts) > 3 else ""
        named = parts[3] if len(parts) > 3 else ""
        if package and package not in _NO_CLOUD and re.fullmatch(r"default(_\d.*)?", named):
            yield fail(resource, "", f"uses the default {package} provider, configured by whoever runs the command")
