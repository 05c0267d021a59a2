"""The Google Cloud projects of the stack: keys, copies and logs live apart from the data they protect."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

from pydantic import StringConstraints

from .base import Mistake, Section, setting

if TYPE_CHECKING:
    from config import BootstrapConfig, StackConfig

ProjectId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
"""Google's rule: 6 to 30 lower-case letters, digits and hyphens, starting with a letter."""


class Projects(Section):
    """Project IDs. Every one is a project of its own."""

    workload: ProjectId = setting("HOS-1", "example-prod-workload")
    """Where applications and databases run."""

    keys: ProjectId = setting("ENC-7", "example-prod-keys")
    """Encryption keys only, so that whoever administers data cannot touch its keys."""

    backups: ProjectId = setting("BAK-4", "example-prod-backups")
    """Independent copies of the data, out of reach of the workload's administrators."""

    audit: ProjectId = setting("LOG-2", "example-prod-audit")
    """Logs of everything above."""

    delivery: ProjectId = setting("CIN-3", "example-prod-delivery")
    """Images and what builds them."""

    assets: ProjectId | None = setting("ACC-3", "example-prod-assets", None)
    """Public files, where a class of data is public: the only project in which a bucket can be opened."""


def check(config: StackConfig | BootstrapConfig) -> Iterator[Mistake]:
    """Refuse a project that serves two purposes."""
    ids = config.projects.model_dump(exclude_none=True)
    for one, two in combinations(ids, 2):
        if ids[one] == ids[two]:
            field = Projects.model_fields[two]
            clause = "BAK-4" if "backups" in (one, two) else "ENC-7" if "keys" in (one, two) else "LOG-2"
            yield Mistake(
                key=f"projects.{two}",
                clause=clause,
                problem=f"{ids[two]} is also projects.{one}; each needs a project of its own",
                example=f"{two}: {(field.examples or [''])[0]}",
                others=(f"projects.{one}",),
            )
