"""Whether what is hosted answers: checks from outside, alerts, objectives and their budgets, and the page of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component
from .dashboard import Dashboard, DashboardArgs
from .findings import Findings, FindingsArgs
from .foundation import Foundation
from .governance import Governance
from .objectives import Objective, Objectives, ObjectivesArgs, Ratio, Windows
from .stores import Stores
from .uptime import DatabaseWatch, DatabaseWatchArgs, Site, Uptime, UptimeArgs, database_filter

if TYPE_CHECKING:
    from config import StackConfig


class Watch(Component):
    """Over services, sites on Render and databases. The metrics of the workload show in the audit project."""

    token = "hosting:monitoring:Watch"
    clauses: ClassVar[tuple[str, ...]] = ("MON-3", "MON-4", "MON-7")

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        stores: Stores,
        governance: Governance,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation, self._stores, self._governance = config, foundation, stores, governance
        self._findings()
        sites = self._sites()
        if not (sites or config.services or stores.databases):
            self.register_outputs({})
            return
        audit, workload = foundation.audit, foundation.workload
        scope = gcp.monitoring.MonitoredProject(
            f"{name}-{workload.project_id}",
            metrics_scope=audit.project_id,
            name=workload.project_id,
            opts=self.child(provider=audit.provider, depends_on=[audit.api("monitoring.googleapis.com")]),
        )
        uptime = Uptime(
            "uptime",
            UptimeArgs(project=audit, channels=governance.channels, sites=sites, labels=config.company.labels),
            self.child(),
        )
        DatabaseWatch(
            name,
            DatabaseWatchArgs(
                project=audit,
                watched=workload,
                scope=scope,
                channels=governance.channels,
                databases=stores.databases,
                labels=config.company.labels,
            ),
            self.child(),
        )
        objectives = Objectives(
            "objective",
            ObjectivesArgs(
                project=audit,
                channels=governance.channels,
                objectives=self._objectives(uptime),
                scope=scope,
                labels=config.company.labels,
            ),
            self.child(),
        )
        Dashboard(
            "dashboard",
            DashboardArgs(project=audit, title=f"Hosting of {config.company.domain}", objectives=objectives.names),
            self.child(),
        )
        self.register_outputs({})

    def _findings(self) -> None:
        config, audit = self._config, self._foundation.audit
        if config.organization is None:
            pulumi.log.info(
                "no organization is configured: findings of the Security Command Center are sent to nobody (MON-4)",
                self,
            )
            return
        Findings(
            "findings",
            FindingsArgs(
                organization_id=config.organization.id,
                project=audit,
                key=self._foundation.keys[config.logging.data_class],
                region=config.regions.primary,
                channels=self._governance.channels,
                labels=config.company.labels,
            ),
            self.child(),
        )

    def _sites(self) -> dict[str, Site]:
        """What people reach under a name: services behind the load balancer, and sites on Render."""
        sites = {n: Site(domain=one.domain, path=one.health) for n, one in self._config.services.items()}
        render = self._config.render
        for name, service in render.services.items() if render is not None else ():
            if service.domain is not None:
                sites[f"render-{name}"] = Site(domain=service.domain, path=service.health or "/")
        return sites

    def _objectives(self, uptime: Uptime) -> dict[str, Objective]:
        config, project = self._config, self._foundation.workload.project_id
        goals = config.monitoring.objectives
        found = {
            name: Objective(title=f"service {name}", goal=goals.services, measure=_requests(project, name))
            for name in config.services
        }
        for label, check in uptime.passed.items():
            if label not in found:
                title = f"site {label.removeprefix('render-')} on Render"
                found[label] = Objective(title=title, goal=goals.services, measure=Windows(series=check, boolean=True))
        instances = [pair for database in self._stores.databases.values() for pair in database.instances.items()]
        for name, instance in instances:
            up = Windows(series=database_filter(instance, project))
            found[f"database-{name}"] = Objective(title=f"database {name}", goal=goals.databases, measure=up)
        return found


def _requests(project: str, service: str) -> Ratio:
    total = (
        'resource.type="cloud_run_revision" AND metric.type="run.googleapis.com/request_count"'
        f' AND resource.labels.project_id="{project}" AND resource.labels.service_name="{service}"'
    )
    return Ratio(total=total, bad=f'{total} AND metric.labels.response_code_class="5xx"')
