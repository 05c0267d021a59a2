"""What a nightly comparison leaves in one folder, and the parts of it that a review of the refresh does not have.

The engine's refresh shows what differs from the program's inputs. `make drift` compares the outputs, too, and lets the
pack judge what exists; a preview of main shows what main would change today, by the calendar alone if need be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from review.problems import ReviewError

DIGEST: Final = "drift.json"
EVENTS: Final = "drift.events.jsonl"
FOUND: Final = "drift.found.json"
AUDIT_LOG: Final = "drift.audit.json"
MAIN_DIGEST: Final = "digest.json"
MAIN_EVENTS: Final = "preview.events.jsonl"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One place in one resource that is not as it was applied; without a path, the resource is gone."""

    urn: str
    path: str
    applied: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was compared past the engine, and what the pack says of what exists."""

    differences: tuple[Difference, ...] = ()
    broken: tuple[str, ...] = ()
    """Clause, rule, resource and message."""
    deployer: str = ""
    unnamed: str = ""
    """Why the audit log could not be asked."""


def read(path: Path) -> Found:
    """The JSON of `make drift`. Refuses what is something else."""
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        return Found(
            differences=tuple(
                Difference(**{str(k): str(v) for k, v in one.items()}) for one in document["differences"]
            ),
            broken=tuple(map(str, document["broken"])),
            deployer=str(document.get("deployer") or ""),
            unnamed=str(document.get("unnamed") or ""),
        )
    except OSError as error:
        raise ReviewError(f"{path}: what was compared cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReviewError(f"{path} is not what `make drift` writes: {error!r}.", fix="make drift") from None


@dataclass(frozen=True, kw_only=True)
class Files:
    """Where the parts of one night lie; what is not there is None."""

    digest: Path | None
    events: Path | None
    found: Path | None = None
    audit_log: Path | None = None
    main_digest: Path | None = None
    main_events: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether the refresh left anything at all."""
        return self.digest is not None or self.events is not None


def files(folder: Path) -> Files:
    """The parts in a folder, under the names that `make drift` and `make preview` give them."""
    there = {name: folder / name if (folder / name).exists() else None for name in _NAMES}
    return Files(
        digest=there[DIGEST],
        events=there[EVENTS],
        found=there[FOUND],
        audit_log=there[AUDIT_LOG],
        main_digest=there[MAIN_DIGEST],
        main_events=there[MAIN_EVENTS],
    )


_NAMES: Final = (DIGEST, EVENTS, FOUND, AUDIT_LOG, MAIN_DIGEST, MAIN_EVENTS)
