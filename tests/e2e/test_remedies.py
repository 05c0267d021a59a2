"""Remedies through the real engine: at the level `remediate` what is weak is mended, and the events say so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policies.model import gcp
from tests.e2e.sandbox import Ran, Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
BUCKET = gcp("storage/bucket")
SECRET = gcp("secretmanager/secretVersion")


def remediated(ran: Ran) -> set[str]:
    lines = map(json.loads, ran.events.read_text(encoding="utf-8").splitlines())
    found = [e["policyRemediationEvent"] for e in lines if "policyRemediationEvent" in e]
    return {str(e["policyName"]) for e in found}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        (
            "storage-public-access-prevented",
            {"type": BUCKET, "name": "exports", "set": {"publicAccessPrevention": "inherited"}},
        ),
        (
            "pulumi-sensitive-property-secret",
            {"type": BUCKET, "name": "exports", "set": {"labels": {"password": "typed-by-hand"}}},
        ),
    ],
)
def test_the_engine_mends_what_the_company_lets_it_mend(rule: str, change: dict[str, Any], empty: Sandbox) -> None:
    """Mandatory without the configuration; mended, told and clean with it. A secret shows nowhere."""
    assert rule in empty.pulumi("preview", weaken=change).mandatory()
    config = empty.folder / "policy.json"
    config.write_text(json.dumps({rule: "remediate"}), encoding="utf-8")
    ran = empty.pulumi("preview", "--json", weaken=change, PULUMI_OPTION_POLICY_PACK_CONFIG=str(config))
    assert rule not in ran.mandatory(), ran.said[-3000:]
    assert rule in remediated(ran)
    assert "typed-by-hand" not in ran.said
