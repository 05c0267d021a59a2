"""A place of its own for the real engine, the real pack and the local cloud: nothing is shared with the checkout."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import events, places

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).resolve().parent / "program"
STACK = "small"


@dataclass(frozen=True)
class Ran:
    """What a run of the engine left."""

    code: int
    said: str
    events: Path

    def policy_events(self) -> list[dict[str, Any]]:
        """The violations, as the engine reported them."""
        lines = self.events.read_text(encoding="utf-8").splitlines() if self.events.exists() else []
        return [e["policyEvent"] for e in map(json.loads, lines) if "policyEvent" in e]

    def steps(self) -> list[tuple[str, str, str]]:
        """What was done, or would be: operation, type and name of every resource of a provider that does not stay."""
        lines = self.events.read_text(encoding="utf-8").splitlines()
        found = [e["resourcePreEvent"]["metadata"] for e in map(json.loads, lines) if "resourcePreEvent" in e]
        return sorted(
            (str(one["op"]), str(one["type"]), str(one["urn"]).rsplit("::", 1)[-1])
            for one in found
            if one["op"] != "same" and not str(one["type"]).startswith(("hosting:", "pulumi:"))
        )

    def mandatory(self) -> dict[str, str]:
        """Rule → message of the violations that stop a deployment."""
        return {e["policyName"]: e["message"] for e in self.policy_events() if e["enforcementLevel"] == "mandatory"}


class Sandbox:
    """One folder: PULUMI_HOME with the local cloud's plugins, a file backend, the cloud's own state."""

    def __init__(self, folder: Path, stack: str = STACK) -> None:
        self.folder, self.stack = folder, stack
        self.local = folder / "local"
        self.config = folder / f"Pulumi.{stack}.yaml"
        self.log = folder / "events.jsonl"

    def prepare(self) -> Sandbox:
        """Installs the plugins and makes the stack."""
        (self.local / "backend").mkdir(parents=True)
        shutil.copy(ROOT / f"Pulumi.{self.stack}.yaml", self.config)
        home = str(self.local / "pulumi-home")
        subprocess.run(
            [sys.executable, "-m", "localcloud", "install", "--home", home],
            cwd=ROOT,
            env=self.environment(),
            check=True,
        )
        made = self.pulumi("stack", "init", self.stack)
        assert made.code == 0, made.said
        return self

    def copy(self, folder: Path) -> Sandbox:
        """The same state somewhere else; the plugins find their state by environment."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        return Sandbox(folder, self.stack)

    def own_pack(self) -> Path:
        """A copy of the pack beside copies of the registers it judges by, to be changed; rows changed before stay."""
        pack = self.folder / "policies"
        if not pack.exists():
            shutil.copytree(ROOT / "policies", pack, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copytree(ROOT / "evidence", self.folder / "evidence")
        for register in ("access.yaml", "attestations.yaml", "data.yaml", "osv.json"):
            if not (self.folder / register).exists():
                shutil.copy(ROOT / register, self.folder)
        return pack

    def environment(self, **more: str) -> dict[str, str]:
        """The engine's environment: nothing of the user's Pulumi settings reaches it."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "SECURE_HOSTING_", "WEAKEN"))}
        return {
            **kept,
            "PATH": os.pathsep.join(
                [
                    str(self.local / "pulumi-home" / "bin"),
                    str(places.VENV_BIN),
                    str(places.engine()),
                    kept.get("PATH", ""),
                ]
            ),
            "PULUMI_HOME": str(self.local / "pulumi-home"),
            "PULUMI_BACKEND_URL": f"file://{self.local / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": "local",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_OPTION_POLICY_PACK": str(places.PACK),
            "SECURE_HOSTING_LOCAL": str(self.local),
            **more,
        }

    def command(self, *words: str) -> list[str]:
        """A pulumi command line on this stack."""
        stack = ["--stack", self.stack] if words[0] in _ON_STACK and words[:2] != ("stack", "init") else []
        flags = [*stack, *(["--config-file", str(self.config)] if words[0] in _CONFIGURED else [])]
        logged = ["--event-log", str(self.log)] if words[0] in _LOGGED else []
        return ["pulumi", *words, *flags, *logged, "--non-interactive", "--cwd", str(PROGRAM)]

    def pulumi(self, *words: str, weaken: dict[str, Any] | None = None, timeout: float = 240, **env: str) -> Ran:
        """Runs pulumi to its end."""
        self.log.unlink(missing_ok=True)
        more = {**env, **({"WEAKEN": json.dumps(weaken)} if weaken else {})}
        done = subprocess.run(
            self.command(*words),
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, events.plain(done.stdout + done.stderr), self.log)

    def start(self, *words: str, **env: str) -> subprocess.Popen[bytes]:
        """Starts pulumi as the leader of its own process group, so that a test can end all of it at once."""
        self.log.unlink(missing_ok=True)
        return subprocess.Popen(
            self.command(*words),
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def localcloud(self, *words: str) -> str:
        """A command of the local cloud's command line, on this sandbox's state."""
        done = subprocess.run(
            [sys.executable, "-m", "localcloud", *words],
            cwd=ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def cloud(self) -> dict[str, Any]:
        """What exists in the local cloud: id → type and name."""
        rows = map(json.loads, self.localcloud("list", "--json").splitlines())
        return {str(row["id"]): row["type"] for row in rows}

    def state(self) -> dict[str, Any]:
        """What the engine believes."""
        exported = self.pulumi("stack", "export")
        document: dict[str, Any] = json.loads(exported.said)
        return document


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9 for the engine and everything it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


_LOGGED = ("preview", "up", "destroy", "refresh")
_CONFIGURED = (*_LOGGED, "import")
_ON_STACK = (*_CONFIGURED, "stack", "cancel", "state")
