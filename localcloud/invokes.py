"""Data sources: questions that a program asks the cloud."""

from __future__ import annotations

from typing import Any

from localcloud.codec import Values
from localcloud.errors import LocalCloudError
from localcloud.outputs import Config
from localcloud.store import Store


def invoke(store: Store, config: Config, token: str, arguments: Values) -> dict[str, Any]:
    """Answer a data source."""
    raise LocalCloudError(f"localcloud does not serve the data source {token}. Add it in localcloud/invokes.py.")
