"""Logs: which class of data they are, how long they stay, and that they cannot be shortened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Mistake, Section, setting
from .data import unknown_class
from .limits import LOG_RETENTION_DAYS_MIN

if TYPE_CHECKING:
    from config import StackConfig

ARCHIVE_DAYS = 30
"""Days after the end of the retention within which the archive deletes; a locked object cannot go on the very day."""

ACKNOWLEDGEMENT = "a locked retention can never be shortened or removed"


class Logging(Section):
    """The log archive of the audit project."""

    data_class: str = setting("ENC-1", "logs")
    """Class of data whose key encrypts the logs; its key lies in the primary region."""

    retention_days: Annotated[int, Field(ge=LOG_RETENTION_DAYS_MIN, le=3650)] = setting("LOG-3", 400, 400)
    """Days for which logs stay."""

    organization: Annotated[str, StringConstraints(pattern=r"^\d+$")] | None = setting("LOG-2", "123456789012", None)
    """Id of the organization, for one sink over everything in it; without it each project has its own."""

    lock: bool = setting("LOG-3", True, False)
    """Make the retention irrevocable; in production it has to be."""

    acknowledgement: Literal["a locked retention can never be shortened or removed"] | None = setting(
        "LOG-3", ACKNOWLEDGEMENT, None
    )
    """The sentence that goes with `lock`."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse logs of a class without a key, an unlocked archive in production, and a lock nobody acknowledged."""
    logging = config.logging
    yield from unknown_class(config, "logging.dataClass", logging.data_class, "primary")
    if config.company.production and not logging.lock:
        yield Mistake(
            key="logging.lock",
            clause="LOG-3",
            problem="in production the log archive is locked",
            example="lock: true",
            others=("company.environment",),
        )
    if logging.lock and logging.acknowledgement is None:
        yield Mistake(
            key="logging.acknowledgement",
            clause="LOG-3",
            problem="a lock needs its acknowledgement",
            example=f"acknowledgement: {ACKNOWLEDGEMENT}",
            others=("logging.lock",),
        )
