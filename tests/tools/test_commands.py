"""The commands with the real engine, the committed pack and the local cloud, on the production stack."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from policies.model import gcp
from tests.e2e.sandbox import Sandbox
from tests.recording import protected
from tools import places, readme

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PATIENCE_SECONDS = 900
"""A deployment takes one to two minutes on two free cores."""
PROD = places.ROOT / "Pulumi.prod.yaml"


@dataclass(frozen=True)
class Laptop:
    """A user with an empty home and a local folder of their own; the engine comes from the shared cache."""

    home: Path
    local: Path
    cache: Path

    def environment(self) -> dict[str, str]:
        """What the user's shell has: no terminal, no settings of Pulumi."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "SECURE_HOSTING_", "XDG_"))}
        own = {"HOME": str(self.home), "SECURE_HOSTING_LOCAL": str(self.local), "SECURE_HOSTING_CACHE": str(self.cache)}
        return {**env, **own}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`python -m tools …` in the checkout."""
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=places.ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str]:
        """Runs it to its end: exit code and everything it said."""
        with self.start(*words) as process:
            said = process.communicate(timeout=PATIENCE_SECONDS)[0]
        return process.returncode, said

    def cloud(self) -> list[tuple[str, str]]:
        """URN and id of everything that exists; a setting of a Render workspace, written over its API, has no URN."""
        file = self.local / "cloud.db"
        if not file.exists():
            return []
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
                return connection.execute("SELECT urn, id FROM resources WHERE urn <> '' ORDER BY urn").fetchall()
        except sqlite3.OperationalError:
            return []


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """One laptop for the journey of this module; the stack file must come out of it as it was."""
    before = (PROD.read_bytes(), PROD.stat().st_mtime_ns)
    folder = tmp_path_factory.mktemp("laptop")
    (folder / "home").mkdir()
    yield Laptop(home=folder / "home", local=folder / "local", cache=places.cache())
    assert (PROD.read_bytes(), PROD.stat().st_mtime_ns) == before
    assert list((folder / "home").rglob("*")) == [], "a command wrote into the user's home"


def test_preview_without_any_account_is_clean_and_proved(laptop: Laptop) -> None:
    """The first command of a newcomer: everything judged, nothing failing, exit code 0."""
    code, said = laptop.run("tools", "preview")
    assert code == 0, said
    assert "Preview of prod" in said
    assert " to create" in said
    assert ", 0 fail," in said
    assert readme.steady(readme.shown()) == readme.steady(readme.report(said)), "run `python -m tools.readme`"
    code, said = laptop.run("tools", "guard")
    assert code == 0, said
    assert not laptop.cloud(), "a preview creates nothing"


def test_json_goes_to_standard_output_alone(laptop: Laptop) -> None:
    """Programs read one object; people's lines go elsewhere."""
    done = subprocess.run(
        [sys.executable, "-m", "tools", "preview", "--json"],
        cwd=places.ROOT,
        env=laptop.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["exit_code"], said["errors"], said["unproven"]) == (0, 0, [], [])
    assert [violation for violation in said["violations"] if violation["blocking"]] == []
    assert said["changes"]["create"] == len(json.loads(Path(said["digest"]).read_text())["steps"])


def test_log_of_a_weakened_pack_is_refused_by_the_guard(laptop: Laptop, tmp_path: Path) -> None:
    """The engine is content with a pack that is configured away; its event log is not."""
    from tools.stacks import Stack

    weak = tmp_path / "weak.json"
    listing = subprocess.run(
        [sys.executable, "-m", "policies", "list", "--json"],
        cwd=places.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rules = [json.loads(line) for line in listing.stdout.splitlines()]
    rule = next(rule["rule"] for rule in rules if rule["waivable"] and rule["scope"] == "resource")
    weak.write_text(json.dumps({rule: "disabled"}))
    env = laptop.environment() | {
        "PATH": os.pathsep.join([str(places.VENV_BIN), str(laptop.local / "engine"), os.environ["PATH"]]),
        "PULUMI_HOME": str(laptop.local / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{laptop.local / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "local",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DEBUG_COMMANDS": "true",
        "PULUMI_OPTION_POLICY_PACK": str(places.PACK),
        "PULUMI_OPTION_POLICY_PACK_CONFIG": str(weak),
    }
    command = ["pulumi", "preview", "--stack", Stack(name="prod").name, "--non-interactive", "--json"]
    command += ["--config-file", str(laptop.local / "Pulumi.prod.yaml"), "--event-log", str(tmp_path / "log")]
    subprocess.run(command, cwd=places.ROOT, env=env, capture_output=True, timeout=PATIENCE_SECONDS, check=True)
    code, said = laptop.run("tools", "guard", "--events", str(tmp_path / "log"))
    assert code == 1
    assert f"switched off: {rule}" in said


def test_deployment_killed_in_its_middle_recovers_to_the_same(laptop: Laptop) -> None:
    """`kill -9`, `recover`, `up` by its reviewed plan, as CI does: every resource once, and nothing left to change."""
    process = laptop.start("tools", "up")
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(laptop.cloud()) < 25 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        [lock] = (laptop.local / "backend/.pulumi/locks").rglob("*.json")
        os.kill(json.loads(lock.read_text())["pid"], signal.SIGKILL)
        said = process.communicate(timeout=60)[0]
    finally:
        process.kill()
        _end_of(laptop)
    assert process.returncode == 128 + signal.SIGKILL, said

    code, said = laptop.run("tools", "up")
    assert code == 1
    assert "was interrupted" in said
    assert "make recover" in said

    code, said = laptop.run("tools", "recover")
    assert code == 0, said
    plan, runs = laptop.local / "plan.json", laptop.local / "runs" / "prod"
    code, said = laptop.run("tools", "preview", f"--save-plan={plan}")
    assert code == 0, said
    code, said = laptop.run("tools", "review", "--plan", str(plan))
    assert code == 0, said
    reviewed = str(runs / "review" / "review.json")
    code, said = laptop.run("tools", "guard", "--plan", str(plan), "--reviewed", reviewed)
    assert code == 0, said
    code, said = laptop.run("tools", "up", f"--plan={plan}")
    assert code == 0, said
    code, said = laptop.run("tools", "guard", "--of", "up")
    assert code == 0, said
    code, said = laptop.run("tools", "evidence", "--of", "up", "--plan", str(plan))
    assert code == 0, said

    urns = [urn for urn, _ in laptop.cloud()]
    assert len(urns) == len(set(urns)), "a resource exists twice"
    code, said = laptop.run("tools", "preview", "--expect-no-changes")
    assert code == 0, said
    assert "no change" in said
    state = json.loads((laptop.local / "backend/.pulumi/stacks/secure-hosting/prod.json").read_text())
    known = {(r["urn"], r["id"]) for r in state["checkpoint"]["latest"]["resources"] if r.get("id")}
    assert set(laptop.cloud()) <= known, "a resource exists that the state does not know"


def test_recovery_of_a_healthy_stack_changes_nothing(laptop: Laptop) -> None:
    """It can be run at any time."""
    before = laptop.cloud()
    code, said = laptop.run("tools", "recover")
    assert (code, laptop.cloud()) == (0, before)
    assert "nothing was left behind" in said


def test_deployed_stack_refuses_to_be_destroyed(laptop: Laptop) -> None:
    """Databases, keys and copies are protected; the command says so with the engine's own exit code."""
    before = laptop.cloud()
    code, said = laptop.run("tools", "destroy")
    assert code not in (0, 1)
    assert "protect" in said
    assert laptop.cloud() == before


def test_whole_stack_goes_as_the_documents_say(laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/real-cloud.md, "How to leave": named, waived, unprotected, destroyed; what stays is what it says stays."""
    monkeypatch.setenv("SECURE_HOSTING_LOCAL", str(laptop.local))  # where its engine is
    leaving = _leaving(laptop, tmp_path / "leaving")
    pack = leaving.own_pack()
    judged = {"PULUMI_OPTION_POLICY_PACK": str(pack)}
    refused = leaving.pulumi("preview", timeout=PATIENCE_SECONDS, **judged)
    assert "pulumi-stateful-protected" in refused.mandatory()
    _waive(pack, {(e["policyName"], e["resourceUrn"]) for e in refused.policy_events()})
    applied = leaving.pulumi("up", "--yes", "--skip-preview", timeout=PATIENCE_SECONDS, **judged)
    assert applied.code == 0, applied.said[-3000:]
    assert leaving.pulumi("state", "unprotect", "--all", "--yes").code == 0

    stopped = leaving.pulumi("destroy", "--yes", timeout=PATIENCE_SECONDS)
    assert "networks/private' is already being used by" in stopped.said
    [peering] = [identity for identity, kind in leaving.cloud().items() if kind == gcp("servicenetworking/connection")]
    leaving.localcloud("delete", peering)
    gone = leaving.pulumi("destroy", "--yes", timeout=PATIENCE_SECONDS)
    assert gone.code == 0, gone.said[-3000:]
    assert leaving.state()["deployment"].get("resources", []) == []
    assert set(leaving.cloud().values()) == {
        gcp("kms/keyRing"),
        gcp("kms/cryptoKey"),
        gcp("logging/projectBucketConfig"),
        "render:notification-settings:OwnerNotificationSetting",
    }


def _end_of(laptop: Laptop) -> None:
    """Ends what the killed engine left running: the pack, waiting for it."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(laptop.local).encode() in file.read_bytes():
                os.kill(int(file.parent.name), signal.SIGKILL)


def _leaving(laptop: Laptop, folder: Path) -> Sandbox:
    """The deployed stack somewhere else, with everything named under `unprotected`."""
    shutil.copytree(laptop.local, folder / "local", symlinks=True)
    yaml = YAML()
    document = yaml.load(laptop.local / "Pulumi.prod.yaml")
    reason = {"reason": "the company moves to another place"}
    document["config"]["secure-hosting:unprotected"] = dict.fromkeys(sorted(protected("prod")), reason)
    yaml.dump(document, folder / "Pulumi.prod.yaml")
    return Sandbox(folder, "prod")


def _waive(pack: Path, found: set[tuple[str, str]]) -> None:
    """One waiver for each thing that is let go of."""
    yaml = YAML()
    document = yaml.load(pack / "waivers.yaml")
    said = {"stack": "prod", "owner": "platform-team", "reason": "the company leaves this place"}
    said |= {"compensating_control": "everything was exported, and restored elsewhere"}
    until = datetime.now(UTC).date() + timedelta(days=7)
    document["waivers"] += [{"rule": rule, "resource": urn, **said, "expires": until} for rule, urn in sorted(found)]
    yaml.dump(document, pack / "waivers.yaml")
