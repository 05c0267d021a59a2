"""Who changed what past the code: entries of Google's audit log, read with the identity that looks (CHG-4).

Admin activity is written in every project, always, and kept there for 400 days; `roles/logging.viewer` reads it. Of an
entry only what names a change is kept: who, what, on which resource, when, and whether it was refused.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import JobError
from tools.refusal import Refusal

ENDPOINT_VARIABLE: Final = "CLOUD_LOGGING_ENDPOINT"
_ENDPOINT: Final = "https://logging.googleapis.com"
_FILTER: Final = 'logName:"cloudaudit.googleapis.com%2Factivity" AND timestamp>="{since}"'
_PERMISSION: Final = "logging.logEntries.list"
_PAGES: Final = 20
DAYS: Final = 30
"""How far back is looked: drift that nobody brought back for longer keeps the name that its issue already has."""


def read(projects: Iterable[str], *, now: dt.datetime) -> list[dict[str, Any]]:
    """Changes in some projects, in the shape that `python -m review drift --audit-log` takes, the newest first.

    Raises Refusal, with the missing permission named, where the log cannot be read.
    """
    since = (now - dt.timedelta(days=DAYS)).isoformat(timespec="seconds").replace("+00:00", "Z")
    http = Http(Log("audit-log"))
    try:
        found = [_kept(entry) for project in projects for entry in _entries(http, project, since)]
    except JobError as error:
        raise Refusal(f"the audit log cannot be read: {error}") from None
    return sorted(found, key=lambda entry: str(entry["timestamp"]), reverse=True)


def _entries(http: Http, project: str, since: str) -> Iterator[Mapping[str, Any]]:
    """Entries of one project, page by page."""
    base = os.environ.get(ENDPOINT_VARIABLE, _ENDPOINT).rstrip("/")
    on, token = f"projects/{project}", ""
    for _ in range(_PAGES):
        wanted = {
            "resourceNames": [on],
            "filter": _FILTER.format(since=since),
            "orderBy": "timestamp desc",
            "pageSize": 1000,
            **({"pageToken": token} if token else {}),
        }
        page = http.post_json(f"{base}/v2/entries:list", wanted, permission=_PERMISSION, on=on)
        yield from page.get("entries") or ()
        token = str(page.get("nextPageToken") or "")
        if not token:
            return


def _kept(entry: Mapping[str, Any]) -> dict[str, Any]:
    payload = entry.get("protoPayload") or {}
    who, status = payload.get("authenticationInfo") or {}, payload.get("status") or {}
    return {
        "timestamp": entry.get("timestamp") or "",
        "protoPayload": {
            "authenticationInfo": {k: who[k] for k in ("principalEmail", "principalSubject") if k in who},
            "methodName": payload.get("methodName") or "",
            "resourceName": payload.get("resourceName") or "",
            "status": {"code": status["code"]} if status.get("code") else {},
        },
    }
