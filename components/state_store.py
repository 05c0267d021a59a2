"""Where the state of every stack lies, and the key that encrypts the secrets in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .access_log import AccessLog, AccessLogArgs
from .base import Component, require
from .bucket import Bucket, BucketArgs, Grant
from .keys import ENCRYPT_DECRYPT, DataKey, DataKeyArgs, KeyRing, KeyRingArgs
from .projects import Project

STATE, ACCESS_LOG, SECRETS = "state", "state-access-log", "secrets"


@dataclass(frozen=True, kw_only=True)
class StateStoreArgs:
    """Where it lies, and who may do what with it."""

    project: Project
    """The delivery project, which has the bucket and the key of the secrets."""
    vault: Project
    """The keys' own project, which has the bucket's key: who administers the bucket cannot take its key away."""
    region: str
    noncurrent_days: int = 180
    lock_log: bool = False
    """Make the retention of the log of access irrevocable (LOG-3)."""
    readers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member: who may preview."""
    writers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member: who may apply."""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By store: the state, and the log of access to it."""

    def __post_init__(self) -> None:
        require(bool(self.writers), "CHG-1", "somebody has to write the state")
        both = sorted(set(self.readers) & set(self.writers))
        require(not both, "CHG-3", f"{', '.join(both)} cannot be a reader and a writer")
        require(self.noncurrent_days >= 30, "CHG-1", "an earlier state stays readable for 30 days at least")


class StateStore(Component):
    """A bucket that keeps every version, encrypted with a key of its own, and a key for the secrets inside.

    It has no retention policy: the engine overwrites states and removes its locks, which a retention would refuse. What
    protects the history are versions, soft delete, and a lifecycle that only ever touches what was overwritten.
    """

    token = "hosting:bootstrap:StateStore"
    clauses: ClassVar[tuple[str, ...]] = ("CHG-1", "CHG-2", "CHG-3", "ENC-7", "LOG-8")

    url: str
    """What `pulumi login` takes."""
    secrets_provider: str
    """What `pulumi stack init --secrets-provider` takes."""

    def __init__(self, name: str, args: StateStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        project = args.project
        ring = KeyRing(f"state-{args.region}", KeyRingArgs(project=args.vault, location=args.region), self.child())
        keys = {
            store: DataKey(
                f"key-{store}",
                DataKeyArgs(ring=ring, data_class=store, labels=args.labels.get(store, {})),
                self.child(),
            )
            for store in (STATE, ACCESS_LOG)
        }
        log = AccessLog(
            ACCESS_LOG,
            AccessLogArgs(
                project=project,
                key=keys[ACCESS_LOG],
                region=args.region,
                lock=args.lock_log,
                labels=args.labels.get(ACCESS_LOG, {}),
            ),
            self.child(),
        )
        bucket_name = f"{project.project_id}-state"
        Bucket(
            STATE,
            BucketArgs(
                project=project,
                key=keys[STATE],
                bucket_name=bucket_name,
                region=args.region,
                delete_after_days=None,
                noncurrent_days=args.noncurrent_days,
                soft_delete_days=30,
                access_log_bucket=log.bucket_name,
                grants={
                    **{who: Grant(role="roles/storage.objectViewer", member=m) for who, m in args.readers.items()},
                    **{who: Grant(role="roles/storage.objectUser", member=m) for who, m in args.writers.items()},
                },
                labels=args.labels.get(STATE, {}),
            ),
            self.child(),
        )
        self.url = f"gs://{bucket_name}"
        self.secrets_provider = self._secrets()
        self.register_outputs({"url": self.url, "secrets_provider": self.secrets_provider})

    def _secrets(self) -> str:
        """The key of the secrets in states: whoever previews has to open them, only who applies writes new ones."""
        args = self._args
        ring = KeyRing(
            f"{SECRETS}-{args.region}", KeyRingArgs(project=args.project, location=args.region), self.child()
        )
        shared = {name: value for name, value in args.labels.get(STATE, {}).items() if name != "store"}
        key = DataKey(
            f"key-{SECRETS}",
            DataKeyArgs(ring=ring, data_class=SECRETS, labels={**shared, "data-class": SECRETS}),
            self.child(),
        )
        for role, members in (("roles/cloudkms.cryptoKeyDecrypter", args.readers), (ENCRYPT_DECRYPT, args.writers)):
            for who, member in members.items():
                gcp.kms.CryptoKeyIAMMember(
                    f"{self._name}-{SECRETS}-{who}",
                    crypto_key_id=key.key_id,
                    role=role,
                    member=member,
                    opts=self.child(provider=args.project.provider),
                )
        return f"gcpkms://{ring.path}/cryptoKeys/{SECRETS}"
