"""The log canary: each way on which an entry does not arrive as it was sent is named, and no other is."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.canary import PRINTED, RENDER, Canary, emit, genuine, run, signed
from jobs.core.evidence import FileSigner
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Misconfigured, Unreachable
from tests.jobs.cloud_fixtures import cloud, evidence_in, http, log, said, signing_key
from tests.jobs.loopback import Cloud, Fault

__all__ = ["cloud", "http", "log", "signing_key"]
Logged = tuple[Log, io.StringIO]
BUCKET = "projects/p-audit/locations/europe-west1/buckets/audit"
PROJECTS = ("p-workload", "p-keys", "p-audit")


def settings(tmp_path: Path, key: Path, **more: Any) -> Canary:
    """As the component sets them, but for the patience."""
    (tmp_path / "evidence").mkdir(exist_ok=True)
    given = {
        "projects": ",".join(PROJECTS),
        "log_bucket": BUCKET,
        "evidence": f"file://{tmp_path}/evidence",
        "sign": str(key),
        "minutes": 0.001,
    }
    return Canary(**{**given, **more})


def public(key: Path) -> Path:
    """The public half of a key, in a file."""
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    path = key.with_suffix(".pub")
    path.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return path


def render_entry(key: Path, *, age_hours: float = 1, text: bool = False, by: Path | None = None) -> dict[str, Any]:
    """What came through Render's stream."""
    at = datetime.now(UTC) - timedelta(hours=age_hours)
    payload = signed(RENDER, FileSigner(by or key), at)
    line = f"2027-01-15 render-canary {json.dumps({'message': 'canary', **payload})}"
    return {"textPayload": line} if text else {"jsonPayload": {"message": "canary", **payload}}


def test_every_way_is_proved(cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http) -> None:
    """Evidence says how long each took."""
    result = run(settings(tmp_path, signing_key), log[0], http)
    assert result.code == Exit.DONE
    (evidence,) = evidence_in(tmp_path / "evidence", signing_key)
    assert [(c.name, c.outcome) for c in evidence.checks] == [(project, "passed") for project in PROJECTS]
    assert set(evidence.facts["seconds"]) == set(PROJECTS)


def test_entries_are_signed(cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http) -> None:
    """Years later somebody can still tell them from others'."""
    run(settings(tmp_path, signing_key), log[0], http)
    key = serialization.load_pem_public_key(public(signing_key).read_bytes())
    assert len(cloud.entries) == len(PROJECTS)
    for entry in cloud.entries:
        assert genuine(entry["jsonPayload"], key)  # type: ignore[arg-type]
        assert not genuine({**entry["jsonPayload"], "way": "another"}, key)  # type: ignore[arg-type]


@pytest.mark.parametrize("project", PROJECTS)
def test_a_broken_way_is_named_and_no_other(
    project: str, cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """A sink that lost its right swallows entries without a word."""
    cloud.lost.add(project)
    result = run(settings(tmp_path, signing_key), log[0], http)
    assert result.code == Exit.FOUND
    (evidence,) = evidence_in(tmp_path / "evidence", signing_key)
    failed = [check for check in evidence.checks if check.outcome == "failed"]
    assert [check.name for check in failed] == [project]
    assert f"the entry on the Logging API of {project} did not arrive" in failed[0].detail


def test_an_altered_entry_has_not_arrived(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """Whoever changes entries on their way changes others as well."""

    def alter(entry: dict[str, Any]) -> dict[str, Any]:
        return {**entry, "jsonPayload": {**entry["jsonPayload"], "sent_at": "2027-01-01T00:00:00.000000Z"}}

    cloud.on_entry = alter
    result = run(settings(tmp_path, signing_key, projects="p-workload"), log[0], http)
    assert result.code == Exit.FOUND
    assert "arrived altered" in result.text


def test_what_a_container_prints_is_a_way(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """It is collected from the log of this very run; here the test is the collector."""
    quiet = run(settings(tmp_path, signing_key, printed=True, evidence=""), log[0], http)
    assert quiet.code == Exit.FOUND
    assert PRINTED in quiet.text
    (printed,) = [entry for entry in said(log[1]) if entry.get("way") == PRINTED]
    assert printed["trace" if "trace" in printed else "logging.googleapis.com/trace"]

    class Collected(io.StringIO):
        def write(self, text: str) -> int:
            for line in text.splitlines():
                cloud.entries.append({"jsonPayload": json.loads(line)})
            return len(text)

    heard = Log("canary", stream=Collected())
    assert run(settings(tmp_path, signing_key, printed=True), heard, Http(heard)).code == Exit.DONE


@pytest.mark.parametrize("text", [False, True])
def test_renders_stream_is_a_way(
    text: bool, cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """Whether the collector keeps fields or the line."""
    cloud.entries.append(render_entry(signing_key, text=text))
    result = run(settings(tmp_path, signing_key, render_key=str(public(signing_key))), log[0], http)
    assert result.code == Exit.DONE, result.text
    assert RENDER in result.text


@pytest.mark.parametrize("age", [27.0, 1000.0])
def test_an_old_entry_of_render_proves_nothing(
    age: float, cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """The time that was signed counts, not the one it was collected at."""
    cloud.entries.append(render_entry(signing_key, age_hours=age))
    result = run(settings(tmp_path, signing_key, render_key=str(public(signing_key))), log[0], http)
    assert result.code == Exit.FOUND
    assert "no entry of the last 26 hours came through Render's log stream" in result.text


def test_a_forged_entry_of_render_proves_nothing(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """Whoever can write into the collector could say that all is well."""
    other = tmp_path / "other.pem"
    other.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    cloud.entries.append(render_entry(signing_key, by=other))
    result = run(settings(tmp_path, signing_key, render_key=str(public(signing_key))), log[0], http)
    assert result.code == Exit.FOUND
    assert "1 had no valid signature" in result.text


def test_on_render_an_entry_is_only_written(signing_key: Path, log: Logged, http: Http) -> None:
    """Nothing there can read the log bucket."""
    assert emit(Canary(sign=str(signing_key)), log[0], http).code == Exit.DONE
    (entry,) = said(log[1])
    assert genuine(entry, serialization.load_pem_public_key(public(signing_key).read_bytes()))  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["429", "503", "half", "cut", "lost"])
@pytest.mark.parametrize("path", ["entries:write", "entries:list"])
def test_what_passes_is_tried_again(
    how: str, path: str, cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """An entry that is written twice has one id, which the service drops."""
    cloud.faults.append(Fault(path, how, times=2))
    assert run(settings(tmp_path, signing_key), log[0], http).code == Exit.DONE
    assert len({entry["insertId"] for entry in cloud.entries}) == len(PROJECTS)


def test_a_project_in_which_nothing_can_be_written_is_named(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """With the permission that is missing; the other ways are looked at all the same."""
    cloud.faults.append(Fault("entries:write", "403", times=1))
    result = run(settings(tmp_path, signing_key), log[0], http)
    assert result.code == Exit.FOUND
    assert "permission logging.logEntries.create is missing on projects/p-workload" in result.text
    assert result.text.count("arrived after") == len(PROJECTS) - 1


def test_a_bucket_that_cannot_be_read_is_no_finding_about_ways(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """Whether entries arrived is not known then."""
    cloud.faults.append(Fault("entries:list", "503", times=99))
    with pytest.raises(Unreachable):
        run(settings(tmp_path, signing_key), log[0], http)


def test_answers_in_pages_are_read_to_their_end(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """An entry on the second page has arrived."""
    cloud.page = 1
    assert run(settings(tmp_path, signing_key), log[0], http).code == Exit.DONE


def test_a_dry_run_writes_nothing(cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http) -> None:
    """It asks once whether the bucket can be read."""
    assert run(settings(tmp_path, signing_key), log[0], http, dry_run=True).code == Exit.DONE
    assert cloud.entries == []
    assert cloud.requests == [("POST", "/v2/entries:list")]


@pytest.mark.parametrize("missing", ["projects", "log_bucket"])
def test_without_a_way_or_a_place_to_look_nothing_is_proved(
    missing: str, cloud: Cloud, tmp_path: Path, signing_key: Path, log: Logged, http: Http
) -> None:
    """A canary that looks nowhere must not sing."""
    with pytest.raises(Misconfigured, match="no project or no log bucket"):
        run(settings(tmp_path, signing_key, **{missing: ""}), log[0], http)
