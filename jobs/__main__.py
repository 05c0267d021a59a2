"""`python -m jobs COMMAND`: one module a command; each registers itself."""

from __future__ import annotations

import importlib
from typing import Final

import typer

COMMANDS: Final[tuple[str, ...]] = (
    "jobs.activity.command",
    "jobs.canary",
    "jobs.drill",
    "jobs.export",
    "jobs.recovery_drill",
    "jobs.reencrypt",
    "jobs.restore",
    "jobs.sweep",
    "jobs.watch",
)
"""Modules with a function `register(app)`, one a line."""


def application() -> typer.Typer:
    """The command line with every command."""
    app = typer.Typer(
        help="Jobs of the hosting setup. Exit codes: 0 done, 1 a check failed, 2 settings or rights are wrong, "
        "3 something needed is unreachable, 4 refused for safety.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def commands() -> None:
        """Keeps commands by their names even while there is only one."""

    for name in COMMANDS:
        importlib.import_module(name).register(app)
    return app


if __name__ == "__main__":
    application()()
