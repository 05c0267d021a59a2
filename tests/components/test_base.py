"""What every component inherits: where options go, what is registered, and names that are known beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_random as random
import pytest

from components.base import Component, days, known, require
from tests.recording import Recording, record


@dataclass(frozen=True, kw_only=True)
class BoxArgs:
    """Plain values beside one that flows and one that is an object."""

    size: int = 3
    labels: dict[str, str] = field(default_factory=lambda: {"owner": "platform"})
    text: pulumi.Input[str] = "plain"
    thing: object = None


class Box(Component):
    """A component with one child."""

    token = "hosting:test:Box"
    clauses: ClassVar[tuple[str, ...]] = ("CHG-7",)

    def __init__(self, name: str, args: BoxArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self.pet = random.RandomPet(name, length=args.size, opts=self.child(protect=True))
        self.register_outputs({})


def boxed(args: BoxArgs | None = None, **options: object) -> Recording:
    """A box, made with options and a provider of its own."""

    def program() -> None:
        provider = random.Provider("explicit")
        Box("box", args or BoxArgs(), pulumi.ResourceOptions(providers=[provider], **options))  # type: ignore[arg-type]

    return record(program)


def test_a_child_stands_inside_of_its_component() -> None:
    """Merged the other way around, a parent among the caller's options would take children out."""
    recording = boxed()
    assert recording.one("random:index/randomPet:RandomPet").parent == recording.one("hosting:test:Box").urn


def test_options_of_the_caller_do_not_leak_into_children() -> None:
    """Ignored changes of a component would otherwise unguard every child."""
    child = boxed(ignore_changes=["length"], protect=False).one("random:index/randomPet:RandomPet")
    assert child.ignore_changes == ()
    assert child.protect


def test_the_provider_of_the_caller_reaches_children() -> None:
    """That one option is meant to."""
    recording = boxed()
    child = recording.one("random:index/randomPet:RandomPet")
    assert child.provider.startswith(recording.one("pulumi:providers:random").urn)


def test_plain_arguments_show_in_the_state_and_others_do_not() -> None:
    """What flows is registered by the child that takes it; a component that waited for it would delay them all."""

    def program() -> None:
        box = Box("box", BoxArgs(size=2, text=pulumi.Output.from_input("flowing"), thing=object()))
        assert box.urn

    component = record(program).one("hosting:test:Box")
    assert component.inputs == {"settings": {"size": 2, "labels": {"owner": "platform"}}}
    assert boxed().one("hosting:test:Box").inputs["settings"]["text"] == "plain"


def test_a_known_name_is_there_in_a_preview_and_still_depends_on_its_bearer() -> None:
    """Without the dependency it would be used before it exists."""

    def program() -> None:
        bearer = random.RandomPet("bearer")
        random.RandomPet("user", prefix=known("foretold", bearer))

    recording = record(program, preview=True)
    user = next(r for r in recording if r.name == "user")
    assert user.inputs["prefix"] == "foretold"
    assert user.property_dependencies["prefix"] == (recording.one("random:index/randomPet:RandomPet", "bearer").urn,)


def test_durations_are_seconds_as_google_writes_them() -> None:
    """90 days are 7,776,000 seconds, the figure of the benchmarks."""
    assert days(90) == "7776000s"


def test_a_refusal_begins_with_its_clause() -> None:
    """So that it can be looked up."""
    with pytest.raises(ValueError, match=r"^ENC-2: too slow$"):
        require(False, "ENC-2", "too slow")
    require(True, "ENC-2", "too slow")
