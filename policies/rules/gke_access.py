"""Clusters: Google identities only, for people and for pods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import boolean
from policies.rules._gke import CLUSTER, autopilot

_BEFORE_1_10: Final = re.compile(r"1\.[0-9](\.|$|-)|0\.")
_AUTOPILOT: Final = Sample(CLUSTER, {"enableAutopilot": True})

boolean(
    {CLUSTER: "enableLegacyAbac"},
    want=False,
    absent="pass",
    id="gke-no-abac",
    clause="ACC-10",
    title="Clusters do not use legacy authorization (ABAC)",
    severity="high",
    why="ABAC gives every service account of the cluster full rights, past all role bindings. Off by default.",
    fix="enable_legacy_abac=False",
    references=(
        "checkov:CKV_GCP_7",
        "trivy:GCP-0062",
        "kics:gke_legacy_authorization_enabled",
        "terrascan:AC_GCP_0028",
    ),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster",),
)


_CERTIFICATE: Final = "masterAuth.clientCertificateConfig.issueClientCertificate"
_LOGIN_DOCS: Final = ("https://cloud.google.com/kubernetes-engine/docs/how-to/api-server-authentication",)


@rule(
    id="gke-no-client-certificate",
    clause="AUT-4",
    title="Clusters issue no client certificates",
    severity="medium",
    types=(CLUSTER,),
    decides=(_CERTIFICATE,),
    fix='master_auth={"client_certificate_config": {"issue_client_certificate": False}}',
    references=(
        "checkov:CKV_GCP_13",
        "trivy:GCP-0064",
        "kics:legacy_client_certificate_auth_enabled",
        "terrascan:AC_GCP_0024",
        "terrascan:AC_GCP_0027",
    ),
    sources=_LOGIN_DOCS,
    good=({"masterAuth": {"clientCertificateConfig": {"issueClientCertificate": False}}}, {}),
    bad=(
        {"masterAuth": {"clientCertificateConfig": {"issueClientCertificate": True}}},
        {"masterAuth": {"clientCertificateConfig": {"issueClientCertificate": "true"}}},
        {"masterAuth": {}},
    ),
)
def no_client_certificate(cluster: Resource) -> Iterator[Finding]:
    """A client certificate cannot be revoked before it expires, and belongs to nobody.

    Off by default since GKE 1.12; a `masterAuth` block must say so.
    """
    if cluster.raw("masterAuth") is not None and cluster.flag(_CERTIFICATE, default=True):
        yield fail(cluster, _CERTIFICATE, f"is {cluster.show(_CERTIFICATE)}")


@rule(
    id="gke-no-client-certificate-explicit",
    clause="AUT-4",
    title="Clusters write out that they issue no client certificates",
    severity="low",
    level="advisory",
    types=(CLUSTER,),
    decides=(_CERTIFICATE,),
    fix='master_auth={"client_certificate_config": {"issue_client_certificate": False}}',
    references=("checkov:CKV_GCP_13",),
    sources=_LOGIN_DOCS,
    traps=(1,),
    good=({"masterAuth": {"clientCertificateConfig": {"issueClientCertificate": False}}},),
    bad=({"name": "app"},),
)
def client_certificate_explicit(cluster: Resource) -> Iterator[Finding]:
    """The cloud fills the block in when it is left out: a certificate issued past the code then shows no drift."""
    if cluster.get(_CERTIFICATE) is None:
        yield fail(cluster, _CERTIFICATE, "is not set: drift would not show")


@rule(
    id="gke-no-basic-auth",
    clause="AUT-4",
    title="Clusters take no user name and password",
    severity="high",
    types=(CLUSTER,),
    decides=("masterAuth.password",),
    absent="pass",
    fix="remove username and password from master_auth",
    references=("trivy:GCP-0064", "terrascan:AC_GCP_0021"),
    sources=_LOGIN_DOCS,
    good=({"masterAuth": {"username": "", "password": ""}}, {}),
    bad=({"masterAuth": {"username": "admin", "password": "a-password-in-the-code"}},),
)
def no_basic_auth(cluster: Resource) -> Iterator[Finding]:
    """A static password for the control plane. The property is gone from today's provider, not from old states."""
    for path in ("masterAuth.username", "masterAuth.password"):
        if cluster.text(path):
            yield fail(cluster, path, "is set")


@rule(
    id="gke-google-groups",
    clause="ACC-1",
    title="Clusters grant roles to Google groups",
    severity="low",
    types=(CLUSTER,),
    decides=("authenticatorGroupsConfig.securityGroup",),
    fix='authenticator_groups_config={"security_group": "gke-security-groups@example.com"}',
    references=("checkov:CKV_GCP_65",),
    sources=("https://cloud.google.com/kubernetes-engine/docs/how-to/google-groups-rbac",),
    good=({"authenticatorGroupsConfig": {"securityGroup": "gke-security-groups@example.com"}},),
    bad=({}, {"authenticatorGroupsConfig": {"securityGroup": ""}}),
)
def google_groups(cluster: Resource) -> Iterator[Finding]:
    """Role bindings to single people outlive their jobs; group membership ends with them."""
    if not cluster.text("authenticatorGroupsConfig.securityGroup"):
        yield fail(cluster, "authenticatorGroupsConfig.securityGroup", "is not set")


@rule(
    id="gke-workload-identity",
    clause="ACC-5",
    title="Pods have identities of their own (Workload Identity Federation)",
    severity="medium",
    types=(CLUSTER,),
    decides=("workloadIdentityConfig.workloadPool",),
    fix='workload_identity_config={"workload_pool": "example-prod-workload.svc.id.goog"}',
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity",),
    good=({"workloadIdentityConfig": {"workloadPool": "example-prod-workload.svc.id.goog"}},),
    bad=({}, {"workloadIdentityConfig": {}}),
    not_applicable=(_AUTOPILOT,),
)
def workload_identity(cluster: Resource) -> Iterator[Finding]:
    """Without it pods share the node's account, or carry keys. Autopilot always has it."""
    if reason := autopilot(cluster):
        yield skip(reason)
    elif not cluster.text("workloadIdentityConfig.workloadPool"):
        yield fail(cluster, "workloadIdentityConfig.workloadPool", "is not set: pods act as their node")


@rule(
    id="gke-dashboard-off",
    clause="HOS-4",
    title="The Kubernetes dashboard is off",
    severity="high",
    types=(CLUSTER,),
    decides=("addonsConfig.kubernetesDashboard.disabled",),
    absent="pass",
    fix="remove kubernetes_dashboard from addons_config",
    references=("kics:kubernetes_web_ui_is_not_disabled",),
    sources=("https://cloud.google.com/kubernetes-engine/docs/concepts/dashboards",),
    good=({"addonsConfig": {"kubernetesDashboard": {"disabled": True}}}, {}),
    bad=({"addonsConfig": {"kubernetesDashboard": {"disabled": False}}}, {"minMasterVersion": "1.8.12-gke.2"}),
)
def dashboard_off(cluster: Resource) -> Iterator[Finding]:
    """The dashboard ran with an account that may do everything. Gone from today's provider, not from old states."""
    path = "addonsConfig.kubernetesDashboard.disabled"
    old = _BEFORE_1_10.match(cluster.text("minMasterVersion") or "")
    if not cluster.flag(path, default=old is None):
        yield fail(cluster, path, f"is {cluster.show(path)}{'; versions before 1.10 turn it on' if old else ''}")
