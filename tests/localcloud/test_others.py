"""GitHub and Render: shapes of ids and outputs, conflicts, settings that every repository has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localcloud.conftest import Engine, Refused, engine_of

REPOSITORY = "github:index/repository:Repository"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Engine]:
    for engine in engine_of("github", tmp_path):
        engine.configure(owner="example-org")
        yield engine


@pytest.fixture
def render(tmp_path: Path) -> Iterator[Engine]:
    yield from engine_of("render", tmp_path)


def test_the_numeric_id_of_a_repository_follows_from_its_name(github: Engine) -> None:
    """So that a committed stack file can hold it before the repository exists."""
    assert github.create(REPOSITORY, "r", name="secure-hosting", visibility="private")["repoId"] == 284705316


def test_a_repository_is_known_by_its_name(github: Engine) -> None:
    made = github.create(REPOSITORY, "r", name="app", visibility="private")
    assert (made.id, made["fullName"]) == ("app", "example-org/app")
    assert made["repoId"] > 0
    with pytest.raises(Refused, match="already exists"):
        github.create(REPOSITORY, "other", name="app")


def test_parts_of_a_repository_carry_its_name(github: Engine) -> None:
    given = {"repository": "app", "environment": "production"}
    assert (
        github.create("github:index/repositoryEnvironment:RepositoryEnvironment", "e", **given).id == "app:production"
    )
    secret = github.create("github:index/actionsSecret:ActionsSecret", "s", repository="app", secretName="T", value="x")
    assert secret.id == "app:T"
    assert ("value",) in secret.secrets


def test_settings_that_every_repository_has_are_taken_over(github: Engine) -> None:
    token = "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions"
    first = github.create(token, "a", repository="app", allowedActions="selected")
    second = github.create(token, "b", repository="app", allowedActions="local_only")
    assert first.id == second.id == "app"


def test_render_ids_have_their_prefix_and_states_are_those_of_the_sdk(render: Engine) -> None:
    made = render.create(
        "render:postgres:Postgres", "p", name="db", ownerId="tea-1", plan="basic_1gb", version="16", ipAllowList=[]
    )
    assert made.id.startswith("dpg-")
    assert (made["status"], made["suspended"]) == ("available", "not_suspended")


def test_a_render_enumeration_is_held(render: Engine) -> None:
    (failure,) = render.failures("render:postgres:Postgres", name="db", ownerId="tea-1", plan="basic_1gb", version="9")
    assert failure.startswith("render:postgres:Postgres: version must be one of ")
