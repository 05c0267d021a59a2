"""What has to exist before the stack, and what decides who may run it. People apply it, CI never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_gcp as gcp
import pulumi_github as github

from . import ci_roles
from .base import Component
from .branch_rules import BranchRules, BranchRulesArgs
from .budget import Budget, BudgetArgs
from .environments import Environment, Environments, EnvironmentsArgs
from .federation import Federation, FederationArgs, Trusted
from .new_project import NewProject, NewProjectArgs
from .projects import Project
from .state_store import ACCESS_LOG, STATE, StateStore, StateStoreArgs

if TYPE_CHECKING:
    from config import BootstrapConfig

PURPOSES = {
    "workload": "applications and databases run in it",
    "keys": "the keys of all data lie in it",
    "backups": "the copies of all data lie in it",
    "audit": "the logs of every project lie in it",
    "delivery": "the state of every stack lies in it",
}
IDENTITIES = {
    "preview": Trusted(environment="preview", purpose="looks, for pull requests", branch_only=False),
    "drift": Trusted(environment="drift", purpose="looks, every night"),
    "deploy": Trusted(environment="production", purpose="applies the reviewed plan"),
}
MISSING = (
    "no organization is configured: the projects stand alone, and without one there are no organization policies and "
    "deny policies (ACC-9), no device levels (DEV-1, DEV-2), no limits of sessions (AUT-3) and no log sink over "
    "projects that are made later (LOG-2); whoever owns a project can take its lien away"
)


class Bootstrap(Component):
    """Folder, projects, state, the identities of CI with their rights, the branch they trust, and a budget."""

    token = "hosting:bootstrap:Bootstrap"
    clauses: ClassVar[tuple[str, ...]] = ("CHG-1", "CHG-3", "CIN-1", "REV-2")

    projects: dict[str, Project]
    federation: Federation
    state: StateStore
    missing: list[str]
    """What this company cannot have; shown by every run."""

    def __init__(self, name: str, config: BootstrapConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, None, opts)
        self._config = config
        self.missing = [] if config.organization is not None else [MISSING]
        for sentence in self.missing:
            pulumi.log.info(sentence, self)
        self.projects = self._projects()
        self.federation = self._federation()
        members = self.federation.members
        self._grants()
        self.state = StateStore(
            "state",
            StateStoreArgs(
                project=self.projects["delivery"],
                vault=self.projects["keys"],
                region=config.regions.primary,
                noncurrent_days=config.state.noncurrent_days,
                lock_log=config.state.lock and config.state.acknowledgement is not None,
                readers={role: members[role] for role in ("preview", "drift")},
                writers={"deploy": members["deploy"]},
                labels={store: config.labels(store) for store in (STATE, ACCESS_LOG)},
            ),
            self.child(),
        )
        contacts = config.monitoring.contacts
        Budget(
            "costs",
            BudgetArgs(
                home=self.projects["delivery"],
                billing_account=config.billing.account,
                currency=config.billing.currency,
                monthly=config.billing.monthly,
                projects=tuple(self.projects.values()),
                email=contacts.billing or config.monitoring.email,
                labels=config.company.labels,
            ),
            self.child(),
        )
        self.register_outputs({})

    def _projects(self) -> dict[str, Project]:
        config, region = self._config, self._config.regions.primary
        google = gcp.Provider("organization-google", region=region, opts=self.child())
        folder: pulumi.Output[str] | None = None
        if config.organization is not None and config.folder is not None:
            folder = gcp.organizations.Folder(
                "hosting",
                display_name=config.folder.name,
                parent=config.folder.parent or f"organizations/{config.organization.id}",
                deletion_protection=True,
                opts=self.child(provider=google, protect=True),
            ).name
        ids = config.projects.model_dump()
        return {
            name: NewProject(
                name,
                NewProjectArgs(
                    provider=google,
                    project_id=ids[name],
                    purpose=purpose,
                    billing_account=config.billing.account,
                    folder=folder,
                    region=config.regions.backup if name == "backups" else region,
                    labels=config.company.labels,
                ),
                self.child(),
            ).project
            for name, purpose in PURPOSES.items()
        }

    def _federation(self) -> Federation:
        """Whom the projects trust, and what GitHub has to hold for that trust, in one graph (REV-2)."""
        delivery = self._config.delivery
        hub = github.Provider("github", owner=delivery.owner, opts=self.child())
        BranchRules(
            f"deployers-{delivery.branch}",
            BranchRulesArgs(
                provider=hub,
                repository=delivery.repository,
                branch=delivery.branch,
                ruleset=f"deployers-{delivery.branch}",
                checks=delivery.checks,
                approvals=delivery.approvals,
            ),
            self.child(),
        )
        Environments(
            "deployers",
            EnvironmentsArgs(
                provider=hub,
                repository=delivery.repository,
                branch=delivery.branch,
                environments=tuple(
                    Environment(
                        name=trusted.environment,
                        reviewer_team_ids=delivery.reviewer_teams if role != "drift" else (),
                        branch_only=trusted.branch_only,
                        deploys=role == "deploy",
                    )
                    for role, trusted in IDENTITIES.items()
                ),
            ),
            self.child(),
        )
        return Federation(
            "github",
            FederationArgs(
                project=self.projects["delivery"],
                owner_id=delivery.owner_id,
                repository_id=delivery.repository_id,
                branch=delivery.branch,
                identities=IDENTITIES,
            ),
            self.child(),
        )

    def _grants(self) -> None:
        for role, table in (("preview", ci_roles.READ), ("drift", ci_roles.READ), ("deploy", ci_roles.DEPLOY)):
            for entry in table:
                for place in entry.where:
                    self._grant(role, entry.role, place)

    def _grant(self, role: str, granted: str, place: str) -> None:
        member = self.federation.members[role]
        name = f"ci-{role}-{place}-{granted.removeprefix('roles/')}"
        if place != ci_roles.ORGANIZATION:
            project = self.projects[place]
            gcp.projects.IAMMember(
                name,
                project=project.project_id,
                role=granted,
                member=member,
                opts=self.child(provider=project.provider, depends_on=[project.api("iam.googleapis.com")]),
            )
        elif self._config.organization is not None:
            home = self.projects["delivery"]
            gcp.organizations.IAMMember(
                name,
                org_id=self._config.organization.id,
                role=granted,
                member=member,
                opts=self.child(provider=home.provider),
            )
