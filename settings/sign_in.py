"""How the company's own users sign in: by a link on each login, or through Google, and by nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Mistake, Section, section, setting
from .company import Domain
from .data import unknown_class

if TYPE_CHECKING:
    from config import StackConfig

SOURCE = "sign-in-source"
"""Name of the bucket with the code of the blocking function among the stores."""

ACCOUNTS = "accounts"
"""Name of the users' accounts among the stores."""

ClientId = Annotated[str, StringConstraints(pattern=r"^\d+-[a-z0-9]+\.apps\.googleusercontent\.com$")]


class Google(Section):
    """The OAuth client of the company. Its secret is `credentials.googleClientSecret`, encrypted."""

    client_id: ClientId = setting("VER-1", "100000000001-example.apps.googleusercontent.com")
    """Its id, as the console shows it."""


class SignIn(Section):
    """Identity Platform in the workload's project. There is one configuration in a project."""

    domains: Annotated[tuple[Domain, ...], Field(min_length=1)] = setting("VER-1", ["orders.example.com"])
    """Where a link may lead and a token may go."""

    google: Google | None = section("VER-1", None)
    """Google as the third party; left out, there are links alone."""

    second_factor: Literal["DISABLED", "ENABLED", "MANDATORY"] = setting("VER-1", "ENABLED", "ENABLED")
    """Whether users can, or must, add an authenticator app. Text messages are never sent."""

    sign_ups_a_day: Annotated[int, Field(ge=1, le=100_000)] = setting("VER-3", 1000, 1000)
    """New accounts in 24 hours; a script that makes more is stopped."""

    limited_since: date = setting("VER-3", "2027-01-01")
    """The day from which the limit counts; it never moves by itself."""

    data_class: str = setting("MIN-2", "customer")
    """Class of the accounts."""

    source_class: str = setting("ENC-1", "images")
    """Class of the blocking function's code; decides the key of its bucket."""


def _local(domain: str) -> bool:
    return bool(re.search(r"(^localhost$|\.local(host)?$|^\d+(\.\d+){3}$)", domain))


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse domains of others, and classes that do not exist."""
    sign_in = config.sign_in
    if sign_in is None:
        return
    own = config.company.domain
    for domain in sign_in.domains:
        if _local(domain) or not config.company.owns(domain):
            yield Mistake(
                key="signIn.domains",
                clause="VER-1",
                problem=f"{domain} is not a domain of {own}: whoever runs it would be handed the users' tokens",
                example=f"domains: [{domain.partition('.')[0]}.{own}]",
                others=("company.domain",),
            )
    yield from unknown_class(config, "signIn.dataClass", sign_in.data_class, "primary")
    yield from unknown_class(config, "signIn.sourceClass", sign_in.source_class, "primary")
    if config.credentials.google_client_secret is not None and sign_in.google is None:
        yield Mistake(
            key="signIn.google",
            clause="VER-1",
            problem="is missing, and credentials.googleClientSecret is set",
            example="google: {clientId: 100000000001-example.apps.googleusercontent.com}",
        )
