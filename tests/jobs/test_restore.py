"""The real emergency: only ever adds, asks first, and its runbook is run line by line."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import erasure
from jobs.core.problems import Exit, Found, Misconfigured, Refused, Unreachable
from jobs.recovery import Source
from jobs.restore import RestoreSettings, restore
from tests.jobs.conftest import Execute
from tests.jobs.parts import Round, invoke
from tests.jobs.servers.wire import wire
from tests.recording import ROOT

RUNBOOK = ROOT / "docs" / "runbooks" / "restore.md"


@pytest.fixture
def into(round_trip: Round) -> Any:
    """Name of a new database on the target, gone afterwards; the roles that the export needs are there."""
    name = f"restored_{os.urandom(3).hex()}"
    with round_trip.target.connect("postgres", autocommit=True) as admin:
        for role in ("app_owner", "app_reader"):
            admin.execute(f"DO $$BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$")
        yield name
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def settings(round_trip: Round, into: str, **more: Any) -> RestoreSettings:
    """Into the server for drills."""
    to = round_trip.target
    values = {"source": "file:///unused", "name": round_trip.database, "key": str(round_trip.key), "erasures": "none"}
    values |= {"host": to.host, "port": to.port, "user": to.user, "auth": "peer", "into": into, "confirm": into}
    return RestoreSettings.model_validate(values | more)


def run(round_trip: Round, into: str, **more: Any) -> Any:
    """One restore."""
    dry_run = bool(more.pop("dry_run", False))
    return restore(settings(round_trip, into, **more), round_trip.source, round_trip.log, dry_run=dry_run)


def databases(round_trip: Round) -> set[str]:
    """All databases of the target."""
    with round_trip.target.connect("postgres") as admin:
        return {str(row[0]) for row in admin.execute("SELECT datname FROM pg_database")}


@pytest.mark.every_major
def test_a_restore_is_checked_and_erasures_are_replayed(round_trip: Round, into: str) -> None:
    """Whoever was erased after the export is not in what is handed over."""
    round_trip.export()
    what = {"table": "sales.address", "column": "id", "key": "42", "reason": "retention"}
    record = erasure.Record.model_validate({"erased_at": datetime.now(UTC), "database": round_trip.database, **what})
    erasure.add(round_trip.ledger, record)
    result = run(round_trip, into)
    assert (result.code, "it may be used" in result.text) == (Exit.DONE, True), result.text
    with round_trip.target.connect(into) as connection:
        query = "SELECT count(*), count(*) FILTER (WHERE id = 42) FROM sales.address"
        assert connection.execute(query).fetchone() == (499, 0)


def test_a_dry_run_changes_nothing(round_trip: Round, into: str) -> None:
    """And says everything that the question will say."""
    round_trip.export()
    result = run(round_trip, into, dry_run=True, confirm="")
    assert "Dry run: nothing was changed" in result.text
    assert into not in databases(round_trip)


def test_the_newest_export_that_is_not_later_than_a_moment_is_taken(round_trip: Round, into: str) -> None:
    """The damage came afterwards."""
    round_trip.export()
    first = round_trip.manifest()
    folder = round_trip.folder / "exports" / round_trip.database
    for path in list(folder.iterdir()):
        later = path.name.replace(path.name[:4], str(int(path.name[:4]) + 1), 1)
        (folder / later).mkdir()
        for name in ("dump", "manifest.json"):
            (folder / later / name).write_bytes((path / name).read_bytes())
    found = run(round_trip, into, dry_run=True, before=first.started_at + timedelta(seconds=1))
    assert found.facts["export"] == first.export


def test_the_moment_of_the_snapshot_counts_not_the_name(round_trip: Round, into: str) -> None:
    """The damage came between the two: an export that began before it holds it."""
    round_trip.export()
    started = round_trip.manifest().started_at
    round_trip.forge(facts__at=(started + timedelta(minutes=3)).isoformat())
    with pytest.raises(Found, match="no whole export"):
        run(round_trip, into, dry_run=True, before=started + timedelta(minutes=2))
    assert run(round_trip, into, dry_run=True, before=started + timedelta(minutes=4)).code == Exit.DONE


def test_nothing_old_enough_is_said(round_trip: Round, into: str) -> None:
    """With the moment that was asked for."""
    round_trip.export()
    with pytest.raises(Found, match=r"no whole export of .* of 2020-01-01"):
        run(round_trip, into, before=datetime(2020, 1, 1, tzinfo=UTC))


def test_a_database_that_exists_is_never_touched(round_trip: Round, into: str) -> None:
    """Also an empty one."""
    round_trip.export()
    with round_trip.target.connect("postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {into}")
    with pytest.raises(Refused, match=f"the database {into} exists"):
        run(round_trip, into)
    assert into in databases(round_trip)


def test_the_live_server_has_to_be_meant(round_trip: Round, into: str, execute: Execute) -> None:
    """Then the new database comes beside the old one, which stays as it is."""
    round_trip.export()
    execute("DELETE FROM sales.address")
    round_trip.target = round_trip.server
    with pytest.raises(Refused, match="could be the server that the export is of"):
        run(round_trip, into)
    try:
        result = run(round_trip, into, beside_live=True)
        assert result.code == Exit.DONE, result.text
        assert execute("SELECT count(*) FROM sales.address") == [(0,)]
    finally:
        with round_trip.server.connect("postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {into} WITH (FORCE)")


@pytest.mark.parametrize("answer", ["", "yes", "another"])
def test_without_the_name_typed_nothing_happens(round_trip: Round, into: str, answer: str) -> None:
    """A yes is typed too easily; nobody at a terminal is a no."""
    round_trip.export()
    with pytest.raises(Refused, match=r"nobody confirmed|nothing was changed"):
        run(round_trip, into, confirm=answer)
    assert into not in databases(round_trip)


@pytest.mark.every_major
def test_a_damaged_export_leaves_no_half_database(round_trip: Round, into: str) -> None:
    """The new database is gone again."""
    round_trip.export()
    dump = round_trip.path / "dump"
    data = bytearray(dump.read_bytes())
    data[len(data) - 5] ^= 1
    dump.write_bytes(data)
    with pytest.raises(Found, match="damaged"):
        run(round_trip, into)
    assert into not in databases(round_trip)


@pytest.mark.parametrize(("connection", "says"), [(1, "."), (2, "pg_restore"), (3, "could not be checked")])
def test_a_line_that_is_cut_is_told_and_leaves_no_half_database(
    round_trip: Round, into: str, tmp_path: Path, connection: int, says: str
) -> None:
    """The administrator's, pg_restore's, the comparison's; what was restored and not checked is said to be so."""
    round_trip.export()
    (tmp_path / "w").mkdir()
    with wire(tmp_path / "w", round_trip.target) as line:
        round_trip.target = line.server
        run(round_trip, into)
        whole = line.bytes[connection]
        with line.server.connect("postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {into}")
        line.connections, line.cuts = 0, {connection: whole // 2}
        with pytest.raises(Unreachable, match=says):
            run(round_trip, into)
        line.cuts = {}
        assert (into in databases(round_trip)) == (connection == 3)


def test_a_missing_role_is_told_beforehand(round_trip: Round, into: str, server: Any) -> None:
    """With the way around it, which restores everything but owners and grants."""
    round_trip.export()
    with round_trip.target.connect("postgres", autocommit=True) as admin:
        admin.execute("DROP ROLE app_reader, app_owner")
        with pytest.raises(Misconfigured, match="the target has no role app_owner, app_reader"):
            run(round_trip, into)
        # A policy names this role, whoever owns the table.
        with pytest.raises(Misconfigured, match="the target has no role app_reader"):
            run(round_trip, into, owners=False)
        admin.execute("CREATE ROLE app_reader")
    result = run(round_trip, into, owners=False)
    assert result.code == Exit.DONE, result.text


def test_a_failed_check_keeps_the_database_and_says_not_to_use_it(round_trip: Round, into: str) -> None:
    """In an emergency, something is better than nothing, but never silently."""
    round_trip.export()
    tables = [table.model_dump() for table in round_trip.manifest().facts.tables]
    tables[0]["rows"] += 1
    round_trip.forge(facts__tables=tables)
    result = run(round_trip, into)
    assert result.code == Exit.FOUND
    assert "must not be used yet" in result.text
    assert into in databases(round_trip)


def test_the_command_refuses_where_nobody_can_be_asked(round_trip: Round, into: str) -> None:
    """Exit code 4, and the flag for scripts."""
    round_trip.export()
    words = [f"--{name}={value}" for name, value in arguments(round_trip, into).items()]
    code, document = invoke("restore", *words)
    assert (code, document["fix"]) == (4, f"--confirm {into}")


def arguments(round_trip: Round, into: str) -> dict[str, str]:
    """Flags of a restore into the server for drills."""
    to = round_trip.target
    return {
        "source": f"file://{round_trip.folder}/exports",
        "erasures": f"file://{round_trip.folder}/ledger",
        "key": str(round_trip.key),
        "name": round_trip.database,
        "host": to.host,
        "port": str(to.port),
        "user": to.user,
        "auth": "peer",
        "into": into,
    }


# The runbook


def lines() -> list[tuple[str, str]]:
    """Kind and text of every line of the page's code blocks, in their order."""
    found = re.findall(r"^ *```(sh|sql)\n(.*?)^ *```", RUNBOOK.read_text(), re.M | re.S)
    return [(kind, line.strip()) for kind, block in found for line in block.splitlines() if line.strip()]


def typed(command: str, env: dict[str, str], answer: str) -> tuple[int, str]:
    """A command at a terminal, with an answer to its question."""
    master, slave = pty.openpty()
    child = subprocess.Popen(["bash", "-c", command], cwd=ROOT, env=env, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    screen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                return
            if not data:
                return
            screen.append(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    os.write(master, f"{answer}\n".encode())
    code = child.wait(120)
    reader.join(5)
    os.close(master)
    return code, b"".join(screen).decode("utf-8", "replace")


def test_the_runbook_works_line_by_line(round_trip: Round, into: str, tmp_path: Path) -> None:
    """Every command of the page, as it stands there, with the placeholders filled in."""
    round_trip.export()
    name, export = round_trip.database, round_trip.manifest().export
    values = arguments(round_trip, into)
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "xterm", "JOBS_RETRY_SCALE": "0"}
    year = datetime.now(UTC).year + 1
    with round_trip.target.connect("postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        for kind, line in lines():
            if kind == "sql":
                statement = line.replace('"NAME', f'"{name}').replace('"restored"', f'"{into}"')
                if statement.startswith("DROP") and into not in databases(round_trip):
                    admin.execute(f"CREATE DATABASE {into}")
                admin.execute(statement.encode())
            elif found := re.fullmatch(r"export JOBS_(\w+)=.*", line):
                env[f"JOBS_{found[1]}"] = values.pop(found[1].lower())
            else:
                assert values == {}, "the page names every setting"
                command = line.replace("EXPORT", export).replace("2027-", f"{year}-")
                code, screen = typed(command, env, into)
                assert code == 0, screen
                assert ("it may be used" in screen) == ("--dry-run" not in command), screen
        assert {name, f"{name}_damaged"} <= databases(round_trip)
        with round_trip.target.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM sales.address").fetchone() == (500,)
        for one in (name, f"{name}_damaged"):
            admin.execute(f'DROP DATABASE "{one}" WITH (FORCE)')


def test_the_runbooks_links_lead_somewhere() -> None:
    """Alerts point to its headings."""
    text = RUNBOOK.read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.*)$", text, re.M)
    }
    for link in re.findall(r"\]\(#([^)]+)\)", text):
        assert link in anchors
    assert {"which-backup", "a-check-failed"} <= anchors


def test_the_source_of_a_restore_needs_a_word_about_erasures(round_trip: Round, into: str) -> None:
    """Leaving it out is a mistake, not a silent none."""
    words = {name: value for name, value in arguments(round_trip, into).items() if name != "erasures"}
    code, document = invoke("restore", *[f"--{name}={value}" for name, value in words.items()])
    assert (code, "erasures" in document["error"]) == (2, True)
    assert Source(round_trip.store, None, round_trip.by, "x").ledger is None
