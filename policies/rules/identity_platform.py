"""Identity Platform: users sign in by email link or a trusted third party, and by nothing else (VER-1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules._facts import boolean, put

CONFIG = gcp("identityplatform/config")
TENANT = gcp("identityplatform/tenant")
_IDPS = (
    gcp("identityplatform/defaultSupportedIdpConfig"),
    gcp("identityplatform/tenantDefaultSupportedIdpConfig"),
)
_OIDC = (gcp("identityplatform/oauthIdpConfig"), gcp("identityplatform/tenantOauthIdpConfig"))
_SAML = (gcp("identityplatform/inboundSamlConfig"), gcp("identityplatform/tenantInboundSamlConfig"))
_DOCS = "https://cloud.google.com/identity-platform/docs"
_SIGN_IN = {
    "email": {"enabled": True, "passwordRequired": False},
    "anonymous": {"enabled": False},
    "phoneNumber": {"enabled": False},
    "allowDuplicateEmails": False,
}
_CONFIG: dict[str, Any] = {"signIn": _SIGN_IN, "authorizedDomains": ["app.example.com"]}


def _without_email(config: Resource) -> str | None:
    if config.has("signIn.email") and not config.flag("signIn.email.enabled"):
        return "email sign-in is off: third parties sign users in"
    return None


boolean(
    {CONFIG: "signIn.email.passwordRequired"},
    id="identity-email-link",
    clause="VER-1",
    title="Sign-in by email uses a link, not a password",
    severity="high",
    want=False,
    absent="pass",
    guard=_without_email,
    base=put(_CONFIG, "signIn.email", {"enabled": True}),
    fix='sign_in={"email": {"enabled": True, "password_required": False}}',
    why="A link proves control of the mailbox on each login; a password proves only that somebody once knew it. The "
    "default of the provider is false; that passwords are then still possible is the matter of VER-2.",
    sources=(f"{_DOCS}/reference/rest/v2/Config#email",),
    traps=(44,),
    not_applicable=(put(_CONFIG, "signIn.email", {"enabled": False}),),
)

boolean(
    {CONFIG: "signIn.anonymous.enabled"},
    id="identity-no-anonymous-users",
    clause="VER-1",
    title="Anonymous sign-in is switched off",
    severity="high",
    want=False,
    base=_CONFIG | {"signIn": {"email": {"enabled": True}}},
    missing="is not set: whatever was switched on by hand stays on",
    fix='sign_in={"anonymous": {"enabled": False}}',
    why="An anonymous user has verified nothing, and gets a token like any other user. Left out, the setting is not "
    "managed.",
    traps=(1,),
)

boolean(
    {CONFIG: "signIn.phoneNumber.enabled"},
    id="identity-no-phone-sign-in",
    clause="VER-1",
    title="Sign-in by text message is switched off, explicitly",
    severity="high",
    want=False,
    base=_CONFIG | {"signIn": {"email": {"enabled": True}}},
    missing="is not set: the setting is not managed, and every preview shows a change",
    fix='sign_in={"phone_number": {"enabled": False}}',
    why="Numbers are taken over by swapping SIM cards, and messages cost money that attackers like to spend.",
    traps=(1,),
)

boolean(
    {CONFIG: "signIn.allowDuplicateEmails"},
    id="identity-one-account-per-email",
    clause="VER-1",
    title="One email address is one account",
    severity="medium",
    want=False,
    absent="pass",
    base=_CONFIG | {"signIn": {"email": {"enabled": True}}},
    fix='sign_in={"allow_duplicate_emails": False}',
    why="With duplicates a third party that does not verify addresses makes a second account for somebody else's "
    "address. The default is false.",
)

boolean(
    {CONFIG: "monitoring.requestLogging.enabled"},
    id="identity-requests-logged",
    clause="VER-3",
    title="Sign-in requests are logged",
    severity="high",
    base=_CONFIG,
    missing="is not set: sign-ins leave no trace",
    fix='monitoring={"request_logging": {"enabled": True}}',
    why="Who signed in, when and from where is the first question after an incident. The default is off.",
    sources=(f"{_DOCS}/activity-logging",),
)


@rule(
    id="identity-no-test-numbers",
    clause="VER-1",
    title="No test phone numbers with fixed codes exist",
    severity="high",
    types=(CONFIG,),
    decides=("signIn.phoneNumber.testPhoneNumbers",),
    absent="pass",
    fix="remove test_phone_numbers",
    good=(put(_CONFIG, "signIn.phoneNumber.testPhoneNumbers", {}),),
    bad=(put(_CONFIG, "signIn.phoneNumber.testPhoneNumbers", {"+15555550100": "123456"}),),
)
def no_test_numbers(config: Resource) -> Iterator[Finding]:
    """A test number is an account whose second half stands in the code."""
    if config.get("signIn.phoneNumber.testPhoneNumbers"):
        yield fail(config, "signIn.phoneNumber.testPhoneNumbers", "lets whoever reads the code sign in")


_LOCAL = re.compile(r"^(localhost|127\.|0\.0\.0\.0|\[?::1|10\.|192\.168\.|.*\.local$|.*\.localhost$)", re.IGNORECASE)


@rule(
    id="identity-domains-own",
    clause="VER-1",
    title="Sign-in redirects only to named domains, never to localhost or a wildcard",
    severity="high",
    types=(CONFIG,),
    decides=("authorizedDomains",),
    fix='authorized_domains=["app.example.com"]',
    sources=(f"{_DOCS}/reference/rest/v2/Config",),
    traps=(1,),
    good=(_CONFIG,),
    bad=(
        {"authorizedDomains": ["app.example.com", "localhost"]},
        {"authorizedDomains": ["*.example.com"]},
        {"authorizedDomains": ["127.0.0.1"]},
        {"authorizedDomains": ["*"]},
    ),
)
def domains_own(config: Resource) -> Iterator[Finding]:
    """A link or token is delivered to an authorised domain: localhost is any program on the user's machine, a wildcard
    any forgotten subdomain. Left out, the list contains localhost."""
    domains = config.items("authorizedDomains")
    if not domains:
        yield fail(config, "authorizedDomains", "is not set: the service's own list contains localhost")

    views = [View(config, config.data, f"authorizedDomains[{i}]") for i in range(len(domains))]

    def at(view: View) -> Iterator[Finding]:
        domain = str(config.get(view.path))
        if "*" in domain or _LOCAL.match(domain):
            yield fail(config, view.path, f"is {domain!r}")

    yield from each(views, at)


@rule(
    id="identity-tenant-email-link",
    clause="VER-1",
    title="Tenants that allow email sign-in use a link",
    severity="high",
    types=(TENANT,),
    decides=("enableEmailLinkSignin",),
    fix="enable_email_link_signin=True",
    sources=(f"{_DOCS}/reference/rest/v2/projects.tenants",),
    good=({"displayName": "shop", "allowPasswordSignup": True, "enableEmailLinkSignin": True},),
    bad=(
        {"displayName": "shop", "allowPasswordSignup": "true"},
        {"allowPasswordSignup": True, "enableEmailLinkSignin": False},
    ),
    not_applicable=({"displayName": "shop"}, {"displayName": "shop", "allowPasswordSignup": False}),
)
def tenant_email_link(tenant: Resource) -> Iterator[Finding]:
    """In a tenant `allowPasswordSignup` switches email sign-in as a whole; without the link it means a password."""
    if not tenant.flag("allowPasswordSignup"):
        yield skip("email sign-in is off in this tenant")
    elif not tenant.flag("enableEmailLinkSignin"):
        yield fail(tenant, "enableEmailLinkSignin", f"is {tenant.show('enableEmailLinkSignin')}: users need a password")


@rule(
    id="identity-trusted-third-party",
    clause="VER-1",
    title="Third parties that sign users in are those we trust",
    severity="high",
    types=_IDPS,
    decides=("idpId",),
    fix='idp_id="google.com"',
    params={"trusted": ("google.com", "apple.com", "microsoft.com")},
    good=({"idpId": "google.com", "enabled": True}, Sample(_IDPS[1], {"idpId": "apple.com", "enabled": True})),
    bad=({"idpId": "twitter.com", "enabled": True}, Sample(_IDPS[1], {"idpId": "facebook.com", "enabled": True})),
    not_applicable=({"idpId": "facebook.com", "enabled": False},),
)
def trusted_third_party(idp: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Whoever signs our users in can sign in as any of them. The list is the company's decision."""
    if idp.has("enabled") and not idp.flag("enabled"):
        yield skip("the identity provider is switched off")
    elif (idp.text("idpId") or "").lower() not in params["trusted"]:
        yield fail(idp, "idpId", f"is {idp.show('idpId')}, not one of {', '.join(params['trusted'])}")


@rule(
    id="identity-federation-https",
    clause="ENC-4",
    title="Identity providers of our own choosing are reached over HTTPS",
    severity="high",
    types=(*_OIDC, *_SAML),
    decides=("issuer",),
    fix='issuer="https://login.example.com"',
    good=(
        {"issuer": "https://login.example.com", "clientId": "app"},
        Sample(_SAML[0], {"idpConfig": {"ssoUrl": "https://login.example.com/saml", "idpEntityId": "login"}}),
    ),
    bad=(
        {"issuer": "http://login.example.com"},
        Sample(_SAML[1], {"idpConfig": {"ssoUrl": "http://login.example.com/saml"}}),
    ),
)
def federation_https(idp: Resource) -> Iterator[Finding]:
    """Who sits on the line otherwise answers in the provider's name."""
    path = "issuer" if idp.type in _OIDC else "idpConfig.ssoUrl"
    if not (idp.text(path) or "").lower().startswith("https://"):
        yield fail(idp, path, f"is {idp.show(path)}")


@rule(
    id="identity-signup-limited",
    clause="VER-3",
    title="Sign-ups have a quota",
    severity="medium",
    types=(CONFIG,),
    decides=("quota.signUpQuotaConfig.quota",),
    fix='quota={"sign_up_quota_config": {"quota": 1000, "quota_duration": "86400s", "start_time": "…"}}',
    sources=(f"{_DOCS}/reference/rest/v2/Config#signupquotaconfig",),
    good=({"quota": {"signUpQuotaConfig": {"quota": 1000, "quotaDuration": "86400s"}}},),
    bad=({"quota": {"signUpQuotaConfig": {"quota": 0}}}, {"quota": {"signUpQuotaConfig": {"quotaDuration": "60s"}}}),
    not_applicable=({"client": {"permissions": {"disabledUserSignup": True}}},),
)
def signup_limited(config: Resource) -> Iterator[Finding]:
    """Without one, a script makes accounts and sends emails in our name as fast as it can."""
    if config.flag("client.permissions.disabledUserSignup"):
        yield skip("users cannot sign up by themselves")
    elif (config.number("quota.signUpQuotaConfig.quota") or 0) <= 0:
        yield fail(config, "quota.signUpQuotaConfig.quota", f"is {config.show('quota.signUpQuotaConfig.quota')}")
