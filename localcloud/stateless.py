"""The random provider: it makes values and keeps nothing. Its resources live in the stack's state alone."""

from __future__ import annotations

import base64
import hashlib
import secrets as chance
import string
import time
import uuid
from collections.abc import Callable

from localcloud.check import DEFAULTS
from localcloud.cloud import Caller, Cloud
from localcloud.codec import Path, Values
from localcloud.errors import LocalCloudError
from localcloud.outputs import secret_paths
from localcloud.schema import ResourceType
from localcloud.store import Resource

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
ADJECTIVES = [
    "able",
    "bold",
    "calm",
    "deep",
    "eager",
    "fair",
    "glad",
    "honest",
    "ideal",
    "keen",
    "light",
    "merry",
    "neat",
    "open",
    "proud",
    "quick",
    "rapid",
    "safe",
    "tidy",
    "upright",
]
ANIMALS = [
    "ant",
    "bear",
    "cat",
    "deer",
    "eel",
    "fox",
    "goat",
    "hare",
    "ibex",
    "jay",
    "koala",
    "lynx",
    "mole",
    "newt",
    "owl",
    "puma",
    "quail",
    "robin",
    "seal",
    "toad",
]


def whole(inputs: Values, name: str, default: int = 0) -> int:
    """A whole number of the inputs."""
    return int(inputs.get(name, default) or 0)


def random_text(inputs: Values) -> str:
    """A string of the wanted length and classes of characters, at least as many of each as asked for."""
    classes = {
        "Lower": (inputs.get("lower", True), string.ascii_lowercase),
        "Upper": (inputs.get("upper", True), string.ascii_uppercase),
        "Numeric": (inputs.get("numeric", inputs.get("number", True)), string.digits),
        "Special": (inputs.get("special", True), inputs.get("overrideSpecial") or SPECIAL),
    }
    length = whole(inputs, "length")
    wanted = [
        chance.choice(letters) for name, (_, letters) in classes.items() for _ in range(whole(inputs, f"min{name}"))
    ]
    alphabet = "".join(letters for used, letters in classes.values() if used)
    if length < max(1, len(wanted)) or not alphabet:
        raise LocalCloudError(
            f"length must be at least 1 and at least the sum of the minimums ({len(wanted)}), not {length}"
        )
    wanted += [chance.choice(alphabet) for _ in range(length - len(wanted))]
    chance.SystemRandom().shuffle(wanted)
    return "".join(wanted)


def choices(inputs: Values) -> Values:
    """Which classes of characters were used, as the provider reports them."""
    used = {name: inputs.get(name, True) for name in ("lower", "upper", "numeric", "number", "special")}
    return {**used, **{name: whole(inputs, name) for name in ("minLower", "minUpper", "minNumeric", "minSpecial")}}


def text(inputs: Values) -> tuple[str, Values]:
    result = random_text(inputs)
    return result, {**choices(inputs), "result": result}


def password(inputs: Values) -> tuple[str, Values]:
    result = random_text(inputs)
    return "none", {
        **choices(inputs),
        "result": result,
        "bcryptHash": "$2a$10$" + hashlib.sha256(result.encode()).hexdigest()[:53],
    }


def octets(inputs: Values) -> tuple[str, Values]:
    raw = chance.token_bytes(whole(inputs, "length"))
    encoded = base64.b64encode(raw).decode()
    return encoded, {"base64": encoded, "hex": raw.hex()}


def identity(inputs: Values) -> tuple[str, Values]:
    raw = chance.token_bytes(whole(inputs, "byteLength"))
    prefix = inputs.get("prefix") or ""
    url = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    plain = {"b64Std": base64.b64encode(raw).decode(), "b64Url": url, "dec": str(int.from_bytes(raw)), "hex": raw.hex()}
    return url, {name: prefix + value for name, value in plain.items()}


def integer(inputs: Values) -> tuple[str, Values]:
    low, high = whole(inputs, "min"), whole(inputs, "max")
    if low > high:
        raise LocalCloudError(f"min ({low}) must not be greater than max ({high})")
    result = low + chance.randbelow(high - low + 1)
    return str(result), {"result": result}


def pet(inputs: Values) -> tuple[str, Values]:
    words = [chance.choice(ADJECTIVES) for _ in range(max(whole(inputs, "length", 2), 1) - 1)] + [
        chance.choice(ANIMALS)
    ]
    separator = str(inputs.get("separator", "-"))
    name = separator.join([inputs["prefix"], *words] if inputs.get("prefix") else words)
    return name, {"separator": separator, "length": whole(inputs, "length", 2)}


def shuffle(inputs: Values) -> tuple[str, Values]:
    results = list(inputs.get("inputs", []))
    chance.SystemRandom().shuffle(results)
    return "-", {"results": results[: whole(inputs, "resultCount", len(results))]}


def version_4(_: Values) -> tuple[str, Values]:
    result = str(uuid.uuid4())
    return result, {"result": result}


def version_7(_: Values) -> tuple[str, Values]:
    stamp = int(time.time() * 1000) << 80
    result = str(uuid.UUID(int=stamp | 0x7 << 76 | chance.randbits(12) << 64 | 0b10 << 62 | chance.randbits(62)))
    return result, {"result": result}


MAKERS: dict[str, Callable[[Values], tuple[str, Values]]] = {
    "RandomBytes": octets,
    "RandomId": identity,
    "RandomInteger": integer,
    "RandomPassword": password,
    "RandomPet": pet,
    "RandomShuffle": shuffle,
    "RandomString": text,
    "RandomUuid": version_4,
    "RandomUuid4": version_4,
    "RandomUuid7": version_7,
}


class Stateless(Cloud):
    """Creates values; reading gives back what the stack remembers; deleting forgets nothing, for nothing was kept."""

    def created(self, row: ResourceType, inputs: Values, secrets: frozenset[Path], caller: Caller) -> Resource:
        made, outputs = MAKERS[row.token.split(":")[-1]](inputs)
        return self.resource(
            row, made, inputs, {key: v for key, v in inputs.items() if key != DEFAULTS} | outputs, secrets, caller
        )

    def update(
        self, row: ResourceType, identity: str, inputs: Values, secrets: frozenset[Path], caller: Caller, state: Values
    ) -> Resource:
        return self.resource(
            row, identity, inputs, {**state, **{k: v for k, v in inputs.items() if k != DEFAULTS}}, secrets, caller
        )

    def read(self, row: ResourceType, identity: str, caller: Caller, state: Values | None = None) -> Resource | None:
        if not state:
            raise LocalCloudError(f"{row.token} cannot be imported here: the local cloud keeps no random values")
        return self.resource(row, identity, state, state, frozenset(), caller)

    def delete(self, row: ResourceType, identity: str, caller: Caller, state: Values) -> None:
        return None

    def resource(
        self, row: ResourceType, made: str, inputs: Values, properties: Values, secrets: frozenset[Path], caller: Caller
    ) -> Resource:
        own = frozenset(secret_paths(row.properties, properties))
        given = frozenset(path for path in secrets if path[0] in properties)
        return Resource(
            type=row.token,
            id=made,
            name=caller.name,
            project="",
            urn=caller.urn,
            inputs=inputs,
            properties=properties,
            secrets=own | given,
            created=time.time(),
        )
