"""A company that runs on Render alone: the repository that everything comes from, and the workspace it goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_random as random

from .base import Component
from .environments import Environment
from .governance import repository_of
from .render_jobs import RenderJobs, args_of
from .render_side import RenderSide
from .repository import Repository

if TYPE_CHECKING:
    from config import RenderStack


class RenderAlone(Component):
    """The ruleset guards the branch that Render deploys from, in the same graph (REV-2); there is no Google Cloud."""

    token = "hosting:render:Alone"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-4", "BAK-6", "HOS-5", "REV-2")

    side: RenderSide

    def __init__(self, name: str, config: RenderStack, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, None, opts)
        chance = random.Provider("random", opts=self.child())
        teams = config.delivery.reviewer_teams
        environments = (
            Environment(name="preview", reviewer_team_ids=teams, branch_only=False),
            Environment(name="production", reviewer_team_ids=teams, deploys=True),
        )
        Repository("repository", repository_of(config, *environments), self.child())
        company = config.company.domain.partition(".")[0]
        self.side = RenderSide("render", config, f"{company}-{config.company.environment}", chance, self.child())
        args = args_of(config, config.jobs.off_site, self.side, chance, None) if config.jobs else None
        if args is not None:
            RenderJobs("render-jobs", args, self.child())
        self.register_outputs({})
