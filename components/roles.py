"""Custom roles: a list of permissions that names what is needed and no more."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, known, require
from .projects import Project

ESCALATING = re.compile(
    r"(setIamPolicy|actAs|getAccessToken|getOpenIdToken|implicitDelegation|signBlob|signJwt)$"
    r"|^iam\.(roles|serviceAccountKeys)\.|^resourcemanager\.|^orgpolicy\."
)
"""Permissions that lead to more permissions."""


@dataclass(frozen=True, kw_only=True)
class RoleArgs:
    """What the role is for and what it allows."""

    project: Project
    role_id: str
    """Camel case. A deleted role blocks its ID for 37 days."""
    title: str
    description: str
    permissions: tuple[str, ...]

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(r"[a-zA-Z0-9_.]{3,64}", self.role_id)), "ACC-10", f"role_id {self.role_id} is invalid"
        )
        require(bool(self.permissions), "ACC-10", f"role {self.role_id} has no permissions")
        for permission in self.permissions:
            require(
                bool(re.fullmatch(r"[a-z][a-zA-Z0-9]*(\.[a-zA-Z0-9]+){2,3}", permission)),
                "ACC-10",
                f"{permission} is not one permission",
            )
            require(not ESCALATING.search(permission), "ACC-6", f"{permission} would let its holder gain more rights")


class Role(Component):
    """A role of the project."""

    token = "hosting:access:Role"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-6", "ACC-10")

    role: pulumi.Output[str]
    """`projects/<project>/roles/<id>`, as grants want it."""

    def __init__(self, name: str, args: RoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        role = gcp.projects.IAMCustomRole(
            name,
            project=args.project.project_id,
            role_id=args.role_id,
            title=args.title,
            description=args.description,
            permissions=list(args.permissions),
            stage="GA",
            opts=self.child(provider=args.project.provider, depends_on=[args.project.api("iam.googleapis.com")]),
        )
        self.role = known(f"projects/{args.project.project_id}/roles/{args.role_id}", role)
        self.register_outputs({"role": self.role})
