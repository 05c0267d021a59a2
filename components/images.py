"""Where images come from, and which may run: one registry, scanned, with tags that never move, and an attestor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, answered, days, require
from .keys import DataKey, KeyRing
from .projects import Project

REGISTRY = "artifactregistry.googleapis.com"
BINARY_AUTHORIZATION = "binaryauthorization.googleapis.com"


UPSTREAM_DAYS = 180
"""MIN-1: a package that was not taken anew for half a year is deleted; the next build takes it again."""

UPSTREAMS: Mapping[str, tuple[str, str]] = {
    "docker-hub": ("DOCKER", "DOCKER_HUB"),
    "maven-central": ("MAVEN", "MAVEN_CENTRAL"),
    "npm": ("NPM", "NPMJS"),
    "pypi": ("PYTHON", "PYPI"),
}
"""Public registries: their format, and what Artifact Registry calls them."""


@dataclass(frozen=True, kw_only=True)
class ImagesArgs:
    """Who pulls, who pushes, and where the signing key lies."""

    project: Project
    """The delivery project."""
    signing_ring: KeyRing
    """Where the attestor's key lies."""
    key: DataKey
    region: str
    pullers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member: the agents that start containers."""
    pushers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member: CI. Whoever pushes also signs."""
    upstreams: tuple[str, ...] = ()
    """Public registries that are reached through a repository of our own (DEP-1)."""
    keep_days: int = 90
    """MIN-1: untagged images older than this are deleted; the last ten versions always stay."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        strange = sorted(set(self.upstreams) - set(UPSTREAMS))
        require(not strange, "CIN-3", f"{', '.join(strange)} is none of {', '.join(UPSTREAMS)}")
        require(self.keep_days >= 7, "MIN-1", "an image stays for a week at least")
        require(self.key.location == self.region, "ENC-7", f"the key lies in {self.key.location}")


class Images(Component):
    """The registry, the attestor with its signing key, and the policy that every project which runs images adopts."""

    token = "hosting:delivery:Images"
    clauses: ClassVar[tuple[str, ...]] = ("CIN-2", "CIN-3", "DEP-1", "ENC-1", "MIN-1", "PRI-1")

    attestor_id: pulumi.Output[str]
    path: str
    """`<region>-docker.pkg.dev/<project>/<repository>/`: what every image name begins with."""

    def __init__(self, name: str, args: ImagesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        self.path = f"{args.region}-docker.pkg.dev/{args.project.project_id}/{name}/"
        self._registry()
        for upstream in args.upstreams:
            self._upstream(upstream)
        self.attestor_id = self._attestor().id
        self.register_outputs({"attestor_id": self.attestor_id})

    def _registry(self) -> None:
        args, project = self._args, self._args.project
        use = args.key.use_by(project.agent(REGISTRY), project)
        repository = gcp.artifactregistry.Repository(
            self._name,
            repository_id=self._name,
            project=project.project_id,
            location=args.region,
            format="DOCKER",
            mode="STANDARD_REPOSITORY",
            description="CIN-3: images of our own, by digest",
            kms_key_name=use.key_id,
            docker_config=gcp.artifactregistry.RepositoryDockerConfigArgs(immutable_tags=True),
            vulnerability_scanning_config=gcp.artifactregistry.RepositoryVulnerabilityScanningConfigArgs(
                enablement_config="INHERITED"
            ),
            cleanup_policy_dry_run=False,
            cleanup_policies=[
                gcp.artifactregistry.RepositoryCleanupPolicyArgs(
                    id="delete-untagged",
                    action="DELETE",
                    condition=gcp.artifactregistry.RepositoryCleanupPolicyConditionArgs(
                        tag_state="UNTAGGED", older_than=days(args.keep_days)
                    ),
                ),
                gcp.artifactregistry.RepositoryCleanupPolicyArgs(
                    id="keep-recent",
                    action="KEEP",
                    most_recent_versions=gcp.artifactregistry.RepositoryCleanupPolicyMostRecentVersionsArgs(
                        keep_count=10
                    ),
                ),
            ],
            labels=args.labels,
            opts=self.child(
                provider=project.provider,
                depends_on=[use.grant, project.api(REGISTRY), project.api("containerscanning.googleapis.com")],
                protect=args.protected,
            ),
        )
        for role, members in (("reader", args.pullers), ("writer", args.pushers)):
            for who, member in members.items():
                gcp.artifactregistry.RepositoryIamMember(
                    f"{self._name}-{who}-{role}",
                    project=project.project_id,
                    location=args.region,
                    repository=repository.name,
                    role=f"roles/artifactregistry.{role}",
                    member=member,
                    opts=self.child(provider=project.provider),
                )

    def _upstream(self, upstream: str) -> None:
        """What others publish, as it was when it was first taken: kept, scanned, and only read by builds."""
        args, project = self._args, self._args.project
        use = args.key.use_by(project.agent(REGISTRY), project)
        form, public = UPSTREAMS[upstream]
        repository = gcp.artifactregistry.Repository(
            upstream,
            repository_id=upstream,
            project=project.project_id,
            location=args.region,
            format=form,
            mode="REMOTE_REPOSITORY",
            description=f"CIN-3: what builds take from {upstream}",
            kms_key_name=use.key_id,
            remote_repository_config=_remote(form, public, upstream),
            vulnerability_scanning_config=gcp.artifactregistry.RepositoryVulnerabilityScanningConfigArgs(
                enablement_config="INHERITED"
            ),
            cleanup_policy_dry_run=False,
            cleanup_policies=[
                gcp.artifactregistry.RepositoryCleanupPolicyArgs(
                    id="delete-old",
                    action="DELETE",
                    condition=gcp.artifactregistry.RepositoryCleanupPolicyConditionArgs(
                        tag_state="ANY", older_than=days(UPSTREAM_DAYS)
                    ),
                )
            ],
            labels=args.labels,
            opts=self.child(
                provider=project.provider,
                depends_on=[use.grant, project.api(REGISTRY), project.api("containerscanning.googleapis.com")],
                protect=args.protected,
            ),
        )
        for who, member in args.pushers.items():
            gcp.artifactregistry.RepositoryIamMember(
                f"{upstream}-{who}-reader",
                project=project.project_id,
                location=args.region,
                repository=repository.name,
                role="roles/artifactregistry.reader",
                member=member,
                opts=self.child(provider=project.provider),
            )

    def _attestor(self) -> gcp.binaryauthorization.Attestor:
        args, project = self._args, self._args.project
        ring = args.signing_ring
        vault = ring.project
        key = gcp.kms.CryptoKey(
            f"{self._name}-signing",
            name=f"{self._name}-signing",
            key_ring=ring.path,
            purpose="ASYMMETRIC_SIGN",
            version_template=gcp.kms.CryptoKeyVersionTemplateArgs(
                algorithm="EC_SIGN_P256_SHA256", protection_level="SOFTWARE"
            ),
            destroy_scheduled_duration=days(30),
            import_only=False,
            skip_initial_version_creation=False,
            labels=args.labels,
            deletion_policy="PREVENT" if args.protected else "DELETE",
            opts=self.child(provider=vault.provider, protect=args.protected, depends_on=[ring.ring]),
        )
        version = gcp.kms.get_kms_crypto_key_version_output(
            crypto_key=key.id, opts=pulumi.InvokeOutputOptions(parent=self, provider=vault.provider)
        )
        for who, member in args.pushers.items():
            gcp.kms.CryptoKeyIAMMember(
                f"{self._name}-{who}-signs",
                crypto_key_id=key.id,
                role="roles/cloudkms.signerVerifier",
                member=member,
                opts=self.child(provider=vault.provider),
            )
        options = self.child(
            provider=project.provider,
            depends_on=[project.api("containeranalysis.googleapis.com"), project.api(BINARY_AUTHORIZATION)],
        )
        note = gcp.containeranalysis.Note(
            self._name,
            name=f"built-by-{self._name}",
            project=project.project_id,
            short_description="CIN-2: built and tested by CI",
            attestation_authority=gcp.containeranalysis.NoteAttestationAuthorityArgs(
                hint=gcp.containeranalysis.NoteAttestationAuthorityHintArgs(human_readable_name="Built by CI")
            ),
            opts=options,
        )
        return gcp.binaryauthorization.Attestor(
            self._name,
            name=f"built-by-{self._name}",
            project=project.project_id,
            description="CIN-2: CI vouches for what it built and tested",
            attestation_authority_note=gcp.binaryauthorization.AttestorAttestationAuthorityNoteArgs(
                note_reference=note.name,
                public_keys=[
                    gcp.binaryauthorization.AttestorAttestationAuthorityNotePublicKeyArgs(
                        id=answered(version.id, key),
                        pkix_public_key=gcp.binaryauthorization.AttestorAttestationAuthorityNotePublicKeyPkixPublicKeyArgs(
                            public_key_pem=answered(version.public_keys[0].pem, key),
                            signature_algorithm="ECDSA_P256_SHA256",
                        ),
                    )
                ],
            ),
            opts=options,
        )

    def admit_only_attested(self, project: Project) -> gcp.binaryauthorization.Policy:
        """The policy of a project that runs images: nothing starts without the attestor's word."""
        return gcp.binaryauthorization.Policy(
            f"{self._name}-{project.project_id}",
            project=project.project_id,
            description="CIN-2: only what CI built and tested",
            global_policy_evaluation_mode="ENABLE",
            default_admission_rule=gcp.binaryauthorization.PolicyDefaultAdmissionRuleArgs(
                evaluation_mode="REQUIRE_ATTESTATION",
                enforcement_mode="ENFORCED_BLOCK_AND_AUDIT_LOG",
                require_attestations_bies=[self.attestor_id],
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api(BINARY_AUTHORIZATION)]),
        )


def _remote(form: str, public: str, upstream: str) -> gcp.artifactregistry.RepositoryRemoteRepositoryConfigArgs:
    registry = gcp.artifactregistry
    kinds: dict[str, dict[str, object]] = {
        "DOCKER": {
            "docker_repository": registry.RepositoryRemoteRepositoryConfigDockerRepositoryArgs(public_repository=public)
        },
        "MAVEN": {
            "maven_repository": registry.RepositoryRemoteRepositoryConfigMavenRepositoryArgs(public_repository=public)
        },
        "NPM": {"npm_repository": registry.RepositoryRemoteRepositoryConfigNpmRepositoryArgs(public_repository=public)},
        "PYTHON": {
            "python_repository": registry.RepositoryRemoteRepositoryConfigPythonRepositoryArgs(public_repository=public)
        },
    }
    return registry.RepositoryRemoteRepositoryConfigArgs(
        description=upstream,
        disable_upstream_validation=False,
        **kinds[form],  # type: ignore[arg-type]
    )
