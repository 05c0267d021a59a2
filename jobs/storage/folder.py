"""A folder as a store: for work by hand and for tests. It is as create-only as the others, but nothing locks it."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from jobs.core.problems import Found, Misconfigured, Unreachable
from jobs.storage.base import SMALL, AlreadyThere, Stored, checked_name

_PARTIAL = ".partial-"


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """A full or forbidden disk, in words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unreachable(f"no space is left for {path}", fix="make room, then run the command again") from None
        if isinstance(error, PermissionError):
            raise Misconfigured(f"{path}: this user may not do that") from None
        raise


class FolderStore:
    """Objects are files; an object appears under its name only when it is whole and on the disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.where = f"file://{root}"

    def create(self, name: str, data: bytes) -> Stored:
        """In one step."""
        upload = self.upload(name)
        upload.write(data)
        return upload.finish()

    def upload(self, name: str) -> FolderUpload:
        """Into a file of another name at first."""
        path = self._root / checked_name(name)
        if path.exists():
            raise AlreadyThere(f"{path} exists; nothing was written")
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            return FolderUpload(path, name)

    def read(self, name: str, *, limit: int = SMALL) -> bytes:
        """All of a small file."""
        path = self._root / checked_name(name)
        if not path.is_file():
            raise Misconfigured(f"{path} does not exist")
        with _told(path):
            if path.stat().st_size > limit:
                raise Found(f"{path} is larger than the {limit} bytes that it can have")
            return path.read_bytes()

    def stream(self, stored: Stored) -> Iterator[bytes]:
        """Piece by piece."""
        path = self._root / checked_name(stored.name)
        with _told(path), path.open("rb") as file:
            while piece := file.read(1 << 20):
                yield piece

    def list(self, prefix: str = "", *, start: str = "") -> Iterator[Stored]:
        """In the order of names, as the clouds list."""
        paths = (p for p in self._root.rglob("*") if p.is_file() and not p.name.startswith(_PARTIAL))
        for name in sorted(p.relative_to(self._root).as_posix() for p in paths):
            if name.startswith(prefix) and name >= start:
                with suppress(FileNotFoundError):
                    yield _stored(self._root / name, name)


class FolderUpload:
    """A file on its way."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._partial = path.parent / f"{_PARTIAL}{secrets.token_hex(8)}"
        self._file = self._partial.open("xb")

    def write(self, data: bytes) -> None:
        """To the end."""
        with _told(self._path):
            self._file.write(data)

    def finish(self) -> Stored:
        """On the disk first, then under its name; a link never replaces a file."""
        with _told(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            try:
                os.link(self._partial, self._path)
            except FileExistsError:
                raise AlreadyThere(f"{self._path} exists; it was left as it is") from None
            finally:
                self._partial.unlink()
        return _stored(self._path, self._name)

    def abort(self) -> None:
        """Nothing stays."""
        with suppress(OSError):
            self._file.close()
            self._partial.unlink()


def _stored(path: Path, name: str) -> Stored:
    stat = path.stat()
    return Stored(name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC), str(stat.st_mtime_ns))
