"""One run of a command: its log, its result for people or machines, its exit code, and an orderly end on signals."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer

from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, JobError
from jobs.core.settings import Model, load

_OF_EVERY: Final = ("config", "dry_run", "as_json")
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="YAML file with the settings (the names of the flags, with _).")
]


@dataclass(frozen=True)
class Result:
    """What a command has to say at its end."""

    text: str
    """For a person: a few lines."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for a machine."""
    code: Exit = Exit.DONE


class Interrupted(BaseException):
    """The process was told to stop. No handler of ordinary errors catches it; `finally` still cleans up."""


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    # A second signal does not interrupt the cleaning up.
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)


def execute(job: str, work: Callable[[Log], Result], *, as_json: bool = False) -> NoReturn:
    """Runs the work and ends the process. Results go to standard output, the log to standard error."""
    log = Log(job)
    before = {each: signal.signal(each, _stop) for each in _SIGNALS}
    try:
        result = work(log)
    except JobError as error:
        log.error(error.message, exit=int(error.code), fix=error.fix, clause=error.clause)
        result = Result(f"error: {error}", {"error": error.message, "fix": error.fix}, error.code)
    except Interrupted as error:
        log.error(f"interrupted by {error}", exit=int(Exit.UNREACHABLE))
        result = Result(
            f"interrupted by {error}; run the command again", {"error": f"interrupted by {error}"}, Exit.UNREACHABLE
        )
    except OSError as error:
        words = f"{error.filename or 'the system'}: {error.strerror or type(error).__name__}"
        log.error(words, exit=int(Exit.UNREACHABLE))
        result = Result(f"error: {words}", {"error": words}, Exit.UNREACHABLE)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    if result.code is Exit.DONE:
        log.info("done", exit=int(Exit.DONE))
    _print(job, result, log, as_json=as_json)
    raise typer.Exit(int(result.code))


def with_settings(
    job: str, model: type[Model], arguments: Mapping[str, Any], work: Callable[[Model, Log, Http], Result]
) -> NoReturn:
    """The end of a command whose flags are the fields of its settings. `arguments` are its `locals()`: the flags, and
    the three that every command has."""
    flags = {name: None if value == [] else value for name, value in arguments.items() if name not in _OF_EVERY}
    execute(
        job,
        lambda log: work(load(model, flags, file=arguments["config"]), log, Http(log)),
        as_json=arguments["as_json"],
    )


def _print(job: str, result: Result, log: Log, *, as_json: bool) -> None:
    document = {
        "job": job,
        "exit": int(result.code),
        "outcome": result.code.name.lower(),
        "trace": log.trace.trace_id,
        **result.facts,
    }
    text = json.dumps(document, default=str, ensure_ascii=False) if as_json else result.text
    try:
        print(text, flush=True)
    except BrokenPipeError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
