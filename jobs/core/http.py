"""HTTP for jobs: TLS, a token, time limits, retries on what may pass, and errors that name the missing permission.

Every call names the permission that it needs. That is what a refusal is reported as, and what a test holds against
the custom role of the job (ACC-5: nothing missing, nothing unused).
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3

from jobs.core import retry
from jobs.core.log import Log
from jobs.core.problems import Forbidden, Found, JobError, Misconfigured, Unreachable
from jobs.core.tokens import DefaultToken, NoToken, TokenSource

TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)
PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
BROKEN: Final = (urllib3.exceptions.HTTPError, OSError)
"""A connection that was cut, refused, silent, or ended in the middle of a body."""


def is_local(url: str) -> bool:
    """Whether a URL stays on this machine: only there may it be plain http and without a token."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Answer:
    """A whole answer: its body has arrived completely."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object; anything else counts as an answer that did not arrive."""
        try:
            document = json.loads(self.body or b"{}")
        except ValueError:
            raise retry.Again("the answer is no JSON") from None
        if not isinstance(document, dict):
            raise retry.Again("the answer is no JSON object")
        return document


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: what it needs, and on what, in the words of an error message."""

    method: str
    url: str
    permission: str
    on: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def address(self) -> str:
        """With the query."""
        return f"{self.url}?{urlencode(self.query)}" if self.query else self.url


class Http:
    """A session with one endpoint's identity."""

    def __init__(self, log: Log, *, tokens: TokenSource | None = None, timeout: urllib3.Timeout = TIMEOUT) -> None:
        self.log = log
        self._tokens = tokens
        self._default = DefaultToken()
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False, maxsize=4)
        self.calls: list[Call] = []
        """Every request that was made, without bodies: tests derive the needed permissions from it."""

    def once(self, call: Call, *, stream: bool = False) -> urllib3.BaseHTTPResponse:
        """One attempt, with whatever status; raises what urllib3 raises."""
        address = call.address
        if not is_local(address) and urlsplit(address).scheme != "https":
            raise Misconfigured(f"{call.url} is not https: nothing is sent in plain text")
        source = self._tokens or (NoToken() if is_local(address) else self._default)
        token = source.token()
        headers = {"traceparent": self.log.trace.header, **call.headers}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self.calls.append(call if call.body is None else Call(**{**call.__dict__, "body": None}))
        return self._pool.request(
            call.method, address, body=call.body, headers=headers, preload_content=not stream, redirect=False
        )

    def attempt(self, call: Call) -> Answer:
        """One attempt; Again where another makes sense. The status may be anything else."""
        try:
            response = self.once(call)
        except BROKEN as error:
            raise retry.Again(f"the connection failed ({type(error).__name__})") from None
        answer = Answer(response.status, dict(response.headers.items()), response.data)
        if answer.status in PASSING:
            raise retry.Again(f"the server answered {answer.status}", after=_retry_after(answer.headers))
        return answer

    def call(self, call: Call, *, accept: tuple[int, ...] = (200,)) -> Answer:
        """The answer, after retries; a refusal is raised as what it is."""
        with reported(call):
            return retry.call(lambda: self._accepted(call, accept), what=f"{call.method} {call.on}", log=self.log)

    def json(self, call: Call, *, accept: tuple[int, ...] = (200,)) -> dict[str, Any]:
        """As `call`; an answer that is no JSON object is asked for again."""
        with reported(call):
            what = f"{call.method} {call.on}"
            return retry.call(lambda: self._accepted(call, accept).json(), what=what, log=self.log)

    def post_json(self, url: str, document: Mapping[str, Any], *, permission: str, on: str) -> dict[str, Any]:
        """A JSON request with a JSON answer."""
        body = json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        return self.json(Call(method="POST", url=url, permission=permission, on=on, headers=headers, body=body))

    def get_json(self, url: str, *, permission: str, on: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What a URL holds, as JSON."""
        return self.json(Call(method="GET", url=url, permission=permission, on=on, query=query or {}))

    def _accepted(self, call: Call, accept: tuple[int, ...]) -> Answer:
        answer = self.attempt(call)
        if answer.status not in accept:
            raise refusal(call, answer.status, answer.body)
        return answer


@contextmanager
def reported(call: Call) -> Iterator[None]:
    """What was tried until the end and did not pass is unreachable."""
    try:
        yield
    except retry.Again as error:
        raise Unreachable(f"{call.method} {call.on}: {error}", fix="run the same command again later") from None


def refusal(call: Call, status: int, body: bytes) -> JobError:
    """The error for a status that another attempt would not change."""
    detail = _detail(body)
    if status == 403:
        return Forbidden(call.permission, call.on, detail=detail)
    if status == 401:
        return Misconfigured(f"{call.on}: the token was not accepted ({detail})")
    if status == 404:
        return Misconfigured(f"{call.on} does not exist, or {call.permission} on it is missing")
    return Found(f"{call.method} {call.on}: the server answered {status} ({detail})")


def _detail(body: bytes) -> str:
    """The server's own words, shortened; they can hold anything."""
    try:
        error = json.loads(body)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError):
        text = body[:200].decode("utf-8", "replace")
    return " ".join(text.split())[:200] or "no details"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "")
    return float(value) if value.isdigit() else None


def server_time(headers: Mapping[str, str]) -> float | None:
    """Seconds since the epoch as the server sees it: how a wrong clock here is noticed."""
    value = next((v for k, v in headers.items() if k.lower() == "date"), "")
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None


Opener = Callable[[Log], Http]
