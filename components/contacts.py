"""Who is told by Google: security, technical and legal notices, and findings of the Security Command Center."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

CATEGORIES = ("SECURITY", "TECHNICAL", "SUSPENSION", "LEGAL", "BILLING", "PRODUCT_UPDATES")
"""Categories of the Essential Contacts API."""


@dataclass(frozen=True, kw_only=True)
class ContactsArgs:
    """Groups by category; a category without its own group falls to the one for SECURITY."""

    projects: tuple[Project, ...]
    contacts: Mapping[str, str]
    """Category → address of a group."""
    language: str = "en"

    def __post_init__(self) -> None:
        unknown = sorted(set(self.contacts) - set(CATEGORIES))
        require(not unknown, "MON-4", f"{', '.join(unknown)}: categories are {', '.join(CATEGORIES)}")
        require("SECURITY" in self.contacts, "MON-4", "somebody receives the security notices")


class Contacts(Component):
    """Essential contacts of every project, so that a warning of Google's has a reader."""

    token = "hosting:monitoring:Contacts"
    clauses: ClassVar[tuple[str, ...]] = ("MON-4",)

    def __init__(self, name: str, args: ContactsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        readers: dict[str, list[str]] = {}
        for category in CATEGORIES:
            readers.setdefault(args.contacts.get(category, args.contacts["SECURITY"]), []).append(category)
        for project in args.projects:
            for email, categories in readers.items():
                gcp.essentialcontacts.Contact(
                    f"{name}-{project.project_id}-{email.partition('@')[0]}",
                    parent=f"projects/{project.project_id}",
                    email=email,
                    language_tag=args.language,
                    notification_category_subscriptions=categories,
                    opts=self.child(
                        provider=project.provider, depends_on=[project.api("essentialcontacts.googleapis.com")]
                    ),
                )
        self.register_outputs({})
