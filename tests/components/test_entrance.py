"""What is reached from the internet, under which names, and where its images come from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.dns_zone import DnsZoneArgs, Record
from components.entrance import EntranceArgs, Site
from components.images import ImagesArgs
from tests.components import parts
from tests.recording import Recording, record

ZONE = "gcp:dns/managedZone:ManagedZone"
RECORD = "gcp:dns/recordSet:RecordSet"
REGISTRY = "gcp:artifactregistry/repository:Repository"


def test_plain_http_only_redirects(production: Recording) -> None:
    """Port 80 answers nothing else, and both ports share the one address (ENC-4)."""
    rules = production.of("gcp:compute/globalForwardingRule:GlobalForwardingRule")
    assert {rule.inputs["portRange"] for rule in rules} == {"80", "443"}
    redirect = production.one("gcp:compute/uRLMap:URLMap", "entrance-redirect").inputs
    assert redirect["defaultUrlRedirect"]["httpsRedirect"] is True
    assert "defaultService" not in redirect
    profile = production.one("gcp:compute/sSLPolicy:SSLPolicy").inputs
    assert (profile["profile"], profile["minTlsVersion"]) == ("MODERN", "TLS_1_2")


def test_every_request_passes_the_firewall(production: Recording) -> None:
    """Attack rules act, one client is limited, and each backend sits behind them (HOS-3)."""
    rules = production.one("gcp:compute/securityPolicy:SecurityPolicy").inputs["rules"]
    assert all(rule["preview"] is False for rule in rules)
    denied = [rule["match"]["expr"]["expression"] for rule in rules if rule["action"] == "deny(403)"]
    kinds = ("sqli", "xss", "lfi", "rce", "cve", "rfi", "scannerdetection", "protocolattack", "sessionfixation")
    assert all(any(f"'{kind}-" in one for one in denied) for kind in kinds)
    limit = next(rule for rule in rules if rule["action"] == "throttle")
    assert limit["rateLimitOptions"]["rateLimitThreshold"]["count"] == 600
    backends = production.of("gcp:compute/backendService:BackendService")
    assert len(backends) == 2
    assert all("securityPolicy" in backend.inputs for backend in backends)


def test_only_internal_services_sit_behind_the_proxy(production: Recording) -> None:
    """The one for customers does not, and says why in the stack file (AUT-1)."""
    services = production.of("gcp:cloudrunv2/service:Service")
    assert {s.name: s.inputs["iapEnabled"] for s in services} == {"orders-api": False, "report-runner": True}
    for service in services:
        assert service.inputs["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
        assert service.inputs["template"]["vpcAccess"]["egress"] == "ALL_TRAFFIC"
        assert "networkInterfaces" in service.inputs["template"]["vpcAccess"]


def test_zones_are_signed_and_logged(production: Recording) -> None:
    """With current algorithms, and only the two issuers of our certificates may issue one (ENC-10)."""
    zone = next(z for z in production.of(ZONE) if z.inputs["visibility"] == "public")
    signing = zone.inputs["dnssecConfig"]
    assert signing["state"] == "on"
    assert {spec["algorithm"] for spec in signing["defaultKeySpecs"]} == {"ecdsap256sha256"}
    assert zone.inputs["cloudLoggingConfig"]["enableLogging"] is True
    assert zone.protect
    issuers = production.one(RECORD, "zone-main-issuers").inputs["rrdatas"]
    assert '0 issuewild ";"' in issuers


def test_every_service_has_a_record_whichever_cloud_it_runs_on(production: Recording) -> None:
    """Those of Google Cloud point at the entrance, those of Render at Render."""
    found = {r.inputs["name"]: (r.inputs["type"], r.inputs["rrdatas"]) for r in production.of(RECORD)}
    assert found["orders.example.com."][0] == "A"
    assert found["docs.example.com."] == ("CNAME", ["docs-slug.onrender.com."])
    assert found["_dmarc.example.com."][1][0].startswith('"v=DMARC1; p=reject')


def test_builds_reach_public_registries_through_ours(production: Recording) -> None:
    """Kept, scanned, encrypted, cleaned up, and only read (CIN-3, DEP-1)."""
    remote = {r.name: r.inputs for r in production.of(REGISTRY) if r.inputs["mode"] == "REMOTE_REPOSITORY"}
    assert set(remote) == {"docker-hub", "pypi"}
    for one in remote.values():
        assert one["remoteRepositoryConfig"]["disableUpstreamValidation"] is False
        assert one["vulnerabilityScanningConfig"]["enablementConfig"] == "INHERITED"
        assert one["cleanupPolicyDryRun"] is False
        assert one["kmsKeyName"].endswith("/cryptoKeys/images")
    grants = production.of("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember")
    roles = {g.inputs["role"] for g in grants if g.inputs["repository"] in remote}
    assert roles == {"roles/artifactregistry.reader"}


def images(**changes: object) -> ImagesArgs:
    """Arguments of the registry."""
    delivery, key = parts.project("delivery"), parts.key()
    args = {"project": delivery, "signing_ring": None, "key": key, "region": parts.PRIMARY}
    return ImagesArgs(**{**args, **changes})  # type: ignore[arg-type]


def entrance(**changes: object) -> EntranceArgs:
    """Arguments of the entrance."""
    site = Site(domain="a.example.com", service="a")
    return EntranceArgs(**{"project": parts.project(), "region": parts.PRIMARY, "sites": {"a": site}, **changes})  # type: ignore[arg-type]


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "upstream nobody knows": (lambda: images(upstreams=("quay",)), "CIN-3"),
    "more requests than anyone makes": (lambda: entrance(requests_per_minute=100_000), "HOS-3"),
    "a firewall that looks away": (lambda: entrance(sensitivity=0), "HOS-3"),
    "an entrance to nowhere": (lambda: entrance(sites={}), "HOS-3"),
    "a record of elsewhere": (
        lambda: DnsZoneArgs(
            project=parts.project(),
            domain="example.com",
            records={"a": Record(name="a.example.net.", type="A", values=("203.0.113.9",))},
        ),
        "ENC-10",
    ),
}


@pytest.mark.parametrize(("make", "clause"), REFUSED.values(), ids=REFUSED.keys())
def test_arguments_that_break_a_clause_are_refused(make: Callable[[], object], clause: str) -> None:
    """Before any resource exists."""
    raised: list[str] = []

    def build() -> None:
        try:
            make()
        except ValueError as error:
            raised.append(str(error))

    record(build)
    assert len(raised) == 1
    assert raised[0].startswith(clause)


def test_a_task_of_the_company_runs_like_a_job_of_the_house(production: Recording) -> None:
    """Own identity, image by digest, attested, in the network, started by one who may do nothing else, and missed."""
    job = production.one("gcp:cloudrunv2/job:Job", "task-stock-count").inputs
    inside = job["template"]["template"]
    assert inside["serviceAccount"].startswith("stock-count@")
    assert inside["vpcAccess"]["egress"] == "ALL_TRAFFIC"
    assert "@sha256:" in inside["containers"][0]["image"]
    assert job["binaryAuthorization"]["useDefault"] is True
    assert {env["name"] for env in inside["containers"][0]["envs"]} >= {"DATABASE_INVENTORY", "LOG_LEVEL"}
    schedule = production.one("gcp:cloudscheduler/job:Job", "task-stock-count").inputs
    assert schedule["schedule"] == "30 4 * * *"
    assert schedule["httpTarget"]["oauthToken"]["serviceAccountEmail"].startswith("task-starter@")
    alert = production.one("gcp:monitoring/alertPolicy:AlertPolicy", "task-stock-count-missing").inputs
    assert len(alert["notificationChannels"]) >= 2
