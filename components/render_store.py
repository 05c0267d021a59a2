"""Databases and caches on Render: nobody from outside connects unless listed, and none is lost with one machine."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_render as render

from .base import Component, answered, require, secret
from .render_workspace import Workspace

WITH_STANDBY = re.compile(r"(pro|accelerated)_\d+gb")
"""Plans with seven days of recovery to any point, and with a standby (Render, "PostgreSQL instance types")."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody outside of Render who may connect."""

    range: str
    reason: str

    def __post_init__(self) -> None:
        block = ipaddress.ip_network(self.range)
        narrow = block.prefixlen >= (24 if block.version == 4 else 48)
        require(narrow, "HOS-5", f"{self.range} is wider than an office")
        require(bool(self.reason), "HOS-5", f"{self.range} needs a reason")


@dataclass(frozen=True, kw_only=True)
class RenderDatabaseArgs:
    """One PostgreSQL."""

    workspace: Workspace
    plan: str
    version: str
    disk_gb: int
    high_availability: bool = True
    visitors: tuple[Visitor, ...] = ()
    """Empty: services of the environment only. Left out it would be the whole internet (trap 48)."""
    protected: bool = True

    def __post_init__(self) -> None:
        fits = bool(WITH_STANDBY.fullmatch(self.plan))
        require(fits, "BAK-2", f"{self.plan} has no seven days of recovery; take a plan such as pro_4gb")
        require(int(self.version) >= 15, "HOS-6", f"PostgreSQL {self.version} gets no more fixes")
        require(self.disk_gb >= 5 and self.disk_gb % 5 == 0, "HOS-6", "Render's disks are multiples of 5 GB")


class RenderDatabase(Component):
    """Backed up continuously, with a standby; its address with the password exists as a secret only."""

    token = "hosting:render:Database"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-1", "BAK-2", "BAK-5", "HOS-5", "MON-5", "PRI-1")

    address: pulumi.Output[str]
    """Private address, password included: a secret."""

    def __init__(self, name: str, args: RenderDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        place = args.workspace
        database = render.postgres.Postgres(
            name,
            name=name,
            owner_id=place.owner_id,
            environment_id=place.environment_id,
            region=place.region,
            plan=render.postgres.Plan(args.plan),
            version=render.postgres.Version(args.version),
            database_name=name.replace("-", "_"),
            database_user=f"{name.replace('-', '_')}_app",
            disk_size_gb=args.disk_gb,
            enable_high_availability=args.high_availability,
            ip_allow_list=[
                render.postgres.CidrBlockAndDescriptionArgs(cidr_block=visitor.range, description=visitor.reason)
                for visitor in args.visitors
            ],
            opts=self.child(provider=place.provider, protect=args.protected),
        )
        info = render.postgres.get_postgres_connection_info_output(
            postgres_id=database.id, opts=pulumi.InvokeOutputOptions(parent=self, provider=place.provider)
        )
        self.address = secret(answered(info.internal_connection_string, database))
        self.register_outputs({})


@dataclass(frozen=True, kw_only=True)
class RenderCacheArgs:
    """One key-value store."""

    workspace: Workspace
    plan: str = "standard"
    eviction: str = "noeviction"
    visitors: tuple[Visitor, ...] = ()

    def __post_init__(self) -> None:
        require(self.plan != "free", "HOS-6", "a free cache forgets everything at each restart")


class RenderCache(Component):
    """A queue or cache that keeps its data over a restart and admits the environment's services alone."""

    token = "hosting:render:Cache"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-5", "HOS-6", "PRI-1")

    address: pulumi.Output[str]
    """Private address: a secret."""

    def __init__(self, name: str, args: RenderCacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        place = args.workspace
        cache = render.key_value.KeyValue(
            name,
            name=name,
            owner_id=place.owner_id,
            environment_id=place.environment_id,
            region=place.region,
            plan=render.key_value.Plan(args.plan),
            maxmemory_policy=render.key_value.MaxmemoryPolicy(args.eviction),
            ip_allow_list=[
                render.key_value.CidrBlockAndDescriptionArgs(cidr_block=visitor.range, description=visitor.reason)
                for visitor in args.visitors
            ],
            opts=self.child(provider=place.provider),
        )
        info = render.key_value.get_key_value_connection_info_output(
            key_value_id=cache.id, opts=pulumi.InvokeOutputOptions(parent=self, provider=place.provider)
        )
        self.address = secret(answered(info.internal_connection_string, cache))
        self.register_outputs({})
