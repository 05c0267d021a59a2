"""Which engine versions the project is tested with, and which one it makes itself."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

from semver import Version

from tools import stamp
from tools.engine.unusable import Unusable

HERE = Path(__file__).resolve().parent
OLDEST = Version(3, 208, 0)
"""The first engine that takes every flag from the environment, which is how the pack runs on every preview."""
BEYOND = Version(4, 0, 0)
PROGRAMS = (
    "pulumi",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-analyzer-policy-python",
    "pulumi-resource-pulumi-python",
)
"""What must lie side by side for a Python program with a Python policy pack."""


def parse(text: str) -> Version:
    """The version in what `pulumi version` prints, such as `v3.220.0`; anything else is unusable."""
    found = re.fullmatch(r"v?(\d+\.\d+\.\d+\S*)", text.strip())
    if not found or not Version.is_valid(found[1]):
        raise Unusable(f"does not tell its version (it printed {text.strip()[:80]!r})")
    return Version.parse(found[1])


def in_range(version: Version) -> bool:
    """Whether the project works with it; a pre-release counts as the release it precedes."""
    return OLDEST <= version.replace(prerelease=None, build=None) < BEYOND


def check(folder: Path) -> Version:
    """The version of the engine in `folder`, or why it cannot be used."""
    program = folder / "pulumi"
    try:
        run = subprocess.run([program, "version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or "it does not answer"
        raise Unusable(f"{program} does not run on {platform.system()} {platform.machine()}: {reason}") from error
    if run.returncode != 0:
        raise Unusable(f"{program} does not run: {(run.stderr or run.stdout).strip()[:200]}")
    version = parse(run.stdout)
    if not in_range(version):
        raise Unusable(f"{program} is {version}; needed is {OLDEST} or newer, below {BEYOND}")
    if missing := [name for name in PROGRAMS if not (folder / name).exists()]:
        raise Unusable(f"{program} has no {', '.join(missing)} beside it")
    return version


def _pinned(module: str, path: str) -> str:
    found = re.search(
        rf"^(?:require )?\s*{re.escape(path)} v(\S+)", (HERE / module / "go.mod").read_text(), re.MULTILINE
    )
    if not found:
        raise Unusable(f"tools/engine/{module}/go.mod does not require {path}")
    return found[1]


def cli() -> str:
    """The command line that is downloaded or built; the go.mod says which."""
    return _pinned("cli", "github.com/pulumi/pulumi/pkg/v3")


def host() -> str:
    """The Python language host that is built."""
    return _pinned("host", "github.com/pulumi/pulumi/sdk/v3")


def cache_key() -> str:
    """Names the engine in the user cache: version, platform and everything the build is pinned by."""
    sums = [HERE / module / name for module in ("cli", "host") for name in ("go.mod", "go.sum")]
    system, machine = platform.system().lower(), platform.machine().lower()
    return f"{cli()}-{system}-{machine}-{stamp.digest(sums)[:16]}"
