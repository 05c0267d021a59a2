"""Sign-in of the company's users: a link on each login or Google; every other way is closed, passwords twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp
import pulumi_random as random

from .base import Component, days, require, secret
from .blocking_function import IDENTITY_TOOLKIT, BlockingFunction, BlockingFunctionArgs
from .projects import Project

EVENTS = ("beforeCreate", "beforeSignIn")


@dataclass(frozen=True, kw_only=True)
class GoogleSignIn:
    """The OAuth client with which users sign in through Google."""

    client_id: str
    client_secret: pulumi.Output[str] | None
    """Encrypted in the stack file. Without it Google is prepared, but switched off."""


@dataclass(frozen=True, kw_only=True)
class SignInArgs:
    """Who signs in where, and what decides on it."""

    project: Project
    function: BlockingFunctionArgs
    domains: tuple[str, ...]
    google: GoogleSignIn | None = None
    random: random.Provider
    second_factor: str = "ENABLED"
    """With an authenticator app; text messages are never sent."""
    sign_ups_a_day: int = 1000
    limited_since: date
    """VER-3: fixed, so that a second run shows no change."""

    def __post_init__(self) -> None:
        require(bool(self.domains), "VER-1", "without domains Identity Platform takes its own list, with localhost")
        open_to_all = [domain for domain in self.domains if "*" in domain or domain.startswith("localhost")]
        require(not open_to_all, "VER-1", f"{', '.join(open_to_all)} would hand tokens to anybody")
        require(self.sign_ups_a_day >= 1, "VER-3", "a limit of none is no limit")


class SignIn(Component):
    """The only configuration of Identity Platform in the project, with every setting written out.

    `password_required` off lets links work and still permits passwords, so the blocking function decides as well.
    """

    token = "hosting:identity:SignIn"
    clauses: ClassVar[tuple[str, ...]] = ("VER-1", "VER-2", "VER-3")

    config: gcp.identityplatform.Config

    def __init__(self, name: str, args: SignInArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        function = BlockingFunction("reject-password", args.function, self.child())
        self.config = gcp.identityplatform.Config(
            name,
            project=project.project_id,
            authorized_domains=list(args.domains),
            autodelete_anonymous_users=True,
            sign_in=gcp.identityplatform.ConfigSignInArgs(
                email=gcp.identityplatform.ConfigSignInEmailArgs(enabled=True, password_required=False),
                anonymous=gcp.identityplatform.ConfigSignInAnonymousArgs(enabled=False),
                phone_number=gcp.identityplatform.ConfigSignInPhoneNumberArgs(enabled=False, test_phone_numbers={}),
                allow_duplicate_emails=False,
            ),
            mfa=gcp.identityplatform.ConfigMfaArgs(
                state=args.second_factor,
                provider_configs=[
                    gcp.identityplatform.ConfigMfaProviderConfigArgs(
                        state=args.second_factor,
                        totp_provider_config=gcp.identityplatform.ConfigMfaProviderConfigTotpProviderConfigArgs(
                            adjacent_intervals=1
                        ),
                    )
                ],
            ),
            blocking_functions=gcp.identityplatform.ConfigBlockingFunctionsArgs(
                triggers=[
                    gcp.identityplatform.ConfigBlockingFunctionsTriggerArgs(event_type=event, function_uri=function.url)
                    for event in EVENTS
                ],
                forward_inbound_credentials=gcp.identityplatform.ConfigBlockingFunctionsForwardInboundCredentialsArgs(
                    access_token=False, id_token=False, refresh_token=False
                ),
            ),
            client=gcp.identityplatform.ConfigClientArgs(
                permissions=gcp.identityplatform.ConfigClientPermissionsArgs(
                    disabled_user_deletion=False, disabled_user_signup=False
                )
            ),
            monitoring=gcp.identityplatform.ConfigMonitoringArgs(
                request_logging=gcp.identityplatform.ConfigMonitoringRequestLoggingArgs(enabled=True)
            ),
            multi_tenant=gcp.identityplatform.ConfigMultiTenantArgs(allow_tenants=False),
            quota=gcp.identityplatform.ConfigQuotaArgs(
                sign_up_quota_config=gcp.identityplatform.ConfigQuotaSignUpQuotaConfigArgs(
                    quota=args.sign_ups_a_day,
                    quota_duration=days(1),
                    start_time=f"{args.limited_since.isoformat()}T00:00:00Z",
                )
            ),
            sms_region_config=gcp.identityplatform.ConfigSmsRegionConfigArgs(
                allowlist_only=gcp.identityplatform.ConfigSmsRegionConfigAllowlistOnlyArgs(allowed_regions=[])
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api(IDENTITY_TOOLKIT)]),
        )
        if args.google is not None:
            self._google(name, args, args.google)
        self.register_outputs({"function": function.url})

    def _google(self, name: str, args: SignInArgs, google: GoogleSignIn) -> None:
        """Google as the third party. The provider wants a secret also for one that is switched off."""
        client_secret = google.client_secret
        if client_secret is None:
            pulumi.log.warn(
                "VER-1: sign-in with Google stays switched off until its secret is there: "
                "pulumi config set --secret --path credentials.googleClientSecret",
                self,
            )
            placeholder = random.RandomPassword(
                f"{name}-google", length=32, special=False, opts=self.child(provider=args.random)
            )
            client_secret = placeholder.result
        gcp.identityplatform.DefaultSupportedIdpConfig(
            f"{name}-google",
            project=args.project.project_id,
            idp_id="google.com",
            client_id=google.client_id,
            client_secret=secret(client_secret),
            enabled=google.client_secret is not None,
            opts=self.child(provider=args.project.provider, depends_on=[self.config]),
        )
