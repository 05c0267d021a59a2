"""Encryption keys: one for each class of data, in a project apart from the data, usable by service agents only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, days, known, require
from .projects import Project, ServiceAgent

ENCRYPT_DECRYPT = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


@dataclass(frozen=True, kw_only=True)
class KeyRingArgs:
    """A place for keys."""

    project: Project
    location: str
    """Region of the data (ENC-7)."""
    protected: bool = True


class KeyRing(Component):
    """The keys of one region. Key rings outlive every stack: Google never deletes one."""

    token = "hosting:encryption:KeyRing"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-5", "ENC-7")

    project: Project
    location: str
    ring: gcp.kms.KeyRing
    path: str
    """Full resource name."""

    def __init__(self, name: str, args: KeyRingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self.project, self.location = args.project, args.location
        self.path = f"projects/{args.project.project_id}/locations/{args.location}/keyRings/{name}"
        self.ring = gcp.kms.KeyRing(
            name,
            name=name,
            project=args.project.project_id,
            location=args.location,
            opts=self.child(
                provider=args.project.provider,
                depends_on=[args.project.api("cloudkms.googleapis.com")],
                protect=args.protected,
            ),
        )
        self.register_outputs({"path": self.path})


@dataclass(frozen=True, kw_only=True)
class KeyUse:
    """A key together with the permission to use it: a resource that takes the one has to wait for the other."""

    key_id: pulumi.Output[str]
    grant: gcp.kms.CryptoKeyIAMMember


@dataclass(frozen=True, kw_only=True)
class DataKeyArgs:
    """The key of one class of data."""

    ring: KeyRing
    data_class: str
    rotation_days: int = 90
    """ENC-2; CIS GCP 1.10 names 90 days. New versions encrypt new data; old data is re-encrypted by a job (ENC-8)."""
    destroy_delay_days: int = 30
    """ENC-5. Google fixes it when the key is made, so it can never be raised later."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(1 <= self.rotation_days <= 90, "ENC-2", f"a key rotates within 90 days, not {self.rotation_days}")
        require(
            30 <= self.destroy_delay_days <= 120,
            "ENC-5",
            f"a key version stays recoverable for 30 to 120 days, not {self.destroy_delay_days}",
        )


class DataKey(Component):
    """A symmetric AES-256 key. Destroying it would destroy all data of its class, so nothing here ever does."""

    token = "hosting:encryption:DataKey"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-1", "ENC-2", "ENC-5", "ENC-6", "ENC-7")

    key_id: pulumi.Output[str]
    """Full resource name, as other resources want it."""

    location: str
    data_class: str

    def __init__(self, name: str, args: DataKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._provider = name, args.ring.project.provider
        self.location, self.data_class = args.ring.location, args.data_class
        self._grants: dict[str, gcp.kms.CryptoKeyIAMMember] = {}
        key = gcp.kms.CryptoKey(
            name,
            name=args.data_class,
            key_ring=known(args.ring.path, args.ring.ring),
            purpose="ENCRYPT_DECRYPT",
            rotation_period=days(args.rotation_days),
            destroy_scheduled_duration=days(args.destroy_delay_days),
            version_template=gcp.kms.CryptoKeyVersionTemplateArgs(
                algorithm="GOOGLE_SYMMETRIC_ENCRYPTION", protection_level="SOFTWARE"
            ),
            import_only=False,
            skip_initial_version_creation=False,
            labels=args.labels,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            opts=self.child(provider=self._provider, protect=args.protected),
        )
        self.key_id = known(f"{args.ring.path}/cryptoKeys/{args.data_class}", key)
        self.register_outputs({"key_id": self.key_id})

    def use_by(self, agent: ServiceAgent, project: Project) -> KeyUse:
        """Let the agent of a service encrypt and decrypt, and nobody else. People and workloads never hold the role."""
        who = f"{agent.service.removesuffix('.googleapis.com')}-{project.project_id}"
        if who not in self._grants:
            self._grants[who] = gcp.kms.CryptoKeyIAMMember(
                f"{self._name}-{who}",
                crypto_key_id=self.key_id,
                role=ENCRYPT_DECRYPT,
                member=agent.member,
                opts=self.child(provider=self._provider),
            )
        return KeyUse(key_id=self.key_id, grant=self._grants[who])
