"""Everything the company runs on Render: from what the stack file says to its components."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_random as random
from pydantic import SecretStr

from .base import Component
from .render_group import Group, GroupArgs
from .render_service import RenderService, RenderServiceArgs
from .render_store import RenderCache, RenderCacheArgs, RenderDatabase, RenderDatabaseArgs, Visitor
from .render_workspace import Workspace, WorkspaceArgs

if TYPE_CHECKING:
    from config import Stack
    from settings.render import Admitted, Render


class RenderSide(Component):
    """A workspace with its stores, groups and services. A stack without the section has nothing of it."""

    token = "hosting:render:Side"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-5", "HOS-6", "MIN-2")

    services: dict[str, RenderService]
    databases: dict[str, RenderDatabase]
    workspace: Workspace | None

    def __init__(
        self,
        name: str,
        config: Stack,
        project: str,
        chance: random.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._project, self._random = config, project, chance
        self.services, self.databases, self.workspace = {}, {}, None
        if config.render is not None:
            self._build(config.render)
        self.register_outputs({})

    def _build(self, spec: Render) -> None:
        place = self.workspace = self._workspace(spec)
        databases = self.databases = {
            name: RenderDatabase(
                name,
                RenderDatabaseArgs(
                    workspace=place,
                    plan=database.plan,
                    version=database.version,
                    disk_gb=database.disk_gb,
                    high_availability=database.high_availability,
                    visitors=_visitors(database.admitted),
                    protected=self._config.protects(name),
                ),
                self.child(),
            )
            for name, database in spec.databases.items()
        }
        caches = {
            name: RenderCache(
                name,
                RenderCacheArgs(
                    workspace=place, plan=cache.plan, eviction=cache.eviction, visitors=_visitors(cache.admitted)
                ),
                self.child(),
            )
            for name, cache in spec.caches.items()
        }
        groups = {
            name: Group(
                name,
                GroupArgs(
                    workspace=place,
                    random=self._random,
                    plain=dict(group.plain),
                    generated=group.generated,
                    secrets={
                        **{variable: databases[store].address for variable, store in group.databases.items()},
                        **{variable: caches[store].address for variable, store in group.caches.items()},
                    },
                ),
                self.child(),
            )
            for name, group in spec.groups.items()
        }
        delivery = self._config.delivery
        for name, service in spec.services.items():
            self.services[name] = RenderService(
                name,
                RenderServiceArgs(
                    workspace=place,
                    kind=service.kind,
                    repository=f"https://github.com/{delivery.owner}/{delivery.repository}",
                    branch=delivery.branch,
                    folder=service.folder,
                    runtime=service.runtime,
                    build=service.build,
                    start=service.start,
                    publish=service.publish,
                    plan=service.plan,
                    instances=service.instances,
                    health=service.health,
                    domain=service.domain,
                    schedule=service.schedule,
                    groups={group: groups[group] for group in service.groups},
                ),
                self.child(),
            )

    def _workspace(self, spec: Render) -> Workspace:
        credentials = self._config.credentials
        return Workspace(
            "render",
            WorkspaceArgs(
                owner_id=spec.owner_id,
                project_name=spec.project or self._project,
                region=spec.region,
                api_key=_secret(credentials.render_api_key),
                events_url=spec.events,
                logs_endpoint=spec.logs,
                logs_token=_secret(credentials.render_log_token),
                protected=self._config.protects("render"),
            ),
            self.child(),
        )


def _secret(value: SecretStr | None) -> pulumi.Output[str] | None:
    return pulumi.Output.secret(value.get_secret_value()) if value is not None else None


def _visitors(admitted: tuple[Admitted, ...]) -> tuple[Visitor, ...]:
    return tuple(Visitor(range=one.range, reason=one.reason) for one in admitted)
