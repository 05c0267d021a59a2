"""Which version of a key is the newest: what data should be encrypted with after a rotation."""

from __future__ import annotations

import os

from jobs.core.http import Http
from jobs.core.kms import ENDPOINT, ENDPOINT_VARIABLE, is_version, required_key
from jobs.core.problems import Found


def newest(http: Http, key: str) -> str:
    """The full name of the primary version."""
    base = os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip("/")
    answer = http.get_json(f"{base}/v1/{required_key(key)}", permission="cloudkms.cryptoKeys.get", on=key)
    primary = answer.get("primary") or {}
    name = str(primary.get("name", ""))
    if not is_version(name):
        raise Found(f"{key} has no version in use", clause="ENC-8")
    if primary.get("state") not in (None, "ENABLED"):
        raise Found(f"{name} is {primary.get('state')}: nothing can be encrypted with it", clause="ENC-5")
    return name
