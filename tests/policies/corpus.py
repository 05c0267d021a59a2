"""Examples of other scanners, and our own, as the files the engine would write of them.

A case is a small stack with values that are known only after apply left as markers: `{"$ref": "google_x.y.attr"}`,
`{"$tmpl": "a-${google_x.y.attr}"}`, `{"$expr": "…"}`. Each is judged twice: as the digest of a first preview (markers
unknown, edges recorded) and as the export after apply (markers as plausible ids).
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from policies.judge import Judge, Result
from policies.load import load
from policies.model import UNKNOWN
from policies.rules import load_all
from tests.policies.files import digest, export, state, urn, write

Form = Literal["preview", "applied"]
FORMS: Final[tuple[Form, ...]] = ("preview", "applied")
PROJECT: Final = "example-prod-workload"
TODAY: Final = dt.date(2026, 11, 22)
_IDS: Final = {
    "kms/cryptoKey:": "projects/{p}/locations/{l}/keyRings/main/cryptoKeys/{n}",
    "kms/keyRing:": "projects/{p}/locations/{l}/keyRings/{n}",
    "compute/network:": "projects/{p}/global/networks/{n}",
    "compute/subnetwork:": "projects/{p}/regions/{l}/subnetworks/{n}",
    "serviceaccount/account:": "projects/{p}/serviceAccounts/{n}@{p}.iam.gserviceaccount.com",
    "storage/bucket:": "{n}",
    "sql/databaseInstance:": "{n}",
    "logging/projectBucketConfig:": "projects/{p}/locations/{l}/buckets/{n}",
    "bigquery/dataset:": "projects/{p}/datasets/{n}",
    "pubsub/topic:": "projects/{p}/topics/{n}",
    "organizations/project:": "projects/{n}",
    "container/cluster:": "projects/{p}/locations/{l}/clusters/{n}",
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One example: a small stack, the foreign check it is about, and what that check says."""

    id: str
    check: str
    expected: Literal["pass", "fail"]
    resources: tuple[Mapping[str, Any], ...]
    target: str | None = None
    why: str = ""


def trivy(path: Path) -> list[Case]:
    """The examples of Trivy's checks."""
    return [
        Case(
            id=row["id"],
            check=f"trivy:{row['check_id']}",
            expected=row["expected"],
            resources=tuple(row["pulumi"]),
            target=row.get("target"),
        )
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def own(folder: Path) -> list[Case]:
    """Our own examples, one JSON object a line. `check` may name several checks that say the same."""
    cases = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                row = json.loads(line)
                resources = tuple(row.pop("resources"))
                cases += [
                    Case(**{**row, "check": check, "id": f"{path.stem}:{number} {check}", "resources": resources})
                    for check in row["check"].split()
                ]
    return cases


def _words(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _referred(reference: str, resources: tuple[Mapping[str, Any], ...]) -> Mapping[str, Any] | None:
    """The resource of the case that `google_x.y` means."""
    kind, _, name = reference.removeprefix("data.").partition(".")
    data = reference.startswith("data.")
    named = [r for r in resources if r["name"] == name.split(".")[0].split("[")[0] and ("/get" in r["type"]) == data]
    fitting = [r for r in named if _words(kind.removeprefix("google_")) in _words(r["type"].rsplit(":", 1)[0])]
    return min(fitting or named, key=lambda r: len(r["type"]), default=None)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for marker, text in value.items():
            if marker in ("$ref", "$tmpl", "$expr") and isinstance(text, str):
                yield from re.findall(r"(?:data\.)?[a-z]+_\w+\.[\w-]+", text)
            else:
                yield from _references(text)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _attribute(reference: str, resources: tuple[Mapping[str, Any], ...]) -> str:
    """What the cloud would answer for `google_x.y.attr`."""
    kind, name, *rest = (reference.removeprefix("data.") + "..").split(".")[:3]
    found = _referred(f"{kind}.{name}", resources)
    attribute = re.sub(r"\W.*", "", rest[0]) if rest else ""
    own_name = str(found["props"].get("name", found["name"])) if found else name
    own_name = own_name if not own_name.startswith("{") else name
    token = found["type"] if found else ""
    if kind.endswith("_default_service_account"):
        account = "123456789012-compute@developer.gserviceaccount.com"
        return account if attribute == "email" else f"projects/{PROJECT}/serviceAccounts/{account}"
    if attribute == "email":
        account = str(found["props"].get("accountId", own_name)) if found else own_name
        return f"{account}@{PROJECT}.iam.gserviceaccount.com"
    if attribute == "member":
        return f"serviceAccount:{own_name}@{PROJECT}.iam.gserviceaccount.com"
    if attribute == "number":
        return "123456789012"
    if attribute in ("id", "self_link", "selfLink", ""):
        template = next((t for key, t in _IDS.items() if key in token), "projects/{p}/locations/{l}/{n}")
        full = template.format(p=PROJECT, l="europe-west1", n=own_name)
        return f"https://www.googleapis.com/compute/v1/{full}" if attribute.startswith("self") else full
    value = found["props"].get(attribute) if found else None
    return value if isinstance(value, str) else own_name


def _fill(value: Any, resources: tuple[Mapping[str, Any], ...], form: Form) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)) in ("$ref", "$tmpl", "$expr"):
            ((marker, text),) = value.items()
            if form == "preview":
                return UNKNOWN
            if marker == "$tmpl":
                return re.sub(r"\$\{([^}]*)\}", lambda m: _attribute(m[1].strip(), resources), text)
            return _attribute(text, resources) if marker == "$ref" else "example-value"
        return {key: _fill(item, resources, form) for key, item in value.items()}
    return [_fill(item, resources, form) for item in value] if isinstance(value, list) else value


def document(case: Case, form: Form) -> dict[str, Any]:
    """The case as a digest or an export."""
    states = []
    for made in case.resources:
        edges: dict[str, list[str]] = {}
        for prop, value in made["props"].items():
            found = [r for ref in _references(value) if (r := _referred(ref, case.resources)) is not None]
            if targets := {urn(r["type"], r["name"]) for r in found if r is not made}:
                edges[prop] = sorted(targets)
        inputs = _fill(dict(made["props"]), case.resources, form)
        outputs = inputs
        if form == "applied":
            kind = f"google_{made['name']}.{made['name']}"
            identity = _attribute(f"{kind}.id", ({**made, "type": made["type"]},))
            outputs = {"name": made["name"], **inputs, "id": identity}
        states.append(
            state(made["type"], made["name"], inputs, outputs=outputs, depends=edges, **made.get("options", {}))
        )
    return export(states) if form == "applied" else digest(states)


def judged(case: Case, form: Form, folder: Path, judge: Judge) -> list[Result]:
    """All verdicts on the case, read from a file as a person would."""
    stack = load(write(folder / "stack.json", document(case, form)))
    return judge.judge_graph(stack)


def make_judge() -> Judge:
    return Judge(list(load_all().values()), today=TODAY)


def answers(case: Case, results: list[Result]) -> list[Result]:
    """The failures by rules that carry the case's check."""
    return [
        r
        for r in results
        if r.outcome == "fail"
        and case.check.lower() in (ref.lower() for ref in r.rule.references)
        and (case.target is None or r.resource is None or r.resource.name == case.target.rpartition(".")[2])
    ]
