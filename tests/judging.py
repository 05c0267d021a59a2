"""What the pack says about a recording: the same rules, waivers and registers, without an engine.

A recording has no provider behind it: outputs are those of the recorder. What the real engine says of the committed
stacks is proven in tests/e2e; here a variant of a stack costs a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import cache
from typing import Any

from policies import pack
from policies.graph import Graph
from policies.judge import Judge, Result
from policies.load import from_document
from policies.model import SECRET_SIGNATURE, SIGNATURE
from policies.registers import Registers
from policies.registers import load as load_registers
from policies.rule import Rule
from policies.waiver_rules import judge_exceptions
from tests.recording import ROOT, Recorded, Recording, today


def graph_of(resources: Iterable[Recorded]) -> Graph:
    """The recording as the engine would keep it: secrets sealed, edges and options in their places."""
    return from_document({"version": 3, "deployment": {"resources": [_state(one) for one in resources]}})


def verdicts(
    recording: Recording | Iterable[Recorded],
    *,
    day: date | None = None,
    only: Callable[[Rule], bool] | None = None,
    registers: Registers | None = None,
) -> list[Result]:
    """All verdicts about a recording, those about unused waivers included. `only` some rules have no waivers."""
    stack = graph_of(recording)
    day = day or today()
    stack.registers = registers or load_registers(ROOT, day)
    if only is not None:
        return Judge([rule for rule in pack.rules().values() if only(rule)], today=day).judge_graph(stack)
    judge = _judge(day).afresh()
    return [*judge.judge_graph(stack), *judge_exceptions(judge, stack.stack)]


def failures(recording: Recording | Iterable[Recorded]) -> dict[str, str]:
    """Clause, rule and resource of everything that fails, with what is said about it."""
    return {
        f"{one.rule.clause} {one.rule.id} {one.resource.name if one.resource else 'stack'}": "; ".join(
            f"{finding.path} {finding.message}" for finding in one.findings
        )
        for one in verdicts(recording)
        if one.outcome == "fail"
    }


@cache
def _judge(day: date) -> Judge:
    return pack.make_judge(pack.rules(), pack.read_config(), today=day)


def _state(one: Recorded) -> dict[str, Any]:
    return {
        "urn": one.urn,
        "type": one.type,
        "custom": one.custom,
        "inputs": _sealed(one.inputs, one.secrets),
        "outputs": _sealed(one.outputs, one.secrets),
        "id": str(one.outputs.get("id") or one.name) if one.custom else "",
        "parent": one.parent,
        "provider": one.provider,
        "dependencies": list(one.dependencies),
        "propertyDependencies": {key: list(urns) for key, urns in one.property_dependencies.items()},
        "protect": one.protect,
        "ignoreChanges": list(one.ignore_changes),
    }


def _sealed(values: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    def seal(value: Any, path: str) -> Any:
        if path in secrets:
            return {SIGNATURE: SECRET_SIGNATURE, "value": value}
        if isinstance(value, dict):
            return {key: seal(item, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
        if isinstance(value, list):
            return [seal(item, f"{path}.{index}") for index, item in enumerate(value)]
        return value

    sealed: dict[str, Any] = seal(values, "")
    return sealed


def changed(recording: Recording, kind: str, name: str, change: Callable[[dict[str, Any]], object]) -> list[Recorded]:
    """The recording with the inputs of one resource changed, as if a component or a transform had been weakened."""
    import copy
    from dataclasses import replace

    found = recording.one(kind, name)
    inputs = copy.deepcopy(found.inputs)
    change(inputs)
    outputs = {**{k: v for k, v in found.outputs.items() if k not in found.inputs}, **inputs}
    return [replace(one, inputs=inputs, outputs=outputs) if one is found else one for one in recording]


def blocked(resources: Recording | Iterable[Recorded]) -> set[str]:
    """The clauses that stop the deployment of what was recorded."""
    return {one.rule.clause for one in verdicts(resources) if one.blocking}
