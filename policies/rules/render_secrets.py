"""Render: the provider marks no property as a secret, so every credential is wrapped before it reaches the state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policies.graph import Graph
from policies.model import OUTPUT_SIGNATURE, SECRET_SIGNATURE, SIGNATURE, Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules import _render as render
from policies.rules._exposure import PLAIN, blocks, credential_in, exposed, names_a_secret, wrapped

_SECRET = {SIGNATURE: SECRET_SIGNATURE, "value": "correct horse"}
_SECRET_OUTPUT = {SIGNATURE: OUTPUT_SIGNATURE, "secret": True}
_ENV_VAR = "render:services:EnvVar"
_GROUP_VAR = "render:env-groups:EnvGroupEnvVar"
_VARIABLES = (*render.SERVICES, render.ENV_GROUP, "render:services:EnvVarsForService", _ENV_VAR, _GROUP_VAR)
_FILE = "render:services:SecretFile"
_GROUP_FILE = "render:env-groups:EnvGroupSecretFile"
_FILES = (*render.SERVICES, render.ENV_GROUP, "render:services:SecretFilesForService", _FILE, _GROUP_FILE)
_SOURCES = ("https://www.pulumi.com/docs/iac/concepts/secrets/",)

_HARMLESS_NAME = re.compile(
    r"^(PORT|HOST|TZ|LANG|LC_\w+|ENV|DEBUG|CI|REGION|ENVIRONMENT|PYTHON\w*|NODE_OPTIONS|GUNICORN_\w+|"
    r"\w+_(ENV|ENVIRONMENT|LEVEL|FORMAT|MODE|REGION|ZONE|LOCATION|VERSION|PORT|HOST|HOSTS|HOSTNAME|DOMAIN|ORIGIN|"
    r"ORIGINS|TIMEOUT|ENABLED|DISABLED|WORKERS|THREADS|CONCURRENCY|SIZE|LIMIT|INTERVAL|TTL|BUCKET|TOPIC|PROJECT|"
    r"PROJECT_ID|NAME|LOCALE|TIMEZONE|PATH|DIR|ENCODING|BACKEND|CLASS|SETTINGS_MODULE))$"
)
_HARMLESS_VALUE = re.compile(
    r"^(true|false|yes|no|on|off|-?\d{1,8}(\.\d+)?|https://[\w.:-]+(/[\w./-]*)?)$", re.IGNORECASE
)


def _harmless(name: str, value: Any) -> bool:
    """Whether a variable may stand in plain text: nothing in its name or value speaks of a credential, and one of them
    says what it is (`LOG_LEVEL`, `true`, an address without a password)."""
    text = str(value).strip()
    if names_a_secret(name) or credential_in(text):
        return False
    return bool(_HARMLESS_NAME.match(name.upper()) or _HARMLESS_VALUE.match(text))


@rule(
    id="render-env-var-secret",
    remediate=lambda resource: wrapped(env_var_secret, resource),
    clause="CHG-2",
    title="Environment variables on Render are engine secrets unless plainly harmless",
    severity="high",
    types=_VARIABLES,
    decides=("envVars[0].value",),
    absent="pass",
    fix='{"key": "DATABASE_URL", "value": pulumi.Output.secret(url)}',
    sources=_SOURCES,
    traps=(26, 49),
    good=(
        {"envVars": [{"key": "DATABASE_URL", "value": _SECRET}, {"key": "LOG_LEVEL", "value": "info"}]},
        {"envVars": [{"key": "DATABASE_URL", "value": "[secret]"}, {"key": "SESSION_KEY", "generateValue": True}]},
        {"envVars": "[secret]"},
        {"envVars": [{"key": "DATABASE_URL", "value": _SECRET_OUTPUT}]},
        Sample(_ENV_VAR, {"envVarKey": "API_TOKEN", "value": _SECRET}),
        Sample(_GROUP_VAR, {"envVarKey": "PORT", "value": "8080"}),
        {"envVars": [{"key": "BASE_URL", "value": "https://www.example.com"}]},
    ),
    bad=(
        {"envVars": [{"key": "DATABASE_URL", "value": "postgres://app:hunter2@db:5432/app"}]},
        {"envVars": [{"key": "STRIPE_API_KEY", "value": "anything"}]},
        {"envVars": [{"key": "CONFIG", "value": "opaque words"}]},
        {"envVars": [{"key": "LOG_LEVEL", "value": "postgres://app:hunter2@db:5432/app"}]},
        Sample(_ENV_VAR, {"envVarKey": "ADMIN_PASSWORD", "value": "123456"}),
        Sample(render.ENV_GROUP, {"envVars": [{"key": "JWT_SECRET", "value": "hunter2"}]}),
    ),
)
def env_var_secret(resource: Resource) -> Iterator[Finding]:
    """What is not wrapped lies readable in the state, in every preview and in every log of a failed deployment. A
    variable is allowed in plain text only when its name and value are those of ordinary settings."""

    def check(variable: View) -> Iterator[Finding]:
        if variable.is_secret("value"):
            return
        name = variable.text("key") or variable.text("envVarKey") or ""
        found = exposed(variable, "value", what=f"the variable {name or '(without a name)'}")
        if found and not (found.kind == "fail" and _harmless(name, variable.raw("value"))):
            yield found

    yield from each([resource] if resource.type in (_ENV_VAR, _GROUP_VAR) else blocks(resource, "envVars"), check)


@rule(
    id="render-secret-file-secret",
    remediate=lambda resource: wrapped(secret_file_secret, resource),
    clause="CHG-2",
    title="Secret files on Render are engine secrets",
    severity="high",
    types=_FILES,
    decides=("secretFiles[0].content",),
    absent="pass",
    fix='{"name": "app.pem", "content": pulumi.Output.secret(text)}',
    sources=_SOURCES,
    traps=(49,),
    good=(
        {"secretFiles": [{"name": "app.pem", "content": _SECRET}]},
        Sample(_FILE, {"secretFileName": "app.pem", "content": "[secret]"}),
    ),
    bad=(
        {"secretFiles": [{"name": "app.pem", "content": "-----BEGIN PRIVATE KEY-----"}]},
        Sample(_GROUP_FILE, {"secretFileName": "settings", "content": "a=b"}),
    ),
)
def secret_file_secret(resource: Resource) -> Iterator[Finding]:
    """They are called secret on Render and are plain text in the state: the provider does not mark them."""

    def check(file: View) -> Iterator[Finding]:
        if found := exposed(file, "content", what="the file's content"):
            yield found

    yield from each([resource] if resource.type in (_FILE, _GROUP_FILE) else blocks(resource, "secretFiles"), check)


_TOKENS = {
    "render:registrycredentials:RegistryCredential": ("authToken",),
    render.POSTGRES: ("datadogAPIKey", "datadogApiKey"),
    "render:postgres:RecoverPostgres": ("datadogApiKey", "datadogAPIKey"),
}


@rule(
    id="render-token-secret",
    remediate=lambda resource: wrapped(token_secret, resource),
    clause="CHG-2",
    title="Tokens and keys handed to Render are engine secrets",
    severity="high",
    types=tuple(_TOKENS),
    decides=("authToken",),
    absent="pass",
    fix="auth_token=config.require_secret(…)",
    sources=_SOURCES,
    traps=(49,),
    good=({"authToken": _SECRET}, Sample(render.POSTGRES, {"datadogAPIKey": "[secret]"})),
    bad=({"authToken": "hunter2"}, Sample(render.POSTGRES, {"datadogAPIKey": "0123456789"})),
)
def token_secret(resource: Resource) -> Iterator[Finding]:
    """A registry token pulls every image of the company, a monitoring key writes into its account."""
    for path in _TOKENS.get(resource.type, ()):
        if found := exposed(resource, path, what="the token"):
            yield found


@rule(
    id="render-header-secret",
    clause="CHG-2",
    title="Response headers on Render carry no credentials",
    severity="medium",
    types=("render:services:Header", render.STATIC),
    decides=("value",),
    absent="pass",
    fix="remove the header: everyone who opens the page can read it",
    good=(
        {"name": "X-Frame-Options", "value": "DENY", "path": "/*"},
        Sample(render.STATIC, {"serviceDetails": {"headers": [{"name": "Referrer-Policy", "value": "no-referrer"}]}}),
    ),
    bad=(
        {"name": "Authorization", "value": "Basic abc", "path": "/*"},
        {"name": "X-Token", "value": "AIza" + "a" * 35, "path": "/*"},
    ),
)
def header_secret(resource: Resource) -> Iterator[Finding]:
    """A response header goes to every visitor, so a credential in one is published, wrapped or not."""

    def check(header: View) -> Iterator[Finding]:
        name = (header.text("name") or "").lower()
        if name in ("authorization", "proxy-authorization", "x-api-key", "x-auth-token"):
            yield fail(header, "value", f"the header {name} is a credential, sent to every visitor")
        elif kind := credential_in(header.text("value") or ""):
            yield fail(header, "value", f"holds {kind}, sent to every visitor")

    static = resource.type == render.STATIC
    yield from each(resource.views("serviceDetails.headers") if static else [resource], check)


_LEAKING = {
    render.WEBHOOK: ("secret",),
    render.ENV_GROUP: ("envVars[].value", "secretFiles[].content"),
    _GROUP_VAR: ("value", "envVars[].value", "secretFiles[].content"),
    _GROUP_FILE: ("content", "envVars[].value", "secretFiles[].content"),
    "render:env-groups:LinkServiceToEnvGroup": ("envVars[].value", "secretFiles[].content"),
    _ENV_VAR: ("value",),
    _FILE: ("content",),
}


@rule(
    id="render-outputs-secret",
    clause="CHG-2",
    title="Secrets that Render returns are encrypted in the state",
    severity="high",
    types=tuple(_LEAKING),
    scope="stack",
    fix='opts=ResourceOptions(additional_secret_outputs=["secret", "envVars", "secretFiles"])',
    sources=_SOURCES,
    traps=(49,),
    good=(
        Sample(render.WEBHOOK, {"url": "https://example.com"}, outputs={"secret": "[secret]"}),
        Sample("render:env-groups:LinkServiceToEnvGroup", {}, outputs={"envVars": "[secret]"}),
        Sample(render.ENV_GROUP, {}, outputs={"envVars": [{"key": "PORT", "value": "8080"}]}),
    ),
    bad=(
        Sample(render.WEBHOOK, {"url": "https://example.com"}, outputs={"secret": "whsec_0123456789"}),
        Sample(
            "render:env-groups:LinkServiceToEnvGroup",
            {"envGroupId": "evg-1"},
            outputs={"envVars": [{"key": "DB_PASSWORD", "value": "hunter2"}]},
        ),
    ),
    not_applicable=(Sample("gcp:storage/bucket:Bucket", {}),),
)
def outputs_secret(graph: Graph) -> Iterator[Finding]:
    """Render answers with the signing secret of a webhook and with every variable of a group, also for a resource that
    set none of them. The provider marks nothing, so the option `additionalSecretOutputs` has to."""
    judged = graph.of(*_LEAKING)
    if not judged:
        yield skip("no resource of this stack gets secrets back from Render")
    for resource in judged:
        outputs = View(resource, resource.outputs)
        for pattern in _LEAKING[resource.type]:
            top, _, leaf = pattern.partition("[].")
            views = blocks(outputs, top) if leaf and outputs.known(top) else [outputs] if not leaf else []
            for view in views:
                path = leaf or top
                name = view.raw("key")
                if view.is_secret(path) or not view.known(path) or view.raw(path) in (None, ""):
                    continue
                if leaf == "value" and isinstance(name, str) and _harmless(name, view.raw(path)):
                    continue
                yield fail(view, path, f"the answer's value {PLAIN}")
