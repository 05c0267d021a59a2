"""A Google Cloud project as the stack uses it: its provider, the APIs in use and the agents of Google's services."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, known, require

ASKED_FOR = ("bigquery.googleapis.com", "logging.googleapis.com", "storage.googleapis.com")
"""Services that make their agent when they are asked who it is."""


@dataclass(frozen=True, kw_only=True)
class ServiceAgent:
    """The account with which a service of Google acts inside the project."""

    service: str
    member: pulumi.Output[str]
    """`serviceAccount:...`"""


@dataclass(frozen=True, kw_only=True)
class ProjectArgs:
    """A project that exists, or that is made by the same program."""

    project_id: str
    region: str
    made: gcp.organizations.Project | None = None
    """The project itself, where the program makes it: nothing in it is asked for before."""

    def __post_init__(self) -> None:
        require(bool(re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", self.project_id)), "HOS-1", "project_id is invalid")


class Project(Component):
    """Everything in the project goes through its own provider, which also pays the quota (CHG-7).

    APIs are enabled as components ask for them, so the list is never longer than what is used. They stay enabled when
    the stack goes: disabling one would take others' resources with it (HOS-6).
    """

    token = "hosting:base:Project"
    clauses: ClassVar[tuple[str, ...]] = ("CHG-7", "HOS-6")

    project_id: str
    provider: gcp.Provider

    def __init__(self, name: str, args: ProjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name = name
        self.project_id = args.project_id
        self._made = args.made
        lies_in = args.project_id if args.made is None else known(args.project_id, args.made)
        self.provider = gcp.Provider(
            f"{name}-google",
            project=lies_in,
            region=args.region,
            user_project_override=True,
            billing_project=lies_in,
            opts=self.child(),
        )
        self._apis: dict[str, gcp.projects.Service] = {}
        self._agents: dict[str, ServiceAgent] = {}
        self.register_outputs({"project_id": self.project_id})

    @property
    def number(self) -> pulumi.Output[str]:
        """The number that Google gave it."""
        if self._made is not None:
            return self._made.number
        options = pulumi.InvokeOutputOptions(parent=self, provider=self.provider)
        return gcp.organizations.get_project_output(project_id=self.project_id, opts=options).number

    def api(self, service: str) -> gcp.projects.Service:
        """The API, enabled on first use; whatever needs it depends on it."""
        if service not in self._apis:
            self._apis[service] = gcp.projects.Service(
                f"{self._name}-{service.removesuffix('.googleapis.com')}",
                project=self.project_id,
                service=service,
                disable_dependent_services=False,
                disable_on_destroy=False,
                check_if_service_has_usage_on_destroy=False,
                opts=self.child(provider=self.provider, depends_on=[self._made] if self._made is not None else []),
            )
        return self._apis[service]

    def agent(self, service: str) -> ServiceAgent:
        """The service's agent. It does not exist merely because the API is enabled: asking for it creates it."""
        if service not in self._agents:
            self._agents[service] = ServiceAgent(service=service, member=self._agent_member(service))
        return self._agents[service]

    def _agent_member(self, service: str) -> pulumi.Output[str]:
        if service in ASKED_FOR:
            return self._asked_for(service)
        identity = gcp.projects.ServiceIdentity(
            f"{self._name}-{service.removesuffix('.googleapis.com')}-agent",
            project=self.project_id,
            service=service,
            opts=self.child(provider=self.provider, depends_on=[self.api(service)]),
        )
        return identity.member

    def _asked_for(self, service: str) -> pulumi.Output[str]:
        """The agent of a service that makes it when it is asked who it is.

        An answer carries no edges of its own, so the one to the API is added: the judge follows it while the answer
        is not known yet.
        """
        api = self.api(service)
        options = pulumi.InvokeOutputOptions(parent=self, provider=self.provider, depends_on=[api])
        if service == "storage.googleapis.com":
            email = gcp.storage.get_project_service_account_output(project=self.project_id, opts=options).email_address
        elif service == "bigquery.googleapis.com":
            email = gcp.bigquery.get_default_service_account_output(project=self.project_id, opts=options).email
        else:
            email = gcp.logging.get_project_cmek_settings_output(
                project=self.project_id, opts=options
            ).service_account_id
        return pulumi.Output.all(email, api.id).apply(lambda known: f"serviceAccount:{known[0]}")
