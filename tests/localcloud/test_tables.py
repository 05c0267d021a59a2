"""The tables say what the installed SDK declares, and agree with the facts of the real provider."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from localcloud.schema import TABLES, Property, resource_type, tokens
from localcloud.tables import make, sdk
from localcloud.tables.notation import Row, flags_of, write_property

FACTS = Path(__file__).resolve().parents[3] / "shared" / "facts"
PROVIDERS = ("gcp", "random", "render", "github")

# Where a table says something else than the facts, and why.
EXCEPTIONS = {
    "required": "the SDK lets it be left out (a deprecated or write-only twin exists, or its object is optional there)",
    "default": "written by hand where the provider sets it outside of its schema, or required in the SDK all the same",
    "secret": "the SDK marks labels and write-only values as secret outputs; the facts do not",
    "set": "the SDK flattens a set of at most one element into the element",
}


@pytest.fixture(scope="module", params=PROVIDERS)
def served(request: pytest.FixtureRequest) -> tuple[str, dict[str, sdk.Resource]]:
    serve = YAML(typ="safe").load((TABLES / "overlay" / f"{request.param}.yaml").read_text())["serve"]
    return request.param, {resource.token: resource for resource in sdk.resources(request.param, serve)}


def test_every_served_type_is_a_type_of_the_sdk(served: tuple[str, dict[str, sdk.Resource]]) -> None:
    provider, resources = served
    assert tokens(provider) == sorted(resources)


def test_every_property_is_one_of_the_sdk_with_its_type(served: tuple[str, dict[str, sdk.Resource]]) -> None:
    _, resources = served
    for token, resource in resources.items():
        differing = list(differences(resource.properties, resource_type(token).properties, token))
        assert differing == []


def differences(declared: Mapping[str, Row], table: Mapping[str, Property], where: str) -> Iterator[str]:
    """Paths at which a table and the SDK differ in names, types, or what is required."""
    if set(declared) != set(table):
        yield f"{where}: {sorted(set(declared) ^ set(table))}"
        return
    for name, row in declared.items():
        known = table[name]
        kind = f"{known.kind}:{known.item}" if known.item else known.kind
        if kind.replace("set:", "list:", 1) != row["type"]:
            yield f"{where}.{name}: {kind} is {row['type']} in the SDK"
        if known.required != bool(row.get("required")):
            yield f"{where}.{name}: required"
        if row.get("output") and not known.output:
            yield f"{where}.{name}: output"
        if row.get("fields"):
            yield from differences(row["fields"], known.fields, f"{where}.{name}")


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_tables_are_what_make_makes_of_them(provider: str) -> None:
    """Stale tables fail here: run `python -m localcloud.tables.make`."""
    for service, rows in make.make(provider, make.read_facts(None, provider)).items():
        assert (TABLES / provider / f"{service}.json").read_text() == make.render(rows)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_tables_agree_with_the_facts_of_the_real_provider(provider: str, record_property: Any) -> None:
    """At least 99.5 of 100 statements agree; every kind of exception has a reason."""
    file = FACTS / f"{provider}-provider.jsonl"
    if not file.exists():
        pytest.skip(f"{file} is absent: the tables are compared with the installed SDK only")
    facts = {row["type"]: row["properties"] for row in map(json.loads, file.read_text().splitlines())}
    agreed: Counter[bool] = Counter()
    exceptions: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for token in tokens(provider):
        for name, known in resource_type(token).properties.items():
            fact = facts.get(token, {}).get(name)
            for statement, same in (statements(known, fact, provider == "random") if fact else {}).items():
                agreed[same] += 1
                if not same:
                    exceptions[statement] += 1
                    examples.setdefault(statement, f"{token} {name}")
    share = agreed[True] / agreed.total()
    record_property("agreement", f"{share:.4f}")
    print(f"{provider}: {share:.2%} of {agreed.total()} statements agree; exceptions {dict(exceptions)}")
    assert share >= 0.995
    assert set(exceptions) <= set(EXCEPTIONS), examples


def statements(known: Property, fact: Row, replaces_always: bool = False) -> dict[str, bool]:
    """What the facts say about a property, and whether the table says the same. A name that the provider makes up is
    required by the API and optional in the SDK; every input of a random value replaces it, which its schema
    leaves out."""
    said = {
        "required": bool(fact.get("required")) == (known.required or (known.autoname and bool(fact.get("required")))),
        "output": bool(fact.get("output_only")) == known.output,
        "computed": bool(fact.get("computed")) == known.computed or known.required or known.autoname,
        "replace": bool(fact.get("replace")) == known.replace or replaces_always,
        "secret": bool(fact.get("secret")) == known.secret,
        "default": fact.get("default") == known.default,
        "max": fact.get("max_items") == known.max,
    }
    if fact["type"] == "set":
        said["set"] = known.kind == "set"
    return said


def test_the_short_form_of_a_property_is_read_as_it_was_written() -> None:
    row: Row = {
        "type": "list:object",
        "computed": True,
        "replace": True,
        "max": 2,
        "fields": {"a": {"type": "string", "required": True}, "b": {"type": "int", "default": 3}},
    }
    written = write_property(row)
    assert written == {
        "is": "list:object computed replace",
        "max": 2,
        "fields": {"a": "string required", "b": {"is": "int", "default": 3}},
    }
    again = flags_of(written)
    assert (again["type"], again["computed"], again["replace"], again["max_items"]) == ("list", True, True, 2)
    assert again["fields"]["a"]["required"]
    assert again["fields"]["b"]["default"] == 3


def test_the_types_that_the_project_needs_are_served() -> None:
    counts = {provider: len(tokens(provider)) for provider in PROVIDERS}
    assert counts["random"] == 10
    assert counts["render"] == 44
    assert counts["github"] == 88
    assert counts["gcp"] >= 450


def test_every_grant_knows_what_it_is_on() -> None:
    """The id of a grant ends with its role and member, so that what it is on can be read from it."""
    for token in tokens("gcp"):
        row = resource_type(token)
        names = row.properties
        if row.is_grant and "member" in names and "role" in names and not token.endswith("IamMemberRemove"):
            assert row.id.endswith("/{role}/{member}"), token
