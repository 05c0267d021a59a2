"""The command line: what it shows, what it changes, how it refuses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.cli import main
from localcloud.store import Store
from tests.localcloud.conftest import Engine

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(cloud: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cloud with a network and a secret, as the checkout's own."""
    monkeypatch.setenv("SECURE_HOSTING_LOCAL", str(tmp_path))
    cloud.network()
    secret = cloud.create("gcp:secretmanager/secret:Secret", "token", secretId="token", replication={"auto": {}})
    cloud.create("gcp:secretmanager/secretVersion:SecretVersion", "first", secret=secret.id, secretData="hunter2")
    return tmp_path


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    returncode: int
    stdout: str
    stderr: str


def run(*words: str) -> Ran:
    """The command line as it is run, without the start of a process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(list(words))
    return Ran(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def test_it_is_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "localcloud", "show", "absent"]
    environment = {**os.environ, "SECURE_HOSTING_LOCAL": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: there is no resource absent")


def test_list_has_a_line_a_resource(here: Path) -> None:
    lines = [line.split("\t") for line in run("list", "--type", "gcp:compute/*").stdout.splitlines()]
    assert lines == [
        ["gcp:compute/network:Network", "network", "example-prod", "projects/example-prod/global/networks/private"]
    ]


def test_list_as_json_has_the_urn(here: Path) -> None:
    (line,) = run("list", "--json", "--type", "*:Network", "--project", "example-*").stdout.splitlines()
    assert json.loads(line)["urn"] == "urn:pulumi:dev::test::gcp:compute/network:Network::network"


def test_show_masks_secrets(here: Path) -> None:
    shown = run("show", "first")
    assert json.loads(shown.stdout)["properties"]["secretData"] == "[secret]"
    assert "hunter2" not in shown.stdout


def test_set_makes_drift_and_says_what_changed(here: Path) -> None:
    done = run("set", "network", "routingMode=GLOBAL")
    assert (done.returncode, done.stdout) == (0, 'routingMode: "REGIONAL" -> "GLOBAL"\n')
    assert json.loads(run("show", "network").stdout)["properties"]["routingMode"] == "GLOBAL"


def test_set_does_not_repeat_a_secret(here: Path) -> None:
    done = run("set", "first", "secretData=hunter3")
    assert done.stdout == "secretData: [secret] -> [secret]\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("set", "network", "routingMode=SIDEWAYS"), "routingMode must be one of REGIONAL, GLOBAL, not 'SIDEWAYS'"),
        (("set", "network", "colour=red"), "has no property colour"),
        (("set", "network", "mtu=large"), "mtu must be a whole number"),
        (("set", "network", "routingMode"), "is no assignment"),
        (("set", "nothing", "a=b"), "there is no resource nothing"),
        (("show", "absent"), "there is no resource absent"),
        (("delete", "absent"), "there is no resource absent"),
    ],
)
def test_a_refusal_is_one_line_on_stderr_and_exit_code_1(here: Path, words: tuple[str, ...], reason: str) -> None:
    done = run(*words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_an_ambiguous_name_lists_the_choices(here: Path, cloud: Engine) -> None:
    cloud.create("gcp:compute/globalAddress:GlobalAddress", "network", name="address")
    done = run("delete", "network")
    assert done.returncode == 1
    assert "names 2 resources" in done.stderr
    assert "gcp:compute/globalAddress:GlobalAddress" in done.stderr


def test_delete_removes_out_of_band(here: Path) -> None:
    assert run("delete", "urn:pulumi:dev::test::gcp:compute/network:Network::network").returncode == 0
    assert run("list", "--type", "gcp:compute/*").stdout == ""


def test_faults_are_arranged_listed_and_cleared(here: Path) -> None:
    assert run("fault", "add", "429", "--on", "update", "--type", "gcp:sql/*", "--count", "3").returncode == 0
    (fault,) = map(json.loads, run("fault", "list", "--json").stdout.splitlines())
    assert (fault["kind"], fault["operation"], fault["type"], fault["remaining"]) == ("429", "update", "gcp:sql/*", 3)
    assert run("fault", "clear").stdout == "cleared 1 fault(s)\n"
    assert run("fault", "list").stdout == ""


def test_an_unknown_fault_is_a_usage_error(here: Path) -> None:
    done = run("fault", "add", "earthquake")
    assert done.returncode == 2
    assert "earthquake" in done.stderr


def test_seeds_are_kept(here: Path) -> None:
    assert run("seed", "project", "a", "b").returncode == 0
    assert run("seed", "account", "x@y.iam.gserviceaccount.com").returncode == 0
    store = Store(here / "cloud.db")
    assert store.seeds("project") == {"a", "b"}
    assert store.seeds("account") == {"x@y.iam.gserviceaccount.com"}
    store.close()


def test_reset_asks_and_then_starts_an_empty_cloud(here: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "localcloud", "reset"],
        cwd=ROOT,
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert (here / "cloud.db").exists()
    assert run("reset", "--yes").returncode == 0
    assert run("list").stdout == ""


def test_reset_is_the_way_back_from_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURE_HOSTING_LOCAL", str(tmp_path))
    (tmp_path / "cloud.db").write_bytes(b"garbage" * 1000)
    broken = run("list")
    assert broken.returncode == 1
    assert str(tmp_path / "cloud.db") in broken.stderr
    assert run("reset", "--yes").returncode == 0
    assert run("list").returncode == 0


def test_an_empty_cloud_lists_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURE_HOSTING_LOCAL", str(tmp_path / "new"))
    done = run("list", "--json")
    assert (done.returncode, done.stdout) == (0, "")
