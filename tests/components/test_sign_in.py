"""Sign-in: links and Google, nothing else; and a function that says no to passwords and answers one caller."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from components.blocking_function import CODE, BlockingFunctionArgs
from components.network import Network
from components.sign_in import GoogleSignIn, SignIn, SignInArgs
from config import ConfigError, parse
from tests.components import parts
from tests.recording import Recorded, Recording, record, record_stack, stack_file
from tests.test_config import sections

CONFIG = "gcp:identityplatform/config:Config"
IDP = "gcp:identityplatform/defaultSupportedIdpConfig:DefaultSupportedIdpConfig"
FUNCTION = "gcp:cloudfunctionsv2/function:Function"
SECRET = "GOCSPX" + "-of-an-oauth-client-in-a-test"


@pytest.fixture
def sign_in(production: Recording) -> Recorded:
    """The configuration of Identity Platform."""
    return production.one(CONFIG)


def test_everything_but_the_link_is_off(sign_in: Recorded) -> None:
    """Written out: what is left out stays as somebody switched it by hand (trap 1)."""
    assert sign_in.inputs["signIn"] == {
        "email": {"enabled": True, "passwordRequired": False},
        "anonymous": {"enabled": False},
        "phoneNumber": {"enabled": False, "testPhoneNumbers": {}},
        "allowDuplicateEmails": False,
    }
    assert sign_in.inputs["smsRegionConfig"] == {"allowlistOnly": {"allowedRegions": []}}
    assert sign_in.inputs["multiTenant"] == {"allowTenants": False}


def test_requests_are_logged_and_sign_ups_limited(sign_in: Recorded) -> None:
    """VER-3; and the moment from which the limit counts does not move."""
    assert sign_in.inputs["monitoring"] == {"requestLogging": {"enabled": True}}
    limit = sign_in.inputs["quota"]["signUpQuotaConfig"]
    assert limit == {"quota": 1000, "quotaDuration": "86400s", "startTime": "2027-01-01T00:00:00Z"}


def test_links_lead_to_our_domains_only(sign_in: Recorded) -> None:
    """Without a list there would be localhost."""
    assert sign_in.inputs["authorizedDomains"] == ["orders.example.com"]


def test_the_function_is_asked_before_every_account_and_sign_in(production: Recording, sign_in: Recorded) -> None:
    """`passwordRequired: false` still permits passwords (trap 44)."""
    url = "https://europe-west1-example-prod-workload.cloudfunctions.net/reject-password"
    assert sign_in.inputs["blockingFunctions"]["triggers"] == [
        {"eventType": "beforeCreate", "functionUri": url},
        {"eventType": "beforeSignIn", "functionUri": url},
    ]
    assert production.one(FUNCTION).urn in sign_in.property_dependencies["blockingFunctions"]


def test_only_identity_platform_may_ask(production: Recording) -> None:
    """The function lets traffic in from everywhere, so its invokers are what keeps others out."""
    function = production.one(FUNCTION)
    assert function.inputs["serviceConfig"]["ingressSettings"] == "ALLOW_ALL"
    grants = [
        grant
        for kind in ("gcp:cloudrunv2/serviceIamMember:ServiceIamMember",)
        for grant in production.of(kind)
        if grant.inputs["name"] == "reject-password"
    ]
    assert [grant.inputs["role"] for grant in grants] == ["roles/run.invoker"]
    assert [grant.inputs["member"].rpartition("@")[2] for grant in grants] == [
        "gcp-sa-identitytoolkit.iam.gserviceaccount.com"
    ]
    assert production.of("gcp:cloudfunctionsv2/functionIamMember:FunctionIamMember") == []


def test_the_function_may_do_nothing(production: Recording) -> None:
    """Its account holds no role; the build has one of its own."""
    function = production.one(FUNCTION)
    runtime = "reject-password@example-prod-workload.iam.gserviceaccount.com"
    assert function.inputs["serviceConfig"]["serviceAccountEmail"] == runtime
    held = [r.urn for r in production if r.inputs.get("member") == f"serviceAccount:{runtime}"]
    assert held == []
    assert function.inputs["buildConfig"]["serviceAccount"].endswith(
        "/reject-password-build@example-prod-workload.iam.gserviceaccount.com"
    )


def test_the_function_stays_in_our_network_and_has_no_secret(production: Recording) -> None:
    """It needs nothing of either."""
    settings = production.one(FUNCTION).inputs["serviceConfig"]
    assert settings["directVpcEgress"] == "VPC_EGRESS_ALL_TRAFFIC"
    assert len(settings["directVpcNetworkInterfaces"]) == 1
    assert not {"environmentVariables", "secretEnvironmentVariables"} & set(settings)
    assert settings["timeoutSeconds"] <= 7


def test_other_code_is_another_deployment(production: Recording) -> None:
    """The object is named by the digest of what it holds: the code that was reviewed."""
    source = production.one("gcp:storage/bucketObject:BucketObject", "reject-password")
    digest = hashlib.sha256(CODE.read_bytes()).hexdigest()[:16]
    assert source.inputs["name"] == f"reject-password-{digest}.zip"
    assert production.one(FUNCTION).inputs["buildConfig"]["source"]["storageSource"]["object"] == source.inputs["name"]
    assert production.one(FUNCTION).inputs["buildConfig"]["entryPoint"] == "reject_password"


def test_without_its_secret_google_is_prepared_and_off(production: Recording) -> None:
    """Nobody is sent to a client that does not work; the placeholder is a secret as well."""
    google = production.one(IDP)
    assert google.inputs["enabled"] is False
    assert "clientSecret" in google.secrets


def test_with_its_secret_google_is_on_and_the_secret_stays_secret() -> None:
    """From the encrypted section of the stack file into the one property."""
    config = {**stack_file(), "secure-hosting:credentials": {"googleClientSecret": SECRET}}
    recording = record_stack(config, secret_keys=("secure-hosting:credentials",))
    google = recording.one(IDP)
    assert google.inputs["enabled"] is True
    assert google.inputs["clientSecret"] == SECRET
    assert "clientSecret" in google.secrets
    assert [r.urn for r in recording if SECRET in str(r.inputs)] == [google.urn]
    assert SECRET not in str(recording.exports)


def test_a_secret_in_plain_text_is_refused_without_repeating_it() -> None:
    """And the message says how to encrypt it."""
    with pytest.raises(ConfigError, match=r"--secret --path 'credentials\.googleClientSecret'") as no:
        parse({**sections(), "credentials": {"googleClientSecret": SECRET}})
    assert SECRET not in str(no.value)


def test_an_encrypted_secret_that_is_wrong_is_not_repeated() -> None:
    """Not even the short one that is refused for its length."""
    with pytest.raises(ConfigError) as no:
        parse({**sections(), "credentials": {"googleClientSecret": "zyx"}}, secret_keys=("credentials",))
    assert [mistake.key for mistake in no.value.mistakes] == ["credentials.googleClientSecret"]
    assert "zyx" not in str(no.value)


def test_configuration_does_not_show_credentials() -> None:
    """Whoever prints it by mistake."""
    config = parse({**sections(), "credentials": {"googleClientSecret": SECRET}}, secret_keys=("credentials",))
    assert SECRET not in repr(config)


@pytest.mark.parametrize(
    ("key", "value", "clause"),
    [
        ("domains", ["app.localhost"], "VER-1"),
        ("domains", ["shop.example.net"], "VER-1"),
        ("domains", ["notexample.com"], "VER-1"),
        ("domains", ["192.168.0.1"], "VER-1"),
        ("signUpsADay", 0, "VER-3"),
        ("secondFactor", "SMS", "VER-1"),
        ("dataClass", "nothing", "MIN-2"),
        ("sourceClass", "copies", "ENC-7"),
    ],
)
def test_a_sign_in_that_lets_others_in_is_refused(key: str, value: Any, clause: str) -> None:
    """With the key and the clause."""
    raw = sections()
    raw["signIn"][key] = value
    with pytest.raises(ConfigError) as refusal:
        parse(raw)
    assert (f"signIn.{key}", clause) in {
        (mistake.key.removesuffix(".0"), mistake.clause) for mistake in refusal.value.mistakes
    }


def test_a_stack_without_users_of_its_own_has_no_sign_in() -> None:
    """The small stack."""
    small = record_stack(stack="small")
    assert small.of(CONFIG) == []
    assert small.of(FUNCTION) == []


def build(*, code: Path = CODE, google: pulumi.Output[str] | None = None, **changes: Any) -> None:
    """A sign-in of its own."""
    project = parts.project()
    function = BlockingFunctionArgs(
        project=project,
        network=Network("private", parts.network_args(project=project)),
        key=parts.key(),
        region=parts.PRIMARY,
        source_days=3650,
        code=code,
    )
    given: dict[str, Any] = {"domains": ("orders.example.com",), "limited_since": date(2027, 1, 1), **changes}
    client = GoogleSignIn(client_id="1-a.apps.googleusercontent.com", client_secret=google)
    SignIn(
        "sign-in",
        SignInArgs(project=project, function=function, google=client, random=random.Provider("random"), **given),
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"domains": ()}, "localhost"),
        ({"domains": ("*.example.com",)}, "hand tokens to anybody"),
        ({"sign_ups_a_day": 0}, "no limit"),
        ({"code": Path("/nowhere/main.py")}, "nothing that rejects passwords"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_made(changes: dict[str, Any], says: str) -> None:
    """With the clause in front."""
    with pytest.raises(ValueError, match=says):
        record(lambda: build(**changes))
