"""Secrets that workloads need. Only their names and rules stand here; the values live in Secret Manager."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .base import Mistake, Named, Reason, Section, named, setting
from .data import unknown_class
from .limits import SECRET_ROTATION_DAYS_MAX

if TYPE_CHECKING:
    from config import StackConfig


class External(Section):
    """A secret issued by somebody else. Its value is added in Secret Manager by its owner, never through this code."""

    purpose: Reason = setting("ENC-9", "token for the API of the payment provider")
    """What it opens."""


class Secrets(Section):
    """Rules for all secrets of the stack."""

    data_class: str = setting("ENC-9", "credentials")
    """Class of all secrets; decides the key."""

    rotation_days: Annotated[int, Field(ge=1, le=SECRET_ROTATION_DAYS_MAX)] = setting("ENC-9", 60, 60)
    """Days after which Secret Manager asks for a new value."""

    external: Named[External] = named("ENC-9", "payment-token", {})
    """Secrets issued by others."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse secrets without a key."""
    yield from unknown_class(config, "secrets.dataClass", config.secrets.data_class, "primary")
    taken = set(config.secrets.external)
    for name, database in config.databases.items():
        for user in database.built_in_users:
            if f"{name}-{user}" in taken:
                yield Mistake(
                    key=f"databases.{name}.builtInUsers.{user}",
                    clause="ENC-9",
                    problem=f"its password would be the secret {name}-{user}, which exists already",
                    example=f"another name than {user}, or another one under secrets.external",
                )
            taken.add(f"{name}-{user}")
