"""Serving a provider to the engine: a port is printed, and calls are answered until the engine ends the process."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc

THREADS = 64
GRACE_SECONDS = 60
LARGEST_MESSAGE = 400 * 1024 * 1024


def serve(provider: str) -> None:
    """Serve one provider on a loopback port until the process is ended. The process also ends by itself when the engine
    that started it is gone; what it was asked to do before is still carried out, as a cloud would."""
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
