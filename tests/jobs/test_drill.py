"""A backup counts once it has been restored: what a drill finds, each by its name (BAK-6)."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import erasure, exports
from jobs.checks import CLOCKS, of_time
from jobs.core import evidence
from jobs.core.command import Interrupted
from jobs.core.log import Log
from jobs.core.problems import Found, Misconfigured, Refused, Unreachable
from jobs.drill import describe, drill, last_passed, publish
from jobs.envelope.keys import LocalWrapper
from jobs.postgres import cluster, programs
from jobs.postgres.server import Server
from jobs.recovery import Source, Steps
from jobs.storage.folder import FolderStore
from tests.jobs.conftest import Execute
from tests.jobs.parts import Round, failures, invoke, new_key
from tests.recording import ROOT

NOW = datetime.now(UTC)


@pytest.mark.every_major
def test_everything_comes_back(round_trip: Round) -> None:
    """All types, large objects, partitions, generated columns, sequences, keys, extensions, grants, odd names."""
    round_trip.export()
    done = round_trip.drill()
    assert {check.name: check.outcome for check in done.evidence.checks} == {
        "clocks agree": "passed",
        "export is fresh": "passed",
        "export can be restored": "passed",
        "export holds data": "passed",
        "schema is the same": "passed",
        "extensions are the same": "passed",
        "rows and digests are the same": "passed",
        "large objects are the same": "passed",
        "sequences are the same": "passed",
        "materialized views are filled": "passed",
        "settings of the database are the same": "passed",
        "constraints are validated": "passed",
        "sequences are beyond the data": "passed",
        "erased ids stay gone": "passed",
        "recovery is fast enough": "passed",
        "tables and indexes are intact (pg_amcheck)": "passed",
    }
    assert done.evidence.facts["rows"] > 1900
    assert "usable after" in describe(done, "").text


def test_nothing_is_left_of_a_drill(round_trip: Round) -> None:
    """Neither after a good one nor after a bad one."""
    round_trip.export()
    round_trip.drill()
    (round_trip.path / "dump").write_bytes(b"")
    round_trip.drill()
    with round_trip.target.connect("postgres") as admin:
        assert admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^drill_'").fetchall() == []


@pytest.mark.every_major
def test_a_drill_makes_a_server_of_its_own(round_trip: Round, tmp_path: Path) -> None:
    """On a socket in a private folder, and gone afterwards."""
    round_trip.export()
    work = Path(cluster.__file__).anchor + f"tmp/w{os.urandom(3).hex()}"
    done = round_trip.drill(target_host=None, work_dir=work)
    assert failures(done) == {}
    assert list(Path(work).iterdir()) == []
    Path(work).rmdir()


def test_the_evidence_is_signed_and_create_only(round_trip: Round, tmp_path: Path) -> None:
    """And the last that passed is what a failure points to."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "sign.pem").write_bytes(key.private_bytes(*form))
    store, signer = FolderStore(tmp_path / "evidence"), evidence.FileSigner(tmp_path / "sign.pem")
    round_trip.export()
    good = round_trip.drill()
    publish(good, [store], signer)
    name = next(store.list()).name
    assert name.startswith(f"evidence/drill/{round_trip.database}/")
    assert evidence.opened(store.read(name), key.public_key()) == good.evidence
    (round_trip.path / "dump").write_bytes(b"")
    bad = round_trip.drill()
    publish(bad, [store], signer)
    before = last_passed([store], round_trip.database, round_trip.log)
    assert before == good.evidence.facts["export"]
    said = describe(bad, before)
    assert said.code == 1
    assert re.search(r"is not to be trusted; the last that passed is .*Runbook: docs/runbooks/restore.md", said.text)


def test_the_command_drills_signs_and_ends_with_its_code(round_trip: Round, tmp_path: Path) -> None:
    """0 and evidence when it passed, 1 and evidence when it did not; a dry run restores nothing."""
    round_trip.export()
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "sign.pem"], check=True)
    values = {
        "source": f"file://{round_trip.folder}/exports",
        "erasures": f"file://{round_trip.folder}/ledger",
        "key": str(round_trip.key),
        "name": round_trip.database,
        "target-host": round_trip.target.host,
        "target-user": round_trip.target.user,
        "target-auth": "peer",
        "evidence": f"file://{tmp_path}/evidence",
        "sign": str(tmp_path / "sign.pem"),
    }
    words = ["drill", *(f"--{name}={value}" for name, value in values.items())]
    store = FolderStore(tmp_path / "evidence")
    code, document = invoke(*words, "--dry-run")
    assert (code, document["export"], list(store.list())) == (0, round_trip.manifest().export, [])
    code, document = invoke(*words)
    assert (code, document["signed"], len(list(store.list()))) == (0, True, 1)
    (round_trip.path / "dump").write_bytes(b"")
    code, document = invoke(*words)
    assert (code, len(list(store.list()))) == (1, 2)
    assert f"Restore drill of {round_trip.database} failed" in document["error"]
    code, document = invoke(*[word for word in words if "--sign" not in word])
    assert (code, "evidence has to be signed" in document["error"]) == (2, True)


# What a drill has to find


@pytest.mark.every_major
def test_a_truncated_dump(round_trip: Round) -> None:
    """By its size before it is opened."""
    round_trip.export()
    dump = round_trip.path / "dump"
    dump.write_bytes(dump.read_bytes()[:-1])
    assert "truncated" in failures(round_trip.drill())["export can be restored"]


@pytest.mark.parametrize("where", ["header", "middle", "end"])
@pytest.mark.every_major
def test_a_flipped_byte(round_trip: Round, where: str) -> None:
    """Wherever it is; nothing of the restored database stays."""
    round_trip.export()
    dump = round_trip.path / "dump"
    data = bytearray(dump.read_bytes())
    data[{"header": 40, "middle": len(data) // 2, "end": len(data) - 1}[where]] ^= 1
    dump.write_bytes(data)
    assert re.search(r"damaged|belongs to", failures(round_trip.drill())["export can be restored"])


def test_a_flipped_byte_at_any_of_many_places(round_trip: Round) -> None:
    """Dump and manifest, without a server: reading alone finds each."""
    round_trip.export()
    chosen = random.Random(6)  # noqa: S311 - the same places in every run
    for file in ("dump", "manifest.json"):
        path = round_trip.path / file
        data = path.read_bytes()
        for place in chosen.sample(range(len(data)), 150):
            damaged = bytearray(data)
            damaged[place] ^= 1 << chosen.randrange(8)
            path.write_bytes(damaged)
            try:
                candidate = exports.choose(round_trip.store, round_trip.database)
                manifest = exports.read_manifest(round_trip.store, candidate, round_trip.by)
                for _ in exports.plain(round_trip.store, candidate, manifest, round_trip.by):
                    pass
            except Found:
                continue
            same = file == "manifest.json" and json.loads(damaged) == json.loads(data)
            unused = file == "manifest.json" and b"key_version" in data[place - 150 : place]
            assert same or unused, f"{file}: byte {place} was changed, and nothing noticed"
        path.write_bytes(data)


@pytest.mark.every_major
def test_a_missing_table(round_trip: Round) -> None:
    """The manifest has one more than the dump."""
    round_trip.export()
    tables = [table.model_dump() for table in round_trip.manifest().facts.tables]
    round_trip.forge(facts__tables=[*tables, {"name": "public.lost", "rows": 3, "digest": "0" * 32}])
    assert failures(round_trip.drill())["rows and digests are the same"] == "table public.lost is missing"


def test_missing_rows_are_counted(round_trip: Round) -> None:
    """In the words of the alert."""
    round_trip.export()
    tables = [table.model_dump() for table in round_trip.manifest().facts.tables]
    for table in tables:
        if table["name"] == "sales.address":
            table["rows"] = 41_377
    round_trip.forge(facts__tables=tables)
    found = failures(round_trip.drill())["rows and digests are the same"]
    assert found == "table sales.address has 500 rows, the manifest says 41,377"


@pytest.mark.every_major
def test_a_changed_row(round_trip: Round, execute: Execute) -> None:
    """As many rows as before, one of them another: two exports whose manifests are exchanged by who knows the key."""
    round_trip.export()
    tables = [table.model_dump() for table in round_trip.manifest().facts.tables]
    shutil.rmtree(round_trip.path)
    execute("UPDATE sales.address SET street = 'Elsewhere 1' WHERE id = 77")
    round_trip.export()
    round_trip.forge(facts__tables=tables)
    found = failures(round_trip.drill())
    assert found == {
        "rows and digests are the same": "table sales.address has other rows than the manifest says (500 of them)"
    }


@pytest.mark.every_major
def test_a_schema_that_differs(round_trip: Round, execute: Execute) -> None:
    """Each object by its name: missing, added, defined differently."""
    round_trip.export()
    objects = [one.model_dump() for one in round_trip.manifest().objects]
    shutil.rmtree(round_trip.path)
    execute("DROP VIEW sales.totals CASCADE")
    execute("CREATE VIEW sales.other AS SELECT 1 AS one")
    execute("ALTER TABLE public.twins ADD CHECK (v < 9)")
    round_trip.export()
    round_trip.forge(objects=objects)
    found = failures(round_trip.drill())["schema is the same"]
    assert "view sales.totals is missing" in found
    assert "view sales.other is not in the manifest" in found
    assert "table public.twins is defined differently" in found


def test_a_newer_server_may_word_things_otherwise(round_trip: Round, execute: Execute) -> None:
    """Versions of extensions and definitions: a warning there, a failure on the same version; nothing may miss."""
    execute("CREATE VIEW public.worded AS SELECT 1 AS one")
    round_trip.export()
    objects = [one.model_dump() for one in round_trip.manifest().objects]
    for one in objects:
        if one["name"] == "public.worded":
            one["digest"] = "0" * 32
    other = {"objects": objects, "facts__extensions": {**round_trip.manifest().facts.extensions, "citext": "1.0"}}
    round_trip.forge(**other)
    assert set(failures(round_trip.drill())) == {"schema is the same", "extensions are the same"}
    round_trip.forge(facts__place__server_version=140_000)
    done = round_trip.drill()
    assert failures(done) == {}
    warned = {check.name: check.detail for check in done.evidence.checks if check.outcome == "warned"}
    assert set(warned) == {"schema is the same", "extensions are the same"}
    assert "view public.worded is defined differently" in warned["schema is the same"]
    round_trip.forge(objects=[*objects, {"kind": "VIEW", "name": "public.lost", "owner": "-", "digest": "1" * 32}])
    assert "view public.lost is missing" in failures(round_trip.drill())["schema is the same"]


def test_an_export_comes_back_in_a_newer_version(round_trip: Round, newer: Server, execute: Execute) -> None:
    """What a move to another version begins with: everything is there, and what is worded otherwise is only told."""
    if version_of(newer) >= 180_000:
        execute('UPDATE "Odd Schema"."Every ""type""" SET t_xml = NULL')
    round_trip.export()
    round_trip.target = newer
    done = round_trip.drill()
    assert failures(done) == {}
    checks = {check.name: check.outcome for check in done.evidence.checks}
    assert checks["rows and digests are the same"] == "passed"
    assert checks["tables and indexes are intact (pg_amcheck)"] == "passed"
    assert done.evidence.facts["server_version"] // 10_000 < programs.major(version_of(newer))


def test_an_export_does_not_go_back_to_an_older_version(round_trip: Round, newer: Server, tmp_path: Path) -> None:
    """It is told before anything is made there."""
    with newer.connect("postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE young")
    try:
        with newer.connect("young", autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS v")
        of_newer = Round(tmp_path, newer, "young", round_trip.target)
        of_newer.export()
        with pytest.raises(Misconfigured, match="an older server does not understand it"):
            of_newer.drill()
    finally:
        with newer.connect("postgres", autocommit=True) as admin:
            admin.execute("DROP DATABASE young WITH (FORCE)")


def version_of(server: Server) -> int:
    """Its number: 170010 is PostgreSQL 17.10."""
    with server.connect("postgres") as connection:
        return connection.info.server_version


def test_a_stale_export(round_trip: Round) -> None:
    """The newest is older than the RPO allows."""
    round_trip.export()
    done = drill(round_trip.drill_settings(), round_trip.source, round_trip.log, now=NOW + timedelta(hours=27))
    assert "h old; at most 26 h are allowed" in failures(done)["export is fresh"]


def test_clocks_that_differ(round_trip: Round) -> None:
    """Of the exporting machine, of its store, of this machine: each is named, and none is taken for freshness."""
    round_trip.export()
    candidate, manifest = exports.choose(round_trip.store, round_trip.database), round_trip.manifest()

    def said(**values: Any) -> str:
        now = values.pop("now", datetime.now(UTC))
        stored = dataclasses.replace(candidate.manifest, created=values.pop("created", candidate.manifest.created))
        other = dataclasses.replace(candidate, manifest=stored)
        clocks = of_time(manifest.model_copy(update=values), other, now, None)[0]
        return f"{clocks.outcome}: {clocks.detail}"

    assert said().startswith("passed")
    assert "failed: the exporting machine was -4000 s off the clock of its database" in said(clock_offset=-4000.0)
    assert "off the clock of its store" in said(created=NOW - 3 * CLOCKS)
    assert "is in the future here" in said(now=NOW - timedelta(hours=1))
    past = drill(round_trip.drill_settings(), round_trip.source, round_trip.log, now=NOW - timedelta(hours=1))
    assert list(failures(past)) == ["clocks agree"]


def test_a_wrong_key(round_trip: Round, tmp_path: Path) -> None:
    """The key is named, and no other is tried."""
    round_trip.export()
    round_trip.by = LocalWrapper(new_key(tmp_path / "other"))
    assert failures(round_trip.drill())["export can be restored"].startswith("wrong key")


@pytest.mark.every_major
def test_a_swapped_manifest(round_trip: Round, execute: Execute) -> None:
    """Of another export: by its name. With the name changed as well: by its code."""
    round_trip.export()
    first = (round_trip.path / "manifest.json").read_text()
    old = round_trip.path
    execute("DELETE FROM public.twins")
    round_trip.export()
    if round_trip.path == old:
        pytest.fail("the second export is not the newest")
    manifest = round_trip.path / "manifest.json"
    manifest.write_text(first)
    assert "the manifest is of another export" in failures(round_trip.drill())["export can be restored"]
    manifest.write_text(first.replace(old.name, round_trip.path.name))
    assert re.search(r"wrong key|was changed after", failures(round_trip.drill())["export can be restored"])


def test_a_swapped_dump(round_trip: Round) -> None:
    """A genuine file of another export."""
    round_trip.export()
    first = (round_trip.path / "dump").read_bytes()
    round_trip.export()
    (round_trip.path / "dump").write_bytes(first)
    assert re.search(r"belongs to export|truncated or another", failures(round_trip.drill())["export can be restored"])


@pytest.mark.every_major
def test_an_empty_database_that_restores_fine(round_trip: Round, server: Server) -> None:
    """The wrong database was exported: every comparison is right, and nothing is there."""
    with server.connect("postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {round_trip.database} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {round_trip.database}")
    with pytest.raises(Found, match="is empty: an export of it would prove nothing"):
        round_trip.export()
    round_trip.export(allow_empty=True)
    assert failures(round_trip.drill()) == {"export holds data": "the export holds no row at all"}


@pytest.mark.every_major
def test_a_sequence_behind_its_data(round_trip: Round, execute: Execute) -> None:
    """The next insert would fail."""
    execute("SELECT setval('sales.customer_id_seq', 7)")
    round_trip.export()
    found = failures(round_trip.drill())["sequences are beyond the data"]
    assert found == "sales.customer_id_seq gives 8 next, but sales.customer.id already has 500"


def test_a_constraint_that_was_never_validated_is_told(round_trip: Round, execute: Execute) -> None:
    """It was so in the source: a warning, since the backup is not worse than the database."""
    execute("ALTER TABLE public.twins ADD CONSTRAINT small CHECK (v < 2) NOT VALID")
    round_trip.export()
    done = round_trip.drill()
    assert failures(done) == {}
    warned = {check.name: check.detail for check in done.evidence.checks if check.outcome == "warned"}
    assert warned == {"constraints are validated": "public.small was not validated in the source either"}


def test_a_recovery_that_takes_too_long(round_trip: Round) -> None:
    """Against the RTO."""
    round_trip.export()
    assert "are allowed" in failures(round_trip.drill(rto_minutes=0.0001))["recovery is fast enough"]


@pytest.mark.every_major
def test_an_erased_id_that_comes_back(round_trip: Round, execute: Execute) -> None:
    """It is erased again, with what belongs to it, and looked for once more."""
    round_trip.export()
    record = erasure.Record(
        erased_at=datetime.now(UTC),
        database=round_trip.database,
        table="customer",
        column="id",
        key="5",
        cascade=("newsletter_click", "newsletter"),
        reason="request",
    )
    assert erasure.add(round_trip.ledger, record)
    assert not erasure.add(round_trip.ledger, record)
    done = round_trip.drill()
    said = {check.name: check.detail for check in done.evidence.checks}["erased ids stay gone"]
    assert said == "1 records replayed, 3 rows erased again"
    assert failures(done) == {}


def test_an_erased_id_that_cannot_be_erased_fails(round_trip: Round, execute: Execute) -> None:
    """A trigger keeps the row: nothing raises, and still the person is back."""
    execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    execute("CREATE TRIGGER keep BEFORE DELETE ON sales.address FOR EACH ROW EXECUTE FUNCTION keep()")
    round_trip.export()
    record = erasure.Record(
        erased_at=datetime.now(UTC),
        database=round_trip.database,
        table="address",
        column="id",
        key="9",
        reason="request",
    )
    erasure.add(round_trip.ledger, record)
    assert "1 rows of it are still in sales.address" in failures(round_trip.drill())["erased ids stay gone"]


def test_a_record_that_cannot_be_understood_fails(round_trip: Round) -> None:
    """It could be anybody's."""
    round_trip.export()
    name = f"{round_trip.database}/{datetime.now(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}-{'0' * 16}.json"
    round_trip.ledger.create(name, b'{"version": 2}')
    assert "cannot be understood" in failures(round_trip.drill())["export can be restored"]


def test_no_ledger_is_said_and_not_forgotten(round_trip: Round) -> None:
    """As a warning in the evidence."""
    round_trip.export()
    source = Source(round_trip.store, None, round_trip.by, round_trip.database)
    done = drill(round_trip.drill_settings(), source, round_trip.log)
    assert [check.name for check in done.evidence.checks if check.outcome == "warned"] == ["erased ids stay gone"]


def test_no_whole_export(round_trip: Round) -> None:
    """Half an export is none: without its manifest, or without its dump."""
    round_trip.export()
    (round_trip.path / "manifest.json").unlink()
    found = failures(round_trip.drill())["export can be restored"]
    assert "has no whole export" in found


# What a drill refuses


@pytest.mark.every_major
def test_a_live_target_is_refused(round_trip: Round) -> None:
    """The source itself, told by its system identifier."""
    round_trip.export()
    round_trip.target = round_trip.server
    with pytest.raises(Refused, match="could be the live server: it has the system identifier of the source"):
        round_trip.drill()


def test_a_target_with_data_is_refused(round_trip: Round) -> None:
    """Somebody else's database, on a server that is not the source."""
    round_trip.export()
    with round_trip.target.connect("postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE somebodys")
    try:
        with round_trip.target.connect("somebodys", autocommit=True) as connection:
            connection.execute("CREATE TABLE precious (v int)")
        with pytest.raises(Refused, match="holds data in somebodys"):
            round_trip.drill()
        with round_trip.target.connect("somebodys") as connection:
            assert connection.execute("SELECT count(*) FROM precious").fetchone() == (0,)
    finally:
        with round_trip.target.connect("postgres", autocommit=True) as admin:
            admin.execute("DROP DATABASE somebodys WITH (FORCE)")


def test_a_target_that_cannot_be_told_from_the_source_is_refused(round_trip: Round) -> None:
    """Neither of the two says who it is."""
    round_trip.export()
    round_trip.forge(facts__place__system_identifier="")
    with pytest.raises(Refused, match="cannot be told from the source"):
        round_trip.drill()


def test_what_a_killed_drill_left_on_a_given_server_is_dropped(round_trip: Round) -> None:
    """By its name and its lock: a drill that goes on at the same time is left alone."""
    round_trip.export()
    with (
        round_trip.target.connect("postgres", autocommit=True) as admin,
        round_trip.target.connect("postgres", autocommit=True) as other_drill,
    ):
        for name in ("drill_0000dead", "drill_0000a11e"):
            admin.execute(f"CREATE DATABASE {name}")
        other_drill.execute("SELECT pg_advisory_lock(hashtextextended('drill_0000a11e', 0))")
        assert failures(round_trip.drill()) == {}
        left = admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^drill_'").fetchall()
        assert left == [("drill_0000a11e",)]
        admin.execute("DROP DATABASE drill_0000a11e")


@pytest.mark.parametrize("stage", ["create", "restore", "compare", "replay erasures", "amcheck"])
def test_a_drill_that_is_stopped_at_any_stage_cleans_up(
    round_trip: Round, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes when the step begins; the given server is as it was."""
    round_trip.export()
    step = Steps.step

    @contextmanager
    def stopped(self: Steps, name: str, log: Log) -> Iterator[None]:
        with step(self, name, log):
            if name == stage:
                raise Interrupted("SIGTERM")
            yield

    monkeypatch.setattr(Steps, "step", stopped)
    with pytest.raises(Interrupted):
        round_trip.drill()
    with round_trip.target.connect("postgres") as admin:
        assert admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^drill_'").fetchall() == []


# What is missing on the target


def test_an_extension_that_the_target_does_not_have(round_trip: Round) -> None:
    """By name, before anything is made."""
    round_trip.export()
    round_trip.forge(facts__extensions={"postgis": "3.4"})
    with pytest.raises(Misconfigured, match="the target has no extension postgis"):
        round_trip.drill()


def test_a_locale_that_the_target_does_not_have(round_trip: Round) -> None:
    """By name."""
    round_trip.export()
    round_trip.forge(facts__place__collate="xx_YY.UTF-8", facts__place__ctype="xx_YY.UTF-8")
    with pytest.raises(Misconfigured, match=r"the target has no locale xx_YY\.UTF-8"):
        round_trip.drill()


def test_a_server_that_is_older_than_the_source(round_trip: Round) -> None:
    """It would not understand the dump."""
    round_trip.export()
    round_trip.forge(facts__place__server_version=990_000)
    with pytest.raises(Misconfigured, match="PostgreSQL 99"):
        round_trip.drill()


def test_no_space_for_the_throwaway_server(round_trip: Round) -> None:
    """On a disk that is really full: told as such, not as a bad backup, and cleaned up."""
    round_trip.export()
    place = Path(tempfile.mkdtemp(prefix="w-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m,mode=755", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs the right to do so")
    try:
        with pytest.raises(Unreachable, match="no space is left"):
            round_trip.drill(target_host=None, work_dir=str(place))
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def test_a_server_that_is_not_there(round_trip: Round) -> None:
    """Unreachable, not a bad backup."""
    round_trip.export()
    round_trip.target = round_trip.target.model_copy(update={"port": 1})
    with pytest.raises(Unreachable):
        round_trip.drill()


@pytest.mark.parametrize(
    ("encoding", "more"),
    [("LATIN1", "LC_COLLATE 'C' LC_CTYPE 'C'"), ("SQL_ASCII", "LC_COLLATE 'C' LC_CTYPE 'C'"), ("UTF8", "ICU")],
)
def test_other_encodings_and_locales_come_back(round_trip: Round, server: Server, encoding: str, more: str) -> None:
    """Bytes stay bytes, order stays order, settings of the database stay."""
    icu = "LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'"
    with server.connect("postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {round_trip.database} WITH (FORCE)")
        options = icu if more == "ICU" else more
        admin.execute(f"CREATE DATABASE {round_trip.database} TEMPLATE template0 ENCODING '{encoding}' {options}")
        admin.execute(f"ALTER DATABASE {round_trip.database} SET search_path TO \"$user\", public, 'odd, one'")
        admin.execute(f"ALTER DATABASE {round_trip.database} SET application_name TO 'it''s'")
    with server.connect(round_trip.database, autocommit=True) as connection:
        connection.execute("CREATE TABLE words (v text)")
        connection.execute("INSERT INTO words VALUES ('plain')")
        if encoding != "SQL_ASCII":
            connection.execute("INSERT INTO words VALUES ('Größe'), ('Zürich')")
        else:
            connection.execute("INSERT INTO words VALUES (convert_from(decode('fffe', 'hex'), 'SQL_ASCII'))")
    round_trip.export()
    done = round_trip.drill()
    assert failures(done) == {}
    place = round_trip.manifest().facts.place
    assert place.encoding == encoding
    assert len(place.settings) == 2


KEEP_RUNNING = """
import sys, time
from pathlib import Path
from jobs.core.log import Log
from jobs.postgres import cluster, programs
with cluster.throwaway(Path(sys.argv[1]), Path(sys.argv[2]), Log("x")):
    print("up", flush=True)
    time.sleep(60)
"""


def test_a_killed_drills_server_is_removed_by_the_next(source: cluster.Cluster) -> None:
    """kill -9 of the whole drill, in the middle; one that goes on is left alone."""
    work = Path(tempfile.mkdtemp(prefix="w-"))
    work.chmod(0o755)
    command = [sys.executable, "-c", KEEP_RUNNING, str(work), str(source.programs)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        left = next(work.glob("drill-*"))
        postmaster = int((left / "data" / "postmaster.pid").read_text().splitlines()[0])
        assert cluster.clean_up(work, Log("x")) == 0
        child.kill()
    assert Path(f"/proc/{postmaster}").exists()
    assert cluster.clean_up(work, Log("x")) == 1
    assert list(work.iterdir()) == []
    work.rmdir()
