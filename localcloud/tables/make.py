"""Makes the tables of resource types from the installed SDK, a file of provider facts, and the overlay.

    python -m localcloud.tables.make [--facts FOLDER] [--provider NAME]

What a property is called, its type and whether it is required come from the SDK, which wins over everything else.
What the SDK does not say (replacement, computed, defaults, secrets, sets) comes from
`FOLDER/<provider>-provider.jsonl`; without a folder, from the tables as they are, so that anyone can make them again
after an SDK upgrade.
What neither says (the id of a resource, the API it needs, shapes of outputs, enumerations of hand-written resources) is
written by hand in `overlay/<provider>.yaml`. That file also names the types that are served: adding one is one line.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from localcloud.tables import sdk
from localcloud.tables.notation import Row, flags_of, write_property

HERE = Path(__file__).parent
PROVIDERS = ("gcp", "random", "render", "github")


def merge_property(name: str, from_sdk: Row, fact: Row | None, nested: bool, object_is_output: bool) -> Row:
    """One property: the SDK's view, completed with the flags that only the facts know."""
    fact = fact or {}
    row: Row = {"type": from_sdk["type"]}
    if row["type"].startswith("list") and fact.get("type") == "set":
        row["type"] = "set" + row["type"][4:]
    if from_sdk.get("output") or (nested and fact.get("output_only") and not object_is_output):
        row["output"] = True
    elif from_sdk.get("required"):
        row["required"] = True
    elif not nested and row["type"] == "string" and (name == "name" or (fact.get("required") and name.endswith("Id"))):
        row["autoname"] = True
    for flag in ("replace", "secret", "deprecated"):
        if fact.get(flag):
            row[flag] = True
    if from_sdk.get("secret"):
        row["secret"] = True
    is_input = not (row.get("output") or row.get("required") or row.get("autoname") or object_is_output)
    if is_input and (fact.get("computed") or (not fact and from_sdk.get("filled"))):
        row["computed"] = True
    if is_input and "default" in fact:
        row["default"] = fact["default"]
    if fact.get("max_items"):
        row["max"] = fact["max_items"]
    if fact.get("conflicts_tf"):
        row["conflicts"] = fact["conflicts_tf"]
    values = fact.get("enum") or from_sdk.get("enum")
    if values:
        row["enum"] = values
    if from_sdk.get("fields"):
        inner = fact.get("fields") or {}
        output = bool(row.get("output")) or object_is_output
        row["fields"] = {
            key: merge_property(key, value, inner.get(key), True, output) for key, value in from_sdk["fields"].items()
        }
    return row


ALIASES = {
    "projectId": ("project",),
    "organization": ("orgId", "org"),
    "organizationId": ("orgId", "org"),
    "folderId": ("folder",),
    "billingAccountId": ("billingAccount",),
    "sinkId": ("name",),
    "peeringNetwork": ("network",),
    "zone": ("managedZone",),
}


def complete_identity(template: str, properties: dict[str, Row]) -> str:
    """The documented id format in terms of properties: some formats use the API's names, and grants say `name`."""
    own = (*sdk.GRANTED, "location", "region", "zone", "project")
    parents = [name for name, row in properties.items() if row.get("required") and name not in own]
    parents = [name for name in parents if "{" + name + "}" not in template]
    for name in re.findall(r"{(\w+)}", template):
        if name in properties or re.fullmatch(r"uuid|hex\d*|owner", name):
            continue
        if sdk.is_grant(properties) and name == "name" and len(parents) == 1:
            template = template.replace("{name}", "{" + parents[0] + "}")
            continue
        known = [alias for alias in ALIASES.get(name, ()) if alias in properties]
        if not known:
            raise SystemExit(f"no property {name} for the id {template}: write the id into the overlay")
        template = template.replace("{" + name + "}", "{" + known[0] + "}")
    return template


def apply_overlay(properties: dict[str, Row], changes: dict[str, Any]) -> None:
    """Set flags by path: `settings.tier: {enum: [...]}`; a path that the SDK does not know is refused."""
    for path, change in changes.items():
        fields: dict[str, Row] | None = properties
        row: Row | None = None
        for part in path.split("."):
            if fields is None or part not in fields:
                raise SystemExit(f"the overlay names {path}, which the SDK does not know")
            row = fields[part]
            fields = row.get("fields")
        assert row is not None
        for key, value in change.items():
            if value is None or value is False:
                row.pop(key, None)
            else:
                row[key] = value


def identity(resource: sdk.Resource, properties: dict[str, Row], default: str) -> str:
    """The id template of a type that the overlay says nothing about."""
    try:
        return complete_identity(resource.identity or default, properties)
    except SystemExit as error:
        raise SystemExit(f"{resource.token}: {error}") from None


def make(provider: str, facts: dict[str, dict[str, Row]]) -> dict[str, dict[str, Any]]:
    """All rows of one provider, keyed by the file (service) they belong to."""
    overlay = YAML(typ="safe").load((HERE / "overlay" / f"{provider}.yaml").read_text())
    files: dict[str, dict[str, Any]] = {}
    for resource in sdk.resources(provider, overlay["serve"]):
        known = facts.get(resource.token, {})
        properties = {
            name: merge_property(name, row, known.get(name), False, bool(row.get("output")))
            for name, row in resource.properties.items()
        }
        if overlay.get("everyInputReplaces"):
            for given in properties.values():
                given.update({} if given.get("output") else {"replace": True})
        hand = (overlay.get("types") or {}).get(resource.token, {})
        apply_overlay(properties, hand.get("properties", {}))
        service = overlay.get("services", {}).get(resource.service, {})
        template = hand.get("id") or identity(resource, properties, overlay["id"])
        for name in () if known else re.findall(r"{(\w+)}", template):
            if name in properties and not properties[name].get("output"):
                properties[name]["replace"] = True
        row: dict[str, Any] = {"id": template}
        api = hand["api"] if "api" in hand else service.get("api")
        if api:
            row["api"] = api
        if any(fnmatch.fnmatchcase(resource.token, pattern) for pattern in overlay.get("adopt", ())):
            row["adopt"] = True
        if set(hand.get("outputs", ())) - set(properties):
            raise SystemExit(f"{resource.token}: the overlay shapes outputs that the SDK does not know")
        if "outputs" in hand:
            row["outputs"] = hand["outputs"]
        refs = {
            name: parent
            for name, parent in overlay.get("refs", {}).get(resource.service, {}).items()
            if name in properties and parent != resource.token
        }
        if refs:
            row["refs"] = refs
        row["properties"] = {name: write_property(properties[name]) for name in sorted(properties)}
        files.setdefault(resource.service, {})[resource.token] = row
    unknown = set(overlay.get("types") or {}) - {token for rows in files.values() for token in rows}
    if unknown:
        raise SystemExit(f"overlay/{provider}.yaml names types that are not served: {', '.join(sorted(unknown))}")
    return files


def read_facts(folder: Path | None, provider: str) -> dict[str, dict[str, Row]]:
    """Facts by type token: from the given folder, else from the tables made before."""
    if folder is not None:
        lines = (folder / f"{provider}-provider.jsonl").read_text().splitlines()
        return {row["type"]: row["properties"] for row in map(json.loads, lines)}
    rows: dict[str, dict[str, Row]] = {}
    for file in sorted((HERE / provider).glob("*.json")):
        for token, row in json.loads(file.read_text()).items():
            rows[token] = {name: flags_of(value) for name, value in row["properties"].items()}
    return rows


def render(rows: dict[str, Any]) -> str:
    """One property a line, so that a change of the provider reads as a change of lines."""
    types: list[str] = []
    for token, row in sorted(rows.items()):
        head = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in row.items() if key != "properties"]
        body = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in row["properties"].items()]
        head.append('  "properties": {\n' + ",\n".join(body) + "\n  }")
        types.append(f"{json.dumps(token)}: {{\n" + ",\n".join(head) + "\n}")
    return "{\n" + ",\n".join(types) + "\n}\n"


def main(argv: list[str] | None = None) -> int:
    """Write the tables; returns the number of types written as exit text on stdout."""
    parser = argparse.ArgumentParser(
        prog="python -m localcloud.tables.make", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "--facts", type=Path, help="folder with <provider>-provider.jsonl; default: the tables as they are"
    )
    parser.add_argument("--provider", choices=PROVIDERS, action="append")
    options = parser.parse_args(argv)
    for provider in options.provider or PROVIDERS:
        files = make(provider, read_facts(options.facts, provider))
        folder = HERE / provider
        folder.mkdir(exist_ok=True)
        for stale in set(folder.glob("*.json")) - {folder / f"{service}.json" for service in files}:
            stale.unlink()
        for service, rows in files.items():
            (folder / f"{service}.json").write_text(render(rows))
        print(f"{provider}: {sum(map(len, files.values()))} types in {len(files)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
