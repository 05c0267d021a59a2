"""The provider protocol: translates between the engine's messages and the cloud, and nothing else."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from localcloud import diff as differ
from localcloud.check import Naming, check
from localcloud.cloud import Caller, Cloud, current_inputs
from localcloud.codec import Path, Values, decode, encode, has_unknown
from localcloud.errors import CloudError, LocalCloudError, LostAnswer
from localcloud.outputs import Config, Writer, preview, secret_paths
from localcloud.schema import ResourceType, resource_type
from localcloud.stateless import Stateless
from localcloud.store import Resource, Store, folder

KINDS = provider_pb2.PropertyDiff
T = TypeVar("T")
Handler = Callable[["Provider", Any, grpc.ServicerContext], T]


def answering(handler: Handler[T]) -> Handler[T]:
    """Turn refusals into protocol errors: a definite no, or, for a lost answer, an unknown outcome."""

    @wraps(handler)
    def wrapped(self: Provider, request: Any, context: grpc.ServicerContext) -> T:
        try:
            return handler(self, request, context)
        except LostAnswer as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except CloudError as error:
            codes = {
                404: grpc.StatusCode.NOT_FOUND,
                409: grpc.StatusCode.ALREADY_EXISTS,
                403: grpc.StatusCode.PERMISSION_DENIED,
            }
            context.abort(codes.get(error.code, grpc.StatusCode.FAILED_PRECONDITION), str(error))
        except LocalCloudError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        raise AssertionError("abort always raises")

    return wrapped


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider (gcp, random, render or github) on the state of one checkout."""

    def __init__(self, name: str, version: str, store: Store | None = None) -> None:
        self.name = name
        self.version = version
        self.cloud = (Stateless if name == "random" else Cloud)(store or Store(folder() / "cloud.db"))
        self.config = Config()
        self.cancelled = threading.Event()

    # --- the plugin itself ---

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self.version)

    def Attach(self, request: Any, context: Any) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        self.cancelled.set()
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: Any) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": self.name, "version": self.version}))

    def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        olds, news = decode(request.olds)[0], decode(request.news)[0]
        changed = sorted(key for key in {*olds, *news} - {"version"} if olds.get(key) != news.get(key))
        replaces = [key for key in changed if key == "project"]
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        self.config = read_config(decode(request.args)[0], os.environ)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=False, supports_autonaming_configuration=True
        )

    # --- resources ---

    @answering
    def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        row = resource_type(kind(request))
        olds, _ = decode(request.olds)
        news, secrets = decode(request.news)
        modes = provider_pb2.CheckRequest.AutonamingOptions
        asked = request.autonaming if request.HasField("autonaming") else None
        naming = Naming(
            name=name(request),
            seed=request.randomSeed,
            proposed=asked.proposed_name if asked and asked.mode != modes.DISABLE else None,
            disabled=bool(asked and asked.mode == modes.DISABLE),
        )
        inputs, failures = check(row, olds, news, naming)
        own = frozenset(secret_paths(row.properties, inputs))
        return provider_pb2.CheckResponse(
            inputs=encode(inputs, secrets | own),
            failures=[provider_pb2.CheckFailure(reason=reason) for reason in failures],
        )

    @answering
    def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        row = resource_type(kind(request))
        state, news = decode(request.olds)[0], decode(request.news)[0]
        changes = differ.diff(row, state, news)
        ignored = tuple(request.ignoreChanges)
        changes = [change for change in changes if not is_ignored(change.where, ignored)]
        if not changes:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE, hasDetailedDiff=True)
        detailed = {}
        for change in changes:
            number = KINDS.Kind.Value(f"{change.kind.upper()}{'_REPLACE' if change.replace else ''}")
            detailed[change.where] = provider_pb2.PropertyDiff(kind=number)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME,
            diffs=sorted({str(change.path[0]) for change in changes}),
            replaces=sorted({str(change.path[0]) for change in changes if change.replace}),
            deleteBeforeReplace=differ.deletes_first(row, state, news, changes),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    @answering
    def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        row = resource_type(kind(request))
        inputs, secrets = decode(request.properties)
        if request.preview:
            known = preview(Writer(row, inputs, self.config), None)
            return provider_pb2.CreateResponse(properties=self.encode(row, known, secrets))
        resource = self.cloud.create(row, inputs, secrets, self.caller(request))
        return provider_pb2.CreateResponse(id=resource.id, properties=encode(resource.properties, resource.secrets))

    @answering
    def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        row = resource_type(kind(request))
        state, _ = decode(request.olds)
        inputs, secrets = decode(request.news)
        if request.preview:
            known = preview(Writer(row, inputs, self.config, known=state), state)
            return provider_pb2.UpdateResponse(properties=self.encode(row, known, secrets))
        resource = self.cloud.update(row, request.id, inputs, secrets, self.caller(request), state)
        return provider_pb2.UpdateResponse(properties=encode(resource.properties, resource.secrets))

    @answering
    def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:
        row = resource_type(kind(request))
        inputs, secrets = decode(request.inputs)
        state, state_secrets = decode(request.properties)
        resource = self.cloud.read(row, request.id, self.caller(request), state)
        if resource is None:
            return provider_pb2.ReadResponse()
        return self.answer_read(resource, inputs or None, secrets | state_secrets)

    def answer_read(
        self, resource: Resource, given: Values | None, secrets: frozenset[Path]
    ) -> provider_pb2.ReadResponse:
        marks = resource.secrets | secrets
        now = current_inputs(resource, given)
        return provider_pb2.ReadResponse(
            id=resource.id, properties=encode(resource.properties, marks), inputs=encode(now, marks)
        )

    @answering
    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        row = resource_type(kind(request))
        self.cloud.delete(row, request.id, self.caller(request), decode(request.properties)[0])
        return empty_pb2.Empty()

    @answering
    def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:
        from localcloud.invokes import invoke

        arguments, _ = decode(request.args)
        if has_unknown(arguments):
            raise LocalCloudError(f"{request.tok} was called with values that are not known yet")
        answer: dict[str, Any] = {"return": encode(invoke(self.cloud.store, self.config, request.tok, arguments))}
        return provider_pb2.InvokeResponse(**answer)

    # --- helpers ---

    def caller(self, request: Any) -> Caller:
        return Caller(urn=request.urn, name=name(request), config=self.config)

    def encode(self, row: ResourceType, values: Values, secrets: frozenset[Path]) -> Any:
        own = frozenset(secret_paths(row.properties, values))
        given = frozenset(path for path in secrets if path[0] in values)
        return encode(values, own | given)


def is_ignored(where: str, ignored: tuple[str, ...]) -> bool:
    """Whether a path is one that the program asks to ignore, or lies inside one."""
    return any(where == path or where.startswith((f"{path}.", f"{path}[")) for path in ignored)


def kind(request: Any) -> str:
    """The type token, which older engines send inside the URN only."""
    return str(request.type or request.urn.split("::")[2].split("$")[-1])


def name(request: Any) -> str:
    """The logical name, which older engines send inside the URN only."""
    return str(request.name or request.urn.split("::")[-1])


def read_config(arguments: Values, environment: Any) -> Config:
    """The provider's configuration: explicit values, else the environment variables of the real provider."""

    def first(key: str, *variables: str) -> str | None:
        value = arguments.get(key)
        found = [environment[variable] for variable in variables if environment.get(variable)]
        return str(value) if value else (found[0] if found else None)

    labels = arguments.get("defaultLabels") or {}
    if isinstance(labels, str):
        labels = json.loads(labels)
    return Config(
        project=first("project", "GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
        region=first("region", "GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION"),
        zone=first("zone", "GOOGLE_ZONE", "GCLOUD_ZONE", "CLOUDSDK_COMPUTE_ZONE"),
        owner=first("owner", "GITHUB_OWNER"),
        quota_project=first("billingProject", "GOOGLE_BILLING_PROJECT"),
        user_project_override=str(arguments.get("userProjectOverride")).lower() == "true",
        default_labels=labels,
    )
