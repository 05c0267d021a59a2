"""How a job reaches a server: over TLS, with a password that is nowhere visible or the identity of the job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final, Literal

import psycopg
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from jobs.core.http import is_local
from jobs.core.problems import Forbidden, JobError, Misconfigured, Refused, Unreachable
from jobs.core.settings import Settings
from jobs.core.tokens import DATABASE_LOGIN, DefaultToken

Mode = Literal["verify-full", "verify-ca", "require"]
Auth = Literal["password", "iam", "peer"]

_DENIED: Final = re.compile(
    r"permission denied for (table|view|sequence|schema|large object|database|function|foreign table) "
    r"(.+?)(?= LINE \d| DETAIL:| HINT:| CONTEXT:| pg_dump:| pg_restore:| Command was| \(|$)"
)
_RIGHTS: Final = {"schema": "USAGE", "database": "CONNECT", "function": "EXECUTE"}
"""What is missing by the kind of thing; SELECT for everything that holds data."""


class Server(BaseModel):
    """A server and who connects. `require` encrypts, but believes every server: Cloud SQL without a CA file only."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    user: Annotated[str, Field(min_length=1)]
    password: SecretStr | None = None
    auth: Auth = "password"
    sslmode: Mode = "verify-full"
    sslrootcert: str = "/etc/ssl/certs/ca-certificates.crt"
    """CA file; Cloud SQL's own CA where the instance has one."""

    @model_validator(mode="after")
    def _can_log_in(self) -> Server:
        if self.auth == "password" and self.password is None and not self.here:
            raise ValueError("a password is missing: JOBS_PASSWORD_FILE, or --auth iam")
        return self

    @property
    def here(self) -> bool:
        """A socket or loopback address of this machine: there may be no TLS."""
        return self.host.startswith("/") or is_local(f"http://{self.host}")

    def environment(self, database: str) -> dict[str, str]:
        """For libpq's programs. Nothing of it is ever an argument, which everybody on a machine can read."""
        values = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": database,
            "PGCONNECT_TIMEOUT": "20",
            "PGAPPNAME": "secure-hosting jobs",
            "PGTZ": "UTC",
        }
        values |= self._tls()
        password = self._password()
        if password is not None:
            values["PGPASSWORD"] = password
        return values

    def connect(self, database: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection; what goes wrong is said in words that do not hold the password."""
        more: dict[str, Any] = {key.removeprefix("PG").lower(): value for key, value in self._tls().items()}
        with told(f"{self.host}:{self.port}/{database}"):
            return psycopg.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                dbname=database,
                password=self._password(),
                connect_timeout=20,
                application_name="secure-hosting jobs",
                client_encoding="utf8",
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
                **more,
                **options,
            )

    def _tls(self) -> dict[str, str]:
        if self.here:
            return {"PGSSLMODE": "prefer"}
        if self.sslmode == "require":
            return {"PGSSLMODE": "require"}
        return {"PGSSLMODE": self.sslmode, "PGSSLROOTCERT": self.sslrootcert}

    def _password(self) -> str | None:
        if self.auth == "iam":
            return DefaultToken(DATABASE_LOGIN).token()
        return self.password.get_secret_value() if self.auth == "password" and self.password else None


class Login(Settings):
    """The settings of a server, as flags of a command."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    user: str = "postgres"
    password: SecretStr | None = None
    auth: Auth = "password"
    sslmode: Mode = "verify-full"
    sslrootcert: str | None = None

    @property
    def server(self) -> Server:
        """The server that they name."""
        given: dict[str, Any] = {"sslrootcert": self.sslrootcert} if self.sslrootcert else {}
        fields = ("host", "port", "user", "password", "auth", "sslmode")
        try:
            return Server(**{name: getattr(self, name) for name in fields}, **given)
        except ValidationError as error:
            words = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
            raise Misconfigured(f"{self.host}: {words}") from None


@contextmanager
def told(where: str) -> Iterator[None]:
    """psycopg's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise meaning(str(error), where, getattr(error, "sqlstate", None)) from None


def meaning(text: str, where: str, state: str | None = None) -> JobError:
    """What an error of PostgreSQL, or of one of its programs, means for the person on duty."""
    words = " ".join(text.split())[:400]
    lower = words.lower()
    if denied := _DENIED.search(words):
        on = denied[2].strip("\"':")
        if denied[1] == "large object":
            return Forbidden("SELECT", f"LARGE OBJECT {on}", detail="pg_read_all_data does not reach it")
        return Forbidden(_RIGHTS.get(denied[1], "SELECT"), on, detail="or membership in pg_read_all_data")
    if state == "42501" or "permission denied" in lower or "must be owner" in lower or "must be superuser" in lower:
        return Misconfigured(f"{where}: a right is missing: {words}")
    if "row-level security" in lower:
        return Misconfigured(
            f"{where}: row-level security would hide rows from the export: {words}",
            fix="export as a role with BYPASSRLS",
        )
    if state == "55P03" or "lock timeout" in lower or "could not obtain lock" in lower:
        return Unreachable(f"{where}: a table is locked by somebody else: {words}", fix="run the command again later")
    if state in ("28P01", "28000") or "authentication failed" in lower or "no password supplied" in lower:
        return Misconfigured(f"{where}: the login was refused: {words}")
    if "certificate" in lower or ("ssl" in lower and "closed" not in lower and "eof" not in lower):
        return Refused(f"{where}: the server could not prove who it is: {words}", clause="ENC-2")
    if re.search(r'fatal: +role ".*" does not exist', lower):
        return Misconfigured(f"{where}: the login was refused: {words}")
    if re.search(r'role ".*" does not exist', lower):
        return Misconfigured(f"{where}: a role is missing: {words}", fix="create the role on the target")
    if state == "3D000" or re.search(r'database ".*" does not exist', lower):
        return Misconfigured(f"{where}: the database does not exist")
    if "no space left" in lower or state == "53100":
        return Unreachable(f"{where}: no space is left: {words}", fix="make room, then run the command again")
    if "is not available" in lower and "extension" in lower:
        return Misconfigured(f"{where}: {words}", fix="install the extension on the server of the target")
    if "locale" in lower and ("invalid" in lower or "not supported" in lower):
        return Misconfigured(f"{where}: {words}", fix="install the locale on the server of the target")
    if "server version mismatch" in lower:
        return Misconfigured(f"{where}: {words}", fix="install the client programs of the server's version")
    return Unreachable(f"{where}: {words}", fix="run the same command again later")
