"""The function that Identity Platform asks before it lets anybody in: its code, identity, place and only caller."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, known, require
from .bucket import Bucket, BucketArgs, Grant
from .identities import Identity, IdentityArgs
from .keys import DataKey
from .network import Network
from .projects import Project
from .roles import Role, RoleArgs

FUNCTIONS = "cloudfunctions.googleapis.com"
IDENTITY_TOOLKIT = "identitytoolkit.googleapis.com"
NEEDED = ("artifactregistry.googleapis.com", "cloudbuild.googleapis.com", "run.googleapis.com")
RUNTIME = "python312"
BUILD = (
    "artifactregistry.dockerimages.get",
    "artifactregistry.repositories.downloadArtifacts",
    "artifactregistry.repositories.uploadArtifacts",
    "logging.logEntries.create",
)
"""What a build needs: to write its log, and to fetch and store the image it makes."""
CODE = Path(__file__).resolve().parent.parent / "jobs" / "reject_password" / "main.py"


AUTOMATIC = gcp.cloudfunctionsv2.FunctionBuildConfigAutomaticUpdatePolicyArgs()  # type: ignore[no-untyped-call]
"""DEP-4: Google patches the runtime of the running function."""


@dataclass(frozen=True, kw_only=True)
class BlockingFunctionArgs:
    """Where it runs and where its code lies."""

    project: Project
    network: Network
    key: DataKey
    """Of the class of the code."""
    region: str
    source_days: int
    """MIN-1: age at which code is deleted from the bucket; a running function does not need it."""
    entry_point: str = "reject_password"
    code: Path = CODE
    min_instances: int = 1
    """Identity Platform waits 7 seconds for an answer; without one a sign-in fails. One instance is always there."""
    max_instances: int = 20
    access_log_bucket: pulumi.Input[str] | None = None
    bucket_labels: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.code.is_file(), "VER-2", f"{self.code} does not exist: there is nothing that rejects passwords")
        require(1 <= self.min_instances <= self.max_instances, "VER-2", "at least one instance has to be there")


class BlockingFunction(Component):
    """It may do nothing in the project, sees the private network only, and answers nobody but Identity Platform.

    Identity Platform calls from outside of every network, so traffic is let in; what keeps others out is that its own
    service agent is the only one who may invoke.
    """

    token = "hosting:identity:BlockingFunction"
    clauses: ClassVar[tuple[str, ...]] = ("VER-2", "ACC-5", "ENC-1", "HOS-1", "DEP-4")

    url: pulumi.Output[str]

    def __init__(self, name: str, args: BlockingFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        project = args.project
        runtime = self._identity(name, "decides on sign-ins; may do nothing in the project")
        builder = self._identity(f"{name}-build", "builds the function that decides on sign-ins", *BUILD)
        bucket, source = self._source(builder)
        function = gcp.cloudfunctionsv2.Function(
            name,
            name=name,
            project=project.project_id,
            location=args.region,
            description="VER-2: rejects passwords",
            build_config=gcp.cloudfunctionsv2.FunctionBuildConfigArgs(
                runtime=RUNTIME,
                entry_point=args.entry_point,
                service_account=builder.account.id,
                automatic_update_policy=AUTOMATIC,
                source=gcp.cloudfunctionsv2.FunctionBuildConfigSourceArgs(
                    storage_source=gcp.cloudfunctionsv2.FunctionBuildConfigSourceStorageSourceArgs(
                        bucket=bucket, object=source.name
                    )
                ),
            ),
            service_config=gcp.cloudfunctionsv2.FunctionServiceConfigArgs(
                service_account_email=runtime.account.email,
                ingress_settings="ALLOW_ALL",
                all_traffic_on_latest_revision=True,
                available_memory="256M",
                timeout_seconds=7,
                min_instance_count=args.min_instances,
                max_instance_count=args.max_instances,
                direct_vpc_egress="VPC_EGRESS_ALL_TRAFFIC",
                direct_vpc_network_interfaces=[
                    gcp.cloudfunctionsv2.FunctionServiceConfigDirectVpcNetworkInterfaceArgs(
                        network=args.network.network_id, subnetwork=args.network.subnet_id, tags=[name]
                    )
                ],
            ),
            labels=args.labels,
            opts=self.child(
                provider=project.provider, depends_on=[project.api(FUNCTIONS), *(project.api(api) for api in NEEDED)]
            ),
        )
        self.url = known(f"https://{args.region}-{project.project_id}.cloudfunctions.net/{name}", function)
        gcp.cloudrunv2.ServiceIamMember(
            name,
            project=project.project_id,
            location=args.region,
            name=known(name, function),
            role="roles/run.invoker",
            member=project.agent(IDENTITY_TOOLKIT).member,
            opts=self.child(provider=project.provider),
        )
        self.register_outputs({"url": self.url})

    def _identity(self, account: str, purpose: str, *permissions: str) -> Identity:
        args = IdentityArgs(
            project=self._args.project, account_id=account, purpose=purpose, permissions=tuple(permissions)
        )
        return Identity(account, args, self.child())

    def _source(self, builder: Identity) -> tuple[pulumi.Output[str], gcp.storage.BucketObject]:
        """The code in a bucket of its own. Its name carries its digest, so that other code is another deployment."""
        args = self._args
        title = "Reads the code of functions, and nothing else"
        read = Role(
            f"{self._name}-source",
            RoleArgs(
                project=args.project,
                role_id="sourceReader",
                title=title,
                description=title,
                permissions=("storage.objects.get", "storage.objects.list"),
            ),
            self.child(),
        )
        bucket = Bucket(
            f"{self._name}-source",
            BucketArgs(
                project=args.project,
                key=args.key,
                bucket_name=f"{args.project.project_id}-{self._name}-source",
                region=args.region,
                delete_after_days=args.source_days,
                access_log_bucket=args.access_log_bucket,
                grants={"build": Grant(role=read.role, member=builder.member)},
                labels=args.bucket_labels,
                protected=args.protected,
            ),
            self.child(),
        )
        digest = hashlib.sha256(args.code.read_bytes()).hexdigest()
        source = gcp.storage.BucketObject(
            self._name,
            bucket=bucket.bucket_name,
            name=f"{self._name}-{digest[:16]}.zip",
            source=pulumi.AssetArchive({"main.py": pulumi.FileAsset(str(args.code))}),
            content_type="application/zip",
            opts=self.child(provider=args.project.provider),
        )
        return bucket.bucket_name, source
