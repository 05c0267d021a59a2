"""Flags that several commands have, each with one name and one text."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.storage.opening import FORMS

Source = Annotated[str | None, typer.Option(help=f"Store of the exports. {FORMS}")]
Name = Annotated[str | None, typer.Option(help="Database, as the exports are named.")]
Key = Annotated[str | None, typer.Option(help="KMS key that wraps the exports' keys, or a key file.")]
Erasures = Annotated[str | None, typer.Option(help="Store of the erasure ledger, or none.")]

Host = Annotated[str | None, typer.Option(help="Server, or the folder of its socket.")]
Port = Annotated[int | None, typer.Option()]
Reader = Annotated[str | None, typer.Option(help="Role that may read everything (pg_read_all_data).")]
Auth = Annotated[str | None, typer.Option(help="password (JOBS_PASSWORD_FILE), iam or peer.")]
SslMode = Annotated[str | None, typer.Option(help="verify-full, verify-ca or require.")]
SslRootCert = Annotated[str | None, typer.Option(help="CA of the server.")]

Evidence = Annotated[str | None, typer.Option(help="Store of the evidence.")]
Sign = Annotated[str | None, typer.Option(help="Ed25519 KMS key version or key file.")]
