"""Document AI and Dialogflow: documents under a key of our own, conversations logged."""

from __future__ import annotations

from collections.abc import Iterator

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule
from policies.rules._facts import boolean
from policies.rules._keys import cmek

PROCESSOR = gcp("essentialcontacts/documentAiProcessor")
"""The provider files Document AI under the module of essential contacts."""
WAREHOUSE = gcp("essentialcontacts/documentAiWarehouseLocation")
CX_AGENT = gcp("diagflow/cxAgent")
_DIALOGFLOW = ("https://cloud.google.com/dialogflow/cx/docs/concept/agent-settings",)

cmek(
    {PROCESSOR: "kmsKeyName"},
    id="documentai-processor-own-key",
    title="Document AI processors use a key of our own",
    references=("checkov:CKV2_GCP_22",),
    sources=("https://cloud.google.com/document-ai/docs/cmek",),
    why="A processor keeps the documents it was trained on.",
)

cmek(
    {WAREHOUSE: "kmsKey"},
    id="documentai-warehouse-own-key",
    title="Document AI Warehouse uses a key of our own",
    references=("checkov:CKV2_GCP_23",),
    sources=("https://cloud.google.com/document-warehouse/docs/overview",),
    why="The warehouse keeps every document that was put into it, and the key is fixed when the location is set up.",
)

boolean(
    {gcp("diagflow/agent"): "enableLogging"},
    missing="is not set, and the default is off",
    remedy=True,
    id="dialogflow-agent-logs",
    clause="LOG-8",
    title="Dialogflow agents write logs",
    severity="low",
    fix="enable_logging=True",
    references=("checkov:CKV2_GCP_29",),
    sources=("https://cloud.google.com/dialogflow/es/docs/history",),
    why="An agent answers strangers in your name. Its log tells what was asked and what it did.",
)


@rule(
    id="dialogflow-cx-agent-logs",
    clause="LOG-8",
    title="Dialogflow CX agents write logs",
    severity="low",
    types=(CX_AGENT,),
    decides=("enableStackdriverLogging",),
    fix='advanced_settings={"logging_settings": {"enable_stackdriver_logging": True}}',
    references=("checkov:CKV2_GCP_30",),
    sources=_DIALOGFLOW,
    good=(
        {"displayName": "a", "enableStackdriverLogging": True},
        {"displayName": "a", "advancedSettings": {"loggingSettings": {"enableStackdriverLogging": True}}},
    ),
    bad=(
        {"displayName": "a"},
        {"displayName": "a", "enableStackdriverLogging": False},
        Sample(CX_AGENT, {"advancedSettings": {"loggingSettings": {"enableStackdriverLogging": False}}}),
    ),
)
def cx_agent_logs(agent: Resource) -> Iterator[Finding]:
    """The advanced settings replace the older property, which the provider calls deprecated; either counts."""
    newer = "advancedSettings.loggingSettings.enableStackdriverLogging"
    if not agent.flag(newer) and not agent.flag("enableStackdriverLogging"):
        yield fail(agent, newer, "is not on")


boolean(
    {gcp("diagflow/cxWebhook"): "enableStackdriverLogging"},
    missing="is not set, and the default is off",
    remedy=True,
    id="dialogflow-cx-webhook-logs",
    clause="LOG-8",
    title="Dialogflow CX webhooks write logs",
    severity="low",
    fix="enable_stackdriver_logging=True",
    references=("checkov:CKV2_GCP_31",),
    sources=_DIALOGFLOW,
    why="A webhook sends what users said to another program. Its log tells what left and what came back.",
)
