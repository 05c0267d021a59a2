"""Sessions: signing in to the console ends within a working day and is renewed with more than a password (AUT-3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource, View, gcp
from policies.normalise import seconds
from policies.rule import Finding, each, fail, rule, skip

BINDING = gcp("accesscontextmanager/gcpUserAccessBinding")
_DOCS = ("https://cloud.google.com/access-context-manager/docs/create-access-bindings#session-length",)
_PEOPLE = {"groupKey": "abc", "organizationId": "1"}
_SESSION = {"sessionLength": "43200s", "sessionLengthEnabled": True, "sessionReauthMethod": "SECURITY_KEY"}
_SERVICE_ACCOUNT = {"organizationId": "1", "principal": {"serviceAccount": "ci@example.iam.gserviceaccount.com"}}


def _with(**changes: Any) -> dict[str, Any]:
    return {**_PEOPLE, "sessionSettings": {**_SESSION, **changes}}


def _settings(binding: Resource) -> list[View]:
    """The session settings of a binding: its own, and those for single applications."""
    scoped = binding.views("scopedAccessSettings")
    return [
        *binding.views("sessionSettings"),
        *(v for s in scoped for v in s.views("activeSettings.sessionSettings")),
    ]


def _missing(binding: Resource) -> Iterator[Finding]:
    if binding.has("principal"):
        yield skip("the binding is about a service account")
    elif not _settings(binding):
        yield fail(binding, "sessionSettings", "is not set: a session lasts as long as the organization's default")


@rule(
    id="console-session-ends",
    clause="AUT-3",
    title="Console sessions end after at most 12 hours",
    severity="medium",
    types=(BINDING,),
    decides=("sessionSettings.sessionLength",),
    fix='session_settings={"session_length": "43200s", "session_length_enabled": True}',
    sources=_DOCS,
    params={"max_hours": 12},
    good=(_with(), _with(sessionLength="3600s", sessionLengthEnabled=None)),
    bad=(
        _PEOPLE,
        _with(sessionLength="43201s"),
        _with(sessionLength="0s"),
        _with(sessionLengthEnabled=False),
        {**_PEOPLE, "scopedAccessSettings": [{"activeSettings": {"sessionSettings": {"sessionLength": "604800s"}}}]},
    ),
    not_applicable=(_SERVICE_ACCOUNT,),
)
def session_ends(binding: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A stolen session is worth what is left of it. A length of 0 means without end."""
    yield from _missing(binding)

    def check(settings: View) -> Iterator[Finding]:
        length = seconds(settings.text("sessionLength"))
        if length is None or not 0 < length <= float(params["max_hours"]) * 3600:
            yield fail(
                settings, "sessionLength", f"is {settings.show('sessionLength')}, not 1 s to {params['max_hours']} h"
            )
        if settings.has("sessionLengthEnabled") and not settings.flag("sessionLengthEnabled"):
            yield fail(settings, "sessionLengthEnabled", "is off: the length does not apply")

    yield from each([] if binding.has("principal") else _settings(binding), check)


@rule(
    id="console-session-second-factor",
    clause="AUT-3",
    title="Console sessions are renewed with a second factor",
    severity="medium",
    types=(BINDING,),
    decides=("sessionSettings.sessionReauthMethod",),
    fix='session_settings={"session_reauth_method": "SECURITY_KEY"}',
    sources=_DOCS,
    good=(_with(), _with(sessionReauthMethod="login")),
    bad=(_PEOPLE, _with(sessionReauthMethod="PASSWORD")),
    not_applicable=(_SERVICE_ACCOUNT,),
)
def session_second_factor(binding: Resource) -> Iterator[Finding]:
    """PASSWORD asks for what may have been stolen together with the session; LOGIN is the whole sign-in with its second
    factor, SECURITY_KEY a touch of the key."""
    yield from _missing(binding)

    def check(settings: View) -> Iterator[Finding]:
        if settings.upper("sessionReauthMethod") not in ("LOGIN", "SECURITY_KEY"):
            yield fail(settings, "sessionReauthMethod", f"is {settings.show('sessionReauthMethod')}")

    yield from each([] if binding.has("principal") else _settings(binding), check)
