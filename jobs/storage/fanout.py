"""One stream to several stores at once. One that fails does not hold up the others; what became of each is told."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from jobs.core.problems import JobError, Unreachable
from jobs.storage.base import ObjectStore, Stored, Upload

_WAITING: Final = 4
"""Pieces that wait for a slow store; more would only fill the memory."""


class _Branch:
    """A thread that writes to one store."""

    def __init__(self, store: ObjectStore, name: str) -> None:
        self.store = store
        self.error: JobError | None = None
        self.upload: Upload | None = None
        self._name = name
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name=f"upload to {store.where}", daemon=True)
        self._thread.start()

    def give(self, piece: bytes | None) -> None:
        """Waits while the store is behind. After an error, pieces are dropped."""
        self._pieces.put(piece)

    def join(self) -> None:
        """No more pieces come."""
        self.give(None)
        self._thread.join()

    def _run(self) -> None:
        self._guarded(self._start)
        while (piece := self._pieces.get()) is not None:
            if self.error is None and self.upload is not None:
                self._guarded(partial(self.upload.write, piece))

    def _start(self) -> None:
        self.upload = self.store.upload(self._name)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except JobError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it: the error is told by `outcome`
            self.error = Unreachable(f"{self.store.where}: {type(error).__name__}: {error}")


class Fanout:
    """Uploads of the same bytes under the same name."""

    def __init__(self, stores: Sequence[ObjectStore], name: str) -> None:
        self._branches = [_Branch(store, name) for store in stores]
        self._joined = False

    def write(self, piece: bytes) -> None:
        """To every store that still takes it; raises when none does."""
        for branch in self._branches:
            branch.give(piece)
        if all(branch.error for branch in self._branches):
            raise self._first_error()

    def finish(self) -> dict[str, Stored | JobError]:
        """By store: the object, or why there is none."""
        self._join()
        outcome: dict[str, Stored | JobError] = {}
        for branch in self._branches:
            try:
                if branch.error is not None:
                    raise branch.error
                assert branch.upload is not None
                outcome[branch.store.where] = branch.upload.finish()
            except JobError as error:
                outcome[branch.store.where] = error
                if branch.upload is not None:
                    branch.upload.abort()
        return outcome

    def abort(self) -> None:
        """Nothing of it may ever look like an object."""
        self._join()
        for branch in self._branches:
            if branch.upload is not None:
                branch.upload.abort()

    def _join(self) -> None:
        if not self._joined:
            self._joined = True
            for branch in self._branches:
                branch.join()

    def _first_error(self) -> JobError:
        return next(branch.error for branch in self._branches if branch.error is not None)
