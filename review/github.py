"""One comment a project and stack, one issue of its drift: found on any page, updated in place, by GitHub's API."""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from review.problems import NOT_POSTED, ReviewError

_ATTEMPTS: Final = 5
_TIMEOUT_SECONDS: Final = 30
_LONGEST_WAIT_SECONDS: Final = 120
"""Longer waits that the platform asks for are given up with a clear message: CI minutes cost more than a comment."""
_AGAIN: Final = frozenset({409, 500, 502, 503, 504})
INSIDERS: Final = ("OWNER", "MEMBER", "COLLABORATOR")
"""What the platform calls somebody who belongs to the repository; everybody else is a stranger."""
_REPOSITORY: Final = re.compile(r"[\w.-]+/[\w.-]+")


def _ours(issue: dict[str, Any], marker: str) -> bool:
    """An issue, no pull request, that begins with the marker and is not a stranger's."""
    trusted = (issue.get("user") or {}).get("type") == "Bot" or issue.get("author_association") in INSIDERS
    return trusted and "pull_request" not in issue and str(issue.get("body") or "").lstrip().startswith(marker)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another address."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class _RefusedError(Exception):
    """An answer other than success that another attempt would not change."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"GitHub answered {status}: {message}")
        self.status = status


@dataclass(kw_only=True)
class GitHub:
    """The issue comments of one repository."""

    repository: str
    token: str = field(repr=False)
    api: str = "https://api.github.com"
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        if not _REPOSITORY.fullmatch(self.repository):
            fix = "--repository OWNER/NAME"
            raise ReviewError(f"{self.repository!r} is no repository.", fix=fix, code=NOT_POSTED)
        if not self.token:
            raise ReviewError(
                "there is no token to comment with; the report is written.", fix="GITHUB_TOKEN=…", code=NOT_POSTED
            )
        parsed = urllib.parse.urlsplit(self.api)
        local = parsed.hostname in ("127.0.0.1", "localhost", "::1")
        if parsed.scheme != "https" and not (parsed.scheme == "http" and local):
            raise ReviewError(f"{self.api}: the token goes over https only.", code=NOT_POSTED)
        self._opener = urllib.request.build_opener(_NoRedirect)

    def post(self, number: int, body: str, marker: str) -> str:
        """Writes the comment of `marker` on a pull request; returns its address. ReviewError has exit code 3."""
        try:
            return self._post(number, body, marker)
        except _RefusedError as refused:
            fix = "give the job `pull-requests: write`" if refused.status in (401, 403, 404) else ""
            raise ReviewError(f"the report is written, but not posted: {refused}", fix=fix, code=NOT_POSTED) from None

    def issue(self, title: str, body: str, marker: str, *, open_: bool) -> str:
        """Keeps one issue with the marker: made, updated, opened again or closed; returns its address, if there is one.

        The oldest open one, else the newest closed one, which is opened again: what was said in it is about the same.
        """
        try:
            return self._issue(title, body, marker, open_=open_)
        except _RefusedError as refused:
            fix = "give the job `issues: write`" if refused.status in (401, 403, 404) else ""
            raise ReviewError(f"the report is written, but not posted: {refused}", fix=fix, code=NOT_POSTED) from None

    def _issue(self, title: str, body: str, marker: str, *, open_: bool) -> str:
        found = [
            i
            for i in self._pages(f"/repos/{self.repository}/issues?state=all&sort=created&direction=desc&per_page=100")
            if _ours(i, marker)
        ]
        opened = [issue for issue in found if issue.get("state") == "open"]
        wanted = {"title": title, "body": body, "state": "open" if open_ else "closed"}
        if found:
            ours = opened[-1] if opened else found[0]
            if not open_ and not opened:
                return str(ours.get("html_url") or "")
            number = int(ours["number"])
            updated, _ = self._call("PATCH", f"/repos/{self.repository}/issues/{number}", wanted)
            return str(updated.get("html_url") or "")
        if not open_:
            return ""
        made, _ = self._call("POST", f"/repos/{self.repository}/issues", {"title": title, "body": body}, once=True)
        return str(made.get("html_url") or "")

    def _post(self, number: int, body: str, marker: str) -> str:
        last: _RefusedError | None = None
        for _ in range(_ATTEMPTS):
            ours: dict[str, Any] | None = None
            for comment in self._marked(number, marker):
                if ours is None:
                    ours = self._update(comment, body)
                elif comment.get("user", {}).get("login") == ours.get("user", {}).get("login"):
                    self._remove(comment)
            if ours is not None:
                return str(ours.get("html_url") or ours.get("url") or "")
            try:
                made, _ = self._call(
                    "POST", f"/repos/{self.repository}/issues/{number}/comments", {"body": body}, once=True
                )
                return str(made.get("html_url") or "")
            except _RefusedError as refused:
                if refused.status not in _AGAIN:
                    raise
                last = refused
                self.sleep(1)
        assert last is not None
        raise last

    def _marked(self, number: int, marker: str) -> list[dict[str, Any]]:
        """Comments that begin with the marker, oldest first, from every page."""
        return [c for c in self._comments(number) if str(c.get("body") or "").lstrip().startswith(marker)]

    def _comments(self, number: int) -> Iterator[dict[str, Any]]:
        yield from self._pages(f"/repos/{self.repository}/issues/{number}/comments?per_page=100")

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        while path:
            page, headers = self._call("GET", path)
            if not isinstance(page, list):
                raise _RefusedError(200, "the answer is no list")
            yield from page
            following = re.search(r'<([^>]+)>;\s*rel="next"', headers.get("link", ""))
            path = self._own(following[1]) if following else ""

    def _own(self, address: str) -> str:
        """The path of an address at the same server; the token goes nowhere else."""
        if not address.startswith(f"{self.api.rstrip('/')}/"):
            raise _RefusedError(200, f"the next page is at another server: {address}")
        return address.removeprefix(self.api.rstrip("/"))

    def _update(self, comment: dict[str, Any], body: str) -> dict[str, Any] | None:
        """The comment as updated; None where it is somebody else's, or gone in the meantime."""
        try:
            updated, _ = self._call(
                "PATCH", f"/repos/{self.repository}/issues/comments/{int(comment['id'])}", {"body": body}
            )
        except _RefusedError as refused:
            if refused.status in (403, 404):
                return None
            raise
        return dict(updated)

    def _remove(self, comment: dict[str, Any]) -> None:
        """A second comment of ours, left by two runs that ended at once."""
        try:
            self._call("DELETE", f"/repos/{self.repository}/issues/comments/{int(comment['id'])}")
        except _RefusedError as refused:
            if refused.status not in (403, 404):
                raise

    def _call(self, method: str, path: str, body: Any = None, *, once: bool = False) -> tuple[Any, dict[str, str]]:
        """One request; waits out rate limits, and tries again what may be tried again without doing it twice."""
        for attempt in range(1, _ATTEMPTS + 1):
            request = urllib.request.Request(  # noqa: S310  the scheme is checked above
                f"{self.api.rstrip('/')}{path}",
                method=method,
                data=json.dumps(body).encode() if body is not None else None,
                headers={
                    "Authorization": f"Bearer {self.token}",
                    "Accept": "application/vnd.github+json",
                    "X-GitHub-Api-Version": "2022-11-28",
                    "Content-Type": "application/json",
                    "User-Agent": "secure-hosting-review",
                },
            )
            try:
                with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                    text = answer.read()
                    return json.loads(text) if text else None, {k.lower(): v for k, v in answer.headers.items()}
            except urllib.error.HTTPError as error:
                refused, wait = self._refusal(error, attempt)
                if wait is None or (once and error.code not in (403, 429)) or attempt == _ATTEMPTS:
                    raise refused from None
            except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
                refused, wait = _RefusedError(503, f"no answer ({error})"), float(attempt)
                if once or attempt == _ATTEMPTS:
                    raise refused from None
            self.sleep(wait)
        raise AssertionError("unreachable")

    def _refusal(self, error: urllib.error.HTTPError, attempt: int) -> tuple[_RefusedError, float | None]:
        """What was answered, and how long to wait before another attempt (None: another one would not help)."""
        try:
            message = str(json.loads(error.read() or b"{}").get("message", error.reason))
        except (ValueError, AttributeError, OSError):
            message = str(error.reason)
        refused = _RefusedError(error.code, message[:300])
        after, reset = error.headers.get("retry-after", ""), error.headers.get("x-ratelimit-reset", "")
        limited = error.code == 429 or (
            error.code == 403
            and (after or error.headers.get("x-ratelimit-remaining") == "0" or "rate limit" in message)
        )
        if limited:
            wait = (
                float(after) if after.isdigit() else float(reset) - time.time() + 1 if reset.isdigit() else 2.0**attempt
            )
            return (refused, max(wait, 1.0)) if wait <= _LONGEST_WAIT_SECONDS else (refused, None)
        return refused, (float(attempt) if error.code in _AGAIN else None)
