"""Networks and subnets are our own, private, and reach Google's services without the internet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import boolean, one_of
from policies.rules._firewalls import FIREWALL
from policies.rules._networks import NETWORK, SUBNET, not_for_machines, related

PROJECT: Final = gcp("organizations/project")
_ASSOCIATIONS: Final = (
    gcp("compute/networkFirewallPolicyAssociation"),
    gcp("compute/regionNetworkFirewallPolicyAssociation"),
)
_VPC_DOCS: Final = ("https://cloud.google.com/vpc/docs/vpc",)
_MODE: Final = "autoCreateSubnetworks"
_APP: Final[dict[str, Any]] = {"name": "app", "autoCreateSubnetworks": False}

boolean(
    {PROJECT: "autoCreateNetwork"},
    want=False,
    missing="is not set: the project is born with the default network",
    base={"projectId": "example-prod-workload"},
    id="project-no-default-network",
    clause="HOS-1",
    title="Projects are made without the default network",
    severity="medium",
    why="The default network spans every region and opens SSH and RDP to the world. Made unless it is refused.",
    fix="auto_create_network=False",
    references=(
        "checkov:CKV_GCP_27",
        "trivy:GCP-0010",
        "kics:google_project_auto_create_network_disabled",
        "prowler:compute_network_default_in_use",
        "cis-gcp:3.1",
        "terrascan:AC_GCP_0010",
    ),
    sources=_VPC_DOCS,
    traps=(47,),
)


@rule(
    id="network-not-default",
    clause="HOS-1",
    title="No network is the default network",
    severity="medium",
    types=(NETWORK,),
    decides=("name",),
    absent="pass",
    fix='name="app"',
    references=("prowler:compute_network_default_in_use", "cis-gcp:3.1"),
    sources=_VPC_DOCS,
    traps=(47,),
    good=({"name": "app"},),
    bad=({"name": "default"}, {"name": "DEFAULT"}),
)
def network_not_default(network: Resource) -> Iterator[Finding]:
    """Adopting the default network keeps its subnets in every region and its open rules."""
    if (network.text("name") or "").lower() == "default":
        yield fail(network, "name", "is the default network")


boolean(
    {NETWORK: _MODE},
    want=False,
    absent="pass",
    id="network-custom-mode",
    clause="HOS-1",
    title="Networks make no subnets by themselves",
    severity="medium",
    why="An auto-mode network (and a legacy one before it) reaches into every region with ranges that nobody planned.",
    fix="auto_create_subnetworks=False",
    references=(
        "datadog:legacy_networks_exist_for_project",
        "prowler:compute_network_not_legacy",
        "cis-gcp:3.2",
    ),
    sources=("https://cloud.google.com/vpc/docs/legacy",),
)


@rule(
    id="network-mode-explicit",
    clause="HOS-1",
    title="Networks say whether they make subnets by themselves",
    severity="low",
    types=(NETWORK,),
    decides=(_MODE,),
    fix="auto_create_subnetworks=False",
    sources=_VPC_DOCS,
    good=({"autoCreateSubnetworks": False},),
    bad=({"name": "app"},),
)
def network_mode_explicit(network: Resource) -> Iterator[Finding]:
    """Left out, the provider's default is an auto-mode network."""
    if network.get(_MODE) is None:
        yield fail(network, _MODE, "is not set: the network takes a subnet in every region")


_BORN: Final = Sample(PROJECT, {"projectId": "p"}, name="project")


@rule(
    id="network-custom-mode-from-birth",
    clause="HOS-1",
    title="Networks of projects that the stack makes are of custom mode from the start",
    severity="low",
    types=(NETWORK,),
    scope="stack",
    level="advisory",
    fix="auto_create_subnetworks=False",
    references=("kics:legacy_networks_do_not_exist_for_older_google_projects",),
    sources=_VPC_DOCS,
    good=((Sample(NETWORK, {**_APP, "project": "p"}), _BORN), (Sample(NETWORK, {**_APP}), _BORN)),
    bad=(
        (Sample(NETWORK, {"name": "app", "project": "p"}), _BORN),
        (Sample(NETWORK, {"name": "app", "autoCreateSubnetworks": True}), _BORN),
    ),
    not_applicable=((Sample(NETWORK, {"name": "app"}),),),
)
def custom_mode_from_birth(graph: Graph) -> Iterator[Finding]:
    """A new project has no excuse: nothing has to be moved. A network that names no project is the new one's."""
    projects = graph.of(PROJECT)
    if not projects:
        yield skip("the stack makes no projects")
        return
    found = [related(project, NETWORK, "project") for project in projects]
    own, possible = ([network for group in found for network in group[n]] for n in (0, 1))
    for network in graph.of(NETWORK):
        if network.get(_MODE) is not None and not network.flag(_MODE):
            continue
        if network in own or not network.has("project"):
            yield fail(network, _MODE, f"is {network.show(_MODE)}: the network takes a subnet in every region")
        elif network in possible:
            yield unsure(network, "project")


@rule(
    id="project-networks-custom-mode",
    clause="HOS-1",
    title="Projects hold no network that makes subnets by itself",
    severity="medium",
    types=(PROJECT,),
    scope="stack",
    level="advisory",
    fix="auto_create_subnetworks=False on the network",
    references=("checkov:CKV2_GCP_2",),
    sources=("https://cloud.google.com/vpc/docs/legacy",),
    good=(
        (
            Sample(NETWORK, {**_APP, "project": "p"}, depends={"project": ("project",)}),
            Sample(PROJECT, {"projectId": "p"}, name="project"),
        ),
    ),
    bad=(
        (
            Sample(NETWORK, {"autoCreateSubnetworks": True, "project": "p"}, depends={"project": ("project",)}),
            Sample(PROJECT, {"projectId": "p"}, name="project"),
        ),
    ),
)
def project_networks_custom_mode(graph: Graph) -> Iterator[Finding]:
    """The same as for the network, said about the project, for whoever asks which projects are affected."""
    for project in graph.of(PROJECT):
        sure, possible = related(project, NETWORK, "project")
        for network in [*sure, *possible]:
            if not network.known(_MODE) or (network in possible and network.flag(_MODE)):
                yield unsure(project, "", f"cannot be told: its network {network.name} is not known yet")
            elif network.flag(_MODE):
                yield fail(project, "", f"its network {network.name} is of auto mode")


@rule(
    id="network-has-firewall",
    clause="HOS-2",
    title="Networks have firewall rules of their own",
    severity="low",
    types=(NETWORK,),
    scope="stack",
    fix="gcp.compute.Firewall(network=network.id, ...) that denies and logs what is not needed",
    references=("checkov:CKV2_GCP_18",),
    sources=("https://cloud.google.com/firewall/docs/firewalls#default_firewall_rules",),
    good=(
        (
            Sample(NETWORK, _APP, name="network"),
            Sample(FIREWALL, {"network": "app"}, name="rule", depends={"network": ("network",)}),
        ),
        (
            Sample(NETWORK, _APP, name="network"),
            Sample(_ASSOCIATIONS[0], {"attachmentTarget": "app"}, depends={"attachmentTarget": ("network",)}),
        ),
        (Sample(SUBNET, {"name": "app"}),),
    ),
    bad=((Sample(NETWORK, _APP),),),
)
def network_has_firewall(graph: Graph) -> Iterator[Finding]:
    """Without rules of its own a network lets everything out, and nobody sees what was tried."""
    for network in graph.of(NETWORK):
        places = [related(network, FIREWALL, "network")]
        places += [related(network, kind, "attachmentTarget") for kind in _ASSOCIATIONS]
        if any(sure for sure, _ in places):
            continue
        if any(possible for _, possible in places):
            yield unsure(network, "", "may have firewall rules: their networks are not known yet")
        else:
            yield fail(network, "", "has no firewall rule and no firewall policy in this stack")


_PGA: Final = "privateIpGoogleAccess"

boolean(
    {SUBNET: _PGA},
    missing="is not set: machines without public addresses cannot reach Google's services",
    guard=not_for_machines,
    base={"ipCidrRange": "10.0.0.0/24"},
    id="subnet-private-google-access",
    clause="HOS-1",
    title="Subnets reach Google's services privately",
    severity="low",
    why="Otherwise machines get public addresses, or a way to the whole internet, only to reach Google's services.",
    fix="private_ip_google_access=True",
    references=(
        "checkov:CKV_GCP_74",
        "trivy:GCP-0075",
        "kics:google_compute_subnetwork_with_private_google_access_disabled",
    ),
    sources=("https://cloud.google.com/vpc/docs/private-google-access",),
    not_applicable=({"purpose": "REGIONAL_MANAGED_PROXY"}, {"purpose": "PRIVATE_SERVICE_CONNECT"}),
)


def _no_ipv6(subnet: Resource) -> str | None:
    stack = subnet.upper("stackType") or "IPV4_ONLY"
    return not_for_machines(subnet) or ("speaks IPv4 only" if "IPV6" not in stack else None)


one_of(
    {SUBNET: "privateIpv6GoogleAccess"},
    allowed=("ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE", "ENABLE_BIDIRECTIONAL_ACCESS_TO_GOOGLE"),
    others=("DISABLE_GOOGLE_ACCESS",),
    guard=_no_ipv6,
    base={"stackType": "IPV4_IPV6"},
    id="subnet-private-google-access-ipv6",
    clause="HOS-1",
    title="Subnets with IPv6 reach Google's services privately over IPv6 too",
    severity="low",
    why="A dual-stack machine prefers IPv6, and would leave the private path with it.",
    fix='private_ipv6_google_access="ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE"',
    references=("checkov:CKV_GCP_76",),
    sources=("https://cloud.google.com/vpc/docs/private-google-access",),
    not_applicable=({"stackType": "IPV4_ONLY"}, {}, {"stackType": "IPV4_IPV6", "purpose": "GLOBAL_MANAGED_PROXY"}),
)

one_of(
    {SUBNET: "ipv6AccessType"},
    allowed=("INTERNAL",),
    others=("EXTERNAL",),
    absent="pass",
    id="subnet-no-public-ipv6",
    clause="HOS-2",
    title="Subnets hand out no public IPv6 addresses",
    severity="medium",
    why="External IPv6 gives every machine of the subnet an address that the internet can reach.",
    fix='ipv6_access_type="INTERNAL"',
    sources=("https://cloud.google.com/vpc/docs/subnets#ipv6-ranges",),
)

one_of(
    {gcp("compute/serviceAttachment"): "connectionPreference"},
    allowed=("ACCEPT_MANUAL",),
    others=("ACCEPT_AUTOMATIC",),
    id="service-attachment-manual",
    clause="HOS-2",
    title="Published services accept consumers by name",
    severity="medium",
    why="Automatic acceptance lets every project in the world connect to the service.",
    fix='connection_preference="ACCEPT_MANUAL", consumer_accept_lists=[...]',
    references=("terrascan:AC_GCP_0296",),
    sources=("https://cloud.google.com/vpc/docs/manage-security-private-service-connect-producers",),
)


@rule(
    id="service-attachment-consumers",
    clause="HOS-2",
    title="Published services name their consumers",
    severity="low",
    types=(gcp("compute/serviceAttachment"),),
    decides=("consumerAcceptLists",),
    fix='consumer_accept_lists=[{"project_id_or_num": "example-prod-workload", "connection_limit": 10}]',
    sources=("https://cloud.google.com/vpc/docs/manage-security-private-service-connect-producers",),
    good=({"connectionPreference": "ACCEPT_MANUAL", "consumerAcceptLists": [{"projectIdOrNum": "p"}]},),
    bad=({"connectionPreference": "ACCEPT_MANUAL"},),
)
def consumers(attachment: Resource) -> Iterator[Finding]:
    """A manual attachment without a list serves nobody, and the list gets filled past the code."""
    if attachment.upper("connectionPreference") == "ACCEPT_MANUAL" and not attachment.items("consumerAcceptLists"):
        yield fail(attachment, "consumerAcceptLists", "is empty")


boolean(
    {gcp("projects/service"): "disableDependentServices"},
    want=False,
    absent="pass",
    base={"service": "run.googleapis.com"},
    id="service-keeps-dependents",
    clause="CHG-5",
    title="Switching an API off never switches others off",
    severity="medium",
    why="With it, removing one line of code disables every API that depends on this one, and what runs on them.",
    fix="disable_dependent_services=False",
    sources=("https://cloud.google.com/service-usage/docs/enable-disable",),
    traps=(46,),
)
