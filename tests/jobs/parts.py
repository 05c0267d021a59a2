"""A round of export and drill, as tests put it together."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from jobs import exports
from jobs.__main__ import application
from jobs.core.log import Log
from jobs.drill import Drilled, DrillSettings, drill
from jobs.envelope.keys import LocalWrapper, Wrapped
from jobs.envelope.stream import ExportKey, context
from jobs.export import Exported, ExportSettings, export
from jobs.manifest import Manifest, sealed
from jobs.postgres.server import Server
from jobs.recovery import Source
from jobs.storage.base import ObjectStore
from jobs.storage.folder import FolderStore


def new_key(path: Path) -> Path:
    """A key file."""
    path.write_text(base64.b64encode(os.urandom(32)).decode())
    return path


@dataclass
class Round:
    """One database, a folder of exports, a key, an empty ledger, a server for drills."""

    folder: Path
    server: Server
    database: str
    target: Server

    def __post_init__(self) -> None:
        self.key = self.folder / "key"
        if not self.key.exists():
            new_key(self.key)
        self.stream = StringIO()
        self.log = Log("tests", stream=self.stream)
        self.by = LocalWrapper(self.key)
        self.store: ObjectStore = FolderStore(self.folder / "exports")
        self.ledger = FolderStore(self.folder / "ledger")

    def settings(self, **more: Any) -> ExportSettings:
        """Of the export."""
        values = {"host": self.server.host, "port": self.server.port, "user": self.server.user, "auth": "peer"}
        values |= {"database": self.database, "to": ("file:///unused",), "key": str(self.key), "attempts": 1}
        return ExportSettings.model_validate(values | more)

    def export(self, **more: Any) -> Exported:
        """One export into the folder."""
        return export(self.settings(**more), [self.store], self.by, self.log)

    @property
    def source(self) -> Source:
        """For drills and restores."""
        return Source(self.store, self.ledger, self.by, self.database)

    def drill_settings(self, **more: Any) -> DrillSettings:
        """Against the server for drills."""
        values = {"source": "file:///unused", "name": self.database, "key": str(self.key), "erasures": "file:///unused"}
        values |= {"target_host": self.target.host, "target_port": self.target.port, "target_auth": "peer"}
        return DrillSettings.model_validate(values | {"target_user": self.target.user} | more)

    def drill(self, **more: Any) -> Drilled:
        """One drill of the newest export."""
        return drill(self.drill_settings(**more), self.source, Log("tests", stream=self.stream))

    @property
    def path(self) -> Path:
        """Folder of the newest export."""
        return self.folder / "exports" / exports.choose(self.store, self.database).name

    def manifest(self) -> Manifest:
        """Of the newest export."""
        candidate = exports.choose(self.store, self.database)
        return exports.read_manifest(self.store, candidate, self.by)

    def forge(self, **changes: Any) -> None:
        """Writes the newest manifest anew, as who knows the key could, with other values (dots lead into parts)."""
        file = self.path / "manifest.json"
        whole = json.loads(file.read_text())
        document = whole["manifest"]
        for path, value in changes.items():
            place = document
            *parents, last = path.split("__")
            for parent in parents:
                place = place[parent]
            place[last] = value
        wrapped = Wrapped(whole["key"], whole["key_version"], base64.b64decode(whole["wrapped"]))
        key = ExportKey(self.by.unwrap(wrapped, context(document["export"])))
        file.write_bytes(sealed(Manifest.model_validate(document), key, wrapped))


def until(there: Callable[[], bool], otherwise: str, seconds: float = 60) -> None:
    """Waits for what comes by itself, as long as a busy machine may need; a fixed pause would be too short one day."""
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.05)


def failures(done: Drilled) -> dict[str, str]:
    """What a drill found, by check."""
    return {check.name: check.detail for check in done.failed}


def invoke(*words: str, env: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code and document of a command with --json."""
    ran = CliRunner().invoke(application(), [*words, "--json"], env=env)
    return ran.exit_code, json.loads(ran.stdout.splitlines()[-1])
