"""Objects under an old key version: found by listing, renewed by rewriting each onto itself.

A rewritten object is a new one, whose age begins anew. Where a lifecycle deletes by age, that would keep things longer
than the inventory says with every rotation (MIN-1): there they are only counted, and their age ends the old versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from jobs.cloud.key_versions import newest
from jobs.cloud.sql_admin import key_of
from jobs.core.http import Call, Http
from jobs.core.problems import Found, Unreachable
from jobs.storage.gcs import endpoint

_FIELDS = "items(name,generation,kmsKeyName,retentionExpirationTime,temporaryHold,eventBasedHold),nextPageToken"


class Rewriter:
    """With one identity. A rewrite onto itself takes the rights to read, to create and, to replace, to delete."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._base = f"{endpoint()}/storage/v1/b"

    def renew(self, bucket: str, *, dry_run: bool) -> tuple[str, str]:
        """The newest version of the bucket's key, and what was done in words."""
        on = f"gs://{bucket}"
        url = f"{self._base}/{bucket}"
        query = {"fields": "encryption,lifecycle"}
        answer = self._http.get_json(url, permission="storage.buckets.get", on=on, query=query)
        key = str((answer.get("encryption") or {}).get("defaultKmsKeyName", ""))
        if not key:
            raise Found("is not encrypted with a key of our own", clause="ENC-1")
        wanted = newest(self._http, key_of(key))
        ages = deleted_by_age(answer)
        old = held = renewed = 0
        for item in self._objects(bucket):
            if item.get("kmsKeyName") == wanted:
                continue
            old += 1
            if ages is not None:
                continue
            if _is_held(item):
                held += 1
            elif not dry_run:
                self._rewrite(bucket, item)
                renewed += 1
        if held:
            raise Found(f"{held} objects are locked under an older version of the key: do not destroy it")
        what = f"rewrote {renewed} objects"
        if ages is not None:
            what = f"{old} objects are under older versions until they are {ages} days old: destroy none before"
        elif dry_run:
            what = f"would rewrite {old} objects"
        return wanted, f"{what}; the newest version is {wanted.rpartition('/')[2]}"

    def _objects(self, bucket: str) -> Iterator[Mapping[str, Any]]:
        token = ""
        while True:
            query = {"fields": _FIELDS, "maxResults": "1000"} | ({"pageToken": token} if token else {})
            url = f"{self._base}/{bucket}/o"
            page = self._http.get_json(url, permission="storage.objects.list", on=f"gs://{bucket}", query=query)
            yield from page.get("items", [])
            token = str(page.get("nextPageToken", ""))
            if not token:
                return

    def _rewrite(self, bucket: str, item: Mapping[str, Any]) -> None:
        """Only while it is the object that was listed: what came in between is new, and encrypted as such."""
        name = quote(str(item["name"]), safe="")
        generation = str(item["generation"])
        query = {"sourceGeneration": generation, "ifGenerationMatch": generation}
        for _ in range(100_000):
            call = Call(
                method="POST",
                url=f"{self._base}/{bucket}/o/{name}/rewriteTo/b/{bucket}/o/{name}",
                permission="storage.objects.create",
                on=f"gs://{bucket}",
                query=query,
            )
            answer = self._http.call(call, accept=(200, 404, 412))
            if answer.status != 200:
                return
            progress = answer.json()
            if progress.get("done"):
                return
            query = {**query, "rewriteToken": str(progress.get("rewriteToken", ""))}
        raise Unreachable(f"gs://{bucket}: an object is not rewritten to its end")


def deleted_by_age(bucket: Mapping[str, Any]) -> int | None:
    """After how many days a lifecycle deletes what is live; None where it does not."""
    ages = [
        int(rule["condition"]["age"])
        for rule in (bucket.get("lifecycle") or {}).get("rule", [])
        if rule.get("action", {}).get("type") == "Delete"
        and "age" in rule.get("condition", {})
        and rule["condition"].get("isLive", True)
    ]
    return min(ages, default=None)


def _is_held(item: Mapping[str, Any]) -> bool:
    until = item.get("retentionExpirationTime")
    kept = bool(until) and datetime.fromisoformat(str(until)) > datetime.now(UTC)
    return kept or bool(item.get("temporaryHold")) or bool(item.get("eventBasedHold"))
