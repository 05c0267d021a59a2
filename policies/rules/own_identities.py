"""What runs programs runs as an account of its own: the services that take the project's default account otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, rule
from policies.rules._identity import ACCOUNT_SAMPLE, DEFAULT_EMAIL, OWN_EMAIL, own_account

_PATHS: Final = {
    gcp("workflows/workflow"): "serviceAccount",
    gcp("dataflow/job"): "serviceAccountEmail",
    gcp("dataflow/flexTemplateJob"): "serviceAccountEmail",
    gcp("dataproc/cluster"): "clusterConfig.gceClusterConfig.serviceAccount",
    gcp("dataproc/batch"): "environmentConfig.executionConfig.serviceAccount",
    gcp("composer/environment"): "config.nodeConfig.serviceAccount",
    gcp("notebooks/instance"): "serviceAccount",
    gcp("workstations/workstationConfig"): "host.gceInstance.serviceAccount",
    gcp("eventarc/trigger"): "serviceAccount",
    gcp("datafusion/instance"): "dataprocServiceAccount",
}
_POOLS: Final = gcp("clouddeploy/target")
_WORKBENCH: Final = gcp("workbench/instance")
_TYPES: Final = (*_PATHS, _POOLS, _WORKBENCH)


def _places(resource: Resource) -> list[tuple[View, str]]:
    """Where the resource names accounts; a list that is left out counts as one place without a name."""
    if resource.type == _POOLS:
        blocks, path = resource.views("executionConfigs"), "serviceAccount"
    elif resource.type == _WORKBENCH:
        blocks, path = resource.views("gceSetup.serviceAccounts"), "email"
    else:
        return [(resource, _PATHS[resource.type])]
    return [(block, path) for block in blocks] or [
        (resource, "executionConfigs" if resource.type == _POOLS else "gceSetup.serviceAccounts")
    ]


@rule(
    id="service-own-account",
    clause="ACC-5",
    title="Workflows, pipelines, notebooks and deployments run as service accounts of their own",
    severity="medium",
    types=_TYPES,
    decides=("serviceAccount",),
    graph=True,
    provenance=True,
    fix="service_account=app_account.email",
    sources=("https://cloud.google.com/iam/docs/service-account-types#default",),
    traps=(22,),
    good=(
        (
            Sample("workflows/workflow", {"serviceAccount": OWN_EMAIL}, depends={"serviceAccount": ("account",)}),
            ACCOUNT_SAMPLE,
        ),
        Sample("dataproc/cluster", {"clusterConfig": {"gceClusterConfig": {"serviceAccount": OWN_EMAIL}}}),
        Sample(_POOLS, {"executionConfigs": [{"usages": ["RENDER", "DEPLOY"], "serviceAccount": OWN_EMAIL}]}),
        Sample(_WORKBENCH, {"gceSetup": {"serviceAccounts": [{"email": OWN_EMAIL}]}}),
    ),
    bad=(
        {"region": "europe-west1"},
        {"serviceAccount": DEFAULT_EMAIL},
        Sample("dataflow/job", {"serviceAccountEmail": DEFAULT_EMAIL}),
        Sample("composer/environment", {"config": {"nodeConfig": {}}}),
        Sample(_POOLS, {"name": "prod"}),
        Sample(_POOLS, {"executionConfigs": [{"serviceAccount": OWN_EMAIL}, {"usages": ["VERIFY"]}]}),
        Sample(_WORKBENCH, {"gceSetup": {"serviceAccounts": [{"email": DEFAULT_EMAIL}]}}),
    ),
)
def service_own_account(resource: Resource) -> Iterator[Finding]:
    """What names no account runs as Compute Engine's default one, which everything else without a name runs as too, and
    which old organizations made an editor of the project."""
    places = _places(resource)
    yield from each([view for view, _ in places], lambda view: own_account(view, dict(places)[view], who="what runs"))
