"""Cloud Armor: known attacks are denied, floods are throttled, and rules are not left in preview."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from policies.model import Resource, UnknownValue, View
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules._cloud_armor import POLICY_RULES, SECURITY_POLICIES, rules_of, without_waf

_DOCS: Final = ("https://cloud.google.com/armor/docs/waf-rules",)
_CALL: Final = re.compile(r"evaluatePreconfigured(?:Expr|Waf)\s*\(\s*['\"]([\w.-]+)['\"]", re.IGNORECASE)
_SETS: Final = ("sqli", "xss", "lfi", "rfi", "rce")


def _preconfigured(view: View) -> list[str]:
    """The names of the preconfigured rule sets that an expression uses, in small letters."""
    return [name.lower() for name in _CALL.findall(view.text("match.expr.expression") or "")]


def _stops(view: View) -> bool:
    """Whether a rule acts on what it matches: it denies, and is not in preview."""
    return (view.text("action") or "").lower().startswith("deny") and not view.flag("preview")


def _throttles(view: View) -> bool:
    action = (view.text("action") or "").lower()
    return action in ("throttle", "rate_based_ban") and not view.flag("preview")


def _any_rule(policy: Resource, fits: Callable[[View], bool], message: str) -> Iterator[Finding]:
    """A failure unless one rule fits; undetermined while a rule that might fit is not known yet."""
    if reason := without_waf(policy):
        yield skip(reason)
        return
    sure, possible = rules_of(policy)
    unknown: list[str] = []
    for view in [*sure, *possible]:
        try:
            if not fits(view):
                continue
        except UnknownValue as error:
            unknown.append(error.path)
            continue
        if view not in possible:
            return
        unknown.append("")
    if unknown:
        yield unsure(policy, unknown[0])
    else:
        yield fail(policy, "rules", message)


def _waf(name: str, action: str = "deny(403)", **more: Any) -> dict[str, Any]:
    expression = f"evaluatePreconfiguredWaf('{name}', {{'sensitivity': 2}})"
    return {"action": action, "priority": 1000, "match": {"expr": {"expression": expression}}, **more}


def _policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "armor", "rules": list(rules), **more}


def _apart(rule_props: dict[str, Any]) -> tuple[Sample, ...]:
    return (
        Sample(SECURITY_POLICIES[0], {"name": "armor"}, name="armor"),
        Sample(
            POLICY_RULES[0],
            {"securityPolicy": "armor", **rule_props},
            name="rule",
            depends={"securityPolicy": ("armor",)},
        ),
    )


@rule(
    id="armor-log4j",
    clause="HOS-3",
    title="Cloud Armor denies Log4Shell and its kin",
    severity="medium",
    types=SECURITY_POLICIES,
    decides=("rules",),
    graph=True,
    fix="a rule with action deny(403) on evaluatePreconfiguredWaf('cve-canary')",
    references=("checkov:CKV_GCP_73",),
    sources=("https://cloud.google.com/armor/docs/waf-rules#cves_and_other_vulnerabilities",),
    good=(
        _policy(_waf("cve-canary")),
        _policy({"action": "deny(404)", "match": {"expr": {"expression": "evaluatePreconfiguredExpr('cve-canary')"}}}),
        _policy(_waf("sqli-v33-stable"), _waf("cve-canary")),
        _apart(_waf("cve-canary")),
    ),
    bad=(
        {},
        _policy(_waf("cve-canary", "allow")),
        _policy(_waf("cve-canary", preview=True)),
        _policy(_waf("xss-canary")),
        _apart(_waf("cve-canary", preview=True)),
    ),
    not_applicable=({"type": "CLOUD_ARMOR_EDGE"},),
)
def log4j(policy: Resource) -> Iterator[Finding]:
    """CVE-2021-44228 hides in a library of a library; the rule stops it at the door while you look for it."""
    message = "hold none that denies 'cve-canary'"
    yield from _any_rule(policy, lambda view: "cve-canary" in _preconfigured(view) and _stops(view), message)


@rule(
    id="armor-preconfigured",
    clause="HOS-3",
    title="Cloud Armor denies the common attacks on web applications",
    severity="medium",
    types=SECURITY_POLICIES,
    decides=("rules",),
    graph=True,
    fix="a rule with action deny(403) on evaluatePreconfiguredWaf('sqli-v33-stable')",
    sources=_DOCS,
    good=(_policy(_waf("sqli-v33-stable"), _waf("xss-v33-stable")), _apart(_waf("rce-v33-stable"))),
    bad=({}, _policy(_waf("cve-canary")), _policy(_waf("sqli-v33-stable", preview=True))),
    not_applicable=({"type": "CLOUD_ARMOR_NETWORK"},),
)
def preconfigured(policy: Resource) -> Iterator[Finding]:
    """Injection, scripting and file inclusion are tried on every service within hours of going live."""
    message = "hold none that denies injection, scripting, inclusion or remote code (sqli, xss, lfi, rfi, rce)"
    yield from _any_rule(policy, _common_attack, message)


def _common_attack(view: View) -> bool:
    return any(name.startswith(_SETS) for name in _preconfigured(view)) and _stops(view)


@rule(
    id="armor-rate-limit",
    clause="HOS-3",
    title="Cloud Armor limits the rate of requests",
    severity="medium",
    types=SECURITY_POLICIES,
    decides=("rules",),
    graph=True,
    fix='rules=[{"action": "throttle", "rate_limit_options": {...}}]',
    sources=("https://cloud.google.com/armor/docs/rate-limiting-overview",),
    good=(
        _policy({"action": "throttle", "rateLimitOptions": {"exceedAction": "deny(429)"}}),
        _policy({"action": "rate_based_ban"}),
        _apart({"action": "throttle"}),
    ),
    bad=({}, _policy({"action": "throttle", "preview": True}), _policy(_waf("cve-canary"))),
    not_applicable=({"type": "CLOUD_ARMOR_EDGE"},),
)
def rate_limit(policy: Resource) -> Iterator[Finding]:
    """Guessing passwords, scraping and floods all need many requests from few addresses."""
    yield from _any_rule(policy, _throttles, "hold none that throttles or bans")


@rule(
    id="armor-no-preview",
    clause="HOS-3",
    title="Cloud Armor rules act on what they match",
    severity="medium",
    types=(*SECURITY_POLICIES, *POLICY_RULES),
    decides=("rules[0].preview",),
    absent="pass",
    fix="preview=False",
    sources=("https://cloud.google.com/armor/docs/security-policy-overview#preview_mode",),
    good=(_policy(_waf("cve-canary", preview=False)), Sample(POLICY_RULES[0], _waf("cve-canary"))),
    bad=(
        _policy(_waf("cve-canary"), _waf("xss-v33-stable", preview="true")),
        Sample(POLICY_RULES[1], _waf("cve-canary", preview=True)),
    ),
)
def no_preview(resource: Resource) -> Iterator[Finding]:
    """A rule in preview logs the attack and lets it in."""
    views = resource.views("rules") if resource.type in SECURITY_POLICIES else [resource]
    yield from each(views, _preview)


def _preview(view: View) -> Iterator[Finding]:
    if view.flag("preview"):
        yield fail(view, "preview", "is on: matches are logged and let in")
