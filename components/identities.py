"""Identities of workloads: one account each, without keys, with rights on single resources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, known, require
from .projects import Project
from .roles import Role, RoleArgs


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """A workload and what it needs on the project itself."""

    project: Project
    account_id: str
    purpose: str
    permissions: tuple[str, ...] = ()
    """Such as writing metrics and traces. Rights on stores are granted by the store."""

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", self.account_id)),
            "ACC-5",
            f"{self.account_id} is not a valid account name: 6 to 30 lower-case letters, digits and hyphens",
        )


class Identity(Component):
    """The account of one workload. It has no key and cannot get one; whoever runs the workload is lent a token.

    Its rights are those of a role of its own, plus what databases, buckets and secrets grant it one by one.
    """

    token = "hosting:access:Identity"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-4", "ACC-5", "ACC-10", "ACC-11")

    member: pulumi.Output[str]
    """`serviceAccount:<email>`, as grants want it."""

    database_user: str
    """The name with which the account signs in to PostgreSQL: its address without the last part."""

    account: gcp.serviceaccount.Account

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        self.account = gcp.serviceaccount.Account(
            name,
            project=project.project_id,
            account_id=args.account_id,
            display_name=args.account_id,
            description=args.purpose,
            disabled=False,
            create_ignore_already_exists=False,
            opts=self.child(provider=project.provider, depends_on=[project.api("iam.googleapis.com")]),
        )
        email = f"{args.account_id}@{project.project_id}.iam.gserviceaccount.com"
        self.member = known(f"serviceAccount:{email}", self.account)
        self.database_user = f"{args.account_id}@{project.project_id}.iam"
        if args.permissions:
            role = Role(
                name,
                RoleArgs(
                    project=project,
                    role_id="workload" + "".join(part.capitalize() for part in args.account_id.split("-")),
                    title=f"Workload {args.account_id}",
                    description=f"{args.account_id}: {args.purpose}",
                    permissions=args.permissions,
                ),
                self.child(),
            )
            gcp.projects.IAMMember(
                name,
                project=project.project_id,
                role=role.role,
                member=self.member,
                opts=self.child(provider=project.provider),
            )
        self.register_outputs({"member": self.member})
