"""Virtual machines: shielded, confidential, and out of the internet's reach."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, skip
from policies.rules._facts import boolean
from policies.rules._machines import (
    FROM_TEMPLATE,
    MACHINES,
    inherited,
    made_by_gke,
)

boolean(
    dict.fromkeys(MACHINES, "canIpForward"),
    want=False,
    absent="pass",
    guard=lambda machine: made_by_gke(machine) or inherited("canIpForward")(machine),
    id="vm-no-ip-forwarding",
    clause="HOS-4",
    title="Virtual machines do not forward other machines' packets",
    severity="medium",
    why="A forwarding machine can spoof addresses and carry data around the firewalls. Off by default.",
    fix="can_ip_forward=False",
    references=(
        "checkov:CKV_GCP_36",
        "trivy:GCP-0043",
        "kics:ip_forwarding_enabled",
        "prowler:compute_instance_ip_forwarding_is_enabled",
        "cis-gcp:4.6",
        "terrascan:AC_GCP_0232",
    ),
    sources=("https://cloud.google.com/vpc/docs/using-routes#canipforward",),
    bad=tuple(Sample(t, {"canIpForward": True}) for t in MACHINES),
    not_applicable=({"name": "gke-node-1", "canIpForward": True}, Sample(FROM_TEMPLATE, {})),
)


@rule(
    id="vm-no-public-address",
    clause="HOS-2",
    title="Virtual machines have no public address",
    severity="high",
    types=MACHINES,
    decides=("networkInterfaces[0].accessConfigs",),
    absent="pass",
    fix='network_interfaces=[{"subnetwork": subnet.id}]  # without access_configs',
    references=(
        "checkov:CKV_GCP_40",
        "trivy:GCP-0031",
        "prowler:compute_instance_public_ip",
        "cis-gcp:4.9",
    ),
    sources=("https://cloud.google.com/compute/docs/ip-addresses#externaladdresses",),
    good=({"networkInterfaces": [{"subnetwork": "app", "accessConfigs": []}]}, {"networkInterfaces": [{}]}),
    bad=(
        *(Sample(t, {"networkInterfaces": [{"subnetwork": "app", "accessConfigs": [{}]}]}) for t in MACHINES),
        {
            "networkInterfaces": [
                {"subnetwork": "app"},
                {"subnetwork": "dmz", "accessConfigs": [{"natIp": "203.0.113.9"}]},
            ]
        },
        {"networkInterfaces": [{"subnetwork": "app", "ipv6AccessConfigs": [{"networkTier": "PREMIUM"}]}]},
    ),
    not_applicable=(Sample(FROM_TEMPLATE, {}),),
)
def no_public_address(machine: Resource) -> Iterator[Finding]:
    """An access configuration, also an empty one, gives the machine an address that the internet can reach.

    Load balancers publish services, Identity-Aware Proxy admits people, Cloud NAT lets machines out.
    """
    if reason := inherited("networkInterfaces")(machine):
        yield skip(reason)
        return
    for path in ("accessConfigs", "ipv6AccessConfigs"):
        yield from each(machine.views("networkInterfaces"), partial(_address, path))


def _address(path: str, interface: View) -> Iterator[Finding]:
    if interface.items(path):
        yield fail(interface, path, "gives the machine a public address")


@rule(
    id="vm-not-on-default-network",
    clause="HOS-1",
    title="Virtual machines do not stand in the default network",
    severity="medium",
    types=MACHINES,
    decides=("networkInterfaces[0].network",),
    absent="pass",
    fix='network_interfaces=[{"subnetwork": subnet.id}]',
    sources=("https://cloud.google.com/vpc/docs/vpc#default-network",),
    good=({"networkInterfaces": [{"network": "app"}]}, {"networkInterfaces": [{"subnetwork": "app"}]}),
    bad=(
        {"networkInterfaces": [{"network": "default"}]},
        {"networkInterfaces": [{"network": "projects/example-prod-workload/global/networks/default"}]},
    ),
)
def not_on_default_network(machine: Resource) -> Iterator[Finding]:
    """The default network spans all regions and opens SSH and RDP to the world."""
    yield from each(machine.views("networkInterfaces"), _default_network)


def _default_network(interface: View) -> Iterator[Finding]:
    if (interface.text("network") or "").rsplit("/", 1)[-1].lower() == "default":
        yield fail(interface, "network", "is the default network")


@rule(
    id="vm-confidential",
    clause="HOS-4",
    title="Virtual machines encrypt their memory (confidential computing)",
    severity="low",
    level="advisory",
    types=MACHINES,
    decides=("confidentialInstanceConfig.enableConfidentialCompute",),
    fix='confidential_instance_config={"enable_confidential_compute": True}',
    references=("prowler:compute_instance_confidential_computing_enabled", "cis-gcp:4.11"),
    sources=("https://cloud.google.com/confidential-computing/confidential-vm/docs/confidential-vm-overview",),
    good=(
        {"confidentialInstanceConfig": {"enableConfidentialCompute": True}},
        {"confidentialInstanceConfig": {"confidentialInstanceType": "SEV_SNP"}},
    ),
    bad=({}, {"confidentialInstanceConfig": {"enableConfidentialCompute": False}}),
    not_applicable=(Sample(FROM_TEMPLATE, {}),),
)
def confidential(machine: Resource) -> Iterator[Finding]:
    """Memory in clear can be read by whoever holds the host. Off unless it is asked for."""
    block = "confidentialInstanceConfig"
    if reason := inherited(block)(machine):
        yield skip(reason)
    elif not machine.flag(f"{block}.enableConfidentialCompute") and not machine.has(
        f"{block}.confidentialInstanceType"
    ):
        yield fail(machine, f"{block}.enableConfidentialCompute", "is off: memory stands in clear on the host")


_SWITCHES: Final = ("enableSecureBoot", "enableVtpm", "enableIntegrityMonitoring")


def _shielded(switch: str, *, default: bool, **record: Any) -> None:
    path = f"shieldedInstanceConfig.{switch}"

    def check(machine: Resource) -> Iterator[Finding]:
        if reason := inherited("shieldedInstanceConfig")(machine):
            yield skip(reason)
        elif machine.raw("shieldedInstanceConfig") is None:
            yield fail(
                machine, "shieldedInstanceConfig", "is not set: the image decides whether the machine is shielded"
            )
        elif not machine.flag(path, default):
            yield fail(machine, path, f"is {machine.show(path)}")

    rule(
        types=MACHINES,
        decides=("shieldedInstanceConfig",),
        sources=("https://cloud.google.com/compute/shielded-vm/docs/shielded-vm",),
        clause="HOS-4",
        good=(
            *(Sample(t, {"shieldedInstanceConfig": {switch: True}}) for t in MACHINES),
            {"shieldedInstanceConfig": {switch: "true"}},
            *([{"shieldedInstanceConfig": {}}] if default else []),
        ),
        bad=(
            {},
            *(Sample(t, {"shieldedInstanceConfig": {switch: False}}) for t in MACHINES),
            *([] if default else [{"shieldedInstanceConfig": {}}]),
        ),
        not_applicable=(Sample(FROM_TEMPLATE, {}),),
        **record,
    )(check)


@rule(
    id="vm-shielded-explicit",
    clause="HOS-4",
    title="Virtual machines write out all three switches of a shielded machine",
    severity="low",
    level="advisory",
    types=MACHINES,
    decides=("shieldedInstanceConfig.enableVtpm",),
    fix='shielded_instance_config={"enable_secure_boot": True, "enable_vtpm": True, '
    '"enable_integrity_monitoring": True}',
    references=("kics:shielded_vm_disabled",),
    sources=("https://cloud.google.com/compute/shielded-vm/docs/shielded-vm",),
    good=({"shieldedInstanceConfig": dict.fromkeys(_SWITCHES, True)},),
    bad=({"shieldedInstanceConfig": {"enableSecureBoot": True}}, {"shieldedInstanceConfig": {}}, {}),
    not_applicable=(Sample(FROM_TEMPLATE, {}),),
)
def shielded_explicit(machine: Resource) -> Iterator[Finding]:
    """The three have different defaults; who reads the block sees what is on only where all are written out."""
    block = "shieldedInstanceConfig"
    if reason := inherited(block)(machine):
        yield skip(reason)
    elif missing := [switch for switch in _SWITCHES if machine.get(f"{block}.{switch}") is None]:
        yield fail(machine, f"{block}.{missing[0]}", "is left to the provider's default")


_shielded(
    "enableVtpm",
    default=True,
    id="vm-shielded-vtpm",
    title="Virtual machines measure their boot in a virtual TPM",
    severity="medium",
    why="Without a vTPM nothing can attest what booted. The provider turns it on in a block that leaves it out; "
    "without the block the image decides.",
    fix='shielded_instance_config={"enable_vtpm": True}',
    references=(
        "checkov:CKV_GCP_39",
        "trivy:GCP-0041",
        "kics:shielded_vm_disabled",
        "prowler:compute_instance_shielded_vm_enabled",
        "cis-gcp:4.8",
        "terrascan:AC_GCP_0035",
    ),
)

_shielded(
    "enableIntegrityMonitoring",
    default=True,
    id="vm-shielded-integrity",
    title="Virtual machines compare each boot with a known good one",
    severity="medium",
    why="A changed boot chain is a rootkit until proven otherwise; integrity monitoring is what reports it.",
    fix='shielded_instance_config={"enable_integrity_monitoring": True}',
    references=(
        "checkov:CKV_GCP_39",
        "trivy:GCP-0045",
        "kics:shielded_vm_disabled",
        "prowler:compute_instance_shielded_vm_enabled",
        "cis-gcp:4.8",
        "terrascan:AC_GCP_0035",
    ),
)

_shielded(
    "enableSecureBoot",
    default=False,
    id="vm-secure-boot",
    title="Virtual machines boot signed software only",
    severity="medium",
    why="Secure Boot refuses unsigned boot loaders and kernels. The provider leaves it off.",
    fix='shielded_instance_config={"enable_secure_boot": True}',
    references=("trivy:GCP-0067", "kics:shielded_vm_disabled"),
)
