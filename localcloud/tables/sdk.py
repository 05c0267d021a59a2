"""What an installed Pulumi SDK says about its resource types: properties, types, enumerations, secrets, ids."""

from __future__ import annotations

import fnmatch
import importlib
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from pulumi import _types

from localcloud.tables.notation import Row

PLAIN: dict[Any, str] = {str: "string", bool: "bool", int: "int", float: "float"}
GRANTED = ("role", "member", "members", "policyData")
POSSIBLE = re.compile(r"(?:Possible values are|Each value may be one of): ((?:`[^`]+`(?:, (?:and |or )?)?)+)\.?")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource type as the SDK declares it; `identity` is the id format of its import documentation, if any."""

    token: str
    service: str
    properties: dict[str, Row]
    identity: str | None


def package_version(provider: str) -> str:
    """The version of the plugin that the installed SDK asks the engine for."""
    from importlib.metadata import version

    return version(f"pulumi_{provider}")


def modules(provider: str) -> dict[str, dict[str, str]]:
    """Module of the SDK -> {type token: class name}, as the SDK registers them with the runtime."""
    package = importlib.import_module(f"pulumi_{provider}")
    text = Path(str(package.__file__)).read_text()
    registered = text.split("resource_modules=")[1].split('"""')[1]
    found: dict[str, dict[str, str]] = {}
    for entry in json.loads(registered):
        found.setdefault(entry["fqn"], {}).update(entry["classes"])
    return found


def resources(provider: str, serve: Any) -> Iterator[Resource]:
    """Every resource type whose service and name match `serve` ({service: "*" or [patterns of class names]})."""
    for module_name, classes in sorted(modules(provider).items()):
        service = module_name.partition(".")[2].replace(".", "_") or "index"
        patterns = serve if serve == "*" else serve.get(service)
        if patterns is None:
            continue
        patterns = ["*"] if patterns == "*" else patterns
        module = importlib.import_module(module_name)
        for token, class_name in sorted(classes.items()):
            wanted = [p for p in patterns if not p.startswith("!")]
            refused = [p[1:] for p in patterns if p.startswith("!")]
            match = any(fnmatch.fnmatchcase(class_name, p) for p in wanted)
            if match and not any(fnmatch.fnmatchcase(class_name, p) for p in refused):
                yield read_resource(token, service, getattr(module, class_name))


def read_resource(token: str, service: str, resource: type[pulumi.CustomResource]) -> Resource:
    """Inputs from the Args class, outputs from the resource class."""
    home = inspect.getmodule(resource)
    assert home is not None
    classes = {name.lower(): value for name, value in vars(home).items()}
    args = classes.get(f"{resource.__name__}InitArgs".lower()) or classes[f"{resource.__name__}Args".lower()]
    text = Path(inspect.getsourcefile(resource) or "").read_text()
    properties = read_inputs(args)
    names = _types.resource_py_to_pulumi_names(resource)
    kinds = _types.resource_types(resource)
    optional = optional_outputs(resource)
    for python_name, name in names.items():
        if name in properties:
            properties[name]["filled"] = python_name not in optional
        elif name not in ("urn", "id"):
            properties[name] = {**read_type(kinds[name], False), "output": True}
    for name in secret_outputs(text):
        if name in properties:
            properties[name]["secret"] = True
    return Resource(token=token, service=service, properties=properties, identity=read_identity(text, properties))


def read_inputs(args: type) -> dict[str, Row]:
    """Properties of an Args class: required where the constructor has no default."""
    names = _types.input_type_py_to_pulumi_names(args)
    kinds = _types.input_type_types(args)
    docs = parameter_docs(args.__init__.__doc__ or "")  # type: ignore[misc]
    properties: dict[str, Row] = {}
    for parameter in list(inspect.signature(args.__init__).parameters.values())[1:]:  # type: ignore[misc]
        name = names[parameter.name]
        row = read_type(kinds[name], True)
        if parameter.default is inspect.Parameter.empty:
            row["required"] = True
        values = POSSIBLE.search(docs.get(parameter.name, ""))
        if values and row["type"] in ("string", "list:string") and "enum" not in row:
            row["enum"] = re.findall(r"`([^`]+)`", values.group(1))
        properties[name] = row
    return properties


def read_type(kind: Any, is_input: bool) -> Row:
    """The type of a property in the tables' words; nested objects are read with their fields."""
    kind = unwrap(kind)
    if kind in PLAIN:
        return {"type": PLAIN[kind]}
    if inspect.isclass(kind) and issubclass(kind, Enum):
        values = [member.value for member in kind]
        return {"type": PLAIN[type(values[0])], "enum": values}
    if inspect.isclass(kind) and issubclass(kind, (pulumi.Asset, pulumi.Archive)):
        return {"type": "asset"}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        item = read_type(arguments[0], is_input)
        return {**item, "type": f"list:{item['type']}"}
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        item = read_type(arguments[1], is_input)
        return {**item, "type": f"map:{item['type']}"}
    if is_input and inspect.isclass(kind) and _types.is_input_type(kind):
        return {"type": "object", "fields": read_inputs(kind)}
    if not is_input and inspect.isclass(kind) and _types.is_output_type(kind):
        kinds = _types.output_type_types(kind)
        return {"type": "object", "fields": {name: read_type(value, False) for name, value in kinds.items()}}
    return {"type": "any"}


def unwrap(kind: Any) -> Any:
    """`Input[T]`, `Optional[T]` and unions with a forward-declared dictionary form are all `T` here."""
    while True:
        plain = _types.unwrap_type(kind)
        members = [item for item in typing.get_args(plain) if item is not type(None)]
        if typing.get_origin(plain) is not typing.Union or not members:
            return plain
        classes = [item for item in members if inspect.isclass(item) and issubclass(item, (Enum, pulumi.Archive))]
        kind = (classes or members)[0]


@cache
def parameter_docs(text: str) -> dict[str, str]:
    """Parameter name -> its documentation, out of a docstring of `:param Type name: text` entries."""
    parts = re.split(r"^ *:param (?:.+?)(?<=[\]\w]) (\w+): ", text, flags=re.M)
    return {name: " ".join(body.split()) for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def optional_outputs(resource: type) -> set[str]:
    """Python names of outputs that the SDK says may be absent; all others the provider always fills in."""
    found = set()
    for name, value in vars(resource).items():
        if isinstance(value, property) and value.fget is not None:
            text = str(value.fget.__annotations__.get("return"))
            if "Output[Optional[" in text or "typing.Optional[" in text:
                found.add(name)
    return found


def secret_outputs(text: str) -> list[str]:
    """Properties that the SDK marks as secret outputs."""
    match = re.search(r"additional_secret_outputs=(\[[^\]]*\])", text)
    return list(json.loads(match.group(1))) if match else []


def read_identity(text: str, properties: Mapping[str, Row]) -> str | None:
    """The id format: the first one of the import documentation, with Pulumi's property names."""
    start = text.find("## Import")
    section = text[start : start + 4000].split(":param", maxsplit=1)[0] if start >= 0 else ""
    match = re.search(r"^\s+\* (?:`([^`\n]*\{\{[^`\n]*)`|([^\s`]*\{\{[^\s`]*))", section, re.M)
    template = (match.group(1) or match.group(2)) if match else ""
    template = re.sub(r"\{\{([\w.-]+)\}\}", lambda found: "{" + camel_case(found.group(1)) + "}", template)
    grant = is_grant(properties)
    if grant and not template:
        parents = [name for name, row in properties.items() if row.get("required") and name not in GRANTED]
        template = "/".join("{" + name + "}" for name in parents)
    for name in ("role", "member") if grant else ():
        if name in properties:
            template += "/{" + name + "}"
    return template or None


def is_grant(properties: Mapping[str, Row]) -> bool:
    """Whether a type grants roles to members."""
    return "policyData" in properties or ("role" in properties and ("member" in properties or "members" in properties))


def camel_case(name: str) -> str:
    """`key_ring` -> `keyRing`, as Pulumi names a property."""
    return re.sub(r"[_-](\w)", lambda found: found.group(1).upper(), name)
