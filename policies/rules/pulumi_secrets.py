"""No secret in plain text, whatever the provider: by the property's name, by the value's form, and in providers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from policies.graph import Graph
from policies.model import SECRET_SIGNATURE, SIGNATURE, UNKNOWN, Resource, Secret, gcp
from policies.rule import Finding, Sample, fail, rule, unsure
from policies.rules._exposure import PLAIN, credential_in, wrapped

_SQL_USER = gcp("sql/user")
_GCP = "pulumi:providers:gcp"
_SECRET = {SIGNATURE: SECRET_SIGNATURE, "value": "correct horse"}
_DSN = "postgres://app:hunter2@10.0.0.3/app"
_KEY_FILE = json.dumps({"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----"})

_SENSITIVE = frozenset(
    """
    password passwordwo rootpassword rootpasswordwo adminpassword userpassword keypassword keystorepassword
    truststorepassword sslkeypassword tdewalletpassword passphrase privatekeypassphrase sharedpassword
    secret secretdata secretdatawo clientsecret clientsecretwo oauth2clientsecret consumersecret sharedsecret
    sharedsecretwo sitesecret trusthandshakesecret webhooksecret plaintextvalue plaintext secretkey
    privatekey privatekeywo privatekeypem pemprivatekey pemprivatekeywo encodedprivatekey sshprivatekey
    rawkey rsaencryptedkey diskencryptionkeyraw diskencryptionkeyrsa clientkey servicekey sharedkey signingkey
    apikey apikeywo apitoken authtoken authtokenwo accesstoken refreshtoken bearertoken oauthtoken securitytoken
    personalaccesstoken token sastoken azuresastoken huggingfaceaccesstoken secretaccesskey secretaccesskeywo
    authkey accountkey pemfile datadogapikey credentials accesskeysecret connectionstring
    """.lower().split()
)
"""Property names whose value is a credential, in small letters without separators: what the Google, GitHub and Render
schemas mark as secret or name like one. Certificates, ids, references to secrets (`…SecretVersion`, `…Uri`) and
settings about passwords are not in the list."""

_FEDERATED = ("external_account", "external_account_authorized_user")
_REFERENCE = re.compile(
    r"^(projects/[^/]+/(locations/[^/]+/)?(secrets|keyRings|serviceAccounts)/|gs://|//|arn:|https?://[^@]*$|\$\{|sm://)"
)
_EXEMPT_TYPES = ("hosting:", "pulumi:pulumi:StackReference", "kubernetes:core/v1:Secret")
_NOT_A_SECRET = {
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
    "gcp:secretmanager/secret:Secret",
    "gcp:identityplatform/config:Config",
}
"""Types whose properties of that name are settings or references."""


@lru_cache(maxsize=8192)
def sensitive(path: str) -> bool:
    """Whether the last named step of a property path says that the value is a credential."""
    steps = re.findall(r"[A-Za-z_][\w-]*", path)
    return bool(steps) and steps[-1].replace("_", "").replace("-", "").lower() in _SENSITIVE


@rule(
    id="pulumi-sensitive-property-secret",
    remediate=lambda resource: wrapped(sensitive_property_secret, resource),
    clause="CHG-2",
    title="Passwords, keys and tokens are engine secrets wherever a resource takes them",
    severity="high",
    types=(_SQL_USER, "*"),
    decides=("password",),
    absent="pass",
    fix="password=pulumi.Output.secret(…)  # or random.RandomPassword(…).result",
    sources=("https://www.pulumi.com/docs/iac/concepts/secrets/",),
    traps=(26, 49, 52),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(_SQL_USER, {"name": "app", "password": _SECRET}, depends={"password": ("generated",)}),
            Sample("random:index/randomPassword:RandomPassword", {"length": 32}, "generated"),
        ),
        {"name": "app", "password": "[secret]"},
        {"name": "app", "passwordPolicy": {"passwordExpirationDuration": "86400s"}},
        Sample(gcp("cloudrunv2/service"), {"template": {"volumes": [{"secret": {"secret": "api-key"}}]}}),
        Sample("pulumi:providers:render", {"apiKey": "[secret]"}),
        Sample(gcp("secretmanager/secretVersion"), {"secret": "projects/p/secrets/s", "secretData": "[secret]"}),
    ),
    bad=(
        {"name": "app", "password": "hunter2"},
        Sample(gcp("secretmanager/secretVersion"), {"secret": "projects/p/secrets/s", "secretData": "hunter2"}),
        Sample("pulumi:providers:render", {"apiKey": "rnd_0123456789"}),
        Sample("pulumi:providers:github", {"token": "hunter2"}),
        Sample(gcp("compute/sSLCertificate"), {"privateKey": "-----BEGIN PRIVATE KEY-----"}),
        Sample(gcp("compute/disk"), {"diskEncryptionKey": {"rawKey": "SGVsbG8="}}),
    ),
)
def sensitive_property_secret(resource: Resource) -> Iterator[Finding]:
    """What is not marked lies readable in the state, in plans, in previews and in logs; marking costs one call. Which
    properties are meant follows from the schemas of the providers, not from what they happen to mark."""
    if resource.type.startswith(_EXEMPT_TYPES) or resource.type in _NOT_A_SECRET:
        return
    hidden: list[Finding] = []
    for path, value in resource.walk():
        if isinstance(value, Secret) or value is None or not sensitive(path):
            continue
        if value is UNKNOWN:
            if not _from_secret(resource, path):
                hidden.append(unsure(resource, path, "is not known yet and is not marked as a secret"))
        elif isinstance(value, str) and value.strip() and not _names_something(resource, path, value):
            yield fail(resource, path, f"the value {PLAIN}")
    yield from hidden


def _names_something(resource: Resource, path: str, value: str) -> bool:
    """Whether the property only refers: to a secret kept elsewhere, or to a federation that has no key."""
    if _REFERENCE.match(value.strip()) and not credential_in(value):
        return True
    steps = re.findall(r"[A-Za-z_]\w*", path)
    if steps[-1] == "credentials" and _kind(value) in _FEDERATED:
        return True
    return steps[-1] == "secret" and resource.type.startswith(
        (
            "gcp:secretmanager/",
            "gcp:cloudrun",
            "gcp:cloudfunctions",
            "gcp:cloudbuild",
            "gcp:dataflow/",
            "gcp:container/",
        )
    )


def _from_secret(resource: Resource, path: str) -> bool:
    """Whether an unknown value comes from a resource that makes secrets: the engine then carries the mark along."""
    graph = resource.graph
    sources = graph.sources(resource, path) if graph else []
    return any("random:" in s or "tls:" in s or "secretmanager/" in s for s in sources)


@rule(
    id="pulumi-no-credential-in-plain-text",
    clause="CHG-2",
    title="No property holds a credential in plain text, whatever its name",
    severity="high",
    types=("*",),
    scope="stack",
    fix="put the value into Secret Manager and refer to it",
    sources=("https://www.pulumi.com/docs/iac/concepts/secrets/",),
    traps=(26, 49),
    good=(
        Sample(gcp("cloudrunv2/service"), {"description": "the public web site"}),
        Sample(
            gcp("cloudrunv2/service"), {"template": {"containers": [{"envs": [{"name": "DSN", "value": _SECRET}]}]}}
        ),
        Sample(gcp("cloudrunv2/service"), {"annotations": {"note": "postgres://app:${PASSWORD}@db/app"}}),
    ),
    bad=(
        Sample(gcp("cloudrunv2/service"), {"template": {"containers": [{"envs": [{"name": "DSN", "value": _DSN}]}]}}),
        Sample(gcp("compute/instance"), {"metadataStartupScript": "export T=ghp_" + "a" * 36}),
        Sample(gcp("cloudfunctions/function"), {"environmentVariables": {"KEY": "AIza" + "b" * 35}}),
        Sample("aws:s3/bucketObject:BucketObject", {"content": "AKIA" + "A" * 16}),
    ),
)
def no_credential_in_plain_text(graph: Graph) -> Iterator[Finding]:
    """Private keys, tokens with a known prefix and addresses with a password are credentials by their form, in an
    environment variable, a label or a start script alike. A value that is not known yet is judged once it is. The
    message names the kind, never the value."""
    for resource in graph.resources:
        for path, value in resource.walk():
            if isinstance(value, str) and len(value) > 15 and (kind := credential_in(value)):
                yield fail(resource, path, f"holds {kind} in plain text")


@rule(
    id="pulumi-provider-keyless",
    clause="ACC-4",
    title="The Google provider signs in without a key file",
    severity="high",
    types=(_GCP,),
    decides=("credentials",),
    absent="pass",
    fix="impersonate_service_account=deployer.email  # and workload identity federation in CI",
    sources=("https://cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys",),
    traps=(21, 52),
    good=(
        {"project": "example-prod-workload", "impersonateServiceAccount": "deployer@example.iam.gserviceaccount.com"},
        {"project": "example-prod-workload", "credentials": json.dumps({"type": "external_account"})},
    ),
    bad=(
        {"project": "example-prod-workload", "credentials": _KEY_FILE},
        {"credentials": {SIGNATURE: SECRET_SIGNATURE, "value": _KEY_FILE}},
        {"credentials": "/home/deployer/key.json"},
        {"accessToken": "ya29.token"},
    ),
)
def provider_keyless(provider: Resource) -> Iterator[Finding]:
    """A key file works from anywhere, for anybody, for ever, wrapped or not. Federation configurations
    (`external_account`) contain no key and pass."""
    if provider.has("accessToken"):
        yield fail(provider, "accessToken", "is set: a token that somebody copied")
    if not provider.has("credentials"):
        return
    text = str(provider.get("credentials"))
    kind = _kind(text)
    if kind not in _FEDERATED:
        yield fail(provider, "credentials", f"holds {kind or 'a path or text'}: a long-lived key")


def _kind(text: str) -> str | None:
    try:
        parsed: Any = json.loads(text)
    except ValueError:
        return None
    return str(parsed.get("type")) if isinstance(parsed, dict) else None
