"""Reading values: unknowns are never taken for anything, secrets are never shown, spellings make no difference."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import report
from policies.judge import Judge, Result
from policies.model import (
    OUTPUT_SIGNATURE,
    RESOURCE_SIGNATURE,
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    Resource,
    Secret,
    UnknownValue,
    View,
    decode,
    reveal,
    split_path,
)
from policies.rule import Finding, Rule, fail

MARKER = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
TYPED_MARKERS = [
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]
KEYS = st.sampled_from(["settings", "name", "ipConfiguration", "x.y", "dash-ed", "0", "é", "data"])
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["", "on", "READER", "10.0.0.0/8"]))
SECRETS = st.text("abcXYZ\"'\\\n\té{}0189", min_size=6, max_size=20).map(lambda s: f"zq{s}qz")


def secret(value: Any) -> dict[str, Any]:
    """A secret as the engine marshals it."""
    return {SIGNATURE: SECRET_SIGNATURE, "value": value}


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nested values as they occur in inputs."""
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
        max_leaves=12,
    )


def resource(data: Any, **extra: Any) -> Resource:
    return Resource(data=data, urn="urn:pulumi:p::x::t:t/t:T::r", type="t:t/t:T", name="r", **extra)


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every place inside a decoded value with its path, the containers included."""
    if path:
        yield path, value
    inner = reveal(value)
    if isinstance(inner, dict):
        for key, item in inner.items():
            yield from paths(item, f'{path}["{key}"]')
    elif isinstance(inner, list):
        for index, item in enumerate(inner):
            yield from paths(item, f"{path}[{index}]")


@given(st.dictionaries(KEYS, values(PLAIN), max_size=4))
def test_plain_values_decode_to_themselves(data: dict[str, Any]) -> None:
    """What has no marker comes out as it went in, and every place in it can be read by its path."""
    decoded = decode(copy.deepcopy(data))
    assert decoded == data
    view = resource(decoded)
    for path, value in paths(data):
        assert view.raw(path) == value
        assert view.get(path, "absent") == ("absent" if value is None else value)
        assert view.known(path)


@pytest.mark.parametrize("marker", [MARKER, *TYPED_MARKERS])
@pytest.mark.parametrize(
    "wrap", [lambda m: m, secret, lambda m: {SIGNATURE: OUTPUT_SIGNATURE}, lambda m: secret(secret(m))]
)
def test_every_spelling_of_unknown_is_unknown(marker: str, wrap: Any) -> None:
    """Typed markers, secrets of unknowns and outputs without a value cannot be read by any reader."""
    view = resource(decode({"a": wrap(marker)}))
    assert view.has("a")
    assert not view.known("a")
    assert reveal(view.raw("a")) is UNKNOWN
    for read in (view.get, view.text, view.upper, view.flag, view.number, view.items, view.views):
        for path in ("a", "a.b", "a[0]", "a[0].b.c"):
            with pytest.raises(UnknownValue) as caught:
                read(path)
            assert caught.value.path == path


@given(st.dictionaries(KEYS, values(st.one_of(PLAIN, st.just(MARKER))), max_size=4))
def test_unknown_is_never_returned_by_a_typed_reader(data: dict[str, Any]) -> None:
    """Whatever the structure, a reader gives a known value or raises; it never gives the marker or the word for it."""
    view = resource(decode(data))
    for path, value in paths(view.data):
        for read in (view.get, view.text, view.upper, view.flag, view.number):
            if reveal(value) is UNKNOWN:
                with pytest.raises(UnknownValue):
                    read(path)
            else:
                found = read(path)
                assert found is not UNKNOWN
                assert found not in ("UNKNOWN", MARKER)


def test_an_unknown_block_written_as_a_list_of_one_is_unknown() -> None:
    """A list of one unknown block does not read as a block without the property."""
    for block in (UNKNOWN, Secret(UNKNOWN)):
        with pytest.raises(UnknownValue):
            resource({"settings": [block]}).get("settings.tier")


def test_a_lone_block_and_a_list_of_one_read_alike() -> None:
    """Bridged providers flatten lists of at most one; hand-written and older states do not."""
    for data in ({"a": {"b": {"c": 1}}}, {"a": [{"b": [{"c": 1}]}]}, {"a": Secret([{"b": {"c": 1}}])}):
        for path in ("a.b.c", "a[0].b.c", "a[0].b[0].c"):
            assert resource(data).number(path) == 1
    assert resource({"a": [{"b": 1}, {"b": 2}]}).raw("a.b") is None
    assert [v.number("b") for v in resource({"a": [{"b": 1}, {"b": 2}]}).views("a")] == [1, 2]
    assert [v.number("b") for v in resource({"a": {"b": 1}}).views("a")] == [1]


@given(st.lists(st.one_of(st.integers(0, 99), KEYS), min_size=1, max_size=6))
def test_split_path_reads_back_what_walk_writes(steps: list[str | int]) -> None:
    """A path made of any keys and indexes has these steps, dots and dashes in keys included."""
    path = "".join(f"[{s}]" if isinstance(s, int) else f'["{s}"]' for s in steps)
    assert split_path(path) == tuple(steps)


@given(st.dictionaries(KEYS, values(PLAIN), max_size=4))
def test_walk_finds_every_leaf_at_its_path(data: dict[str, Any]) -> None:
    """The paths that `walk` gives lead back to the leaves."""
    view = resource(data)
    leaves = list(view.walk())
    assert all(view.raw(path) == value for path, value in leaves)
    assert len(leaves) == sum(1 for _, v in paths(data) if not isinstance(v, dict | list))


@pytest.mark.parametrize(
    ("written", "flag", "number"),
    [
        (True, True, 1.0),
        ("TRUE", True, None),
        (" on ", True, None),
        ("1", True, 1.0),
        (1.0, True, 1.0),
        (False, False, 0.0),
        ("False", False, None),
        ("off", False, None),
        ("0", False, 0.0),
        (0, False, 0.0),
        ("30", None, 30.0),
        ("30.5s", None, 30.5),
        ("NaN", None, None),
        ("inf", None, None),
        ({}, None, None),
    ],
)
def test_flags_and_numbers_read_every_spelling(written: Any, flag: bool | None, number: float | None) -> None:
    """Strings for booleans and numbers count as what they say; what is no finite number is none."""
    view = resource(decode({"a": written}))
    assert view.number("a") == number
    if flag is not None:
        assert view.flag("a") is flag


def test_missing_is_the_default_and_nothing_else_is() -> None:
    """Only what is not there takes the default."""
    view = resource({"no": False, "zero": 0, "empty": "", "none": None})
    assert view.flag("missing", True)
    assert view.flag("none", True)
    assert not view.flag("no", True)
    assert view.number("zero") == 0
    assert view.text("empty", "x") == "x" == view.text("missing", "x")
    assert not any(view.has(p) for p in ("missing", "none", "empty"))
    assert view.has("no")
    assert view.has("zero")


def test_bookkeeping_of_the_provider_bridge_is_not_a_value() -> None:
    """What the bridge notes for itself inside states is dropped, a user's own underscores are not."""
    data = {"__defaults": ["name"], "a": {"__defaults": [], "__meta": "{}", "__MINE": "x"}}
    assert decode(data) == {"a": {"__MINE": "x"}}


def test_special_values_of_the_engine() -> None:
    """Outputs carry their value, references their id, decrypted secrets their JSON; ciphertext alone is unknown."""
    assert decode({SIGNATURE: OUTPUT_SIGNATURE, "value": "x"}) == "x"
    assert decode({SIGNATURE: OUTPUT_SIGNATURE, "value": "x", "secret": True}) == Secret("x")
    assert decode({SIGNATURE: RESOURCE_SIGNATURE, "urn": "u", "id": "i"}) == "i"
    assert decode({SIGNATURE: SECRET_SIGNATURE, "ciphertext": "v1:x"}) == Secret(UNKNOWN)
    assert decode({SIGNATURE: SECRET_SIGNATURE, "plaintext": '{"a":["b"]}'}) == Secret({"a": ["b"]})
    assert decode({SIGNATURE: SECRET_SIGNATURE, "plaintext": "not json"}) == Secret("not json")
    assert decode("[secret]") == Secret(UNKNOWN)
    assert decode(7.0) == 7
    assert isinstance(decode(7.0), int)


def everything(view: View) -> Iterator[Finding]:
    """What the most careless rule would do: write all it can read into its messages."""
    yield fail(view, "", repr(view.data))
    for path, value in paths(view.data):
        yield fail(view, path, f"{view.show(path)} {view!r} {reveal(value)!r} {reveal(value)}")
        try:
            yield fail(view, path, f"{view.text(path)} {view.upper(path)} {json.dumps(view.get(path), default=repr)}")
            for inner in view.views(path):
                yield fail(inner, "", f"{inner.show('')} {inner!r} {inner.data}")
        except UnknownValue as error:
            yield fail(view, path, repr(error))
    raise RuntimeError(f"broke on {reveal(next(iter(view.data.values()), None))!r}")


CARELESS = Rule(
    id="careless",
    clause="CHG-2",
    title="t",
    severity="low",
    types=("t:t/t:T",),
    fix="f",
    why="w",
    check=everything,
)


def said(result: Result) -> str:
    """Everything that leaves the judge about a verdict."""
    return "\n".join((report.message(result), json.dumps(report.record(result), ensure_ascii=False), repr(result)))


@settings(max_examples=200)
@given(st.data())
def test_no_secret_is_ever_shown(data: st.DataObject) -> None:
    """No message, record or repr holds a secret, wherever it stands and whatever the rule and its exceptions write."""
    hidden: list[str] = []

    def wrap(text: str) -> Any:
        hidden.append(text)
        return data.draw(st.sampled_from([secret(text), secret({"in": text}), secret([text, {"x": text}])]))

    inputs = data.draw(st.dictionaries(KEYS, values(st.one_of(PLAIN, SECRETS.map(wrap))), min_size=1, max_size=4))
    sensitive = data.draw(SECRETS)
    inputs["rootPassword"] = sensitive
    judged = Judge([CARELESS]).judge_resource(resource(decode(inputs), outputs=decode(inputs)))
    assert [r.outcome for r in judged] == ["fail"]
    assert judged[0].crashed
    text = said(judged[0]).lower()
    for value in {*hidden, sensitive}:
        for spelling in (value, value.strip(), json.dumps(value)[1:-1], repr(value)[1:-1]):
            assert spelling.lower() not in text


def test_show_tells_what_can_be_told() -> None:
    """A message says a plain value, that one is missing, unknown or secret, and shortens long ones."""
    view = resource(
        {"a": "x", "b": UNKNOWN, "c": Secret({"d": "e"}), "f": "y" * 200, "password": "z", "g": {"password": "z"}}
    )
    assert [view.show(p) for p in ("a", "b", "c", "c.d", "password", "missing")] == [
        "'x'", "not known yet", "[secret]", "[secret]", "[secret]", "not set",
    ]  # fmt: skip
    assert len(view.show("f")) == 120
    assert view.views("c")[0].show("d") == "[secret]"
    assert view.views("c")[0].is_secret("d")


def test_a_message_stays_readable_when_a_secret_is_a_common_word() -> None:
    """A short secret is masked as a word of its own, never inside other words."""

    def check(view: Resource) -> Iterator[Finding]:
        yield fail(view, "a", "on is not enough: turn encryption on")

    judged = Judge([Rule(**{**vars(CARELESS), "check": check})]).judge_resource(resource({"a": Secret("on")}))
    assert judged[0].findings[0].message == "[secret] is not enough: turn encryption [secret]"


def test_resources_are_themselves_and_nothing_else() -> None:
    """Two resources with the same data are two resources; sets and comparisons do not walk their data."""
    one, two = resource({"a": 1}), resource({"a": 1})
    assert one == one
    assert one != two
    assert len({one, two, one}) == 2
