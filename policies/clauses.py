"""The clauses of the security policy: the one list of IDs that rules, components, tests and evidence refer to.

The sentences here are those of SECURITY-POLICY.md (a test holds the two equal). An ID is never reused.
`kind` says how a clause is upheld: "enforced" by rules, "attested" by a person in a register, or "both".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["enforced", "attested", "both"]


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One enforceable sentence of the written policy."""

    id: str
    sentence: str
    kind: Kind = "enforced"

    @property
    def measure(self) -> str:
        """The three-letter code of the measure the clause belongs to."""
        return self.id.split("-")[0]


MEASURES: dict[str, str] = {
    "ACC": "Access control",
    "AUT": "Authentication",
    "BAK": "Backups",
    "CHG": "Changes to infrastructure",
    "HOS": "Cloud hosting",
    "REV": "Code review",
    "CIN": "Continuous integration",
    "MIN": "Data minimization",
    "DEV": "Devices",
    "ENC": "Encryption",
    "PRI": "Privacy by design",
    "LOG": "Logging",
    "DEP": "Software dependencies",
    "MON": "Monitoring",
    "VER": "Verification",
}

_ROWS: tuple[tuple[str, str, Kind], ...] = (
    ("ACC-1", "People get access through groups of our own domain, never as individual users", "enforced"),
    ("ACC-2", "No principal of any kind holds a basic role", "enforced"),
    ("ACC-3", "Nothing is open to everyone: no allUsers or allAuthenticatedUsers grant", "enforced"),
    ("ACC-4", "No long-lived keys: service account keys do not exist, API keys are restricted", "enforced"),
    ("ACC-5", "Each workload has an identity of its own and never a default service account", "enforced"),
    ("ACC-6", "No principal can raise its own rights or act as a more powerful one", "enforced"),
    ("ACC-7", "Every grant to people traces to a live row of the need-to-know matrix", "enforced"),
    ("ACC-8", "Just-in-time access needs an approval and ends after at most 4 hours", "enforced"),
    (
        "ACC-9",
        "Guardrails of the organization (policies, deny rules, boundaries) are named right and enforced",
        "enforced",
    ),
    ("ACC-10", "Roles and scopes list what is needed and no more", "enforced"),
    ("ACC-11", "Grants are additive: no authoritative IAM resource strips another's grants", "enforced"),
    ("AUT-1", "Internal services sit behind Identity-Aware Proxy with Google sign-in", "enforced"),
    ("AUT-2", "Databases and caches authenticate by IAM, or by a generated secret kept in Secret Manager", "enforced"),
    ("AUT-3", "Console sessions end after at most 12 hours and are renewed with a second factor", "enforced"),
    (
        "AUT-4",
        "Machines and clusters take Google identities only: no shared keys, passwords or legacy logins",
        "enforced",
    ),
    (
        "AUT-5",
        "Services that cannot use Google sign-in use individual logins with unique passwords and MFA",
        "attested",
    ),
    ("BAK-1", "Every database is backed up automatically every day", "enforced"),
    ("BAK-2", "Backups are kept for at least 30 days and allow recovery to any point of the last 7 days", "enforced"),
    ("BAK-3", "Backups lie in another region than the data", "enforced"),
    ("BAK-4", "An independent copy lies locked and encrypted in a separate project", "enforced"),
    ("BAK-5", "Data stores cannot be deleted by accident, and deletion leaves a backup", "enforced"),
    ("BAK-6", "A backup counts once it has been restored: a drill restores and checks it", "enforced"),
    ("BAK-7", "A missing or deleted backup raises an alert within 26 hours", "enforced"),
    ("BAK-8", "Stored objects keep earlier versions and can be undeleted for at least 7 days", "enforced"),
    ("CHG-1", "The state of the infrastructure is stored versioned and encrypted with its own key", "enforced"),
    ("CHG-2", "No secret stands in plain text in code, configuration or state", "enforced"),
    ("CHG-3", "Changes come from reviewed code through keyless CI identities", "enforced"),
    ("CHG-4", "Changes made past the code are detected and reported", "enforced"),
    ("CHG-5", "Protection of stateful resources cannot be switched off in passing", "enforced"),
    ("CHG-6", "Nothing in the code fires a one-time action or restores over live data", "enforced"),
    ("CHG-7", "Every resource goes through an explicit provider and the policy pack", "enforced"),
    ("HOS-1", "Networks are our own and private: no default network, private access to Google's services", "enforced"),
    (
        "HOS-2",
        "The internet reaches nothing but the load balancer: firewalls are closed, no public addresses",
        "enforced",
    ),
    ("HOS-3", "Services are published only through their load balancer, with a web application firewall", "enforced"),
    ("HOS-4", "Machines and clusters run hardened: shielded, patched, without legacy features", "enforced"),
    ("HOS-5", "Render services live in protected, isolated environments with explicit allow-lists", "enforced"),
    (
        "HOS-6",
        "Managed services of Google Cloud and Render are used in supported versions and secure modes",
        "enforced",
    ),
    ("HOS-7", "The providers' ISO 27001 and SOC 2 reports are current", "attested"),
    ("REV-1", "Protected branches take changes only through a pull request approved by another developer", "enforced"),
    ("REV-2", "What CI and Render trust is exactly what a ruleset protects", "enforced"),
    ("REV-3", "Deployments to production pass a protected environment without self-review", "enforced"),
    ("CIN-1", "CI signs in by workload identity federation pinned to our repository and branch", "enforced"),
    ("CIN-2", "Only attested images run", "enforced"),
    ("CIN-3", "Images come by digest from our own scanned registry with immutable tags", "enforced"),
    ("CIN-4", "Deployments happen only from the protected branch after its checks pass", "enforced"),
    ("MIN-1", "Every store has a retention or lifecycle that deletes what is no longer needed", "enforced"),
    ("MIN-2", "Every store has a row in the data inventory and stays inside it", "enforced"),
    ("MIN-3", "A scan looks for personal data where none is expected", "enforced"),
    ("DEV-1", "Access levels ask for encrypted, locked, company-owned devices", "enforced"),
    ("DEV-2", "Every human path to data is bound to a device level", "enforced"),
    ("DEV-3", "Devices are managed, encrypted and kept up to date", "attested"),
    ("ENC-1", "Data at rest is encrypted with keys of our own (AES-256)", "enforced"),
    ("ENC-2", "Encryption keys rotate at least every 90 days", "enforced"),
    ("ENC-3", "Databases and caches accept TLS only", "enforced"),
    ("ENC-4", "HTTPS only, TLS 1.2 or newer, with a modern profile", "enforced"),
    ("ENC-5", "Keys cannot be lost: at least 30 days before destruction, and protected from deletion", "enforced"),
    ("ENC-6", "Only the service agent uses a key; whoever manages keys does not use them", "enforced"),
    ("ENC-7", "Keys lie where their data lies, and in another project than the data", "enforced"),
    ("ENC-8", "After a rotation the data is encrypted again with the new key version", "enforced"),
    ("ENC-9", "Secrets live in Secret Manager, encrypted with our key and rotated", "enforced"),
    ("ENC-10", "Names are signed: DNSSEC with current algorithms", "enforced"),
    ("PRI-1", "Data stays in the regions we promised", "enforced"),
    ("PRI-2", "Erasure survives a restore: an append-only ledger is replayed", "enforced"),
    ("LOG-1", "Admin activity and data access are logged for every service in use, without exemption", "enforced"),
    ("LOG-2", "All logs flow unfiltered into a locked, encrypted store in a separate project", "enforced"),
    ("LOG-3", "Logs are kept for at least 400 days and cannot be shortened", "enforced"),
    ("LOG-4", "Databases log connections, statements and errors", "enforced"),
    ("LOG-5", "Networks, DNS, firewalls and load balancers log", "enforced"),
    ("LOG-6", "A canary proves daily that logs arrive on every path", "enforced"),
    ("LOG-7", "What users do is logged in a chain that shows tampering", "enforced"),
    ("LOG-8", "Managed services and stores write their own logs", "enforced"),
    ("DEP-1", "Images are scanned for known vulnerabilities", "enforced"),
    ("DEP-2", "Dependency updates and alerts are on for every repository", "enforced"),
    ("DEP-3", "A critical finding is fixed within 14 days", "enforced"),
    ("DEP-4", "Platforms that can update themselves do", "enforced"),
    ("MON-1", "Every security-relevant change raises an alert", "enforced"),
    ("MON-2", "Alerts reach somebody over two verified channels of different types", "enforced"),
    ("MON-3", "Every service and database has an availability check", "enforced"),
    ("MON-4", "Security contacts and findings have a recipient", "enforced"),
    ("MON-5", "Services and databases survive the loss of a zone", "enforced"),
    ("MON-6", "Managed services report their metrics", "enforced"),
    ("MON-7", "Every service and database has an availability objective, and its error budget is watched", "enforced"),
    ("VER-1", "Users sign in by email link or a trusted third party only", "enforced"),
    ("VER-2", "Passwords are rejected by a blocking function", "enforced"),
    ("VER-3", "Sign-in is logged and limited against abuse", "enforced"),
)

CLAUSES: dict[str, Clause] = {row[0]: Clause(id=row[0], sentence=row[1], kind=row[2]) for row in _ROWS}
