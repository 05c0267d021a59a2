"""From a stream of a dump to a database: made new, filled by pg_restore, and gone again if that fails."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from jobs.core.problems import JobError, Misconfigured, Refused
from jobs.manifest import Manifest
from jobs.postgres import programs
from jobs.postgres.facts import Place
from jobs.postgres.server import Server, meaning, told

_LISTS: Final = frozenset(
    {
        "search_path",
        "temp_tablespaces",
        "local_preload_libraries",
        "session_preload_libraries",
        "shared_preload_libraries",
        "unix_socket_directories",
    }
)
"""Settings whose stored value is a list that is quoted already (GUC_LIST_QUOTE in PostgreSQL)."""

Admin = psycopg.Connection[tuple[Any, ...]]


def check_target(admin: Admin, manifest: Manifest, *, owners: bool) -> None:
    """What would make the restore fail after an hour is said before it begins."""
    source = manifest.facts.place
    version = int(admin.execute("SHOW server_version_num").fetchall()[0][0])
    if programs.major(version) < programs.major(source.server_version):
        raise Misconfigured(
            f"the target is PostgreSQL {programs.major(version)}, the export is of "
            f"{programs.major(source.server_version)}: an older server does not understand it"
        )
    having = {str(row[0]) for row in admin.execute("SELECT name FROM pg_available_extensions")}
    missing = sorted(manifest.facts.extensions.keys() - having)
    if missing:
        raise Misconfigured(
            f"the target has no extension {', '.join(missing)}", fix="install it on the server of the target"
        )
    known = {str(row[0]) for row in admin.execute("SELECT rolname FROM pg_roles")}
    absent = sorted(set(manifest.roles if owners else manifest.facts.policy_roles) - known)
    if absent:
        raise Misconfigured(
            f"the target has no role {', '.join(absent)}",
            fix="create the roles" + (", or restore with --no-owners and grant afterwards" if owners else ""),
        )
    if owners and (foreign := _not_to_be_given(admin, manifest.owners, version)):
        raise Misconfigured(
            f"{admin.info.user} on the target may give nothing to {', '.join(foreign)}, who owns things in the export",
            fix=f"GRANT … TO {admin.info.user} there, or another user of the target",
        )


def _not_to_be_given(admin: Admin, owners: set[str], version: int) -> list[str]:
    """Roles that only a member, or a superuser, can make an owner."""
    how = "SET" if version >= 160_000 else "MEMBER"
    query = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND NOT pg_has_role(oid, %s) ORDER BY 1"
    return [str(row[0]) for row in admin.execute(query, (list(owners), how))]


def create_roles(admin: Admin, roles: Iterable[str]) -> None:
    """On a throwaway server: names without any right to log in. Who is no superuser gives things away as a member."""
    known = {str(row[0]) for row in admin.execute("SELECT rolname FROM pg_roles")}
    member = admin.info.parameter_status("is_superuser") != "on"
    with told("CREATE ROLE"):
        for role in sorted(set(roles) - known):
            admin.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
            if member:
                admin.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def create_database(admin: Admin, name: str, place: Place, *, owners: bool) -> None:
    """Empty, with the encoding, the locale and the owner of the source; a database that exists is never touched."""
    words = [
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {}").format(
            sql.Identifier(name), sql.Literal(place.encoding)
        ),
        sql.SQL("LC_COLLATE {} LC_CTYPE {}").format(sql.Literal(place.collate), sql.Literal(place.ctype)),
    ]
    if place.locale_provider == "i":
        words.append(sql.SQL("LOCALE_PROVIDER icu ICU_LOCALE {}").format(sql.Literal(place.icu_locale)))
    elif place.locale_provider == "b":
        words.append(sql.SQL("LOCALE_PROVIDER builtin BUILTIN_LOCALE {}").format(sql.Literal(place.icu_locale)))
    if owners and place.owner:
        words.append(sql.SQL("OWNER {}").format(sql.Identifier(place.owner)))
    try:
        admin.execute(sql.SQL(" ").join(words))
    except psycopg.errors.DuplicateDatabase:
        raise Refused(
            f"the database {name} exists on the target; nothing was changed", fix="--into ANOTHER_NAME"
        ) from None
    except psycopg.Error as error:
        text = str(error)
        if "locale" in text.lower() or "collat" in text.lower():
            wanted = place.icu_locale or place.collate
            raise Misconfigured(
                f"the target has no locale {wanted} (the source has it): {text.splitlines()[0]}",
                fix=f"install the locale {wanted} on the server of the target",
            ) from None
        raise meaning(text, f"CREATE DATABASE {name}", error.sqlstate) from None
    for setting in place.settings:
        key, _, value = setting.partition("=")
        text_value = sql.SQL(value) if key in _LISTS else sql.Literal(value)
        statement = sql.SQL("ALTER DATABASE {} SET {} TO {}")
        names = sql.SQL(".").join(sql.Identifier(part) for part in key.split("."))
        with told(f"ALTER DATABASE {name} SET {key}"):
            admin.execute(statement.format(sql.Identifier(name), names, text_value))


def drop_database(admin: Admin, name: str) -> None:
    """Only ever one that this process created."""
    with told(f"DROP DATABASE {name}"):
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def restore(server: Server, database: str, folder: Path, dump: Iterable[bytes], *, owners: bool = True) -> None:
    """Feeds pg_restore. What the dump itself raises (damage, a lost connection) wins over what pg_restore says."""
    target = "dbname='" + database.replace("\\", "\\\\").replace("'", "\\'") + "'"
    command = [str(folder / "pg_restore"), "--exit-on-error", "--no-password", f"--dbname={target}"]
    command += [] if owners else ["--no-owner", "--no-privileges"]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **server.environment(database)}
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=errors)
        assert child.stdin is not None
        programs.widen(child.stdin)
        try:
            with contextlib.suppress(BrokenPipeError):
                for piece in dump:
                    child.stdin.write(piece)
                child.stdin.close()
            code = child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        if code != 0:
            errors.seek(0)
            raise _failed(errors.read(20_000).decode("utf-8", "replace"), database)


def _failed(text: str, database: str) -> JobError:
    lines = [line.removeprefix("pg_restore: ") for line in text.splitlines() if line.strip()]
    first = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "failed without a word")
    detail = " ".join(lines[:6])
    return meaning(f"{first} ({detail})" if detail != first else first, f"pg_restore into {database}")
