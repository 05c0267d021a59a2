"""Exports against real servers: what goes wrong at any stage is named, and never leaves half an export behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from jobs.__main__ import application
from jobs.core.http import Http
from jobs.core.kms import Kms as KmsClient
from jobs.core.problems import Forbidden, Misconfigured, Unreachable
from jobs.envelope.keys import KmsWrapper
from jobs.export import export
from jobs.postgres import programs
from jobs.postgres.server import Server, meaning
from jobs.storage.folder import FolderStore
from jobs.storage.gcs import GcsStore
from tests.jobs.conftest import Execute
from tests.jobs.parts import Round, failures, invoke, until
from tests.jobs.servers import fake_gcs
from tests.jobs.servers.gcs import Gcs
from tests.jobs.servers.http import Fault, Request, serving
from tests.jobs.servers.kms import KEY, Kms
from tests.jobs.servers.wire import wire
from tests.recording import ROOT


@pytest.fixture
def clouds(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Gcs, Kms]]:
    """Cloud Storage and KMS on loopback."""
    gcs, kms = Gcs(), Kms()
    gcs.buckets["exports"] = {}
    gcs.locked.add("exports")
    with serving(gcs), serving(kms):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
        monkeypatch.setenv("CLOUD_KMS_ENDPOINT", kms.url)
        yield gcs, kms


@pytest.fixture
def cloudy(round_trip: Round, clouds: tuple[Gcs, Kms]) -> Round:
    """A round whose exports go to the cloud and whose keys are wrapped there."""
    http = Http(round_trip.log)
    round_trip.store = GcsStore(http, "exports", chunk=256 << 10)
    round_trip.by = KmsWrapper(KmsClient(http), KEY)  # type: ignore[assignment]
    return round_trip


def names(gcs: Gcs) -> list[str]:
    """The last part of each object."""
    return sorted(name.rpartition("/")[2] for name in gcs.buckets["exports"])


def test_an_export_of_the_clouds_comes_back(cloudy: Round, clouds: tuple[Gcs, Kms]) -> None:
    """With the permissions of a writer, then with those of a reader."""
    gcs, kms = clouds
    cloudy.export()
    assert (gcs.used, kms.used) == ({"storage.objects.create"}, {"cloudkms.cryptoKeyVersions.useToEncrypt"})
    gcs.used.clear()
    kms.used.clear()
    assert failures(cloudy.drill()) == {}
    assert gcs.used == {"storage.objects.get", "storage.objects.list"}
    assert kms.used == {"cloudkms.cryptoKeyVersions.useToDecrypt"}


def test_an_export_comes_back_from_an_emulator_of_others(
    cloudy: Round, fake_gcs_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Storage as somebody else understood its documentation."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs_url)
    cloudy.store = GcsStore(Http(cloudy.log), fake_gcs.new_bucket(fake_gcs_url), "copies", chunk=256 << 10)
    cloudy.export()
    assert failures(cloudy.drill()) == {}


def test_nothing_readable_leaves_the_machine(cloudy: Round, clouds: tuple[Gcs, Kms]) -> None:
    """Neither values nor the definitions of tables are in the dump that is stored."""
    cloudy.export()
    for name, blob in clouds[0].buckets["exports"].items():
        assert b"Customer 1" not in blob.data, name
        if name.endswith("/dump"):
            assert b"PGDMP" not in blob.data
            assert b"customer" not in blob.data


def posts_and_puts(request: Request) -> bool:
    """Uploads of any kind."""
    return request.path.startswith("/upload")


@pytest.mark.parametrize("kind", ["status", "cut_request", "cut_answer", "half_answer"])
def test_an_export_survives_what_passes(cloudy: Round, clouds: tuple[Gcs, Kms], kind: str) -> None:
    """429 and 503, lines that are cut, half a body: of the store and of KMS, in the same run."""
    for cloud in clouds:
        cloud.faults.append(Fault(kind, 3, status=429))
    cloudy.export()
    for cloud in clouds:
        cloud.faults.append(Fault("half_answer" if kind == "cut_request" else kind, 3, status=503))
    assert failures(cloudy.drill()) == {}


def test_when_the_manifest_cannot_be_written_there_is_no_export(cloudy: Round, clouds: tuple[Gcs, Kms]) -> None:
    """A dump alone is never chosen."""
    gcs, _ = clouds
    gcs.faults.append(Fault("status", 99, lambda r: r.query.get("name", "").endswith("manifest.json")))
    with pytest.raises(Unreachable):
        cloudy.export()
    assert names(gcs) == ["dump"]
    assert "no whole export" in failures(cloudy.drill())["export can be restored"]


@pytest.mark.parametrize(
    ("permission", "of"),
    [
        ("storage.objects.create", "store"),
        ("cloudkms.cryptoKeyVersions.useToEncrypt", "kms"),
    ],
)
def test_a_missing_permission_is_named(cloudy: Round, clouds: tuple[Gcs, Kms], permission: str, of: str) -> None:
    """The exact one."""
    (clouds[0] if of == "store" else clouds[1]).denied.add(permission)
    with pytest.raises(Forbidden, match=permission):
        cloudy.export()
    assert names(clouds[0]) == []


@pytest.mark.every_major
def test_a_role_that_may_not_read_is_told_which_table(round_trip: Round, execute: Execute) -> None:
    """SELECT, and on what."""
    with pytest.raises(Misconfigured, match=r"permission (SELECT|USAGE) is missing on (sales|Odd Schema)"):
        round_trip.export(user="app_reader")
    assert list(round_trip.store.list()) == []


@pytest.mark.every_major
def test_rows_that_a_policy_hides_are_never_left_out_silently(round_trip: Round, execute: Execute) -> None:
    """The role may read the table, but not every row of it."""
    execute("GRANT pg_read_all_data TO app_reader")
    try:
        with pytest.raises(Misconfigured, match=r"row-level security|row security"):
            round_trip.export(user="app_reader")
    finally:
        execute("REVOKE pg_read_all_data FROM app_reader")


@pytest.mark.every_major
def test_a_refused_lock_is_told_with_its_table(round_trip: Round, server: Server) -> None:
    """Somebody alters the table; the export does not wait for ever."""
    with server.connect(round_trip.database) as other:
        other.execute("LOCK TABLE public.twins IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unreachable, match=r"the lock on public\.twins was refused for 1 s"):
            round_trip.export(lock_seconds=1)
    assert list(round_trip.store.list()) == []


@pytest.mark.every_major
def test_manifest_and_dump_are_of_one_moment(round_trip: Round, server: Server) -> None:
    """Rows that come, go and change while the export runs are in neither or in both."""
    code = (
        "import sys, psycopg, time\n"
        "c = psycopg.connect(sys.argv[1], autocommit=True)\n"
        "while True:\n"
        "    c.execute(\"INSERT INTO sales.customer (mail, name) VALUES (gen_random_uuid()::text, 'x')\")\n"
        '    c.execute("UPDATE public.twins SET v = v + 1")\n'
        '    print("at work", flush=True)\n'
    )
    where = f"host={server.host} user={server.user} dbname={round_trip.database}"
    with (
        (round_trip.folder / "said").open("wb") as said,
        subprocess.Popen([sys.executable, "-c", code, where], stdout=said, stderr=subprocess.DEVNULL) as busy,
    ):
        until(lambda: (round_trip.folder / "said").stat().st_size > 0, "nobody changes rows")
        round_trip.export()
        assert busy.poll() is None
        busy.kill()
    assert failures(round_trip.drill()) == {}


def test_two_at_once_do_not_collide(round_trip: Round) -> None:
    """Each has a folder of its own, and both are whole."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: round_trip.export(), range(2)))
    assert done[0].manifest.export != done[1].manifest.export
    assert len(list(round_trip.store.list())) == 4
    assert failures(round_trip.drill(export=done[0].manifest.export)) == {}


@pytest.mark.parametrize(("connection", "after"), [(1, 0.02), (1, 0.6), (2, 0.6), (3, 0.02), (3, 0.6), (3, 0.97)])
@pytest.mark.every_major
def test_a_line_that_is_cut_at_any_stage_is_told(
    round_trip: Round, tmp_path: Path, connection: int, after: float
) -> None:
    """The session of the snapshot, the schema's, the dump's: early, in the middle, at the end."""
    with wire(tmp_path, round_trip.server) as line:
        round_trip.server = line.server
        round_trip.export()
        before = len(list(round_trip.store.list()))
        whole = line.bytes[connection]
        line.connections, line.cuts = 0, {connection: int(whole * after)}
        with pytest.raises(Unreachable):
            round_trip.export()
        assert len(list(round_trip.store.list())) == before


def test_an_export_begins_again_after_a_cut_line(round_trip: Round, tmp_path: Path) -> None:
    """A dump cannot go on where it was cut, so it is made again, as another export."""
    with wire(tmp_path, round_trip.server) as line:
        round_trip.server = line.server
        line.cuts = {3: 2000}
        round_trip.export(attempts=2)
        assert line.connections >= 6
    assert failures(round_trip.drill()) == {}


STAGES = {
    "key": "jobs.envelope.keys.LocalWrapper.wrap",
    "schema": "jobs.postgres.schema.read",
    "counting": "jobs.postgres.facts.table",
    "first bytes": "jobs.storage.folder.FolderUpload.write",
    "finishing the dump": "jobs.storage.folder.FolderUpload.finish",
    "manifest": "jobs.manifest.sealed",
    "writing the manifest": "jobs.storage.folder.FolderStore.create",
}
KILLED = """
import importlib, os, signal, sys
from unittest import mock
from jobs.__main__ import application
module, _, name = sys.argv.pop(1).rpartition(".")
parts = module.split(".")
holder = importlib.import_module(".".join(p for p in parts if p[0].islower()))
for part in parts:
    if part[0].isupper():
        holder = getattr(holder, part)
def die(*_args, **_named):
    os.kill(os.getpid(), getattr(signal, os.environ["HOW"]))
    import time; time.sleep(0.5)
    raise SystemExit(1)
with mock.patch.object(holder, name, die):
    application()()
"""


def arguments(round_trip: Round, **more: str) -> list[str]:
    """The command line of an export into the folder."""
    given = {
        "host": round_trip.server.host,
        "user": round_trip.server.user,
        "database": round_trip.database,
        "auth": "peer",
        "to": f"file://{round_trip.folder}/exports",
        "key": str(round_trip.key),
        **more,
    }
    return ["export", *(word for name, value in given.items() for word in (f"--{name}", value))]


@pytest.mark.parametrize(
    ("stage", "how"), [*((stage, "SIGKILL") for stage in STAGES), ("first bytes", "SIGTERM"), ("counting", "SIGTERM")]
)
def test_a_job_that_is_killed_at_any_stage_leaves_no_export(round_trip: Round, stage: str, how: str) -> None:
    """What it leaves is never taken for an export, and pg_dump does not go on without it."""
    command = [sys.executable, "-c", KILLED, STAGES[stage], *arguments(round_trip)]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, "HOW": how}, capture_output=True, check=False)
    assert ran.returncode == (-9 if how == "SIGKILL" else 3), ran.stderr.decode()[-500:]
    left = {stored.name.rpartition("/")[2] for stored in round_trip.store.list()}
    assert left <= {"dump"}
    if how == "SIGTERM":
        assert not list((round_trip.folder / "exports").rglob(".partial-*"))
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'secure-hosting jobs'"
    with round_trip.server.connect("postgres", autocommit=True) as connection:
        until(
            lambda: connection.execute(query, (round_trip.database,)).fetchone() == (0,),
            "a session of the killed job goes on",
        )


def test_an_off_site_store_that_fails_is_told_the_other_is_whole(round_trip: Round, clouds: tuple[Gcs, Kms]) -> None:
    """The exit code is not 0: somebody has to look."""
    gcs, _ = clouds
    gcs.denied.add("storage.objects.create")
    offsite = GcsStore(Http(round_trip.log), "exports")
    done = export(round_trip.settings(), [round_trip.store, offsite], round_trip.by, round_trip.log)
    assert list(done.failed) == [offsite.where]
    assert failures(round_trip.drill()) == {}


@pytest.mark.parametrize("size", ["2m"])
def test_no_space_at_the_store_is_told(round_trip: Round, size: str) -> None:
    """A disk that is really full."""
    place = round_trip.folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk needs the right to do so")
    try:
        (place / "filler").write_bytes(b"x" * ((2 << 20) - 8192))
        with pytest.raises(Unreachable, match="no space is left"):
            export(round_trip.settings(), [FolderStore(place / "exports")], round_trip.by, round_trip.log)
        assert [path for path in place.rglob("*") if path.is_file()] == [place / "filler"]
    finally:
        subprocess.run(["umount", str(place)], check=True)


# The command line


def test_the_command_exports(round_trip: Round) -> None:
    """With settings of flags; the result is one object."""
    code, document = invoke(*arguments(round_trip))
    assert (code, document["outcome"], document["tables"]) == (0, "done", 15)
    assert document["export"] == round_trip.manifest().export


def test_a_dry_run_writes_nothing(round_trip: Round) -> None:
    """And still finds what would go wrong."""
    code, document = invoke(*arguments(round_trip), "--dry-run")
    assert (code, document["tables"]) == (0, 15)
    assert list(round_trip.store.list()) == []
    code, document = invoke(*arguments(round_trip, user="app_reader"), "--dry-run")
    assert code == 2
    assert "permissions are missing: USAGE on " in document["error"]
    assert "SELECT on public.twins" in document["error"]
    assert "customer," not in document["error"]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ({"database": "nowhere"}, 2, "does not exist"),
        ({"user": "nobody_here"}, 2, "nobody_here"),
        ({"key": "/nonexistent"}, 2, "the key cannot be read"),
        ({"to": "ftp://x"}, 2, "is no address of a store"),
        ({"host": "/nonexistent"}, 3, "/nonexistent"),
        ({"host": "db.example.com", "auth": "password"}, 2, "a password is missing"),
        ({"compress": "11"}, 2, "less than or equal to 9"),
        ({"name": "Not A Folder"}, 2, "cannot be the name of a folder"),
    ],
)
def test_bad_settings_are_told(round_trip: Round, more: dict[str, str], code: int, says: str) -> None:
    """In a sentence, with an exit code, and nothing written."""
    got, document = invoke(*arguments(round_trip, **more))
    assert (got, says in document["error"]) == (code, True), document
    assert list(round_trip.store.list()) == []


def test_the_password_is_on_no_command_line(round_trip: Round, tmp_path: Path) -> None:
    """Of none of the programs that a job starts: a stand-in for pg_dump writes down what it was given."""
    folder = tmp_path / "15" / "bin"
    folder.mkdir(parents=True)
    seen = tmp_path / "seen"
    stand_in = folder / "pg_dump"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {seen}\necho "$PGPASSWORD" >> {seen}.env\nexit 1\n')
    stand_in.chmod(0o755)
    for version in programs.installed():
        (tmp_path / str(version)).exists() or (tmp_path / str(version)).symlink_to(tmp_path / "15")
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    env = {"JOBS_PASSWORD_FILE": str(file), programs.FOLDERS: str(tmp_path)}
    code, document = invoke(*arguments(round_trip, auth="password"), env=env)
    assert code == 3
    assert "horse" not in seen.read_text() + json.dumps(document)
    assert "correct horse" in Path(f"{seen}.env").read_text()


# Versions


@pytest.mark.parametrize(
    ("wanted", "having", "says"),
    [
        (12, {15: Path("/15")}, "versions before 13 are not supported"),
        (17, {15: Path("/15")}, "the newest programs here are of 15"),
        (15, {}, "no PostgreSQL programs are installed"),
    ],
)
def test_an_unsupported_version_is_told(wanted: int, having: dict[int, Path], says: str) -> None:
    """Which one, and what to install."""
    with pytest.raises(Misconfigured, match=says):
        programs.fitting(wanted, having, "db.example.com")


def test_the_oldest_programs_that_fit_are_taken() -> None:
    """So that what they write can be read by the server of the source."""
    assert programs.fitting(15, {14: Path("/14"), 15: Path("/15"), 17: Path("/17")}, "x") == Path("/15")
    assert programs.fitting(16, {15: Path("/15"), 17: Path("/17")}, "x") == Path("/17")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pg_dump: error: permission denied for table orders", "permission SELECT is missing on orders"),
        (
            "pg_dump: error: query failed: ERROR:  permission denied for schema sales",
            "permission USAGE is missing on sales",
        ),
        ("ERROR:  permission denied for large object 900001", "permission SELECT is missing on LARGE OBJECT 900001"),
        ("pg_dump: error: query failed: ERROR: canceling statement due to lock timeout", "locked by somebody else"),
        ("could not extend file: No space left on device", "no space is left"),
        ('extension "postgis" is not available', "install the extension"),
        ("invalid locale name: de_DE", "install the locale"),
        ("server closed the connection unexpectedly", "run the same command again"),
        ("aborting because of server version mismatch", "install the client programs"),
    ],
)
def test_what_postgresql_says_is_told_with_what_to_do(text: str, says: str) -> None:
    """In any of its programs' words."""
    assert says in str(meaning(text, "orders"))


def test_the_typer_application_lists_its_commands() -> None:
    """One module each."""
    assert isinstance(application(), typer.Typer)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
