"""One entry of the activity log: its form, the text that is digested, and the link to the entry before it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

VERSION: Final = 1
STREAM: Final = re.compile(r"[a-z][a-z0-9-]{0,62}(/[a-z0-9][a-z0-9-]{0,62}){0,2}")
ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}")
SUBJECT: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}/[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}")
ACTION: Final = re.compile(r"[a-z][a-z0-9_]{0,62}(\.[a-z][a-z0-9_]{0,62}){1,2}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
TRACE: Final = re.compile(r"[0-9a-f]{32}")
DIGEST: Final = re.compile(r"[0-9a-f]{64}")
OUTCOMES: Final = ("allowed", "denied", "failed")
PERSONAL: Final = re.compile(r"@|^\+?\d[\d .()-]{7,}$|^\d{1,3}(\.\d{1,3}){3}$")
"""An e-mail address, a telephone number, an internet address: personal data, which the chain can never forget."""


class Unfit(ValueError):
    """An event or an entry that does not have the form of docs/schemas/activity.json."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a user did. Ids only: an entry can never be deleted alone, so no personal data goes in (PRI-2)."""

    actor: str
    """Surrogate id of who did it; never a name or an address."""
    action: str
    """What was done, as `<thing>.<verb>`."""
    subject: str
    """What it was done to, as `<thing>/<id>`."""
    outcome: str = "allowed"
    trace: str | None = None
    """Trace id of the request, 32 hexadecimal digits."""

    def __post_init__(self) -> None:
        _fits("actor", self.actor, ID)
        _fits("subject", self.subject, SUBJECT)
        _fits("action", self.action, ACTION)
        if self.outcome not in OUTCOMES:
            raise Unfit(f"LOG-7: outcome is one of {', '.join(OUTCOMES)}")
        if self.trace is not None:
            _fits("trace", self.trace, TRACE)
        for name, value in (("actor", self.actor), ("subject", self.subject.partition("/")[2])):
            if PERSONAL.search(value):
                raise Unfit(f"LOG-7: {name} looks like personal data; write the id under which the person is known")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An event in its place of a chain."""

    version: int
    stream: str
    """Which chain: one for each writer that may write at the same time as others."""
    sequence: int
    """1 and up, without gaps."""
    time: str
    """When it was appended, UTC, to the microsecond."""
    actor: str
    action: str
    subject: str
    outcome: str
    trace: str | None
    previous: str
    """Digest of the entry before; of the first one, `genesis(stream)`."""
    digest: str
    """SHA-256 of `canonical` of all the other fields."""

    def line(self) -> str:
        """The entry as one line."""
        return canonical(asdict(self))


def _fits(name: str, value: object, form: re.Pattern[str]) -> None:
    """The value is never repeated: it may be the personal data that must not be here."""
    if not isinstance(value, str) or not form.fullmatch(value):
        raise Unfit(f"LOG-7: {name} does not have the form {form.pattern}")


def canonical(value: Mapping[str, Any]) -> str:
    """The one way to write a value: keys in order, no spaces, no escapes that are not needed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def genesis(stream: str) -> str:
    """What the first entry of a stream follows. It names the stream, so that no chain passes for another."""
    return hashlib.sha256(f"secure-hosting activity {VERSION}\n{stream}".encode()).hexdigest()


def digest_of(entry: Entry) -> str:
    """The digest that the entry should carry."""
    content = {key: value for key, value in asdict(entry).items() if key != "digest"}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def following(stream: str, before: Entry | None, event: Event, now: datetime | None = None) -> Entry:
    """The event as the next entry of its stream."""
    _fits("stream", stream, STREAM)
    at = (now or datetime.now(UTC)).astimezone(UTC)
    entry = Entry(
        version=VERSION,
        stream=stream,
        sequence=before.sequence + 1 if before else 1,
        time=at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        **asdict(event),
        previous=before.digest if before else genesis(stream),
        digest="",
    )
    return replace(entry, digest=digest_of(entry))


_FORMS: Final = {"stream": STREAM, "time": TIME, "previous": DIGEST, "digest": DIGEST}
_NAMES: Final = frozenset(field.name for field in fields(Entry))


def read(line: str | Mapping[str, Any]) -> Entry:
    """The entry of a line or a row. Raises `Unfit` for everything that no writer here would have written."""
    try:
        value = json.loads(line, object_pairs_hook=_once) if isinstance(line, str) else dict(line)
    except (ValueError, RecursionError):
        raise Unfit("LOG-7: the line is no JSON") from None
    if not isinstance(value, dict) or set(value) != _NAMES:
        raise Unfit("LOG-7: the line does not have the fields of an entry")
    if type(value["version"]) is not int or value["version"] != VERSION:
        raise Unfit(f"LOG-7: the version of the entry is not {VERSION}")
    if type(value["sequence"]) is not int or value["sequence"] < 1:
        raise Unfit("LOG-7: sequence is not a number from 1 up")
    for name, form in _FORMS.items():
        _fits(name, value[name], form)
    Event(**{field.name: value[field.name] for field in fields(Event)})
    return Entry(**value)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice is read differently by different readers."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a key stands twice")
    return dict(pairs)
