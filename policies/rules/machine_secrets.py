"""Virtual machines: nothing secret in metadata, which every program on the machine and every viewer reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule
from policies.rules._exposure import names_a_secret
from policies.rules._machines import MACHINES, METADATA
from policies.rules._serverless import plain_variables

_SCRIPTS: Final = (
    "metadataStartupScript",
    *(f'metadata["{key}"]' for key in ("startup-script", "user-data", "shutdown-script", "windows-startup-script-ps1")),
)
_ASSIGNED: Final = re.compile(r"""(?:^|[\s;])(?:export\s+|set\s+|\$env:)?(\w+)\s?=\s?["']?([^\s"'$`;|&<(]{4,})""")
"""A word that is given a literal value, in a shell, PowerShell or cloud-init; what is computed at run time is none."""


@rule(
    id="vm-no-plain-secrets",
    clause="CHG-2",
    title="Metadata and start scripts of virtual machines carry no secrets",
    severity="high",
    types=(*MACHINES, METADATA),
    decides=("metadata",),
    absent="pass",
    graph=True,
    fix="read the secret from Secret Manager when the machine starts: gcloud secrets versions access …",
    sources=("https://cloud.google.com/compute/docs/metadata/overview",),
    traps=(26,),
    good=(
        {"metadata": {"block-project-ssh-keys": "TRUE", "ssh-keys": "a:ssh-ed25519 AAAA a", "db-secret-name": "db"}},
        {"metadataStartupScript": "export DB_PASSWORD=$(gcloud secrets versions access latest --secret=db)"},
        {"metadataStartupScript": 'TOKEN="${TOKEN}"\napt-get install -y nginx'},
    ),
    bad=(
        {"metadata": {"db-password": "correct-horse"}},
        {"metadata": {"startup-script": "#!/bin/sh\nexport API_TOKEN=0123456789ab\n"}},
        {"metadataStartupScript": "DB_PASSWORD='correct-horse' /opt/app/start"},
        Sample(METADATA, {"metadata": {"smtp-pass": "correct-horse"}}),
    ),
)
def no_plain_secrets(machine: Resource) -> Iterator[Finding]:
    """Every process on the machine reads its metadata without a credential, and so does everybody who may look at
    machines. Judged by the names of entries and of what scripts assign."""
    for path in _SCRIPTS:
        text = machine.get(path)
        for name, _ in _ASSIGNED.findall(text) if isinstance(text, str) else ():
            if names_a_secret(name):
                yield fail(machine, path, f"gives {name} a value that everybody on the machine reads")
    yield from plain_variables(machine, "metadata")
