"""The way in from the internet: how much one client may ask, and how suspicious the firewall is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import Section, setting
from .limits import REQUESTS_A_MINUTE_MAX


class Entrance(Section):
    """The load balancer and its web application firewall, for all services together."""

    requests_per_minute: Annotated[int, Field(ge=10, le=REQUESTS_A_MINUTE_MAX)] = setting("HOS-3", 600, 600)
    """Requests of one address in a minute; more are answered with 429."""

    sensitivity: Annotated[int, Field(ge=1, le=4)] = setting("HOS-3", 1, 1)
    """Paranoia level of the attack rules (OWASP): higher levels stop more, and more that is harmless."""
