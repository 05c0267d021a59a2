"""One line a stage, with its time; something moves while a long one runs.

On a terminal the running stage shows a spinner (once rich is installed); elsewhere a plain line every few seconds.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import nullcontext
from types import TracebackType
from typing import Self, TextIO

HEARTBEAT_SECONDS = 15.0
SPINNER_SECONDS = 0.2


def duration(seconds: float) -> str:
    """`7.4 s`, `38 s` or `3 m 12 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} m {whole % 60:02d} s"


def mark(out: TextIO) -> str:
    """The sign before a stage, in what the terminal can show."""
    return "▸" if "utf" in (out.encoding or "").lower() else ">"


def line(title: str, what: str, detail: str = "", *, out: TextIO | None = None) -> None:
    """Prints one aligned stage line."""
    stream = out or sys.stdout
    print(f"{mark(stream)} {title:<28} {what:<18} {detail}".rstrip(), file=stream, flush=True)


class Stage:
    """`with Stage("Pulumi engine") as stage: stage.doing = "compiling"; stage.done("built 3.220.0")`."""

    def __init__(self, title: str, *, out: TextIO | None = None) -> None:
        self.title = title
        self.doing = ""
        self._out = out or sys.stdout
        self._result: tuple[str, str] | None = None
        self._stop = threading.Event()

    def done(self, what: str, detail: str = "") -> None:
        """What the finished line says; without it, the stage prints nothing at its end."""
        self._result = (what, detail)

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._ticker.join()
        if error is None and self._result:
            what, detail = self._result
            shown = duration(time.monotonic() - self._started)
            line(self.title, what, f"{shown:<10} {detail}", out=self._out)

    @property
    def _now(self) -> str:
        elapsed = duration(time.monotonic() - self._started)
        return f"{self.title}: {self.doing} ({elapsed})" if self.doing else f"{self.title} ({elapsed})"

    def _tick(self) -> None:
        if not self._out.isatty():
            while not self._stop.wait(HEARTBEAT_SECONDS):
                print(f"  ... {self._now}", file=self._out, flush=True)
            return
        try:
            from rich.console import Console
        except ImportError:
            spinner, wait = None, HEARTBEAT_SECONDS / 5
        else:
            spinner, wait = Console(file=self._out).status(self._now), SPINNER_SECONDS
        with spinner or nullcontext():
            while not self._stop.wait(wait):
                if spinner:
                    spinner.update(self._now)
                else:
                    print(f"  ... {self._now}", file=self._out, flush=True)
