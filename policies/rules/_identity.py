"""A workload's own identity: tells a service account of ours from the default accounts that Google makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.model import View, gcp
from policies.rule import Finding, Sample, fail, unsure

ACCOUNT: Final = gcp("serviceaccount/account")
_DEFAULT: Final = re.compile(
    r"default|.*@(developer|appspot|cloudbuild|cloudservices)\.gserviceaccount\.com", re.IGNORECASE
)
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+|projects/[^/]+/serviceAccounts/[^/]+")

OWN_EMAIL: Final = "app@example-prod-workload.iam.gserviceaccount.com"
DEFAULT_EMAIL: Final = "123456789012-compute@developer.gserviceaccount.com"
ACCOUNT_SAMPLE: Final = Sample("serviceaccount/account", {"accountId": "app"}, name="account")


def is_default(email: str) -> bool:
    """Whether the address is one of Google's shared default accounts (Compute Engine, App Engine, Cloud Build)."""
    return _DEFAULT.fullmatch(email.strip().rsplit("/", 1)[-1]) is not None


def is_address(text: str) -> bool:
    """Whether the text names an account at all."""
    return _ADDRESS.fullmatch(text.strip()) is not None


def from_account(view: View, path: str) -> bool:
    """Whether a value that is not known yet comes from a service account of this stack."""
    graph = view.resource.graph
    return bool(graph and graph.sources(view, path, ACCOUNT))


def own_account(view: View, path: str, *, who: str) -> Iterator[Finding]:
    """A finding unless the property names a service account of ours. Missing means the shared default account."""
    if not view.has(path):
        yield fail(view, path, f"is not set: {who} runs as the project's default service account")
    elif not view.known(path):
        if not from_account(view, path):
            yield unsure(view, path, "is not known yet and comes from no service account of this stack")
    else:
        email = view.text(path) or ""
        if is_default(email):
            yield fail(view, path, f"is {email}, a default service account that the whole project shares")
