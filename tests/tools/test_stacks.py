"""A stack's local run: its own copy of the file, its own engine settings, and nothing started on damaged ground."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tools import places, run
from tools.locks import held
from tools.refusal import Refusal, of_os_error
from tools.stacks import PROJECT, Stack

HOSTILE = {
    "PULUMI_OPTION_POLICY_PACK_CONFIG": "/tmp/weak.json",
    "PULUMI_OPTION_POLICY_PACK": "/tmp/other-pack",
    "PULUMI_ACCESS_TOKEN": "pul-0000",
    "PULUMI_HOME": "/home/user/.pulumi",
    "PULUMI_BACKEND_URL": "s3://somewhere",
    "PULUMI_CONFIG_PASSPHRASE_FILE": "/home/user/passphrase",
    "PULUMI_PREFER_YARN": "prefer-yarn",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose stack files the test writes."""
    monkeypatch.setattr(places, "ROOT", tmp_path)
    (tmp_path / "Pulumi.prod.yaml").write_text("config:\n  secure-hosting:owner: team\n")
    return tmp_path


def with_state(local: Path, checkpoint: object) -> Stack:
    """A local stack in the state given."""
    stack = Stack(name="prod")
    stack.state.parent.mkdir(parents=True)
    stack.state.write_text(checkpoint if isinstance(checkpoint, str) else json.dumps(checkpoint))
    (local / "backend" / "prod.salt").write_text("v1:salt\n")
    return stack


EMPTY = {"version": 3, "checkpoint": {"latest": {"resources": []}}}


@pytest.mark.parametrize("name", ["", "../prod", "a b", "prod;rm", "x" * 101])
def test_name_that_is_no_stack_name_is_refused(name: str) -> None:
    """Names become file names."""
    with pytest.raises(Refusal, match="is not a stack name"):
        Stack(name=name)


def test_missing_stack_file_names_those_that_exist(root: Path) -> None:
    """A typo in STACK= is answered with what there is."""
    with pytest.raises(Refusal, match=r"there is no Pulumi\.pord\.yaml") as refused:
        Stack(name="pord").prepare()
    assert "stacks   prod" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("config:\n  a: [1\n", r"Pulumi\.prod\.yaml:3 is not YAML"),
        ("config:\n\ta: 1\n", r"Pulumi\.prod\.yaml:2 is not YAML"),
        ("- a\n- b\n", "is not a mapping"),
        ("", "is not a mapping"),
    ],
)
def test_stack_file_that_cannot_be_read_is_refused_with_its_line(root: Path, text: str, said: str) -> None:
    """Before anything is started."""
    (root / "Pulumi.prod.yaml").write_text(text)
    with pytest.raises(Refusal, match=said):
        Stack(name="prod").prepare()


def test_copy_has_the_same_values_and_the_local_salt(root: Path, local: Path) -> None:
    """The real key never decides about local state, and the stack file stays as it is."""
    text = "secretsprovider: gcpkms://projects/x\nencryptedkey: QUJD\nconfig:\n  secure-hosting:owner: team # why\n"
    (root / "Pulumi.prod.yaml").write_text(text)
    stack = with_state(local, EMPTY)
    stack.prepare()
    assert stack.copy.read_text() == "config:\n  secure-hosting:owner: team # why\nencryptionsalt: v1:salt\n"
    assert (root / "Pulumi.prod.yaml").read_text() == text


def test_local_run_takes_nothing_of_the_users_pulumi(local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Login, backend, another pack and its configuration are left behind."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    env = Stack(name="prod").environment()
    assert not set(HOSTILE.values()) & set(env.values())
    assert env["PULUMI_HOME"] == str(local / "pulumi-home")
    assert env["PULUMI_BACKEND_URL"] == f"file://{local}/backend"
    assert env["PULUMI_OPTION_POLICY_PACK"] == str(places.PACK)
    path = env["PATH"].split(os.pathsep)
    assert path[path.index(str(places.VENV_BIN)) + 1] == str(local / "engine")
    assert path.index(str(local / "engine")) < path.index("/usr/bin")


def test_real_run_keeps_the_login_but_not_another_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack and its levels are the committed ones there too."""
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    stack = Stack(name="prod", real=True)
    env = stack.environment()
    assert env["PULUMI_BACKEND_URL"] == "s3://somewhere"
    assert env["PULUMI_HOME"] == "/home/user/.pulumi"
    assert env["PULUMI_OPTION_POLICY_PACK"] == str(places.PACK)
    assert "PULUMI_OPTION_POLICY_PACK_CONFIG" not in env
    assert stack.flags == ["--stack", "prod"]


@pytest.mark.parametrize(
    "flag",
    ["--policy-pack=/tmp/x", "--policy-pack", "--policy-pack-config=x", "--config-file=x", "-s", "--stack=dev", "-C"],
)
def test_flags_that_would_escape_the_pack_or_the_stack_are_refused(flag: str) -> None:
    """Extra arguments go to the engine, these do not."""
    with pytest.raises(Refusal, match="is set by this command"):
        run.check_extra(["--diff", flag])


@pytest.mark.parametrize("text", ['{"version": 3, "checkpo', "", "[]", '{"checkpoint": {}}', "\x00\x01"])
def test_damaged_state_is_refused_and_left_alone(root: Path, local: Path, text: str) -> None:
    """The message has the file and the way back."""
    stack = with_state(local, text)
    with pytest.raises(Refusal, match="local state of prod is damaged") as refused:
        stack.prepare()
    assert "make recover" in str(refused.value)
    assert stack.state.read_text() == text


def test_damaged_database_of_the_local_cloud_is_refused(root: Path, local: Path) -> None:
    """SQLite says so before any provider opens it."""
    stack = with_state(local, EMPTY)
    (local / "cloud.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    with pytest.raises(Refusal, match="database is damaged") as refused:
        stack.prepare()
    assert "localcloud reset" in str(refused.value)


def test_healthy_database_is_not_refused(root: Path, local: Path) -> None:
    """Also one that nobody has written to yet."""
    stack = with_state(local, EMPTY)
    sqlite3.connect(local / "cloud.db").close()
    stack.prepare()
    assert stack.copy.exists()


def test_full_disk_is_refused_before_anything_is_written(
    root: Path, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little room for the state is found beforehand."""
    stack = with_state(local, EMPTY)
    usage = shutil.disk_usage(local)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1024))
    with pytest.raises(Refusal, match=r"the disk is nearly full \(0 MB free"):
        stack.prepare()
    assert not stack.copy.exists()


def test_disk_that_fills_up_is_said_in_words(tmp_path: Path) -> None:
    """The system's own error becomes a sentence; `/dev/full` is a disk that is."""
    if sys.platform == "linux":
        with pytest.raises(OSError, match="No space left") as full, Path("/dev/full").open("w") as file:
            file.write("x" * 100_000)
        error = full.value
    else:
        error = OSError(28, "No space left on device")
    assert "the disk is full" in str(of_os_error(error))
    assert "SECURE_HOSTING_LOCAL" in str(of_os_error(error))


def test_folder_that_cannot_be_written_is_said_in_words() -> None:
    """With the folder and what to do."""
    said = str(of_os_error(PermissionError(13, "Permission denied", "/srv/x")))
    assert said.startswith("error: no permission to write (/srv/x)")


def test_second_run_on_the_same_stack_is_refused(local: Path) -> None:
    """It names the process that has the stack and starts nothing."""
    with run.exclusive(Stack(name="prod")):
        command = [sys.executable, "-m", "tools", "preview"]
        second = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=False)
        with run.exclusive(Stack(name="dev")):
            pass
    assert second.returncode == 1
    assert f"another run on the stack prod is under way (process {os.getpid()}); nothing was started" in second.stderr
    assert not (local / "backend").exists()


def test_lock_goes_with_its_process(local: Path) -> None:
    """After `kill -9` nothing has to be cleaned up by hand."""
    code = (
        "from tools import run; from tools.stacks import Stack\n"
        "with run.exclusive(Stack(name='prod')): print('x', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=places.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(Refusal), run.exclusive(Stack(name="prod")):
            pass
        holder.kill()
        holder.wait()
    with run.exclusive(Stack(name="prod")):
        pass


def test_waiting_for_a_lock_ends_when_it_is_free(local: Path) -> None:
    """A second setup waits instead of failing."""
    code = (
        "from tools.locks import held; from pathlib import Path; import sys\nwith held(Path(sys.argv[1])): print('in')"
    )
    with held(local / "x.lock"):
        waiting = subprocess.Popen(
            [sys.executable, "-c", code, str(local / "x.lock")], cwd=places.ROOT, stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout
        assert "waiting for another setup" in waiting.stdout.readline()
    assert waiting.communicate(timeout=20)[0] == "in\n"


def engine_lock(stack: Stack, pid: object) -> None:
    stack.engine_locks.mkdir(parents=True)
    (stack.engine_locks / "a.json").write_text(json.dumps({"pid": pid, "username": "u", "hostname": "h"}))


def test_engine_that_was_killed_needs_recovery(local: Path) -> None:
    """Its lock outlives it."""
    stack = with_state(local, EMPTY)
    gone = subprocess.Popen(["true"])
    gone.wait()
    engine_lock(stack, gone.pid)
    assert "was ended in the middle of its work" in run.interrupted(stack)


def test_engine_that_still_works_is_not_disturbed(local: Path, tmp_path: Path) -> None:
    """Also when the command that started it is gone."""
    stack = with_state(local, EMPTY)
    (tmp_path / "pulumi").symlink_to(shutil.which("sleep") or "/bin/sleep")
    with subprocess.Popen([tmp_path / "pulumi", "60"]) as working:
        engine_lock(stack, working.pid)
        try:
            with pytest.raises(Refusal, match=f"process {working.pid}. is still at work on prod"):
                run.interrupted(stack)
        finally:
            working.kill()


def test_number_taken_over_by_another_program_is_no_engine(local: Path) -> None:
    """Process numbers are used again; this test is no engine."""
    stack = with_state(local, EMPTY)
    engine_lock(stack, os.getpid())
    assert "was ended" in run.interrupted(stack)


def test_damaged_engine_lock_needs_recovery(local: Path) -> None:
    """It says nothing about who holds it."""
    stack = with_state(local, EMPTY)
    engine_lock(stack, "many")
    assert "is damaged" in run.interrupted(stack)


def test_operation_that_never_finished_needs_recovery(local: Path) -> None:
    """The state knows what was under way."""
    operation = {"type": "creating", "resource": {"urn": f"urn:pulumi:prod::{PROJECT}::gcp:x:Y::orders"}}
    stack = with_state(local, {"checkpoint": {"latest": {"pending_operations": [operation]}}})
    assert run.interrupted(stack) == "1 operation(s) never finished, the first is creating orders"


def test_quiet_stack_needs_nothing(local: Path) -> None:
    """No lock, nothing pending."""
    assert run.interrupted(with_state(local, EMPTY)) == ""
