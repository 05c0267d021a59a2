"""A throwaway PostgreSQL server: its own data folder, reachable by a socket in a private folder alone, gone afterwards.

A folder holds a lock file for as long as its job lives. Whatever a killed job left behind has no lock, and the next job
ends its server and removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from jobs.core.log import Log
from jobs.core.problems import Misconfigured, Unreachable
from jobs.postgres.programs import unprivileged
from jobs.postgres.server import Server, meaning

_PREFIX: Final = "drill-"
_MARK: Final = "throwaway"
_SUPERUSER: Final = "drill_superuser"
_FAST: Final = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "archive_mode": "off",
    "max_wal_size": "512MB",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "256MB",
    "autovacuum": "off",
    "jit": "off",
    "logging_collector": "off",
    "log_destination": "stderr",
    "max_locks_per_transaction": "1024",
}
"""Nothing of it has to outlive a crash: a crash fails the drill."""


def environment() -> dict[str, str]:
    """For PostgreSQL's programs: nothing of the job's own, which may hold secrets."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Cluster:
    """A running server. `server` is how to reach it, as its superuser."""

    def __init__(self, folder: Path, programs: Path, log: Log) -> None:
        self.folder, self.programs, self._log = folder, programs, log
        self._data, self._user = folder / "data", unprivileged()
        self.server = Server(host=str(folder), user=_SUPERUSER, auth="peer")

    def create(self) -> None:
        """initdb, with checksums: amcheck then reads pages that prove themselves."""
        options = [f"--username={_SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"]
        self._run("initdb", [*options, "--no-sync", f"--pgdata={self._data}"])
        lines = [f"{name} = {value}" for name, value in _FAST.items()]
        lines += [f"unix_socket_directories = '{self.folder}'", "unix_socket_permissions = 0700"]
        with (self._data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def start(self) -> None:
        """Waits until it answers."""
        log = self.folder / "server.log"
        command = ["start", "--wait", "--timeout=60", "--silent", f"--pgdata={self._data}", f"--log={log}"]
        try:
            self._run("pg_ctl", command)
        except Unreachable as error:
            with contextlib.suppress(OSError):
                error.message += f": {log.read_text(encoding='utf-8', errors='replace')[-400:]}"
            raise

    def stop(self) -> None:
        """At once: nothing in it is worth a checkpoint."""
        _end(self._data, self._log)

    def _run(self, program: str, arguments: list[str]) -> None:
        ran = subprocess.run(
            [str(self.programs / program), *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
            cwd="/",
            **_as(self._user),
        )
        if ran.returncode != 0:
            raise meaning(ran.stderr.decode("utf-8", "replace") or "failed", f"{program} of the throwaway server")


def _as(user: str | None) -> dict[str, Any]:
    """The options that make a program run as somebody else."""
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def throwaway(parent: Path, programs: Path, log: Log) -> Iterator[Cluster]:
    """A server that exists inside of the block, whatever happens there."""
    if not (programs / "initdb").exists():
        raise Misconfigured(f"{programs} has no initdb", fix="install the server (postgresql), not the client alone")
    parent.mkdir(parents=True, exist_ok=True)
    clean_up(parent, log)
    folder, handle = _folder(parent)
    try:
        cluster = Cluster(folder, programs, log)
        cluster.create()
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        handle.close()


def _folder(parent: Path) -> tuple[Path, IO[str]]:
    """A private folder with a lock that ends with this process. Its path is short: a socket's may have 107 bytes."""
    folder = parent / f"{_PREFIX}{secrets.token_hex(4)}"
    if len(str(folder)) > 80:
        raise Misconfigured(f"{parent} is too long a path for a socket", fix="--work-dir /tmp")
    folder.mkdir(mode=0o700)
    handle = (folder / _MARK).open("w", encoding="utf-8")
    fcntl.flock(handle, fcntl.LOCK_EX)
    if user := unprivileged():
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    return folder, handle


def clean_up(parent: Path, log: Log) -> int:
    """Ends and removes what jobs that were killed have left; the number of folders."""
    removed = 0
    for mark in parent.glob(f"{_PREFIX}*/{_MARK}"):
        folder = mark.parent
        if not re.fullmatch(rf"{_PREFIX}[0-9a-f]{{8}}", folder.name) or folder.is_symlink():
            continue
        with contextlib.suppress(OSError), mark.open(encoding="utf-8") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end(folder / "data", log)
            shutil.rmtree(folder, ignore_errors=True)
            log.warning("removed the throwaway server of a job that was killed", folder=str(folder))
            removed += 1
    return removed


def _end(data: Path, log: Log) -> None:
    """Ends the server of a data folder, if the process with that number is really it."""
    try:
        number = int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        if Path(f"/proc/{number}/cwd").resolve() != data.resolve():
            return
    except (OSError, ValueError, IndexError):
        return
    for what, seconds in ((signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, what)
        if _gone(number, seconds):
            return
    log.warning("a throwaway server did not end", pid=number)


def _gone(number: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(number, 0)
            state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
