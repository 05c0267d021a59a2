"""The longest chain of a run: what waits for what, and for how long."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.critical_path import critical, spans

ROOT = Path(__file__).parents[2]


def urn(name: str) -> str:
    """A resource's URN."""
    return f"urn:pulumi:s::p::a:b/c:D::{name}"


def resource(name: str, *after: str, **more: Any) -> dict[str, Any]:
    """A resource in the state."""
    return {"urn": urn(name), "custom": True, "dependencies": [urn(one) for one in after], **more}


def events(**times: tuple[float, float]) -> list[dict[str, Any]]:
    """A log of resources that were begun and done at these seconds."""
    log = [
        {"timestamp": at, kind: {"metadata": {"urn": urn(name)}}}
        for name, (begun, done) in times.items()
        for kind, at in (("resourcePreEvent", begun), ("resOutputsEvent", done))
    ]
    return sorted(log, key=lambda event: event["timestamp"])


def test_the_longest_chain_is_found_over_all_kinds_of_edges() -> None:
    """A dependency, a property that comes from elsewhere, and a provider are waited for alike."""
    state = [
        resource("provider"),
        resource("network", provider=f"{urn('provider')}::id"),
        resource("database", propertyDependencies={"network": [urn("network")]}),
        resource("aside"),
        resource("user", "database", "aside"),
        {**resource("component"), "custom": False},
    ]
    log = events(provider=(0, 1), network=(1, 4), database=(4, 14), aside=(0, 9), user=(15, 16), component=(0, 99))
    found = critical(state, spans(log))
    assert [one.rpartition("::")[2] for one, _ in found.chain] == ["provider", "network", "database", "user"]
    assert (found.seconds, found.took) == (15, 16)
    assert round(found.ratio, 2) == 1.07


def test_a_needless_wait_shows_as_time_left_over() -> None:
    """Two that could have gone at once, one after the other: half of the time nobody worked on the chain."""
    log = events(first=(0, 10), second=(10, 20))
    apart = critical([resource("first"), resource("second")], spans(log))
    assert apart.ratio == 2.0
    chained = critical([resource("first"), resource("second", "first")], spans(log))
    assert chained.ratio == 1.0


def test_a_run_that_did_nothing_has_no_chain() -> None:
    """And is not divided by."""
    assert critical([], {}).ratio == float("inf")


def test_the_command_says_it_in_words_and_as_data(tmp_path: Path) -> None:
    """From the files that the engine writes."""
    export, log = tmp_path / "export.json", tmp_path / "events.jsonl"
    export.write_text(json.dumps({"deployment": {"resources": [resource("a"), resource("b", "a")]}}))
    log.write_text("\n".join(map(json.dumps, events(a=(0, 4), b=(5, 10)))))
    command = [sys.executable, "-m", "tools.critical_path", "--export", str(export), "--events", str(log)]
    words = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert words.splitlines()[-1] == "took 10 s, the chain 9 s: 1.11 times"
    data = json.loads(subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, check=True).stdout)
    assert [one["seconds"] for one in data["chain"]] == [4, 5]
