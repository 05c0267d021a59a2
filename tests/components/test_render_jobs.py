"""The jobs of databases on Render: beside Google Cloud its monitoring hears them, on Render alone a watch does."""

from __future__ import annotations

import base64
import re
import shlex
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.core.evidence import public_key
from tests.jobs.parts import invoke
from tests.judging import failures
from tests.recording import Recorded, Recording, record_stack, stack_file

CRON, GROUP = "render:services:CronJob", "render:env-groups:EnvGroup"
CREDENTIALS = "secure-hosting:credentials"
PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
KEYS = {"renderSigningKey": PEM} | {
    f"offSite{word}Key": f"id-that-{word.lower()}s:secret" for word in ("Write", "Read", "Delete")
}
NAMES = ("render-export-site", "render-drill-site", "render-sweep", "render-canary")


def recorded(stack: str, **credentials: str) -> Recording:
    """A stack with its keys."""
    config = {**stack_file(stack), CREDENTIALS: credentials or KEYS}
    return record_stack(config, stack=stack, secret_keys=(CREDENTIALS,))


@pytest.fixture(scope="module")
def alone() -> Recording:
    """The stack that runs on Render alone."""
    return recorded("render-only")


def command(cron: Recorded) -> list[str]:
    """The words of what it runs."""
    return shlex.split(cron.inputs["serviceDetails"]["envSpecificDetails"]["dockerCommand"])


def flags(cron: Recorded) -> dict[str, str]:
    """Of its command line."""
    words = command(cron)[3:]
    return {words[i].removeprefix("--"): words[i + 1] for i in range(len(words) - 1) if words[i].startswith("--")}


def test_on_render_alone_every_job_is_there_with_a_watch(alone: Recording) -> None:
    """Export, drill, sweep and canary as elsewhere, and one that looks whether the others go on."""
    crons = {cron.name: cron for cron in alone.of(CRON)}
    assert set(crons) == {*NAMES, "render-watch"}
    assert command(crons["render-watch"])[:4] == ["python", "-m", "jobs", "watch"]
    assert flags(crons["render-watch"])["names"] == "site"
    assert alone.one("pulumi-python:dynamic/render:NotificationSettings").inputs["notificationsToSend"] == "failure"
    assert "cron_job_run_ended" in alone.one("render:webhooks:Webhook").inputs["eventFilter"]
    assert failures(alone) == {}


def test_without_the_watch_silence_is_found(alone: Recording) -> None:
    """And without export or drill, a database without a copy."""
    for name, rules in {
        "render-watch": {"backup-export-missing-alert", "restore-drill-missing-alert"},
        "render-export-site": {"backup-export-scheduled"},
        "render-drill-site": {"restore-drill-scheduled"},
    }.items():
        left = Recording(resources=tuple(r for r in alone if not (r.type == CRON and r.name == name)))
        assert {one.split()[1] for one in failures(left)} == rules, name


def test_beside_google_cloud_monitoring_hears_them(production: Recording) -> None:
    """An alert on silence for each, and no watch."""
    crons = {cron.name for cron in production.of(CRON)}
    assert {*NAMES} <= crons
    assert "render-watch" not in crons
    alerts = {alert.name for alert in production.of("gcp:monitoring/alertPolicy:AlertPolicy")}
    assert {f"{name}-missing" for name in NAMES} <= alerts


def test_nothing_secret_stands_on_a_command_line_or_in_the_state(alone: Recording) -> None:
    """Each job has the one access key that it needs, in a group of its own, encrypted."""
    wanted = {
        "render-export-site": "write",
        "render-drill-site": "read",
        "render-sweep": "delete",
        "render-watch": "read",
    }
    for cron in alone.of(CRON):
        assert not re.search(r":secret|PRIVATE|id-that", " ".join(command(cron)))
        group = alone.one(GROUP, cron.name)
        variables = {one["key"]: one["value"] for one in group.inputs["envVars"]}
        assert variables.get("AWS_ACCESS_KEY_ID") == (f"id-that-{wanted[cron.name]}s" if cron.name in wanted else None)
        assert {"envVars", "secretFiles"} <= group.secrets


def test_the_watch_takes_what_it_is_told(alone: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command line is one that the program understands; the key is the public half of the one that signs."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    watch = alone.one(CRON, "render-watch")
    code, document = invoke(*command(watch)[3:], "--dry-run")
    assert (code, document["names"]) == (0, ["site"]), document
    assert public_key(flags(watch)["signed-by"]) == PRIVATE.public_key()


@pytest.mark.parametrize("keys", [KEYS, {"renderApiKey": "rnd-a-key-of-a-test"}], ids=["with a key", "without"])
def test_the_canary_of_google_cloud_looks_for_renders(keys: dict[str, str]) -> None:
    """With the public half of the key that Render's entries are signed with; until there is one, for nothing."""
    canary = recorded("prod", **keys).one("gcp:cloudrunv2/job:Job", "log-canary")
    (container,) = canary.inputs["template"]["template"]["containers"]
    public = base64.b64encode(PRIVATE.public_key().public_bytes_raw()).decode()
    assert container["args"] == ["canary", *(["--render-key", public] if keys is KEYS else [])]
    assert not any("containers" in path for path in canary.secrets)


def test_a_signing_key_that_is_none_is_refused() -> None:
    """Before anything is made, and without repeating it."""
    with pytest.raises(ValueError, match="renderSigningKey is no Ed25519 key") as refused:
        recorded("render-only", renderSigningKey="hunter2hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_database_on_render_that_is_exported_nowhere_is_refused() -> None:
    """Also on Render alone."""
    config: dict[str, Any] = {k: v for k, v in stack_file("render-only").items() if not k.endswith(":jobs")}
    with pytest.raises(Exception, match=r"(?s)jobs  \(BAK-4\).*site on Render would have no independent copy"):
        record_stack(config, stack="render-only")
