"""Classes of data: what is kept, where, and under which key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from .base import Mistake, Named, Reason, Section, setting
from .limits import KEY_DESTROY_DAYS_MIN, KEY_ROTATION_DAYS_MAX

if TYPE_CHECKING:
    from config import Stack, StackConfig


class DataClass(Section):
    """A class of data has one key, in the region of its data."""

    purpose: Reason = setting("MIN-2", "orders and invoices of customers")
    """Why data of this class exists."""

    location: Literal["primary", "backup"] = setting("ENC-7", "primary", "primary")
    """Which of the two regions holds the data and therefore its key."""

    public: Reason | None = setting("ACC-3", "pictures and styles of the public site", None)
    """Why everybody on the internet may read data of this class. Only buckets take it, in a project of their own
    (projects.assets), and policies/waivers.yaml has to name the exception too."""

    rotation_days: Annotated[int, Field(ge=1, le=KEY_ROTATION_DAYS_MAX)] = setting("ENC-2", 90, 90)
    """Days between key versions."""

    destroy_delay_days: Annotated[int, Field(ge=KEY_DESTROY_DAYS_MIN, le=120)] = setting("ENC-5", 30, 30)
    """Days in which the destruction of a key version can be called off; fixed once the key exists."""


DataClasses = Annotated[Named[DataClass], Field(min_length=1)]


def unknown_class(
    config: Stack, key: str, data_class: str, location: str, *, public: bool = False
) -> Iterator[Mistake]:
    """Refuse a store whose class does not exist, is open to everybody, or has its key in another region."""
    found = config.data_classes.get(data_class)
    if found is None:
        yield Mistake(
            key=key,
            clause="MIN-2",
            problem=f"{data_class} is not one of dataClasses ({', '.join(config.data_classes)})",
            example=f"{key.rpartition('.')[2]}: {next(iter(config.data_classes))}",
            others=("dataClasses",),
        )
    elif found.location != location:
        yield Mistake(
            key=key,
            clause="ENC-7",
            problem=f"the key of {data_class} lies in the {found.location} region, this store in the {location} one",
            example=f"dataClasses.{data_class}.location: {location}, or a class of that region here",
            others=(f"dataClasses.{data_class}",),
        )
    elif found.public and not public:
        yield Mistake(
            key=key,
            clause="ACC-3",
            problem=f"{data_class} is open to everybody, and only buckets can be",
            example=f"{key.rpartition('.')[2]}: {', '.join(n for n, c in config.data_classes.items() if not c.public)}",
            others=(f"dataClasses.{data_class}",),
        )


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a public class without the project that public data lies in, and the project without the class."""
    open_ones = [name for name, one in config.data_classes.items() if one.public]
    if open_ones and config.projects.assets is None:
        yield Mistake(
            key="projects.assets",
            clause="ACC-3",
            problem=f"is missing: data of class {open_ones[0]} is public and lies in a project of its own",
            example="assets: example-prod-assets",
            others=(f"dataClasses.{open_ones[0]}",),
        )
    if config.projects.assets is not None and not open_ones:
        yield Mistake(
            key="projects.assets",
            clause="ACC-3",
            problem="is there, and no class of data is public: nothing would lie in it but a weaker guardrail",
            example="nothing; take the line out",
            others=("dataClasses",),
        )
