"""What comes before the stack, with the real engine, the real pack and the local cloud.

Made by its reviewed plan, clean afterwards, read back, weakened, and its state moved as the documentation says.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.model import gcp
from tools import events, places
from tools.stacks import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
STACK = Stack(name="small-bootstrap")
STATE = "example-small-delivery-state"
DOCS = places.ROOT / "docs" / "real-cloud.md"


class Ground:
    """The bootstrap of the small stack in a local cloud of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.local = folder / "local"
        self.plan = folder / "plan.json"

    def environment(self) -> dict[str, str]:
        """The user's: nothing of their Pulumi settings, and a local folder of the test."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "SECURE_HOSTING_"))}
        return {**kept, "SECURE_HOSTING_LOCAL": str(self.local), "CI": "true"}

    def tools(self, *words: str) -> tuple[int, str]:
        """`python -m tools …`: exit code and everything it said."""
        return self.run(sys.executable, "-m", "tools", *words)

    def run(self, *command: str, cwd: Path = places.ROOT, typed: str = "", **env: str) -> tuple[int, str]:
        """Any command, in this environment."""
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**self.environment(), **env},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, events.plain(done.stdout + done.stderr)

    def set(self, *changes: str) -> None:
        """Changes the bucket of the state past the code."""
        code, said = self.run(sys.executable, "-m", "localcloud", "set", STATE, *changes)
        assert code == 0, said

    def engine(self) -> dict[str, str]:
        """The engine's environment for this local cloud."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SECURE_HOSTING_LOCAL", str(self.local))
            return {k: v for k, v in STACK.environment().items() if k.startswith(("PULUMI_", "SECURE_", "PATH"))}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Applied by its own reviewed plan; the committed stack file comes out of it as it was."""
    before = STACK.file.read_bytes()
    made = Ground(tmp_path_factory.mktemp("ground"))
    code, said = made.tools("preview", "--stack", STACK.name, f"--save-plan={made.plan}")
    assert code == 0, said
    code, said = made.tools("up", "--stack", STACK.name, f"--plan={made.plan}")
    assert code == 0, said
    yield made
    assert STACK.file.read_bytes() == before


def test_a_second_preview_shows_no_change_and_says_what_is_missing(ground: Ground) -> None:
    """Nothing fails, nothing is undetermined, and a company without an organization is told what it lacks."""
    code, said = ground.tools("preview", "--stack", STACK.name, "--expect-no-changes")
    assert code == 0, said
    assert re.search(r"Preview of small-bootstrap\s+no change", said)
    assert "0 fail" in said
    assert "0 undetermined" in said
    assert "Missing            no organization is configured" in said


def test_the_deployment_is_on_record_and_the_plan_is_spent(ground: Ground) -> None:
    """Commit, plan, pack and state before; a second use of the plan is refused, because the state moved."""
    record = json.loads((ground.local / "runs" / STACK.name / "deployment.json").read_text())
    assert (record["stack"], record["exit_code"]) == (STACK.name, 0)
    assert record["changes"]["create"] > 200
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", record["plan"])
    code, said = ground.tools("up", "--stack", STACK.name, f"--plan={ground.plan}")
    assert code != 0
    assert "nothing was changed in small-bootstrap" in said
    assert "the state has moved on" in said


def test_what_is_changed_by_hand_is_read_back(ground: Ground) -> None:
    """A field of ours, and one that the program leaves to the cloud and no preview compares (CHG-4)."""
    ground.set("versioning.enabled=false", "rpo=ASYNC_TURBO")
    code, said = ground.tools("drift", "--stack", STACK.name)
    assert code == 1
    assert "state: versioning.enabled is false, applied was true" in said
    assert 'state: rpo is "ASYNC_TURBO", applied was not set' in said
    assert "CHG-1 state-versioned: state" in said
    ground.set("versioning.enabled=true", "rpo=null")
    code, said = ground.tools("drift", "--stack", STACK.name)
    assert code == 0, said


WEAKENED: dict[str, tuple[str, dict[str, Any]]] = {
    "pull requests deploy": (
        "CHG-3",
        {
            "type": gcp("iam/workloadIdentityPoolProvider"),
            "name": "github-deploy",
            "set": {
                "attributeCondition": 'assertion.repository_owner_id == "1000001" && assertion.repository_id == '
                '"284705316" && assertion.environment == "production"'
            },
        },
    ),
    "the state keeps no versions": (
        "CHG-1",
        {"type": gcp("storage/bucket"), "name": "state", "set": {"versioning.enabled": False}},
    ),
}


@pytest.mark.parametrize("case", WEAKENED)
def test_a_weakened_bootstrap_is_stopped(case: str, ground: Ground, tmp_path: Path) -> None:
    """By the real engine with the real pack, under the clause of the control."""
    clause, change = WEAKENED[case]
    weakener = places.ROOT / "tests" / "e2e" / "program" / "__main__.py"
    (tmp_path / "Pulumi.yaml").write_text("name: secure-hosting-bootstrap\nruntime: {name: python}\n")
    (tmp_path / "__main__.py").write_text(
        f"import runpy\nrunpy.run_path({str(weakener)!r}, run_name='__main__')\n", encoding="utf-8"
    )
    log, copy = tmp_path / "events.jsonl", ground.local / f"Pulumi.{STACK.name}.yaml"
    code, said = ground.run(
        str(places.engine() / "pulumi"),
        *("preview", "--stack", STACK.name, "--config-file", str(copy), "--event-log", str(log), "--non-interactive"),
        cwd=tmp_path,
        **ground.engine(),
        WEAKEN=json.dumps(change),
        WEAKEN_PROGRAM="bootstrap/__main__.py",
    )
    assert code != 0
    found = events.read(log).violations
    assert [v for v in found if v.blocking and v.message.startswith(f"{clause} ")], said[-3000:]


def test_the_state_moves_by_the_commands_of_the_documentation(ground: Ground, tmp_path: Path) -> None:
    """The lines of docs/real-cloud.md, from one folder to another: nothing is lost, and a preview shows no change."""
    block = re.search(r"<!-- migrate:begin.*?```\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    script = block[1].replace("prod-bootstrap", STACK.name)
    old, new, checkout = tmp_path / "old", tmp_path / "new", tmp_path / "checkout"
    shutil.copytree(ground.local / "backend", old)
    new.mkdir()
    (checkout / "bootstrap").mkdir(parents=True)
    shutil.copy(places.ROOT / "bootstrap" / "Pulumi.yaml", checkout / "bootstrap")
    stack_file = checkout / "bootstrap" / STACK.file.name
    shutil.copy(ground.local / STACK.file.name, stack_file)
    engine = {k: v for k, v in ground.engine().items() if k != "PULUMI_BACKEND_URL"}
    env = {**engine, "PULUMI_HOME": str(tmp_path / "home"), "STATE": f"file://{new}", "SECRETS_PROVIDER": "passphrase"}
    login = f"set -euo pipefail\npulumi login file://{old}\n"
    # Where the new provider is a passphrase too, it is asked for twice; a key asks nobody.
    code, said = ground.run("bash", "-c", login + script, cwd=checkout, typed="local\nlocal\n", **env)
    assert code == 0, said
    assert not (checkout / "bootstrap" / "state.json").exists()
    before, after = (_resources(folder) for folder in (old, new))
    assert len(before) > 200
    assert after == before
    code, said = ground.run(
        str(places.engine() / "pulumi"),
        *(
            "preview",
            "--stack",
            STACK.name,
            "--config-file",
            str(stack_file),
            "--expect-no-changes",
            "--non-interactive",
        ),
        cwd=STACK.program,
        **engine,
        PULUMI_BACKEND_URL=f"file://{new}",
    )
    assert code == 0, said[-3000:]


def _resources(backend: Path) -> dict[str, Any]:
    """URN to id and protection of what a backend knows."""
    file = backend / ".pulumi" / "stacks" / "secure-hosting-bootstrap" / f"{STACK.name}.json"
    latest = json.loads(file.read_text())["checkpoint"]["latest"]
    return {r["urn"]: (r.get("id"), r.get("protect")) for r in latest["resources"]}
