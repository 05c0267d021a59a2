"""The engine's side of the judge: the analyzer protocol, served so that each resource is decoded once.

The SDK's own servicer decodes the properties again for every policy (0.25 ms a rule and resource) and drops a whole
callback when it touches an unknown. This one decodes a request once, runs the indexed rules over it, and settles what
only the whole stack can tell when the engine hands it over.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent import futures
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc, plugin_pb2

from policies import pack, report
from policies.graph import Graph
from policies.judge import Judge, Result
from policies.model import SIGNATURE, Resource, decode, encode, split_path
from policies.registers import RegisterError, Registers
from policies.registers import load as load_registers
from policies.rule import Rule
from policies.settings import schema
from policies.waiver_rules import CONFIGURED, WAIVER_RULES, judge_exceptions

JUDGEMENT: Final = "SECURE_HOSTING_JUDGEMENT"
"""Environment variable that names the file for the summary of a judgement, written when the stack has been judged."""
TODAY: Final = "SECURE_HOSTING_TODAY"
"""Environment variable with the date of judgement (YYYY-MM-DD); the day on which the pack starts when unset."""
_MESSAGE_SIZE: Final = 1024 * 1024 * 400
_LEVELS: Final = {
    "advisory": proto.ADVISORY,
    "mandatory": proto.MANDATORY,
    "remediate": proto.REMEDIATE,
    "disabled": proto.DISABLED,
}
_LEVEL_NAMES: Final = {number: name for name, number in _LEVELS.items()}
_SEVERITIES: Final = {
    "low": proto.POLICY_SEVERITY_LOW,
    "medium": proto.POLICY_SEVERITY_MEDIUM,
    "high": proto.POLICY_SEVERITY_HIGH,
    "critical": proto.POLICY_SEVERITY_CRITICAL,
}


def plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    """A protobuf struct as plain values; five times faster than the general JSON conversion."""
    return {key: _plain(value) for key, value in struct.fields.items()}


def _plain(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "struct_value":
        return {k: _plain(v) for k, v in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_plain(v) for v in value.list_value.values]
    if kind == "bool_value":
        return value.bool_value
    return value.number_value if kind == "number_value" else None


class Analyzer(analyzer_pb2_grpc.AnalyzerServicer):
    """Judges each resource as the engine registers it, and the stack when all are there."""

    def __init__(
        self,
        known: Mapping[str, Rule],
        config: Mapping[str, Any],
        today: dt.date,
        *,
        waivers: Path | None = pack.WAIVERS,
        registers: Registers | None = None,
    ) -> None:
        self._rules = known
        self._waivers = waivers
        self._registers = registers
        self._config: dict[str, Any] = dict(config)
        self._today = today
        self._version = pack.version()
        self._lock = threading.Lock()
        self._inputs: dict[str, dict[str, Any]] = {}
        self._results: dict[str, list[Result]] = {}
        self._not_applicable: dict[str, list[proto.PolicyNotApplicable]] = {}
        self._judge: Judge = pack.make_judge(known, self._config, today=today, waivers=waivers)

    def GetAnalyzerInfo(self, request: object, context: object) -> proto.AnalyzerInfo:
        """The listing: every rule with its clause as framework reference, severity, fix and configuration schema."""
        info = proto.AnalyzerInfo(
            name=pack.NAME,
            displayName="Secure hosting",
            version=self._version,
            supportsConfig=True,
            description="The written security policy as rules",
        )
        effective = {rule.id: rule for rule in self._judge.rules}
        for rule in [*self._rules.values(), *WAIVER_RULES.values()]:
            current = effective.get(rule.id)
            level = current.level if current else rule.level if rule.id in WAIVER_RULES else "disabled"
            info.policies.append(_info(rule, level))
        return info

    def GetPluginInfo(self, request: object, context: object) -> plugin_pb2.PluginInfo:
        """The pack's version."""
        return plugin_pb2.PluginInfo(version=self._version)

    def Configure(self, request: proto.ConfigureAnalyzerRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Takes the engine's pack configuration over the committed one; refuses what would weaken a fixed rule."""
        config = dict(self._config)
        for rule_id, entry in request.policyConfig.items():
            if rule_id in WAIVER_RULES:
                continue
            wanted = {**plain(entry.properties), "enforcementLevel": _LEVEL_NAMES[entry.enforcementLevel]}
            rule = self._rules.get(rule_id)
            if rule is not None and not rule.waivable and wanted["enforcementLevel"] in ("advisory", "disabled"):
                context.abort(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"{rule_id} ({rule.clause}) cannot be {wanted['enforcementLevel']}",
                )
            before = config.get(rule_id)
            config[rule_id] = {**(before if isinstance(before, Mapping) else {}), **wanted}
        try:
            self._judge = pack.make_judge(self._rules, config, today=self._today, waivers=self._waivers)
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        self._not_applicable.clear()
        return empty_pb2.Empty()

    def ConfigureStack(self, request: object, context: object) -> proto.AnalyzerStackConfigureResponse:
        """The stack's name and tags change no verdict."""
        return proto.AnalyzerStackConfigureResponse()

    def Analyze(self, request: proto.AnalyzeRequest, context: object) -> proto.AnalyzeResponse:
        """Judges one resource before it is created. What only the stack can tell is left to AnalyzeStack."""
        resource = _resource(request)
        results = self._judge.judge_resource(resource, graph_rules=False)
        with self._lock:
            self._inputs[resource.urn] = resource.data
            self._results[resource.urn] = results
        response = proto.AnalyzeResponse(not_applicable=self._foreign(resource.type))
        for result in results:
            if result.outcome == "fail":
                response.diagnostics.append(self._diagnostic(result))
            elif result.outcome in ("not_applicable", "waived"):
                why = report.reason(result) if result.waiver is None else f"waived until {result.waiver.expires}"
                response.not_applicable.append(proto.PolicyNotApplicable(policy_name=result.rule.id, reason=why))
            elif result.outcome == "undetermined":
                why = f"left to the whole stack: {report.reason(result)}"
                response.not_applicable.append(proto.PolicyNotApplicable(policy_name=result.rule.id, reason=why))
        return response

    def Remediate(self, request: proto.AnalyzeRequest, context: object) -> proto.RemediateResponse:
        """Applies the remediations of rules whose level is `remediate`, each shown by the engine.

        A remediation that breaks is shown as a warning and changes nothing; the rule then stops the resource.
        """
        response = proto.RemediateResponse()
        candidates = [r for r in self._judge.rules_for(request.type) if r.level == "remediate" and r.remediate]
        if not candidates:
            return response
        properties = plain(request.properties)
        for rule in candidates:
            resource = _resource(request, properties)
            result = self._judge.apply(rule, resource)
            if result.outcome != "fail" or result.crashed or rule.remediate is None:
                continue
            remediation = proto.Remediation(
                policyName=rule.id,
                policyPackName=pack.NAME,
                policyPackVersion=self._version,
                description=f"{rule.clause} {rule.title}",
            )
            draft = copy.deepcopy(properties)
            try:
                for path, value in rule.remediate(resource):
                    set_value(draft, path, value)
                json_format.ParseDict(draft, remediation.properties)
            except Exception as error:  # noqa: BLE001 - a broken remedy must neither abort the preview nor half apply
                remediation.ClearField("properties")
                remediation.diagnostic = f"{rule.clause} the remediation of {rule.id} broke: {type(error).__name__}"
            else:
                properties = draft
            response.remediations.append(remediation)
        return response

    def AnalyzeStack(self, request: proto.AnalyzeStackRequest, context: grpc.ServicerContext) -> proto.AnalyzeResponse:
        """Judges what needs the edges of the whole stack, and settles what was undetermined without them."""
        graph = Graph(self._with_outputs(r) for r in request.resources)
        graph.registers = self._registers
        settled: list[Result] = []
        kept: list[Result] = []
        for resource in graph.resources:
            pending = {r.rule.id for r in self._results.get(resource.urn, ()) if r.outcome == "undetermined"}
            kept += [r for r in self._results.get(resource.urn, ()) if r.outcome != "undetermined"]
            for rule in self._judge.rules_for(resource.type):
                if rule.graph or rule.id in pending:
                    settled.append(self._judge.apply(rule, resource))
        settled += self._judge.judge_stack_rules(graph)
        settled += judge_exceptions(self._judge, graph.stack)
        response = proto.AnalyzeResponse()
        for result in settled:
            if result.outcome in ("fail", "undetermined") or result.rule is CONFIGURED:
                response.diagnostics.append(self._diagnostic(result))
            elif result.outcome in ("not_applicable", "waived"):
                response.not_applicable.append(
                    proto.PolicyNotApplicable(policy_name=result.rule.id, reason=report.reason(result))
                )
        try:
            self._write_summary([*kept, *settled])
        except OSError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{JUDGEMENT}: the summary cannot be written: {error}")
        return response

    def _with_outputs(self, message: proto.AnalyzerResource) -> Resource:
        resource = _resource(message)
        resource.outputs = resource.data
        resource.data = self._inputs.get(resource.urn, resource.data)
        resource.dependencies = tuple(message.dependencies)
        resource.property_dependencies = {k: tuple(v.urns) for k, v in message.propertyDependencies.items()}
        resource.parent = message.parent or None
        return resource

    def _foreign(self, type_token: str) -> list[proto.PolicyNotApplicable]:
        """The rules about other types and about the stack, so that the engine does not count them as passed."""
        cached = self._not_applicable.get(type_token)
        if cached is None:
            own = {r.id for r in self._judge.rules_for(type_token) if not r.graph}
            cached = [
                proto.PolicyNotApplicable(policy_name=rule.id, reason="")
                for rule in self._judge.rules
                if rule.scope == "resource" and not rule.graph and rule.id not in own
            ]
            self._not_applicable[type_token] = cached
        return cached

    def _diagnostic(self, result: Result) -> proto.AnalyzeDiagnostic:
        return proto.AnalyzeDiagnostic(
            policyName=result.rule.id,
            policyPackName=pack.NAME,
            policyPackVersion=self._version,
            description=result.rule.title,
            message=report.message(result),
            urn=result.resource.urn if result.resource else "",
            enforcementLevel=proto.MANDATORY if result.blocking else proto.ADVISORY,
            severity=_SEVERITIES[result.rule.severity],
        )

    def _write_summary(self, results: Iterable[Result]) -> None:
        target = os.environ.get(JUDGEMENT)
        if not target:
            return
        path = Path(target)
        draft = path.with_name(f"{path.name}.part")
        document = {"pack": pack.NAME, "version": self._version, "today": str(self._today), **report.summary(results)}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(document, indent=1), encoding="utf-8")
        draft.replace(path)


def _info(rule: Rule, level: str) -> proto.PolicyInfo:
    info = proto.PolicyInfo(
        name=rule.id,
        displayName=rule.title,
        description=f"{rule.clause} {rule.title}",
        enforcementLevel=_LEVELS[level],
        policy_type=(proto.POLICY_TYPE_STACK if rule.scope == "stack" or rule.graph else proto.POLICY_TYPE_RESOURCE),
        severity=_SEVERITIES[rule.severity],
        framework=proto.PolicyComplianceFramework(name="Security policy", reference=rule.clause),
        remediation_steps=rule.fix,
        tags=list(rule.references),
    )
    info.configSchema.properties.update(schema(rule))
    return info


def _resource(
    message: proto.AnalyzeRequest | proto.AnalyzerResource, properties: Mapping[str, Any] | None = None
) -> Resource:
    return Resource(
        data=decode(plain(message.properties) if properties is None else properties),
        urn=message.urn,
        type=message.type,
        name=message.name,
        protect=message.options.protect,
        ignore_changes=tuple(message.options.ignoreChanges),
        parent=message.options.parent or None,
        provider=message.provider.urn or None,
        custom=message.HasField("provider") or message.type.startswith("pulumi:providers:"),
    )


def set_value(properties: dict[str, Any], path: str, value: Any) -> None:
    """Sets one value in properties as the engine sends them; makes missing blocks, reaches into secrets."""
    *steps, last = split_path(path)
    holder: Any = properties
    for step in steps:
        holder = _block(holder, step)
        if isinstance(holder, list):
            holder = holder[int(step)]
        elif step != 0:
            holder = holder.setdefault(step, {})
    _block(holder, last)[last] = encode(value)


def _block(holder: Any, step: str | int) -> Any:
    """What holds the step: the inside of a secret, and the block in a list of one where a property is asked for."""
    while isinstance(holder, dict) and SIGNATURE in holder:
        holder = holder["value"]
    if isinstance(holder, list) and isinstance(step, str) and len(holder) == 1:
        return _block(holder[0], step)
    return holder


def start(analyzer: Analyzer) -> tuple[grpc.Server, int]:
    """A server on a free loopback port, and the port."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=4), options=[("grpc.max_receive_message_length", _MESSAGE_SIZE)]
    )
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(analyzer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def serve() -> None:
    """Serves the analyzer on a loopback port that is written to standard output, until the engine ends it."""
    day = os.environ.get(TODAY)
    today = dt.date.fromisoformat(day) if day else dt.datetime.now(dt.UTC).date()
    try:
        registers = load_registers(pack.REGISTERS, today)
    except RegisterError as error:
        sys.exit(f"the policy pack cannot judge: what people keep for it cannot be read.\n{error}")
    server, port = start(Analyzer(pack.rules(), pack.read_config(), today, registers=registers))
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    stopped.wait()
    server.stop(0)
