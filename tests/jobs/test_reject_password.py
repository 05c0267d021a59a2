"""The blocking function: passwords stay outside, and so does everything that cannot be read."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.reject_password.main import ALLOWED, answer, claims_of, reject_password

EVENTS = ("beforeCreate", "beforeSignIn")


def body(**claims: Any) -> dict[str, Any]:
    """A question as Identity Platform asks it."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return {"data": {"jwt": f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl"}}


class Posted:
    """A request of the runtime."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_json(self, *, silent: bool) -> Any:
        """As Flask reads it."""
        assert silent
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@pytest.mark.parametrize("event", EVENTS)
def test_a_password_is_refused(event: str) -> None:
    """Before the account exists, and before the token is issued (VER-2)."""
    said, status = answer(body(event_type=event, sign_in_method="password", event_id="e-1"))
    assert status == 403
    assert said["error"]["status"] == "PERMISSION_DENIED"
    assert "sign-in link" in said["error"]["message"]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("method", ["emailLink", "google.com"])
def test_a_link_and_google_are_accepted(event: str, method: str) -> None:
    """The answer changes nothing about the user."""
    assert answer(body(event_type=event, sign_in_method=method)) == ({}, 200)


@pytest.mark.parametrize("method", ["phone", "anonymous", "custom", "twitter.com", "oidc.other", "PASSWORD", "", None])
def test_every_other_method_is_refused(method: str | None) -> None:
    """A method that somebody switches on later is not open by itself."""
    assert answer(body(event_type="beforeSignIn", sign_in_method=method))[1] == 403


@pytest.mark.parametrize("event", ["beforeSendEmail", "", None])
def test_an_unknown_event_is_refused(event: str | None) -> None:
    """What the function was not made for, it does not wave through."""
    assert answer(body(event_type=event, sign_in_method="emailLink"))[1] == 403


UNREADABLE: list[Any] = [
    None,
    [],
    "text",
    {},
    {"data": None},
    {"data": {"jwt": 7}},
    {"data": {"jwt": "only.two"}},
    {"data": {"jwt": "a.!!!.c"}},
    {"data": {"jwt": "a.bm90IGpzb24.c"}},
    {"data": {"jwt": "a.WzFd.c"}},
    {"data": {"jwt": "a.gICA.c"}},
]


@pytest.mark.parametrize("question", UNREADABLE)
def test_what_cannot_be_read_is_refused(question: Any) -> None:
    """A refusal and no traceback."""
    assert claims_of(question) == {}
    assert answer(question)[1] == 403


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)))
def test_nothing_unforeseen_gets_in(question: Any) -> None:
    """Whatever is posted, the answer is a refusal."""
    assert answer(question)[1] == 403


@given(st.text())
def test_only_the_listed_methods_get_in(method: str) -> None:
    """Whatever the method is called."""
    accepted = answer(body(event_type="beforeSignIn", sign_in_method=method))[1] == 200
    assert accepted == (method in ALLOWED)


def test_the_log_names_the_decision_and_not_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    """VER-3 without a list of who wanted to sign in."""
    person = {"email": "someone@example.com", "uid": "u-1", "ip_address": "203.0.113.9"}
    answer(body(event_type="beforeSignIn", sign_in_method="password", event_id="e-7", user_record=person, **person))
    written = capsys.readouterr().out
    assert json.loads(written) == {
        "severity": "WARNING",
        "message": "sign-in refused",
        "event": "beforeSignIn",
        "method": "password",
        "event_id": "e-7",
    }


def test_the_entry_point_reads_the_request() -> None:
    """As the runtime calls it; a body that is no JSON is refused as well."""
    good = json.dumps(body(event_type="beforeSignIn", sign_in_method="emailLink"))
    assert reject_password(Posted(good)) == ({}, 200)
    assert reject_password(Posted("<html>"))[1] == 403
