"""Every served type lives its whole life: preview, create, no change, refresh, import, update, delete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.check import camel_case
from localcloud.codec import ASSETS, SIGNATURE
from localcloud.schema import Property, ResourceType, resource_type, tokens
from tests.localcloud.conftest import PROJECT, REGION, Created, Engine, engine_of

VALUES: dict[str, Any] = {
    "backupMinimumEnforcedRetentionDuration": "86400s",
    "dashboardJson": '{"displayName": "d", "gridLayout": {}}',
    "location": REGION,
    "member": "user:jane@example.com",
    "members": ["user:jane@example.com"],
    "policyData": '{"bindings": []}',
    "project": PROJECT,
    "region": REGION,
    "service": "compute.googleapis.com",
    "zone": f"{REGION}-b",
}


@pytest.fixture(scope="module", params=("gcp", "random", "render", "github"))
def everything(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Engine]]:
    """A provider with every service enabled."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    for engine in engine_of(request.param, folder):
        apis = {resource_type(token).api for token in tokens(request.param)} - {None}
        engine.enable(*(str(api).removesuffix(".googleapis.com") for api in sorted(map(str, apis))))
        yield request.param, engine


def smallest(engine: Engine, row: ResourceType, word: str) -> dict[str, Any]:
    """The smallest inputs that Check accepts, with everything that they refer to."""
    given = {name: value_of(name, known, word) for name, known in row.properties.items() if known.required}
    if row.token == "gcp:projects/service:Service":
        given["service"] = "cloudasset.googleapis.com"
    if "projectId" in given and row.token != "gcp:organizations/project:Project":
        given["projectId"] = PROJECT
    if row.token == "gcp:monitoring/slo:Slo":
        watched = made(engine, "gcp:monitoring/customService:CustomService").id.rsplit("/", 1)[-1]
        given |= {"service": watched, "rollingPeriodDays": 28, "windowsBasedSli": {"windowPeriod": "300s"}}
    for name, parent in row.refs.items():
        if row.properties[name].required:
            given[name] = made(engine, parent).id
    return given


def value_of(name: str, known: Property, word: str) -> Any:
    """Some value of a property's type."""
    if known.enum:
        return [known.enum[0]] if known.item else known.enum[0]
    if name in VALUES and (known.kind == "string" or (known.item == "string" and isinstance(VALUES[name], list))):
        return VALUES[name]
    if known.kind in ("list", "set", "map"):
        item, _, inner = known.item.partition(":")
        element = value_of("x", Property(kind=item, item=inner, fields=known.fields), word)
        return {"key": element} if known.kind == "map" else [element]
    if known.kind == "object":
        chosen: dict[str, Any] = {}
        for key, inner_row in known.fields.items():
            if inner_row.required and not {camel_case(other) for other in inner_row.conflicts} & set(chosen):
                chosen[key] = value_of(key, inner_row, word)
        return chosen
    if known.kind == "asset":
        return {SIGNATURE: ASSETS[0], "path": "file", "hash": "1"}
    return {"string": word, "bool": True, "int": 16, "float": 0.5, "any": word}[known.kind]


MADE: dict[tuple[int, str], Created] = {}


def made(engine: Engine, token: str) -> Created:
    """A resource of a type, made once."""
    if (id(engine), token) not in MADE:
        given = smallest(engine, resource_type(token), "parent")
        MADE[id(engine), token] = engine.create(token, f"parent-{token.rsplit(':', maxsplit=1)[-1].lower()}", **given)
    return MADE[id(engine), token]


def test_every_type_lives_its_whole_life(everything: tuple[str, Engine]) -> None:
    provider, engine = everything
    engine.configure(
        **(
            {
                "project": PROJECT,
                "region": REGION,
                "zone": f"{REGION}-b",
                "billingProject": PROJECT,
                "userProjectOverride": True,
            }
            if provider == "gcp"
            else {}
        )
    )
    troubles: list[str] = []
    for token in tokens(provider):
        try:
            live(provider, engine, token)
        except Exception as error:  # noqa: BLE001  # every type is reported, not the first only
            troubles.append(f"{token}: {type(error).__name__}: {str(error)[:200]}")
    assert not troubles, "\n".join(troubles)


def live(provider: str, engine: Engine, token: str) -> None:
    row = resource_type(token)
    given = smallest(engine, row, "single")
    known, _ = engine.preview(token, "one", **given)
    assert given.keys() <= known.keys()
    created = engine.create(token, "one", **given)
    assert created.id
    for name, prop in row.properties.items():
        if prop.enum and isinstance(created.state.get(name), str):
            assert created.state[name] in prop.enum
    assert provider == "random" or "{" not in created.id
    assert engine.kinds(created, **given) == {}
    again = engine.refresh(created)
    assert again is not None
    assert engine.kinds(again, **given) == {}
    if provider != "random":
        imported = engine.read(token, created.id)
        assert imported is not None
        assert imported.inputs.keys() == created.inputs.keys()
        assert engine.kinds(imported, **given) == {}
    updated = engine.update(created, **given)
    assert set(updated.state) == set(created.state)
    if created.state.get("deletionProtectionEnabled"):
        engine.update(created, **given, deletionProtectionEnabled=False)
        created.state["deletionProtectionEnabled"] = False
    if "deletionProtection" in created.state:
        created.state["deletionProtection"] = False
    created.state.pop("deletionPolicy", None)
    engine.delete(created)
