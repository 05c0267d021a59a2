"""Identity Platform: passwords are rejected by a blocking function that this stack deploys (VER-2, trap 44)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from policies.model import UNKNOWN, Resource, View, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure

CONFIG = gcp("identityplatform/config")
FUNCTIONS = (
    gcp("cloudfunctionsv2/function"),
    gcp("cloudfunctions/function"),
    gcp("cloudrunv2/service"),
    gcp("cloudrun/service"),
)
_URL = "https://europe-west1-example.cloudfunctions.net/reject-passwords"
_FUNCTION = Sample(FUNCTIONS[0], {"name": "reject-passwords"}, "reject", outputs={"url": _URL})
_EMAIL = {"email": {"enabled": True, "passwordRequired": False}}
_DOCS = ("https://cloud.google.com/identity-platform/docs/blocking-functions",)


def _config(*events: str, uri: str = _URL, depends: bool = True, **more: Any) -> Sample:
    triggers = [{"eventType": event, "functionUri": uri} for event in events]
    edges = {"blockingFunctions": ("reject",)} if depends else {}
    return Sample(CONFIG, {"signIn": _EMAIL, "blockingFunctions": {"triggers": triggers}, **more}, "config", edges)


def _addresses(function: Resource) -> set[str]:
    found = {
        function.output(path) for path in ("url", "uri", "httpsTriggerUrl", "serviceConfig.uri", "statuses[0].url")
    }
    return {str(v).rstrip("/") for v in found if v}


def _blocked(config: Resource, event: str) -> Iterator[Finding]:
    """Whether a trigger for the event leads to a function of the stack."""
    if config.has("signIn.email") and not config.flag("signIn.email.enabled"):
        yield skip("email sign-in is off: there are no passwords")
        return
    graph = config.graph
    functions = graph.of(*FUNCTIONS) if graph else []
    hidden = False
    for trigger in config.views("blockingFunctions.triggers"):
        if trigger.data is UNKNOWN or trigger.raw("eventType") is UNKNOWN:
            hidden = True
        elif (trigger.text("eventType") or "").lower() == event.lower():
            yield from _leads_to_function(config, trigger, functions)
            return
    if hidden:
        yield unsure(config, "blockingFunctions.triggers")
    else:
        yield fail(config, "blockingFunctions.triggers", f"has none for {event}: a password is accepted")


def _leads_to_function(config: Resource, trigger: View, functions: list[Resource]) -> Iterator[Finding]:
    uri = trigger.raw("functionUri")
    graph = config.graph
    if isinstance(uri, str) and uri:
        if not any(uri.rstrip("/") in _addresses(f) for f in functions) and not (
            graph and graph.sources(config, "blockingFunctions", *FUNCTIONS)
        ):
            yield fail(trigger, "functionUri", f"is {uri!r}, which no function of this stack answers")
    elif uri is UNKNOWN:
        if not (graph and graph.sources(config, "blockingFunctions", *FUNCTIONS)):
            yield unsure(trigger, "functionUri", "is not known yet and comes from no function of this stack")
    else:
        yield fail(trigger, "functionUri", "is not set")


def _register(event: str, **record: Any) -> None:
    def check(config: Resource) -> Iterator[Finding]:
        yield from _blocked(config, event)

    registered: Callable[..., Any] = rule(
        clause="VER-2",
        types=(CONFIG,),
        decides=("blockingFunctions.triggers[0].functionUri",),
        fix=f'blocking_functions={{"triggers": [{{"event_type": "{event}", "function_uri": reject.url}}]}}',
        sources=_DOCS,
        traps=(44,),
        graph=True,
        provenance=True,
        good=(
            (_config(event), _FUNCTION),
            (_config(event, depends=False), _FUNCTION),
            (_config("somethingElse", event), _FUNCTION),
        ),
        bad=(
            Sample(CONFIG, {"signIn": _EMAIL}),
            _config("somethingElse", depends=False),
            _config(event, uri="https://elsewhere.example.com", depends=False),
        ),
        not_applicable=({"signIn": {"email": {"enabled": False}}},),
        **record,
    )
    registered(check)


_register(
    "beforeSignIn",
    id="identity-passwords-blocked",
    title="A blocking function of this stack decides on every sign-in",
    severity="critical",
    why="Email sign-in with passwordRequired false still accepts a password that was ever set: only a function that "
    "rejects the method stops it. The function must be part of the stack, or nobody reviews it.",
)
_register(
    "beforeCreate",
    id="identity-password-accounts-blocked",
    title="A blocking function of this stack decides on every new account",
    severity="high",
    why="Otherwise anybody makes an account with a password for any address, and the real owner finds it taken.",
)
