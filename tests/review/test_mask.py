"""Secrets that hide: inside of texts, of JSON in one string, of what a remedy changed; and words that are none."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest

from review.mask import SIGNATURE, Masker
from tests.review.making import BUCKET, URN, review_of, step
from tests.review.test_properties import outputs

SECRET = "Xk29!vvQpl7zz"
MARKED = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "abc"}


def create(**inputs: Any) -> list[dict[str, Any]]:
    """One resource."""
    return [step("create", BUCKET, "b", new=inputs)]


def mended(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What the pack changed by itself, as the engine tells it."""
    body = {"resourceUrn": f"{URN}{BUCKET}::b", "policyName": "secret", "before": before, "after": after}
    return {"policyRemediationEvent": body}


@pytest.mark.parametrize(
    ("steps", "bodies"),
    [
        (create(config=json.dumps({"db": {"password": SECRET}})), ()),
        (create(config=json.dumps([{"name": "DB_PASSWORD", "value": SECRET}])), ()),
        (create(userData=f"a: b\npassword: {SECRET}\nc: d"), ()),
        (create(dsn=f"host=x user=y password={SECRET} dbname=z"), ()),
        (create(url=f"https://x.example/?token={SECRET}&a=b"), ()),
        (create(header=f"Authorization: Bearer {SECRET}"), ()),
        (create(containers=[{"envs": [{"name": "STRIPE_SECRET", "value": SECRET}]}]), ()),
        (create(variables={"STRIPE_SECRET": SECRET, "DB_PASS": SECRET}), ()),
        (
            create(labels={"password": "[secret]"}),
            (mended({"labels": {"password": SECRET}}, {"labels": {"password": MARKED}}),),
        ),
        (
            create(envs="[secret]"),
            (mended({"envs": [{"name": "x", "value": SECRET}]}, {"envs": [{"name": "x", "value": MARKED}]}),),
        ),
        (create(value="[secret]"), (mended({"value": SECRET}, {"value": MARKED}),)),
        (create(password=SECRET), ({f"new{SECRET}Event": {"x": SECRET}},)),
    ],
)
def test_hidden_secrets_are_in_no_output(
    steps: list[dict[str, Any]], bodies: tuple[dict[str, Any], ...], tmp_path: Path
) -> None:
    """Of any writer, as it is, in JSON or in HTML."""
    for text in outputs(review_of(tmp_path, steps, *bodies)):
        for seen in (text, html.unescape(text), text.replace("\\\\", "\\").replace('\\"', '"')):
            assert SECRET not in seen


@pytest.mark.parametrize(
    "text",
    [
        "password: missing",
        "rootPassword: stands in plain text",
        "password=config.require_secret('x')",
        "passwordPolicy: ENABLED_STRONG",
        "apiKeys: 3 things",
        "random:index/randomPassword:RandomPassword",
        "ENC-9 Secrets are references, never values",
        "basic roles/editor, bearer of a grant",
        "the token expires after 3600 seconds",
    ],
)
def test_sentences_about_secrets_stay_readable(text: str) -> None:
    """A review that blackens its own words helps nobody."""
    assert Masker().text(text) == text


def test_masked_text_stays_as_it_is() -> None:
    """Masking twice is masking once."""
    for text in ("password=[secret]", "Authorization: Bearer [secret]", '{"password": "[secret]"}'):
        assert Masker().text(text) == text
