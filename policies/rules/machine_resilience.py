"""Virtual machines and their groups: they come back by themselves and cannot be deleted in passing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules._facts import boolean
from policies.rules._machines import (
    FROM_IMAGE,
    FROM_TEMPLATE,
    INSTANCE,
    MACHINES,
    REGION_TEMPLATE,
    TEMPLATE,
    inherited,
)

ZONAL_GROUP: Final = gcp("compute/instanceGroupManager")
REGIONAL_GROUP: Final = gcp("compute/regionInstanceGroupManager")
_BACKENDS: Final = (gcp("compute/backendService"), gcp("compute/regionBackendService"))
_TARGET_POOL: Final = gcp("compute/targetPool")
_SCHEDULING_DOCS: Final = ("https://cloud.google.com/compute/docs/instances/setting-vm-host-options",)


def _spot(machine: Resource) -> bool:
    return machine.flag("scheduling.preemptible") or machine.upper("scheduling.provisioningModel") == "SPOT"


boolean(
    dict.fromkeys(MACHINES, "scheduling.automaticRestart"),
    absent="pass",
    guard=lambda machine: "is preemptible, which another rule judges" if _spot(machine) else None,
    id="vm-restarts",
    clause="MON-5",
    title="Virtual machines restart by themselves after a crash",
    severity="low",
    why="A machine that stays down after its host failed is an outage that waits for a person. On by default.",
    fix='scheduling={"automatic_restart": True}',
    references=("prowler:compute_instance_automatic_restart_enabled",),
    sources=_SCHEDULING_DOCS,
    not_applicable=({"scheduling": {"preemptible": True, "automaticRestart": False}},),
)


@rule(
    id="vm-migrates",
    clause="MON-5",
    title="Virtual machines move to another host during maintenance",
    severity="low",
    types=MACHINES,
    decides=("scheduling.onHostMaintenance",),
    absent="pass",
    fix='scheduling={"on_host_maintenance": "MIGRATE"}',
    references=("prowler:compute_instance_on_host_maintenance_migrate",),
    sources=_SCHEDULING_DOCS,
    good=({"scheduling": {"onHostMaintenance": "MIGRATE"}}, {}),
    bad=({"scheduling": {"onHostMaintenance": "TERMINATE"}}, {"scheduling": {"onHostMaintenance": "terminate"}}),
    not_applicable=(
        {"scheduling": {"onHostMaintenance": "TERMINATE", "provisioningModel": "SPOT"}},
        {"scheduling": {"onHostMaintenance": "TERMINATE"}, "guestAccelerators": [{"type": "nvidia-l4", "count": 1}]},
    ),
)
def migrates(machine: Resource) -> Iterator[Finding]:
    """Maintenance of Google's hosts then stops nothing. The default; machines with accelerators cannot migrate."""
    if machine.upper("scheduling.onHostMaintenance", "MIGRATE") == "MIGRATE":
        return
    if _spot(machine):
        yield skip("is preemptible, which another rule judges")
    elif machine.has("guestAccelerators"):
        yield skip("machines with accelerators cannot migrate")
    else:
        yield fail(machine, "scheduling.onHostMaintenance", f"is {machine.show('scheduling.onHostMaintenance')}")


@rule(
    id="vm-not-preemptible",
    clause="MON-5",
    title="Virtual machines cannot be taken away at any moment",
    severity="low",
    types=MACHINES,
    decides=("scheduling.preemptible",),
    absent="pass",
    fix='scheduling={"preemptible": False, "provisioning_model": "STANDARD"}',
    references=("prowler:compute_instance_preemptible_vm_disabled",),
    sources=("https://cloud.google.com/compute/docs/instances/spot",),
    good=({"scheduling": {"preemptible": False}}, {"scheduling": {"provisioningModel": "STANDARD"}}, {}),
    bad=({"scheduling": {"preemptible": True}}, {"scheduling": {"provisioningModel": "spot"}}),
)
def not_preemptible(machine: Resource) -> Iterator[Finding]:
    """Spot machines end with half a minute's notice: right for batch work, wrong for a service."""
    if _spot(machine):
        yield fail(machine, "scheduling", "makes the machine preemptible")


boolean(
    {INSTANCE: "deletionProtection", FROM_TEMPLATE: "deletionProtection", FROM_IMAGE: "deletionProtection"},
    guard=inherited("deletionProtection"),
    id="vm-deletion-protected",
    clause="BAK-5",
    title="Virtual machines are protected from deletion",
    severity="low",
    why="A machine with state of its own is gone with its disks when somebody deletes it by mistake. Off by default.",
    fix="deletion_protection=True",
    references=("prowler:compute_instance_deletion_protection_enabled",),
    sources=("https://cloud.google.com/compute/docs/instances/preventing-accidental-vm-deletion",),
    not_applicable=(Sample(FROM_TEMPLATE, {}),),
)


@rule(
    id="vm-keeps-disks",
    clause="BAK-5",
    title="Disks survive the deletion of their virtual machine",
    severity="low",
    level="advisory",
    types=MACHINES,
    decides=("bootDisk.autoDelete",),
    fix='boot_disk={"auto_delete": False, ...}',
    references=("prowler:compute_instance_disk_auto_delete_disabled",),
    sources=("https://cloud.google.com/compute/docs/disks/modify-persistent-disk#updateautodelete",),
    good=(
        {"bootDisk": {"autoDelete": False}},
        Sample(TEMPLATE, {"disks": [{"autoDelete": False}, {"type": "SCRATCH", "autoDelete": True}]}),
    ),
    bad=(
        {"bootDisk": {"autoDelete": True}},
        {"bootDisk": {"initializeParams": {"image": "debian-cloud/debian-12"}}},
        Sample(REGION_TEMPLATE, {"disks": [{"sourceImage": "debian-cloud/debian-12"}]}),
    ),
    not_applicable=(Sample(FROM_TEMPLATE, {}),),
)
def keeps_disks(machine: Resource) -> Iterator[Finding]:
    """Disks are deleted together with the machine unless they are told to stay."""
    if reason := inherited("bootDisk", "disks")(machine):
        yield skip(reason)
        return
    yield from each([*machine.views("bootDisk"), *machine.views("disks")], _auto_delete)


def _auto_delete(disk: View) -> Iterator[Finding]:
    if disk.upper("type") != "SCRATCH" and disk.flag("autoDelete", True):
        yield fail(disk, "autoDelete", "lets the disk go with the machine")


@rule(
    id="vm-single-interface",
    clause="HOS-1",
    title="Virtual machines stand in one network only",
    severity="low",
    level="advisory",
    types=MACHINES,
    decides=("networkInterfaces",),
    absent="pass",
    fix="network_interfaces with one element",
    references=("prowler:compute_instance_single_network_interface",),
    sources=("https://cloud.google.com/vpc/docs/multiple-interfaces-concepts",),
    good=({"networkInterfaces": [{"subnetwork": "app"}]},),
    bad=({"networkInterfaces": [{"subnetwork": "app"}, {"subnetwork": "data"}]},),
)
def single_interface(machine: Resource) -> Iterator[Finding]:
    """A machine with two legs is a path past the firewalls between the networks."""
    count = len(machine.items("networkInterfaces"))
    if count > 1:
        yield fail(machine, "networkInterfaces", f"are {count}: the machine joins networks past their firewalls")


@rule(
    id="group-heals",
    clause="MON-5",
    title="Groups of machines replace members that fail their health check",
    severity="low",
    types=(REGIONAL_GROUP, ZONAL_GROUP),
    decides=("autoHealingPolicies.healthCheck",),
    fix='auto_healing_policies={"health_check": check.id, "initial_delay_sec": 300}',
    references=("prowler:compute_instance_group_autohealing_enabled",),
    sources=("https://cloud.google.com/compute/docs/instance-groups/autohealing-instances-in-migs",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(
                REGIONAL_GROUP,
                {"autoHealingPolicies": {"healthCheck": "app", "initialDelaySec": 300}},
                depends={"autoHealingPolicies": ("check",)},
            ),
            Sample("compute/healthCheck", {"name": "app"}, name="check"),
        ),
    ),
    bad=({}, Sample(ZONAL_GROUP, {"targetSize": 2})),
)
def group_heals(group: Resource) -> Iterator[Finding]:
    """A member that runs but does not answer takes its share of the traffic until somebody notices."""
    path = "autoHealingPolicies.healthCheck"
    if not group.has(path):
        yield fail(group, path, "is not set: broken members stay")
    elif not group.known(path) and not (group.graph and group.graph.sources(group, path)):
        yield unsure(group, path)


@rule(
    id="group-spans-zones",
    clause="MON-5",
    title="Groups of machines spread over several zones",
    severity="low",
    types=(REGIONAL_GROUP, ZONAL_GROUP),
    decides=("distributionPolicyZones",),
    absent="pass",
    fix='gcp.compute.RegionInstanceGroupManager with distribution_policy_zones=["europe-west1-b", "europe-west1-c"]',
    references=("prowler:compute_instance_group_multiple_zones",),
    sources=("https://cloud.google.com/compute/docs/instance-groups/regional-migs",),
    good=({"distributionPolicyZones": ["europe-west1-b", "europe-west1-c"]}, {"region": "europe-west1"}),
    bad=({"distributionPolicyZones": ["europe-west1-b"]}, Sample(ZONAL_GROUP, {"zone": "europe-west1-b"})),
)
def group_spans_zones(group: Resource) -> Iterator[Finding]:
    """A zone fails as a whole. Regional groups take three zones of the region by default."""
    if group.type == ZONAL_GROUP:
        yield fail(group, "zone", "puts all members into one zone")
        return
    zones = group.items("distributionPolicyZones")
    if len(zones) == 1:
        yield fail(group, "distributionPolicyZones", "names one zone only")


@rule(
    id="group-behind-load-balancer",
    clause="MON-5",
    title="Groups of machines are reached through a load balancer",
    severity="low",
    level="advisory",
    types=(REGIONAL_GROUP, ZONAL_GROUP),
    decides=("targetPools",),
    fix='gcp.compute.BackendService(backends=[{"group": group.instance_group}])',
    references=("prowler:compute_instance_group_load_balancer_attached",),
    sources=("https://cloud.google.com/compute/docs/instance-groups/adding-an-instance-group-to-a-load-balancer",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(REGIONAL_GROUP, {"targetPools": ["pool"]}, depends={"targetPools": ("pool",)}),
            Sample(_TARGET_POOL, {"name": "pool"}, name="pool"),
        ),
        (
            Sample(REGIONAL_GROUP, {"name": "app"}, name="group"),
            Sample(_BACKENDS[0], {"backends": [{}]}, name="backend", depends={"backends": ("group",)}),
        ),
    ),
    bad=((Sample(REGIONAL_GROUP, {"name": "app"}, name="group"), Sample(_BACKENDS[1], {"name": "b"}, name="backend")),),
    not_applicable=({},),
)
def group_behind_load_balancer(group: Resource) -> Iterator[Finding]:
    """Without one, clients know the members' addresses and a failed member is their problem.

    Judged only where the stack declares load balancers or target pools.
    """
    graph = group.graph
    if graph is None or not graph.of(*_BACKENDS, _TARGET_POOL):
        yield skip("the stack declares no load balancer")
    elif not any(d.type in _BACKENDS for d in graph.dependents(group)):
        if not group.has("targetPools"):
            yield fail(group, "", "belongs to no backend service or target pool")
        elif not group.known("targetPools") and not graph.sources(group, "targetPools", _TARGET_POOL):
            yield unsure(group, "targetPools")
