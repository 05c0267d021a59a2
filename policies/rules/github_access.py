"""GitHub: keys, secrets, webhooks and the people who may write."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, Resource, View
from policies.rule import Finding, Sample, each, fail, rule, unsure
from policies.rules._exposure import credential_in, exposed, names_a_secret
from policies.rules._github import github

DEPLOY_KEY = github("repositoryDeployKey")
COLLABORATOR = github("repositoryCollaborator")
COLLABORATORS = github("repositoryCollaborators")
_SECRETS = tuple(
    github(name)
    for name in (
        "actionsSecret",
        "actionsEnvironmentSecret",
        "actionsOrganizationSecret",
        "dependabotSecret",
        "dependabotOrganizationSecret",
        "codespacesSecret",
        "codespacesOrganizationSecret",
        "codespacesUserSecret",
    )
)
_VARIABLES = tuple(github(n) for n in ("actionsVariable", "actionsEnvironmentVariable", "actionsOrganizationVariable"))
_WEBHOOKS = (github("repositoryWebhook"), github("organizationWebhook"))
_SECRET = {SIGNATURE: SECRET_SIGNATURE, "value": "correct horse"}
_HOOK = {"url": "https://ci.example.com/hook", "contentType": "json", "secret": _SECRET}


@rule(
    id="github-deploy-key-read-only",
    clause="ACC-10",
    title="Deploy keys only read",
    severity="high",
    types=(DEPLOY_KEY,),
    decides=("readOnly",),
    absent="pass",
    fix="read_only=True",
    good=({"repository": "app", "title": "ci", "key": "ssh-ed25519 AAAA", "readOnly": True},),
    bad=({"repository": "app", "readOnly": False}, {"repository": "app", "readOnly": "false"}),
)
def deploy_key_read_only(key: Resource) -> Iterator[Finding]:
    """A deploy key belongs to no person, never expires and needs no second factor; one that writes pushes code as
    nobody. The provider's default is read-only."""
    if not key.flag("readOnly", True):
        yield fail(key, "readOnly", f"is {key.show('readOnly')}: the key can push")


@rule(
    id="github-secret-encrypted",
    clause="CHG-2",
    title="Secrets for workflows reach GitHub encrypted or as engine secrets",
    severity="high",
    types=_SECRETS,
    decides=("plaintextValue", "value"),
    absent="pass",
    fix="value=config.require_secret(…)",
    references=("checkov:CKV_GIT_4", "trivy:GIT-0002"),
    good=(
        {"secretName": "TOKEN", "encryptedValue": "c2VhbGVkIGJveA=="},
        {"secretName": "TOKEN", "plaintextValue": _SECRET},
        {"secretName": "TOKEN", "value": "[secret]"},
    ),
    bad=(
        {"secretName": "TOKEN", "plaintextValue": "hunter2"},
        Sample(_SECRETS[1], {"secretName": "TOKEN", "plaintextValue": "sensitive"}),
        Sample(_SECRETS[2], {"secretName": "TOKEN", "value": "hunter2"}),
    ),
)
def secret_encrypted(secret: Resource) -> Iterator[Finding]:
    """A literal is in the repository's history and in the state; an engine secret or a sealed box is in neither."""

    def check(view: View) -> Iterator[Finding]:
        if found := exposed(secret, view.path, what="the secret"):
            yield found

    yield from each([View(secret, secret.data, path) for path in ("plaintextValue", "value")], check)


@rule(
    id="github-variable-no-secret",
    clause="CHG-2",
    title="Workflow variables hold no credentials",
    severity="high",
    types=_VARIABLES,
    decides=("value",),
    absent="pass",
    fix="ActionsSecret instead of ActionsVariable",
    good=(
        {"variableName": "REGION", "value": "europe-west1"},
        {"variableName": "TOKEN_LIFETIME_SECONDS", "value": "3600"},
    ),
    bad=(
        {"variableName": "DEPLOY_TOKEN", "value": "hunter2"},
        Sample(_VARIABLES[2], {"variableName": "NOTE", "value": "-----BEGIN RSA PRIVATE KEY-----"}),
    ),
)
def variable_no_secret(variable: Resource) -> Iterator[Finding]:
    """Variables are shown in logs and to everybody who can read the repository; wrapping them does not change that."""
    value = variable.text("value") or ""
    kind = credential_in(value)
    if kind:
        yield fail(variable, "value", f"holds {kind}, readable in every log")
    elif value and not value.isdigit() and names_a_secret(variable.text("variableName") or ""):
        yield fail(variable, "value", "belongs to a variable whose name says it is a credential")


@rule(
    id="github-webhook-verifies-tls",
    clause="ENC-4",
    title="Webhooks verify the receiver's certificate",
    severity="high",
    types=_WEBHOOKS,
    decides=("configuration.insecureSsl",),
    absent="pass",
    fix='configuration={"insecure_ssl": False, …}',
    references=(
        "checkov:CKV_GIT_2",
        "kics:github_organization_webhook_with_ssl_disabled",
        "terrascan:AC_GITHUB_0001",
        "terrascan:AC_GITHUB_0003",
    ),
    good=(
        {"configuration": {**_HOOK, "insecureSsl": False}},
        {"configuration": {"url": "https://ci.example.com", "insecureSsl": "0"}},
        {"events": ["push"]},
    ),
    bad=(
        {"configuration": {**_HOOK, "insecureSsl": True}},
        Sample(_WEBHOOKS[1], {"configuration": {**_HOOK, "insecureSsl": "1"}}),
    ),
)
def webhook_verifies_tls(webhook: Resource) -> Iterator[Finding]:
    """Unverified, events and their secret go to whoever answers. Verification is the default."""
    if webhook.flag("configuration.insecureSsl"):
        shown = webhook.show("configuration.insecureSsl")
        yield fail(webhook, "configuration.insecureSsl", f"is {shown}: any certificate is accepted")


@rule(
    id="github-webhook-https",
    clause="ENC-4",
    title="Webhooks go to HTTPS addresses",
    severity="high",
    types=_WEBHOOKS,
    decides=("configuration.url",),
    absent="pass",
    fix='configuration={"url": "https://…"}',
    good=({"configuration": _HOOK},),
    bad=({"configuration": {**_HOOK, "url": "http://ci.example.com"}},),
)
def webhook_https(webhook: Resource) -> Iterator[Finding]:
    """Events carry code, names and commit messages."""
    if (webhook.upper("configuration.url") or "HTTPS:").startswith("HTTP:"):
        yield fail(webhook, "configuration.url", "is a plain http:// address")


@rule(
    id="github-webhook-signed",
    clause="CHG-3",
    title="Webhook events are signed",
    severity="medium",
    types=_WEBHOOKS,
    decides=("configuration.secret",),
    fix='configuration={"secret": secret.result, …}',
    provenance=True,
    graph=True,
    good=(
        (
            Sample(_WEBHOOKS[0], {"configuration": _HOOK}, depends={"configuration": ("password",)}),
            Sample("random:index/randomPassword:RandomPassword", {"length": 40}, "password"),
        ),
        {"configuration": {**_HOOK, "secret": "[secret]"}},
    ),
    bad=({"configuration": {"url": "https://ci.example.com"}},),
)
def webhook_signed(webhook: Resource) -> Iterator[Finding]:
    """Without a secret anybody who knows the address can play GitHub. A masked secret is a set one."""
    path = "configuration.secret"
    if webhook.is_secret(path):
        return
    if webhook.raw(path) is UNKNOWN:
        if not (webhook.graph and webhook.graph.sources(webhook, path)):
            yield unsure(webhook, path)
    elif not webhook.has(path):
        yield fail(webhook, path, "is not set: the receiver cannot tell GitHub from a stranger")


@rule(
    id="github-collaborator-not-admin",
    clause="ACC-10",
    title="No single person administers a repository as a collaborator",
    severity="high",
    types=(COLLABORATOR, COLLABORATORS),
    decides=("permission",),
    absent="pass",
    fix='permission="push"',
    good=(
        {"repository": "app", "username": "octocat", "permission": "pull"},
        Sample(COLLABORATORS, {"teams": [{"teamId": "platform", "permission": "admin"}]}),
    ),
    bad=(
        {"repository": "app", "username": "octocat", "permission": "Admin"},
        Sample(COLLABORATORS, {"users": [{"username": "octocat", "permission": "admin"}]}),
    ),
)
def collaborator_not_admin(resource: Resource) -> Iterator[Finding]:
    """An administrator can switch every protection off again; that right belongs to a team with a joiner and leaver
    process. The default is push."""

    def check(view: View) -> Iterator[Finding]:
        if view.upper("permission") == "ADMIN":
            yield fail(view, "permission", "makes one person an administrator of the repository")

    yield from each(resource.views("users") if resource.type == COLLABORATORS else [resource], check)


@rule(
    id="github-access-through-teams",
    clause="ACC-1",
    title="People get access to repositories through teams",
    severity="medium",
    types=(COLLABORATOR, COLLABORATORS),
    decides=("username",),
    absent="pass",
    fix="TeamRepository(…)  # and the person in the team",
    good=(
        Sample(COLLABORATOR, {"repository": "app"}),
        Sample(COLLABORATORS, {"repository": "app", "teams": [{"teamId": "platform"}]}),
    ),
    bad=(
        {"repository": "app", "username": "octocat"},
        Sample(COLLABORATORS, {"users": [{"username": "octocat"}], "teams": []}),
    ),
)
def access_through_teams(resource: Resource) -> Iterator[Finding]:
    """Grants to single persons are the ones that nobody remembers when the person leaves."""
    if resource.type == COLLABORATORS:
        if resource.items("users"):
            yield fail(resource, "users", f"grants access to {len(resource.items('users'))} single persons")
    elif resource.text("username"):
        yield fail(resource, "username", "grants access to a single person")
