"""Cloud Build: private workers, an identity of its own, no secrets in the build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import UNKNOWN, Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, unsure
from policies.rules._exposure import credential_in, names_a_secret
from policies.rules._facts import boolean
from policies.rules._identity import ACCOUNT_SAMPLE, OWN_EMAIL, own_account
from policies.rules._serverless import plain_variables

WORKERS: Final = gcp("cloudbuild/workerPool")
TRIGGER: Final = gcp("cloudbuild/trigger")

boolean(
    {WORKERS: "workerConfig.noExternalIp"},
    id="build-workers-private",
    clause="HOS-2",
    title="Build workers have no public addresses",
    severity="medium",
    why="A build runs code from every dependency; with a public address it can send out what it finds.",
    fix='worker_config={"no_external_ip": True}',
    references=("checkov:CKV_GCP_86",),
    sources=("https://cloud.google.com/build/docs/private-pools/private-pools-overview",),
)


@rule(
    id="build-own-account",
    clause="ACC-5",
    title="Build triggers run under service accounts of their own",
    severity="medium",
    types=(TRIGGER,),
    decides=("serviceAccount",),
    graph=True,
    provenance=True,
    fix="service_account=build_account.id",
    sources=("https://cloud.google.com/build/docs/securing-builds/configure-user-specified-service-accounts",),
    traps=(22,),
    good=(
        (
            Sample(
                TRIGGER,
                {"serviceAccount": f"projects/example-prod-build/serviceAccounts/{OWN_EMAIL}"},
                depends={"serviceAccount": ("account",)},
            ),
            ACCOUNT_SAMPLE,
        ),
    ),
    bad=({"filename": "cloudbuild.yaml"}, {"serviceAccount": "123456789012@cloudbuild.gserviceaccount.com"}),
)
def build_own_account(trigger: Resource) -> Iterator[Finding]:
    """Left out, every build shares one account with the rights of all of them."""
    yield from own_account(trigger, "serviceAccount", who="the build")


@rule(
    id="build-no-plain-secrets",
    clause="CHG-2",
    title="Builds take secrets from Secret Manager, never as plain variables",
    severity="high",
    types=(TRIGGER,),
    decides=("build.steps[0].envs",),
    graph=True,
    absent="pass",
    fix='available_secrets={"secret_managers": [...]}, steps=[{"secret_envs": ["TOKEN"], ...}]',
    sources=("https://cloud.google.com/build/docs/securing-builds/use-secrets",),
    traps=(26,),
    good=({"build": {"steps": [{"name": "python", "envs": ["MODE=test"], "secretEnvs": ["PYPI_TOKEN"]}]}},),
    bad=(
        {"build": {"steps": [{"name": "python", "envs": ["MODE=test", "PYPI_TOKEN=abc"]}]}},
        {"substitutions": {"_DB_PASSWORD": "hunter2"}},
        {"build": {"options": {"envs": ["API_KEY=abc"]}, "steps": []}},
    ),
)
def build_no_plain_secrets(trigger: Resource) -> Iterator[Finding]:
    """Builds log their variables, and whoever sees the trigger reads its substitutions."""
    yield from plain_variables(trigger, "substitutions")
    yield from plain_variables(trigger, "build.substitutions")
    yield from each([*trigger.views("build.options"), *trigger.views("build.steps")], _envs)


def _envs(view: View) -> Iterator[Finding]:
    for index, text in enumerate(view.items("envs")):
        if text is UNKNOWN:
            yield unsure(view, f"envs[{index}]")
        elif isinstance(text, str):
            name, _, value = text.partition("=")
            if value and (names_a_secret(name) or credential_in(value)):
                yield fail(view, f"envs[{index}]", f"hands over {name} as a plain value")
