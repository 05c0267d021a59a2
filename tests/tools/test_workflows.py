"""CI: pinned actions, least permissions, the commands of a laptop, and a shell environment that keeps the pack on."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from review import statement
from tests.recording import Recording, record_stack
from tools import places

WORKFLOWS = sorted((places.ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.search(r"\.PHONY: (.*)", (places.ROOT / "Makefile").read_text())[1].split())  # type: ignore[index]


@pytest.fixture(scope="module")
def production() -> Recording:
    """What the workflows deploy."""
    return record_stack()


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def test_every_artifact_that_is_used_is_made_in_the_same_workflow() -> None:
    """By its name or by a pattern; a job that fetches one waits for the job that makes it."""
    for path in WORKFLOWS:
        document = load(path)["jobs"]
        made = {
            step["with"]["name"].partition("${{")[0]: name
            for name, job in document.items()
            for step in job["steps"]
            if step.get("uses", "").startswith("actions/upload-artifact@")
        }
        for name, job in document.items():
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/download-artifact@"):
                    wanted = step["with"].get("name") or step["with"]["pattern"].removesuffix("*")
                    maker = made[wanted.partition("${{")[0]]
                    assert maker in ancestors(name, document), f"{path.stem} {name} fetches {wanted} without waiting"


def ancestors(name: str, document: dict[str, Any]) -> set[str]:
    """The jobs that one waits for, directly or not."""
    needs = document[name].get("needs") or []
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(ancestors(one, document) for one in direct))


def test_every_stack_is_previewed_and_summed_up() -> None:
    """All stack files of the program; a stack that died is a row because it is named, not found."""
    found = load(places.ROOT / ".github" / "workflows" / "preview.yml")["jobs"]
    stacks = {path.name.split(".")[1] for path in places.ROOT.glob("Pulumi.*.yaml")}
    for name in ("stack", "comment"):
        assert set(found[name]["strategy"]["matrix"]["stack"]) == stacks
        assert found[name]["strategy"]["fail-fast"] is False
    for name in ("preview", "summary"):
        (command,) = [s["run"] for s in found[name]["steps"] if "review summary" in s.get("run", "")]
        assert set(re.findall(r"runs/review-([\w-]+)", command)) == stacks


def test_required_check_fails_unless_every_stack_succeeded() -> None:
    """Also when the run was cancelled or a job was skipped: a skipped check would count as passed."""
    job = load(places.ROOT / ".github" / "workflows" / "preview.yml")["jobs"]["preview"]
    assert (job["if"], job["needs"]) == ("always()", "stack")
    last = job["steps"][-1]
    assert last["env"] == {"STACKS": "${{ needs.stack.result }}"}
    for result, code in (("success", 0), ("failure", 1), ("cancelled", 1), ("skipped", 1)):
        done = subprocess.run(["sh", "-c", last["run"]], env={"STACKS": result, "PATH": "/usr/bin:/bin"}, check=False)
        assert done.returncode == code


def jobs() -> list[Any]:
    return [
        pytest.param(job, path, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
    ]


def test_there_are_the_three_workflows() -> None:
    """Pull requests, main, every night."""
    assert [path.stem for path in WORKFLOWS] == ["drift", "preview", "up"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_nothing_is_permitted_unless_a_job_says_so(path: Path) -> None:
    """The default is no permission at all."""
    assert load(path)["permissions"] == {}


@pytest.mark.parametrize(("job", "path"), jobs())
def test_actions_are_pinned_by_commit_with_their_version_beside_it(job: dict[str, Any], path: Path) -> None:
    """A tag can be moved, a commit cannot."""
    text = path.read_text()
    for step in job["steps"]:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            assert re.search(re.escape(step["uses"]) + r" # v\d+\.\d+\.\d+\n", text)


@pytest.mark.parametrize(("job", "path"), jobs())
def test_identity_is_given_only_inside_a_protected_environment(job: dict[str, Any], path: Path) -> None:
    """The federation trusts an environment, so a job without one could not use its token anyway."""
    permissions = job["permissions"]
    assert set(permissions.values()) <= {"read", "write"}
    writes = {name for name, value in permissions.items() if value == "write"}
    assert writes <= {"id-token", "issues", "pull-requests", "attestations"}
    assert ("id-token" in writes) == ("environment" in job or "attestations" in writes)


def test_evidence_is_signed_on_main_by_a_job_that_runs_nothing_of_the_repository() -> None:
    """Its identity is the run's own: no cloud trusts it, since it is in no environment; and it only hashes files."""
    signing = [
        (path.stem, name)
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
        if "attestations" in job["permissions"]
    ]
    assert signing == [("up", "sign")]
    job = load(places.ROOT / ".github" / "workflows" / "up.yml")["jobs"]["sign"]
    assert job["permissions"] == {"id-token": "write", "attestations": "write"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "jq .predicate evidence/statement.json > predicate.json"
    ]
    used = [step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step]
    assert used == ["actions/download-artifact", "actions/attest"]
    signed = job["steps"][-1]["with"]
    assert signed["predicate-type"] == statement.PREDICATE_TYPE
    assert (signed["subject-path"], signed["predicate-path"]) == ("evidence/**", "predicate.json")


@pytest.mark.parametrize(("job", "path"), jobs())
def test_no_secret_is_stored(job: dict[str, Any], path: Path) -> None:
    """Identities come from federation; a fork finds nothing to take."""
    assert "secrets." not in str(job)


@pytest.mark.parametrize(("job", "path"), jobs())
def test_text_of_a_pull_request_never_reaches_a_shell(job: dict[str, Any], path: Path) -> None:
    """Titles, branch names and the like are written by strangers."""
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize(("job", "path"), jobs())
def test_jobs_call_the_targets_everybody_calls(job: dict[str, Any], path: Path) -> None:
    """CI has no way of its own to run anything."""
    called = {name for step in job["steps"] for name in re.findall(r"\bmake (\w+)", step.get("run", ""))}
    assert called <= TARGETS


def test_only_main_can_write_and_only_the_reviewed_plan() -> None:
    """The write identity's environment appears in one job of one workflow."""
    using = [
        (path.stem, name)
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
        if job.get("environment") == "production"
    ]
    assert using == [("up", "up")]
    up = load(places.ROOT / ".github" / "workflows" / "up.yml")
    assert up[True] == {"push": {"branches": ["main"]}}
    assert "--plan=plan.json" in str(up["jobs"]["up"])


def test_required_checks_of_the_stack_are_jobs() -> None:
    """The names the ruleset waits for exist as jobs on pull requests."""
    config = yaml.safe_load((places.ROOT / "Pulumi.prod.yaml").read_text())["config"]
    checks = set(config["secure-hosting:delivery"]["checks"])
    assert checks <= set(load(places.ROOT / ".github" / "workflows" / "preview.yml")["jobs"])


def test_the_review_is_posted_for_branches_of_this_repository_only() -> None:
    """A fork's pull request has the whole review as an artifact; its code gets no token that writes."""
    found = load(places.ROOT / ".github" / "workflows" / "preview.yml")["jobs"]
    writing = [name for name, job in found.items() if job["permissions"].get("pull-requests") == "write"]
    assert writing == ["comment", "summary", "planned"]
    posting = [name for name, job in found.items() if "--post" in str(job["steps"])]
    assert posting == writing
    for name in ("comment", "summary"):
        assert "head.repo.full_name == github.repository" in found[name]["if"]
    assert found["planned"]["needs"] == ["plan", "comment"]
    assert found["planned"]["if"].endswith("needs.plan.result == 'success'")
    assert any(step.get("run") == "make review" for step in found["stack"]["steps"])


def test_no_job_gives_foreign_code_an_identity() -> None:
    """A pull request from a fork runs in jobs that may only read the code, on its own token, in no environment."""
    for path in WORKFLOWS:
        document = load(path)
        triggers = document[True]
        assert "pull_request_target" not in triggers
        assert "workflow_run" not in triggers
        if "pull_request" not in triggers:
            continue
        for job in document["jobs"].values():
            if not own(job, document["jobs"]):
                assert set(job["permissions"].values()) == {"read"}
                assert set(job["permissions"]) <= {"contents", "pull-requests"}
                assert "environment" not in job


def own(job: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether a job runs for branches of this repository only: it says so, or needs the success of one that does."""
    condition = str(job.get("if", ""))
    if "github.event.pull_request.head.repo.full_name == github.repository" in condition:
        return True
    return any(own(others[name], others) for name in re.findall(r"needs\.(\w+)\.result == 'success'", condition))


def test_the_token_is_gone_before_code_of_a_change_runs() -> None:
    """Who approved is asked first; no later step of a job that runs a fork's code has the token in its environment."""
    steps = load(places.ROOT / ".github" / "workflows" / "preview.yml")["jobs"]["stack"]["steps"]
    with_token = [number for number, step in enumerate(steps) if "github.token" in str(step)]
    assert with_token == [0]
    assert steps[0]["run"].startswith("gh api --paginate")
    assert steps[1]["uses"].startswith("actions/checkout@")


@pytest.mark.parametrize(("job", "path"), jobs())
def test_checkouts_leave_no_token_behind(job: dict[str, Any], path: Path) -> None:
    """What runs afterwards would find it in .git/config."""
    for step in job["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert {k: v for k, v in step["with"].items() if k != "fetch-depth"} == {"persist-credentials": False}


@pytest.mark.parametrize(("job", "path"), jobs())
def test_jobs_end(job: dict[str, Any], path: Path) -> None:
    """A job that hangs holds the lock of the state."""
    assert 0 < job["timeout-minutes"] <= 90
    assert job["runs-on"] == "ubuntu-24.04"


def test_the_plan_is_handed_over_with_its_record_by_a_preview_only() -> None:
    """`make up` refuses a plan without the record beside it; whoever else uploads one under that name is refused."""
    steps = load(places.ROOT / ".github" / "workflows" / "preview.yml")["jobs"]["plan"]["steps"]
    (upload,) = [step["with"] for step in steps if step.get("uses", "").startswith("actions/upload-artifact@")]
    assert upload["path"].split() == ["plan.json*", "osv.json", ".local/runs/prod"]
    assert upload["if-no-files-found"] == "error"
    up = load(places.ROOT / ".github" / "workflows" / "up.yml")["jobs"]["up"]["steps"]
    fetch = next(s["run"] for s in up if "run" in s)
    assert '[ "$path" != .github/workflows/preview.yml ]' in fetch


def test_artifacts_of_forks_are_never_fetched() -> None:
    """A fork may change the workflow that runs for it, and name an artifact as it likes."""
    if shutil.which("jq") is None:
        pytest.fail("there is no jq: .ci/install-packages installs it") if os.environ.get("CI") else pytest.skip(
            "no jq"
        )
    up = load(places.ROOT / ".github" / "workflows" / "up.yml")["jobs"]["up"]["steps"]
    fetches = [s["run"] for s in up if "actions/artifacts?name=" in s.get("run", "")]
    assert len(fetches) == 2
    artifacts = [
        {
            "expired": False,
            "workflow_run": {"id": 1, "head_repository_id": 9, "repository_id": 5, "head_branch": "main"},
        },
        {
            "expired": True,
            "workflow_run": {"id": 2, "head_repository_id": 5, "repository_id": 5, "head_branch": "main"},
        },
        {
            "expired": False,
            "workflow_run": {"id": 3, "head_repository_id": 5, "repository_id": 5, "head_branch": "main"},
        },
    ]
    for fetch in fetches:
        (query,) = re.findall(r"--jq '(\[.*?)'", fetch, re.DOTALL)
        said = subprocess.run(
            ["jq", "-r", query], input=json.dumps({"artifacts": artifacts}), capture_output=True, text=True, check=True
        )
        assert said.stdout.strip() == "3"
        none = subprocess.run(
            ["jq", "-r", query],
            input=json.dumps({"artifacts": artifacts[:2]}),
            capture_output=True,
            text=True,
            check=True,
        )
        assert none.stdout.strip() == ""


def test_every_night_what_exists_is_read_back() -> None:
    """With an identity of its own, from the protected branch, and somebody hears of it."""
    drift = load(places.ROOT / ".github" / "workflows" / "drift.yml")
    assert set(drift[True]) == {"schedule", "workflow_dispatch"}
    assert drift["jobs"]["drift"]["environment"] == "drift"
    assert "make drift LOCAL=" in str(drift["jobs"]["drift"]["steps"])
    tell = drift["jobs"]["tell"]
    assert tell["needs"] == "drift"
    assert tell["permissions"] == {"contents": "read", "issues": "write"}
    assert "environment" not in tell
    assert tell["if"] == "(success() || failure()) && needs.drift.result != 'skipped'"


def test_actions_in_use_are_those_that_the_stack_lets_in(production: Recording) -> None:
    """Otherwise the workflows stop on the day the stack is applied."""
    limits = production.one("github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions").inputs
    assert limits["shaPinningRequired"] is True
    let_in = [pattern.partition("@")[0] for pattern in limits["allowedActionsConfig"]["patternsAlloweds"]]
    used = {
        s["uses"].partition("@")[0]
        for p in WORKFLOWS
        for j in load(p)["jobs"].values()
        for s in j["steps"]
        if "uses" in s
    }
    assert {name for name in used if not name.startswith("actions/")} == set(let_in)


def test_every_file_has_a_code_owner_and_every_pattern_a_file() -> None:
    """The ruleset asks for the approval of a code owner (REV-1); a pattern without files guards nothing."""
    lines = (places.ROOT / ".github" / "CODEOWNERS").read_text().splitlines()
    entries = [line.split() for line in lines if line and not line.startswith("#")]
    config = yaml.safe_load((places.ROOT / "Pulumi.prod.yaml").read_text())["config"]
    company = config["secure-hosting:delivery"]["owner"]
    assert entries[0][0] == "*"
    for pattern, *owners in entries:
        assert owners
        assert all(re.fullmatch(rf"@{company}/[\w-]+", owner) for owner in owners)
        assert pattern == "*" or (places.ROOT / pattern.strip("/")).exists(), pattern
    owned = {pattern.strip("/") for pattern, *owners in entries if f"@{company}/security-team" in owners}
    assert {".github", "policies", "access.yaml", "attestations.yaml", "bootstrap", "SECURITY-POLICY.md"} <= owned


def test_every_read_only_run_is_followed_by_the_guard() -> None:
    """A preview or deployment in CI counts only with proof."""
    for path in WORKFLOWS:
        for job in load(path)["jobs"].values():
            runs = [step.get("run", "") for step in job["steps"]]
            for number, command in enumerate(runs):
                if re.match(r"make (preview|up)\b", command):
                    assert runs[number + 1].startswith("make guard")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shell_environment_keeps_the_pack_on(shell: str) -> None:
    """`. ./env.sh` makes a plain `pulumi preview` enforce the pack."""
    script = (
        ". ./env.sh && echo $PULUMI_OPTION_POLICY_PACK && echo $PATH && echo ${PULUMI_OPTION_POLICY_PACK_CONFIG-none}"
    )
    env = {"PATH": "/usr/bin:/bin", "PULUMI_OPTION_POLICY_PACK_CONFIG": "/tmp/weak.json"}
    said = subprocess.run([shell, "-euc", script], cwd=places.ROOT, env=env, capture_output=True, text=True, check=True)
    pack, path, config = said.stdout.splitlines()
    assert pack == str(places.PACK)
    assert path.startswith(f"{places.VENV_BIN}:{places.ROOT}/.local/engine:")
    assert config == "none"


def test_shell_environment_elsewhere_says_where_it_belongs(tmp_path: Path) -> None:
    """It would set a pack that does not exist."""
    command = ["sh", "-c", f". {places.ROOT}/env.sh"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    assert "top folder of the checkout" in said.stderr
