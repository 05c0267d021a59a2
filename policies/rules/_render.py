"""What the Render rules share: the provider's types and how its resources point at repositories."""

from __future__ import annotations

from typing import Final

WEB: Final = "render:services:WebService"
PRIVATE: Final = "render:services:PrivateService"
WORKER: Final = "render:services:BackgroundWorker"
CRON: Final = "render:services:CronJob"
STATIC: Final = "render:services:StaticSite"
SERVICES: Final = (WEB, PRIVATE, WORKER, CRON, STATIC)
POSTGRES: Final = "render:postgres:Postgres"
KEY_VALUE: Final = "render:key-value:KeyValue"
REDIS: Final = "render:redis:Redis"
"""The older spelling of KeyValue, still in the provider and with the same properties."""
DATASTORES: Final = (POSTGRES, KEY_VALUE, REDIS)
ENVIRONMENT: Final = "render:environments:Environment"
PROJECT: Final = "render:projects:Project"
ENV_GROUP: Final = "render:env-groups:EnvGroup"
ATTACHMENT: Final = "render:environments:ResourcesToEnvironment"
CUSTOM_DOMAIN: Final = "render:services:CustomDomain"
WEBHOOK: Final = "render:webhooks:Webhook"
OWNED: Final = (*SERVICES, *DATASTORES, PROJECT, ENV_GROUP, WEBHOOK, "render:registrycredentials:RegistryCredential")


def repository_slug(url: str) -> str:
    """`https://github.com/Example/App.git` and `git@github.com:example/app` as `example/app`."""
    text = url.strip().removesuffix("/").removesuffix(".git")
    tail = text.replace(":", "/").split("/")[-2:]
    return "/".join(tail).lower()
