"""Guardrails beyond the baseline: what is added, what is only tried so far, and what is excepted until a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, StringConstraints

from .base import Mistake, Named, Reason, Section, named, setting
from .constraints import BASELINE, BASELINE_LISTS, kind_of, nearest
from .limits import GUARDRAIL_EXCEPTION_DAYS_MAX, GUARDRAIL_TRIAL_DAYS_MAX

if TYPE_CHECKING:
    from config import StackConfig

T = TypeVar("T")

Constraint = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[A-Za-z0-9.]+$")]
ByConstraint = Annotated[Mapping[Constraint, T], AfterValidator(MappingProxyType)]
Values = tuple[Annotated[str, StringConstraints(min_length=1)], ...]


class Added(Section):
    """A constraint that is on for every project, in addition to the baseline."""

    values: Values = setting("ACC-9", ["internal-and-cloud-load-balancing"], ())
    """What a constraint of values allows; nothing, unless listed. One that is on or off has none."""

    reason: Reason = setting("ACC-9", "services are reached through the load balancer")
    """Why the company wants it."""


class Trial(Section):
    """A constraint that is tried first: what it would refuse is logged, and nothing is refused until it is enforced."""

    values: Values = setting("ACC-9", ["in:europe-west1-locations"], ())
    """The values to try. Where the constraint is on already, it stays as it is while narrower ones are tried."""

    reason: Reason = setting("ACC-9", "two machines of the old shop still use the serial port")
    """What has to be found out."""

    until: date = setting("ACC-9", "2027-01-31")
    """The last day of the trial (UTC), at most 90 days away; then it is enforced, or tried anew with a reason."""


class Exemption(Section):
    """Resources with a tag for which a constraint does not hold, in one project, until a day."""

    constraint: Constraint = setting("ACC-9", "compute.requireOsLogin")
    """The constraint; the tag's value has the name of this exception."""

    project: str = setting("ACC-9", "example-prod-workload")
    """Where it is excepted."""

    values: Values = setting("ACC-9", ["projects/p/zones/z/instances/i"], ())
    """What is allowed besides, where the constraint is one of values."""

    reason: Reason = setting("ACC-9", "the appliance of a supplier brings logins of its own")
    """Why, for the review."""

    expires: date = setting("ACC-9", "2027-01-31")
    """The last day (UTC), at most a year away."""


class Guardrails(Section):
    """Organization policies of the company, besides those that every project has."""

    added: ByConstraint[Added] = named("ACC-9", "run.allowedIngress", {})
    """By name of the constraint."""

    trials: ByConstraint[Trial] = named("ACC-9", "gcp.resourceLocations", {})
    """By name of the constraint."""

    exceptions: Named[Exemption] = named("ACC-9", "legacy-appliance", {})
    """By name of the tag's value."""

    @property
    def enforced(self) -> dict[str, Values | None]:
        """What is added: values, or None for what is on or off."""
        return {name: one.values if kind_of(name) == "list" else None for name, one in self.added.items()}

    @property
    def tried(self) -> dict[str, Values | None]:
        """What is tried, in the same form."""
        return {name: one.values if kind_of(name) == "list" else None for name, one in self.trials.items()}


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse constraints that do not exist, values of the wrong kind, what has ended, and what contradicts itself."""
    guardrails = config.guardrails
    for name, added in guardrails.added.items():
        key = f"guardrails.added.{name}"
        yield from _constraint(key, name, added.values)
        if name in (*BASELINE, *BASELINE_LISTS):
            yield Mistake(
                key=key,
                clause="ACC-9",
                problem=f"{name} is on for every project already",
                example="nothing; take it out",
            )
    for name, trial in guardrails.trials.items():
        key = f"guardrails.trials.{name}"
        yield from _constraint(key, name, trial.values, values_needed=False)
        yield from _end(config, f"{key}.until", trial.until, GUARDRAIL_TRIAL_DAYS_MAX, "the trial")
    for label, exemption in guardrails.exceptions.items():
        yield from _exception(config, f"guardrails.exceptions.{label}", exemption)


def _exception(config: StackConfig, key: str, exemption: Exemption) -> Iterator[Mistake]:
    name = exemption.constraint
    yield from _constraint(f"{key}.constraint", name, exemption.values, others=(f"{key}.values",))
    yield from _end(config, f"{key}.expires", exemption.expires, GUARDRAIL_EXCEPTION_DAYS_MAX, "the exception")
    projects = [project for project in config.projects.model_dump().values() if project]
    if exemption.project not in projects:
        yield Mistake(
            key=f"{key}.project",
            clause="ACC-9",
            problem=f"{exemption.project} is no project of the stack; there is {', '.join(sorted(projects))}",
            example=f"project: {config.projects.workload}",
            others=("projects",),
        )
    held = {*BASELINE, *BASELINE_LISTS, *config.guardrails.added}
    if kind_of(name) is not None and name not in held:
        yield Mistake(
            key=f"{key}.constraint",
            clause="ACC-9",
            problem=f"{name} is not on, so nothing is excepted from it",
            example="nothing; take the exception out, or add the constraint under `added`",
            others=("guardrails.added",),
        )


def _constraint(
    key: str, name: str, values: tuple[str, ...], *, values_needed: bool = True, others: tuple[str, ...] = ()
) -> Iterator[Mistake]:
    kind = kind_of(name)
    if kind is None:
        yield Mistake(
            key=key,
            clause="ACC-9",
            problem=f"{name} is not in the catalogue of constraints (settings/constraints.py)",
            example=f"{nearest(name)}",
            others=others,
        )
    elif kind == "boolean" and values:
        yield Mistake(
            key=key,
            clause="ACC-9",
            problem=f"{name} is on or off and takes no values",
            example="nothing; take `values` out",
            others=others,
        )
    elif kind == "list" and values_needed and not values and key.rpartition(".")[2] == "constraint":
        yield Mistake(
            key=key,
            clause="ACC-9",
            problem=f"{name} is one of values: an exception says which are allowed besides",
            example="values: [projects/p/zones/z/instances/i]",
            others=others,
        )


def _end(config: StackConfig, key: str, end: date, longest: int, what: str) -> Iterator[Mistake]:
    last = config.today + timedelta(days=longest)
    if end < config.today:
        yield Mistake(
            key=key,
            clause="ACC-9",
            problem=f"{what} ended on {end}, and today is {config.today}",
            example="nothing; take it out, or have it agreed to anew",
            others=("today",),
        )
    elif end > last:
        yield Mistake(
            key=key,
            clause="ACC-9",
            problem=f"{end} is more than {longest} days away",
            example=f"{key.rpartition('.')[2]}: {last}",
            others=("today",),
        )
