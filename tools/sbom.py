"""`python -m tools.sbom`: the bill of materials (CycloneDX 1.6), read out of what the repository pins (DEP-1, DEP-3).

Three lists: the Python packages of requirements.lock with their hashes, the Go modules that the engine and its language
host are built from with theirs (go.mod, go.sum), and the engine and its providers, whose versions decide what a preview
means. Nothing in it depends on the day or the machine: the same commit gives the same bytes.
Source: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from tools import places, stamp
from tools.engine import versions

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

MODULES: Final = (places.ROOT / "tools" / "engine" / "cli", places.ROOT / "tools" / "engine" / "host")
"""Where the engine and the Python language host are pinned."""
PROVIDERS: Final = ("gcp", "github", "random", "render")
_LOCKED: Final = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)(?: ; ([^\\\n]+))?", re.MULTILINE)
_NAMESPACE: Final = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
"""That of URLs (RFC 9562)."""

Component = dict[str, Any]


class Unpinned(ValueError):
    """Something has no version or no hash; says what, in which file."""


def python_packages(lock: Path = places.LOCKFILE) -> Iterator[Component]:
    """Every package of the lock, with the hashes of all files that may be installed."""
    text = lock.read_text(encoding="utf-8")
    starts = list(_LOCKED.finditer(text))
    for match, following in zip(starts, [*(m.start() for m in starts[1:]), len(text)], strict=True):
        name, version = match[1].lower(), match[2]
        hashes = sorted(re.findall(r"--hash=sha256:([0-9a-f]{64})", text[match.start() : following]))
        if not hashes:
            raise Unpinned(f"{lock.name}: {name} {version} has no hash: `make lock` writes them")
        yield {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{version}",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": content} for content in hashes],
            "properties": _properties(lock, match[3]),
        }


def go_modules(folder: Path) -> Iterator[Component]:
    """Every module that go.mod requires, with what go.sum says of its tree (`h1`, no digest of one file)."""
    sums = dict(re.findall(r"^(\S+ \S+) h1:(\S+)$", (folder / "go.sum").read_text(encoding="utf-8"), re.MULTILINE))
    text = (folder / "go.mod").read_text(encoding="utf-8")
    for name, version in re.findall(r"^\s*(?:require\s+)?(\S+)\s+(v\d\S*)", text, re.MULTILINE):
        if f"{name} {version}" not in sums:
            raise Unpinned(f"{folder.name}/go.sum: {name} {version} has no hash: run `go mod tidy` there")
        purl = f"pkg:golang/{quote(name.lower(), safe='/')}@{quote(version, safe='')}"
        yield {
            "type": "library",
            "bom-ref": f"{purl}#{folder.name}",
            "name": name,
            "version": version,
            "purl": purl,
            "properties": [
                *_properties(folder / "go.mod", None),
                {"name": "secure-hosting:go.sum", "value": f"h1:{sums[f'{name} {version}']}"},
            ],
        }


def engine(packages: list[Component]) -> Iterator[Component]:
    """The engine, its language host and the providers: the plugin of a provider has the version of its package."""
    pinned = {part["name"]: part["version"] for part in packages}
    yield _application("pulumi", f"v{versions.cli()}", "engine")
    yield _application("pulumi-language-python", f"v{versions.host()}", "language host")
    for provider in PROVIDERS:
        yield _application(f"pulumi-resource-{provider}", f"v{pinned[f'pulumi-{provider}']}", "provider")


def _application(name: str, version: str, role: str) -> Component:
    return {
        "type": "application",
        "bom-ref": f"{name}@{version}",
        "name": name,
        "version": version,
        "properties": [{"name": "secure-hosting:role", "value": role}],
    }


def _properties(source: Path, only: str | None) -> list[dict[str, str]]:
    found = [{"name": "secure-hosting:source", "value": source.relative_to(places.ROOT).as_posix()}]
    return [*found, {"name": "secure-hosting:only", "value": only.strip()}] if only else found


def document() -> dict[str, Any]:
    """The whole bill."""
    packages = list(python_packages())
    modules = [module for folder in MODULES for module in go_modules(folder)]
    made = [*engine(packages), *packages, *modules]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, json.dumps(made, sort_keys=True))}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "secure-hosting", "name": "secure-hosting"}},
        "components": made,
    }


@app.command()
def write(
    output: Annotated[Path | None, typer.Option(help="The file to write; without it, standard output.")] = None,
) -> None:
    """Write the bill of materials. Exit 2, with nothing written, where something is not pinned with a hash."""
    try:
        made = document()
    except Unpinned as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    text = json.dumps(made, indent=1) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        stamp.write_text(output, text)
        typer.echo(f"wrote {output}: {len(made['components'])} components")


if __name__ == "__main__":
    app()
