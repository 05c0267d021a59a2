"""The identity of a job, as a token for each request: its own workload identity, never a key that lies somewhere."""

from __future__ import annotations

import threading
from typing import Any, Final, Protocol

import google.auth
import google.auth.exceptions
import google.auth.transport.urllib3
import urllib3

from jobs.core.problems import Misconfigured, Unreachable

CLOUD: Final = "https://www.googleapis.com/auth/cloud-platform"
DATABASE_LOGIN: Final = "https://www.googleapis.com/auth/sqlservice.login"


class TokenSource(Protocol):
    """Whatever knows the current token."""

    def token(self) -> str | None:
        """The bearer token; None where the endpoint wants none."""
        ...


class NoToken:
    """For a server on this machine: tests, emulators."""

    def token(self) -> str | None:
        """No token is sent."""
        return None


class FixedToken:
    """A token that somebody else obtained."""

    def __init__(self, value: str) -> None:
        self._value = value

    def token(self) -> str | None:
        """Always the same."""
        return self._value


class DefaultToken:
    """Google's application default credentials: the service account of the job, or who works by hand."""

    def __init__(self, scope: str = CLOUD) -> None:
        self._scope = scope
        self._lock = threading.Lock()
        self._credentials: Any = None

    def token(self) -> str | None:
        """A token that is valid for a while; obtained anew when it is about to end."""
        with self._lock:
            try:
                if self._credentials is None:
                    self._credentials, _ = google.auth.default(scopes=[self._scope])
                if not self._credentials.valid:
                    self._credentials.refresh(google.auth.transport.urllib3.Request(urllib3.PoolManager()))  # type: ignore[no-untyped-call]
            except google.auth.exceptions.DefaultCredentialsError:
                raise Misconfigured(
                    "this process has no identity in Google Cloud", fix="gcloud auth application-default login"
                ) from None
            except google.auth.exceptions.GoogleAuthError as error:
                raise Unreachable(f"no token could be had: {type(error).__name__}") from None
            return str(self._credentials.token)
