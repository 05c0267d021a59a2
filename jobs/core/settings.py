"""Settings of a job: a pydantic model, filled from flags, environment and a file, in this order of precedence.

Field `bucket_name` is the flag `--bucket-name`, the variable `JOBS_BUCKET_NAME` and the key `bucket_name`. A secret is
read from a file that `JOBS_<FIELD>_FILE` names, or from the variable; it is never a flag, because the command line of
a process is readable by others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from jobs.core.problems import Misconfigured

PREFIX: Final = "JOBS_"


class Settings(BaseModel):
    """Base of every job's settings: unknown keys are mistakes, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: the settings cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path}: the settings are not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise Misconfigured(f"{place}: is no YAML: {getattr(error, 'problem', '') or 'unreadable'}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Misconfigured(f"{path}: settings are names with values, not a {type(document).__name__}")
    return {str(key): value for key, value in document.items()}


def _from_environment(model: type[BaseModel], environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in model.model_fields:
        variable = PREFIX + name.upper()
        file = environment.get(f"{variable}_FILE")
        if file:
            try:
                found[name] = Path(file).read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is not text"
                raise Misconfigured(f"{variable}_FILE: {file} cannot be read: {why}") from None
        elif environment.get(variable):
            found[name] = environment[variable]
    return found


def _problem(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    field = str(error["loc"][0]) if error["loc"] else ""
    words = str(error["msg"]).removeprefix("Value error, ")
    if not path:
        return words
    if field not in model.model_fields:
        return f"{path}: there is no such setting"
    return f"{path} (--{field.replace('_', '-')} or {PREFIX}{field.upper()}): {words[:1].lower()}{words[1:]}"


def load(
    model: type[Model],
    flags: Mapping[str, Any],
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Model:
    """The settings, or one error with every mistake in it. A flag that was not given is None. No value is quoted."""
    values = _from_file(file) if file else {}
    values |= _from_environment(model, os.environ if environment is None else environment)
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = [_problem(model, one) for one in error.errors(include_input=False, include_url=False)]
    raise Misconfigured("the settings cannot be used:\n" + "\n".join(f"  - {words}" for words in problems))
