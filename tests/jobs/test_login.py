"""Logins as they are on a managed server: over TLS, with a password or with the token of the job's own identity.

The server is a real one with a certificate for `db.example.com`, a name that is made to lead to loopback. A token is
the password, in clear text inside of TLS, as Cloud SQL wants it; what checks it here is the role's password. Not there:
that a token ends, and that its account has to be a user of the instance.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from jobs.core.problems import JobError, Misconfigured, Refused, Unreachable
from jobs.postgres.cluster import Cluster
from jobs.postgres.server import Server
from tests.jobs import majors
from tests.jobs.conftest import everything, running
from tests.jobs.parts import Round, failures
from tests.jobs.servers.http import Answer, Request, Service, document, serving
from tests.recording import ROOT

NAME = "db.example.com"
ROLE = "backup-export@example-prod.iam"
LARGE_OBJECTS = (900001, 900002, 900003)
"""Of everything.sql; pg_read_all_data does not reach them."""


@dataclass
class Managed:
    """A server that takes logins over TLS alone."""

    cluster: Cluster
    port: int
    authority: Path

    def login(self, **more: Any) -> Server:
        """As to a server elsewhere."""
        values = {"host": NAME, "port": self.port, "user": "exporter", "password": "right", **more}
        return Server.model_validate({"sslrootcert": str(self.authority), **values})

    @property
    def administrator(self) -> Server:
        """By its socket."""
        return self.cluster.server.model_copy(update={"port": self.port})

    def set_password(self, role: str, password: str) -> None:
        """Of a role."""
        with self.administrator.connect("postgres", autocommit=True) as admin:
            admin.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


@pytest.fixture(scope="module")
def managed(versions: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Managed]:
    """With a database of everything, and a role that may read all of it."""
    folder = tmp_path_factory.mktemp("tls")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    make += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", folder / "key.pem", "-out", folder / "ca.pem"]
    subprocess.run(make, check=True, capture_output=True)
    with running(versions[majors.MAIN], "tls-") as cluster:
        made = Managed(cluster, listen(cluster, folder), folder / "ca.pem")
        with made.administrator.connect("postgres", autocommit=True) as admin:
            for role in ("exporter", ROLE):
                words = "CREATE ROLE {} LOGIN PASSWORD 'right' BYPASSRLS IN ROLE pg_read_all_data"
                admin.execute(sql.SQL(words).format(sql.Identifier(role)))
            admin.execute("CREATE ROLE app_owner")
            admin.execute("CREATE ROLE app_reader")
            admin.execute("CREATE DATABASE everything TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
        with made.administrator.connect("everything", autocommit=True) as connection:
            connection.execute(everything(connection))
            for number in LARGE_OBJECTS:
                connection.execute(f'GRANT SELECT ON LARGE OBJECT {number} TO "{ROLE}"'.encode())
        yield made


def listen(cluster: Cluster, folder: Path) -> int:
    """Restarts the server with its certificate, on a free port; if another process takes it meanwhile, on another."""
    data = cluster.folder / "data"
    owner = data.stat()
    for name, file in (("server.key", "key.pem"), ("server.crt", "ca.pem")):
        (data / name).write_bytes((folder / file).read_bytes())
        (data / name).chmod(0o600)
        os.chown(data / name, owner.st_uid, owner.st_gid)
    (data / "pg_hba.conf").write_text(
        f'local all all trust\nhostssl all "{ROLE}" 127.0.0.1/32 password\nhostssl all all 127.0.0.1/32 scram-sha-256\n'
    )
    for attempt in range(10):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        cluster.stop()
        with (data / "postgresql.auto.conf").open("a") as file_:
            file_.write(f"ssl = on\nlisten_addresses = '127.0.0.1'\nport = {port}\n")
        try:
            cluster.start()
        except Unreachable:
            if attempt == 9:
                raise
        else:
            return port
    raise AssertionError("unreachable")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name leads to loopback: for libpq in this process, and for the programs that jobs start."""
    environment = Server.environment
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setattr(
        Server, "environment", lambda self, database: {**environment(self, database), "PGHOSTADDR": "127.0.0.1"}
    )


@pytest.mark.usefixtures("elsewhere")
def test_the_server_has_to_prove_who_it_is(managed: Managed) -> None:
    """By the CA and by its name; `require` encrypts and no more; a wrong password is told as such."""

    def connect(**more: Any) -> None:
        managed.login(**more).connect("postgres").close()

    connect(sslmode="verify-full")
    connect(sslmode="require")
    with pytest.raises(Refused, match="could not prove who it is"):
        connect(host="other.example.com", sslmode="verify-full")
    connect(host="other.example.com", sslmode="verify-ca")
    with pytest.raises(Refused, match="could not prove who it is"):
        connect(sslrootcert="/etc/ssl/certs/ca-certificates.crt")
    with pytest.raises(Misconfigured, match="login was refused"):
        connect(password="wrong")


class Metadata(Service):
    """The metadata server of Google Cloud, as far as the client library asks it for an account and a token."""

    def __init__(self) -> None:
        super().__init__()
        self.token = ""
        self.scopes: list[str] = []

    def answer(self, request: Request) -> Answer:
        """Whoever does not say that they mean it is refused, as there."""
        if request.headers.get("metadata-flavor") != "Google":
            return Answer(403)
        if request.path.endswith("/token"):
            self.scopes.append(request.query.get("scopes", ""))
            answer = document({"access_token": self.token, "expires_in": 3599, "token_type": "Bearer"})
        elif request.path.endswith("/project-id"):
            answer = Answer(200, b"example-prod", {"content-type": "application/text"})
        else:
            answer = document({"email": f"{ROLE}.gserviceaccount.com", "scopes": [], "aliases": ["default"]})
        answer.headers["metadata-flavor"] = "Google"
        return answer


@dataclass
class Identity:
    """The job's own, of which this machine has none."""

    metadata: Metadata
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def identity(managed: Managed, tmp_path: Path) -> Iterator[Identity]:
    """A token as long as real ones are, which the role has for its password."""
    metadata = Metadata()
    metadata.token = f"ya29.c.{secrets.token_urlsafe(800)}"
    managed.set_password(ROLE, metadata.token)
    with serving(metadata):
        where = metadata.url.removeprefix("http://")
        found = {k: v for k, v in os.environ.items() if not k.startswith(("GOOGLE_", "CLOUDSDK_", "PG"))}
        found |= {"GCE_METADATA_HOST": where, "GCE_METADATA_IP": where, "HOME": str(tmp_path)}
        yield Identity(metadata, found)


RUN = """
from jobs.__main__ import application
from jobs.postgres.server import Server
environment = Server.environment
Server.environment = lambda self, database: {**environment(self, database), "PGHOSTADDR": "127.0.0.1"}
application()()
"""


def run(
    managed: Managed, identity: Identity, round_trip: Round, *flags: str, **more: str
) -> tuple[int, dict[str, Any], str]:
    """An export as it is deployed: exit code, document, log."""
    given = {"host": NAME, "port": str(managed.port), "user": ROLE, "database": "everything", "auth": "iam"}
    given |= {"sslrootcert": str(managed.authority), "to": f"file://{round_trip.folder}/exports"}
    given |= {"key": str(round_trip.key), "attempts": "1", **more}
    words = ["export", *(f"--{name}={value}" for name, value in given.items()), *flags, "--json"]
    environment = {**identity.environment, "PGHOSTADDR": "127.0.0.1"}
    ran = subprocess.run(
        [sys.executable, "-c", RUN, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout), ran.stdout + ran.stderr


def test_an_export_logs_in_with_the_token_of_its_identity(
    managed: Managed, identity: Identity, round_trip: Round
) -> None:
    """Over TLS that proves the server; with the scope for logins alone; the token is nowhere in what is said."""
    code, document_, said = run(managed, identity, round_trip)
    assert (code, document_["outcome"]) == (0, "done"), said
    assert set(identity.metadata.scopes) == {"https://www.googleapis.com/auth/sqlservice.login"}
    assert identity.metadata.token not in said
    round_trip.database = "everything"
    assert failures(round_trip.drill()) == {}


def test_a_token_that_is_not_accepted_is_told(managed: Managed, identity: Identity, round_trip: Round) -> None:
    """As a refused login, and never with the token."""
    identity.metadata.token = "ya29.c.of-somebody-else"
    code, document_, said = run(managed, identity, round_trip)
    assert (code, "the login was refused" in document_["error"]) == (2, True), said
    assert "of-somebody-else" not in said
    assert list(round_trip.store.list()) == []


def test_a_large_object_that_was_not_granted_is_told(managed: Managed, identity: Identity, round_trip: Round) -> None:
    """By its number, in a dry run as well: not as the lost snapshot of which pg_dump then fails."""
    role = sql.Identifier(ROLE)
    with managed.administrator.connect("everything", autocommit=True) as admin:
        admin.execute(sql.SQL("REVOKE SELECT ON LARGE OBJECT 900002 FROM {}").format(role))
        try:
            code, document_, said = run(managed, identity, round_trip)
            assert code == 2, said
            assert document_["error"].startswith("permission SELECT is missing on LARGE OBJECT 900002")
            code, document_, said = run(managed, identity, round_trip, "--dry-run")
            assert (code, document_["error"]) == (2, "permissions are missing: SELECT on LARGE OBJECT 900002"), said
        finally:
            admin.execute(sql.SQL("GRANT SELECT ON LARGE OBJECT 900002 TO {}").format(role))


def test_a_server_that_cannot_prove_itself_gets_no_token(
    managed: Managed, identity: Identity, round_trip: Round
) -> None:
    """It would have the identity of the job: the name is checked before anything is sent."""
    code, document_, said = run(managed, identity, round_trip, host="other.example.com")
    assert (code, "could not prove who it is" in document_["error"]) == (4, True), said


def test_without_an_identity_it_is_said_so(managed: Managed, identity: Identity, round_trip: Round) -> None:
    """With what to do by hand."""
    identity.environment["NO_GCE_CHECK"] = "true"
    code, document_, said = run(managed, identity, round_trip)
    assert (code, document_["error"]) == (2, "this process has no identity in Google Cloud"), said


def test_errors_of_logins_are_errors_of_jobs(managed: Managed) -> None:
    """Nothing of the driver gets through, whatever the port says."""
    with pytest.raises(JobError):
        Server(host="127.0.0.1", port=1, user="x", auth="peer").connect("postgres")
