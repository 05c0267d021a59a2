"""Organization policies: what is on everywhere, what is added, tried or excepted, and that an exception ends."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from components.guardrails import BOOLEAN, Exempt, GuardrailsArgs
from policies.rules import _constraints as judged
from settings import constraints
from tests.components import parts
from tests.judging import verdicts
from tests.recording import Recording, record, record_stack, stack_file, today

POLICY = "gcp:orgpolicy/policy:Policy"
WORKLOAD = "example-small-workload"
LEGACY = {
    "constraint": "compute.requireOsLogin",
    "project": WORKLOAD,
    "reason": "the appliance of a supplier brings logins of its own",
    "expires": "2027-03-31",
}


def small(**guardrails: Any) -> Recording:
    """The small stack with guardrails of its own."""
    return record_stack({**stack_file("small"), "secure-hosting:guardrails": guardrails}, stack="small")


def policy(recording: Recording, constraint: str, project: str = WORKLOAD) -> dict[str, Any]:
    """What a policy says."""
    inputs = recording.one(POLICY, f"guardrails-{project}-{constraint}").inputs
    assert inputs["name"] == f"projects/{project}/policies/{constraint}"
    return dict(inputs)


def failed(recording: Recording, day: dt.date | None = None) -> set[str]:
    """Rules of ACC-9 that stop it on a day."""
    found = verdicts(recording, day=day, only=lambda rule: rule.clause == "ACC-9")
    return {verdict.rule.id for verdict in found if verdict.outcome == "fail"}


def test_program_and_rules_know_the_same_constraints() -> None:
    """Names and kinds are written twice; what is on everywhere three times."""
    assert set(BOOLEAN) == set(constraints.BASELINE)
    kinds = {name: constraints.kind_of(name) for name in (*constraints.BOOLEAN, *constraints.LISTS)}
    assert {name: judged.kind_of(name) for name in kinds} == kinds


def test_every_project_has_the_baseline_enforced(production: Recording) -> None:
    """Not only tried, and not inherited."""
    for project in stack_file()["secure-hosting:projects"].values():
        for constraint in constraints.BASELINE:
            said = policy(production, constraint, project)
            assert said["spec"] == {"inheritFromParent": False, "reset": False, "rules": [{"enforce": "TRUE"}]}
            assert "dryRunSpec" not in said
        assert policy(production, "compute.vmExternalIpAccess", project)["spec"]["rules"] == [{"denyAll": "TRUE"}]


def test_a_company_adds_what_it_wants() -> None:
    """Values, or on; in every project."""
    made = small(
        added={
            "run.allowedIngress": {"values": ["internal-and-cloud-load-balancing"], "reason": "the load balancer only"},
            "iam.disableAuditLoggingExemption": {"reason": "nobody is exempt from the logs"},
            "compute.vmCanIpForward": {"reason": "no machine forwards for others"},
        }
    )
    for project in stack_file("small")["secure-hosting:projects"].values():
        values = policy(made, "run.allowedIngress", project)["spec"]["rules"]
        assert values == [{"values": {"allowedValues": ["internal-and-cloud-load-balancing"]}}]
        assert policy(made, "iam.disableAuditLoggingExemption", project)["spec"]["rules"] == [{"enforce": "TRUE"}]
        assert policy(made, "compute.vmCanIpForward", project)["spec"]["rules"] == [{"denyAll": "TRUE"}]
    assert failed(made) == set()


def test_narrower_values_are_tried_while_the_wider_ones_hold() -> None:
    """Dry run first, then enforced: nothing is weaker meanwhile, and no rule objects."""
    narrow = ["in:europe-west1-locations"]
    made = small(
        trials={
            "gcp.resourceLocations": {"values": narrow, "reason": "one region may be enough", "until": "2027-02-28"}
        }
    )
    said = policy(made, "gcp.resourceLocations")
    assert said["dryRunSpec"]["rules"] == [{"values": {"allowedValues": narrow}}]
    assert len(said["spec"]["rules"][0]["values"]["allowedValues"]) == 2
    assert failed(made) == set()


def test_what_is_only_tried_is_seen_by_the_pack() -> None:
    """A constraint of the baseline that is only tried needs a waiver as well: it refuses nothing for a while."""
    trial = {"reason": "two machines still use the serial port", "until": "2027-02-28"}
    made = small(trials={"compute.disableSerialPortAccess": trial})
    said = policy(made, "compute.disableSerialPortAccess")
    assert "spec" not in said
    assert said["dryRunSpec"]["rules"] == [{"enforce": "TRUE"}]
    assert failed(made) == {"orgpolicy-in-force"}


def test_an_exception_is_for_what_bears_its_tag() -> None:
    """Everything else is held as before, and other projects do not know the tag."""
    made = small(exceptions={"legacy": LEGACY})
    on, off = policy(made, "compute.requireOsLogin")["spec"]["rules"]
    assert on == {"enforce": "TRUE"}
    assert off["enforce"] == "FALSE"
    assert off["condition"]["expression"] == f"resource.matchTag('{WORKLOAD}/guardrail-exception', 'legacy')"
    assert off["condition"]["description"].startswith("until 2027-03-31: ")
    value = made.one("gcp:tags/tagValue:TagValue")
    assert value.inputs["shortName"] == "legacy"
    assert value.urn in made.one(POLICY, f"guardrails-{WORKLOAD}-compute.requireOsLogin").dependencies
    assert policy(made, "compute.requireOsLogin", "example-small-audit")["spec"]["rules"] == [{"enforce": "TRUE"}]
    assert len(made.of("gcp:tags/tagKey:TagKey")) == 1
    assert failed(made) == set()


def test_an_exception_from_values_allows_more_of_them() -> None:
    """Those of everybody, and its own."""
    extra = {**LEGACY, "constraint": "compute.vmExternalIpAccess", "values": ["projects/p/zones/z/instances/i"]}
    rules = policy(small(exceptions={"edge": extra}), "compute.vmExternalIpAccess")["spec"]["rules"]
    assert rules[0] == {"denyAll": "TRUE"}
    assert rules[1]["values"] == {"allowedValues": ["projects/p/zones/z/instances/i"]}


@pytest.mark.parametrize(("day", "expected"), [("2027-03-31", set()), ("2027-04-01", {"orgpolicy-exceptions-end"})])
def test_an_exception_ends_with_its_last_day(day: str, expected: set[str]) -> None:
    """The program refuses it from then on, and so does the pack, over a state that was applied before."""
    assert failed(small(exceptions={"legacy": LEGACY}), dt.date.fromisoformat(day)) == expected


def test_the_component_refuses_what_the_stack_file_would() -> None:
    """Whoever uses it without the stack file is not less safe."""
    exempt = {"constraint": "compute.requireOsLogin", "project_id": "elsewhere", "expires": today()}
    with pytest.raises(ValueError, match="ACC-9: an exception has a reason"):
        Exempt(**exempt, reason="because")  # type: ignore[arg-type]
    elsewhere = Exempt(**exempt, reason="a reason that is long enough")  # type: ignore[arg-type]
    given: dict[str, Any] = {"allowed_locations": ("europe-west1",), "exceptions": {"legacy": elsewhere}}
    with pytest.raises(ValueError, match="ACC-9: legacy: elsewhere is not guarded here"):
        record(lambda: GuardrailsArgs(projects=(parts.project("audit"),), **given))
