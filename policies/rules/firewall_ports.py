"""Firewalls keep the internet away from the ports that matter most: logins, files, databases, administration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, unsure
from policies.rules._firewalls import (
    DOORS,
    POLICY_RULES,
    TCP,
    UDP,
    WITH_RULES,
    Door,
    Service,
    opening,
    policy_opening,
    rule_sample,
    through,
)

_DOCS: Final = ("https://cloud.google.com/firewall/docs/firewalls",)
_RULE: Final = POLICY_RULES[1]
_WORLD: Final = ["0.0.0.0/0"]
_OFFICE: Final = ["203.0.113.0/24"]


def admits_world(door: Door, wanted: Iterable[Service]) -> Iterator[Finding]:
    """Findings where a door admits everyone to one of the ports; undetermined where its sources are not known yet."""
    if door.everyone is False:
        return
    opened, possible = door.reached(wanted)
    if not opened or door.everyone is None:
        if opened or possible:
            yield unsure(door.view, door.ends if opened else "")
        return
    names = ", ".join(f"{port} ({name})" for port, name in opened[:8])
    more = f" and {len(opened) - 8} more" if len(opened) > 8 else ""
    yield fail(door.view, door.ends, f"admits everyone to {names}{more}")


def _closed(port: int, service: str, protocols: frozenset[str] = TCP, **record: Any) -> None:
    def check(resource: Resource) -> Iterator[Finding]:
        yield from through(resource, lambda door: admits_world(door, [(port, protocols, service)]))

    word = "udp" if protocols is UDP else "tcp"
    rule(
        types=DOORS,
        clause="HOS-2",
        decides=("sourceRanges",),
        sources=_DOCS,
        fix='source_ranges=["35.235.240.0/20"]  # Identity-Aware Proxy',
        good=(
            opening(str(port), _OFFICE, word),
            opening(port + 1, _WORLD, word),
            opening(str(port), _WORLD, word, disabled=True),
            opening(str(port), _WORLD, word, direction="EGRESS"),
            {"network": "app", "allows": [{"protocol": "icmp"}], "sourceRanges": _WORLD},
            {"network": "app", "allows": [{"protocol": word, "ports": [port]}], "sourceTags": ["web"]},
            {"network": "app", "denies": [{"protocol": "all"}], "sourceRanges": _WORLD},
            Sample(_RULE, policy_opening(str(port), _OFFICE, word)),
            Sample(_RULE, policy_opening(str(port), _WORLD, word, action="deny")),
        ),
        bad=(
            opening(port, _WORLD, word),
            opening(f"{port - 1}-{port + 1}", ["::/0"], word.upper()),
            opening(str(port), [*_OFFICE, "0.0.0.0/1", "128.0.0.0/1"], word, sourceTags=["web"]),
            {"network": "app", "allows": [{"protocol": "all"}], "sourceRanges": _WORLD},
            {"network": "app", "allows": [{"protocol": word}]},
            *(rule_sample(t, str(port), _WORLD, word) for t in POLICY_RULES),
            Sample(WITH_RULES[1], {"rules": [policy_opening("9", _OFFICE), policy_opening(f"1-{port}", _WORLD, word)]}),
        ),
        **record,
    )(check)


_closed(
    22,
    "SSH",
    id="firewall-ssh-closed",
    title="SSH is closed to the internet",
    severity="high",
    why="Open SSH is tried by everyone within minutes. Identity-Aware Proxy admits people without opening it. "
    "Source tags beside open ranges do not narrow them: Google joins the two by OR.",
    references=(
        "checkov:CKV_GCP_2",
        "trivy:GCP-0071",
        "kics:ssh_access_is_not_restricted",
        "prowler:compute_firewall_ssh_access_from_the_internet_allowed",
        "cis-gcp:3.6",
        "terrascan:AC_GCP_0228",
    ),
)
_closed(
    3389,
    "RDP",
    id="firewall-rdp-closed",
    title="RDP is closed to the internet",
    severity="high",
    why="Open RDP is the commonest way in for ransomware. Identity-Aware Proxy admits people without opening it. "
    "Source tags beside open ranges do not narrow them: Google joins the two by OR.",
    references=(
        "checkov:CKV_GCP_3",
        "trivy:GCP-0070",
        "kics:rdp_access_is_not_restricted",
        "prowler:compute_firewall_rdp_access_from_the_internet_allowed",
        "cis-gcp:3.7",
        "terrascan:AC_GCP_0134",
        "terrascan:AC_GCP_0225",
    ),
)
_closed(
    3389,
    "RDP over UDP",
    UDP,
    id="firewall-rdp-udp-closed",
    title="RDP over UDP is closed to the internet",
    severity="medium",
    why="RDP also speaks UDP, which carries its session and amplifies attacks on others.",
    references=("kics:rdp_access_is_not_restricted",),
)
_closed(
    80,
    "HTTP",
    id="firewall-http-closed",
    title="Plain HTTP to machines is closed to the internet",
    severity="medium",
    why="The load balancer is the one door, and it speaks TLS; a machine on port 80 goes around both.",
    references=("checkov:CKV_GCP_106",),
)
_closed(
    20,
    "FTP data",
    id="firewall-ftp-data-closed",
    title="FTP data connections are closed to the internet",
    severity="high",
    why="FTP carries passwords and files in clear.",
    references=("checkov:CKV_GCP_77", "datadog:firewall_ingress_allows_unrestricted_ftp_access"),
)
_closed(
    21,
    "FTP",
    id="firewall-ftp-closed",
    title="FTP is closed to the internet",
    severity="high",
    why="FTP carries passwords and files in clear.",
    references=("checkov:CKV_GCP_75", "datadog:firewall_ingress_allows_unrestricted_ftp_access"),
)
_closed(
    3306,
    "MySQL",
    id="firewall-mysql-closed",
    title="MySQL is closed to the internet",
    severity="high",
    why="A database that answers the internet is one password away from everyone.",
    references=(
        "checkov:CKV_GCP_88",
        "datadog:firewall_ingress_allows_unrestricted_mysql_access",
        "terrascan:AC_GCP_0146",
    ),
)

_PORTS: Final = (
    "23 Telnet",
    "25 SMTP",
    "53/udp DNS",
    "69/udp TFTP",
    "110 POP3",
    "111 portmapper",
    "111/udp portmapper",
    "123/udp NTP",
    "135 Windows RPC",
    "137 NetBIOS name",
    "137/udp NetBIOS name",
    "138/udp NetBIOS datagram",
    "139 NetBIOS session",
    "143 IMAP",
    "161/udp SNMP",
    "389 LDAP",
    "389/udp LDAP",
    "445 SMB",
    "512 rexec",
    "513 rlogin",
    "514 rsh",
    "514/udp syslog",
    "636 LDAPS",
    "873 rsync",
    "1080 SOCKS",
    "1433 SQL Server",
    "1434 SQL Server admin",
    "1434/udp SQL Server browser",
    "1521 Oracle",
    "2049 NFS",
    "2181 ZooKeeper",
    "2375 Docker",
    "2376 Docker over TLS",
    "2379 etcd",
    "2380 etcd peers",
    "2382 SQL Server analysis browser",
    "2383 SQL Server analysis",
    "2483 Oracle listener",
    "2484 Oracle listener over TLS",
    "3000 development servers",
    "3020 CIFS",
    "3128 proxy",
    "4505 SaltStack",
    "4506 SaltStack",
    "5000 registry and development servers",
    "5432 PostgreSQL",
    "5500 VNC listener",
    "5601 Kibana",
    "5672 AMQP",
    "5900 VNC",
    "5984 CouchDB",
    "5985 WinRM",
    "5986 WinRM over TLS",
    "6379 Redis",
    "6443 Kubernetes API",
    "7000 Cassandra cluster",
    "7001 Cassandra cluster over TLS",
    "7199 Cassandra JMX",
    "7474 Neo4j",
    "8000 development servers",
    "8020 HDFS",
    "8086 InfluxDB",
    "8088 YARN",
    "8140 Puppet",
    "8500 Consul",
    "8888 notebooks",
    "8983 Solr",
    "9000 Hadoop",
    "9042 Cassandra client",
    "9090 Prometheus",
    "9092 Kafka",
    "9160 Cassandra Thrift",
    "9200 Elasticsearch",
    "9300 Elasticsearch cluster",
    "10250 kubelet",
    "10255 kubelet read-only",
    "11211 Memcached",
    "11211/udp Memcached",
    "11214 Memcached over TLS",
    "11214/udp Memcached over TLS",
    "11215 Memcached over TLS",
    "11215/udp Memcached over TLS",
    "15672 RabbitMQ management",
    "26379 Redis Sentinel",
    "27017 MongoDB",
    "27018 MongoDB shard",
    "27019 MongoDB config",
    "28017 MongoDB web",
    "33060 MySQL X",
    "50000 Db2",
    "50070 HDFS web",
    "61620 Cassandra OpsCenter",
    "61621 Cassandra OpsCenter agent",
)


@lru_cache(maxsize=16)
def _parsed(ports: tuple[str, ...]) -> list[Service]:
    made = []
    for text in ports:
        number, _, name = text.partition(" ")
        port, _, protocol = number.partition("/")
        made.append((int(port), UDP if protocol == "udp" else TCP, name or number))
    return made


@rule(
    id="firewall-admin-ports-closed",
    clause="HOS-2",
    title="Administration and database ports are closed to the internet",
    severity="high",
    types=DOORS,
    decides=("sourceRanges",),
    params={"ports": _PORTS},
    fix='source_ranges=["10.0.0.0/16"]',
    references=("terrascan:@ports",),
    sources=_DOCS,
    good=(opening("5432", _OFFICE), opening("443", _WORLD), opening("53", _WORLD)),
    bad=(
        opening("5432", _WORLD),
        opening("11211", _WORLD, "udp"),
        opening("6000-7000", _WORLD),
        opening("0-65535", ["::/0"]),
        Sample(_RULE, policy_opening("2375", _WORLD)),
        Sample(WITH_RULES[2], {"rules": [policy_opening("9200", _WORLD)]}),
    ),
)
def admin_ports_closed(resource: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """These services trust their network: many have no password. The list is a parameter."""
    wanted = _parsed(tuple(params["ports"]))
    yield from through(resource, lambda door: admits_world(door, wanted))
