"""The command line: looking at the local cloud and changing it by hand."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer

from localcloud import edit, faults
from localcloud.errors import LocalCloudError
from localcloud.store import Resource, Store, folder

app = typer.Typer(
    help="The local cloud of this checkout: what is deployed in it, and what goes wrong in it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
fault_app = typer.Typer(help="Faults on demand: latency, 429, 503, crash, lost.", no_args_is_help=True)
seed_app = typer.Typer(
    help="What exists before anything is deployed: projects and service accounts.", no_args_is_help=True
)
app.add_typer(fault_app, name="fault")
app.add_typer(seed_app, name="seed")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Which = Annotated[str, typer.Argument(help="An id, a URN, or a logical name if it is unambiguous.")]


class Operation(StrEnum):
    """Operations that a fault can strike."""

    create = "create"
    read = "read"
    update = "update"
    delete = "delete"
    any = "*"


def opened() -> Store:
    """The state of this checkout."""
    return Store(folder() / "cloud.db")


def table(columns: list[str], rows: list[list[str]]) -> None:
    """A table on a terminal, tab-separated lines anywhere else."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        view = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            view.add_row(*row)
        Console().print(view)
    else:
        for row in rows:
            typer.echo("\t".join(row))


def summary(resource: Resource) -> dict[str, Any]:
    """What `list --json` says about a resource."""
    return {
        "type": resource.type,
        "name": resource.urn.split("::")[-1] or resource.name,
        "project": resource.project,
        "id": resource.id,
        "urn": resource.urn,
    }


@app.command("list")
def list_resources(
    type: Annotated[str, typer.Option(help="Shell pattern on the type token.")] = "*",
    project: Annotated[str, typer.Option(help="Shell pattern on the project id.")] = "*",
    as_json: AsJson = False,
) -> None:
    """List the resources: type, logical name, project, id."""
    found = [item for item in opened().find() if fnmatchcase(item.type, type) and fnmatchcase(item.project, project)]
    if as_json:
        for resource in found:
            typer.echo(json.dumps(summary(resource)))
        return
    keys = ("type", "name", "project", "id")
    table(["Type", "Name", "Project", "Id"], [[summary(item)[key] for key in keys] for item in found])


@app.command()
def show(which: Which) -> None:
    """Show one resource as JSON; secret values are masked."""
    resource = edit.one(opened(), which)
    typer.echo(json.dumps({**summary(resource), "properties": edit.masked(resource)}, indent=2))


@app.command("set")
def set_property(
    which: Which,
    assignments: Annotated[
        list[str],
        typer.Argument(metavar="PATH=VALUE...", help="Such as settings.tier=db-f1-micro; the value is JSON or text."),
    ],
) -> None:
    """Change properties out of band, all or none: the stack sees drift at the next refresh."""
    for path, before, after in edit.assign(opened(), which, *assignments):
        typer.echo(f"{path}: {before} -> {after}")


@app.command()
def delete(which: Which) -> None:
    """Delete a resource out of band; nothing protects it here."""
    store = opened()
    resource = edit.one(store, which)
    store.remove(resource.type, resource.id)
    typer.echo(f"deleted {resource.type} {resource.id}")


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Start an empty cloud. The stack's own state is not touched: `pulumi refresh` will find everything gone."""
    path = folder() / "cloud.db"
    if not yes:
        typer.confirm(f"Delete everything in {path}?", abort=True)
    for file in (path, path.with_name("cloud.db-wal"), path.with_name("cloud.db-shm")):
        file.unlink(missing_ok=True)
    typer.echo("the local cloud is empty")


@app.command()
def install(home: Annotated[Path, typer.Option(help="The PULUMI_HOME to install into.")]) -> None:
    """Install the providers as plugins of a PULUMI_HOME; repeating it changes nothing."""
    from localcloud.install import install as install_plugins

    for program in install_plugins(home):
        typer.echo(str(program))


@app.command()
def serve(provider: Annotated[str, typer.Argument(help="gcp, random, render or github.")]) -> None:
    """Serve one provider; the engine starts this by itself."""
    from localcloud.serve import serve as serve_provider

    serve_provider(provider)


@fault_app.command("add")
def add_fault(
    kind: Annotated[faults.Kind, typer.Argument(help="What goes wrong.")],
    operation: Annotated[Operation, typer.Option("--on", help="The operation that it strikes.")] = Operation.create,
    type: Annotated[str, typer.Option(help="Shell pattern on the type token.")] = "*",
    name: Annotated[str, typer.Option(help="Shell pattern on the logical name.")] = "*",
    count: Annotated[int, typer.Option(min=1, help="How many times.")] = 1,
    seconds: Annotated[float, typer.Option(min=0, max=3600, help="How long a latency lasts.")] = 1.0,
) -> None:
    """Arrange a fault: `fault add crash --type 'gcp:sql/*'`."""
    faults.add(opened(), kind=kind, operation=operation.value, type=type, name=name, seconds=seconds, count=count)
    typer.echo(f"{kind.value} on {operation.value} {type} {name}, {count} time(s)")


@fault_app.command("list")
def list_faults(as_json: AsJson = False) -> None:
    """List the faults that are still to occur."""
    found = [{**asdict(fault), "kind": fault.kind.value} for fault in faults.arranged(opened())]
    if as_json:
        for fault in found:
            typer.echo(json.dumps(fault))
        return
    keys = ("number", "kind", "operation", "type", "name", "remaining", "seconds")
    table([key.title() for key in keys], [[str(fault[key]) for key in keys] for fault in found])


@fault_app.command("clear")
def clear_faults() -> None:
    """Forget all faults."""
    typer.echo(f"cleared {faults.clear(opened())} fault(s)")


@seed_app.command("project")
def seed_project(ids: Annotated[list[str], typer.Argument(help="Project ids.")]) -> None:
    """Say which projects exist; from then on, a project that is neither named nor declared does not."""
    for project in ids:
        opened().add_seed("project", project)


@seed_app.command("account")
def seed_account(emails: Annotated[list[str], typer.Argument(help="Email addresses.")]) -> None:
    """Say which service accounts were made by hand."""
    for email in emails:
        opened().add_seed("account", email)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    try:
        app(arguments, prog_name="python -m localcloud")
    except LocalCloudError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
