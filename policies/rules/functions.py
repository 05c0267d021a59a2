"""Cloud Functions: not public, HTTPS only, inside our network, under an identity of their own, secrets by reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.iam import plain
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import one_of
from policies.rules._identity import ACCOUNT_SAMPLE, DEFAULT_EMAIL, OWN_EMAIL, own_account
from policies.rules._public import not_public
from policies.rules._serverless import FUNCTION, FUNCTION_V1, plain_variables

_NETWORK_DOCS: Final = ("https://cloud.google.com/functions/docs/networking/network-settings",)

not_public(
    ("cloudfunctions/functionIam", "cloudfunctionsv2/functionIam"),
    role="roles/cloudfunctions.invoker",
    id="function-not-public",
    title="Cloud Functions answer nobody without an identity",
    why="A public function is an open door with code behind it, and a bill that strangers can run up.",
    references=("checkov:CKV_GCP_107", "prowler:cloudfunction_function_not_publicly_accessible"),
)

_IDENTITY_PLATFORM: Final = gcp("identityplatform/config")
_ASKED: Final = "blockingFunctions"


def _blocking(function: Resource) -> str | None:
    """Identity Platform asks its blocking functions from outside of every network: who may invoke them decides there,
    which `function-not-public` and `run-not-public` judge."""
    graph = function.graph
    configs = graph.of(_IDENTITY_PLATFORM) if graph else []
    if graph and any(function in graph.targets(c, _ASKED, FUNCTION, FUNCTION_V1) for c in configs):
        return "Identity Platform asks this function before a sign-in, from outside of every network"
    return None


one_of(
    {FUNCTION: "serviceConfig.ingressSettings", FUNCTION_V1: "ingressSettings"},
    allowed=("ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"),
    others=("ALLOW_ALL",),
    missing="is not set: the internet reaches the function directly",
    guard=_blocking,
    graph=True,
    not_applicable=(
        (
            Sample(FUNCTION, {"serviceConfig": {"ingressSettings": "ALLOW_ALL"}}, "reject"),
            Sample(
                _IDENTITY_PLATFORM,
                {_ASKED: {"triggers": [{"eventType": "beforeSignIn"}]}},
                "config",
                {_ASKED: ("reject",)},
            ),
        ),
    ),
    id="function-ingress",
    clause="HOS-3",
    title="Cloud Functions take traffic from inside or from the load balancer only",
    severity="high",
    why="Left out, everyone on the internet reaches the function past the load balancer. The provider's default.",
    fix='ingress_settings="ALLOW_INTERNAL_AND_GCLB"',
    references=("checkov:CKV_GCP_124",),
    sources=_NETWORK_DOCS,
    traps=(25,),
    bad=(Sample(FUNCTION_V1, {"runtime": "python312"}), Sample(FUNCTION_V1, {"ingressSettings": "ALLOW_ALL"})),
)


@rule(
    id="function-https-only",
    clause="ENC-4",
    title="Functions with an HTTP trigger answer HTTPS only",
    severity="medium",
    types=(FUNCTION_V1,),
    decides=("httpsTriggerSecurityLevel",),
    fix='https_trigger_security_level="SECURE_ALWAYS"',
    references=("checkov:CKV2_GCP_10",),
    sources=("https://cloud.google.com/functions/docs/writing/write-http-functions#security_levels",),
    traps=(1,),
    good=({"triggerHttp": True, "httpsTriggerSecurityLevel": "SECURE_ALWAYS"},),
    bad=(
        {"triggerHttp": True, "httpsTriggerSecurityLevel": "SECURE_OPTIONAL"},
        {"triggerHttp": "true"},
    ),
    not_applicable=({}, {"triggerHttp": False}),
)
def https_only(function: Resource) -> Iterator[Finding]:
    """Calls and their tokens travel in clear otherwise. Second-generation functions always answer HTTPS only."""
    path = "httpsTriggerSecurityLevel"
    if not function.flag("triggerHttp"):
        yield skip("has no HTTP trigger")
    elif function.upper(path) != "SECURE_ALWAYS":
        yield fail(function, path, f"is {function.show(path)}: plain HTTP is answered too")


@rule(
    id="function-in-network",
    clause="HOS-1",
    title="Cloud Functions are attached to our network",
    severity="low",
    types=(FUNCTION, FUNCTION_V1),
    decides=("serviceConfig.vpcConnector",),
    fix='vpc_connector=connector.id, vpc_connector_egress_settings="ALL_TRAFFIC"',
    references=("prowler:cloudfunction_function_inside_vpc",),
    sources=_NETWORK_DOCS,
    good=(
        {"serviceConfig": {"vpcConnector": "app"}},
        {"serviceConfig": {"directVpcNetworkInterfaces": [{"subnetwork": "app"}]}},
        Sample(FUNCTION_V1, {"vpcConnector": "app"}),
    ),
    bad=({}, {"serviceConfig": {"vpcConnector": ""}}, Sample(FUNCTION_V1, {})),
)
def in_network(function: Resource) -> Iterator[Finding]:
    """Outside, a function reaches private databases only if these open to the world, and its traffic is not logged."""
    paths = ["vpcConnector"]
    if function.type == FUNCTION:
        paths = ["serviceConfig.vpcConnector", "serviceConfig.directVpcNetworkInterfaces"]
    if not any(function.get(path) for path in paths):
        yield fail(function, paths[0], "is not set: the function stands outside our network")


@rule(
    id="function-own-account",
    clause="ACC-5",
    title="Cloud Functions have service accounts of their own",
    severity="high",
    types=(FUNCTION, FUNCTION_V1),
    decides=("serviceConfig.serviceAccountEmail",),
    graph=True,
    provenance=True,
    fix="service_account_email=app_account.email",
    sources=("https://cloud.google.com/functions/docs/securing/function-identity",),
    traps=(22,),
    good=(
        (
            Sample(
                FUNCTION, {"serviceConfig": {"serviceAccountEmail": OWN_EMAIL}}, depends={"serviceConfig": ("account",)}
            ),
            ACCOUNT_SAMPLE,
        ),
        Sample(FUNCTION_V1, {"serviceAccountEmail": OWN_EMAIL}),
    ),
    bad=(
        {},
        {"serviceConfig": {"serviceAccountEmail": DEFAULT_EMAIL}},
        Sample(FUNCTION_V1, {"serviceAccountEmail": "example-prod-workload@appspot.gserviceaccount.com"}),
        Sample(FUNCTION_V1, {}),
    ),
)
def function_own_account(function: Resource) -> Iterator[Finding]:
    """Left out, the function runs as the default account, which it shares with everything else in the project."""
    path = "serviceConfig.serviceAccountEmail" if function.type == FUNCTION else "serviceAccountEmail"
    yield from own_account(function, path, who="the function")


@rule(
    id="function-no-plain-secrets",
    clause="CHG-2",
    title="Cloud Functions take secrets by reference, never as plain variables",
    severity="high",
    types=(FUNCTION, FUNCTION_V1),
    decides=("serviceConfig.environmentVariables",),
    graph=True,
    absent="pass",
    fix='secret_environment_variables=[{"key": "API_KEY", "secret": secret.secret_id, "version": "1", ...}]',
    references=("cis-gcp:1.17",),
    sources=("https://cloud.google.com/functions/docs/configuring/secrets",),
    traps=(26,),
    good=(
        {
            "serviceConfig": {
                "environmentVariables": {"LOG_LEVEL": "info"},
                "secretEnvironmentVariables": [{"key": "API_KEY", "secret": "api", "version": "1"}],
            }
        },
        Sample(FUNCTION_V1, {"environmentVariables": {"REGION": "europe-west1"}}),
    ),
    bad=(
        {"serviceConfig": {"environmentVariables": {"API_KEY": "x"}}},
        {"buildConfig": {"environmentVariables": {"NPM_TOKEN": "x"}}},
        Sample(FUNCTION_V1, {"environmentVariables": {"DB_PASSWORD": "hunter2"}}),
        Sample(FUNCTION_V1, {"buildEnvironmentVariables": {"NPM_TOKEN": "x"}}),
    ),
)
def function_no_plain_secrets(function: Resource) -> Iterator[Finding]:
    """Variables are shown in the console, in every description of the function, and in the stack's state."""
    v2 = function.type == FUNCTION
    run, build = ("serviceConfig.", "buildConfig.") if v2 else ("", "")
    yield from plain_variables(function, f"{run}environmentVariables")
    yield from plain_variables(function, f"{build}environmentVariables" if v2 else "buildEnvironmentVariables")


@rule(
    id="function-updates-itself",
    clause="DEP-4",
    title="Functions get security updates of their runtime without a deployment",
    severity="low",
    types=(FUNCTION,),
    decides=("buildConfig.onDeployUpdatePolicy",),
    absent="pass",
    fix="build_config={…, 'automatic_update_policy': {}}",
    sources=("https://cloud.google.com/functions/docs/securing/security-updates",),
    good=(
        {"name": "f", "buildConfig": {"automaticUpdatePolicy": {}}},
        {"name": "f", "buildConfig": {"runtime": "python312"}},
    ),
    bad=(
        {"name": "f", "buildConfig": {"onDeployUpdatePolicy": {}}},
        {"name": "f", "buildConfig": {"onDeployUpdatePolicy": {"runtimeVersion": "python312_1"}}},
    ),
)
def updates_itself(function: Resource) -> Iterator[Finding]:
    """A function that is not deployed for a year runs on a runtime of last year. Left out, updates are automatic."""
    chosen = plain(function.raw("buildConfig.onDeployUpdatePolicy"))
    if chosen is UNKNOWN:
        yield unsure(function, "buildConfig.onDeployUpdatePolicy")
    elif chosen is not None:
        yield fail(
            function, "buildConfig.onDeployUpdatePolicy", "is set: the runtime is patched only when it is deployed"
        )
