"""How Cloud SQL is reached: no public address, no strangers in the list, no statements through Google's API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource, View
from policies.normalise import network, world
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules._facts import boolean, one_of
from policies.rules._ours import marked, ours
from policies.rules._sql import INSTANCE, inherits

_IP = "settings.ipConfiguration"
_NETWORKS = f"{_IP}.authorizedNetworks"
_CONNECT = "https://cloud.google.com/sql/docs/postgres/configure-private-ip"


def _with(**ip: Any) -> dict[str, Any]:
    return {"databaseVersion": "POSTGRES_17", "settings": {"tier": "db-custom-1-3840", "ipConfiguration": ip}}


def _networks(*ranges: str) -> dict[str, Any]:
    return _with(ipv4Enabled=True, authorizedNetworks=[{"name": r, "value": r} for r in ranges])


@rule(
    id="sql-not-open-to-world",
    clause="HOS-2",
    title="No database lets the whole internet in",
    severity="critical",
    waivable=False,
    types=(INSTANCE,),
    decides=(_NETWORKS,),
    absent="pass",
    fix='settings={"ip_configuration": {"ipv4_enabled": False, "private_network": network.id}}',
    references=(
        "checkov:CKV_GCP_11",
        "trivy:GCP-0017",
        "kics:sql_db_instance_is_publicly_accessible",
        "prowler:cloudsql_instance_public_access",
        "cis-gcp:6.5",
        "terrascan:AC_GCP_0295",
    ),
    sources=("https://cloud.google.com/sql/docs/postgres/authorize-networks",),
    traps=(3,),
    good=(_networks("203.0.113.7/32", "198.51.100.0/24"), _with(ipv4Enabled=False)),
    bad=(
        _networks("203.0.113.7/32", "0.0.0.0/0"),
        _networks("0.0.0.0/1", "128.0.0.0/1"),
        _networks("::/0"),
        _networks("8.0.0.0/1", "160.0.0.0/3", "192.0.0.0/3", "128.0.0.0/3"),
        _networks("0.0.0.0/32"),
    ),
)
def not_open_to_world(instance: Resource) -> Iterator[Finding]:
    """Authorized networks add up: two halves of the internet are the internet, and 0.0.0.0 alone means it too.

    Judged whether or not the instance has a public address now: the list takes effect the moment it gets one.
    """
    views = instance.views(_NETWORKS)
    values = [str(view.raw("value")).strip() for view in views if view.known("value")]
    if world("0.0.0.0/0" if _means_everyone(value) else value for value in values):
        yield fail(instance, _NETWORKS, f"together open the database to the internet: {', '.join(values)}")
    yield from (unsure(view, "value") for view in views if not view.known("value"))


def _means_everyone(value: str) -> bool:
    found = network(value)
    return found is not None and int(found.network_address) == 0 and found.prefixlen == found.max_prefixlen


@rule(
    id="sql-networks-narrow",
    clause="HOS-2",
    title="Authorized networks of databases are single sites, not large ranges",
    severity="medium",
    types=(INSTANCE,),
    decides=(_NETWORKS,),
    absent="pass",
    fix='authorized_networks=[{"name": "office", "value": "203.0.113.7/32"}]',
    sources=("https://cloud.google.com/sql/docs/postgres/authorize-networks",),
    traps=(3,),
    params={"min_prefix_v4": 24, "min_prefix_v6": 48},
    good=(_networks("203.0.113.0/24"), _networks("10.0.0.1"), _with(ipv4Enabled=False)),
    bad=(_networks("203.0.113.7/32", "198.18.0.0/15"), _networks("2001:db8::/32")),
)
def networks_narrow(instance: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A /8 is not the world, but sixteen million strangers. A /24 (IPv6: /48) is the most that one site holds."""

    def check(view: View) -> Iterator[Finding]:
        found = network(view.text("value") or "")
        limit = int(params["min_prefix_v6" if found and found.version == 6 else "min_prefix_v4"])
        if found and found.prefixlen < limit:
            yield fail(view, "value", f"is {found}, wider than /{limit}")

    yield from each(instance.views(_NETWORKS), check)


@rule(
    id="sql-no-networks-in-production",
    clause="HOS-2",
    title="Databases have no authorized networks",
    severity="low",
    types=(INSTANCE,),
    decides=(_NETWORKS,),
    absent="pass",
    fix="authorized_networks=[] and a private network instead",
    sources=(_CONNECT,),
    traps=(3,),
    good=(_with(ipv4Enabled=False), _with(authorizedNetworks=[])),
    bad=(_networks("203.0.113.7/32"),),
)
def no_networks(instance: Resource) -> Iterator[Finding]:
    """A list of addresses is a list of exceptions that nobody clears. A private database needs none."""
    if instance.items(_NETWORKS):
        yield fail(instance, _NETWORKS, "is not empty")


boolean(
    {INSTANCE: f"{_IP}.ipv4Enabled"},
    want=False,
    absent="pass",
    base={"databaseVersion": "POSTGRES_17"},
    id="sql-no-public-address",
    clause="HOS-2",
    title="Databases have no public address",
    severity="high",
    fix='settings={"ip_configuration": {"ipv4_enabled": False, "private_network": network.id}}',
    references=(
        "checkov:CKV_GCP_60",
        "trivy:GCP-0017",
        "prowler:cloudsql_instance_public_ip",
        "cis-gcp:6.6",
    ),
    sources=(_CONNECT,),
    traps=(2,),
    why="A database that has no address on the internet cannot be reached from it, whatever else is misconfigured. An "
    "address that is asked for is judged here; the one that comes by default has a rule of its own.",
)

boolean(
    {INSTANCE: f"{_IP}.ipv4Enabled"},
    want=False,
    missing="is not set, and the provider's default is a public address",
    base={"databaseVersion": "POSTGRES_17"},
    guard=inherits,
    id="sql-public-address-refused",
    clause="HOS-2",
    title="Databases say that they have no public address",
    severity="high",
    fix='settings={"ip_configuration": {"ipv4_enabled": False, "private_network": network.id}}',
    references=("trivy:GCP-0017", "prowler:cloudsql_instance_private_ip_assignment"),
    sources=(_CONNECT,),
    traps=(2,),
    not_applicable=({"databaseVersion": "POSTGRES_17", "masterInstanceName": "primary"},),
    why="Left out, `ipv4Enabled` is true: the database gets a public address that nobody wrote down.",
)


@rule(
    id="sql-reachable-on-purpose",
    clause="HOS-2",
    title="A database says from where it can be reached: a private network or a list of networks",
    severity="medium",
    types=(INSTANCE,),
    decides=(_IP,),
    fix='settings={"ip_configuration": {"ipv4_enabled": False, "private_network": network.id}}',
    references=("kics:sql_db_instance_is_publicly_accessible",),
    sources=(_CONNECT,),
    good=(
        _with(ipv4Enabled=False, privateNetwork="projects/p/global/networks/main"),
        _with(ipv4Enabled=False, pscConfigs=[{"pscEnabled": True}]),
        _networks("203.0.113.7/32"),
    ),
    bad=(
        _with(ipv4Enabled=True, privateNetwork="projects/p/global/networks/main"),
        _with(ipv4Enabled=False),
        _with(),
        {"databaseVersion": "POSTGRES_17", "settings": {"tier": "db-f1-micro"}},
    ),
    not_applicable=({"databaseVersion": "POSTGRES_17", "masterInstanceName": "primary"},),
)
def reachable_on_purpose(instance: Resource) -> Iterator[Finding]:
    """Without a private network and without a list, the way to the database is left to the provider's default."""
    if reason := inherits(instance):
        yield skip(reason)
    elif instance.has(_NETWORKS):
        instance.items(_NETWORKS)
    elif instance.flag(f"{_IP}.ipv4Enabled"):
        yield fail(instance, f"{_IP}.ipv4Enabled", "is on, and no list says who may connect")
    elif not instance.has(f"{_IP}.privateNetwork") and not instance.has(f"{_IP}.pscConfigs"):
        yield fail(instance, f"{_IP}.privateNetwork", "is not set: no private way to the database exists")


one_of(
    {INSTANCE: "settings.dataApiAccess"},
    allowed=("DISALLOW_DATA_API",),
    others=("ALLOW_DATA_API",),
    missing="is not set: whether SQL can be sent through Google's API is left to Google",
    base={"databaseVersion": "POSTGRES_17"},
    guard=inherits,
    remedy=True,
    id="sql-no-data-api",
    clause="HOS-2",
    title="Databases refuse statements through the data API",
    severity="high",
    fix='settings={"data_api_access": "DISALLOW_DATA_API"}',
    sources=("https://cloud.google.com/sql/docs/postgres/executesql",),
    traps=(1, 5),
    why="The data API runs SQL through Google's public endpoint: it reaches a private database from outside.",
)

one_of(
    {INSTANCE: "settings.connectorEnforcement"},
    allowed=("REQUIRED", "NOT_REQUIRED"),
    others=("CONNECTOR_ENFORCEMENT_UNSPECIFIED",),
    missing="is not set: it is unmanaged, and a change of it shows no drift",
    base={"databaseVersion": "POSTGRES_17"},
    guard=inherits,
    id="sql-connector-stated",
    clause="ENC-3",
    title="Databases say whether clients have to use Google's connector",
    severity="low",
    fix='settings={"connector_enforcement": "REQUIRED"}',
    sources=("https://cloud.google.com/sql/docs/postgres/connect-connectors#enforce",),
    traps=(1,),
    why="Left out, Google fills the setting in. Written out, either value is a decision, and drift shows.",
)


_REQUIRED = {"databaseVersion": "POSTGRES_17", "settings": {"connectorEnforcement": "REQUIRED"}}


@rule(
    id="sql-connector-required",
    clause="ENC-3",
    title="Databases of our stacks let in only Google's connector, which brings identity and TLS of its own",
    severity="medium",
    types=(INSTANCE,),
    decides=("settings.connectorEnforcement",),
    graph=True,
    fix='settings={"connector_enforcement": "REQUIRED"}',
    sources=("https://cloud.google.com/sql/docs/postgres/connect-connectors#enforce",),
    good=((Sample(INSTANCE, _REQUIRED, "main"), marked()),),
    bad=(
        (Sample(INSTANCE, {**_REQUIRED, "settings": {"connectorEnforcement": "NOT_REQUIRED"}}, "main"), marked()),
        (Sample(INSTANCE, {**_REQUIRED, "settings": {}}, "main"), marked()),
    ),
    not_applicable=(Sample(INSTANCE, _REQUIRED, "main"), (Sample(INSTANCE, {"masterInstanceName": "m"}), marked())),
)
def connector_required(instance: Resource) -> Iterator[Finding]:
    """A password alone then opens nothing: the connector signs in as a workload first. Other people's stacks may have
    reasons to connect directly; ours have none."""
    path = "settings.connectorEnforcement"
    reason = "the stack is not built from our components"
    inherited = inherits(instance) if instance.graph and ours(instance.graph) else reason
    if inherited:
        yield skip(inherited)
    elif instance.upper(path) != "REQUIRED":
        yield fail(instance, path, f"is {instance.show(path)}: a password opens the database without the connector")


boolean(
    {INSTANCE: f"{_IP}.enablePrivatePathForGoogleCloudServices"},
    want=False,
    absent="pass",
    base={"databaseVersion": "POSTGRES_17"},
    id="sql-no-private-path",
    clause="HOS-2",
    title="Other services of Google Cloud have no private way into databases",
    severity="low",
    fix='settings={"ip_configuration": {"enable_private_path_for_google_cloud_services": False}}',
    sources=("https://cloud.google.com/sql/docs/postgres/configure-private-ip#private-path",),
    why="The path lets BigQuery query the database past its network. The default is off.",
)
