"""App Engine: HTTPS only, under an identity of its own, secrets by reference."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule
from policies.rules._identity import ACCOUNT_SAMPLE, OWN_EMAIL, own_account
from policies.rules._serverless import FLEXIBLE, STANDARD, plain_variables


@rule(
    id="appengine-https-only",
    clause="ENC-4",
    title="App Engine answers HTTPS only",
    severity="medium",
    types=(STANDARD, FLEXIBLE),
    decides=("handlers",),
    fix='handlers=[{"url_regex": ".*", "security_level": "SECURE_ALWAYS", ...}]',
    references=("cis-gcp:4.10",),
    sources=("https://cloud.google.com/appengine/docs/standard/reference/app-yaml#handlers_secure",),
    traps=(1,),
    good=(
        {"handlers": [{"urlRegex": ".*", "securityLevel": "SECURE_ALWAYS"}]},
        Sample(FLEXIBLE, {"handlers": [{"securityLevel": "secure_always"}]}),
    ),
    bad=(
        {"runtime": "python312"},
        {"handlers": [{"securityLevel": "SECURE_ALWAYS"}, {"urlRegex": "/static/.*"}]},
        {"handlers": [{"securityLevel": "SECURE_OPTIONAL"}]},
        Sample(FLEXIBLE, {"handlers": []}),
    ),
)
def https_only(version: Resource) -> Iterator[Finding]:
    """One handler that answers plain HTTP gives away the session of whoever follows an old link."""
    handlers = version.views("handlers")
    if not handlers:
        yield fail(version, "handlers", "is not set: plain HTTP is answered too")
    yield from each(handlers, _handler)


def _handler(handler: View) -> Iterator[Finding]:
    if handler.upper("securityLevel") != "SECURE_ALWAYS":
        yield fail(handler, "securityLevel", f"is {handler.show('securityLevel')}: plain HTTP is answered too")


@rule(
    id="appengine-own-account",
    clause="ACC-5",
    title="App Engine versions have service accounts of their own",
    severity="high",
    types=(STANDARD, FLEXIBLE),
    decides=("serviceAccount",),
    graph=True,
    provenance=True,
    fix="service_account=app_account.email",
    sources=("https://cloud.google.com/appengine/docs/standard/service-account",),
    traps=(22,),
    good=(
        (Sample(STANDARD, {"serviceAccount": OWN_EMAIL}, depends={"serviceAccount": ("account",)}), ACCOUNT_SAMPLE),
        Sample(FLEXIBLE, {"serviceAccount": OWN_EMAIL}),
    ),
    bad=(
        {"runtime": "python312"},
        {"serviceAccount": "example-prod-workload@appspot.gserviceaccount.com"},
        Sample(FLEXIBLE, {}),
    ),
)
def appengine_own_account(version: Resource) -> Iterator[Finding]:
    """The default account of App Engine was an editor of the whole project."""
    yield from own_account(version, "serviceAccount", who="the version")


@rule(
    id="appengine-no-plain-secrets",
    clause="CHG-2",
    title="App Engine versions hold no secrets in plain variables",
    severity="high",
    types=(STANDARD, FLEXIBLE),
    decides=("envVariables",),
    graph=True,
    absent="pass",
    fix="read the secret from Secret Manager at start",
    sources=("https://cloud.google.com/secret-manager/docs/overview",),
    traps=(26,),
    good=({"envVariables": {"LOG_LEVEL": "info"}}, Sample(FLEXIBLE, {"envVariables": {"SECRET_NAME": "db"}})),
    bad=({"envVariables": {"DB_PASSWORD": "hunter2"}}, Sample(FLEXIBLE, {"envVariables": {"API_TOKEN": "x"}})),
)
def appengine_no_plain_secrets(version: Resource) -> Iterator[Finding]:
    """Variables are part of the version: whoever sees it reads them, also years later."""
    yield from plain_variables(version, "envVariables")
