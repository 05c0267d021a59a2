"""Guardrails: organization policies that hold even where our code is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

BOOLEAN = (
    "compute.disableSerialPortAccess",
    "compute.requireOsLogin",
    "compute.requireShieldedVm",
    "compute.skipDefaultNetworkCreation",
    "compute.disableNestedVirtualization",
    "compute.disableVpcExternalIpv6",
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "sql.restrictAuthorizedNetworks",
    "sql.restrictPublicIp",
    "storage.publicAccessPrevention",
    "storage.uniformBucketLevelAccess",
)
"""Constraints that are on or off; on is the safe side for all of them (Organization Policy documentation)."""

OPENED = "storage.publicAccessPrevention"
"""Off in the project of public files, and nowhere else."""

TAG = "guardrail-exception"

Values = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exempt:
    """Resources with the tag of this name, for which a constraint does not hold."""

    constraint: str
    project_id: str
    reason: str
    expires: date
    """The last day, UTC. Tags do not end by themselves: whoever runs the program after it is refused."""
    values: Values = ()
    """What is allowed besides; for a constraint that is on or off, none."""

    def __post_init__(self) -> None:
        require(len(self.reason) >= 10, "ACC-9", "an exception has a reason")


@dataclass(frozen=True, kw_only=True)
class GuardrailsArgs:
    """Where the guardrails hold: the projects of the stack, each with its own policies."""

    projects: tuple[Project, ...]
    allowed_locations: tuple[str, ...]
    """Regions in which resources may be made (PRI-1)."""
    public: Project | None = None
    """The project of public files: the one in which a bucket can be opened to everybody (ACC-3)."""
    added: Mapping[str, Values | None] = field(default_factory=dict)
    """Constraint → values that are allowed, or None where it is on or off."""
    trials: Mapping[str, Values | None] = field(default_factory=dict)
    """Constraint → what is only tried so far: one that is on stays so, one that is not is not enforced yet."""
    exceptions: Mapping[str, Exempt] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(bool(self.allowed_locations), "PRI-1", "at least one location is allowed")
        projects = {project.project_id for project in self.projects}
        for name, exempt in self.exceptions.items():
            require(exempt.project_id in projects, "ACC-9", f"{name}: {exempt.project_id} is not guarded here")


class Guardrails(Component):
    """Policies on each project: they also stop what is made by hand or by another program."""

    token = "hosting:governance:Guardrails"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-9", "PRI-1", "ACC-4", "HOS-2", "AUT-4")

    def __init__(self, name: str, args: GuardrailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        enforced: dict[str, Values | None] = {
            **dict.fromkeys(BOOLEAN),
            "gcp.resourceLocations": tuple(f"in:{region}-locations" for region in args.allowed_locations),
            "compute.vmExternalIpAccess": (),
            **args.added,
        }
        for project in args.projects:
            tags = dict(self._tags(project))
            for constraint in {**enforced, **args.trials}:
                self._policy(project, constraint, enforced, tags)
        self.register_outputs({})

    def _tags(self, project: Project) -> Iterator[tuple[str, gcp.tags.TagValue]]:
        """One value for each exception of the project: binding it to a resource is what excepts it."""
        own = {n: e for n, e in self._args.exceptions.items() if e.project_id == project.project_id}
        if not own:
            return
        options = self.child(provider=project.provider, depends_on=[project.api("cloudresourcemanager.googleapis.com")])
        key = gcp.tags.TagKey(
            f"{self._name}-{project.project_id}",
            parent=f"projects/{project.project_id}",
            short_name=TAG,
            description="ACC-9: what a guardrail does not hold for",
            opts=options,
        )
        for name, exempt in own.items():
            yield (
                name,
                gcp.tags.TagValue(
                    f"{self._name}-{project.project_id}-{name}",
                    parent=key.id,
                    short_name=name,
                    description=f"{exempt.constraint} until {exempt.expires}: {exempt.reason}"[:256],
                    opts=options,
                ),
            )

    def _policy(
        self,
        project: Project,
        constraint: str,
        enforced: Mapping[str, Values | None],
        tags: Mapping[str, pulumi.Resource],
    ) -> None:
        parent = f"projects/{project.project_id}"
        excepted = {n: self._args.exceptions[n] for n in tags if self._args.exceptions[n].constraint == constraint}
        spec = trial = None
        if constraint in enforced:
            held = enforced[constraint]
            opened = project is self._args.public and constraint == OPENED
            rules = [
                _OFF if opened else _rule(held),
                *(_exception(project, name, one, held) for name, one in excepted.items()),
            ]
            spec = gcp.orgpolicy.PolicySpecArgs(inherit_from_parent=False, reset=False, rules=rules)
        if constraint in self._args.trials:
            tried = self._args.trials[constraint]
            trial = gcp.orgpolicy.PolicyDryRunSpecArgs(inherit_from_parent=False, reset=False, rules=[_tried(tried)])
            spec = None if tried is None else spec
        gcp.orgpolicy.Policy(
            f"{self._name}-{project.project_id}-{constraint}",
            name=f"{parent}/policies/{constraint}",
            parent=parent,
            spec=spec,
            dry_run_spec=trial,
            opts=self.child(
                provider=project.provider,
                depends_on=[project.api("orgpolicy.googleapis.com"), *(tags[name] for name in excepted)],
            ),
        )


_OFF = gcp.orgpolicy.PolicySpecRuleArgs(enforce="FALSE")
_Held = gcp.orgpolicy.PolicySpecRuleValuesArgs


def _rule(values: Values | None) -> gcp.orgpolicy.PolicySpecRuleArgs:
    """On, nothing, or these values."""
    if values is None:
        return gcp.orgpolicy.PolicySpecRuleArgs(enforce="TRUE")
    if not values:
        return gcp.orgpolicy.PolicySpecRuleArgs(deny_all="TRUE")
    return gcp.orgpolicy.PolicySpecRuleArgs(values=_Held(allowed_values=list(values)))


def _tried(values: Values | None) -> gcp.orgpolicy.PolicyDryRunSpecRuleArgs:
    """The same, as the dry run has it."""
    if values is None:
        return gcp.orgpolicy.PolicyDryRunSpecRuleArgs(enforce="TRUE")
    if not values:
        return gcp.orgpolicy.PolicyDryRunSpecRuleArgs(deny_all="TRUE")
    return gcp.orgpolicy.PolicyDryRunSpecRuleArgs(
        values=gcp.orgpolicy.PolicyDryRunSpecRuleValuesArgs(allowed_values=list(values))
    )


def _exception(project: Project, name: str, exempt: Exempt, held: Values | None) -> gcp.orgpolicy.PolicySpecRuleArgs:
    """Off, or more values, for what bears the tag. The rule without a condition holds for everything else."""
    condition = gcp.orgpolicy.PolicySpecRuleConditionArgs(
        title=name,
        description=f"until {exempt.expires}: {exempt.reason}",
        expression=f"resource.matchTag('{project.project_id}/{TAG}', '{name}')",
    )
    if held is None:
        return gcp.orgpolicy.PolicySpecRuleArgs(enforce="FALSE", condition=condition)
    values = _Held(allowed_values=[*held, *exempt.values])
    return gcp.orgpolicy.PolicySpecRuleArgs(values=values, condition=condition)
