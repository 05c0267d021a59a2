"""Verification of chains: the first broken link, what happened to it, and whether anchors still hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .entry import Entry, Unfit, digest_of, genesis, read

Lines = Callable[[], Iterable[str]]
"""Opens the log anew each time: a whole chain is read once, a broken one once more to say what happened."""


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """The head of a stream at some time, kept where nobody can change it."""

    stream: str
    sequence: int
    digest: str
    taken_at: str = ""


@dataclass(frozen=True, kw_only=True)
class Break:
    """The first place where a stream is not what it was."""

    kind: str
    """changed, missing, reordered, duplicated, inserted, relinked, unreadable, truncated, rewritten, contradicted."""
    stream: str
    line: int
    """Of the log, from 1; 0 where something is missing at the end."""
    sequence: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found in a log."""

    heads: dict[str, Anchor] = field(default_factory=dict)
    """Of each stream, the last entry that is proved."""
    entries: int = 0
    breaks: tuple[Break, ...] = ()
    """The first one of each stream."""
    unproved: dict[str, int] = field(default_factory=dict)
    """Entries after the newest anchor: nobody would notice if more of them had been there."""

    @property
    def whole(self) -> bool:
        """Whether every stream is."""
        return not self.breaks


def lines_of(text: str) -> Lines:
    """A log that is in memory already."""
    return text.splitlines


def verify(lines: Lines, anchors: Iterable[Anchor] = (), *, continued: bool = False) -> Verdict:
    """Walk all streams of a log in one pass and hold them against their anchors.

    A log that continues an earlier one may begin after an anchored entry; otherwise it begins with entry 1.
    """
    held: dict[str, dict[int, Anchor]] = {}
    heads: dict[str, Anchor] = {}
    breaks: dict[str, Break] = {}
    for anchor in anchors:
        first = held.setdefault(anchor.stream, {}).setdefault(anchor.sequence, anchor)
        if first.digest != anchor.digest:
            text = f"two anchors of entry {anchor.sequence} say different things: one of them is forged"
            breaks[anchor.stream] = _broken("contradicted", anchor.stream, 0, anchor.sequence, text)
    count = 0
    for number, line in enumerate(lines(), start=1):
        if not line.strip():
            continue
        count += 1
        try:
            entry = read(line)
        except Unfit as error:
            stream = _stream_of(line)
            breaks.setdefault(stream, _broken("unreadable", stream, number, 0, str(error).removeprefix("LOG-7: ")))
            continue
        if entry.stream in breaks:
            continue
        head: Anchor | None = heads.get(entry.stream)
        if head is None and continued:
            head = held.get(entry.stream, {}).get(entry.sequence - 1)
        wrong = _link(lines, number, head, entry)
        kept = held.get(entry.stream, {}).get(entry.sequence)
        if wrong is None and kept is not None and kept.digest != entry.digest:
            text = f"entry {entry.sequence} is not the one that was anchored: the chain was rewritten up to here"
            wrong = _broken("rewritten", entry.stream, number, entry.sequence, text)
        if wrong is not None:
            breaks[entry.stream] = wrong
            continue
        heads[entry.stream] = Anchor(
            stream=entry.stream, sequence=entry.sequence, digest=entry.digest, taken_at=entry.time
        )
    for stream, anchored in held.items():
        last = max(anchored)
        reached = heads[stream].sequence if stream in heads else 0
        if stream not in breaks and reached < last:
            text = f"ends after entry {reached}, and entry {last} was anchored: the tail was cut off"
            breaks[stream] = _broken("truncated", stream, 0, reached + 1, text)
    unproved = {s: head.sequence - max(held.get(s, {0: head})) for s, head in heads.items() if s not in breaks}
    return Verdict(heads=heads, entries=count, breaks=tuple(breaks.values()), unproved=unproved)


def _broken(kind: str, stream: str, line: int, sequence: int, message: str) -> Break:
    return Break(kind=kind, stream=stream, line=line, sequence=sequence, message=message)


def _link(lines: Lines, number: int, head: Anchor | None, entry: Entry) -> Break | None:
    """What is wrong between the head of the stream and the entry that follows it in the log."""
    expected = head.sequence + 1 if head else 1
    before = head.digest if head else genesis(entry.stream)

    def broken(kind: str, sequence: int, message: str) -> Break:
        return _broken(kind, entry.stream, number, sequence, message)

    if entry.digest != digest_of(entry):
        return broken("changed", entry.sequence, f"entry {entry.sequence} does not fit its own digest: it was changed")
    if entry.sequence == expected:
        if entry.previous == before:
            return None
        text = f"entry {entry.sequence} does not follow entry {expected - 1}: one of the two was replaced"
        return broken("relinked", entry.sequence, text)
    if entry.sequence > expected:
        if any(later.sequence == expected for _, later in _of(lines, entry.stream, after=number)):
            text = f"entry {entry.sequence} stands before entry {expected}: they were reordered"
            return broken("reordered", expected, text)
        gap = (
            f"entry {expected} is"
            if entry.sequence == expected + 1
            else f"entries {expected} to {entry.sequence - 1} are"
        )
        return broken("missing", expected, f"{gap} missing before entry {entry.sequence}")
    for line, earlier in _of(lines, entry.stream, before=number):
        if earlier == entry:
            return broken("duplicated", entry.sequence, f"entry {entry.sequence} stands on line {line} as well")
    text = f"there is another entry {entry.sequence} before: this one was inserted"
    return broken("inserted", entry.sequence, text)


def _of(lines: Lines, stream: str, *, after: int = 0, before: int | None = None) -> Iterator[tuple[int, Entry]]:
    """Readable entries of a stream in a part of the log."""
    for number, line in enumerate(lines(), start=1):
        if number <= after or not line.strip():
            continue
        if before is not None and number >= before:
            return
        try:
            entry = read(line)
        except Unfit:
            continue
        if entry.stream == stream:
            yield number, entry


def _stream_of(line: str) -> str:
    """The stream that an unreadable line says it belongs to, as far as it says so."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "?"
    stream = value.get("stream") if isinstance(value, dict) else None
    return stream if isinstance(stream, str) and len(stream) <= 200 else "?"
