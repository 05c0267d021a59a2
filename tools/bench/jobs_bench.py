"""How fast exports and restores are, against PostgreSQL's own programs: `python -m tools.bench.jobs_bench`.

In one run, on one machine, on the same generated data: `pg_dump | openssl` against `jobs export`, and
`openssl | pg_restore` against `jobs restore`, each in turn. The jobs count, digest, encrypt, authenticate and compare
besides. Memory is the peak of the job's process, at an eighth of the size and at the whole.
"""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from jobs.core.log import Log
from jobs.postgres import programs
from jobs.postgres.cluster import Cluster, throwaway
from tools.refusal import Refusal

GOAL: Final = 0.9
ROWS_OF_A_MEGABYTE: Final = 5200
"""Measured: so many rows of this table, with their index, are a megabyte."""
SCHEMA: Final = """
CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer int, at timestamptz,
  total numeric(12,2), state text, note text);
"""
FILL: Final = """
INSERT INTO orders (customer, at, total, state, note)
SELECT (i::bigint * 7919) %% 100003, timestamptz '2025-01-01Z' + i * interval '7 s', (i %% 99991) / 7.0,
  (ARRAY['new', 'paid', 'sent', 'returned'])[1 + i %% 4],
  'Order ' || i || ': ' || repeat(md5((i %% 5003)::text) || ' delivered to the back door ', 2)
FROM generate_series(1, %s) i
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One size, measured."""

    megabytes: float
    dump_plain: float
    export: float
    restore_plain: float
    restore: float
    restore_with_checks: float
    drill: float
    export_peak_mb: float
    restore_peak_mb: float

    @property
    def export_ratio(self) -> float:
        """Throughput of the export over that of `pg_dump | openssl`."""
        return self.dump_plain / self.export

    @property
    def restore_ratio(self) -> float:
        """Throughput of the restore, without its comparison, over that of `openssl | pg_restore`."""
        return self.restore_plain / self.restore


class Bench:
    """Two servers, a folder, a key."""

    def __init__(self, folder: Path, source: Cluster, target: Cluster) -> None:
        self.folder, self.source, self.target = folder, source, target
        (folder / "key").write_text(base64.b64encode(os.urandom(32)).decode())
        self.secret = ["-aes-256-ctr", "-K", os.urandom(32).hex(), "-iv", os.urandom(16).hex()]

    def fill(self, megabytes: int) -> float:
        """The database, anew; its real size."""
        with self.source.server.connect("postgres", autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
            admin.execute("CREATE DATABASE bench TEMPLATE template0")
        with self.source.server.connect("bench", autocommit=True) as connection:
            connection.execute(SCHEMA)
            connection.execute(FILL % (megabytes * ROWS_OF_A_MEGABYTE))
            connection.execute("VACUUM (ANALYZE, FREEZE)")
            row = connection.execute("SELECT pg_database_size('bench')").fetchone()
            assert row is not None
            return float(row[0]) / 1e6

    def dump_plain(self) -> float:
        """`pg_dump -Fc | openssl enc`, into a file."""
        dump = f"{self.source.programs}/pg_dump -Fc | openssl enc {' '.join(self.secret)} > {self.folder}/plain"
        return _timed(lambda: _shell(dump, self.source.server.environment("bench")))

    def restore_plain(self) -> float:
        """`openssl enc -d | pg_restore`, into a new database."""
        words = f"openssl enc -d {' '.join(self.secret)} -in {self.folder}/plain"
        command = f"{words} | {self.target.programs}/pg_restore --exit-on-error -d plain"
        with self._database("plain"):
            return _timed(lambda: _shell(command, self.target.server.environment("plain")))

    def export(self) -> tuple[float, float]:
        """Seconds, and the peak of memory in megabytes."""
        where = self.source.server
        words = ["export", "--host", where.host, "--user", where.user, "--auth", "peer", "--database", "bench"]
        seconds, peak, _ = _job([*words, "--to", f"file://{self.folder}/exports", "--key", f"{self.folder}/key"])
        return seconds, peak

    def restore(self) -> tuple[float, float, float]:
        """Seconds of restoring alone, of everything, and the peak of memory."""
        where = self.target.server
        words = ["restore", *self._from(), "--host", where.host, "--user", where.user, "--auth", "peer", "--no-owners"]
        with self._database("restored", create=False):
            seconds, peak, document = _job([*words, "--into", "restored", "--confirm", "restored"])
        return float(document["steps"]["restore"]), seconds, peak

    def drill(self) -> float:
        """Seconds of a drill, with its own server and amcheck."""
        return _job(["drill", *self._from(), "--work-dir", str(self.folder)])[0]

    def _from(self) -> list[str]:
        words = ["--source", f"file://{self.folder}/exports", "--name", "bench"]
        return [*words, "--key", f"{self.folder}/key", "--erasures", "none"]

    @contextmanager
    def _database(self, name: str, *, create: bool = True) -> Iterator[None]:
        with self.target.server.connect("postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            if create:
                admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
            admin.execute("CHECKPOINT")
            yield
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def _timed(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def _shell(command: str, environment: dict[str, str]) -> None:
    env = {"PATH": "/usr/bin:/bin", **environment}
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=env, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise Refusal(f"{command.split(maxsplit=1)[0]} failed.", details=(ran.stderr.strip(),))


def _job(words: list[str]) -> tuple[float, float, dict[str, Any]]:
    """Seconds, peak of memory in megabytes, and what the job said."""
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen([sys.executable, "-m", "jobs", *words, "--json"], stdout=out, stderr=err)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - begun
        out.seek(0)
        err.seek(0)
        if child.returncode != 0:
            raise Refusal(f"jobs {words[0]} failed.", details=(out.read()[-2000:], err.read()[-2000:]))
        return seconds, used.ru_maxrss / 1000, json.loads(out.read().splitlines()[-1])


def measure(bench: Bench, megabytes: int, runs: int) -> Figure:
    """Medians of runs in turns."""
    size = bench.fill(megabytes)
    taken: list[tuple[float, ...]] = []
    for number in range(runs):
        plain, (export, peak) = bench.dump_plain(), bench.export()
        plain_restore, (restore, whole, restore_peak) = bench.restore_plain(), bench.restore()
        taken.append((plain, export, plain_restore, restore, whole, peak, restore_peak))
        print(f"  ... {size:.0f} MB, run {number + 1} of {runs}", file=sys.stderr, flush=True)
    dump_plain, export, restore_plain, restore, whole, peak, restore_peak = map(
        statistics.median, zip(*taken, strict=True)
    )
    return Figure(
        megabytes=round(size, 1),
        dump_plain=dump_plain,
        export=export,
        restore_plain=restore_plain,
        restore=restore,
        restore_with_checks=whole,
        drill=bench.drill(),
        export_peak_mb=peak,
        restore_peak_mb=restore_peak,
    )


def show(figure: Figure) -> str:
    """For a person."""
    size = figure.megabytes
    return "\n".join(
        [
            f"{size:.0f} MB of data",
            f"  pg_dump | openssl     {figure.dump_plain:7.2f} s {size / figure.dump_plain:7.1f} MB/s",
            f"  jobs export           {figure.export:7.2f} s {size / figure.export:7.1f} MB/s"
            f"   ratio {figure.export_ratio:.2f} (goal {GOAL})   peak {figure.export_peak_mb:.0f} MB",
            f"  openssl | pg_restore  {figure.restore_plain:7.2f} s {size / figure.restore_plain:7.1f} MB/s",
            f"  jobs restore          {figure.restore:7.2f} s {size / figure.restore:7.1f} MB/s"
            f"   ratio {figure.restore_ratio:.2f} (goal {GOAL})   peak {figure.restore_peak_mb:.0f} MB",
            f"    with all checks     {figure.restore_with_checks:7.2f} s",
            f"  jobs drill            {figure.drill:7.2f} s, with a server of its own and amcheck",
        ]
    )


def main(
    megabytes: Annotated[int, typer.Option(min=8, help="Size of the database.")] = 1000,
    runs: Annotated[int, typer.Option(min=1, help="Measured runs of each kind.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a size and line.")] = False,
) -> None:
    """Measure exports and restores."""
    having = programs.installed()
    if not having:
        raise Refusal("PostgreSQL is not installed.", details=(".ci/install-packages",))
    newest, log = having[max(having)], Log("bench", stream=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="b-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with throwaway(folder / "s", newest, log) as source, throwaway(folder / "t", newest, log) as target:
            bench = Bench(folder, source, target)
            for size in (megabytes // 8, megabytes):
                figure = measure(bench, size, runs)
                ratios = {"export_ratio": figure.export_ratio, "restore_ratio": figure.restore_ratio}
                print(json.dumps({**asdict(figure), **ratios}) if as_json else show(figure), flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(refusal.code)
