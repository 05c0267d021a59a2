"""Environment groups on Render: plain settings, and secrets that the state holds encrypted although the provider does
not ask for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_random as random
import pulumi_render as render

from .base import Component, require, secret
from .render_workspace import Workspace

SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|_KEY$|_DSN$)")
GENERATED_LENGTH = 64


@dataclass(frozen=True, kw_only=True)
class GroupArgs:
    """Variables by name; each name is in one of the three."""

    workspace: Workspace
    random: random.Provider
    plain: Mapping[str, str] = field(default_factory=dict)
    generated: tuple[str, ...] = ()
    secrets: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    files: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    """Secret files by name; Render puts them under /etc/secrets."""

    def __post_init__(self) -> None:
        named = sorted(key for key in self.plain if SECRET_NAME.search(key))
        require(
            not named, "CHG-2", f"{', '.join(named)} would stand in plain text: generate it, or give it as a secret"
        )
        twice = sorted({*self.plain} & {*self.generated, *self.secrets} | {*self.generated} & {*self.secrets})
        require(not twice, "CHG-2", f"{', '.join(twice)} is given twice")


class Group(Component):
    """Each secret is wrapped on its way in, and whatever Render answers is encrypted on its way back (trap 49)."""

    token = "hosting:render:Group"
    clauses: ClassVar[tuple[str, ...]] = ("CHG-2", "HOS-5")

    group_id: pulumi.Output[str]

    def __init__(self, name: str, args: GroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        place = args.workspace
        variables: dict[str, pulumi.Input[str]] = {
            **args.plain,
            **{key: self._generate(name, key, args.random) for key in args.generated},
            **{key: secret(value) for key, value in args.secrets.items()},
        }
        group = render.env_groups.EnvGroup(
            name,
            name=name,
            owner_id=place.owner_id,
            environment_id=place.environment_id,
            env_vars=[
                render.env_groups.EnvVarInputArgs(key=key, value=value) for key, value in sorted(variables.items())
            ],
            secret_files=[
                render.env_groups.SecretFileInputArgs(name=key, content=secret(value))
                for key, value in sorted(args.files.items())
            ]
            or None,
            opts=self.child(provider=place.provider, additional_secret_outputs=["envVars", "secretFiles"]),
        )
        self.group_id = group.id
        self.register_outputs({"group_id": self.group_id})

    def _generate(self, name: str, key: str, provider: random.Provider) -> pulumi.Output[str]:
        made = random.RandomPassword(
            f"{name}-{key.lower().replace('_', '-')}",
            length=GENERATED_LENGTH,
            special=False,
            opts=self.child(provider=provider),
        )
        return made.result
