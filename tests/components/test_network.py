"""The network: own, private, closed, logged."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from components.network import EgressRule, Network
from tests.components import parts
from tests.recording import Recording, record

FIREWALL = "gcp:compute/firewall:Firewall"
EGRESS = {"payments": EgressRule(purpose="card payments", ranges=("203.0.113.0/28", "198.51.100.7/32"), ports=(443,))}


def build(**changes: Any) -> Recording:
    """A network by itself."""
    return record(lambda: Network("private", parts.network_args(**changes)))


def test_it_is_a_network_of_our_own(production: Recording) -> None:
    """Neither the default network nor its subnets in every region."""
    network = production.one("gcp:compute/network:Network")
    assert network.inputs["name"] != "default"
    assert network.inputs["autoCreateSubnetworks"] is False


def test_it_has_no_route_to_the_internet(production: Recording) -> None:
    """A default route makes every forgotten address public."""
    assert production.one("gcp:compute/network:Network").inputs["deleteDefaultRoutesOnCreate"] is True
    routes = [ip_network(route.inputs["destRange"]) for route in production.of("gcp:compute/route:Route")]
    assert routes
    assert all(route.prefixlen >= 16 for route in routes)


def test_the_subnet_is_private_and_logs_its_flows(production: Recording) -> None:
    """HOS-1 and LOG-5; each of these is off by default."""
    subnet = production.one("gcp:compute/subnetwork:Subnetwork").inputs
    assert subnet["privateIpGoogleAccess"] is True
    assert 0 < subnet["logConfig"]["flowSampling"] <= 1
    assert subnet["logConfig"]["metadata"] == "INCLUDE_ALL_METADATA"


def test_ipv6_settings_are_written_out(production: Recording) -> None:
    """What is left out is computed, and a dual-stack subnet could have public addresses (trap 1)."""
    subnet = production.one("gcp:compute/subnetwork:Subnetwork").inputs
    assert subnet["stackType"] == "IPV4_ONLY"
    assert subnet["privateIpv6GoogleAccess"] == "ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE"
    assert production.one("gcp:compute/network:Network").inputs["enableUlaInternalIpv6"] is False


@pytest.mark.parametrize(("direction", "ranges"), [("INGRESS", "sourceRanges"), ("EGRESS", "destinationRanges")])
def test_what_no_rule_allows_is_denied_and_logged(production: Recording, direction: str, ranges: str) -> None:
    """The implied rules do not log, and the implied one for egress allows everything."""
    rule = production.one(FIREWALL, f"private-deny-{direction.lower()}").inputs
    assert rule["denies"] == [{"protocol": "all"}]
    assert rule[ranges] == ["0.0.0.0/0"]
    others = [r.inputs["priority"] for r in production.of(FIREWALL) if "allows" in r.inputs]
    assert rule["priority"] > max(others)


def test_every_firewall_rule_logs(production: Recording) -> None:
    """LOG-5."""
    for rule in production.of(FIREWALL):
        assert rule.inputs["logConfig"]["metadata"] == "INCLUDE_ALL_METADATA", rule.name
        assert rule.inputs["disabled"] is False


def test_nothing_is_let_in(production: Recording) -> None:
    """HOS-2: the load balancer reaches services without passing the network."""
    assert [
        r.name for r in production.of(FIREWALL) if "allows" in r.inputs and r.inputs["direction"] == "INGRESS"
    ] == []


def test_only_listed_destinations_and_ports_are_let_out(production: Recording) -> None:
    """Each rule names addresses and single ports."""
    allowed = {
        r.name.removeprefix("private-allow-"): (r.inputs["destinationRanges"], r.inputs["allows"])
        for r in production.of(FIREWALL)
        if "allows" in r.inputs
    }
    assert allowed == {
        "google-apis": (["199.36.153.8/30"], [{"protocol": "tcp", "ports": ["443"]}]),
        "databases": (["10.20.0.0/20"], [{"protocol": "tcp", "ports": ["3307", "5432"]}]),
        "payments": (["203.0.113.0/28"], [{"protocol": "tcp", "ports": ["443"]}]),
    }


def test_queries_are_logged_and_nobody_forwards_them_in(production: Recording) -> None:
    """CIS GCP 2.12."""
    policy = production.one("gcp:dns/policy:Policy").inputs
    assert policy["enableLogging"] is True
    assert policy["enableInboundForwarding"] is False
    assert policy["networks"] == [{"networkUrl": "projects/example-prod-workload/global/networks/private"}]


def test_names_of_google_lead_to_its_private_addresses(production: Recording) -> None:
    """Without them, private access still leaves through public addresses, which the firewall closes."""
    zones = {
        zone.inputs["dnsName"]
        for zone in production.of("gcp:dns/managedZone:ManagedZone")
        if zone.inputs["visibility"] == "private"
    }
    assert zones == {"googleapis.com.", "pkg.dev.", "run.app."}
    addresses = {
        tuple(r.inputs["rrdatas"])
        for r in production.of("gcp:dns/recordSet:RecordSet")
        if r.inputs["type"] == "A" and r.inputs["name"].endswith(tuple(zones))
    }
    assert addresses == {("199.36.153.8", "199.36.153.9", "199.36.153.10", "199.36.153.11")}


def test_the_peering_outlives_the_stack(production: Recording) -> None:
    """Google refuses to take it away while a database was there (trap list: ABANDON)."""
    peering = production.one("gcp:servicenetworking/connection:Connection").inputs
    assert peering["deletionPolicy"] == "ABANDON"
    assert peering["reservedPeeringRanges"] == ["private-services"]
    address = production.one("gcp:compute/globalAddress:GlobalAddress", "private-services").inputs
    assert (address["address"], address["prefixLength"]) == ("10.20.0.0", 20)
    assert address["purpose"] == "VPC_PEERING"


def test_without_destinations_there_is_no_way_out() -> None:
    """No router, no translation, and no route but the one to Google's interfaces."""
    closed = build()
    assert closed.of("gcp:compute/router:Router") == []
    assert closed.of("gcp:compute/routerNat:RouterNat") == []
    assert [route.inputs["destRange"] for route in closed.of("gcp:compute/route:Route")] == ["199.36.153.8/30"]


def test_the_way_out_is_logged_and_leads_to_the_destinations_only() -> None:
    """Address translation for the one subnet, and one route for each range."""
    opened = build(egress=EGRESS)
    nat = opened.one("gcp:compute/routerNat:RouterNat").inputs
    assert nat["logConfig"] == {"enable": True, "filter": "ALL"}
    assert nat["sourceSubnetworkIpRangesToNat"] == "LIST_OF_SUBNETWORKS"
    routes = {route.inputs["destRange"] for route in opened.of("gcp:compute/route:Route")}
    assert routes == {"199.36.153.8/30", "203.0.113.0/28", "198.51.100.7/32"}


@pytest.mark.parametrize(
    ("changes", "clause"),
    [
        ({"range": "10.20.4.0/22"}, "HOS-1"),
        ({"range": "8.8.8.0/24"}, "HOS-1"),
        ({"flow_log_sampling": 0.0}, "LOG-5"),
        ({"flow_log_sampling": 1.5}, "LOG-5"),
    ],
)
def test_ranges_and_shares_that_break_a_clause_are_refused(changes: dict[str, Any], clause: str) -> None:
    """Overlapping, public, or without logs."""
    with pytest.raises(ValueError, match=f"^{clause}: "):
        build(**changes)


@pytest.mark.parametrize("block", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8"])
def test_egress_to_half_the_internet_is_refused(block: str) -> None:
    """Two halves are as open as the whole (trap 3)."""
    with pytest.raises(ValueError, match=r"^HOS-1: "):
        EgressRule(purpose="anything", ranges=(block,), ports=(443,))
