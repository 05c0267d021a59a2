"""From what validation found to what a person reads: the key, the clause, the problem and the line to write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from .base import Mistake
from .credentials import KEY as CREDENTIALS

SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|token|api_?key|private_?key|credentials?|secret(value)?)$",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|^(AIza|ya29\.|ghp_|gho_|ghs_|github_pat_|glpat-|xox[abpr]-|AKIA|ASIA|sk_live_"
    r"|rk_live_|rnd_|whsec_|pul-)[\w-]{10,}|^eyJ[\w-]{10,}\.eyJ[\w-]+\.|://[^/\s:@]+:[^/\s:@]+@"
)
"""Private keys, the tokens of Google, GitHub, GitLab, Slack, AWS, Stripe, Render and Pulumi, signed tokens, and
addresses with a password in them."""


def plain_secrets(raw: Mapping[str, object], secret_keys: Iterable[str]) -> Iterator[Mistake]:
    """Refuse secrets in the stack file: plain ones are in version control, encrypted ones end up in the state."""
    encrypted = set(secret_keys)
    for key in sorted((encrypted & set(raw)) - {CREDENTIALS}):
        yield _secret(
            key,
            "is encrypted here, but only the section credentials takes secrets from the stack file",
        )
    for name, value in raw.items():
        if name not in encrypted:
            for key, text in _texts(name, value):
                last = key.rpartition(".")[2].rpartition(":")[2]
                if SECRET_VALUE.search(text) or (SECRET_KEY.search(last) and text):
                    yield _secret(
                        key,
                        "looks like a secret in plain text (the value is not repeated here)",
                    )


def _secret(key: str, problem: str) -> Mistake:
    ours = key.partition(".")[0] == CREDENTIALS
    return Mistake(
        key=key,
        clause="CHG-2",
        problem=f"{problem}; take it out, and replace it where it was issued",
        example=f"pulumi config set --secret --path '{key}'"
        if ours
        else "secrets.external.<name>: {purpose: ...}, then: gcloud secrets versions add <name> --data-file=-",
    )


def _texts(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _texts(f"{key}.{name}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(f"{key}.{index}", item)


def from_validation(
    error: ValidationError, model: type[BaseModel], values: Any, hidden: set[str]
) -> Iterator[tuple[Mistake, Callable[[], None]]]:
    """Each mistake, with a function that puts an acceptable value in its place in `values`."""
    details = error.errors()
    places = [tuple(part for part in detail["loc"] if part != "[key]") for detail in details]
    for detail, path in zip(details, places, strict=True):
        if detail["type"] == "too_short" and any(other[: len(path)] == path != other for other in places):
            continue  # the items are there, each with a mistake of its own
        key = ".".join(str(part) for part in path)
        owner, field = field_at(model, path)
        mistake = Mistake(
            key=key,
            clause=_clause(model, path),
            problem=_problem(detail, owner, path, secret=key in hidden or path[0] == CREDENTIALS),
            example=_example(owner, field, path, detail),
        )
        yield mistake, partial(_repair, values, path, field, detail)


def section_inside(annotation: Any) -> tuple[str, type[BaseModel]] | None:
    """The model inside an annotation, and how it is held: "one" or "map"."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "one", annotation
    origin = get_origin(annotation)
    for argument in get_args(annotation):
        inner = section_inside(argument)
        if inner is not None:
            return ("map" if isinstance(origin, type) and issubclass(origin, Mapping) else inner[0]), inner[1]
    return None


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def field_at(model: type[BaseModel], path: tuple[int | str, ...]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The section a path ends in and its field there. A path into a plain value ends at the field that holds it."""
    owner, steps = model, list(path)
    while steps:
        field = _fields(owner).get(str(steps.pop(0)))
        inside = section_inside(field.annotation) if field is not None else None
        if field is None or not steps or inside is None:
            return owner, field
        kind, owner = inside
        if kind == "map":
            steps.pop(0)
    return owner, None


def _clause(model: type[BaseModel], path: tuple[int | str, ...]) -> str:
    """The clause of the setting, or of the nearest section around it."""
    for end in range(len(path), 0, -1):
        _, field = field_at(model, path[:end])
        if field is not None and isinstance(field.json_schema_extra, dict):
            return str(field.json_schema_extra["clause"])
    return "CHG-3"


def _nearest(owner: type[BaseModel], path: tuple[int | str, ...]) -> tuple[str, str] | None:
    """The setting that was probably meant, here or one section further in, and how to write it."""
    meant: dict[str, tuple[str, str]] = {}
    for alias, field in _fields(owner).items():
        kind, inner = section_inside(field.annotation) or ("none", None)
        for name, nested in _fields(inner).items() if inner is not None and kind == "one" else ():
            meant.setdefault(name, (f"{alias}.{name}", f"{alias}: {{{name}: {flow(example_of(nested))}}}"))
    meant |= {alias: (alias, f"{alias}: {flow(example_of(field))}") for alias, field in _fields(owner).items()}
    near = get_close_matches(str(path[-1]), list(meant), n=1, cutoff=0.65)
    return meant[near[0]] if near else None


def _problem(
    detail: ErrorDetails,
    owner: type[BaseModel],
    path: tuple[int | str, ...],
    *,
    secret: bool,
) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        near = _nearest(owner, path)
        here = ", ".join(_fields(owner))
        return f"is not a setting; did you mean {near[0]}?" if near else f"is not a setting; here are {here}"
    if kind == "value_error":
        return str(context["error"])
    message = re.sub(r"^(Input|Value|String|Tuple|Mapping) ", "", detail["msg"])
    if kind == "string_pattern_mismatch":
        message = f"does not match {context['pattern']}"
    found = detail.get("input")
    shown = "" if secret or isinstance(found, dict | list) or found is None else f"{json.dumps(found)} "
    return f"{shown}{message}"


def example_of(field: FieldInfo) -> Any:
    """A value the field accepts, as it would stand in the stack file: its example, or its required settings'."""
    inside = section_inside(field.annotation)
    first = (field.examples or [None])[0]
    if inside is None:
        return first
    kind, model = inside
    whole = {alias: example_of(inner) for alias, inner in _fields(model).items() if inner.is_required()}
    return {first: whole} if kind == "map" else whole


def _example(
    owner: type[BaseModel],
    field: FieldInfo | None,
    path: tuple[int | str, ...],
    detail: ErrorDetails,
) -> str:
    if detail["type"] == "extra_forbidden":
        near = _nearest(owner, path)
        return near[1] if near else "nothing; take the line out"
    if field is None:
        whole = {alias: example_of(inner) for alias, inner in _fields(owner).items() if inner.is_required()}
        return f"orders-api: {flow(whole)}"
    return f"{field.alias}: {flow(example_of(field))}"


def flow(value: object) -> str:
    """A value as YAML on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    text = str(value)
    return f'"{text}"' if isinstance(value, str) and re.fullmatch(r"[\d:.-]+", text) else text


def _repair(
    values: Any,
    path: tuple[int | str, ...],
    field: FieldInfo | None,
    detail: ErrorDetails,
) -> None:
    """Put the example in the place of a wrong value, or take away what has no place."""
    trail = [values]
    for part in path[:-1]:
        held = trail[-1]
        if isinstance(held, dict) and part in held:
            trail.append(held[part])
        else:
            break
    if detail["type"] == "extra_forbidden" or field is None:
        if len(trail) == len(path) and isinstance(trail[-1], dict):
            trail[-1].pop(path[-1], None)
        return
    for depth in range(len(trail) - 1, -1, -1):
        if path[depth] == field.alias and isinstance(trail[depth], dict):
            trail[depth][field.alias] = example_of(field)
            return
