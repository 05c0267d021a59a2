"""Serving a provider to the engine: a port is printed, and calls are answered until the engine ends the process."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import grpc

THREADS = 64
GRACE_SECONDS = 60
LARGEST_MESSAGE = 400 * 1024 * 1024


def load_stubs_only() -> None:
    """Make the protocol's stubs importable without the SDK that they lie in.

    Importing `pulumi` runs all of it: a quarter of a second of processor time in every provider process, and a run of
    the production stack starts one for each project. Registered as empty packages, its folders give the stubs alone."""
    if "pulumi" in sys.modules:
        return
    found = importlib.util.find_spec("pulumi")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = types.ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


def serve(provider: str) -> None:
    """Serve one provider on a loopback port until the process is ended. The process also ends by itself when the engine
    that started it is gone; what it was asked to do before is still carried out, as a cloud would."""
    load_stubs_only()
    from pulumi.runtime.proto import provider_pb2_grpc

    from localcloud.provider import Provider

    options = [("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.max_send_message_length", LARGEST_MESSAGE)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(provider, version(f"pulumi_{provider}")), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent = os.getppid()
    alone = threading.Event()
    while not alone.wait(1.0):
        if os.getppid() != parent:
            server.stop(GRACE_SECONDS).wait()
            return
