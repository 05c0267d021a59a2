"""A project that did not exist before: paid, labelled, without a network, and hard to lose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component
from .projects import Project, ProjectArgs

FIRST = tuple(f"{api}.googleapis.com" for api in ("serviceusage", "cloudresourcemanager", "iam", "cloudasset"))
"""APIs without which no program can enable the others, and the inventory of what is in the project."""


@dataclass(frozen=True, kw_only=True)
class NewProjectArgs:
    """Where it lies and who pays."""

    provider: gcp.Provider
    """With which projects are made; each project then has a provider of its own."""
    project_id: str
    """Unique in the whole world, for ever: not even a deleted project gives its ID back."""
    purpose: str
    billing_account: str
    folder: pulumi.Input[str] | None
    """`folders/<number>`; None where the company has no organization, and the project stands alone."""
    region: str
    labels: Mapping[str, str] = field(default_factory=dict)


class NewProject(Component):
    """A project with a lien: whoever may delete projects has to take it away first, which is a change of its own."""

    token = "hosting:bootstrap:NewProject"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-1", "CHG-5", "BAK-5")

    project: Project
    """As everything in it uses it."""

    def __init__(self, name: str, args: NewProjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        made = gcp.organizations.Project(
            name,
            project_id=args.project_id,
            name=args.project_id,
            billing_account=args.billing_account,
            folder_id=args.folder,
            auto_create_network=False,
            deletion_policy="PREVENT",
            labels=args.labels,
            opts=self.child(provider=args.provider, protect=True),
        )
        gcp.resourcemanager.Lien(
            name,
            parent=pulumi.Output.concat("projects/", made.number),
            restrictions=["resourcemanager.projects.delete"],
            origin="secure-hosting-bootstrap",
            reason=f"CHG-5: {args.purpose}",
            opts=self.child(provider=args.provider, protect=True),
        )
        self.project = Project(
            name, ProjectArgs(project_id=args.project_id, region=args.region, made=made), self.child()
        )
        for api in FIRST:
            self.project.api(api)
        self.register_outputs({"project_id": args.project_id})
