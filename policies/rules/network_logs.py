"""Networks log: flows, names asked for, and addresses translated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._facts import boolean
from policies.rules._networks import NETWORK, SUBNET, not_for_machines

DNS_POLICY: Final = gcp("dns/policy")
NAT: Final = gcp("compute/routerNat")
_FLOW_DOCS: Final = ("https://cloud.google.com/vpc/docs/flow-logs",)


@rule(
    id="subnet-flow-logs",
    clause="LOG-5",
    title="Subnets log their flows",
    severity="medium",
    types=(SUBNET,),
    decides=("logConfig",),
    fix='log_config={"aggregation_interval": "INTERVAL_5_SEC", "flow_sampling": 1.0}',
    references=(
        "checkov:CKV_GCP_26",
        "trivy:GCP-0029",
        "trivy:GCP-0076",
        "kics:google_compute_subnetwork_logging_disabled",
        "prowler:compute_subnet_flow_logs_enabled",
        "cis-gcp:3.8",
        "terrascan:AC_GCP_0033",
    ),
    sources=_FLOW_DOCS,
    good=({"logConfig": {"flowSampling": 0.5}}, {"logConfig": {}, "purpose": "PRIVATE"}),
    bad=({}, {"purpose": "PRIVATE"}, {"purpose": "PRIVATE_RFC_1918"}),
    not_applicable=({"purpose": "REGIONAL_MANAGED_PROXY"}, {"purpose": "internal_https_load_balancer"}),
)
def flow_logs(subnet: Resource) -> Iterator[Finding]:
    """Flow logs tell after an incident who talked to whom. Off by default; subnets for proxies cannot have them."""
    if reason := not_for_machines(subnet):
        yield skip(reason)
    elif subnet.get("logConfig") is None:
        yield fail(subnet, "logConfig", "is not set: flows are not logged")


@rule(
    id="subnet-flow-logs-sampling",
    clause="LOG-5",
    title="Flow logs hold enough of the traffic, with its metadata",
    severity="low",
    types=(SUBNET,),
    decides=("logConfig.flowSampling",),
    absent="pass",
    params={"min_sampling": 0.5},
    fix='log_config={"flow_sampling": 1.0, "metadata": "INCLUDE_ALL_METADATA"}',
    sources=_FLOW_DOCS,
    good=({"logConfig": {"flowSampling": 1}}, {"logConfig": {"flowSampling": "0.5"}}),
    bad=(
        {"logConfig": {"flowSampling": 0}},
        {"logConfig": {"flowSampling": 0.1}},
        {"logConfig": {"metadata": "EXCLUDE_ALL_METADATA"}},
    ),
    not_applicable=({}, {"logConfig": {"flowSampling": 0}, "purpose": "PRIVATE_NAT"}),
)
def flow_sampling(subnet: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A sampling of 0 is logging in name only. The provider's default is one half, with all metadata."""
    reason = not_for_machines(subnet) or ("has no flow logs" if subnet.get("logConfig") is None else None)
    if reason:
        yield skip(reason)
        return
    sampling = subnet.number("logConfig.flowSampling")
    if sampling is not None and sampling < float(params["min_sampling"]):
        yield fail(subnet, "logConfig.flowSampling", f"is {sampling:g}, less than {params['min_sampling']}")
    if subnet.upper("logConfig.metadata") == "EXCLUDE_ALL_METADATA":
        yield fail(subnet, "logConfig.metadata", "leaves out whose machines talked")


boolean(
    {DNS_POLICY: "enableLogging"},
    missing="is not set: queries are not logged",
    base={"networks": [{"networkUrl": "app"}]},
    id="dns-policy-logs",
    clause="LOG-5",
    title="DNS policies log the names that machines ask for",
    severity="medium",
    why="Malware calls home by name; the query is often its only trace. Off by default.",
    fix="enable_logging=True",
    references=(
        "kics:google_dns_policy_logging_disabled",
        "prowler:compute_network_dns_logging_enabled",
        "cis-gcp:2.12",
    ),
    sources=("https://cloud.google.com/dns/docs/monitoring",),
)


def _network(name: str) -> Sample:
    return Sample(NETWORK, {"name": name}, name=name)


def _policy(*networks: str, logs: bool = True) -> Sample:
    urls = [{"networkUrl": n} for n in networks]
    return Sample(DNS_POLICY, {"enableLogging": logs, "networks": urls}, name="policy", depends={"networks": networks})


@rule(
    id="network-dns-logs",
    clause="LOG-5",
    title="Every network logs its DNS queries",
    severity="medium",
    types=(NETWORK,),
    scope="stack",
    fix='gcp.dns.Policy(enable_logging=True, networks=[{"network_url": network.id}])',
    references=("prowler:compute_network_dns_logging_enabled", "cis-gcp:2.12"),
    sources=("https://cloud.google.com/dns/docs/monitoring",),
    good=((_network("app"), _policy("app")), (_network("app"), _network("data"), _policy("app", "data"))),
    bad=(
        (_network("app"), _network("data"), _policy("data")),
        (_network("app"), _policy("app", logs=False)),
        (_network("app"), Sample("hosting:network:Network", {}, name="ours")),
    ),
    not_applicable=((_network("app"),),),
)
def network_dns_logs(graph: Graph) -> Iterator[Finding]:
    """One network without a logging policy is where the queries go unseen.

    Judged where the stack declares DNS policies or is built of our components.
    """
    policies = graph.of(DNS_POLICY)
    networks = graph.of(NETWORK)
    if networks and not policies and not any(t.startswith("hosting:") for t in graph.types):
        yield skip("the stack declares no DNS policy")
        return
    logged: set[str] = set()
    possible: set[str] = set()
    for policy in policies:
        urns, loose = _covered(policy, graph)
        on = policy.flag("enableLogging") if policy.known("enableLogging") else None
        if on:
            logged |= urns
        if on is not False:
            possible |= {n.urn for n in networks} if loose else urns
    for network in networks:
        if network.urn in logged:
            continue
        if network.urn in possible or (policies and not network.known("name")):
            yield unsure(network, "", "may be logged: a DNS policy is not known yet")
        else:
            yield fail(network, "", "has no DNS policy that logs its queries")


def _covered(policy: Resource, graph: Graph) -> tuple[set[str], bool]:
    """The networks that a DNS policy covers, and whether it may cover others: not known yet, and from nowhere."""
    if not policy.known("networks"):
        urns = set(graph.sources(policy, "networks", NETWORK))
        return urns, not urns
    views = policy.views("networks")
    found = [graph.sources(view, "networkUrl", NETWORK) for view in views]
    loose = any(not urns and not view.known("networkUrl") for view, urns in zip(views, found, strict=True))
    return {urn for urns in found for urn in urns}, loose


boolean(
    {NAT: "logConfig.enable"},
    missing="is not set: translations are not logged",
    id="nat-logs",
    clause="LOG-5",
    title="Cloud NAT logs which machine used which address",
    severity="low",
    why="A complaint names our public address; only this log tells which machine stood behind it. Off by default.",
    fix='log_config={"enable": True, "filter": "ALL"}',
    sources=("https://cloud.google.com/nat/docs/monitoring",),
)
