"""Where the engine comes from, in which order, and what is said when there is none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.tools import fakes
from tools import places
from tools.engine import build, sources, versions
from tools.engine.unusable import Unusable
from tools.progress import Stage
from tools.refusal import Refusal


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe of the official download finds no network."""
    monkeypatch.setattr(sources, "_PROBE", "raise SystemExit('Name or service not known')")


def use_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", fakes.system_path(*folders))


def test_engine_on_path_is_taken_first(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded or built when there is one."""
    use_path(monkeypatch, fakes.engine(tmp_path / "bin", "v3.230.1"))
    engine, tried = sources.obtain(Stage("test"))
    assert (engine.folder, engine.version, engine.source, tried) == (tmp_path / "bin", "3.230.1", "path", [])
    assert not cache.exists()


def test_engine_behind_a_link_is_found_with_its_host(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Package managers link the program alone into a folder on PATH."""
    real = fakes.engine(tmp_path / "real", "v3.230.1")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").symlink_to(real / "pulumi")
    use_path(monkeypatch, tmp_path / "bin")
    assert sources.obtain(Stage("test"))[0].folder == real


def test_own_engine_on_path_is_not_taken_for_the_users(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`env.sh` puts the project's link on PATH; it must not come to point to itself."""
    fakes.engine(places.engine(), "v3.230.1")
    use_path(monkeypatch, places.engine())
    with pytest.raises(Unusable, match="none found"):
        sources.on_path(Stage("test"))


def test_engine_out_of_range_falls_through_to_the_build(
    cache: Path, tmp_path: Path, no_way_out: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each source that did not serve is remembered with its reason."""
    go = fakes.go(tmp_path / "go", fails_at=tmp_path / "never")
    use_path(monkeypatch, fakes.engine(tmp_path / "bin", "v3.100.0"), go)
    engine, tried = sources.obtain(Stage("test"))
    assert (engine.source, engine.version) == ("build", versions.cli())
    assert [entry.split(":")[0] for entry in tried] == ["pulumi on PATH", "official download"]
    assert "3.100.0" in tried[0]
    assert "Name or service not known" in tried[1]


def test_no_engine_anywhere_is_one_message_with_everything_tried(
    cache: Path, no_way_out: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the three sources, why each failed, and what to install."""
    use_path(monkeypatch)
    with pytest.raises(Refusal) as refused:
        sources.obtain(Stage("test"))
    assert str(refused.value).splitlines() == [
        "error: no usable Pulumi engine.",
        "  tried    pulumi on PATH: none found",
        "  tried    official download: not reachable (Name or service not known)",
        "  tried    build from Go modules: Go is not installed",
        "  fix      install Pulumi 3.208.0 or newer (https://www.pulumi.com/docs/iac/download-install/),",
        "           or Go 1.24 or newer with a way to a Go module proxy (https://go.dev/dl/);"
        " then run `make setup` again",
    ]


def test_silent_network_is_given_up_within_seconds(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that swallows packets must not hold up the setup."""
    monkeypatch.setattr(sources, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(Unusable, match="not reachable"):
        sources.download(Stage("test"))
    assert time.monotonic() - started < 5
    assert sources.PROBE_SECONDS <= 10


def test_failed_download_leaves_nothing_that_looks_like_an_engine(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a download is not taken for a whole one the next time."""
    monkeypatch.setattr(sources, "_PROBE", "")
    script = (
        "import sys, pathlib; p = pathlib.Path(sys.argv[1], 'bin'); p.mkdir(); (p / 'pulumi').touch(); sys.exit('cut')"
    )
    monkeypatch.setattr(sources, "_INSTALL", script)
    for _ in range(2):
        with pytest.raises(Unusable, match=r"failed \(cut\)"):
            sources.download(Stage("test"))
    assert not list((cache / "engine").glob("*-download"))


def test_finished_download_is_kept_for_the_next_checkout(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is asked of the network."""
    monkeypatch.setattr(sources, "_PROBE", "")
    script = "import sys, pathlib; p = pathlib.Path(sys.argv[1], 'bin'); p.mkdir(); (p / 'pulumi').touch()"
    monkeypatch.setattr(sources, "_INSTALL", script)
    folder = sources.download(Stage("test"))
    monkeypatch.setattr(sources, "_PROBE", "raise SystemExit('not asked')")
    assert sources.download(Stage("test")) == folder
    assert (folder / "pulumi").exists()


def test_interrupted_build_is_repeated_and_then_kept(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-built is ever in place; the third time costs no Go at all."""
    stop = tmp_path / "stop"
    stop.touch()
    use_path(monkeypatch, fakes.go(tmp_path / "go", fails_at=stop))
    final = cache / "engine" / versions.cache_key()
    with pytest.raises(Unusable, match="`go build` failed: signal: killed"):
        build.build(Stage("test"))
    assert not final.exists()
    stop.unlink()
    assert build.build(Stage("test")) == final
    assert {path.name for path in final.iterdir()} == set(versions.PROGRAMS)
    use_path(monkeypatch)
    assert build.build(Stage("test")) == final


def test_build_leaves_only_the_engine_in_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go's own caches (2.5 GB) go when the engine is there."""
    use_path(monkeypatch, fakes.go(tmp_path / "go", fails_at=tmp_path / "never"))
    build.build(Stage("test"))
    assert [path.name for path in cache.iterdir()] == ["engine"]


def test_go_writes_nothing_into_the_home_of_the_user(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go gets folders in the project's cache for everything it writes."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    use_path(monkeypatch, fakes.program(tmp_path / "bin", "go", "env > " + str(tmp_path / "seen")).parent)
    build._environment(str(tmp_path / "bin" / "go"))
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE", "HOME", "XDG_CONFIG_HOME"):
        assert Path(seen[name]).is_relative_to(cache)


def test_user_module_cache_is_read_before_the_network(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the user has fetched before is not fetched again."""
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "mod"))
    (tmp_path / "mod" / "cache" / "download").mkdir(parents=True)
    use_path(monkeypatch, fakes.program(tmp_path / "bin", "go", "echo https://proxy.example.com").parent)
    env = build._environment(str(tmp_path / "bin" / "go"))
    assert env["GOPROXY"] == f"file://{tmp_path}/mod/cache/download,https://proxy.example.com"


def test_full_disk_during_the_build_is_said(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The linker's words become the cause, with the room that is needed."""
    script = '[ "$1" != list ] || { echo "write /x: no space left on device"; exit 1; }'
    use_path(monkeypatch, fakes.program(tmp_path / "bin", "go", script).parent)
    with pytest.raises(Unusable, match="is full; the build needs 3 GB"):
        build.build(Stage("test"))
