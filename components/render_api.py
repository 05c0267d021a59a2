"""What Render's provider lacks, over Render's documented API: the log stream and the notifications of a workspace.

Both are settings that always exist, written whole by PUT or PATCH: repeating a call changes nothing, so every call is
tried again when the answer was lost, the server was busy, or half an answer came. The key never enters a resource: the
provider hands it to its process, as it does for every other cloud.
"""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from typing import Any

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

HOST = "https://api.render.com/v1"
API_KEY = "render:apiKey"
"""Name of the key in the provider's configuration."""
TIMEOUT_SECONDS = 20
ATTEMPTS = 6
LONGEST_WAIT_SECONDS = 30.0
REASONS = {
    400: "the request is not what Render accepts",
    401: "the API key is missing, wrong or revoked: pulumi config set --secret --path credentials.renderApiKey",
    402: "the workspace's plan does not include this",
    403: "the API key belongs to somebody who may not administer this workspace",
    404: "there is no such workspace, or the API key cannot see it",
    409: "somebody else changes this at the same time; run again",
    429: "Render's rate limit is used up; run again in a minute",
}


class RenderError(Exception):
    """Render said no, or could not be understood. The message says what to do, and never holds the key."""


class _Passing(Exception):
    """A failure that the next attempt may not meet."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


def call(method: str, path: str, key: str, body: dict[str, Any] | None = None, *, host: str = "") -> dict[str, Any]:
    """One call, tried again while that can help. An empty answer is an empty object; 404 raises KeyError."""
    url = f"{host or os.environ.get('RENDER_HOST', HOST)}/{path.lstrip('/')}"
    jitter = wait_exponential_jitter(multiplier=0.5, max=LONGEST_WAIT_SECONDS, jitter=0.5)

    def wait(state: RetryCallState) -> float:
        asked = getattr(state.outcome.exception() if state.outcome else None, "wait", None)
        return min(asked, LONGEST_WAIT_SECONDS) if asked is not None else jitter(state)

    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS), wait=wait, retry=retry_if_exception_type(_Passing), reraise=True
    )
    try:
        return dict(retrying(_once, method, url, key, body))
    except _Passing as error:
        raise RenderError(f"Render, {method} {path}: {error}, {ATTEMPTS} times; nothing was changed") from None


def _once(method: str, url: str, key: str, body: dict[str, Any] | None) -> dict[str, Any]:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise RenderError(f"RENDER_HOST is no web address: {url}")
    request = urllib.request.Request(  # noqa: S310
        url,
        method=method,
        data=json.dumps(body).encode() if body is not None else None,
        headers={"Authorization": f"Bearer {key}", "Accept": "application/json", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            text = response.read()
    except urllib.error.HTTPError as error:
        with error:
            refusal = _refused(method, urllib.parse.urlsplit(url).path, error)
        raise refusal from None
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise _Passing(f"no answer ({getattr(error, 'reason', None) or type(error).__name__})") from None
    try:
        answer = json.loads(text) if text.strip() else {}
    except ValueError:
        raise _Passing("half an answer") from None
    if not isinstance(answer, dict):
        raise RenderError(
            f"Render, {method} {urllib.parse.urlsplit(url).path}: an answer of another form than documented"
        )
    return answer


def _refused(method: str, path: str, error: urllib.error.HTTPError) -> Exception:
    said = REASONS.get(error.code, "refused")
    if error.code == 429 or error.code >= 500:
        after = error.headers.get("Retry-After", "")
        return _Passing(f"{error.code} {error.reason}", float(after) if after.isdigit() else None)
    if error.code == 404 and method in ("GET", "DELETE"):
        return KeyError(path)
    return RenderError(f"Render, {method} {path}: {error.code}, {said}; nothing was changed")


class _Settings(ResourceProvider):
    """A document of settings of the workspace that a path names."""

    serialize_as_secret_always = False
    path: str
    write: str
    fields: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self.key = ""

    def configure(self, req: ConfigureRequest) -> None:
        self.key = req.config.get(API_KEY) or os.environ.get("RENDER_APIKEY", "")

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(props["ownerId"], self._put(props))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._put(news))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        wanted = self._state(news)
        changed = any(olds.get(name) != value for name, value in wanted.items())
        return DiffResult(
            changes=changed,
            replaces=["ownerId"] if olds.get("ownerId") != news.get("ownerId") else [],
            delete_before_replace=True,
        )

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        try:
            found = call("GET", f"{self.path}/{id_}", self.key)
        except KeyError:
            return ReadResult(None, {})
        return ReadResult(id_, {**props, **{name: found.get(name) for name in self.fields}})

    def _put(self, props: dict[str, Any]) -> dict[str, Any]:
        body = {name: props[name] for name in (*self.fields, "token") if props.get(name) is not None}
        call(self.write, f"{self.path}/{props['ownerId']}", self.key, body)
        return self._state(props)

    def _state(self, props: dict[str, Any]) -> dict[str, Any]:
        """What is kept: a secret only as its digest, so that another one shows as a change."""
        kept = {name: props.get(name) for name in ("ownerId", *self.fields)}
        token = props.get("token")
        return {**kept, "tokenDigest": hashlib.sha256(token.encode()).hexdigest()[:16] if token else None}


class _LogStream(_Settings):
    path, write, fields = "logs/streams/owner", "PUT", ("endpoint", "preview")

    def delete(self, id_: str, _props: dict[str, Any]) -> None:
        try:
            call("DELETE", f"{self.path}/{id_}", self.key)
        except KeyError:
            return


class _Notifications(_Settings):
    path, write = "notification-settings/owners", "PATCH"
    fields = ("emailEnabled", "notificationsToSend", "previewNotificationsEnabled")

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """A workspace always has notifications; leaving them on is the safe end."""


class RenderApi(pulumi.ProviderResource):
    """Hands the key to the process that calls Render's API."""

    def __init__(
        self, name: str, api_key: pulumi.Input[str] | None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = {API_KEY: pulumi.Output.secret(api_key)} if api_key is not None else {}
        super().__init__("pulumi-python", name, props, opts)


class LogStream(Resource, module="render", name="LogStream"):
    """All logs of a workspace, sent on as syslog over TLS."""

    def __init__(
        self,
        name: str,
        *,
        owner_id: str,
        endpoint: str,
        token: pulumi.Input[str] | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"ownerId": owner_id, "endpoint": endpoint, "preview": "send", "token": token}
        super().__init__(_LogStream(), name, props, opts)


class Notifications(Resource, module="render", name="NotificationSettings"):
    """Whom Render tells of failures by itself: every member of the workspace, by mail."""

    def __init__(self, name: str, *, owner_id: str, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {
            "ownerId": owner_id,
            "emailEnabled": True,
            "notificationsToSend": "failure",
            "previewNotificationsEnabled": False,
        }
        super().__init__(_Notifications(), name, props, opts)
