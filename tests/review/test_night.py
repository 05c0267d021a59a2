"""The nightly issue, from the folder that a night leaves to the issue on the platform."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from review import comment, drift, night
from review.build import build
from review.cli import app
from review.problems import ReviewError
from tests.review.github_api import REPOSITORY, Server
from tests.review.making import BUCKET, RECORDED, URN, events_of, outside_of_code, policy, step, write
from tools import drift as made_by

STACK = "example/prod"
SAME = [step("refresh", BUCKET, "exports", old={"x": "1"}, new={"x": "1"})]


def night_of(
    folder: Path,
    steps: list[dict[str, Any]],
    *,
    found: dict[str, Any] | None = None,
    main: list[dict[str, Any]] | None = None,
    blocked: bool = False,
) -> Path:
    """A folder as `make drift` and `make preview` leave it."""
    files = write(folder / "made", steps)
    shutil.copy(files["digest"], folder / night.DIGEST)
    shutil.copy(files["events"], folder / night.EVENTS)
    if found is not None:
        (folder / night.FOUND).write_text(json.dumps({"differences": [], "broken": [], **found}))
    if main is not None:
        bodies = [{"policyEvent": policy("bucket-private", "exports")}] if blocked else []
        files = write(folder / "main", main, *bodies)
        shutil.copy(files["digest"], folder / night.MAIN_DIGEST)
        shutil.copy(files["events"], folder / night.MAIN_EVENTS)
    return folder


def tell(folder: Path, server: Server | None = None, *words: str) -> Result:
    """The command as the workflow gives it."""
    command = ["drift", "--run", str(folder), "--stack", STACK, "--out", str(folder / "drift.md"), *words]
    if server:
        command += ["--post", "--repository", REPOSITORY, "--token", "t0ken", "--api", server.api]
    return CliRunner().invoke(app, command)


def issues(server: Server) -> list[tuple[str, str]]:
    """Title and state of each."""
    return [(str(i.get("title")), str(i["state"])) for i in server.comments]


def difference(name: str, path: str, applied: str, found: str) -> dict[str, str]:
    """One place, as `make drift` writes it."""
    return {"urn": f"{URN}{BUCKET}::{name}", "path": path, "applied": applied, "found": found}


def test_names_of_the_files_are_those_that_make_drift_leaves() -> None:
    """Two rooms that do not know each other agree on them."""
    assert (night.DIGEST, night.EVENTS, night.FOUND, night.AUDIT_LOG) == made_by.FILES


def test_one_issue_is_opened_updated_closed_and_opened_again(tmp_path: Path, server: Server) -> None:
    """Its whole life over five nights, with exit codes."""
    quiet = night_of(tmp_path / "1", SAME, found={}, main=[step("same", BUCKET, "exports", old={}, new={})])
    assert (tell(quiet, server).exit_code, issues(server)) == (0, [])
    changed = [step("update", BUCKET, "exports", old={"x": "1"}, new={"x": "2"})]
    assert tell(night_of(tmp_path / "2", changed), server).exit_code == 1
    assert issues(server) == [("Drift in prod: 1 resource is not as deployed", "open")]
    two = night_of(tmp_path / "3", SAME, found={"differences": [difference("exports", "rpo", "not set", '"TURBO"')]})
    assert tell(two, server).exit_code == 1
    assert issues(server) == [("Drift in prod: 1 resource is not as deployed", "open")]
    assert 'applied was `not set`, there is `"TURBO"`' in server.comments[0]["body"]
    assert tell(quiet, server).exit_code == 0
    assert issues(server) == [("Drift in prod: nothing differs", "closed")]
    assert tell(two, server).exit_code == 1
    assert issues(server) == [("Drift in prod: 1 resource is not as deployed", "open")]


@pytest.mark.parametrize("left", ["nothing", "no folder", "half a digest", "another run"])
def test_a_night_that_left_nothing_to_read_keeps_the_issue_open(left: str, tmp_path: Path, server: Server) -> None:
    """Silence is not taken for peace: the issue says that nobody knows, and is the stack's own one."""
    assert tell(night_of(tmp_path / "first", [step("delete", BUCKET, "exports", old={})]), server).exit_code == 1
    folder = tmp_path / "night"
    if left != "no folder":
        folder.mkdir()
    if left == "half a digest":
        (night_of(folder, SAME) / night.DIGEST).write_text('{"steps": [')
    if left == "another run":
        other = write(tmp_path / "other", [step("update", BUCKET, "other", old={"x": "1"}, new={"x": "2"})])
        shutil.copy(other["events"], night_of(folder, SAME) / night.EVENTS)
    done = tell(folder, server, "--whole", "https://example.com/runs/7")
    assert isinstance(done.exception, ReviewError)
    assert done.exception.code == 2
    assert issues(server) == [("Drift in prod: the comparison did not come to its end", "open")]
    assert "Whether something differs is not known" in server.comments[0]["body"]
    assert "`https://example.com/runs/7`" in (folder / "drift.md").read_text()
    assert tell(night_of(tmp_path / "last", SAME), server).exit_code == 0
    assert [state for _, state in issues(server)] == ["closed"]


def test_a_refresh_that_broke_off_keeps_the_issue_open(tmp_path: Path, server: Server) -> None:
    """It is readable, but shows only a part."""
    folder = night_of(tmp_path / "run", SAME)
    lines = events_of(SAME, {"diagnosticEvent": {"severity": "error", "message": "403: permission denied"}})
    (folder / night.EVENTS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = tell(folder, server)
    assert "did not come to its end" in str(done.exception)
    assert issues(server) == [("Drift in prod: the comparison did not come to its end", "open")]
    assert "403: permission denied" in server.comments[0]["body"]


def test_what_no_preview_compares_and_what_breaks_the_policy_is_told(tmp_path: Path) -> None:
    """Grouped by resource; what the engine has found already is not told twice."""
    steps = [*SAME, step("update", BUCKET, "invoices", old={"x": "1"}, new={"x": "2"})]
    differences = [
        difference("exports", "versioning.enabled", "true", "false"),
        difference("exports", "rpo", "not set", '"ASYNC_TURBO"'),
        difference("invoices", "x", "1", "2"),
        difference("gone", "", "there", "gone"),
    ]
    broken = ["DEL-1 bucket-versioned: exports: versioning is off"]
    folder = night_of(tmp_path, steps, found={"differences": differences, "broken": broken})
    assert tell(folder).exit_code == 1
    text = (folder / "drift.md").read_text()
    assert "Drift in prod: 3 resources are not as deployed; 1 rules are broken by what exists" in text
    assert text.count("**in no preview** `exports`") == 1
    assert "`versioning.enabled`: applied was `true`, there is `false`" in text
    assert "**in no preview** `gone` `gcp:storage/bucket:Bucket`" in text
    assert "it does not exist any more" in text
    assert text.count("`invoices`") == 1
    assert "- DEL-1 bucket-versioned: exports: versioning is off" in text


def test_what_main_would_do_today_keeps_the_issue_open(tmp_path: Path) -> None:
    """A grant that ended last night, or a rule that a date breaks, is nobody's pull request."""
    one = [step("update", BUCKET, "exports", old={"x": "1"}, new={"x": "2"})]
    folder = night_of(tmp_path, SAME, main=one, blocked=True)
    assert tell(folder).exit_code == 1
    text = (folder / "drift.md").read_text()
    assert "Drift in prod: main would not leave it as it is" in text
    assert "**What main would do today**" in text
    assert "- update `exports` `gcp:storage/bucket:Bucket`" in text
    assert "- **ACC-3** Buckets are private — `exports`: `publicAccessPrevention: is not set`" in text


def test_a_preview_of_another_day_is_left_out(tmp_path: Path) -> None:
    """On a laptop an older one may lie beside the comparison; what it says is not so any more."""
    folder = night_of(tmp_path, SAME, main=[step("create", BUCKET, "exports", new={})])
    assert tell(folder).exit_code == 1
    lines = (folder / night.MAIN_EVENTS).read_text().replace("1800000000", "1799999999")
    (folder / night.MAIN_EVENTS).write_text(lines)
    done = tell(folder)
    assert done.exit_code == 0
    assert "older than the comparison" in done.stderr


def test_who_did_it_stands_with_fields_that_no_preview_compares(tmp_path: Path) -> None:
    """The audit log is matched by name; the deployer that `make drift` names does not count."""
    deployer, bucket = "ci-deploy@example.iam.gserviceaccount.com", "projects/_/buckets/exports"
    found = {"differences": [difference("exports", "rpo", "not set", '"X"')], "deployer": deployer}
    folder = night_of(tmp_path, SAME, found=found)
    entries = [
        {
            "timestamp": f"2026-11-2{day}T10:00:00Z",
            "protoPayload": {
                "authenticationInfo": {"principalEmail": who},
                "methodName": "storage.buckets.update",
                "resourceName": bucket,
            },
        }
        for day, who in ((5, "jane@example.com"), (6, deployer))
    ]
    (folder / night.AUDIT_LOG).write_text(json.dumps(entries))
    names = [step("refresh", BUCKET, "exports", old={"name": "exports"}, new={"name": "exports"})]
    night_of(folder, names, found=found)
    assert tell(folder).exit_code == 1
    said = "likely by `jane@example.com (storage.buckets.update, 2026-11-25T10:00:00Z)`"
    assert said in (folder / "drift.md").read_text()


def test_what_is_missing_beside_the_refresh_is_said_and_keeps_the_issue_open(tmp_path: Path) -> None:
    """A damaged audit log or comparison hides nothing else; why there is no audit log is told."""
    folder = night_of(tmp_path / "a", SAME)
    (folder / night.AUDIT_LOG).write_text("{")
    (folder / night.FOUND).write_text('{"differences": 1}')
    (folder / night.MAIN_EVENTS).write_text("nonsense\nnonsense\n")
    assert tell(folder).exit_code == 1
    text = (folder / "drift.md").read_text()
    assert "a part of the comparison is missing" in text
    assert "the audit log is not JSON" in text
    assert "is not what `make drift` writes" in text.replace("\\", "")
    assert "the preview of main shows nothing" in text
    unnamed = {"unnamed": "the audit log cannot be read: permission logging.logEntries.list is missing"}
    folder = night_of(tmp_path / "b", SAME, found=unnamed)
    assert tell(folder).exit_code == 0
    assert "permission logging.logEntries.list is missing" in (folder / "drift.md").read_text()


def test_no_permission_leaves_the_text_written(tmp_path: Path, server: Server) -> None:
    """Exit code 3 says that nobody was told."""
    folder = night_of(tmp_path, [step("delete", BUCKET, "exports", old={})])
    server.first = [(403, {"message": "Resource not accessible by integration"}, {})]
    done = tell(folder, server)
    assert isinstance(done.exception, ReviewError)
    assert (done.exception.code, "issues: write" in str(done.exception)) == (3, True)
    assert "is gone from the cloud" in (folder / "drift.md").read_text()


def test_texts_of_strangers_are_inert_and_within_the_limit(tmp_path: Path) -> None:
    """Names, values, messages of the cloud and of the pack; a secret of the run is masked wherever it stands."""
    evil = "<img src=x> @team #1 [a](b) `x` | \u202e" + "y" * 3000
    secret = "correct-horse-battery"
    steps = [step("refresh", BUCKET, "s", old={"rootPassword": secret}, new={"rootPassword": secret})]
    differences = [difference(f"b{i}{evil}", evil, f"{evil} {secret}", evil) for i in range(200)]
    found = {"differences": differences, "broken": [f"{evil} {secret}"] * 50, "unnamed": evil}
    main = [step("update", BUCKET, f"m{i}{evil}", old={"x": "1"}, new={"x": secret}) for i in range(300)]
    folder = night_of(tmp_path, steps, found=found, main=main)
    assert tell(folder, None, "--whole", evil).exit_code == 1
    text = (folder / "drift.md").read_text()
    assert comment.length(text) <= comment.LIMIT
    assert secret not in text
    assert "\u202e" not in text
    assert "<img" not in outside_of_code(text)
    assert "@team" not in outside_of_code(text)
    assert "resources do not fit here" in text
    assert "**What main would do today**" in text


def test_wrong_words_are_refused(tmp_path: Path) -> None:
    """Two ways to name the files at once; a stack without its project."""
    for words in (["--digest", "x", "--run", str(tmp_path)], ["--stack", "prod"], ["--stack", "a/b/c"]):
        done = CliRunner().invoke(app, ["drift", *words])
        assert isinstance(done.exception, ReviewError), words
        assert done.exception.code == 2


def test_issue_of_a_stack_is_found_without_a_run() -> None:
    """Both markers are made the same way."""
    review = build(digest=RECORDED / "drift.digest.json", events=RECORDED / "drift.events.jsonl")
    assert drift.marker(review) == drift.marker_of(review.project, review.stack)
    text = drift.unfinished("a", "b-->\n<script>", "x")[1]
    assert text.startswith("<!-- secure-hosting drift of a/b_____script_ -->\n")
