"""The blocking function of VER-2: Identity Platform asks it before every new account and every sign-in.

`password_required = false` makes email links possible, but a password that was ever set still works. Here the method of
each sign-in is held against a short list, and everything else is refused, also what cannot be read. The function keeps
nothing and changes nothing, so a forged question gains its sender an answer and no more; besides, only Identity
Platform's own agent may ask. It uses the standard library alone.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

ALLOWED: Final = frozenset({"emailLink", "google.com"})
"""Sign-in methods as Identity Platform names them: a link on each login, or a trusted third party (VER-1)."""

EVENTS: Final = frozenset({"beforeCreate", "beforeSignIn"})

Answer = tuple[dict[str, Any], int]


class Request(Protocol):
    """What is used of the runtime's request (Flask)."""

    def get_json(self, *, silent: bool) -> Any:
        """The body, or None where it is no JSON."""
        ...


def claims_of(body: object) -> Mapping[str, Any]:
    """What the token in the body says; empty where there is none that can be read."""
    data = body.get("data") if isinstance(body, Mapping) else None
    token = data.get("jwt") if isinstance(data, Mapping) else None
    parts = token.split(".") if isinstance(token, str) else []
    if len(parts) != 3:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return claims if isinstance(claims, Mapping) else {}


def refusal(claims: Mapping[str, Any]) -> str | None:
    """Why the user may not come in, in words for the user; None where nothing speaks against it."""
    event, method = claims.get("event_type"), claims.get("sign_in_method")
    if event not in EVENTS or not isinstance(method, str):
        return "This sign-in cannot be checked."
    if method == "password":
        return "Passwords are not accepted. Ask for a sign-in link, or sign in with Google."
    if method not in ALLOWED:
        return "This way to sign in is not accepted. Ask for a sign-in link, or sign in with Google."
    return None


def answer(body: object) -> Answer:
    """The answer in the form Identity Platform expects: nothing to change, or an error that the client shows."""
    claims = claims_of(body)
    why = refusal(claims)
    print(json.dumps(entry(claims, refused=why is not None)))
    if why is None:
        return {}, 200
    return {"error": {"status": "PERMISSION_DENIED", "message": why}}, 403


def entry(claims: Mapping[str, Any], *, refused: bool) -> dict[str, object]:
    """The structured log entry of one decision (VER-3), without anything that names the person."""
    return {
        "severity": "WARNING" if refused else "INFO",
        "message": "sign-in refused" if refused else "sign-in accepted",
        "event": str(claims.get("event_type", "unknown"))[:40],
        "method": str(claims.get("sign_in_method", "unknown"))[:40],
        "event_id": str(claims.get("event_id", ""))[:80],
    }


def reject_password(request: Request) -> Answer:
    """The entry point that the runtime calls."""
    return answer(request.get_json(silent=True))
