"""The rules of a Cloud Armor policy, written inside it or as resources of their own."""

from __future__ import annotations

from typing import Final

from policies.model import Resource, View, gcp
from policies.rules._networks import related

SECURITY_POLICIES: Final = (gcp("compute/securityPolicy"), gcp("compute/regionSecurityPolicy"))
POLICY_RULES: Final = (gcp("compute/securityPolicyRule"), gcp("compute/regionSecurityPolicyRule"))


def rules_of(policy: Resource) -> tuple[list[View], list[View]]:
    """Every rule that belongs to the policy, and those that may: whose policy is not known yet."""
    apart = [related(policy, kind, "securityPolicy") for kind in POLICY_RULES]
    own = [*policy.views("rules"), *(rule for sure, _ in apart for rule in sure)]
    return own, [rule for _, possible in apart for rule in possible]


def without_waf(policy: Resource) -> str | None:
    """Guard: policies for cached content or for packets cannot look into requests."""
    kind = policy.upper("type")
    return f"policies of type {kind} do not look into requests" if kind in _BLIND else None


_BLIND: Final = frozenset({"CLOUD_ARMOR_EDGE", "CLOUD_ARMOR_NETWORK", "CLOUD_ARMOR_INTERNAL_SERVICE"})
