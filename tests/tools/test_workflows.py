"""CI: pinned actions, least permissions, the commands of a laptop, and a shell environment that keeps the pack on."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import places

WORKFLOWS = sorted((places.ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.search(r"\.PHONY: (.*)", (places.ROOT / "Makefile").read_text())[1].split())  # type: ignore[index]


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


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
    assert writes <= {"id-token", "issues"}
    assert ("id-token" in writes) == ("environment" in job)


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
