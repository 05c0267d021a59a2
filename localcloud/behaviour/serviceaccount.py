"""Service accounts."""

from __future__ import annotations

import re

from localcloud.behaviour import Request, on
from localcloud.errors import refused


@on("create", "gcp:serviceaccount/account:Account")
def account_ids_have_a_form(request: Request) -> None:
    """An account id has 6 to 30 lower-case letters, digits and hyphens."""
    if not re.fullmatch(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])", str(request.get("accountId"))):
        raise refused(
            f"accountId '{request.get('accountId')}' must match ^[a-z](?:[-a-z0-9]{{4,28}}[a-z0-9])$: "
            "6 to 30 characters"
        )
