"""Where a rule lets pass what another tool's check of that name would refuse, and why.

Everything else that carries a foreign id refuses at least what that tool refuses: found by judging the same resources
with both, and by reading what each check decides. Where tools and the provider's documentation disagree, the
documentation decides.
"""

from __future__ import annotations

from typing import Final

_AUTOPILOT: Final = "Autopilot clusters come with it and cannot turn it off"
_NO_MACHINES: Final = "subnets whose purpose keeps machines out (proxies, NAT, service attachments) cannot have it"
_REPLICA: Final = "a replica takes it from its primary"
_AGENTS: Final = "Google's own service agents may hold the role that was made for them"

DIFFERENCES: Final[tuple[tuple[str, str], ...]] = (
    ("checkov:CKV_GCP_6", "TLS without a client certificate (ENCRYPTED_ONLY) is TLS"),
    ("checkov:CKV_GCP_12", _AUTOPILOT),
    ("checkov:CKV_GCP_22", "a pool that names no image gets Container-Optimized OS"),
    ("checkov:CKV_GCP_23", _AUTOPILOT),
    ("checkov:CKV_GCP_26", _NO_MACHINES),
    ("checkov:CKV_GCP_43", "keys for signatures, MACs and raw encryption cannot rotate by themselves"),
    ("checkov:CKV_GCP_44", _AGENTS),
    ("checkov:CKV_GCP_45", _AGENTS),
    ("checkov:CKV_GCP_49", _AGENTS),
    *((f"checkov:CKV_GCP_{n}", _REPLICA) for n in (51, 52, 53, 54, 108, 110, 111)),
    ("checkov:CKV2_GCP_13", _REPLICA),
    ("checkov:CKV_GCP_61", _AUTOPILOT),
    ("checkov:CKV_GCP_62", "a bucket that takes the others' access logs keeps none of its own"),
    ("checkov:CKV_GCP_69", f"{_AUTOPILOT}; a default pool that is removed runs nothing"),
    ("checkov:CKV_GCP_70", _AUTOPILOT),
    ("checkov:CKV_GCP_72", "integrity monitoring is on where the block leaves it out"),
    ("checkov:CKV_GCP_74", _NO_MACHINES),
    ("checkov:CKV_GCP_79", "one major version behind the newest is current"),
    ("checkov:CKV_GCP_109", "the default, error, is what is asked for"),
    ("checkov:CKV_GCP_125", "a condition on the repository or its owner pins the caller as well as one on the subject"),
    ("trivy:GCP-0039", "TLS 1.3 is not weaker than 1.2"),
    ("kics:gke_using_default_service_account", "an account of the stack's own may be named default"),
    ("kics:google_compute_network_using_firewall_rule_allows_port_range", "a range of 31 ports or fewer is a list"),
    ("kics:sql_db_instance_with_ssl_disabled", "ssl_mode says what require_ssl said before it was removed"),
    ("kics:ssh_access_is_not_restricted", "SSH is spoken over TCP only"),
    ("prowler:cloudstorage_bucket_sufficient_retention_period", "a bucket of personal data may have no retention"),
    ("prowler:compute_instance_group_load_balancer_attached", "judged where the stack declares load balancers"),
)
