"""Sessions of people: they end, and are renewed with a second factor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.model import Resource, gcp
from policies.normalise import seconds
from policies.rule import Finding, fail, rule, skip

BINDING: Final = gcp("accesscontextmanager/gcpUserAccessBinding")
_DOCS = ("https://cloud.google.com/access-context-manager/docs/session-controls",)
_SESSION: Final[Mapping[str, Any]] = {
    "sessionLength": "43200s",
    "sessionLengthEnabled": True,
    "sessionReauthMethod": "SECURITY_KEY",
    "useOidcMaxAge": False,
}


def _binding(**changes: Any) -> dict[str, Any]:
    settings = {k: v for k, v in {**_SESSION, **changes}.items() if v is not None}
    return {"organizationId": "123456789012", "groupKey": "01d520gv4vjcrht", "sessionSettings": settings}


def _people(binding: Resource) -> bool:
    return binding.has("groupKey") or not binding.has("principal")


@rule(
    id="session-ends",
    clause="AUT-3",
    title="Console sessions end after at most 12 hours",
    severity="medium",
    types=(BINDING,),
    decides=("sessionSettings.sessionLength",),
    fix='session_settings={"session_length": "43200s", "session_length_enabled": True, …}',
    sources=_DOCS,
    params={"max_hours": 12},
    good=(_binding(), _binding(sessionLength="3600s", sessionLengthEnabled=None)),
    bad=(
        _binding(sessionLength="43201s"),
        _binding(sessionLength="0s"),
        _binding(sessionLengthEnabled=False),
        {"organizationId": "123456789012", "groupKey": "01d520gv4vjcrht"},
    ),
    not_applicable=({"principal": {"serviceAccount": "app@p.iam.gserviceaccount.com"}},),
)
def session_ends(binding: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A session that never ends belongs to whoever finds the laptop open. Zero, and switched off, mean no limit."""
    if not _people(binding):
        yield skip("the binding is for a service account")
        return
    length = seconds(binding.text("sessionSettings.sessionLength"))
    if length is None or not 0 < length <= float(params["max_hours"]) * 3600:
        shown = binding.show("sessionSettings.sessionLength")
        yield fail(binding, "sessionSettings.sessionLength", f"is {shown}, not within {params['max_hours']} hours")
    if not binding.flag("sessionSettings.sessionLengthEnabled", default=True):
        yield fail(binding, "sessionSettings.sessionLengthEnabled", "is false: the length is not applied")


@rule(
    id="session-second-factor",
    clause="AUT-3",
    title="Sessions are renewed with a second factor",
    severity="medium",
    types=(BINDING,),
    decides=("sessionSettings.sessionReauthMethod",),
    fix='session_settings={"session_reauth_method": "SECURITY_KEY", …}',
    sources=_DOCS,
    good=(_binding(), _binding(sessionReauthMethod="LOGIN")),
    bad=(_binding(sessionReauthMethod="PASSWORD"), _binding(sessionReauthMethod=None)),
    not_applicable=({"principal": {"serviceAccount": "app@p.iam.gserviceaccount.com"}},),
)
def second_factor(binding: Resource) -> Iterator[Finding]:
    """A password alone is what a thief already has. LOGIN runs the whole sign-in again, second factor included."""
    if not _people(binding):
        yield skip("the binding is for a service account")
        return
    method = binding.upper("sessionSettings.sessionReauthMethod")
    if method not in ("SECURITY_KEY", "LOGIN"):
        shown = binding.show("sessionSettings.sessionReauthMethod")
        yield fail(binding, "sessionSettings.sessionReauthMethod", f"is {shown}")


@rule(
    id="session-workforce-ends",
    clause="AUT-3",
    title="Sessions of workforce identities end after at most 12 hours",
    severity="medium",
    types=(gcp("iam/workforcePool"),),
    decides=("sessionDuration",),
    absent="pass",
    fix='session_duration="43200s"',
    sources=("https://cloud.google.com/iam/docs/manage-workforce-identity-pools-providers",),
    params={"max_hours": 12},
    good=({"sessionDuration": "43200s"}, {}),
    bad=({"sessionDuration": "43201s"}, {"sessionDuration": "long"}),
)
def workforce_ends(pool: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """The provider's default is one hour (3600s)."""
    length = seconds(pool.text("sessionDuration", "3600s"))
    if length is None or length > float(params["max_hours"]) * 3600:
        yield fail(pool, "sessionDuration", f"is {pool.show('sessionDuration')}, more than {params['max_hours']} hours")
