"""The stack file: what is right is taken as it stands, and everything wrong is named at once."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from ruamel.yaml import YAML

from config import AREAS, BOOTSTRAP_CHECKS, ConfigError, RenderStack, StackConfig, load, parse
from policies.clauses import CLAUSES
from settings import access, limits
from settings.base import Mistake
from settings.mistakes import example_of, field_at, section_inside
from tests.recording import ROOT, TODAY, record, record_stack, stack_file

PREFIX = "secure-hosting:"
Change = Callable[[dict[str, Any]], None]


def sections() -> dict[str, Any]:
    """The sections of the production file, free to be changed."""
    rows = YAML(typ="safe").load(ROOT / "data.yaml")["prod"]
    matrix = dict(access.read(ROOT / access.FILE, "prod").rows)
    own = {key.removeprefix(PREFIX): value for key, value in stack_file().items()}
    return {**own, "today": TODAY, "inventory": rows, "access": matrix}


def mistakes(raw: dict[str, Any], secret_keys: tuple[str, ...] = ()) -> tuple[Mistake, ...]:
    """What is wrong with a file."""
    with pytest.raises(ConfigError) as refusal:
        parse(raw, secret_keys=secret_keys)
    return refusal.value.mistakes


def put(path: str, value: Any) -> Change:
    """A change that writes a value."""

    def change(raw: dict[str, Any]) -> None:
        *holders, last = path.split(".")
        for holder in holders:
            raw = raw[holder]
        raw[last] = value

    return change


def drop(path: str) -> Change:
    """A change that takes a line out."""

    def change(raw: dict[str, Any]) -> None:
        *holders, last = path.split(".")
        for holder in holders:
            raw = raw[holder]
        del raw[last]

    return change


def test_the_production_file_is_right() -> None:
    """It is read as it stands, and frozen."""
    config = parse(sections())
    assert config.databases["orders"].backup.retained == 35
    assert config.databases["inventory"].backup.final_days == 60
    assert [str(block) for block in config.network.egress["payments"].ranges] == ["203.0.113.0/28"]
    assert config.company.production
    with pytest.raises(ValidationError):
        config.company.environment = "development"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.databases["extra"] = config.databases["orders"]  # type: ignore[index]


WRONG: dict[str, dict[str, Any]] = {
    row["wrong"]: {"key": row.get("put") or row.get("drop"), **row}
    for row in YAML(typ="safe").load(ROOT / "tests" / "config_mistakes.yaml")
}


def make(row: dict[str, Any]) -> Change:
    """The change that a row of the table describes."""
    return put(row["put"], copy.deepcopy(row["value"])) if "put" in row else drop(row["drop"])


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named_with_key_clause_and_remedy(row: dict[str, Any]) -> None:
    """One mistake in an otherwise good file is the only one reported."""
    raw = sections()
    make(row)(raw)
    (mistake,) = mistakes(raw)
    assert (mistake.key, mistake.clause) == (row["key"], row["clause"])
    assert row["says"] in mistake.problem
    assert mistake.example


TOGETHER = """too few backups, wildcard, bad database name, misspelt section, same region,
one project for two, impossible project, slow rotation, overlapping ranges, flow logs off, short lock, no day,
writer who reads, unknown secret, secrets renewed too late, workload name too short, unprotecting nothing,
a label Google refuses"""


def test_no_mistake_hides_another() -> None:
    """Every mistake of a very bad file is in one message: nobody has to come back twenty times."""
    rows = [WRONG[name.strip()] for name in TOGETHER.split(",")]
    raw = sections()
    for row in rows:
        make(row)(raw)
    assert {row["key"] for row in rows} <= {mistake.key for mistake in mistakes(raw)}


def test_a_verdict_on_a_wrong_value_is_withheld() -> None:
    """A region that does not exist is not also reported as not promised, nor as equal to the other."""
    raw = sections()
    put("regions.primary", "europe-wset4")(raw)
    assert [mistake.key for mistake in mistakes(raw)] == ["regions.primary"]


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values and sections in the production file."""
    if isinstance(value, dict):
        for key, item in value.items():
            if ":" not in key:
                yield (*path, key)
                yield from places(item, (*path, key))


PLACES = list(places(sections()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES), JSON)
def test_whatever_is_written_anywhere_ends_in_a_config_or_in_named_mistakes(path: tuple[str, ...], value: Any) -> None:
    """No input makes the checks themselves fail: nobody has to read a traceback to find a typing error."""
    raw = sections()
    put(".".join(path), value)(raw)
    with contextlib.suppress(ConfigError):
        assert parse(raw)
        return
    assert all(mistake.key and mistake.problem and mistake.example for mistake in mistakes(raw))


def test_an_empty_file_is_told_what_it_needs() -> None:
    """Each required section once, with a whole example."""
    found = mistakes({})
    required = {field.alias for field in StackConfig.model_fields.values() if field.is_required()}
    assert {mistake.key for mistake in found} == required
    assert all(mistake.problem == "is missing" for mistake in found)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all values in the production file."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path


LEAVES = [path for path in leaves(sections()) if not path[0].startswith("pulumi:")]


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_a_value_of_another_type_is_refused_where_it_stands(path: tuple[str, ...]) -> None:
    """No value is bent into shape: an object is no number, text, yes or list."""
    raw = sections()
    put(".".join(path), {"some": "thing"})(raw)
    assert mistakes(raw)[0].key in {".".join(path), ".".join((*path, "0"))}


REQUIRED = [path for path in LEAVES if (field := field_at(StackConfig, path)[1]) is not None and field.is_required()]


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_a_decision_that_is_left_out_is_asked_for(path: tuple[str, ...]) -> None:
    """What a company has to decide has no default."""
    raw = sections()
    drop(".".join(path))(raw)
    (mistake,) = mistakes(raw)
    assert (mistake.key, mistake.problem) == (".".join(path), "is missing")


SECRETS = {
    "a private key": "-----BEGIN PRIVATE KEY-----\nMIIEvQ",
    "a Google API key": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "a GitHub token": "ghp_" + "0123456789abcdefghijklmnopqrstuvwxyz",
    "a Render key": "rnd_" + "0123456789abcdefghij",
    "a signed token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0.c2ln",
    "an address with a password": "postgres://app:" + "hunter2hunter2@10.0.0.1/orders",
}


@pytest.mark.parametrize("value", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_in_plain_text_is_refused_wherever_it_stands(value: str) -> None:
    """By its looks, also in a field that takes any text; and it is not repeated in the message."""
    raw = sections()
    put("dataClasses.customer.purpose", value)(raw)
    with pytest.raises(ConfigError) as refusal:
        parse(raw)
    assert ("dataClasses.customer.purpose", "CHG-2") in [(m.key, m.clause) for m in refusal.value.mistakes]
    assert value not in str(refusal.value)
    assert value[:12] not in str(refusal.value)


@pytest.mark.parametrize("name", ["password", "apiKey", "api_key", "clientSecret", "accessToken", "privateKey"])
def test_a_secret_is_known_by_the_name_of_its_key(name: str) -> None:
    """Whatever it looks like; the key is then not also called unknown."""
    raw = sections()
    put(f"databases.orders.{name}", "correct horse")(raw)
    (mistake,) = mistakes(raw)
    assert (mistake.key, mistake.clause) == (f"databases.orders.{name}", "CHG-2")
    assert "correct horse" not in mistake.problem + mistake.example


def test_a_secret_of_another_namespace_is_refused_as_well() -> None:
    """Credentials of a provider in the stack file are in version control too."""
    (mistake,) = mistakes({**sections(), "gcp:credentials": '{"private_key": "..."}'})
    assert (mistake.key, mistake.clause) == ("gcp:credentials", "CHG-2")


def test_an_encrypted_value_is_refused() -> None:
    """Nothing here takes a secret from the file, so it would end up somewhere unguarded."""
    (mistake,) = mistakes(sections(), secret_keys=("workloads",))
    assert (mistake.key, mistake.clause) == ("workloads", "CHG-2")


def fields(model: type[BaseModel], seen: set[type[BaseModel]] | None = None) -> Iterator[tuple[str, Any]]:
    """Every setting of every section."""
    seen = seen if seen is not None else set()
    seen.add(model)
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        inside = section_inside(field.annotation)
        if inside is not None and inside[1] not in seen:
            yield from fields(inside[1], seen)


FIELDS = dict(fields(StackConfig))


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS.keys())
def test_every_setting_has_clause_example_and_explanation(field: Any) -> None:
    """The message about a mistake is made of these."""
    assert field.json_schema_extra["clause"] in CLAUSES
    assert field.description
    assert example_of(field) is not None


def test_every_example_is_accepted() -> None:
    """Whoever copies the line from the message is not refused again."""
    whole = {field.alias: example_of(field) for field in StackConfig.model_fields.values()}
    assert StackConfig.model_validate_json(json.dumps(whole))


@pytest.mark.parametrize("field", [f for f in FIELDS.values() if not f.is_required()], ids=lambda f: f.alias)
def test_every_default_is_as_strict_as_what_is_written(field: Any) -> None:
    """A default goes through the same checks as a value: nothing is weaker because nobody thought of it."""
    default = field.get_default(call_default_factory=True)
    kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    assert TypeAdapter(kind).validate_python(default) == default


def test_every_area_with_a_check_is_asked() -> None:
    """A check that is never called refuses nothing."""
    import settings as areas

    modules = {module for module in vars(areas).values() if hasattr(module, "check")}
    assert modules == {*AREAS, areas.bootstrap}
    assert areas.bootstrap.check in BOOTSTRAP_CHECKS


def test_the_message_is_for_the_person_who_reads_it() -> None:
    """File, count, and per mistake: key, clause, what is wrong, what to write."""
    raw = sections()
    put("databases.orders.backup.retained", 7)(raw)
    with pytest.raises(ConfigError) as refusal:
        parse(raw, stack="prod")
    assert str(refusal.value) == (
        "Pulumi.prod.yaml has 1 mistake; nothing was changed.\n"
        "1. databases.orders.backup.retained  (BAK-2)\n"
        "   7 should be greater than or equal to 30\n"
        "   write: retained: 35"
    )


def test_parsing_leaves_the_file_as_it_was() -> None:
    """Repairs for the sake of finding more mistakes never reach the caller's values."""
    raw = sections()
    put("databases.orders.backup.retained", 7)(raw)
    before = copy.deepcopy(raw)
    mistakes(raw)
    assert raw == before


def test_the_program_reads_what_the_engine_hands_over() -> None:
    """Structured values arrive as text; keys of other namespaces are none of ours."""
    read: list[StackConfig] = []
    record(lambda: read.append(load()), config={**stack_file(), "gcp:region": "europe-west1"})
    assert read[0].projects.keys == "example-prod-keys"
    with pytest.raises(ConfigError, match=r"Pulumi\.staging\.yaml has"):
        record(lambda: read.append(load()), config={}, stack="staging")


def test_a_refused_file_leaves_nothing_behind() -> None:
    """The program ends before the first resource, with a message and no traceback."""
    config = stack_file()
    config[f"{PREFIX}regions"]["backup"] = "europe-west1"
    with pytest.raises(pulumi.RunError, match=r"regions\.backup  \(BAK-3\)"):
        record_stack(config)


FIGURES = {
    "BAK-2": {limits.BACKUPS_RETAINED_MIN, limits.RECOVERY_DAYS},
    "BAK-8": {limits.SOFT_DELETE_DAYS_MIN},
    "ENC-2": {limits.KEY_ROTATION_DAYS_MAX},
    "ENC-5": {limits.KEY_DESTROY_DAYS_MIN},
    "LOG-3": {limits.LOG_RETENTION_DAYS_MIN},
}


@pytest.mark.parametrize(("clause", "figures"), FIGURES.items(), ids=FIGURES.keys())
def test_figures_are_those_of_the_written_policy(clause: str, figures: set[int]) -> None:
    """Text and configuration say the same number of days."""
    assert {int(number) for number in re.findall(r"\d+", CLAUSES[clause].sentence)} == figures


def test_names_that_are_joined_fit_where_they_go() -> None:
    """Each part is allowed by itself; the whole would be refused after half of the stack was made."""
    raw = sections()
    raw["projects"]["workload"] = "example-production-workload-01"
    purpose = "lists that must not slow down orders"
    raw["databases"]["orders"]["replicas"] = {"a-replica-for-lists-and-export": {"purpose": purpose}}
    raw["databases"]["customers-and-what-they-orders"] = {
        **raw["databases"]["orders"],
        "replicas": {"a-replica-for-lists-and-export": {"purpose": purpose}, "b" * 30: {"purpose": purpose}},
    }
    raw["inventory"]["customers-and-what-they-orders"] = raw["inventory"]["orders"]
    found = {mistake.key: mistake for mistake in mistakes(raw)}
    assert set(found) == {
        "databases.customers-and-what-they-orders.replicas.a-replica-for-lists-and-export",
        f"databases.customers-and-what-they-orders.replicas.{'b' * 30}",
        *(key for key in found if key.startswith("access.")),
    }
    assert all("98" in one.problem for key, one in found.items() if key.startswith("databases."))


@pytest.mark.parametrize("name", ["google-files", "goog", "a"])
def test_names_that_services_keep_for_themselves_are_refused(name: str) -> None:
    """Buckets take no google, topics nothing that begins with goog or is shorter than three characters."""
    raw = sections()
    raw["buckets"] = {"google-files": {"dataClass": "customer"}}
    raw["topics"] = {name: {"dataClass": "customer", "readers": ["stock-worker"]}}
    keys = {mistake.key for mistake in mistakes(raw)}
    assert "buckets.google-files" in keys
    assert f"topics.{name}" in keys


def test_a_region_that_a_service_lacks_is_named_with_the_service() -> None:
    """Before the half of the stack that the region does offer is made."""
    raw = sections()
    raw["regions"] = {
        "primary": "europe-west12",
        "backup": "europe-west4",
        "allowed": ["europe-west12", "europe-west4"],
    }
    found = [mistake for mistake in mistakes(raw) if mistake.key == "regions.primary"]
    assert [(one.clause, "functions" in one.problem) for one in found] == [("VER-2", True)]


def test_a_domain_of_the_company_may_be_another_than_that_of_its_accounts() -> None:
    """What the company registered it lists, and services, sign-in and Render may use it."""
    raw = sections()
    raw["company"]["furtherDomains"] = ["example.net"]
    raw["services"]["report-runner"]["domain"] = "reports.example.net"
    raw["signIn"]["domains"] = ["orders.example.net"]
    raw["render"]["services"]["docs"]["domain"] = "docs.example.net"
    assert parse(raw).company.owns("reports.example.net")
    assert not parse(raw).company.owns("evil-example.net")


def alone() -> dict[str, Any]:
    """The sections of the stack that runs on Render alone, free to be changed."""
    rows = YAML(typ="safe").load(ROOT / "data.yaml")["render-only"]
    own = {key.removeprefix(PREFIX): value for key, value in stack_file("render-only").items()}
    return {**own, "today": TODAY, "inventory": rows, "access": {}}


def test_a_stack_may_run_on_render_alone() -> None:
    """It has no section about Google Cloud, and with one of these it is a stack on Google Cloud that lacks the rest."""
    assert isinstance(parse(alone()), RenderStack)
    assert not isinstance(parse(alone()), StackConfig)
    missing = {mistake.key for mistake in mistakes({**alone(), "services": {}})}
    assert {"projects", "network", "regions"} <= missing


ALONE: dict[str, tuple[Change, str, str]] = {
    "store without a row": (drop("inventory.queue"), "inventory.queue", "MIN-2"),
    "row without a store": (drop("render.caches"), "inventory.queue", "MIN-2"),
    "store elsewhere than its row says": (put("render.region", "oregon"), "inventory.site.region", "PRI-1"),
    "unknown class": (put("render.databases.site.dataClass", "people"), "render.databases.site.dataClass", "MIN-2"),
    "domain of others": (put("render.services.site.domain", "a.example.net"), "render.services.site.domain", "HOS-3"),
    "one zone": (
        put("render.databases.site.highAvailability", False),
        "render.databases.site.highAvailability",
        "MON-5",
    ),
    "unprotecting nothing": (
        put("unprotected", {"sites": {"reason": "moved away last year"}}),
        "unprotected.sites",
        "CHG-5",
    ),
    "rights that nothing gives": (
        put("access", {"support": dict(next(iter(sections()["access"].values())))}),
        "access.support",
        "ACC-7",
    ),
    "no such section": (put("rendre", {}), "rendre", "CHG-3"),
}


@pytest.mark.parametrize(("change", "key", "clause"), ALONE.values(), ids=ALONE.keys())
def test_a_mistake_in_a_stack_on_render_alone_is_named_too(change: Change, key: str, clause: str) -> None:
    """With the same messages as in any other."""
    raw = alone()
    change(raw)
    assert (key, clause) in [(mistake.key, mistake.clause) for mistake in mistakes(raw)]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(places(alone()))), JSON)
def test_whatever_is_written_on_render_alone_ends_in_a_config_or_in_named_mistakes(
    path: tuple[str, ...], value: Any
) -> None:
    """No input makes the checks themselves fail."""
    raw = alone()
    put(".".join(path), value)(raw)
    with contextlib.suppress(ConfigError):
        assert parse(raw)
        return
    assert all(mistake.key and mistake.problem and mistake.example for mistake in mistakes(raw))


ANYTHING = st.dictionaries(
    st.sampled_from([*sections(), *alone(), "pulumi:x", "", "zzz"]) | st.text(max_size=8), JSON, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(ANYTHING)
def test_a_whole_file_of_nonsense_is_refused_without_a_traceback(raw: dict[str, Any]) -> None:
    """Every mistake has its key and what to write, and nothing is accepted."""
    found = mistakes(raw)
    assert all(mistake.problem and mistake.example for mistake in found)
    assert all(mistake.key or "" in raw for mistake in found)
