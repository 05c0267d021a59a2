"""One stack: its file, the copy that local runs use, its state and the records of its runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools import places, stamp
from tools.refusal import Refusal

PROJECT = "secure-hosting"
BOOTSTRAP = "-bootstrap"
"""What the name of a stack of the bootstrap program ends in, and the name of its project."""
NEEDED_BYTES = 64 * 1024 * 1024
"""Free space below which nothing is started: state, events and digest of a thousand resources need half of it."""
_ENCRYPTION = re.compile(r"^(?:secretsprovider|encryptedkey|encryptionsalt):.*\n?", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack of this project, against the local cloud or, with `real`, the user's own Pulumi login.

    `prod` is a stack of the program, `prod-bootstrap` the one of the bootstrap program that comes before it.
    """

    name: str
    real: bool = False
    config: Path | None = None
    """Another file than `Pulumi.<name>.yaml`."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", self.name):
            raise Refusal(f"{self.name!r} is not a stack name.", fix="letters, digits, _ . and - only: STACK=prod")

    @property
    def program(self) -> Path:
        """The folder of the program."""
        return places.ROOT / "bootstrap" if self.name.endswith(BOOTSTRAP) else places.ROOT

    @property
    def project(self) -> str:
        """The name of the program's project."""
        return PROJECT + BOOTSTRAP if self.name.endswith(BOOTSTRAP) else PROJECT

    @property
    def file(self) -> Path:
        """The committed configuration. No local command writes to it."""
        return self.config or self.program / f"Pulumi.{self.name}.yaml"

    @property
    def copy(self) -> Path:
        """What local runs pass as `--config-file`."""
        return places.local() / f"Pulumi.{self.name}.yaml"

    @property
    def runs(self) -> Path:
        """Digest, events and judgement of the last run."""
        return places.local() / "runs" / self.name

    @property
    def state(self) -> Path:
        """The engine's state of a local stack."""
        return places.local() / "backend" / ".pulumi" / "stacks" / self.project / f"{self.name}.json"

    @property
    def engine_locks(self) -> Path:
        """Where the engine keeps its own locks of a local stack."""
        return places.local() / "backend" / ".pulumi" / "locks" / "organization" / self.project / self.name

    @property
    def flags(self) -> list[str]:
        """The flags every operation on the stack takes."""
        return ["--stack", self.name] + ([] if self.real else ["--config-file", str(self.copy)])

    @property
    def command_hint(self) -> str:
        """What to append to a `make` command that is meant for this stack."""
        return "" if self.name == "prod" else f" STACK={self.name}"

    def environment(self) -> dict[str, str]:
        """The engine's environment; for local runs, nothing of the user's Pulumi settings reaches it."""
        kept = {k: v for k, v in os.environ.items() if self.real or not k.startswith("PULUMI_")}
        kept.pop("PYTHONHOME", None)
        kept.update(
            PATH=os.pathsep.join([str(places.VENV_BIN), str(places.engine()), kept.get("PATH", "")]),
            PULUMI_OPTION_POLICY_PACK=str(places.PACK),
            PULUMI_SKIP_UPDATE_CHECK="true",
            PULUMI_DEBUG_COMMANDS="true",
            SECURE_HOSTING_LOCAL=str(places.local()),
            SECURE_HOSTING_JUDGEMENT=str(self.runs / "judgement.json"),
            VIRTUAL_ENV=str(places.VENV),
        )
        kept.pop("PULUMI_OPTION_POLICY_PACK_CONFIG", None)
        if not self.real:
            kept.update(
                PATH=os.pathsep.join([str(places.pulumi_home() / "bin"), kept["PATH"]]),
                PULUMI_HOME=str(places.pulumi_home()),
                PULUMI_BACKEND_URL=f"file://{places.local() / 'backend'}",
                PULUMI_CONFIG_PASSPHRASE="local",
                PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="true",
            )
        return kept

    def read_file(self) -> str:
        """The stack file's text. Refuses a missing or broken one; what it means is judged by the program."""
        if not self.file.exists():
            present = ", ".join(sorted(f.name.split(".")[1] for f in self.program.glob("Pulumi.*.yaml"))) or "none"
            raise Refusal(
                f"there is no {self.file.name}.", details=(f"stacks   {present}",), fix="name another one: STACK=prod"
            )
        text = self.file.read_text(encoding="utf-8")
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError as error:
            place = getattr(error, "problem_mark", None)
            line = f":{place.line + 1}" if place else ""
            raise Refusal(f"{self.file.name}{line} is not YAML: {getattr(error, 'problem', error)}.") from None
        if not isinstance(document, dict):
            raise Refusal(f"{self.file.name} is not a mapping with `config:`.")
        return text

    def prepare(self) -> None:
        """Makes ready what a local run needs, or says what is damaged; the stack file is only read."""
        text = self.read_file()
        self.runs.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.runs).free
        if free < NEEDED_BYTES:
            raise Refusal(
                f"the disk is nearly full ({free // 2**20} MB free at {places.local()}); nothing was started.",
                fix="make room, or set SECURE_HOSTING_LOCAL to a folder on another disk",
            )
        if self.real:
            return
        self.check_state()
        salt = self._salt()
        stamp.write_text(self.copy, _ENCRYPTION.sub("", text).rstrip("\n") + f"\nencryptionsalt: {salt}\n")

    def check_state(self) -> None:
        """Refuses a damaged local state before anything touches it."""
        if self.state.exists():
            try:
                self.checkpoint()
            except ValueError as error:
                raise Refusal(
                    f"the local state of {self.name} is damaged: {self.state}: {error}; nothing was changed.",
                    fix=f"make recover{self.command_hint}   goes back to the engine's last good copy",
                ) from None
        database = places.local() / "cloud.db"
        if database.exists():
            try:
                with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            except sqlite3.DatabaseError as error:
                verdict = str(error)
            if verdict != "ok":
                raise Refusal(
                    f"the local cloud's database is damaged: {database}: {verdict}; nothing was changed.",
                    fix="python -m localcloud reset   starts an empty local cloud; then make recover, make up",
                )

    def checkpoint(self) -> dict[str, Any]:
        """What the engine knows of a local stack. Raises ValueError when it cannot be read."""
        document = json.loads(self.state.read_text(encoding="utf-8"))
        latest = document.get("checkpoint", {}).get("latest") if isinstance(document, dict) else None
        if not isinstance(latest, dict):
            raise ValueError("it has no checkpoint")
        return latest

    def _salt(self) -> str:
        """The salt of the local passphrase; creates the stack in the local backend when it is not there yet."""
        kept = places.local() / "backend" / f"{self.name}.salt"
        if self.state.exists() and kept.exists():
            return kept.read_text().strip()
        (places.local() / "backend").mkdir(parents=True, exist_ok=True)
        if self.state.exists():
            salt = str(self.checkpoint().get("secrets_providers", {}).get("state", {}).get("salt", ""))
        else:
            salt = self._create()
        stamp.write_text(kept, salt + "\n")
        return salt

    def _create(self) -> str:
        """Creates the stack from a folder of its own, so that the engine writes the salt there and not here."""
        with tempfile.TemporaryDirectory(dir=places.local()) as folder:
            Path(folder, "Pulumi.yaml").write_text(json.dumps({"name": self.project, "runtime": "python"}))
            command = ["pulumi", "stack", "init", self.name, "--no-select", "--non-interactive", "--cwd", folder]
            run = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
            if run.returncode != 0:
                raise Refusal(
                    f"the local stack {self.name} could not be created.",
                    details=tuple((run.stderr or run.stdout).strip().splitlines()[-6:]),
                )
            made = yaml.safe_load(Path(folder, f"Pulumi.{self.name}.yaml").read_text())
        return str(made["encryptionsalt"])
