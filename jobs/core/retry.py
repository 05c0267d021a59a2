"""How jobs try again: exponential waits with jitter, a bound in attempts, and a log line for each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final, TypeVar

import tenacity

from jobs.core.log import Log

Result = TypeVar("Result")

ATTEMPTS: Final = 8
FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 32.0


class Again(Exception):
    """This attempt failed in a way that may pass; `after` is the number of seconds that the server asked for."""

    def __init__(self, why: str, *, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


def _wait(state: tenacity.RetryCallState) -> float:
    scale = float(os.environ.get("JOBS_RETRY_SCALE", "1"))
    error = state.outcome.exception() if state.outcome else None
    asked = error.after if isinstance(error, Again) else None
    jitter = tenacity.wait_exponential_jitter(multiplier=FIRST_WAIT, max=LONGEST_WAIT, jitter=FIRST_WAIT)
    return scale * max(jitter(state), min(asked or 0.0, LONGEST_WAIT))


def call(function: Callable[[], Result], *, what: str, log: Log | None = None, attempts: int = ATTEMPTS) -> Result:
    """The result of the function, which raises Again where another attempt makes sense; the last Again is raised."""

    def note(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0.0
        if log:
            log.warning(f"{what}: {error}; trying again", attempt=state.attempt_number, wait_seconds=round(wait, 2))

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Again),
        stop=tenacity.stop_after_attempt(attempts),
        wait=_wait,
        before_sleep=note,
        reraise=True,
    )
    return retrying(function)


def pause(failures: int, error: Again, *, what: str, log: Log) -> None:
    """The wait between attempts of something that goes on where it stopped, such as a download."""
    scale = float(os.environ.get("JOBS_RETRY_SCALE", "1"))
    wait = scale * max(min(FIRST_WAIT * 2 ** (failures - 1), LONGEST_WAIT), min(error.after or 0.0, LONGEST_WAIT))
    log.warning(f"{what}: {error}; trying again", attempt=failures, wait_seconds=round(wait, 2))
    time.sleep(wait)
