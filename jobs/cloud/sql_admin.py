"""Cloud SQL's Admin API: what a drill and a re-encryption need of it, each call with the permission that it takes.

A request starts an operation; it is done when the operation is. An operation that outlives the patience of a job is
unreachable, not failed: it goes on without the job, and the next run finds its result.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from jobs.core.http import Call, Http
from jobs.core.problems import Found, Misconfigured, Unreachable

ENDPOINT: Final = "https://sqladmin.googleapis.com"
ENDPOINT_VARIABLE: Final = "CLOUD_SQL_ADMIN_ENDPOINT"
INSTANCE: Final = re.compile(r"[a-z]([a-z0-9-]{0,96}[a-z0-9])?")
PROJECT: Final = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")


@dataclass(frozen=True)
class Instance:
    """What the jobs want to know of an instance."""

    name: str
    state: str
    version: str
    key_version: str
    """KMS key version that encrypts its disk; empty where Google's own key does."""
    labels: Mapping[str, str]
    created: datetime | None
    deletion_protected: bool
    address: str
    """Private address; empty until it has one."""
    server_ca: str
    """Certificate of the authority that signed the server's, PEM."""
    raw: Mapping[str, Any]


class SqlAdmin:
    """One project's instances."""

    def __init__(self, http: Http, project: str, *, patience: float = 7_200, pause: float = 10) -> None:
        if not PROJECT.fullmatch(project):
            raise Misconfigured(f"{project!r} cannot be the id of a project")
        self._http, self._project = http, project
        self._patience = patience
        self._pause = pause * float(os.environ.get("JOBS_RETRY_SCALE", "1"))
        self._base = f"{os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip('/')}/v1/projects/{project}"

    def get(self, name: str) -> Instance:
        """An instance that has to be there."""
        url, on = self._url(name), self._on(name)
        return _instance(self._http.get_json(url, permission="cloudsql.instances.get", on=on))

    def instances(self) -> Iterator[Instance]:
        """All of the project, page by page."""
        token = ""
        while True:
            query = {"maxResults": "100"} | ({"pageToken": token} if token else {})
            on = f"projects/{self._project}"
            page = self._http.get_json(
                f"{self._base}/instances", permission="cloudsql.instances.list", on=on, query=query
            )
            yield from (_instance(item) for item in page.get("items", []))
            token = str(page.get("nextPageToken", ""))
            if not token:
                return

    def reencrypt(self, name: str) -> None:
        """Encrypt an instance again with the newest version of its key."""
        self._operate("POST", f"{self._url(name)}/reencrypt", "cloudsql.instances.reencrypt", self._on(name), {})

    def clone(self, source: str, target: str, *, at: datetime | None = None) -> None:
        """A new instance with the data of another, as it is now or was at a point in time."""
        context: dict[str, Any] = {"kind": "sql#cloneContext", "destinationInstanceName": _named(target)}
        if at is not None:
            context["pointInTime"] = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        document = {"cloneContext": context}
        self._operate(
            "POST", f"{self._url(source)}/clone", "cloudsql.instances.clone", self._on(source), document, target
        )

    def unprotect(self, name: str, labels: Mapping[str, str]) -> None:
        """Let an instance be deleted, and say whose it is. Only ever called for what a drill made."""
        document = {"settings": {"deletionProtectionEnabled": False, "userLabels": dict(labels)}}
        self._operate("PATCH", self._url(name), "cloudsql.instances.update", self._on(name), document)

    def delete(self, name: str) -> None:
        """Delete an instance; one that is gone already is deleted."""
        call = Call(method="DELETE", url=self._url(name), permission="cloudsql.instances.delete", on=self._on(name))
        answer = self._http.call(call, accept=(200, 404))
        if answer.status == 200:
            self._wait(answer.json(), self._on(name))

    def _url(self, name: str) -> str:
        return f"{self._base}/instances/{_named(name)}"

    def _on(self, name: str) -> str:
        return f"projects/{self._project}/instances/{name}"

    def _operate(
        self, method: str, url: str, permission: str, on: str, document: Mapping[str, Any], made: str = ""
    ) -> None:
        """Start an operation and wait for it. `made` is the instance that it makes.

        A request whose answer was lost is sent again, and refused because the first one was heard: then the instance is
        there, or about to be.
        """
        body = json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        call = Call(method=method, url=url, permission=permission, on=on, headers=headers, body=body)
        answer = self._http.call(call, accept=(200, 409))
        if answer.status == 200:
            self._wait(answer.json(), on)
        elif made:
            self._until_running(made)
        else:
            raise Unreachable(f"{on}: another operation is at work", fix="run the same command again later")

    def _until_running(self, name: str) -> None:
        end = time.monotonic() + self._patience
        while (state := self.get(name).state) != "RUNNABLE":
            if state == "FAILED" or time.monotonic() > end:
                raise Unreachable(f"{self._on(name)} does not come up: it is {state}")
            time.sleep(self._pause)

    def _wait(self, operation: Mapping[str, Any], on: str) -> None:
        """Until the operation is done. Reading operations takes the right to read instances."""
        name = str(operation.get("name", ""))
        if not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise Unreachable(f"{on}: the answer names no operation")
        end = time.monotonic() + self._patience
        while operation.get("status") != "DONE":
            if time.monotonic() > end:
                raise Unreachable(f"{on}: {operation.get('operationType', 'the operation')} takes longer than it may")
            time.sleep(self._pause)
            url = f"{self._base}/operations/{name}"
            operation = self._http.get_json(url, permission="cloudsql.instances.get", on=on)
        errors = (operation.get("error") or {}).get("errors") or []
        if errors:
            words = "; ".join(str(one.get("message") or one.get("code")) for one in errors if isinstance(one, dict))
            raise Found(
                f"{on}: {operation.get('operationType', 'the operation')} failed: {' '.join(words.split())[:300]}"
            )


def _named(name: str) -> str:
    if not INSTANCE.fullmatch(name):
        raise Misconfigured(f"{name!r} cannot be the name of an instance")
    return name


def _instance(item: Mapping[str, Any]) -> Instance:
    settings = item.get("settings") or {}
    addresses = {str(one.get("type")): str(one.get("ipAddress", "")) for one in item.get("ipAddresses") or []}
    created = str(item.get("createTime", ""))
    return Instance(
        name=str(item.get("name", "")),
        state=str(item.get("state", "")),
        version=str(item.get("databaseVersion", "")),
        key_version=str((item.get("diskEncryptionStatus") or {}).get("kmsKeyVersionName", "")),
        labels={str(key): str(value) for key, value in (settings.get("userLabels") or {}).items()},
        created=datetime.fromisoformat(created) if created else None,
        deletion_protected=bool(settings.get("deletionProtectionEnabled")),
        address=addresses.get("PRIVATE", ""),
        server_ca=str((item.get("serverCaCert") or {}).get("cert", "")),
        raw=item,
    )


def key_of(version: str) -> str:
    """The key of a key version."""
    return version.partition("/cryptoKeyVersions/")[0]
