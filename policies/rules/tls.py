"""TLS 1.2 or newer with modern ciphers, from the policy to the proxies that carry it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, unsure
from policies.rules._facts import one_of
from policies.rules._load_balancers import HTTPS_PROXIES, POLICIES, POLICY

_DOCS: Final = ("https://cloud.google.com/load-balancing/docs/ssl-policies-concepts",)
_MODERN: Final[dict[str, Any]] = {"profile": "MODERN", "minTlsVersion": "TLS_1_2"}
_WEAK: Final = ("TLS_RSA_WITH_", "3DES")

one_of(
    dict.fromkeys(POLICIES, "minTlsVersion"),
    allowed=("TLS_1_2", "TLS_1_3"),
    others=("TLS_1_0", "TLS_1_1"),
    missing="is not set: TLS 1.0 is accepted",
    base={"profile": "MODERN"},
    id="tls-minimum-version",
    clause="ENC-4",
    title="SSL policies accept TLS 1.2 or newer only",
    severity="high",
    why="TLS 1.0 and 1.1 are broken and withdrawn (RFC 8996). The provider's default is TLS 1.0.",
    fix='min_tls_version="TLS_1_2"',
    references=("trivy:GCP-0039", "kics:google_compute_ssl_policy_weak_cipher_in_use"),
    sources=(*_DOCS, "https://www.rfc-editor.org/rfc/rfc8996"),
    traps=(45,),
)


@rule(
    id="tls-modern-profile",
    clause="ENC-4",
    title="SSL policies offer modern ciphers only",
    severity="medium",
    types=POLICIES,
    decides=("profile",),
    fix='profile="MODERN", min_tls_version="TLS_1_2"',
    references=("checkov:CKV_GCP_4", "cis-gcp:3.9", "terrascan:AC_GCP_0034"),
    sources=_DOCS,
    traps=(45,),
    good=(
        _MODERN,
        {"profile": "RESTRICTED"},
        {"profile": "FIPS_202205"},
        {"profile": "CUSTOM", "customFeatures": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]},
        {"profile": "modern", "minTlsVersion": "TLS_1_3"},
    ),
    bad=(
        {},
        {"profile": "COMPATIBLE", "minTlsVersion": "TLS_1_2"},
        {"profile": "MODERN", "minTlsVersion": "TLS_1_1"},
        {"profile": "MODERN"},
        {"profile": "CUSTOM", "customFeatures": ["TLS_RSA_WITH_AES_128_GCM_SHA256"]},
        {"profile": "CUSTOM"},
        Sample(POLICIES[1], {"profile": "CUSTOM", "customFeatures": ["TLS_RSA_WITH_3DES_EDE_CBC_SHA"]}),
    ),
)
def modern_profile(policy: Resource) -> Iterator[Finding]:
    """COMPATIBLE, the default, still offers ciphers without forward secrecy: a stolen key opens old recordings.

    RESTRICTED and FIPS ciphers exist in TLS 1.2 and newer only, whatever the minimum says; MODERN ones go further back.
    """
    profile = policy.upper("profile") or "COMPATIBLE"
    if profile == "CUSTOM":
        features = policy.items("customFeatures")
        weak = [f for f in features if isinstance(f, str) and any(word in f.upper() for word in _WEAK)]
        if weak or not features:
            yield fail(policy, "customFeatures", f"offers {', '.join(weak)}" if weak else "is empty")
        elif any(not isinstance(f, str) for f in features):
            yield unsure(policy, "customFeatures")
    elif profile == "MODERN":
        if policy.upper("minTlsVersion") not in ("TLS_1_2", "TLS_1_3"):
            yield fail(policy, "minTlsVersion", f"is {policy.show('minTlsVersion')}: MODERN then speaks TLS 1.0")
    elif profile not in ("RESTRICTED", "FIPS_202205"):
        yield fail(policy, "profile", f"is {policy.show('profile')}: weak ciphers are offered")


@rule(
    id="tls-proxy-policy",
    clause="ENC-4",
    title="HTTPS and SSL proxies carry an SSL policy",
    severity="medium",
    types=HTTPS_PROXIES,
    decides=("sslPolicy",),
    graph=True,
    provenance=True,
    fix="ssl_policy=policy.id",
    references=("cis-gcp:3.9",),
    sources=_DOCS,
    traps=(45,),
    good=(
        (
            Sample(HTTPS_PROXIES[0], {"urlMap": "app", "sslPolicy": "modern"}, depends={"sslPolicy": ("policy",)}),
            Sample(POLICY, {"name": "modern", **_MODERN}, name="policy"),
        ),
        *(Sample(t, {"sslPolicy": "projects/p/global/sslPolicies/modern"}) for t in HTTPS_PROXIES[1:]),
    ),
    bad=tuple(Sample(t, {"urlMap": "app"}) for t in HTTPS_PROXIES),
)
def proxy_policy(proxy: Resource) -> Iterator[Finding]:
    """Without one, Google's default applies: TLS 1.0 and the COMPATIBLE profile."""
    if not proxy.has("sslPolicy"):
        yield fail(proxy, "sslPolicy", "is not set: TLS 1.0 and weak ciphers are accepted")
    elif not proxy.known("sslPolicy") and not (proxy.graph and proxy.graph.sources(proxy, "sslPolicy", *POLICIES)):
        yield unsure(proxy, "sslPolicy", "is not known yet and comes from no SSL policy of this stack")
