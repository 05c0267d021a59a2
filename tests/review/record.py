"""Records what the real engine says about `programs/`, trimmed to what a review reads: `python -m tests.review.record`.

Every recording gets a comment beside it (`NAME.md`). A person reads it before it is committed: it is what the tests
compare with. `drift.audit.jsonl` is the one file that is written by hand, in the spelling of Google's audit log.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from review import comment
from review.build import build
from tests.e2e import sandbox

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "recorded"
PACKED = ("thousand",)
"""Recordings that are kept compressed."""
_UNREAD = ("stackTrace", "created", "modified", "aliases", "external")
_PREVIEW = ("preview", "--json", "--show-sames")
_UP = ("up", "--yes", "--skip-preview")
OURS, NONE = str(sandbox.places.PACK), ""


@dataclass(frozen=True, kw_only=True)
class Take:
    """One run of the engine. `keep` is false for what only makes something to look at."""

    name: str
    words: tuple[str, ...]
    pack: str = OURS
    after: str = ""
    keep: bool = True
    before: tuple[tuple[str, ...], ...] = ()
    """Commands of the local cloud that come first: what somebody does in the console."""
    mends: tuple[str, ...] = ()
    """Rules of the pack that mend by themselves in this run: a company's configuration of it."""


TAKES: dict[str, tuple[Take, ...]] = {
    "everything": (
        Take(name="create", words=_PREVIEW),
        Take(name="up", words=_UP, pack=NONE),
        Take(name="quiet", words=_PREVIEW, pack=NONE),
        Take(name="change", words=_PREVIEW, after="1"),
        Take(name="destroy", words=("destroy", "--preview-only", "--json"), pack=NONE),
        Take(
            name="drift",
            words=("refresh", "--preview-only", "--json"),
            pack=NONE,
            before=(
                ("set", "example-recorded-labelled", "publicAccessPrevention=inherited", "labels.owner=somebody"),
                (
                    "set",
                    "editors",
                    'members=["group:a@example.com", "group:b@example.com", "user:mallory@example.com"]',
                ),
                ("delete", "example-recorded-old"),
            ),
        ),
    ),
    "mended": (
        Take(
            name="remedy",
            words=_PREVIEW,
            mends=("storage-public-access-prevented", "pulumi-sensitive-property-secret"),
        ),
    ),
    "imported": (
        Take(name="made", words=_UP, pack=NONE, keep=False),
        Take(name="left", words=_UP, pack=NONE, after="left", keep=False),
        Take(name="import", words=_PREVIEW, after="1"),
        Take(name="import-up", words=_UP, pack=NONE, after="1"),
    ),
    "access": (Take(name="grants", words=_UP, pack=NONE, keep=False), Take(name="access", words=_PREVIEW, after="1")),
    "thousand": (Take(name="thousand", words=_PREVIEW),),
}
"""Program to its runs, one after the other in one sandbox."""


def main() -> None:
    """Records all of them, or those programs that are named; `comments`: writes the comments alone anew."""
    RECORDED.mkdir(exist_ok=True)
    if sys.argv[1:] == ["comments"]:
        for name in names():
            write_comment(name)
        return
    for program in sys.argv[1:] or TAKES:
        sandbox.PROGRAM = HERE / "programs" / program
        with tempfile.TemporaryDirectory() as folder:
            place = sandbox.Sandbox(Path(folder) / "box")
            place.folder.mkdir()
            place.prepare()
            place.config.write_text("config: {}\n")
            for take in TAKES[program]:
                _record(place, take)


def _record(place: sandbox.Sandbox, take: Take) -> None:
    for words in take.before:
        place.localcloud(*words)
    environment = place.environment(AFTER=take.after) | {"PULUMI_OPTION_POLICY_PACK": take.pack}
    if not take.pack:
        del environment["PULUMI_OPTION_POLICY_PACK"]
    if take.mends:
        config = place.folder / "policy.json"
        config.write_text(json.dumps(dict.fromkeys(take.mends, "remediate")))
        environment["PULUMI_OPTION_POLICY_PACK_CONFIG"] = str(config)
    place.log.unlink(missing_ok=True)
    ran = subprocess.run(place.command(*take.words), env=environment, capture_output=True, text=True, check=False)
    print(f"{take.name}: exit code {ran.returncode}", ran.stderr[-2000:], file=sys.stderr)
    if not take.keep:
        return
    lines = map(json.loads, place.log.read_text().splitlines())
    kept = [json.dumps(_event(event), separators=(",", ":")) for event in lines if not _unread(event)]
    _keep(take.name, "events.jsonl", "\n".join(kept) + "\n")
    if "--json" in take.words:
        if take.name == "change":
            _judge(ran.stdout)
        _keep(take.name, "digest.json", json.dumps(_trim(json.loads(ran.stdout)), indent=0) + "\n")
    write_comment(take.name)


def write_comment(name: str) -> None:
    """The comment on a recording, beside it."""
    with tempfile.TemporaryDirectory() as folder:
        (RECORDED / f"{name}.md").write_text(comment.write(build(**files(name, Path(folder)))))


def _judge(printed: str) -> None:
    """What the judge says of a digest, beside it."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as whole:
        whole.write(printed)
        whole.flush()
        command = [sys.executable, "-m", "policies", "judge", whole.name, "--json", "--fail-on", "never"]
        judged = subprocess.run(command, cwd=sandbox.ROOT, capture_output=True, text=True, check=True)
    records = [_plain(json.loads(line)) for line in judged.stdout.splitlines()]
    _keep("change", "results.jsonl", "\n".join(map(json.dumps, records)) + "\n")


def _keep(name: str, kind: str, text: str) -> None:
    """Without the name of the folder on this machine."""
    text = text.replace(str(sandbox.ROOT), "/checkout")
    if name in PACKED:
        (RECORDED / f"{name}.{kind}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        (RECORDED / f"{name}.{kind}").write_text(text)


def files(name: str, folder: Path) -> dict[str, Path | None]:
    """The files of a recording, as `build` takes them; compressed ones are unpacked into a folder."""
    found: dict[str, Path | None] = {"digest": None, "events": None}
    for key, kind in (("digest", "digest.json"), ("events", "events.jsonl"), ("results", "results.jsonl")):
        path, packed = RECORDED / f"{name}.{kind}", RECORDED / f"{name}.{kind}.gz"
        if path.exists():
            found[key] = path
        elif packed.exists():
            found[key] = folder / path.name
            (folder / path.name).write_bytes(gzip.decompress(packed.read_bytes()))
    return found


def names() -> Iterator[str]:
    """Every recording that is kept."""
    return (take.name for takes in TAKES.values() for take in takes if take.keep)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    dropped = ("file", "references", "position")
    return {key: value for key, value in record.items() if key not in dropped and value not in (None, "")}


def _unread(event: dict[str, Any]) -> bool:
    """What no review reads: the engine's debug messages, lists of what is switched on, and results that say nothing."""
    return (
        "policyRemediateSummaryEvent" in event
        or event.get("resOutputsEvent", {}).get("metadata", {}).get("op", "update") not in ("update", "delete")
        or event.get("diagnosticEvent", {}).get("severity") == "debug"
    )


def _event(event: dict[str, Any]) -> dict[str, Any]:
    """What did not change is said once."""
    metadata = event.get("resourcePreEvent", {}).get("metadata", {})
    if metadata.get("op") == "same":
        metadata["old"] = None
    return event


def _trim(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _trim(part) for key, part in value.items() if key not in _UNREAD}
    return [_trim(part) for part in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
