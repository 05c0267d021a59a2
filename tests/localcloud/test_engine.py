"""The real engine on the local cloud: deployments, drift, import, protection, and recovery from every fault."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud import faults
from localcloud.edit import assign
from localcloud.faults import Kind
from localcloud.install import install
from localcloud.store import Store
from tools import places

PROGRAM = Path(__file__).parent / "program"
ENGINE = Path(__file__).resolve().parents[2] / ".local" / "engine"
DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
RING = "gcp:kms/keyRing:KeyRing"

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("localcloud-engine")]


class Stack:
    """A stack of the small program: PULUMI_HOME, backend and cloud in one folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "program"
        self.store = Store(folder / "local" / "cloud.db")

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        return kept | {
            "PATH": os.pathsep.join([str(places.VENV_BIN), str(ENGINE), kept.get("PATH", "")]),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "local",
            "PULUMI_STACK": "dev",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "SECURE_HOSTING_LOCAL": str(self.folder / "local"),
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *words, "--non-interactive", "--color", "never"],
            cwd=self.program, env=self.environment(), text=True, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *words: str, fails: bool = False) -> str:
        process = self.start(*words)
        said, _ = process.communicate(timeout=300)
        assert (process.returncode != 0) is fails, said
        return said

    def up(self, fails: bool = False) -> str:
        return self.run("up", "--yes", "--skip-preview", fails=fails)

    def changes(self) -> dict[str, int]:
        """What a preview would do, without what stays."""
        said = self.run("preview", "--json")
        digest = json.loads(said[said.index("{") :])
        return {op: number for op, number in digest["changeSummary"].items() if op != "same"}

    def export(self) -> dict[str, Any]:
        deployment: dict[str, Any] = json.loads(self.run("stack", "export"))["deployment"]
        return deployment

    def resources(self) -> dict[str, str]:
        """URN -> id of everything that the stack has in the cloud."""
        return {entry["urn"]: entry["id"] for entry in self.export()["resources"] if entry.get("id")}

    def in_the_cloud(self) -> dict[str, str]:
        return {item.urn: item.id for item in self.store.find() if item.urn}

    def set(self, key: str, value: str) -> None:
        self.run("config", "set", key, value)

    def adopt(self, token: str, name: str, identity: str) -> None:
        """Import a resource as the program declares it."""
        options = ("--yes", "--skip-preview", "--protect=false", "--generate-code=false")
        self.run("import", token, name, identity, *options)

    def append(self, text: str) -> None:
        with (self.program / "__main__.py").open("a") as file:
            file.write(text)

    def is_whole(self) -> None:
        """Nothing lost, nothing twice, nothing left to do."""
        state = {urn: identity for urn, identity in self.resources().items() if "::gcp:" in urn}
        assert state == self.in_the_cloud()
        assert self.changes() == {}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The small program, deployed once; tests work on copies."""
    stack = Stack(tmp_path_factory.mktemp("deployed"))
    shutil.copytree(PROGRAM, stack.program)
    (stack.folder / "backend").mkdir()
    install(stack.folder / "home")
    stack.run("stack", "init", "dev")
    stack.set("gcp:project", "example-prod")
    assert "25 created" in stack.up()
    stack.store.close()
    return stack


@pytest.fixture
def stack(deployed: Stack, tmp_path: Path) -> Iterator[Stack]:
    shutil.copytree(deployed.folder, tmp_path, dirs_exist_ok=True)
    stack = Stack(tmp_path)
    yield stack
    stack.store.close()


def test_a_second_preview_shows_no_change(stack: Stack) -> None:
    stack.is_whole()


def test_secrets_are_nowhere_in_plain_text(stack: Stack) -> None:
    (version,) = stack.store.find("gcp:secretmanager/secretVersion:SecretVersion")
    password = version.properties["secretData"]
    assert len(password) == 32
    for file in (stack.folder / "backend").rglob("*.json"):
        assert password not in file.read_text()
    shown = subprocess.run(
        [sys.executable, "-m", "localcloud", "show", "version"],
        cwd=Path(__file__).resolve().parents[2], env=stack.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert password not in shown.stdout


def test_drift_is_seen_by_refresh_and_taken_back_by_up(stack: Stack) -> None:
    (database,) = stack.store.find(DATABASE)
    assign(stack.store, database.id, "settings.ipConfiguration.sslMode=ALLOW_UNENCRYPTED_AND_ENCRYPTED")
    assert "1 updated" in stack.run("refresh", "--yes", "--skip-preview")
    assert stack.changes() == {"update": 1}
    stack.up()
    (database,) = stack.store.find(DATABASE)
    assert database.properties["settings"]["ipConfiguration"]["sslMode"] == "ENCRYPTED_ONLY"


def test_what_was_deleted_out_of_band_is_made_again(stack: Stack) -> None:
    (grant,) = stack.store.find("gcp:storage/bucketIAMMember:BucketIAMMember")
    stack.store.remove(grant.type, grant.id)
    stack.run("refresh", "--yes", "--skip-preview")
    assert stack.changes() == {"create": 1}
    stack.up()
    stack.is_whole()


def test_a_misspelt_property_stops_the_preview(stack: Stack) -> None:
    stack.append('\ngcp.storage.Bucket("bad", location="EU", retention_policy={"retentionPeriods": "1"})\n')
    said = stack.run("preview", fails=True)
    assert "unknown property retentionPolicy.retentionPeriods; did you mean 'retentionPeriod'?" in said


def test_an_unserved_type_stops_the_preview_by_name(stack: Stack) -> None:
    stack.append('\ngcp.container.Cluster("bad")\n')
    said = stack.run("preview", fails=True)
    assert "localcloud does not serve the resource type gcp:container/cluster:Cluster" in said


def test_destroy_stops_at_what_is_protected(stack: Stack) -> None:
    stack.set("protected", "true")
    stack.up()
    said = stack.run("destroy", "--yes", "--skip-preview", fails=True)
    assert "without setting deletionProtection=false" in said
    assert len(stack.store.find(DATABASE)) == 1
    stack.set("protected", "false")
    stack.run("up", "--yes", "--skip-preview")
    stack.run("destroy", "--yes", "--skip-preview")
    assert {item.type for item in stack.store.find() if not item.urn} == {RING, "gcp:kms/cryptoKey:CryptoKey"}
    assert stack.in_the_cloud().keys() == {
        urn for urn in stack.in_the_cloud() if "::gcp:projects/service:Service::" in urn
    }


def test_an_import_is_followed_by_no_change(stack: Stack) -> None:
    before = stack.resources()
    (urn,) = (urn for urn in before if urn.endswith("::exports"))
    (member,) = (urn for urn in before if urn.endswith("::writes"))
    stack.run("state", "delete", member, "--yes")
    stack.run("state", "delete", urn, "--yes")
    for name, gone in (("exports", urn), ("writes", member)):
        token = gone.split("::")[2]
        stack.adopt(token, name, before[gone])
    assert stack.resources() == before
    stack.is_whole()


def test_a_few_refusals_for_haste_pass_unnoticed(stack: Stack) -> None:
    for kind in (Kind.too_many, Kind.unavailable):
        faults.add(stack.store, kind=kind, operation="create", type=RING, name="*", seconds=0, count=2)
    stack.append('\ngcp.kms.KeyRing("second", name="second", location=region)\n')
    stack.up()
    assert faults.arranged(stack.store) == []
    stack.is_whole()


@pytest.mark.parametrize("kind", [Kind.crash, Kind.lost])
def test_a_create_that_took_place_without_an_answer_is_taken_over(stack: Stack, kind: Kind) -> None:
    """The engine knows nothing of it; creating it again conflicts; the message says how to import it."""
    faults.add(stack.store, kind=kind, operation="create", type=RING, name="second", seconds=0, count=1)
    stack.append('\ngcp.kms.KeyRing("second", name="second", location=region)\n')
    stack.up(fails=True)
    said = stack.up(fails=True)
    identity = "projects/example-prod/locations/europe-west1/keyRings/second"
    assert f"pulumi import {RING} second '{identity}'" in said
    stack.adopt(RING, "second", identity)
    stack.up()
    stack.is_whole()


def test_a_create_whose_engine_was_killed_is_taken_over(stack: Stack) -> None:
    """`kill -9` in the middle of a create that takes place all the same: the engine remembers that it was creating."""
    faults.add(stack.store, kind=Kind.latency, operation="create", type=RING, name="second", seconds=6, count=1)
    stack.append('\ngcp.kms.KeyRing("second", name="second", location=region)\n')
    process = stack.start("up", "--yes", "--skip-preview")
    checkpoint = stack.folder / "backend" / ".pulumi" / "stacks" / "foundation" / "dev.json"
    deadline = time.monotonic() + 120
    while '"pending_operations"' not in checkpoint.read_text():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    while (second := stack.store.get(RING, "projects/example-prod/locations/europe-west1/keyRings/second")) is None:
        assert time.monotonic() < deadline, "the provider finishes what it was asked to do"
        time.sleep(0.2)
    stack.run("cancel", "--yes")
    (pending,) = stack.export()["pending_operations"]
    assert pending["type"] == "creating"
    stack.run("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    stack.adopt(RING, "second", second.id)
    stack.is_whole()
