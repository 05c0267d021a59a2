"""Whether a sensitive value stands in plain text: the one place that knows secrets, masks and forms of credentials."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from policies.model import UNKNOWN, Resource, Secret, View
from policies.rule import Finding, fail, unsure

PLAIN: Final = "stands in plain text and would lie unencrypted in the state"

_WORDS: Final = re.compile(
    r"passw(or)?d(?!_?less)|passphrase|(^|_)pass($|_)|secret|token|credential|private_?key|api_?key|access_?key|account_?key|auth_?key|"
    r"encryption_?key|signing_?key|master_?key|shared_?key|client_?key|license_?key|hmac|salt|pepper|_pwd|_dsn$|"
    r"database_?url|redis_?url|connection_?(string|url)|webhook_?url|"
    r"^(key|pwd|dsn|auth|cookie)$|_(key|pem|cert|auth)$",
    re.IGNORECASE,
)
_CREDENTIALS: Final = {
    "a private key": r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY",
    "a service account key": r'"private_key"\s*:\s*"',
    "a password inside a URL": r"^(?i:[a-z][a-z0-9+.-]*)://[^/\s:@]*:[^/\s@{$<*]+@",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    "a Render API key": r"\brnd_[A-Za-z0-9]{24,}\b",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "a Google OAuth secret or token": r"\b(?:GOCSPX-[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9_-]{20,})",
    "a Slack token or webhook": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/",
    "a payment provider's live key": r"\b[sr]k_live_[A-Za-z0-9]{16,}",
    "a Pulumi access token": r"\bpul-[0-9a-f]{40}\b",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "an npm or PyPI token": r"\b(?:npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{40,})",
    "a signed token (JWT)": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
}
_ANY: Final = re.compile("|".join(f"({pattern})" for pattern in _CREDENTIALS.values()))


def names_a_secret(name: str) -> bool:
    """Whether a variable's name says that its value is a credential (`DATABASE_URL`, `stripe-api-key`, `PASSWORD`)."""
    return bool(_WORDS.search(name.replace("-", "_")))


def credential_in(text: str) -> str | None:
    """What kind of credential the text holds, judged by its form alone, or None."""
    match = _ANY.search(text)
    return list(_CREDENTIALS)[(match.lastindex or 1) - 1] if match else None


def exposed(view: View, path: str, *, what: str = "the value") -> Finding | None:
    """A finding when the value is set and not an engine secret; an unknown one that is not secret cannot be decided.

    The message never shows the value.
    """
    if view.is_secret(path):
        return None
    value = view.raw(path)
    if value is None or value in ("", [], {}):
        return None
    if value is UNKNOWN:
        return unsure(view, path, "is not known yet and is not marked as a secret")
    return fail(view, path, f"{what} {PLAIN}")


def wrapped(check: Callable[[Resource], Iterable[Finding]], resource: Resource) -> Iterator[tuple[str, Secret]]:
    """The remedy for values in plain text: each that the check fails on, as an engine secret."""
    for finding in check(resource):
        if finding.kind == "fail" and finding.path:
            yield finding.path, Secret(resource.raw(finding.path))


def blocks(view: View, path: str) -> list[View]:
    """The blocks of a list, none when the engine keeps the whole list encrypted."""
    return [] if view.is_secret(path) else view.views(path)
