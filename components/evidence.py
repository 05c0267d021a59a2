"""What jobs leave behind: signed evidence where nobody can change it, and the keys that sign it and seal exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, days, known, require
from .bucket import Bucket, BucketArgs, Grant
from .keys import DataKey, KeyRing
from .projects import Project
from .roles import Role, RoleArgs

NAME = "evidence"


@dataclass(frozen=True, kw_only=True)
class EvidenceArgs:
    """Where evidence lies and for how long; who adds to it and signs, who reads anchors, who seals and unseals."""

    project: Project
    """The audit project: who runs the jobs does not administer what they found."""
    key: DataKey
    """Of the bucket."""
    signing_ring: KeyRing
    sealing_ring: KeyRing
    """In the backup region: what is sealed lies there."""
    region: str
    retention_days: int
    lock: bool
    lock_acknowledged: bool
    access_log_bucket: pulumi.Input[str]
    jobs: Mapping[str, pulumi.Input[str]]
    """Name to member: each job that leaves evidence."""
    readers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Those that hold new findings against earlier ones, or name the last good one."""
    sealers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    unsealers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.retention_days >= 400, "BAK-6", "evidence stays as long as logs: 400 days or more")
        require(not self.lock or self.lock_acknowledged, "BAK-6", "a locked retention has to be acknowledged")
        both = sorted(set(self.sealers) & set(self.unsealers))
        require(not both, "ENC-6", f"{', '.join(both)} would both seal exports and open them")


class Evidence(Component):
    """A locked bucket to which jobs add, a key with which they sign, and a key that wraps those of exports.

    A job that exports can seal and never open; the drill can open and never seal. The key is apart from that of the
    bucket, so that who reads the bucket reads nothing.
    """

    token = "hosting:jobs:Evidence"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-6", "LOG-7", "ENC-5", "ENC-6", "ACC-10")

    bucket_name: pulumi.Output[str]
    signing_key: pulumi.Output[str]
    """Full name of the one version there is: a signing key does not rotate, its public half is known to reviewers."""
    sealing_key: pulumi.Output[str]
    uses: list[gcp.kms.CryptoKeyIAMMember]
    """The rights to use these keys: a job waits for them."""

    def __init__(self, name: str, args: EvidenceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._args, self.uses = args, []
        project, vault = args.project, args.signing_ring.project
        add = self._role(project, "evidenceWriter", "Adds evidence, and nothing else", "storage.objects.create")
        read = self._role(
            project,
            "evidenceReader",
            "Reads evidence, and nothing else",
            "storage.objects.get",
            "storage.objects.list",
        )
        bucket = Bucket(
            NAME,
            BucketArgs(
                project=project,
                key=args.key,
                bucket_name=f"{project.project_id}-{NAME}",
                region=args.region,
                retention_days=args.retention_days,
                lock=args.lock,
                delete_after_days=args.retention_days + 30,
                access_log_bucket=args.access_log_bucket,
                grants={
                    **{f"{who}-adds": Grant(role=add, member=member) for who, member in args.jobs.items()},
                    **{f"{who}-reads": Grant(role=read, member=member) for who, member in args.readers.items()},
                },
                labels=args.labels,
                protected=args.protected,
            ),
            self.child(),
        )
        self.bucket_name = bucket.bucket_name
        signs = self._role(vault, "evidenceSigner", "Signs evidence", "cloudkms.cryptoKeyVersions.useToSign")
        signing = self._signing(signs)
        self.signing_key = pulumi.Output.concat(signing, "/cryptoKeyVersions/1")
        self.sealing_key = self._sealing()
        self.register_outputs({"bucket_name": self.bucket_name})

    def _role(self, project: Project, role_id: str, title: str, *permissions: str) -> pulumi.Output[str]:
        args = RoleArgs(project=project, role_id=role_id, title=title, description=title, permissions=permissions)
        return Role(role_id, args, self.child()).role

    def _signing(self, role: pulumi.Output[str]) -> pulumi.Output[str]:
        args, ring = self._args, self._args.signing_ring
        key = gcp.kms.CryptoKey(
            "evidence-signing",
            name="evidence-signing",
            key_ring=known(ring.path, ring.ring),
            purpose="ASYMMETRIC_SIGN",
            version_template=gcp.kms.CryptoKeyVersionTemplateArgs(
                algorithm="EC_SIGN_ED25519", protection_level="SOFTWARE"
            ),
            destroy_scheduled_duration=days(30),
            import_only=False,
            skip_initial_version_creation=False,
            labels=args.labels,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            opts=self.child(provider=ring.project.provider, protect=args.protected),
        )
        key_id = known(f"{ring.path}/cryptoKeys/evidence-signing", key)
        for who, member in args.jobs.items():
            self._use(f"{who}-signs", key_id, role, member, ring)
        return key_id

    def _sealing(self) -> pulumi.Output[str]:
        args, ring = self._args, self._args.sealing_ring
        key = gcp.kms.CryptoKey(
            "export-sealing",
            name="export-sealing",
            key_ring=known(ring.path, ring.ring),
            purpose="ENCRYPT_DECRYPT",
            rotation_period=days(90),
            destroy_scheduled_duration=days(120),
            version_template=gcp.kms.CryptoKeyVersionTemplateArgs(
                algorithm="GOOGLE_SYMMETRIC_ENCRYPTION", protection_level="SOFTWARE"
            ),
            import_only=False,
            skip_initial_version_creation=False,
            labels=args.labels,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            opts=self.child(provider=ring.project.provider, protect=args.protected),
        )
        key_id = known(f"{ring.path}/cryptoKeys/export-sealing", key)
        vault = ring.project
        seals = self._role(vault, "exportSealer", "Seals exports", "cloudkms.cryptoKeyVersions.useToEncrypt")
        opens = self._role(vault, "exportOpener", "Opens exports", "cloudkms.cryptoKeyVersions.useToDecrypt")
        for who, member in args.sealers.items():
            self._use(f"{who}-seals", key_id, seals, member, ring)
        for who, member in args.unsealers.items():
            self._use(f"{who}-opens", key_id, opens, member, ring)
        return key_id

    def _use(
        self, name: str, key: pulumi.Output[str], role: pulumi.Output[str], member: pulumi.Input[str], ring: KeyRing
    ) -> None:
        options = self.child(provider=ring.project.provider)
        self.uses.append(gcp.kms.CryptoKeyIAMMember(name, crypto_key_id=key, role=role, member=member, opts=options))
