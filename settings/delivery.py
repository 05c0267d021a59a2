"""The repository that the infrastructure comes from, and what CI may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from .base import Section, setting

NumericId = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*$")]
"""An id that GitHub never gives to anyone else; names can be taken over."""

Branch = Annotated[str, StringConstraints(pattern=r"^[\w./-]+$")]


class Delivery(Section):
    """GitHub as the source of every change."""

    owner: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")] = setting("REV-1", "example-org")
    """Organization on GitHub."""

    owner_id: NumericId = setting("CIN-1", "1000001")
    """Its numeric id: `gh api orgs/ORG --jq .id`."""

    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+$")] = setting("REV-1", "secure-hosting")
    """Repository of this program."""

    repository_id: NumericId = setting("CIN-1", "284705316")
    """Its numeric id: `gh api repos/ORG/REPOSITORY --jq .id`."""

    branch: Branch = setting("REV-2", "main", "main")
    """The branch that deploys; the ruleset protects it."""

    checks: Annotated[tuple[str, ...], Field(min_length=1)] = setting("CIN-4", ["test", "preview"])
    """Status checks that must pass before a merge."""

    reviewer_teams: Annotated[tuple[int, ...], Field(min_length=1)] = setting("REV-3", [3000003])
    """Numeric ids of the teams that release to production."""

    approvals: Annotated[int, Field(ge=1, le=6)] = setting("REV-1", 1, 1)
    """Approvals of other developers that a change needs."""
