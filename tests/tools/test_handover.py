"""What a finished bootstrap says: the commands that come next, and tables that say what was granted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from components import ci_roles
from tests.tools import logs
from tools import events, handover, places, roles
from tools.refusal import Refusal
from tools.stacks import Stack

EXPORTED: dict[str, Any] = {
    "state": "gs://acme-delivery-state",
    "secrets_provider": "gcpkms://projects/acme-delivery/locations/l/keyRings/r/cryptoKeys/secrets",
    "accounts": {
        name: f"serviceAccount:ci-{name}@acme-delivery.iam.gserviceaccount.com" for name in handover.ENVIRONMENTS
    },
    "workload_identity_providers": dict.fromkeys(handover.ENVIRONMENTS, "projects/1/locations/global/x"),
}


def test_the_next_commands_carry_the_companys_own_names() -> None:
    """Each environment gets the account and the provider of its own identity."""
    said = handover.lines(Stack(name="prod-bootstrap"), EXPORTED)
    assert said[0] == "pulumi login gs://acme-delivery-state"
    assert said[1].startswith('pulumi stack init prod --secrets-provider="gcpkms://projects/acme-delivery/')
    pairs = re.findall(r"SERVICE_ACCOUNT --env (\w+) --body ci-(\w+)@", "\n".join(said))
    assert pairs == [("preview", "preview"), ("drift", "drift"), ("production", "deploy")]
    assert said[-1].endswith("PULUMI_BACKEND_URL --body gs://acme-delivery-state")


def test_environments_are_those_of_the_workflows() -> None:
    """A variable that no job reads would leave CI without an identity."""
    workflows = "\n".join(f.read_text() for f in (places.ROOT / ".github" / "workflows").glob("*.yml"))
    assert set(re.findall(r"environment: (\w+)", workflows)) == set(handover.ENVIRONMENTS.values())
    assert set(re.findall(r"vars\.(\w+)", workflows)) == {
        "PULUMI_BACKEND_URL",
        "SERVICE_ACCOUNT",
        "WORKLOAD_IDENTITY_PROVIDER",
    }


def test_a_bootstrap_that_was_never_applied_hands_nothing_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It says so instead of printing half of it."""
    engine = tmp_path / "pulumi"
    monkeypatch.setattr(places, "engine", lambda: tmp_path)
    engine.write_text("#!/bin/sh\necho '{}'\n")
    engine.chmod(0o755)
    with pytest.raises(Refusal, match="exported nothing yet"):
        handover.outputs(Stack(name="prod-bootstrap"))
    engine.write_text("#!/bin/sh\necho 'error: no stack' >&2; exit 1\n")
    with pytest.raises(Refusal, match="cannot be read"):
        handover.outputs(Stack(name="prod-bootstrap"))


def test_the_tables_of_permissions_are_fresh() -> None:
    """docs/real-cloud.md says what the bootstrap grants."""
    text = roles.TARGET.read_text(encoding="utf-8")
    assert roles.page(text) == text, "run `python -m tools.roles`"
    for entry in (*ci_roles.DEPLOY, *ci_roles.READ):
        assert f"| `{entry.role}` |" in text


def test_a_role_stands_once_in_a_table() -> None:
    """Two rows of one role would have two reasons."""
    for table in (ci_roles.DEPLOY, ci_roles.READ):
        names = [entry.role for entry in table]
        assert len(names) == len(set(names))
        assert all(set(entry.where) <= {*ci_roles.EVERYWHERE, ci_roles.ORGANIZATION} for entry in table)


def test_stacks_of_the_bootstrap_program_have_its_folder_and_project() -> None:
    """Every target takes them."""
    stack = Stack(name="prod-bootstrap")
    assert stack.file == places.ROOT / "bootstrap" / "Pulumi.prod-bootstrap.yaml"
    assert stack.program == places.ROOT / "bootstrap"
    assert "secure-hosting-bootstrap" in str(stack.state)
    with pytest.raises(Refusal, match=r"there is no Pulumi\.other-bootstrap\.yaml") as refusal:
        Stack(name="other-bootstrap").read_file()
    assert "prod-bootstrap" in str(refusal.value)


def test_what_a_company_does_without_is_kept_from_the_log(tmp_path: Path) -> None:
    """A sentence that names a clause is for the reader, each one once; the engine's own chatter is not."""
    told = logs.error("no organization is configured: no device levels (DEV-1)", severity="info")
    chatter = logs.error("downloading plugin", severity="info")
    read = events.read(logs.write(tmp_path / "log", [told, told, chatter]))
    assert read.notes == ["no organization is configured: no device levels (DEV-1)"]
