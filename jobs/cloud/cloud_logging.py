"""Cloud Logging's API: writing an entry in a project, and looking for entries through the view of a log bucket."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jobs.core.http import Http
from jobs.core.problems import Misconfigured

ENDPOINT: Final = "https://logging.googleapis.com"
ENDPOINT_VARIABLE: Final = "CLOUD_LOGGING_ENDPOINT"
BUCKET: Final = re.compile(r"projects/[^/]+/locations/[^/]+/buckets/[^/]+")
PAGES: Final = 50


class CloudLogging:
    """With one identity."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._base = f"{os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip('/')}/v2/entries"

    def write(self, project: str, log: str, payload: Mapping[str, Any], insert_id: str) -> None:
        """One entry. A second one of the same id and time is dropped by the service, so it can be tried again."""
        entry = {
            "logName": f"projects/{project}/logs/{log}",
            "resource": {"type": "global", "labels": {"project_id": project}},
            "severity": "NOTICE",
            "timestamp": payload["sent_at"],
            "insertId": insert_id,
            "jsonPayload": dict(payload),
        }
        self._http.post_json(
            f"{self._base}:write",
            {"entries": [entry], "partialSuccess": False},
            permission="logging.logEntries.create",
            on=f"projects/{project}",
        )

    def entries(self, bucket: str, query: str) -> Iterator[Mapping[str, Any]]:
        """What a log bucket holds that fits a query, the newest first."""
        if not BUCKET.fullmatch(bucket):
            raise Misconfigured(
                f"{bucket!r} is no name of a log bucket", fix="projects/PROJECT/locations/LOCATION/buckets/BUCKET"
            )
        token = ""
        for _ in range(PAGES):
            document = {
                "resourceNames": [f"{bucket}/views/_AllLogs"],
                "filter": query,
                "orderBy": "timestamp desc",
                "pageSize": 1000,
                **({"pageToken": token} if token else {}),
            }
            page = self._http.post_json(
                f"{self._base}:list", document, permission="logging.views.access", on=f"{bucket}/views/_AllLogs"
            )
            yield from page.get("entries", [])
            token = str(page.get("nextPageToken", ""))
            if not token:
                return
