"""Reads JSON of any size: the long lists inside are handed over element by element, never held as text or whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import IO, Any, Final

Path = tuple[str, ...]
CHUNK: Final = 1 << 20
_BLANK: Final = " \t\n\r"
_DECODER: Final = json.JSONDecoder()


class CutShort(ValueError):
    """The text ends before the document does."""


class Malformed(ValueError):
    """The text is not JSON; says where."""


def read(file: IO[str], lists: Collection[Path], keep: Callable[[Path, int, Any], Any], chunk: int = CHUNK) -> Any:
    """The document, with each element of the lists at these paths replaced by what `keep` makes of it.

    Raises CutShort or Malformed.
    """
    reader = _Reader(file, chunk)
    document = _value(reader, (), lists, keep)
    if reader.peek():
        raise Malformed(f"something follows the document at character {reader.offset}")
    return document


class _Reader:
    """A window on the text that moves forward."""

    def __init__(self, file: IO[str], chunk: int) -> None:
        self._file = file
        self._chunk = chunk
        self._text = ""
        self._at = 0
        self._before = 0
        self._ended = False

    @property
    def offset(self) -> int:
        """The number of characters read so far."""
        return self._before + self._at

    def _more(self, size: int) -> bool:
        chunk = "" if self._ended else self._file.read(size)
        self._ended = not chunk
        if chunk:
            self._before += self._at
            self._text, self._at = self._text[self._at :] + chunk, 0
        return bool(chunk)

    def peek(self) -> str:
        """The next character that is not blank, "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._more(self._chunk):
                return ""

    def take(self, wanted: str) -> str:
        """The next character, which must be one of these."""
        found = self.peek()
        if not found:
            raise CutShort(f"it ends at character {self.offset}")
        if found not in wanted:
            raise Malformed(f"{found!r} at character {self.offset}, expected one of {' '.join(wanted)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """The next value, whole."""
        if not self.peek():
            raise CutShort(f"it ends at character {self.offset}")
        size = self._chunk
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._more(size):
                    size *= 2
                    continue
                where = self._before + min(error.pos, len(self._text))
                if error.msg.startswith("Unterminated") or not self._text[error.pos :].strip():
                    raise CutShort(f"it ends at character {self._before + len(self._text)}") from error
                raise Malformed(f"{error.msg} at character {where}") from error
            if len(self._text) - end < len("e+1") and self._more(size):
                continue  # a number may go on, also after what looks like its end
            self._at = end
            return value


def _value(reader: _Reader, path: Path, lists: Collection[Path], keep: Callable[[Path, int, Any], Any]) -> Any:
    opening = reader.peek()
    if opening == "[" and path in lists:
        return _elements(reader, path, keep)
    if opening == "{" and any(wanted[: len(path)] == path for wanted in lists):
        return _members(reader, path, lists, keep)
    return reader.value()


def _elements(reader: _Reader, path: Path, keep: Callable[[Path, int, Any], Any]) -> list[Any]:
    made: list[Any] = []
    reader.take("[")
    if reader.peek() == "]":
        reader.take("]")
        return made
    while True:
        made.append(keep(path, len(made), reader.value()))
        if reader.take(",]") == "]":
            return made


def _members(reader: _Reader, path: Path, lists: Collection[Path], keep: Callable[[Path, int, Any], Any]) -> Any:
    made: dict[str, Any] = {}
    reader.take("{")
    if reader.peek() == "}":
        reader.take("}")
        return made
    while True:
        if reader.peek() != '"':
            reader.take('"')
        key = reader.value()
        reader.take(":")
        made[key] = _value(reader, (*path, key), lists, keep)
        if reader.take(",}") == "}":
            return made
