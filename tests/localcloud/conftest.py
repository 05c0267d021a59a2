"""A provider as the engine sees it: the real servicer behind a real gRPC channel, on a state file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from localcloud.check import DEFAULTS
from localcloud.codec import Path as ValuePath
from localcloud.codec import decode, encode
from localcloud.provider import Provider
from localcloud.store import Store

PROJECT = "example-prod"
REGION = "europe-west1"
APIS = ("cloudkms", "compute", "servicenetworking", "sqladmin", "secretmanager", "iam", "pubsub", "run", "logging")


class Refused(Exception):
    """The provider answered with an error."""

    def __init__(self, error: grpc.RpcError) -> None:
        super().__init__(error.details())
        self.code = error.code()


@dataclass
class Created:
    """What the engine would keep of a resource."""

    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    state: dict[str, Any]
    secrets: frozenset[ValuePath] = frozenset()

    def __getitem__(self, name: str) -> Any:
        return self.state[name]


class Engine:
    """The engine's side of the protocol, in plain values."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub, store: Store) -> None:
        self.stub = stub
        self.store = store

    def call(self, method: str, request: Any) -> Any:
        try:
            return getattr(self.stub, method)(request, timeout=60)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def identify(self, token: str, name: str) -> dict[str, str]:
        return {"urn": f"urn:pulumi:dev::test::{token}::{name}", "name": name, "type": token}

    def configure(self, **config: Any) -> Any:
        return self.call("Configure", provider_pb2.ConfigureRequest(args=encode(config), acceptSecrets=True))

    def check(
        self,
        token: str,
        name: str,
        news: dict[str, Any],
        olds: dict[str, Any] | None = None,
        secrets: Any = (),
        **more: Any,
    ) -> tuple[dict[str, Any], list[str], frozenset[ValuePath]]:
        request = provider_pb2.CheckRequest(
            **self.identify(token, name),
            news=encode(news, secrets),
            olds=encode(olds or {}),
            randomSeed=b"seed",
            **more,
        )
        answer = self.call("Check", request)
        inputs, marked = decode(answer.inputs)
        return inputs, [failure.reason for failure in answer.failures], marked

    def failures(self, token: str, **news: Any) -> list[str]:
        return self.check(token, "name", news)[1]

    def create(self, token: str, name: str, /, secrets: Any = (), **news: Any) -> Created:
        inputs, failures, marked = self.check(token, name, news, secrets=secrets)
        assert failures == []
        request = provider_pb2.CreateRequest(**self.identify(token, name), properties=encode(inputs, marked))
        answer = self.call("Create", request)
        state, outputs_marked = decode(answer.properties)
        return Created(token, name, answer.id, inputs, state, outputs_marked)

    def preview(
        self, token: str, name: str, /, secrets: Any = (), **news: Any
    ) -> tuple[dict[str, Any], frozenset[ValuePath]]:
        inputs, failures, marked = self.check(token, name, news, secrets=secrets)
        assert failures == []
        request = provider_pb2.CreateRequest(
            **self.identify(token, name), properties=encode(inputs, marked), preview=True
        )
        return decode(self.call("Create", request).properties)

    def diff(self, resource: Created, /, ignore: tuple[str, ...] = (), **news: Any) -> Any:
        inputs, failures, _ = self.check(resource.type, resource.name, news, olds=resource.inputs)
        assert failures == []
        request = provider_pb2.DiffRequest(
            **self.identify(resource.type, resource.name),
            id=resource.id,
            olds=encode(resource.state),
            old_inputs=encode(resource.inputs),
            news=encode(inputs),
            ignoreChanges=ignore,
        )
        return self.call("Diff", request)

    def kinds(self, resource: Created, /, **news: Any) -> dict[str, str]:
        """Path -> kind of change."""
        answer = self.diff(resource, **news)
        return {path: provider_pb2.PropertyDiff.Kind.Name(entry.kind) for path, entry in answer.detailedDiff.items()}

    def update(self, resource: Created, /, preview: bool = False, **news: Any) -> Created:
        inputs, failures, marked = self.check(resource.type, resource.name, news, olds=resource.inputs)
        assert failures == []
        request = provider_pb2.UpdateRequest(
            **self.identify(resource.type, resource.name),
            id=resource.id,
            olds=encode(resource.state),
            news=encode(inputs, marked),
            preview=preview,
        )
        state, outputs_marked = decode(self.call("Update", request).properties)
        return Created(resource.type, resource.name, resource.id, inputs, state, outputs_marked)

    def read(
        self, token: str, identity: str, inputs: dict[str, Any] | None = None, state: Any = None
    ) -> Created | None:
        request = provider_pb2.ReadRequest(**self.identify(token, "name"), id=identity)
        if inputs is not None:
            request.inputs.CopyFrom(encode(inputs))
        if state is not None:
            request.properties.CopyFrom(encode(state))
        answer = self.call("Read", request)
        if not answer.id:
            return None
        now, _ = decode(answer.inputs)
        properties, marked = decode(answer.properties)
        return Created(token, "name", answer.id, now, properties, marked)

    def refresh(self, resource: Created) -> Created | None:
        return self.read(resource.type, resource.id, resource.inputs, resource.state)

    def delete(self, resource: Created) -> None:
        request = provider_pb2.DeleteRequest(
            **self.identify(resource.type, resource.name), id=resource.id, properties=encode(resource.state)
        )
        self.call("Delete", request)

    def invoke(self, token: str, **arguments: Any) -> dict[str, Any]:
        answer = self.call("Invoke", provider_pb2.InvokeRequest(tok=token, args=encode(arguments)))
        return decode(getattr(answer, "return"))[0]

    # --- a cloud that is ready for use ---

    def enable(self, *services: str) -> None:
        for service in services:
            self.create("gcp:projects/service:Service", service, service=f"{service}.googleapis.com")

    def key(self, name: str = "key", location: str = REGION) -> Created:
        ring = self.create("gcp:kms/keyRing:KeyRing", f"ring-{name}", location=location)
        return self.create("gcp:kms/cryptoKey:CryptoKey", name, keyRing=ring.id)

    def agent(self, service: str) -> str:
        identity = self.create(
            "gcp:projects/serviceIdentity:ServiceIdentity", service, service=f"{service}.googleapis.com"
        )
        return str(identity["member"])

    def grant(self, key: Created, member: str) -> Created:
        return self.create(
            "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
            f"grant-{member}",
            cryptoKeyId=key.id,
            role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
            member=member,
        )

    def network(self) -> Created:
        return self.create("gcp:compute/network:Network", "network", name="private", autoCreateSubnetworks=False)

    def peering(self, network: Created) -> Created:
        address = self.create(
            "gcp:compute/globalAddress:GlobalAddress",
            "range",
            network=network.id,
            purpose="VPC_PEERING",
            addressType="INTERNAL",
            prefixLength=16,
        )
        return self.create(
            "gcp:servicenetworking/connection:Connection",
            "peering",
            network=network.id,
            service="servicenetworking.googleapis.com",
            reservedPeeringRanges=[address["name"]],
        )


def serve(provider: Provider) -> tuple[grpc.Server, provider_pb2_grpc.ResourceProviderStub, grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    channel = grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    server.start()
    return server, provider_pb2_grpc.ResourceProviderStub(channel), channel


def engine_of(provider: str, folder: Path) -> Iterator[Engine]:
    store = Store(folder / "cloud.db")
    server, stub, channel = serve(Provider(provider, "1.2.3", store))
    engine = Engine(stub, store)
    engine.configure(project=PROJECT, region=REGION) if provider == "gcp" else engine.configure()
    yield engine
    channel.close()
    server.stop(0).wait()
    store.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Engine]:
    """An empty cloud: a project in which no service is enabled."""
    yield from engine_of("gcp", tmp_path)


@pytest.fixture
def cloud(bare: Engine) -> Engine:
    """A project with the usual services enabled."""
    bare.enable(*APIS)
    return bare


@pytest.fixture
def chance(tmp_path: Path) -> Iterator[Engine]:
    """The random provider."""
    yield from engine_of("random", tmp_path)


def explicit(inputs: dict[str, Any]) -> dict[str, Any]:
    """Inputs without the list of defaulted names."""
    return {key: value for key, value in inputs.items() if key != DEFAULTS}
