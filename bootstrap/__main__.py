"""The bootstrap program: what has to exist before the first `pulumi up` of the stack, applied by people."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from components.bootstrap import Bootstrap
from config import load_bootstrap, require_policy_pack

require_policy_pack()
config = load_bootstrap()

bootstrap = Bootstrap("bootstrap", config)

pulumi.export("state", bootstrap.state.url)
pulumi.export("secrets_provider", bootstrap.state.secrets_provider)
pulumi.export("accounts", bootstrap.federation.members)
pulumi.export("workload_identity_providers", bootstrap.federation.providers)
pulumi.export("missing", bootstrap.missing)
