"""Records what the real engine says about `program/`, trimmed to what a review reads: `python -m tests.review.record`.

Two runs against the local cloud: `up` (not judged, so that there is something to change)
and `change` (judged: everything changes).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.e2e import sandbox

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "recorded"
_PREVIEW = ("preview", "--json", "--show-sames")
_UNREAD = ("stackTrace", "created", "modified", "aliases", "external")


def main() -> None:
    """Runs and trims all of them."""
    sandbox.PROGRAM = HERE / "program"
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = sandbox.Sandbox(Path(folder) / "box")
        place.folder.mkdir()
        place.prepare()
        place.config.write_text("config: {}\n")
        for name, words, after, judged in (
            ("up", ("up", "--yes", "--skip-preview"), "", False),
            ("change", _PREVIEW, "1", True),
        ):
            _record(place, name, words, after=after, judged=judged)


def _record(place: sandbox.Sandbox, name: str, words: tuple[str, ...], *, after: str, judged: bool) -> None:
    environment = place.environment(AFTER=after)
    if not judged:
        del environment["PULUMI_OPTION_POLICY_PACK"]
    place.log.unlink(missing_ok=True)
    ran = subprocess.run(place.command(*words), env=environment, capture_output=True, text=True, check=False)
    print(f"{name}: exit code {ran.returncode}", ran.stderr[-2000:], file=sys.stderr)
    lines = map(json.loads, place.log.read_text().splitlines())
    kept = [json.dumps(_event(event), separators=(",", ":")) for event in lines if not _unread(event)]
    (RECORDED / f"{name}.events.jsonl").write_text("\n".join(kept) + "\n")
    if words == _PREVIEW:
        whole = RECORDED / f"{name}.whole.json"
        whole.write_text(ran.stdout)
        if name == "change":
            command = [sys.executable, "-m", "policies", "judge", str(whole), "--json", "--fail-on", "never"]
            judged_ = subprocess.run(command, cwd=sandbox.ROOT, capture_output=True, text=True, check=True)
            records = [_plain(json.loads(line)) for line in judged_.stdout.splitlines()]
            (RECORDED / "change.results.jsonl").write_text("\n".join(map(json.dumps, records)) + "\n")
        (RECORDED / f"{name}.digest.json").write_text(json.dumps(_trim(json.loads(ran.stdout)), indent=0) + "\n")
        whole.unlink()


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    dropped = ("file", "references", "position")
    return {key: value for key, value in record.items() if key not in dropped and value not in (None, "")}


def _unread(event: dict[str, Any]) -> bool:
    return (
        bool({"policyRemediateSummaryEvent", "resOutputsEvent"} & event.keys())
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
