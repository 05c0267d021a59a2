"""What the cloud answers with: ids, and the properties that it computes."""

from __future__ import annotations

import copy
import hashlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from localcloud.check import DEFAULTS
from localcloud.codec import UNKNOWN, Path, Values
from localcloud.errors import CloudError
from localcloud.schema import Property, ResourceType

PLACES = ("project", "region", "zone", "location")
ATTRIBUTION = {"goog-pulumi-provisioned": "true"}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the provider was configured with, as far as resources take it over."""

    project: str | None = None
    region: str | None = None
    zone: str | None = None
    quota_project: str | None = None
    owner: str | None = None
    user_project_override: bool = False
    default_labels: Mapping[str, str] = field(default_factory=dict)

    def place(self, name: str) -> str | None:
        """The configured project, region or zone; a location that is left out is the region."""
        value: str | None = {
            "project": self.project,
            "region": self.region,
            "zone": self.zone,
            "location": self.region,
        }[name]
        return value


def project_number(project: str) -> str:
    """Every project has a number, which service agents carry in their names; here it follows from the id."""
    return str(10**11 + int(hashlib.sha256(project.encode()).hexdigest(), 16) % (9 * 10**11))


def repository_id(name: str) -> int:
    """A repository keeps its numeric id for ever; here it follows from the name, so that a stack file can hold it."""
    return 10**8 + int(hashlib.sha256(name.encode()).hexdigest(), 16) % (9 * 10**8)


def now() -> str:
    """The time in the cloud's form."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Generated:
    """Values that the cloud makes up once for a resource."""

    @cached_property
    def token(self) -> str:
        return uuid.uuid4().hex

    def value(self, name: str) -> str | None:
        """`#` a number, `hex`, `hex6`, `hex12`, `uuid`, `ipv4`."""
        if name == "#":
            return str(10**9 + int(self.token[:8], 16))
        if name == "uuid":
            return str(uuid.UUID(self.token))
        if name == "ipv4":
            return f"34.{int(self.token[:2], 16)}.{int(self.token[2:4], 16)}.{int(self.token[4:6], 16)}"
        match = re.fullmatch(r"hex(\d*)", name)
        return self.token[: int(match.group(1) or 32)] if match else None


class Writer:
    """Fills templates for one resource out of its inputs, the provider's configuration and made-up values."""

    def __init__(self, row: ResourceType, inputs: Values, config: Config, known: Values | None = None) -> None:
        self.row = row
        self.inputs = inputs
        self.config = config
        self.known = known or {}
        self.generated = Generated()
        self.identity: str | None = None

    def lookup(self, name: str) -> Any:
        """The value of a placeholder; None where nothing is known under that name."""
        value = self.inputs.get(name)
        if value is None and name in self.known:
            value = self.known[name]
        if value is None and name in PLACES:
            value = self.config.place(name)
        if value is None and name == "owner":
            value = self.config.owner or "example"
        if value is None and name == "id":
            value = self.identity
        if value is None and name == "projectNumber":
            value = project_number(self.project)
        if value is None:
            value = self.generated.value(name)
        return value

    def text(self, template: str) -> str:
        """A template with its placeholders filled in."""

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            value = self.lookup(name)
            if value is None and name in self.row.properties:
                if self.row.properties[name].output:
                    return str(self.generated.value("#"))
                if name in PLACES:
                    place = "location" if name == "location" else f"{name}"
                    raise CloudError(
                        400,
                        f"{place}: required field is not set on {self.row.token}, nor in the provider's configuration",
                        "required",
                    )
                return ""
            return "" if value is None else str(value)

        return re.sub(r"\{([\w#]+)\}", replace, template)

    def value(self, template: Any) -> Any:
        """A template, or a structure of templates."""
        if isinstance(template, str):
            return self.text(template)
        if isinstance(template, dict):
            return {key: self.value(item) for key, item in template.items()}
        if isinstance(template, list):
            return [self.value(item) for item in template]
        return template

    @cached_property
    def project(self) -> str:
        """The project that the resource is in: its own, that of the parent it names, or the provider's; "" if none."""
        own = self.inputs.get("project")
        if isinstance(own, str) and own:
            return own.removeprefix("projects/")
        for name in re.findall(r"\{(\w+)\}", self.row.id):
            match = re.match(r"projects/([^/]+)/", str(self.inputs.get(name, "")))
            if match:
                return match.group(1)
        if self.row.id.startswith("projects/{projectId}"):
            return str(self.inputs.get("projectId", ""))
        return self.config.project or "" if "project" in self.row.properties else ""


def build(writer: Writer, old: Values | None) -> Values:
    """All properties of a resource after it was created (`old` is None) or updated."""
    row, known = writer.row, old or {}
    result = {key: copy.deepcopy(value) for key, value in writer.inputs.items() if key != DEFAULTS}
    strip_defaults(result)
    for name, prop in row.properties.items():
        if name in result:
            fill_fields(writer, prop, result[name])
        elif prop.output:
            result[name] = known[name] if name in known and name not in FRESH else computed_output(writer, name, prop)
        elif name in PLACES and writer.lookup(name) is not None and prop.computed:
            result[name] = known.get(name) or writer.lookup(name)
        elif prop.computed:
            if known.get(name) is not None:
                result[name] = known[name]
            elif prop.fill is not None:
                result[name] = writer.value(prop.fill)
    writer.known = result
    for name in row.outputs:
        if name not in known:
            value = writer.value(row.outputs[name])
            result[name] = int(value) if row.properties[name].kind == "int" else value
    return result


def fill_fields(writer: Writer, prop: Property, value: Any) -> None:
    """What the cloud fills in inside an object that was given."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or prop.kind == "map":
            continue
        for name, inner in prop.fields.items():
            if name in item:
                fill_fields(writer, inner, item[name])
            elif inner.fill is not None:
                item[name] = writer.value(inner.fill)


def strip_defaults(value: Any) -> None:
    """The list of defaulted names belongs to the inputs, not to the state."""
    if isinstance(value, dict):
        value.pop(DEFAULTS, None)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            strip_defaults(item)


FRESH = {"updateTime", "updatedAt", "etag", "fingerprint", "effectiveLabels", "pulumiLabels", "effectiveAnnotations"}


def labels(writer: Writer) -> dict[str, Any]:
    """All labels of a resource: its own, the provider's defaults, and the provider's mark."""
    return {**writer.config.default_labels, **(writer.inputs.get("labels") or {}), **ATTRIBUTION}


NAMED: dict[str, Callable[[Writer], Any]] = {
    "selfLink": lambda w: f"https://www.googleapis.com/compute/v1/{w.identity}",
    "selfLinkUnique": lambda w: f"https://www.googleapis.com/compute/v1/{w.identity}",
    "name": lambda w: w.identity,
    "effectiveLabels": labels,
    "pulumiLabels": labels,
    "effectiveAnnotations": lambda w: w.inputs.get("annotations") or {},
    "project": lambda w: w.project,
    "state": lambda _: "ACTIVE",
    "status": lambda _: "ACTIVE",
    "numericId": lambda w: w.generated.value("#"),
    "uid": lambda w: w.generated.value("uuid"),
    **dict.fromkeys(("createTime", "updateTime", "creationTimestamp", "createdAt", "updatedAt"), lambda _: now()),
    **dict.fromkeys(("etag", "fingerprint"), lambda _: hashlib.sha256(now().encode()).hexdigest()[:12]),
}


HEALTHY = ("ACTIVE", "READY", "available", "active", "live", "not_suspended")
"""Of the states that a resource can be in, those in which it is just after a create that went well."""


def computed_output(writer: Writer, name: str, prop: Property) -> Any:
    """An output by its name where the table has no shape for it: ids, times, links; else the type's empty value."""
    if prop.enum:
        return next((value for value in HEALTHY if value in prop.enum), prop.enum[0])
    if name in NAMED and prop.kind in ("string", "map"):
        return NAMED[name](writer)
    if prop.kind == "string":
        return writer.generated.value("#") if name.endswith("Id") else ""
    if name == "repoId":
        return repository_id(str(writer.inputs.get("name", "")))
    return {"bool": False, "int": 0, "float": 0, "list": [], "set": [], "map": {}}.get(prop.kind)


def preview(writer: Writer, old: Values | None) -> Values:
    """What is known of a resource before it is created or updated: its inputs, and what the state has. All that the
    cloud computes is unknown before a create."""
    if old is not None:
        result = {**old, **{key: copy.deepcopy(value) for key, value in writer.inputs.items()}}
        for name, prop in writer.row.properties.items():
            if name not in writer.inputs and not prop.output and not prop.computed:
                result.pop(name, None)
        strip_defaults(result)
        return result
    result = copy.deepcopy(writer.inputs)
    strip_defaults(result)
    for name, prop in writer.row.properties.items():
        if name in result:
            unknown_fields(prop, result[name])
        elif name in ("effectiveLabels", "pulumiLabels"):
            result[name] = labels(writer)
        elif name in PLACES and (prop.computed or prop.output) and writer.lookup(name) is not None:
            result[name] = writer.lookup(name)
        elif prop.output or prop.computed:
            result[name] = UNKNOWN
    return result


def unknown_fields(prop: Property, value: Any) -> None:
    """Computed fields inside a given object are unknown until the cloud has filled them in."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict) or prop.kind == "map":
            continue
        for name, inner in prop.fields.items():
            if name in item:
                unknown_fields(inner, item[name])
            elif inner.output or inner.computed:
                item[name] = UNKNOWN


def secret_paths(properties: Mapping[str, Property], values: Any, path: Path = ()) -> Iterator[Path]:
    """Paths of the values that the provider itself marks as secret."""
    if not isinstance(values, dict):
        return
    for name, prop in properties.items():
        if values.get(name) is None:
            continue
        if prop.secret:
            yield (*path, name)
        elif prop.fields and isinstance(values[name], list):
            for index, item in enumerate(values[name]):
                yield from secret_paths(prop.fields, item, (*path, name, index))
        elif prop.fields and prop.kind != "map":
            yield from secret_paths(prop.fields, values[name], (*path, name))
