"""Runs the real engine on one stack: one run at a time; digest, events and messages are kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from review import guard
from tools import events, pack, places, setup, stamp
from tools.locks import held
from tools.progress import Stage
from tools.refusal import Refusal
from tools.stacks import Stack

_OURS = ("--policy-pack", "--policy-pack-config", "--config-file", "--stack", "-s", "--event-log", "--cwd", "-C")
_POLL_SECONDS = 0.25


@dataclass(kw_only=True)
class Run:
    """What one run of the engine left behind."""

    stack: Stack
    operation: str
    code: int
    seconds: float
    log: events.Log
    digest: dict[str, Any] = field(default_factory=dict)
    judgement: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    """What the engine wrote to standard error."""
    shown: bool = False
    """Whether the engine itself showed its errors."""
    unproven: list[str] = field(default_factory=list)
    """Why the run does not prove that the pack judged it."""

    @property
    def exit_code(self) -> int:
        """The engine's own; 1 when it succeeded without proof that the pack ran."""
        return self.code or (1 if self.unproven else 0)


def check_extra(extra: list[str]) -> None:
    """Refuses flags that would run another stack, or without the pack as committed."""
    for flag in extra:
        if flag.split("=")[0] in _OURS:
            raise Refusal(
                f"{flag.split('=')[0]} is set by this command.",
                fix="choose the stack with STACK=…; the pack and its levels are those in policies/, for every run",
            )


@contextmanager
def exclusive(stack: Stack) -> Iterator[None]:
    """One run at a time on a stack."""

    def busy(holder: str) -> Refusal:
        return Refusal(
            f"another run on the stack {stack.name} is under way (process {holder}); nothing was started.",
            fix="wait for it to end, or end that process; then run this again",
        )

    with held(places.local() / "locks" / f"{stack.name}.lock", refuse=busy):
        yield


def interrupted(stack: Stack) -> str:
    """Why the last run on a local stack needs recovery first, or nothing. Refuses while that run still goes on."""
    for lock in sorted(stack.engine_locks.glob("*.json")):
        try:
            pid = int(json.loads(lock.read_text())["pid"])
        except (ValueError, KeyError, TypeError):
            return f"the engine's lock {lock.name} is damaged"
        if _alive(pid):
            raise Refusal(f"an engine (process {pid}) is still at work on {stack.name}; nothing was started.")
        return f"the engine (process {pid}) was ended in the middle of its work"
    pending = stack.checkpoint().get("pending_operations") if stack.state.exists() else None
    if pending:
        first = pending[0]["resource"]["urn"].rsplit("::", 1)[-1]
        return f"{len(pending)} operation(s) never finished, the first is {pending[0]['type']} {first}"
    return ""


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    if sys.platform != "linux":
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        program = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return False
    return status != "Z" and program.startswith("pulumi")


def preview(stack: Stack, extra: list[str], *, out: TextIO) -> Run:
    """Previews the stack with the pack enforced; nothing in the state changes."""
    return _run(stack, "preview", ["--json", "--show-sames", *extra], out=out, quiet=True)


def change(stack: Stack, operation: str, extra: list[str], *, yes: bool, out: TextIO, quiet: bool = False) -> Run:
    """`up`, `destroy` or `refresh`; asks on a terminal unless `yes`."""
    return _run(stack, operation, (["--yes"] if yes else []) + extra, out=out, quiet=quiet)


def _run(stack: Stack, operation: str, extra: list[str], *, out: TextIO, quiet: bool) -> Run:
    judged = operation in ("preview", "up")
    setup.ensure(out)
    rules = pack.load() if judged else None
    with exclusive(stack):
        stack.prepare()
        why = "" if stack.real else interrupted(stack)
        if why and operation != "preview":
            raise Refusal(
                f"the last run on {stack.name} was interrupted: {why}; nothing was started.",
                fix=f"make recover{stack.command_hint}   finds out what exists and cleans up (docs/recovery.md)",
            )
        log_file, digest_file = stack.runs / f"{operation}.events.jsonl", stack.runs / "digest.json"
        judgement_file = stack.runs / "judgement.json"
        for old in (log_file, judgement_file, *([digest_file] if operation == "preview" else [])):
            old.unlink(missing_ok=True)
        command = ["pulumi", operation, *stack.flags, *extra, "--event-log", str(log_file)]
        if quiet or not sys.stdin.isatty():
            command.append("--non-interactive")
        run = Run(stack=stack, operation=operation, code=0, seconds=0.0, log=events.Log())
        started = time.monotonic()
        (_quietly if quiet else _openly)(command, run, log_file, out)
        run.seconds = time.monotonic() - started
        if operation == "preview":
            run.digest = stamp.read(stack.runs / "preview.out")
            if run.digest:
                (stack.runs / "preview.out").replace(digest_file)
        run.judgement = stamp.read(judgement_file)
        if rules:
            run.unproven = guard.problems(run.log.ran, rules, finished=run.code == 0)
        return run


def _environment(stack: Stack, command: list[str]) -> dict[str, str]:
    """The engine's environment; it takes a plan only as an experiment."""
    planned = any(word == "--plan" or word.startswith("--plan=") for word in command)
    return {**stack.environment(), **({"PULUMI_EXPERIMENTAL": "true"} if planned else {})}


def _openly(command: list[str], run: Run, log_file: Path, _out: TextIO) -> None:
    """With the engine's own display and questions."""
    program = str(places.engine() / command[0])
    with subprocess.Popen(
        [program, *command[1:]], cwd=run.stack.program, env=_environment(run.stack, command)
    ) as process:
        run.code = _wait(process)
    run.shown = True
    _take(run, command, log_file)


def _quietly(command: list[str], run: Run, log_file: Path, out: TextIO) -> None:
    """With one moving line; what the engine prints goes to files beside the event log."""
    stack, program = run.stack, str(places.engine() / command[0])
    printed, errors = (stack.runs / f"{run.operation}.{kind}" for kind in ("out", "err"))
    with Stage(f"{run.operation.capitalize()} of {stack.name}", out=out) as stage:
        with (
            printed.open("w") as stdout,
            errors.open("w") as stderr,
            subprocess.Popen(
                [program, *command[1:]],
                cwd=stack.program,
                env=_environment(stack, command),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            ) as process,
        ):
            ended = threading.Event()
            counter = threading.Thread(target=_count, args=(log_file, stage, ended), daemon=True)
            counter.start()
            try:
                run.code = _wait(process)
            finally:
                ended.set()
                counter.join()
        run.said = events.plain(errors.read_text(errors="replace"))
        _take(run, command, log_file)
        stage.done(describe(run.log.changes) if run.code == 0 else "stopped")


def _take(run: Run, command: list[str], log_file: Path) -> None:
    if not log_file.exists():
        raise _never_ran(command, run.code, run.said)
    run.log = events.read(log_file)


def describe(counts: dict[str, int]) -> str:
    """`212 to create, 1 to replace`, or `no change`."""
    said = [f"{number} to {kind}" for kind, number in sorted(counts.items()) if kind != "same" and number]
    return ", ".join(said) or "no change"


def _count(log_file: Path, stage: Stage, ended: threading.Event) -> None:
    """Follows the event log, so that the stage shows how many resources were judged."""
    position = registered = 0
    while not ended.wait(_POLL_SECONDS):
        try:
            with log_file.open("rb") as file:
                file.seek(position)
                new = file.read()
        except FileNotFoundError:
            continue
        position += len(new)
        registered += new.count(b'"resourcePreEvent":')
        stage.doing = f"{registered} resources"


def _wait(process: subprocess.Popen[bytes]) -> int:
    """The engine's exit code; a Ctrl-C reaches it too, and it is given the time to end in order."""
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            print("\ninterrupted: waiting for the engine to stop in order", file=sys.stderr)


def _never_ran(command: list[str], code: int, said: str) -> Refusal:
    tail = said.strip().splitlines()[-8:]
    if "no space left on device" in said:
        return Refusal("the disk is full; the engine changed nothing.", details=tuple(tail), code=code)
    return Refusal(f"the engine did not start the {command[1]}; nothing was changed.", details=tuple(tail), code=code)
