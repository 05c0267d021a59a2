"""The activity log: whatever is done to a chain is found, named, and found at its first place."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.activity import Entry, Event, Unfit, canonical, genesis, read
from jobs.activity.chain import Anchor, Verdict, lines_of, verify
from jobs.activity.entry import digest_of, following
from jobs.activity.lines import LineLog

NOON = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
calmly = settings(deadline=None, max_examples=40)
SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/activity.json").read_text(encoding="utf-8"))


def event(number: int = 1) -> Event:
    """Something a user did."""
    return Event(actor=f"u-{number}", action="invoice.read", subject=f"invoice/{number}")


def chain(length: int, stream: str = "orders-api", start: int = 0) -> list[Entry]:
    """A whole chain."""
    entries: list[Entry] = []
    for number in range(start, start + length):
        entries.append(following(stream, entries[-1] if entries else None, event(number), NOON))
    return entries


def judged(entries: list[Entry], anchors: list[Anchor] | None = None) -> Verdict:
    """What verification says about entries as a log."""
    return verify(lines_of("\n".join(entry.line() for entry in entries)), anchors or ())


def rechained(entries: list[Entry]) -> list[Entry]:
    """The work of somebody who knows how the chain is made: every link is right again."""
    done: list[Entry] = []
    for number, entry in enumerate(entries, start=1):
        previous = done[-1].digest if done else genesis(entry.stream)
        fresh = replace(entry, sequence=number, previous=previous)
        done.append(replace(fresh, digest=digest_of(fresh)))
    return done


def anchor(entry: Entry) -> Anchor:
    """The head at some time."""
    return Anchor(stream=entry.stream, sequence=entry.sequence, digest=entry.digest)


def kinds(verdict: Verdict) -> list[tuple[str, int]]:
    """What was found, and where."""
    return [(one.kind, one.sequence) for one in verdict.breaks]


def test_a_whole_chain_is_whole() -> None:
    """And its head is its last entry."""
    entries = chain(5)
    verdict = judged(entries)
    assert verdict.whole
    assert verdict.entries == 5
    assert verdict.heads["orders-api"].digest == entries[-1].digest
    assert judged(entries, [anchor(entries[2])]).unproved == {"orders-api": 2}


def test_an_empty_log_is_whole_only_where_nothing_was_anchored() -> None:
    """Nothing is what is left of a log that was deleted."""
    assert judged([]).whole
    assert kinds(judged([], [anchor(chain(3)[-1])])) == [("truncated", 1)]


FIELDS = {
    "actor": "u-999",
    "action": "invoice.pay",
    "subject": "invoice/999",
    "outcome": "denied",
    "time": "2027-01-01T00:00:00.000000Z",
    "trace": "0" * 32,
    "previous": "0" * 64,
    "digest": "0" * 64,
}


@calmly
@given(length=st.integers(2, 12), at=st.integers(0, 11), name=st.sampled_from(sorted(FIELDS)))
def test_every_edit_is_found_where_it_was_made(length: int, at: int, name: str) -> None:
    """Of any field of any entry."""
    entries = chain(length)
    at %= length
    entries[at] = replace(entries[at], **{name: FIELDS[name]})
    assert kinds(judged(entries)) == [("changed", at + 1)]


@calmly
@given(length=st.integers(2, 12), at=st.integers(0, 11))
def test_an_edit_with_a_fitting_digest_is_found_at_the_next_link(length: int, at: int) -> None:
    """Unless it is the last entry: that is what anchors are for."""
    entries = chain(length)
    at %= length
    forged = replace(entries[at], actor="u-999")
    entries[at] = replace(forged, digest=digest_of(forged))
    if at + 1 < length:
        assert kinds(judged(entries)) == [("relinked", at + 2)]
    else:
        assert judged(entries).whole
        assert kinds(judged(entries, [anchor(chain(length)[-1])])) == [("rewritten", length)]


@calmly
@given(length=st.integers(2, 12), at=st.integers(0, 11))
def test_every_drop_is_found(length: int, at: int) -> None:
    """In the middle without, at the end with an anchor."""
    entries = chain(length)
    at %= length
    dropped = entries[:at] + entries[at + 1 :]
    if at + 1 < length:
        assert kinds(judged(dropped)) == [("missing", at + 1)]
    else:
        assert judged(dropped).whole
        assert kinds(judged(dropped, [anchor(entries[-1])])) == [("truncated", length)]


@calmly
@given(length=st.integers(2, 12), one=st.integers(0, 11), other=st.integers(0, 11))
def test_every_swap_is_found(length: int, one: int, other: int) -> None:
    """Near or far."""
    one, other = sorted((one % length, other % length))
    entries = chain(length)
    entries[one], entries[other] = entries[other], entries[one]
    expected = [] if one == other else [("reordered", one + 1)]
    assert kinds(judged(entries)) == expected


@calmly
@given(length=st.integers(1, 12), at=st.integers(0, 11), to=st.integers(0, 12))
def test_every_repeated_entry_is_found(length: int, at: int, to: int) -> None:
    """Wherever it is put."""
    entries = chain(length)
    at %= length
    to %= length + 1
    entries.insert(to, entries[at])
    (found,) = judged(entries).breaks
    assert found.kind in ("duplicated", "reordered")


@calmly
@given(length=st.integers(1, 12), at=st.integers(0, 11))
def test_every_inserted_entry_is_found(length: int, at: int) -> None:
    """It fits its own digest and the entry before it, and its place is taken."""
    entries = chain(length)
    at %= length
    entries.insert(at + 1, following("orders-api", entries[at], event(999), NOON))
    verdict = judged(entries)
    if at + 1 < length:
        assert kinds(verdict) == [("inserted", at + 2)]
    else:
        assert verdict.whole, "an honest append looks the same, and is found by nobody"


@calmly
@given(
    length=st.integers(2, 12),
    cut=st.data(),
)
def test_a_rewritten_chain_is_found_by_its_anchor(length: int, cut: st.DataObject) -> None:
    """Every link is right; what was anchored is not there any more."""
    entries = chain(length)
    at = cut.draw(st.integers(0, length - 1))
    rewritten = rechained(entries[:at] + entries[at + 1 :])
    assert judged(rewritten).whole
    last = judged(rewritten, [anchor(entries[-1])])
    assert not last.whole
    inside = cut.draw(st.integers(at, length - 1))
    assert not judged(rewritten, [anchor(entries[inside])]).whole


@calmly
@given(st.data())
def test_any_change_of_bytes_is_found(data: st.DataObject) -> None:
    """One byte of the log, whatever it means; only the space around a line means nothing."""
    text = "\n".join(entry.line() for entry in chain(4))
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = text[:place] + letter + text[place + 1 :]
    if changed == text:
        return
    assert not verify(lines_of(changed), [anchor(chain(4)[-1])]).whole


def test_anchors_that_contradict_each_other_are_found() -> None:
    """Whoever rewrites a log and can add an anchor as well cannot take the first one away."""
    honest, forged = chain(3), chain(3, start=7)
    for log in (honest, forged):
        found = judged(log, [anchor(honest[-1]), anchor(forged[-1])])
        assert kinds(found) == [("contradicted", 3)]


def test_streams_are_verified_apart() -> None:
    """They mix in one log; a broken one says nothing about another."""
    one, two = chain(4), chain(4, "stock-worker/a", 50)
    mixed = [entry for pair in zip(one, two, strict=True) for entry in pair]
    assert judged(mixed).whole
    mixed.remove(one[1])
    verdict = judged(mixed)
    assert [(b.stream, b.kind) for b in verdict.breaks] == [("orders-api", "missing")]
    assert verdict.heads["stock-worker/a"].sequence == 4


def test_a_chain_cannot_pass_for_that_of_another_stream() -> None:
    """Its first entry follows the name of its stream."""
    stolen = [replace(entry, stream="stock-worker") for entry in chain(3)]
    renamed = [replace(entry, digest=digest_of(entry)) for entry in stolen]
    assert kinds(judged(renamed)) == [("relinked", 1)]


def test_a_log_may_continue_an_anchored_one() -> None:
    """After a file was rotated; and only where the anchor says so."""
    entries = chain(9)
    rest = "\n".join(entry.line() for entry in entries[5:])
    assert [b.kind for b in verify(lines_of(rest)).breaks] == ["missing"]
    assert verify(lines_of(rest), [anchor(entries[4])], continued=True).whole
    assert not verify(lines_of(rest), [anchor(chain(9, start=7)[4])], continued=True).whole


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"stream":"a"}',
        "[" * 100_000,
        *(
            canonical({**asdict(chain(1)[0]), key: value})
            for key, value in {
                "version": 2,
                "sequence": True,
                "stream": "A",
                "actor": "",
                "time": "today",
                "digest": "x",
                "trace": "x",
                "outcome": "maybe",
                "more": 1,
            }.items()
        ),
        chain(1)[0].line().replace('"version":1', '"version":1,"version":1'),
    ],
)
def test_what_is_no_entry_is_not_read(line: str) -> None:
    """Neither guessed at nor passed over."""
    with pytest.raises(Unfit, match="LOG-7"):
        read(line)
    if line:
        assert [b.kind for b in verify(lines_of(line)).breaks] == ["unreadable"]


@pytest.mark.parametrize(
    "field",
    [
        {"actor": "jane@example.com"},
        {"actor": "+49 30 1234567"},
        {"actor": "0301234567"},
        {"actor": "192.0.2.7"},
        {"subject": "customer/030 1234567"},
        {"actor": "Jane Doe"},
        {"subject": "invoice"},
        {"action": "read"},
    ],
)
def test_what_looks_like_personal_data_is_refused_without_being_repeated(field: dict[str, str]) -> None:
    """The chain can never forget it, and neither should a message."""
    with pytest.raises(Unfit) as refused:
        replace(event(), **field)
    assert not any(value in str(refused.value) for value in field.values() if len(value) > 7)


def test_the_schema_says_what_the_code_does() -> None:
    """Other languages write by the schema."""
    entry = asdict(chain(1)[0])
    assert set(entry) == set(SCHEMA["properties"]) == set(SCHEMA["required"])
    from jobs.activity import entry as forms

    for name, form in {
        "stream": forms.STREAM,
        "actor": forms.ID,
        "subject": forms.SUBJECT,
        "action": forms.ACTION,
        "time": forms.TIME,
        "trace": forms.TRACE,
        "digest": forms.DIGEST,
        "previous": forms.DIGEST,
    }.items():
        assert SCHEMA["properties"][name]["pattern"] == f"^{form.pattern}$", name
    assert SCHEMA["properties"]["outcome"]["enum"] == list(forms.OUTCOMES)
    assert read(chain(1)[0].line()) == chain(1)[0]


def test_an_entry_is_the_same_bytes_in_any_language() -> None:
    """The form is fixed: keys in order, no spaces."""
    line = chain(1)[0].line()
    assert re.match(r'{"action":"invoice.read","actor":"u-0","digest":"[0-9a-f]{64}","outcome":"allowed"', line)


def test_threads_write_one_chain(tmp_path: Path) -> None:
    """Whoever comes first."""
    log = LineLog("orders-api", tmp_path / "log", tmp_path / "head")
    threads = [threading.Thread(target=lambda: [log.append(event(n)) for n in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = (tmp_path / "log").read_text(encoding="utf-8")
    verdict = verify(lines_of(text))
    assert verdict.whole, verdict.breaks
    assert verdict.entries == 80


def _write(folder: str, count: int) -> None:
    log = LineLog("orders-api", Path(folder, "log"), Path(folder, "head"))
    for number in range(count):
        log.append(event(number))


def test_processes_write_one_chain(tmp_path: Path) -> None:
    """Of one machine, by a lock on the file of the head."""
    context = get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path), 15)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    verdict = verify(lines_of((tmp_path / "log").read_text(encoding="utf-8")))
    assert verdict.whole, verdict.breaks
    assert verdict.heads["orders-api"].sequence == 45


def test_a_crash_between_head_and_line_shows_as_a_missing_entry(tmp_path: Path) -> None:
    """Never as two entries in one place."""

    class Full:
        def write(self, text: str) -> int:
            raise OSError(28, "no space left on device")

        def flush(self) -> None: ...

    good: Any = LineLog("orders-api", tmp_path / "log", tmp_path / "head")
    good.append(event(1))
    with pytest.raises(OSError, match="no space"):
        LineLog("orders-api", Full(), tmp_path / "head").append(event(2))  # type: ignore[arg-type]
    good.append(event(3))
    assert kinds(verify(lines_of((tmp_path / "log").read_text(encoding="utf-8")))) == [("missing", 2)]
