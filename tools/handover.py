"""What a finished bootstrap hands over: where the state goes, and what CI signs in with."""

from __future__ import annotations

import json
import subprocess
from typing import Any, TextIO

from tools import places
from tools.refusal import Refusal
from tools.stacks import BOOTSTRAP, Stack

ENVIRONMENTS = {"preview": "preview", "drift": "drift", "deploy": "production"}
"""Identity of CI to the GitHub environment whose jobs become it."""


def outputs(stack: Stack) -> dict[str, Any]:
    """What the stack exported. Refuses one that was never applied."""
    command = [str(places.engine() / "pulumi"), "stack", "output", "--json", "--stack", stack.name, "--non-interactive"]
    run = subprocess.run(
        command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refusal(
            f"the outputs of {stack.name} cannot be read.", details=tuple(run.stderr.strip().splitlines()[-4:])
        )
    found: dict[str, Any] = json.loads(run.stdout)
    if not {"state", "secrets_provider", "accounts", "workload_identity_providers"} <= set(found):
        raise Refusal(f"{stack.name} has exported nothing yet.", fix="apply it first: make bootstrap")
    return found


def lines(stack: Stack, exported: dict[str, Any]) -> list[str]:
    """The next steps, as they are typed."""
    prepared = stack.name.removesuffix(BOOTSTRAP)
    said = [
        f"pulumi login {exported['state']}",
        f'pulumi stack init {prepared} --secrets-provider="{exported["secrets_provider"]}"',
    ]
    for identity, environment in ENVIRONMENTS.items():
        account = str(exported["accounts"][identity]).partition(":")[2]
        said += [
            f"gh variable set SERVICE_ACCOUNT --env {environment} --body {account}",
            f"gh variable set WORKLOAD_IDENTITY_PROVIDER --env {environment} "
            f"--body {exported['workload_identity_providers'][identity]}",
        ]
    return [*said, f"gh variable set PULUMI_BACKEND_URL --body {exported['state']}"]


def show(stack: Stack, *, out: TextIO) -> None:
    """Prints what comes next; what is missing is in the report already."""
    exported = outputs(stack)
    print("\n  Handed over        the state and CI begin with these (docs/real-cloud.md says when):", file=out)
    for text in lines(stack, exported):
        print(f"    {text}", file=out)
