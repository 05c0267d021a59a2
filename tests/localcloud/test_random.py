"""Random values have the asked-for form, and live in the stack's state alone."""

from __future__ import annotations

import base64
import string
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.codec import UNKNOWN
from localcloud.schema import tokens
from localcloud.stateless import MAKERS, random_text
from tests.localcloud.conftest import Created, Engine, Refused


def make(chance: Engine, kind: str, **inputs: object) -> Created:
    return chance.create(f"random:index/{kind[0].lower()}{kind[1:]}:{kind}", "value", **inputs)


def test_every_served_type_is_made() -> None:
    assert {token.split(":")[-1] for token in tokens("random")} == set(MAKERS)


def test_an_id_has_one_value_in_four_spellings(chance: Engine) -> None:
    made = make(chance, "RandomId", byteLength=4, prefix="p-")
    raw = bytes.fromhex(made["hex"].removeprefix("p-"))
    assert len(raw) == 4
    assert made["dec"] == f"p-{int.from_bytes(raw)}"
    assert made["b64Std"] == "p-" + base64.b64encode(raw).decode()
    assert made["b64Url"] == f"p-{made.id}"


def test_a_password_is_secret_and_its_id_does_not_give_it_away(chance: Engine) -> None:
    made = make(chance, "RandomPassword", length=24, overrideSpecial="_")
    assert made.id == "none"
    assert {("result",), ("bcryptHash",)} <= made.secrets
    assert set(made["result"]) <= set(string.ascii_letters + string.digits + "_")


classes = st.fixed_dictionaries(
    {
        "length": st.integers(12, 40),
        **{name: st.booleans() for name in ("lower", "upper", "numeric")},
        **{name: st.integers(0, 3) for name in ("minLower", "minUpper", "minNumeric", "minSpecial")},
    }
)


@given(classes)
def test_a_text_has_its_length_and_at_least_the_asked_for_characters(inputs: dict[str, int]) -> None:
    made = random_text(inputs)
    assert len(made) == inputs["length"]
    for name, letters in (
        ("Lower", string.ascii_lowercase),
        ("Upper", string.ascii_uppercase),
        ("Numeric", string.digits),
    ):
        assert sum(letter in letters for letter in made) >= inputs[f"min{name}"]


def test_a_length_that_cannot_be_is_refused(chance: Engine) -> None:
    with pytest.raises(Refused, match=r"sum of the minimums \(5\), not 4"):
        make(chance, "RandomString", length=4, minLower=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(st.integers(-1000, 1000), st.integers(0, 1000))
def test_an_integer_is_between_its_bounds(chance: Engine, low: int, span: int) -> None:
    assert low <= make(chance, "RandomInteger", min=low, max=low + span)["result"] <= low + span


def test_bounds_the_wrong_way_round_are_refused(chance: Engine) -> None:
    with pytest.raises(Refused, match=r"min \(2\) must not be greater than max \(1\)"):
        make(chance, "RandomInteger", min=2, max=1)


def test_a_shuffle_keeps_its_elements(chance: Engine) -> None:
    made = make(chance, "RandomShuffle", inputs=["a", "b", "c"])
    assert sorted(made["results"]) == ["a", "b", "c"]
    assert len(make(chance, "RandomShuffle", inputs=["a", "b", "c"], resultCount=2)["results"]) == 2


def test_a_pet_has_words(chance: Engine) -> None:
    made = make(chance, "RandomPet", length=3, prefix="test", separator="_")
    assert made.id.startswith("test_")
    assert len(made.id.split("_")) == 4


@pytest.mark.parametrize(("kind", "version"), [("RandomUuid", 4), ("RandomUuid4", 4), ("RandomUuid7", 7)])
def test_identifiers_have_their_version(chance: Engine, kind: str, version: int) -> None:
    assert uuid.UUID(make(chance, kind)["result"]).version == version


def test_octets_are_as_many_as_asked_for(chance: Engine) -> None:
    made = make(chance, "RandomBytes", length=9)
    assert len(bytes.fromhex(made["hex"])) == 9
    assert ("hex",) in made.secrets


def test_every_input_replaces(chance: Engine) -> None:
    made = make(chance, "RandomId", byteLength=4)
    assert chance.kinds(made, byteLength=5) == {"byteLength": "UPDATE_REPLACE"}
    assert chance.kinds(made, byteLength=4, keepers={"a": "1"}) == {"keepers": "ADD_REPLACE"}
    assert chance.kinds(made, byteLength=4) == {}


def test_a_value_is_unknown_before_it_is_made_and_stays_afterwards(chance: Engine) -> None:
    known, _ = chance.preview("random:index/randomId:RandomId", "r", byteLength=4)
    assert known["hex"] is UNKNOWN
    made = make(chance, "RandomId", byteLength=4)
    again = chance.refresh(made)
    assert again is not None
    assert again.state == made.state


def test_nothing_is_kept_in_the_cloud(chance: Engine) -> None:
    made = make(chance, "RandomPassword", length=20)
    assert chance.store.find() == []
    chance.delete(made)
    with pytest.raises(Refused, match="cannot be imported here"):
        chance.read(made.type, "none")
