"""Cloud Armor in our own stacks: every kind of common attack, a limit that limits, and the adaptive protection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, View
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._cloud_armor import SECURITY_POLICIES, rules_of, without_waf
from policies.rules._ours import marked, ours

_NOT_OURS: Final = "the stack is not built from our components"
_WHOLE: Final = re.compile(
    r"\s*(evaluatePreconfigured(?:Expr|Waf)\s*\(\s*['\"][\w.-]+['\"]\s*(?:,[^()]*)?\)\s*(?:\|\|\s*)?)+", re.IGNORECASE
)
"""An expression that is nothing but preconfigured sets: with anything beside them it may match nothing."""
_NAME: Final = re.compile(r"\(\s*['\"]([\w.-]+)['\"]")
_SETS: Final = ("sqli", "xss", "lfi", "rce")


def _waf(name: str, **more: Any) -> dict[str, Any]:
    expression = f"evaluatePreconfiguredWaf('{name}-v33-stable', {{'sensitivity': 1}})"
    return {"action": "deny(403)", "priority": 1, "match": {"expr": {"expression": expression}}, **more}


def _limit(count: int, seconds: int = 60, **more: Any) -> dict[str, Any]:
    options = {"rateLimitThreshold": {"count": count, "intervalSec": seconds}}
    everyone = {"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["*"]}}
    return {"action": "throttle", "priority": 2, "match": everyone, "rateLimitOptions": options, **more}


def _policy(*rules: Any, **more: Any) -> tuple[Sample, Sample]:
    return Sample(SECURITY_POLICIES[0], {"name": "armor", "rules": list(rules), **more}), marked()


def _policies(graph: Graph) -> Iterator[Resource]:
    for policy in graph.of(*SECURITY_POLICIES):
        if not without_waf(policy):
            yield policy


def _known(policy: Resource) -> tuple[list[View], bool]:
    """The rules that can be read, and whether one cannot."""
    sure, possible = rules_of(policy)
    return [r for r in sure if r.data is not UNKNOWN], bool(possible) or any(r.data is UNKNOWN for r in sure)


@rule(
    id="armor-stops-every-kind",
    clause="HOS-3",
    title="The web application firewalls of our stacks deny each kind of common attack",
    severity="medium",
    types=SECURITY_POLICIES,
    scope="stack",
    reads=dict.fromkeys(SECURITY_POLICIES, ("rules",)),
    fix="for each of sqli, xss, lfi, rce: a rule with action deny(403) on evaluatePreconfiguredWaf('sqli-v33-stable')",
    sources=("https://cloud.google.com/armor/docs/waf-rules",),
    params={"sets": _SETS},
    good=(_policy(*(_waf(name) for name in _SETS)),),
    bad=(
        _policy(*(_waf(name) for name in _SETS[1:])),
        _policy(_waf("sqli", preview=True), *(_waf(name) for name in _SETS[1:])),
        _policy(_waf("sqli", action="allow"), *(_waf(name) for name in _SETS[1:])),
        _policy(_waf("sqli", match={"expr": {"expression": "true"}}), *(_waf(name) for name in _SETS[1:])),
    ),
    not_applicable=((_policy()[0],), (marked(),)),
)
def stops_every_kind(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A filter that knows scripts and not injections stops half of what is tried. A rule in preview only counts, and an
    expression with a condition beside the set may never match."""
    policies = list(_policies(graph)) if ours(graph) else []
    if not policies:
        yield skip(_NOT_OURS)
    for policy in policies:
        found: set[str] = set()
        views, lost = _known(policy)
        for view in views:
            expression = view.text("match.expr.expression") or ""
            denies = (view.text("action") or "").lower().startswith("deny") and not view.flag("preview")
            if denies and _WHOLE.fullmatch(expression):
                found |= {name.lower() for name in _NAME.findall(expression)}
        missing = [kind for kind in params["sets"] if not any(name.startswith(kind) for name in found)]
        if missing and lost:
            yield unsure(policy, "rules")
        elif missing:
            yield fail(policy, "rules", f"deny nothing of {', '.join(missing)}")


@rule(
    id="armor-limit-is-low",
    clause="HOS-3",
    title="The web application firewalls of our stacks limit what one client may ask",
    severity="medium",
    types=SECURITY_POLICIES,
    scope="stack",
    reads=dict.fromkeys(SECURITY_POLICIES, ("rules",)),
    fix='rate_limit_options={"rate_limit_threshold": {"count": 600, "interval_sec": 60}, …} on src_ip_ranges ["*"]',
    sources=("https://cloud.google.com/armor/docs/rate-limiting-overview",),
    params={"max_a_minute": 1200},
    good=(_policy(_limit(600)), _policy(_limit(1200)), _policy(_limit(9000, 600))),
    bad=(
        _policy(_limit(12000)),
        _policy(),
        _policy(_limit(600, preview=True)),
        _policy(_limit(600, match={"versionedExpr": "SRC_IPS_V1", "config": {"srcIpRanges": ["203.0.113.0/24"]}})),
        _policy(_limit(600, rateLimitOptions={"conformAction": "allow"})),
    ),
    not_applicable=((_policy()[0],), (marked(),)),
)
def limit_is_low(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Guessing and flooding need many requests of one client; a limit above what people do stops neither. It counts
    where it is about every address. The figure is ten times what a busy person's browser asks in a minute."""
    policies = list(_policies(graph)) if ours(graph) else []
    if not policies:
        yield skip(_NOT_OURS)
    for policy in policies:
        views, lost = _known(policy)
        rates = [rate for view in views if (rate := _rate(view)) is not None]
        if rates and min(rates) <= float(params["max_a_minute"]):
            continue
        if lost:
            yield unsure(policy, "rules")
        else:
            said = f"admit {min(rates):g} requests a minute" if rates else "limit nobody's requests"
            yield fail(policy, "rules", f"{said}; at most {params['max_a_minute']}")


def _rate(view: View) -> float | None:
    """Requests a minute that one client may make, where the rule limits every client."""
    if (view.text("action") or "").lower() not in ("throttle", "rate_based_ban") or view.flag("preview"):
        return None
    everyone = "*" in view.items("match.config.srcIpRanges") or view.text("match.expr.expression") == "true"
    count = view.number("rateLimitOptions.rateLimitThreshold.count")
    seconds = view.number("rateLimitOptions.rateLimitThreshold.intervalSec") or 60
    return count * 60 / seconds if everyone and count is not None else None


@rule(
    id="armor-adaptive",
    clause="HOS-3",
    title="The web application firewalls of our stacks learn what is usual and tell what is not",
    severity="low",
    types=SECURITY_POLICIES,
    scope="stack",
    reads=dict.fromkeys(SECURITY_POLICIES, ("adaptiveProtectionConfig",)),
    fix='adaptive_protection_config={"layer7_ddos_defense_config": {"enable": True}}',
    sources=("https://cloud.google.com/armor/docs/adaptive-protection-overview",),
    good=(_policy(adaptiveProtectionConfig={"layer7DdosDefenseConfig": {"enable": True}}),),
    bad=(_policy(), _policy(adaptiveProtectionConfig={"layer7DdosDefenseConfig": {"enable": False}})),
    not_applicable=((_policy()[0],), (marked(),)),
)
def adaptive(graph: Graph) -> Iterator[Finding]:
    """A flood from many addresses stays below every limit of one client; only the pattern gives it away."""
    policies = list(_policies(graph)) if ours(graph) else []
    if not policies:
        yield skip(_NOT_OURS)
    path = "adaptiveProtectionConfig.layer7DdosDefenseConfig.enable"
    for policy in policies:
        if not policy.flag(path):
            yield fail(policy, path, f"is {policy.show(path)}")
