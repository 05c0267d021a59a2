"""Who the company's users are, and how they prove it: from what the stack file says to its components."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .base import Component
from .blocking_function import BlockingFunctionArgs
from .foundation import Foundation
from .governance import Governance
from .sign_in import GoogleSignIn, SignIn, SignInArgs

if TYPE_CHECKING:
    from config import StackConfig

SOURCE = "sign-in-source"


class Verification(Component):
    """Sign-in, where the company has users of its own to sign in."""

    token = "hosting:identity:Verification"
    clauses: ClassVar[tuple[str, ...]] = ("VER-1", "VER-2", "MIN-2")

    sign_in: SignIn | None

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        governance: Governance,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self.sign_in = None
        spec = config.sign_in
        if spec is not None:
            secret = config.credentials.google_client_secret
            client_secret = pulumi.Output.secret(secret.get_secret_value()) if secret is not None else None
            self.sign_in = SignIn(
                "sign-in",
                SignInArgs(
                    project=foundation.workload,
                    function=BlockingFunctionArgs(
                        project=foundation.workload,
                        network=foundation.network,
                        key=foundation.keys[spec.source_class],
                        region=config.regions.primary,
                        source_days=config.inventory[SOURCE].retention_days,
                        access_log_bucket=governance.archive.access_log,
                        bucket_labels=config.labels(SOURCE),
                        labels=config.company.labels,
                        protected=config.protects(SOURCE),
                    ),
                    domains=spec.domains,
                    google=GoogleSignIn(client_id=spec.google.client_id, client_secret=client_secret)
                    if spec.google is not None
                    else None,
                    random=foundation.random,
                    second_factor=spec.second_factor,
                    sign_ups_a_day=spec.sign_ups_a_day,
                    limited_since=spec.limited_since,
                ),
                self.child(),
            )
        self.register_outputs({})
