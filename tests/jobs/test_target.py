"""A drill on a server where nobody is given a superuser, as managed ones are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import sql

from jobs.checks import same
from jobs.core.problems import Misconfigured
from jobs.postgres.load import Admin
from jobs.postgres.server import Server
from tests.jobs.conftest import everything
from tests.jobs.parts import Round, failures


@pytest.fixture
def driller(target: Server) -> Iterator[str]:
    """May make databases and roles, and no more. Roles that others made are gone: it could not give to them."""
    with target.connect("postgres", autocommit=True) as admin:
        drop_roles(admin, "^app_")
        admin.execute("CREATE ROLE driller LOGIN CREATEDB CREATEROLE")
        yield "driller"
        drop_roles(admin, "^app_|^driller$")


def drop_roles(admin: Admin, named: str) -> None:
    """They own nothing: every drill drops what it made."""
    for (role,) in admin.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s ORDER BY 1", (named,)).fetchall():
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def of_an_application(round_trip: Round, server: Server, database: str) -> Round:
    """Everything belongs to an ordinary role, and so does the database."""
    with server.connect("postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {database} TEMPLATE template0 OWNER app_owner")
    with server.connect(database, autocommit=True) as connection:
        connection.execute("SET ROLE app_owner")
        connection.execute(everything(connection))
    return round_trip


@pytest.mark.every_major
def test_who_is_no_superuser_can_drill(of_an_application: Round, driller: str) -> None:
    """Everything comes back with its owners; only the look into pages is left out, and the evidence says so."""
    of_an_application.export()
    done = of_an_application.drill(target_user=driller)
    assert failures(done) == {}
    assert {check.name: check.detail for check in done.evidence.checks if check.outcome == "warned"} == {
        "tables and indexes are intact (pg_amcheck)": "only a superuser may look; the target gives none"
    }
    assert of_an_application.manifest().facts.place.owner == "app_owner"
    assert failures(of_an_application.drill(target_user=driller)) == {}, "the second finds the roles of the first"


def test_an_owner_that_the_target_cannot_give_to_is_told_beforehand(round_trip: Round, driller: str) -> None:
    """The owner is the target's own superuser: by name, with what to do, before anything is made."""
    round_trip.export()
    with pytest.raises(Misconfigured, match="driller on the target may give nothing to drill_superuser"):
        round_trip.drill(target_user=driller)
    with round_trip.target.connect("postgres") as admin:
        assert admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^drill_'").fetchall() == []


def test_a_database_that_belongs_to_somebody_else_is_found(of_an_application: Round) -> None:
    """Who owns a database may create in it: restored as another's, it would lock its application out."""
    of_an_application.export()
    wanted = of_an_application.manifest()
    other = wanted.facts.model_copy(update={"place": wanted.facts.place.model_copy(update={"owner": "app_reader"})})
    found = {
        check.name: check.detail for check in same(wanted, other, list(wanted.objects)) if check.outcome == "failed"
    }
    assert found == {"settings of the database are the same": "it belongs to app_reader, not app_owner"}
    assert all(check.outcome == "passed" for check in same(wanted, other, list(wanted.objects), owners=False))
