"""Images: how long they stay, and which public registries are reached through one of our own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Section, setting

Upstream = Literal["docker-hub", "maven-central", "npm", "pypi"]


class Images(Section):
    """The registry of the company's own images, and copies of what others publish."""

    keep_days: Annotated[int, Field(ge=7, le=365)] = setting("MIN-1", 90, 90)
    """Days after which an image without a tag is deleted; the last ten versions always stay."""

    upstreams: tuple[Upstream, ...] = setting("DEP-1", ["docker-hub", "pypi"], ())
    """Public registries that builds take packages from. Each is reached through a repository of our own, which keeps
    and scans what was taken: a package that disappears or changes upstream is still there as it was."""
