"""Run the real program under mocks and keep what it registered, as plain data.

`record_stack()` runs the whole of `__main__.py` with a stack file; `record(build)` runs any function that makes
resources. Both return when every resource is registered, so that assertions stand outside of `.apply`.
Resources carry what the engine would be told: inputs, secrets, parent, provider, dependencies, options.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import json
import os
import runpy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi
from pulumi.output import Unknown
from pulumi.runtime import mocks, rpc
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import get_root_resource, set_root_resource
from pulumi.runtime.stack import run_pulumi_func
from ruamel.yaml import YAML

from settings import access as matrix
from settings import inventory
from settings.rows import Document

ROOT = Path(__file__).parent.parent
PROJECT = "secure-hosting"
TODAY = "2027-01-15"
PROJECT_NUMBER = 123456789012


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One resource as it was registered. Secrets stand in plain text in `inputs`; `secrets` has their paths."""

    urn: str
    type: str
    name: str
    custom: bool
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    secrets: frozenset[str]
    parent: str
    provider: str
    """`<urn>::<id>` of an explicit provider, empty where the default provider would be used."""
    dependencies: tuple[str, ...]
    property_dependencies: dict[str, tuple[str, ...]]
    protect: bool
    ignore_changes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Everything a program registered, in order, and what it exported."""

    resources: tuple[Recorded, ...]
    exports: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self.resources)

    def of(self, kind: str) -> list[Recorded]:
        """All resources of a type."""
        return [resource for resource in self if resource.type == kind]

    def one(self, kind: str, name: str | None = None) -> Recorded:
        """The only resource of a type, or the only one of that name."""
        found = [resource for resource in self.of(kind) if name in (None, resource.name)]
        assert len(found) == 1, f"{len(found)} resources of {kind} {name or ''}: {[r.name for r in found]}"
        return found[0]

    def by_urn(self, urn: str) -> Recorded:
        """The resource of a URN."""
        return next(resource for resource in self if resource.urn == urn)

    def before(self, resource: Recorded) -> set[str]:
        """The URNs of everything that exists before a resource is made: what it depends on, and so on."""
        found: set[str] = set()
        ahead = set(resource.dependencies)
        while ahead:
            urn = ahead.pop()
            found.add(urn)
            ahead |= set(self.by_urn(urn).dependencies) - found
        return found


class _Cloud(mocks.Mocks):
    """Answers as the providers do: ids and computed outputs of the right shape, or none of them in a preview."""

    def __init__(self, *, preview: bool) -> None:
        self.preview = preview

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if self.preview:
            return "", {key: value for key, value in args.inputs.items() if value is not None}
        return _created(args)

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        project = args.args.get("project", "project")
        if args.token == "gcp:storage/getProjectServiceAccount:getProjectServiceAccount":
            email = f"service-{PROJECT_NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
            return {
                "id": email,
                "emailAddress": email,
                "member": f"serviceAccount:{email}",
                "project": project,
                "uniqueId": "1",
            }, []
        if args.token == "gcp:kms/getKMSCryptoKeyVersion:getKMSCryptoKeyVersion":
            key = {"algorithm": "EC_SIGN_P256_SHA256", "pem": "-----BEGIN PUBLIC KEY-----"}
            return {"id": f"{args.args['cryptoKey']}/cryptoKeyVersions/1", "publicKeys": [key]}, []
        if args.token == "gcp:bigquery/getDefaultServiceAccount:getDefaultServiceAccount":
            email = f"bq-{PROJECT_NUMBER}@bigquery-encryption.iam.gserviceaccount.com"
            return {"id": email, "email": email, "member": f"serviceAccount:{email}", "project": project}, []
        if args.token == "gcp:logging/getProjectCmekSettings:getProjectCmekSettings":
            email = f"service-{PROJECT_NUMBER}@gcp-sa-logging.iam.gserviceaccount.com"
            return {"id": f"projects/{project}/cmekSettings", "project": project, "serviceAccountId": email}, []
        if args.token == "gcp:organizations/getProject:getProject":
            project = args.args.get("projectId", project)
            return {"id": f"projects/{project}", "number": str(PROJECT_NUMBER), "projectId": project}, []
        if args.token.startswith("render:") and args.token.endswith("ConnectionInfo"):
            return {"internalConnectionString": "address-of-the-mock-with-a-password"}, []
        raise AssertionError(f"the recorder has no answer to {args.token}; add one to _Cloud.call")


_PLACE = "projects/{project}/locations/{location}"

FIXED_IDS = {
    "gcp:backupdisasterrecovery/backupPlan:BackupPlan": f"{_PLACE}/backupPlans/{{backupPlanId}}",
    "gcp:backupdisasterrecovery/backupVault:BackupVault": f"{_PLACE}/backupVaults/{{backupVaultId}}",
    "gcp:bigquery/dataset:Dataset": "projects/{project}/datasets/{datasetId}",
    "gcp:compute/network:Network": "projects/{project}/global/networks/{name}",
    "gcp:compute/subnetwork:Subnetwork": "projects/{project}/regions/{region}/subnetworks/{name}",
    "gcp:kms/cryptoKey:CryptoKey": "{keyRing}/cryptoKeys/{name}",
    "gcp:kms/keyRing:KeyRing": "projects/{project}/locations/{location}/keyRings/{name}",
    "gcp:pubsub/topic:Topic": "projects/{project}/topics/{name}",
    "gcp:sql/databaseInstance:DatabaseInstance": "{name}",
    "gcp:storage/bucket:Bucket": "{name}",
}
"""The ids of types whose id is all that is made up for them."""


def _created(args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
    """The id and the outputs of a resource that has been created."""
    inputs = args.inputs
    project = inputs.get("project", "project")
    name = inputs.get("name", args.name)
    outputs = {**inputs, "name": name}
    identifier = FIXED_IDS.get(args.typ, "{project}/{name}").format(**{**inputs, "project": project, "name": name})
    match args.typ:
        case "gcp:backupdisasterrecovery/backupVault:BackupVault":
            outputs["serviceAccount"] = f"vault-{PROJECT_NUMBER}@gcp-sa-backupdr-pr.iam.gserviceaccount.com"
        case "gcp:serviceaccount/account:Account":
            email = f"{inputs['accountId']}@{project}.iam.gserviceaccount.com"
            identifier = f"projects/{project}/serviceAccounts/{email}"
            outputs |= {"email": email, "member": f"serviceAccount:{email}", "name": identifier}
            outputs["uniqueId"] = "1" + "0" * 20
        case "gcp:projects/serviceIdentity:ServiceIdentity":
            service = str(inputs["service"]).removesuffix(".googleapis.com")
            email = f"service-{PROJECT_NUMBER}@gcp-sa-{service}.iam.gserviceaccount.com"
            outputs |= {"email": email, "member": f"serviceAccount:{email}"}
        case "gcp:projects/iAMCustomRole:IAMCustomRole":
            identifier = outputs["name"] = f"projects/{project}/roles/{inputs['roleId']}"
        case "gcp:sql/databaseInstance:DatabaseInstance":
            outputs["connectionName"] = f"{project}:{inputs['region']}:{name}"
            outputs["serviceAccountEmailAddress"] = f"p{PROJECT_NUMBER}-abc@gcp-sa-cloud-sql.iam.gserviceaccount.com"
        case "gcp:secretmanager/secret:Secret":
            identifier = outputs["name"] = f"projects/{project}/secrets/{inputs['secretId']}"
        case "gcp:storage/bucket:Bucket":
            outputs |= {"url": f"gs://{name}", "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}"}
        case "gcp:logging/projectSink:ProjectSink" | "gcp:logging/organizationSink:OrganizationSink":
            owner = f"organizations/{inputs['orgId']}" if "orgId" in inputs else f"projects/{project}"
            writer = f"service-{'org-' if 'orgId' in inputs else ''}{PROJECT_NUMBER}"
            identifier = f"{owner}/sinks/{name}"
            outputs["writerIdentity"] = f"serviceAccount:{writer}@gcp-sa-logging.iam.gserviceaccount.com"
        case "render:services:WebService" | "render:services:StaticSite":
            outputs["slug"] = f"{name}-slug"
        case "random:index/randomId:RandomId":
            identifier, outputs["hex"] = "q83v", "abcdef"
        case "random:index/randomPassword:RandomPassword":
            identifier, outputs["result"] = "none", "generated-password-of-the-mock"
        case _:
            identifier = _ground(args, outputs) or identifier
    outputs |= _watching(args, project)
    return identifier, outputs


def _ground(args: mocks.MockResourceArgs, outputs: dict[str, Any]) -> str | None:
    """The same for what the bootstrap program makes first."""
    inputs = args.inputs
    match args.typ:
        case "gcp:organizations/project:Project":
            outputs["number"] = str(PROJECT_NUMBER)
            return f"projects/{inputs['projectId']}"
        case "gcp:organizations/folder:Folder":
            outputs["name"] = "folders/345678901234"
            return str(outputs["name"])
        case "gcp:iam/workloadIdentityPool:WorkloadIdentityPool":
            pool = f"workloadIdentityPools/{inputs['workloadIdentityPoolId']}"
            outputs["name"] = f"projects/{PROJECT_NUMBER}/locations/global/{pool}"
            return str(outputs["name"])
    return None


def _watching(args: mocks.MockResourceArgs, project: str) -> dict[str, Any]:
    """What Cloud Monitoring tells of checks and objectives."""
    inputs = args.inputs
    if args.typ == "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig":
        return {"uptimeCheckId": f"{args.name}-abcdef"}
    if args.typ == "gcp:monitoring/slo:Slo":
        service = f"projects/{project}/services/{inputs['service']}"
        return {"name": f"{service}/serviceLevelObjectives/{inputs['sloId']}"}
    return {}


class _Monitor(mocks.MockMonitor):
    """A mock monitor that keeps the requests themselves: options and dependencies are seen nowhere else."""

    def __init__(self, *, preview: bool) -> None:
        super().__init__(_Cloud(preview=preview))
        self.recorded: list[Recorded] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        """Event loops that the SDK opens in its threads and leaves open."""

    def Invoke(self, request: Any) -> Any:
        answer = super().Invoke(request)  # type: ignore[no-untyped-call]
        self.loops.add(asyncio.get_event_loop())
        return answer

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.loops.add(asyncio.get_event_loop())
            inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
            secrets = frozenset(_secrets(inputs))
            self.recorded.append(
                Recorded(
                    urn=answer.urn,
                    type=request.type,
                    name=request.name,
                    custom=request.custom,
                    inputs={key: _plain(value) for key, value in inputs.items()},
                    outputs={key: _plain(value) for key, value in rpc.deserialize_properties(answer.object).items()},
                    secrets=secrets | frozenset(request.additionalSecretOutputs),
                    parent=request.parent,
                    provider=request.provider,
                    dependencies=tuple(sorted(request.dependencies)),
                    property_dependencies={
                        key: tuple(sorted(value.urns)) for key, value in request.propertyDependencies.items()
                    },
                    protect=request.protect,
                    ignore_changes=tuple(request.ignoreChanges),
                )
            )
        return answer

    def RegisterPackage(self, request: resource_pb2.RegisterPackageRequest) -> Any:
        raise AssertionError(f"{request.name} is a parameterised package; this project uses none")


def _secrets(value: Any, path: str = "") -> Iterator[str]:
    """The paths of values that are marked as secret, such as `password` or `settings.0.value`."""
    if path and rpc.is_rpc_secret(value):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secrets(item, f"{path}.{index}")


def _plain(value: Any) -> Any:
    value = rpc.unwrap_rpc_secret(value)
    if isinstance(value, Unknown):
        return rpc.UNKNOWN
    if isinstance(value, pulumi.Asset | pulumi.Archive):
        return f"<{type(value).__name__}>"
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def record(
    build: Callable[[], object],
    *,
    config: Mapping[str, object] | None = None,
    stack: str = "prod",
    preview: bool = False,
    secret_keys: tuple[str, ...] = (),
    project: str = PROJECT,
) -> Recording:
    """Run `build` as a program and return what it registered. An exception of the program comes through."""
    monitor = _Monitor(preview=preview)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        pulumi.runtime.set_all_config(
            {key: value if isinstance(value, str) else json.dumps(value) for key, value in (config or {}).items()},
            list(secret_keys),
        )
        set_root_resource(None)  # type: ignore[arg-type]
        mocks.set_mocks(monitor.mocks, project=project, stack=stack, preview=preview, monitor=monitor)

        exports: dict[str, Any] = {}

        async def program() -> None:
            build()
            root: Any = get_root_resource()
            exports.update(await pulumi.Output.all(**root.outputs).future() or {})

        loop.run_until_complete(run_pulumi_func(program))
    finally:
        pulumi.runtime.set_all_config({}, [])
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        for opened in {*monitor.loops, loop}:
            opened.close()
    return Recording(resources=tuple(monitor.recorded), exports=exports)


def stack_file(stack: str = "prod") -> dict[str, Any]:
    """The configuration of a stack file, by full key (`secure-hosting:network`), free to be changed."""
    return copy.deepcopy(_parsed(stack))


@functools.cache
def _parsed(stack: str) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(ROOT / f"Pulumi.{stack}.yaml")["config"])


def protected(stack: str) -> set[str]:
    """Every name under which a component of a stack asks whether it is protected."""
    asked: set[str] = set()

    def noted(self: Any, store: str) -> bool:
        asked.add(store)
        return True

    with mock.patch("config.Stack.protects", noted):
        record_stack(stack=stack)
    return asked


def _rows(area: Any, rows: Mapping[str, object] | None, path: Path, stack: str) -> Document:
    """The rows given, else those of the file."""
    document: Document = area.read(path, stack)
    return document if rows is None else replace(document, rows=dict(rows), lines={area.KEY: 1})


def record_stack(
    config: Mapping[str, object] | None = None,
    *,
    stack: str = "prod",
    preview: bool = False,
    secret_keys: tuple[str, ...] = (),
    rows: Mapping[str, object] | None = None,
    access: Mapping[str, object] | None = None,
) -> Recording:
    """Run the whole program with a configuration, by default that of production.

    In a preview, what only the provider can tell is unknown, as it is before the first `up`. `secret_keys` are the
    keys that the stack file holds encrypted; `rows` take the place of the stack's section of data.yaml,
    `access` of that of access.yaml.
    """
    values = {f"{PROJECT}:today": TODAY, **(config if config is not None else stack_file(stack))}
    with (
        mock.patch.dict(os.environ, {"PULUMI_OPTION_POLICY_PACK": str(ROOT / "policies")}),
        mock.patch("config.read_inventory", partial(_rows, inventory, rows)),
        mock.patch("config.read_access", partial(_rows, matrix, access)),
    ):
        return record(
            lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
            config=values,
            stack=stack,
            preview=preview,
            secret_keys=secret_keys,
        )


def record_bootstrap(
    config: Mapping[str, object] | None = None,
    *,
    stack: str = "prod-bootstrap",
    preview: bool = False,
    home: Path = ROOT,
) -> Recording:
    """Run the whole bootstrap program. `home` is where the stack's own file and the inventory lie."""
    own = dict(YAML(typ="safe").load(ROOT / "bootstrap" / f"Pulumi.{stack}.yaml")["config"])
    with (
        mock.patch.dict(os.environ, {"PULUMI_OPTION_POLICY_PACK": str(ROOT / "policies")}),
        mock.patch("config.HERE", home),
    ):
        return record(
            lambda: runpy.run_path(str(ROOT / "bootstrap" / "__main__.py"), run_name="__main__"),
            config=own if config is None else config,
            stack=stack,
            preview=preview,
            project=f"{PROJECT}-bootstrap",
        )


def today() -> date:
    """The day on which recordings are made."""
    return date.fromisoformat(TODAY)
