"""The engine's side of the analyzer protocol for tests: real messages over a real connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc

from policies.analyzer import Analyzer, start
from policies.model import encode

STACK = "urn:pulumi:prod::secure-hosting::pulumi:pulumi:Stack::secure-hosting-prod"
PROVIDER = proto.AnalyzerProviderResource(
    urn="urn:pulumi:prod::secure-hosting::pulumi:providers:gcp::cloud", type="pulumi:providers:gcp", name="cloud"
)


@contextmanager
def connected(analyzer: Analyzer) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The analyzer served on loopback, as the engine reaches it."""
    server, port = start(analyzer)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield analyzer_pb2_grpc.AnalyzerStub(channel)
    server.stop(0).wait()


def struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Properties (with UNKNOWN and Secret) as the engine marshals them."""
    made = struct_pb2.Struct()
    json_format.ParseDict(encode(dict(properties)), made)
    return made


def urn(type_token: str, name: str) -> str:
    return f"urn:pulumi:prod::secure-hosting::{type_token}::{name}"


def request(type_token: str, name: str, properties: Mapping[str, Any], **options: Any) -> proto.AnalyzeRequest:
    """What the engine sends before it creates or updates a resource."""
    return proto.AnalyzeRequest(
        urn=urn(type_token, name),
        type=type_token,
        name=name,
        properties=struct(properties),
        options=proto.AnalyzerResourceOptions(parent=STACK, **options),
        provider=PROVIDER,
    )


def member(
    type_token: str,
    name: str,
    outputs: Mapping[str, Any],
    depends: Mapping[str, list[str]] | None = None,
    **options: Any,
) -> proto.AnalyzerResource:
    """What the engine sends of a resource when it hands over the whole stack: its outputs and its edges."""
    edges = {key: proto.AnalyzerPropertyDependencies(urns=urns) for key, urns in (depends or {}).items()}
    return proto.AnalyzerResource(
        urn=urn(type_token, name),
        type=type_token,
        name=name,
        properties=struct(outputs),
        options=proto.AnalyzerResourceOptions(parent=STACK, **options),
        provider=PROVIDER,
        parent=STACK,
        dependencies=sorted({u for urns in (depends or {}).values() for u in urns}),
        propertyDependencies=edges,
    )
