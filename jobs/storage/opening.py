"""From the address of a store to the store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from jobs.core.http import Http, is_local
from jobs.core.log import Log
from jobs.core.problems import Misconfigured
from jobs.storage.base import ObjectStore
from jobs.storage.folder import FolderStore
from jobs.storage.gcs import GcsStore
from jobs.storage.s3 import Lock, S3Store

FORMS = (
    "gs://BUCKET[/PREFIX], s3://BUCKET[/PREFIX][?endpoint=https://HOST&region=REGION&lock_days=DAYS] or file:///FOLDER"
)


def open_store(address: str, log: Log, http: Http | None = None) -> ObjectStore:
    """The store of an address; nothing is asked of it yet."""
    parts = urlsplit(address)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = sorted(
        options.keys() - ({"endpoint", "region", "lock_days", "lock_mode"} if parts.scheme == "s3" else set())
    )
    if parts.scheme not in ("gs", "s3", "file") or unknown or parts.fragment:
        what = f"has unknown options ({', '.join(unknown)})" if unknown else "is no address of a store"
        raise Misconfigured(f"{address} {what}", fix=FORMS)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise Misconfigured(f"{address} is no absolute folder", fix=FORMS)
        return FolderStore(Path(parts.path))
    if not parts.netloc:
        raise Misconfigured(f"{address} names no bucket", fix=FORMS)
    if parts.scheme == "gs":
        return GcsStore(http or Http(log), parts.netloc, parts.path)
    endpoint = options.get("endpoint")
    if endpoint and urlsplit(endpoint).scheme != "https" and not is_local(endpoint):
        raise Misconfigured(f"{endpoint} is not https: nothing is sent in plain text")
    return S3Store(
        log,
        parts.netloc,
        parts.path,
        endpoint=endpoint,
        region=options.get("region"),
        lock=_lock(options),
    )


def _lock(options: dict[str, str]) -> Lock | None:
    if "lock_days" not in options:
        return None
    days, mode = options["lock_days"], options.get("lock_mode", "COMPLIANCE")
    if not days.isdigit() or int(days) < 1 or mode not in ("COMPLIANCE", "GOVERNANCE"):
        raise Misconfigured("lock_days is a number of days, lock_mode COMPLIANCE or GOVERNANCE", clause="BAK-4")
    return Lock(int(days), mode)
