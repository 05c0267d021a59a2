"""What a rule sees: one resource, decoded once into plain values, read through paths that refuse to guess.

Three kinds of value need care and have one home here:

* an **unknown** (only the cloud will say, after the first `up`): reading it raises `UnknownValue`, so that no rule can
  take it for a pass;
* a **secret**: readable for a rule, never shown in a message (`View.show` masks it);
* a **missing** value: `None`. Letter case, strings for booleans and numbers are normalised by the typed readers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from policies.graph import Graph

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
RESOURCE_SIGNATURE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
_ANY_UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        _ANY_UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""The engine's markers for values not known yet: of any type, bool, number, array, asset, archive and object."""


class _Unknown:
    """The one value that stands for "not known before the first `up`"."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Secret:
    """A value the engine keeps encrypted. `value` is UNKNOWN where only the ciphertext or a mask is at hand."""

    value: Any

    def __post_init__(self) -> None:
        if isinstance(self.value, Secret):
            object.__setattr__(self, "value", self.value.value)

    def __repr__(self) -> str:
        return "[secret]"


class UnknownValue(Exception):
    """A rule read a value that is not known yet; carries the property path."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


_BOOKKEEPING: Final = frozenset({"__defaults", "__meta", "__internal"})
"""What provider bridges note inside inputs and outputs for themselves: nothing that anybody declared."""


def encode(value: Any) -> Any:
    """The reverse of `decode`: plain values as the engine's JSON."""
    if value is UNKNOWN:
        return _ANY_UNKNOWN
    if isinstance(value, Secret):
        return {SIGNATURE: SECRET_SIGNATURE, "value": encode(value.value)}
    if isinstance(value, dict):
        return {k: encode(v) for k, v in value.items()}
    return [encode(v) for v in value] if isinstance(value, list | tuple) else value


def decode(value: Any) -> Any:
    """Engine JSON (a digest, an export or a decoded request) as plain values, with UNKNOWN and Secret marked."""
    if isinstance(value, str):
        if value in _UNKNOWNS:
            return UNKNOWN
        return Secret(UNKNOWN) if value == "[secret]" else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        signature = value.get(SIGNATURE)
        if signature is None:
            return {intern(k): decode(v) for k, v in value.items() if k not in _BOOKKEEPING}
        return _decode_special(signature, value)
    if isinstance(value, list | tuple):
        return [decode(v) for v in value]
    return value


def _decode_special(signature: Any, value: Mapping[str, Any]) -> Any:
    if signature == SECRET_SIGNATURE:
        if "value" in value:
            return Secret(decode(value["value"]))
        return Secret(_plaintext(value["plaintext"]) if "plaintext" in value else UNKNOWN)
    if signature == OUTPUT_SIGNATURE:
        inner = decode(value["value"]) if "value" in value else UNKNOWN
        return Secret(inner) if value.get("secret") else inner
    if signature == RESOURCE_SIGNATURE:
        return decode(value.get("id", UNKNOWN))
    return {k: decode(v) for k, v in value.items() if k != SIGNATURE}


def _plaintext(text: Any) -> Any:
    """The value of a secret in an export made with `--show-secrets`, where it stands as JSON inside a string."""
    try:
        return decode(json.loads(text))
    except (TypeError, ValueError):
        return decode(text)


@lru_cache(maxsize=8192)
def split_path(path: str) -> tuple[str | int, ...]:
    """`a.b[0].c` as its steps: ("a", "b", 0, "c"). A key with dots or dashes is written `a["x.y"]`."""
    steps: list[str | int] = []
    for match in re.finditer(r'\["([^"]*)"\]|\[(\d+)\]|([^.\[\]]+)', path):
        quoted, index, key = match.groups()
        steps.append(int(index) if index is not None else quoted if quoted is not None else key)
    return tuple(steps)


def reveal(value: Any) -> Any:
    """The value inside a secret, for judging, never for showing; any other value as it is."""
    return value.value if isinstance(value, Secret) else value


def _descend(value: Any, steps: tuple[str | int, ...]) -> tuple[Any, bool]:
    """What stands at the end of a path, and whether it or anything above it is kept encrypted.

    Every reader goes through here, hence the short way through plain blocks.
    """
    secret = type(value) is Secret
    for step in steps:
        if type(value) is dict and type(step) is str:
            value = value.get(step)
        else:
            value, hidden = _enter(value, step)
            secret = secret or hidden
            if value is UNKNOWN:
                break
        if value is None:
            break
        secret = secret or type(value) is Secret
    return value, secret


def _enter(value: Any, step: str | int) -> tuple[Any, bool]:
    """One step into something that is not a plain block: an unknown, a secret, a list, or a lone block by index."""
    secret = type(value) is Secret
    value = reveal(value)
    if isinstance(value, list) and isinstance(step, str) and len(value) == 1:
        secret = secret or type(value[0]) is Secret
        value = reveal(value[0])
    if value is UNKNOWN:
        return UNKNOWN, secret
    if isinstance(value, dict):
        return (value if step == 0 else value.get(str(step))), secret
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step], secret
    return None, secret


_TRUE: Final = frozenset({"true", "on", "yes", "1", "enabled"})
_FALSE: Final = frozenset({"false", "off", "no", "0", "disabled", ""})


@dataclass(slots=True, eq=False, repr=False)
class View:
    """A resource, or one block inside it, with the path that leads there."""

    resource: Resource
    data: Any
    path: str = ""
    masked: bool = False
    """Whether the engine keeps the block as a whole encrypted: nothing inside it is ever shown."""

    def __repr__(self) -> str:
        return f"<{self.resource.type} {self.resource.name} {self.path}>".replace(" >", ">")

    def at(self, path: str) -> str:
        """The full property path of something inside this view, for messages."""
        if not path:
            return self.path
        return f"{self.path}.{path}" if self.path and not path.startswith("[") else f"{self.path}{path}"

    def raw(self, path: str) -> Any:
        """The value: may be None or UNKNOWN, which it also is where something above it is unknown.

        What is inside a secret is read like anything else (`is_secret` tells); a block that is written as a list of one
        and a lone block are the same thing.
        """
        value = reveal(_descend(self.data, split_path(path))[0])
        if type(value) is list and any(isinstance(v, Secret) for v in value):
            return [reveal(v) for v in value]
        return value

    def get(self, path: str, default: Any = None) -> Any:
        """The value, or `default` where it is missing. Raises UnknownValue."""
        value = self.raw(path)
        if value is UNKNOWN:
            raise UnknownValue(self.at(path))
        return default if value is None else value

    def text(self, path: str, default: str | None = None) -> str | None:
        """A string without surrounding blanks; an empty one counts as missing."""
        value = self.get(path)
        if value is None or isinstance(value, dict | list):
            return default
        return ("true" if value is True else "false" if value is False else str(value)).strip() or default

    def upper(self, path: str, default: str | None = None) -> str | None:
        """`text` in capitals: enumerations compare without regard to letter case."""
        value = self.text(path)
        return default if value is None else value.upper()

    def flag(self, path: str, default: bool = False) -> bool:
        """A boolean, also from the strings and numbers that users and templates write for one."""
        value = self.get(path)
        if value is None:
            return default
        word = str(value).strip().lower()
        return True if word in _TRUE else False if word in _FALSE else bool(value)

    def number(self, path: str) -> float | None:
        """A number, also from a string such as `"30"`, `"30.5"` or a duration in seconds such as `"7776000s"`."""
        value = self.get(path)
        if value is None or isinstance(value, dict | list):
            return None
        if isinstance(value, bool):
            return float(value)
        try:
            number = float(str(value).strip().rstrip("sS"))
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def items(self, path: str) -> list[Any]:
        """A list (a lone value counts as a list of one, a missing one as empty). Elements may be UNKNOWN."""
        value = self.get(path)
        return [] if value is None else value if isinstance(value, list) else [value]

    def words(self, path: str) -> list[str]:
        """The texts of a list in small letters. Raises UnknownValue also where a single element is not known."""
        values = self.items(path)
        for index, value in enumerate(values):
            if value is UNKNOWN:
                raise UnknownValue(self.at(f"{path}[{index}]"))
        return [str(value).strip().lower() for value in values]

    def views(self, path: str) -> list[View]:
        """The blocks of a list, or the one block where the provider has only one, as views."""
        value, secret = _descend(self.data, split_path(path))
        value = reveal(value)
        if value is UNKNOWN:
            raise UnknownValue(self.at(path))
        masked = self.masked or secret
        if isinstance(value, list):
            return [View(self.resource, item, self.at(f"{path}[{i}]"), masked) for i, item in enumerate(value)]
        return [] if value is None else [View(self.resource, value, self.at(path), masked)]

    def has(self, path: str) -> bool:
        """Whether something is written there, be it known, secret or unknown. Empty strings and lists are nothing."""
        value = reveal(_descend(self.data, split_path(path))[0])
        return value is UNKNOWN or (value is not None and value != "" and value != [] and value != {})

    def known(self, path: str) -> bool:
        """Whether the value can be read now."""
        return self.raw(path) is not UNKNOWN

    def is_secret(self, path: str) -> bool:
        """Whether the engine keeps the value (or something above it) encrypted."""
        return self.masked or _descend(self.data, split_path(path))[1]

    def show(self, path: str) -> str:
        """The value for a message: secrets masked (also those that stand there in plain text), long texts shortened."""
        value, secret = _descend(self.data, split_path(path))
        if value is None:
            return "not set"
        last = str((split_path(path) or ("",))[-1])
        if secret or self.masked or (isinstance(value, str) and _SENSITIVE.search(last)):
            return "[secret]"
        shown = "not known yet" if value is UNKNOWN else repr(value)
        return shown if len(shown) <= 120 else shown[:117] + "..."


_SENSITIVE: Final = re.compile(
    r"(password|passphrase|credentials?|private_?key|client_?secret|secret_?data|secret_?(access_?)?key"
    r"|(auth|access|refresh|api|bearer)_?token)$",
    re.IGNORECASE,
)
"""Names of properties whose value is never shown, even where nobody marked it as a secret."""


@dataclass(slots=True, eq=False, repr=False)
class Resource(View):
    """One resource of a stack. Reading goes to the declared inputs; `outputs` also holds what the cloud filled in."""

    resource: Resource = field(init=False)
    urn: str = ""
    type: str = ""
    name: str = ""
    outputs: dict[str, Any] = field(default_factory=dict)
    protect: bool = False
    ignore_changes: tuple[str, ...] = ()
    provider: str | None = None
    parent: str | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict)
    custom: bool = True
    id: str | None = None
    position: str | None = None
    """Where the program declares it, such as `project:///components/database.py#88`."""
    graph: Graph | None = None
    _secrets: frozenset[str] | None = None

    def __post_init__(self) -> None:
        self.resource = self

    def output(self, path: str) -> Any:
        """A value of the outputs (falls back to the inputs), or None where it is missing or not known."""
        for data in (self.outputs, self.data):
            value = View(self, data).raw(path)
            if isinstance(value, Secret):
                value = value.value
            if value is not None and value is not UNKNOWN:
                return value
        return None

    def secrets(self) -> frozenset[str]:
        """The texts that must not appear in any message: what is encrypted, or stands under a sensitive name."""
        if self._secrets is None:
            self._secrets = frozenset(
                text for data in (self.data, self.outputs) for text in _secret_texts(data, hidden=False)
            )
        return self._secrets

    def walk(self) -> Iterator[tuple[str, Any]]:
        """Every leaf of the inputs with its path, secrets kept as Secret."""
        yield from _walk(self.data, "")


def masker(secrets: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern that finds secrets in a message, in any letter case and quoting; None where there are none.

    A secret of fewer than four characters is found as a whole word only: a message must stay readable.
    """
    spellings: set[str] = set()
    for secret in secrets:
        for text in (secret, secret.strip()):
            spellings |= {text, repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    found = sorted(spellings - {""}, key=lambda text: (-len(text), text))
    parts = (re.escape(t) if len(t) > 3 else rf"(?<!\w){re.escape(t)}(?!\w)" for t in found)
    return re.compile("|".join(parts), re.IGNORECASE) if found else None


_COPIES_OF_LABELS: Final = frozenset({"effectiveLabels", "pulumiLabels"})
"""Outputs of the Google provider that it marks as secret although they repeat the labels in plain sight."""


def _secret_texts(value: Any, *, hidden: bool) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from _secret_texts(value.value, hidden=True)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _COPIES_OF_LABELS:
                yield from _secret_texts(item, hidden=hidden or bool(_SENSITIVE.search(str(key))))
    elif isinstance(value, list):
        for item in value:
            yield from _secret_texts(item, hidden=hidden)
    elif hidden and isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            step = key if re.fullmatch(r"[A-Za-z_]\w*", str(key)) else f'["{key}"]'
            yield from _walk(item, f"{path}.{step}" if path and not step.startswith("[") else f"{path}{step}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    else:
        yield path, value


def gcp(token: str) -> str:
    """`sql/databaseInstance` as the full type token `gcp:sql/databaseInstance:DatabaseInstance`."""
    name = token.rsplit("/", 1)[1]
    return f"gcp:{token}:{name[0].upper()}{name[1:]}"
