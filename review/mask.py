"""Secrets stay out of every output: what the engine marks, what is called a secret, and what looks like one.

A value learnt as secret anywhere in a run is masked wherever else it stands, also inside of messages.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

MASK: Final = "[secret]"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value known only after apply, of whatever type."""
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
"""The key of the objects that the engine wraps secrets, assets and resource references in."""
_WRAPPED_SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
_LONGEST_JSON = 1_000_000
"""Characters up to which a text is looked at as JSON."""
_MIN_LEARNT = 6
"""Characters from which a learnt value is looked for elsewhere; shorter ones would blacken ordinary words."""
_WORDS = (
    r"password|passwd|passphrase|secretdata|clientsecret|privatekey|apikey|accesskey|credentials?|"
    r"authtoken|webhooksecret"
)
_NAMED = re.compile(rf"(?:{_WORDS}|(?:^|[a-z])token(?:value)?$|secretvalue|bcrypthash)", re.IGNORECASE)
_NOT_SECRET = re.compile(
    r"policy|generation|version|expir|ttl|enabled|rotation|length|count|id$|ids$|name$|key(?:s|name)$|type$|(?:days|seconds|period)$",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bAIza[0-9A-Za-z_-]{35}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}|\bxox[abprs]-[0-9A-Za-z-]{10,}|\brnd_[0-9A-Za-z]{20,}"
    r"|\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*"
    r"|(?<=://)[^\s/:@\"']*:[^\s/@\"']+(?=@)"
)
_ASSIGNED = re.compile(
    r"((?i:(?:password|passwd|pwd|passphrase|(?:secret|private|api|access)[_-]?key|client[_-]?secret)"
    r"(?:\s*=\s*[\"']?|[\"']\s*:\s*[\"']?|:\s+[\"']?(?=[^\s\"']*(?-i:[0-9A-Z!@#%^*+/=_])))"
    r"|token=|authorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic)\s+))"
    r"(?:[^\s\"'&;,(){}<>\[\]$\\]|&(?!\w+=)){6,}+(?!\()"
)
"""A value that a text gives to a secret's name: connection strings, headers, queries, YAML. Calls in code are none;
after a colon and a space, neither is a plain word: `password: missing` is a sentence."""
_VARIABLE = re.compile(r"(?:[A-Z0-9_]*_)?(?:SECRET|PASS|PWD)(?:_\d+)?")
"""Names of environment variables that hold secrets, beside those that any property has."""
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff\ud800-\udfff]"
)
_MARKUP = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
_Value = TypeVar("_Value")


def is_secret(value: Any) -> bool:
    """Whether the engine marks the value as a secret."""
    return value == MASK or (isinstance(value, dict) and value.get(SIGNATURE) == _WRAPPED_SECRET)


def plain(value: Any) -> Any:
    """The value with every marked secret in it masked."""
    if is_secret(value):
        return MASK
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def named_secret(key: str, type_token: str = "") -> bool:
    """Whether a property of this name holds a secret, whatever the program says.

    `secret` alone is the value at GitHub and Render; at Google Cloud it is the name of a secret.
    """
    if _VARIABLE.fullmatch(key):
        return True
    plain = key.replace("_", "").replace("-", "")
    if plain.lower() == "secret":
        return not type_token.startswith("gcp:")
    return bool(_NAMED.search(plain)) and not _NOT_SECRET.search(plain)


def looks_secret(text: str) -> bool:
    """Whether something in the text looks like a credential."""
    return bool(_LOOKS.search(text) or _ASSIGNED.search(text))


def visible(text: str) -> str:
    """Control, bidirectional and zero-width characters made visible, so that no text can pretend to be another."""
    return _INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", _MARKUP.sub("", text))


class Masker:
    """Learns secrets from the states of a run, then masks texts."""

    def __init__(self) -> None:
        self._learnt: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._type = ""
        self._known: dict[str, str] = {}

    def learn(self, state: dict[str, Any], other: dict[str, Any] | None = None) -> None:
        """Takes in the plain values of properties that are secret by name, by option, or on the other side."""
        extra = {str(key) for key in state.get("additionalSecretOutputs") or ()}
        self._type = str(state.get("type") or "")
        for part in ("inputs", "outputs"):
            for key, value in (state.get(part) or {}).items():
                marked = key in extra or any(
                    is_secret(((side or {}).get(bag) or {}).get(key))
                    for side in (state, other)
                    for bag in ("inputs", "outputs")
                )
                self._learn(key, value, ((other or {}).get(part) or {}).get(key), secret=marked)

    def _learn(self, key: str, value: Any, twin: Any, *, secret: bool) -> None:
        secret = secret or named_secret(key, self._type) or is_secret(twin)
        if isinstance(value, dict):
            if is_secret(value):
                self._learnt.update(v for k, v in value.items() if k != SIGNATURE and _worth(v))
                return
            paired = isinstance(value.get("name"), str) and named_secret(value["name"])
            for inner, part in value.items():
                there = twin.get(inner) if isinstance(twin, dict) else None
                self._learn(str(inner), part, there, secret=secret or (paired and inner == "value"))
        elif isinstance(value, list):
            twins = twin if isinstance(twin, list) else []
            for index, part in enumerate(value):
                self._learn("", part, twins[index] if index < len(twins) else None, secret=secret)
        elif secret and _worth(value):
            self._learnt.update(_spellings(value))
        elif isinstance(value, str) and value[:1] in "{[" and len(value) < _LONGEST_JSON:
            self._learn("", _parsed(value), _parsed(twin), secret=False)
        self._pattern = None

    def text(self, text: str) -> str:
        """The text without secrets and without invisible characters."""
        if self._pattern is None:
            longest = sorted(self._learnt, key=lambda s: (-len(s), s))
            self._pattern = re.compile("|".join(map(re.escape, longest)) or r"(?!)")
            self._known = {}
        known = self._known.get(text)
        if known is None:
            masked = self._mask(text, self._pattern)
            known = self._known[text] = text if masked == text else masked
        return known

    @staticmethod
    def _mask(text: str, learnt: re.Pattern[str]) -> str:
        found = _ASSIGNED.sub(rf"\g<1>{MASK}", _LOOKS.sub(MASK, learnt.sub(MASK, text)))
        return visible(found).replace(UNKNOWN, "(known after apply)")

    def scrub(self, value: _Value) -> _Value:
        """The same value, dataclasses and containers included, with every text masked."""
        return self._scrub(value)  # type: ignore[no-any-return]

    def _scrub(self, value: Any) -> Any:
        """Containers in which nothing had to be masked are returned as they are: most are, and a run has many."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            parts = tuple(map(self._scrub, value))
            return value if all(map(operator.is_, parts, value)) else parts
        if isinstance(value, dict):
            return {self._scrub(key): self._scrub(part) for key, part in value.items()}
        if names := _fields(value.__class__):
            was = [getattr(value, name) for name in names]
            now = [self._scrub(part) for part in was]
            return value if all(map(operator.is_, now, was)) else type(value)(**dict(zip(names, now, strict=True)))
        return value


@functools.cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else ()


def _parsed(text: Any) -> Any:
    """What a text is as JSON: containers keep whole configurations in one string. None where it is something else."""
    import json

    try:
        document = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict | list) else None


def _worth(value: Any) -> bool:
    return isinstance(value, str) and len(value) >= _MIN_LEARNT and value not in (MASK, UNKNOWN)


def _spellings(value: str) -> Iterator[str]:
    """As it is, and as JSON spells it; long lines of a many-lined secret each for themselves."""
    import json

    yield value
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield visible(value)
    yield from (line for line in value.splitlines() if len(line) >= _MIN_LEARNT)
