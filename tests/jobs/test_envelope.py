"""The encrypted stream: nothing that was changed, cut, moved or repeated is ever taken for what was written."""

from __future__ import annotations

import base64
import os
import tracemalloc
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.core import evidence, kms
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Forbidden, Found, Misconfigured, Unreachable
from jobs.envelope.keys import KmsWrapper, LocalWrapper, Wrapped, wrapper
from jobs.envelope.stream import CHUNK, TAG, Encryptor, ExportKey, context, decrypted
from tests.jobs.servers.http import Fault, serving
from tests.jobs.servers.kms import KEY, SIGNING, Kms

EXPORT = "orders/2027-01-15T02:00:00.000000Z-00"
LOG = Log("tests", stream=StringIO())
FULL = CHUNK + TAG


class Fixed:
    """A wrapper that needs no file."""

    name = "local:fixed"

    def wrap(self, key: bytes, bound: bytes) -> Wrapped:
        """Keeps the key."""
        return Wrapped(self.name, "1", key)

    def unwrap(self, wrapped: Wrapped, bound: bytes) -> bytes:
        """Gives it back."""
        return wrapped.value


def encrypted(plain: bytes) -> bytes:
    """A whole export."""
    key = ExportKey.new()
    return b"".join(Encryptor(key, EXPORT, Fixed().wrap(key.value, b"")).chunks([plain]))


def opened(data: bytes) -> bytes:
    """Its plain bytes."""
    return b"".join(decrypted([data], EXPORT, Fixed()))


PLAIN = os.urandom(3 * CHUNK + 1000)
SEALED = encrypted(PLAIN)
HEADER = len(SEALED) - len(PLAIN) - 4 * TAG


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1])
def test_every_size_comes_back(size: int) -> None:
    """Also where the end falls on the edge of a chunk."""
    plain = os.urandom(size)
    sealed = encrypted(plain)
    assert opened(sealed) == plain
    pieces = [sealed[i : i + 70_001] for i in range(0, len(sealed), 70_001)]
    assert b"".join(decrypted(pieces, EXPORT, Fixed())) == plain


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_bit_anywhere_is_found(data: st.DataObject) -> None:
    """In the header, in a chunk, in a tag; at the edges above all."""
    edges = [0, 9, 10, 13, HEADER - 1, HEADER, HEADER + FULL - 1, HEADER + FULL, len(SEALED) - 1]
    place = data.draw(st.one_of(st.sampled_from(edges), st.integers(0, HEADER), st.integers(0, len(SEALED) - 1)))
    damaged = bytearray(SEALED)
    damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Found):
        opened(bytes(damaged))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_cut_anywhere_is_found(data: st.DataObject) -> None:
    """Above all between two chunks, where every byte that is left is genuine."""
    edges = [0, 5, 14, HEADER, HEADER + FULL, HEADER + 2 * FULL, HEADER + 3 * FULL, len(SEALED) - 1]
    end = data.draw(st.one_of(st.sampled_from(edges), st.integers(0, len(SEALED) - 1)))
    with pytest.raises(Found, match=r"truncated|damaged"):
        opened(SEALED[:end])


def test_a_cut_between_chunks_is_called_by_its_name() -> None:
    """The person on duty looks for the end, not for damage."""
    with pytest.raises(Found, match="it ends after chunk 1, and that was not the last"):
        opened(SEALED[: HEADER + 2 * FULL])


def test_damage_is_found_where_it_is() -> None:
    """By chunk and byte."""
    damaged = bytearray(SEALED)
    damaged[HEADER + FULL + 5] ^= 1
    with pytest.raises(Found, match=rf"chunk 1 \(from byte {HEADER + FULL}\)"):
        opened(bytes(damaged))


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (0, 0, 1, 2), (0, 1, 2, 2), (2, 1, 0), ()])
def test_chunks_that_were_moved_left_out_or_repeated_are_found(order: tuple[int, ...]) -> None:
    """Each is genuine; their order is part of them."""
    body = SEALED[HEADER:]
    chunks = [body[i * FULL : (i + 1) * FULL] for i in range(3)]
    with pytest.raises(Found):
        opened(SEALED[:HEADER] + b"".join(chunks[i] for i in order) + body[3 * FULL :])


def test_bytes_behind_the_end_are_found() -> None:
    """Whatever they are for."""
    with pytest.raises(Found):
        opened(SEALED + b"x")


def test_chunks_of_another_export_are_found() -> None:
    """Two exports of the same data share nothing."""
    other = encrypted(PLAIN)
    with pytest.raises(Found):
        opened(SEALED[: HEADER + FULL] + other[HEADER + FULL :])
    assert SEALED[HEADER:][:1000] != other[HEADER:][:1000]


def test_the_file_of_another_export_is_told_by_its_name() -> None:
    """A swapped file is called one."""
    with pytest.raises(Found, match="belongs to export"):
        list(decrypted([SEALED], "orders/2027-01-16T02:00:00.000000Z-00", Fixed()))


def test_a_stream_that_failed_can_never_be_read_as_whole() -> None:
    """pg_dump dies in the middle."""

    def dying() -> Iterator[bytes]:
        yield PLAIN[: 2 * CHUNK]
        raise OSError("pg_dump died")

    key, written = ExportKey.new(), bytearray()

    def write() -> None:
        for piece in Encryptor(key, EXPORT, Fixed().wrap(key.value, b"")).chunks(dying()):
            written.extend(piece)

    with pytest.raises(OSError, match="died"):
        write()
    with pytest.raises(Found, match="truncated"):
        opened(bytes(written))


def test_memory_does_not_grow_with_the_size() -> None:
    """Eighty megabytes through a window of a few."""

    def many() -> Iterator[bytes]:
        for _ in range(80):
            yield bytes(CHUNK)

    key = ExportKey.new()
    tracemalloc.start()
    stream = Encryptor(key, EXPORT, Fixed().wrap(key.value, b"")).chunks(many())
    assert sum(len(piece) for piece in decrypted(stream, EXPORT, Fixed())) == 80 * CHUNK
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * CHUNK


@pytest.fixture
def local(tmp_path: Path) -> LocalWrapper:
    """A key of this test."""
    path = tmp_path / "key"
    path.write_text(base64.b64encode(os.urandom(32)).decode())
    return LocalWrapper(path)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kms]:
    """KMS on loopback."""
    one = Kms()
    with serving(one):
        monkeypatch.setenv("CLOUD_KMS_ENDPOINT", one.url)
        yield one


def test_a_local_key_wraps_for_one_export_only(local: LocalWrapper, tmp_path: Path) -> None:
    """Neither another export's context nor another key opens it."""
    wrapped = local.wrap(b"k" * 32, context("a"))
    assert local.unwrap(wrapped, context("a")) == b"k" * 32
    with pytest.raises(Found, match="wrong key"):
        local.unwrap(wrapped, context("b"))
    (tmp_path / "other").write_text(base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(Found, match="wrong key"):
        LocalWrapper(tmp_path / "other").unwrap(wrapped, context("a"))


@pytest.mark.parametrize("content", ["", "short", "!!!", base64.b64encode(b"x" * 31).decode()])
def test_a_key_file_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    """With the command that makes one."""
    (tmp_path / "key").write_text(content)
    with pytest.raises(Misconfigured, match="no key of 32 bytes"):
        LocalWrapper(tmp_path / "key")


def test_kms_wraps_and_unwraps(service: Kms) -> None:
    """Over HTTP, with checksums both ways."""
    by = wrapper(KEY, kms.Kms(Http(LOG)))
    wrapped = by.wrap(b"k" * 32, context("a"))
    assert wrapped.version == f"{KEY}/cryptoKeyVersions/1"
    assert by.unwrap(wrapped, context("a")) == b"k" * 32
    with pytest.raises(Found, match="wrong key"):
        by.unwrap(wrapped, context("b"))
    assert service.used == {"cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"}


def test_the_key_of_the_settings_is_used_and_no_other(service: Kms) -> None:
    """Whoever can add objects must not choose the key that opens them."""
    theirs = KmsWrapper(kms.Kms(Http(LOG)), KEY.replace("backups", "intruder"))
    wrapped = theirs.wrap(b"k" * 32, context("a"))
    before = len(service.requests)
    with pytest.raises(Found, match="wrong key: the export was encrypted with projects/intruder"):
        KmsWrapper(kms.Kms(Http(LOG)), KEY).unwrap(wrapped, context("a"))
    assert len(service.requests) == before


def test_a_damaged_answer_of_kms_is_asked_for_again(service: Kms) -> None:
    """Neither a wrong key nor a wrong signature is ever used."""
    by = KmsWrapper(kms.Kms(Http(LOG)), KEY)
    service.damage_answers = 2
    wrapped = by.wrap(b"k" * 32, context("a"))
    service.damage_answers = 1
    service.faults.append(Fault("half_answer", 1))
    assert by.unwrap(wrapped, context("a")) == b"k" * 32
    service.damage_answers = 1000
    with pytest.raises(Unreachable, match="damaged on the way"):
        by.wrap(b"k" * 32, context("a"))


@pytest.mark.parametrize("use", ["useToEncrypt", "useToDecrypt", "useToSign"])
def test_a_missing_right_on_a_key_is_named(service: Kms, use: str) -> None:
    """The exact permission, and the key."""
    client = kms.Kms(Http(LOG))
    wrapped = KmsWrapper(client, KEY).wrap(b"k" * 32, b"")
    service.denied.add(f"cloudkms.cryptoKeyVersions.{use}")
    acts = {
        "useToEncrypt": lambda: KmsWrapper(client, KEY).wrap(b"k" * 32, b""),
        "useToDecrypt": lambda: KmsWrapper(client, KEY).unwrap(wrapped, b""),
        "useToSign": lambda: client.sign(SIGNING, b"x"),
    }
    with pytest.raises(Forbidden, match=rf"cloudkms\.cryptoKeyVersions\.{use} is missing on projects/"):
        acts[use]()


def test_a_name_that_is_no_key_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(Misconfigured, match="no name of a KMS key"):
        wrapper("projects/p/keys/k", kms.Kms(Http(LOG)))


def test_kms_signs_evidence(service: Kms) -> None:
    """With a key that nobody can take away."""
    signer = evidence.signer(SIGNING, kms.Kms(Http(LOG)))
    signature = signer.sign(b"payload")
    service.signing.public_key().verify(signature, b"payload")
