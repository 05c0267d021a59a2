"""How fast the judge is on files, against Checkov on the same resources: `python -m tools.bench.judge_bench`.

Both run as commands on a file with few and on one with many resources; what the small file takes is start-up and is
taken off. Processor seconds count, of the command and what it starts: other work on the machine changes them little.
Checkov comes from PyPI into an environment of its own in the user's cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from tools import places
from tools.refusal import Refusal

CHECKOV: Final = "3.3.30"
GOAL: Final = 20.0
FEW: Final = 8
KINDS: Final[tuple[tuple[str, str, Mapping[str, Any]], ...]] = (
    (
        "gcp:storage/bucket:Bucket",
        "google_storage_bucket",
        {"name": "b", "location": "EU", "uniform_bucket_level_access": True, "versioning": {"enabled": True}},
    ),
    (
        "gcp:sql/databaseInstance:DatabaseInstance",
        "google_sql_database_instance",
        {
            "name": "d",
            "database_version": "POSTGRES_16",
            "settings": {
                "tier": "db-custom-1-3840",
                "ip_configuration": {"ipv4_enabled": False, "ssl_mode": "ENCRYPTED_ONLY"},
                "backup_configuration": {"enabled": True},
            },
        },
    ),
    (
        "gcp:kms/cryptoKey:CryptoKey",
        "google_kms_crypto_key",
        {"name": "k", "key_ring": "projects/p/locations/l/keyRings/r", "rotation_period": "7776000s"},
    ),
    (
        "gcp:compute/firewall:Firewall",
        "google_compute_firewall",
        {"name": "f", "network": "n", "source_ranges": ["10.0.0.0/8"], "allow": [{"protocol": "tcp", "ports": ["22"]}]},
    ),
    (
        "gcp:compute/instance:Instance",
        "google_compute_instance",
        {
            "name": "i",
            "machine_type": "e2-small",
            "zone": "europe-west1-b",
            "boot_disk": {"initialize_params": {"image": "debian-cloud/debian-12"}},
            "network_interface": [{"network": "n"}],
        },
    ),
    (
        "gcp:compute/subnetwork:Subnetwork",
        "google_compute_subnetwork",
        {"name": "s", "network": "n", "region": "europe-west1", "ip_cidr_range": "10.0.0.0/20"},
    ),
    (
        "gcp:projects/iAMMember:IAMMember",
        "google_project_iam_member",
        {"project": "p", "role": "roles/run.viewer", "member": "group:team@example.com"},
    ),
    (
        "gcp:container/cluster:Cluster",
        "google_container_cluster",
        {"name": "c", "location": "europe-west1", "release_channel": {"channel": "REGULAR"}},
    ),
)
"""Resources of the types that scanners judge most: Pulumi's type, Terraform's type, Terraform's arguments."""
_LISTS: Final = {"allow": "allows", "network_interface": "networkInterfaces"}
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One program on the many resources, start-up taken off; memory is that of the whole process."""

    program: str
    resources: int
    checks: int
    seconds: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Rule × resource a second."""
        return self.checks / self.seconds


def _camel(word: str) -> str:
    head, *rest = word.split("_")
    return _LISTS.get(word) or head + "".join(part.capitalize() for part in rest)


def _pulumi(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_camel(key): _pulumi(item) for key, item in value.items()}
    return [_pulumi(item) for item in value] if isinstance(value, list) else value


def _terraform(value: Any) -> Any:
    """Terraform's plan holds a block as a list of one."""
    if isinstance(value, Mapping):
        return {k: [_terraform(v)] if isinstance(v, Mapping) else _terraform(v) for k, v in value.items()}
    return [_terraform(item) for item in value] if isinstance(value, list) else value


def export(count: int) -> dict[str, Any]:
    """The resources as `pulumi stack export` writes them."""
    states = []
    for index in range(count):
        token, _, arguments = KINDS[index % len(KINDS)]
        inputs = _pulumi(arguments)
        urn = f"urn:pulumi:bench::bench::{token}::r{index}"
        state = {"urn": urn, "type": token, "custom": True, "id": f"r{index}", "inputs": inputs, "outputs": inputs}
        states.append(state)
    return {"version": 3, "deployment": {"manifest": {}, "resources": states}}


def plan(count: int) -> dict[str, Any]:
    """The resources as `terraform show -json` writes a plan."""
    planned, changes = [], []
    for index in range(count):
        _, kind, arguments = KINDS[index % len(KINDS)]
        values = _terraform(arguments)
        head = {"address": f"{kind}.r{index}", "mode": "managed", "type": kind, "name": f"r{index}"}
        provider = {"provider_name": "registry.terraform.io/hashicorp/google"}
        planned.append({**head, **provider, "schema_version": 0, "values": values})
        changes.append({**head, **provider, "change": {"actions": ["create"], "before": None, "after": values}})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {"root_module": {}},
    }


def checkov() -> Path:
    """Checkov's command, in an environment of its own. Raises Refusal when PyPI cannot be reached."""
    home = places.cache() / f"checkov-{CHECKOV}"
    command = home / "bin" / "checkov"
    if not command.exists():
        print(f"installing Checkov {CHECKOV} into {home}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", f"checkov=={CHECKOV}"]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Refusal("Checkov cannot be installed from PyPI.", details=tuple(done.stderr.splitlines()[-3:]))
    return command


def _run(command: list[str], env: Mapping[str, str] | None = None) -> tuple[float, float, str]:
    """Processor seconds, megabytes and output of a command that may say that checks failed."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=places.ROOT, stdout=out, stderr=subprocess.DEVNULL, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = usage.ru_utime + usage.ru_stime
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    if process.returncode not in (0, 1):
        raise Refusal(f"{Path(command[0]).name} ended with {process.returncode}.")
    unit = 1024 if sys.platform == "linux" else 1024 * 1024
    return seconds, usage.ru_maxrss / unit, text


def _ours(path: Path) -> tuple[float, float, int]:
    seconds, size, text = _run([sys.executable, "-m", "policies", "judge", str(path), "--json", "--fail-on", "never"])
    return seconds, size, text.count("\n")


def _theirs(path: Path) -> tuple[float, float, int]:
    command = [str(checkov()), "--file", str(path), "--framework", "terraform_plan", "--output", "json", "--quiet"]
    seconds, size, text = _run(
        [*command, "--soft-fail"], {**os.environ, "LOG_LEVEL": "ERROR", "BC_SKIP_MAPPING": "TRUE"}
    )
    summary = json.loads(text)["summary"]
    return seconds, size, summary["passed"] + summary["failed"] + summary["skipped"]


def measure(
    program: str, run: Callable[[Path], tuple[float, float, int]], small: Path, large: Path, count: int
) -> Figure:
    """Runs the program on both files, three times each; the fastest runs count."""
    few = min((run(small) for _ in range(3)), key=lambda r: r[0])
    many = min((run(large) for _ in range(3)), key=lambda r: r[0])
    if many[0] <= few[0] or many[2] <= few[2]:
        raise Refusal(f"{program}: {count} resources take no longer than {FEW}; measure more of them.")
    return Figure(
        program=program,
        resources=count - FEW,
        checks=many[2] - few[2],
        seconds=many[0] - few[0],
        megabytes=many[1],
    )


def compare(count: int) -> list[Figure]:
    """Both programs on the same resources."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for name, write in (("export", export), ("plan", plan)):
            for size in (FEW, count):
                made[name, size] = Path(folder) / f"{name}-{size}.json"
                made[name, size].write_text(json.dumps(write(size)))
        return [
            measure("judge", _ours, made["export", FEW], made["export", count], count),
            measure("checkov", _theirs, made["plan", FEW], made["plan", count], count),
        ]


@app.command()
def main(
    count: Annotated[int, typer.Option("--resources", help="How many resources the large file holds.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Measure both. Exit code 1 when the judge is not at least twenty times as fast."""
    try:
        figures = compare(count)
    except Refusal as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(2) from None
    judge, other = figures
    ratio = judge.rate / other.rate
    if as_json:
        rows = {f.program: {**asdict(f), "rate": f.rate} for f in figures}
        print(json.dumps({**rows, "ratio": ratio, "goal": GOAL}))
    else:
        for f in figures:
            told = f"{f.checks} checks of {f.resources} resources in {f.seconds:.2f} s of processor"
            print(f"{f.program:<8} {f.rate:>9.0f} rule x resource/s  ({told}; {f.megabytes:.0f} MB)")
        print(f"ratio    {ratio:>9.1f} (goal: at least {GOAL:g})")
    raise typer.Exit(0 if ratio >= GOAL else 1)


if __name__ == "__main__":
    app()
