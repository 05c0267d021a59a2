"""The providers install as ordinary plugins, start fast, and end with the engine."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc

from localcloud.install import PROVIDERS, install


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    install(folder)
    return folder


def program(home: Path, provider: str) -> Path:
    folder = home / "plugins" / f"resource-{provider}-v{version(f'pulumi_{provider}')}"
    return folder / f"pulumi-resource-{provider}"


def test_all_four_are_installed_at_the_versions_of_the_sdks(home: Path) -> None:
    for provider in PROVIDERS:
        assert os.access(program(home, provider), os.X_OK)


def test_installing_again_changes_nothing(home: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "plugins").rglob("*")}
    install(home)
    assert {path: path.stat().st_mtime_ns for path in (home / "plugins").rglob("*")} == before


def test_a_damaged_plugin_is_repaired(home: Path) -> None:
    target = program(home, "render")
    target.write_text("#!/bin/sh\nexit 1\n")
    install(home)
    assert "localcloud serve render" in target.read_text()


def start(home: Path, provider: str, tmp_path: Path) -> tuple[subprocess.Popen[str], int]:
    environment = {**os.environ, "SECURE_HOSTING_LOCAL": str(tmp_path)}
    process = subprocess.Popen(
        [str(program(home, provider)), "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_plugin_prints_a_port_and_answers_with_the_sdks_version(home: Path, provider: str, tmp_path: Path) -> None:
    process, port = start(home, provider, tmp_path)
    with process, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        assert stub.GetPluginInfo(empty_pb2.Empty(), timeout=10).version == version(f"pulumi_{provider}")
        process.kill()


def test_serving_imports_no_cloud_sdk(tmp_path: Path) -> None:
    code = (
        "import sys; from localcloud.serve import *; load_stubs_only(); import localcloud.provider; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = ("typer", "rich", "tenacity", "ruamel", "opentelemetry")
    assert [name for name in loaded if name.startswith("pulumi_") or name.split(".")[0] in heavy] == []


def test_a_plugin_starts_within_half_a_second_of_processor_time(home: Path, tmp_path: Path) -> None:
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process, _ = start(home, "gcp", tmp_path)
        process.kill()
        process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(used) < 0.5


def test_a_plugin_ends_when_the_engine_that_started_it_is_gone(home: Path, tmp_path: Path) -> None:
    """An engine that is killed cannot end its plugins."""
    code = (
        "import subprocess, sys\n"
        f"p = subprocess.Popen([{str(program(home, 'random'))!r}], stdout=subprocess.PIPE, text=True)\n"
        "p.stdout.readline(); print(p.pid, flush=True)\n"
    )
    engine = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(engine.stdout)
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}/cmdline").exists() or _alive(pid):
        assert time.monotonic() < deadline, "the plugin outlived its engine"
        time.sleep(0.2)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
