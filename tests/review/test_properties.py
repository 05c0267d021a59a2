"""What holds for every run: no secret in any output, inert text, limits, order, speed."""

from __future__ import annotations

import functools
import html
import json
import random
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from review import bundle, comment, document, junit, oscal, page, sarif
from review.build import build
from review.mask import SIGNATURE, UNKNOWN
from review.model import Review
from tests.recording import ROOT
from tests.review.making import BUCKET, MEMBER, events_of, policy, review_of, step, write

WRITERS = (comment.write, page.write, sarif.write, junit.write, document.write, *(w for _, w in oscal.KINDS.values()))
FEW = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
SECRET = st.text(string.ascii_letters + string.digits + "/+=-_.:!$ \"'<\\\né", min_size=10, max_size=60).filter(
    lambda s: len(s.strip()) >= 8 and len(set(s)) > 5 and max(map(len, s.split())) > 7
)
NOISY = st.text(max_size=60)


def outputs(review: Review) -> list[str]:
    """Everything that is written about a review."""
    return [write_(review) for write_ in WRITERS]


def leaks(secret: str, text: str) -> bool:
    """Whether a secret stands in a text, as it is, as JSON, as HTML, or line by line."""
    pieces = [secret, *(line for line in secret.split("\n") if len(line) > 7)]
    return any(
        p in t for p in pieces for t in (text, html.unescape(text), text.replace("\\\\", "\\").replace('\\"', '"'))
    )


@functools.cache
def innocent() -> str:
    """What is written where the secret is another one: a secret that reads like our own words is no leak there."""
    with tempfile.TemporaryDirectory() as folder:
        review = review_of(Path(folder) / "run", hidden("zQ7!kV2#xW9$"))
        return "\n".join([*outputs(review), *bundled(review, Path(folder) / "bundle")])


def bundled(review: Review, folder: Path) -> list[str]:
    """What is written into a bundle, but for digests of it."""
    bundle.make(review, folder, sources={})
    return [path.read_text() for path in folder.iterdir() if path.name not in ("manifest.json", "seal.json")]


def hidden(secret: str) -> list[dict[str, Any]]:
    """Steps that hold a secret in every way a run can."""
    marked = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]", "plaintext": json.dumps(secret)}
    return [
        step("create", BUCKET, "named", new={"rootPassword": secret, "other": f"x {secret} y"}),
        step("update", BUCKET, "turned", old={"value": secret}, new={"value": "[secret]"}),
        step("update", BUCKET, "back", old={"value": "[secret]"}, new={"value": secret}),
        step("create", BUCKET, "marked", new={"a": {"b": [{"c": marked}]}}),
        step("create", BUCKET, "env", new={"envs": [{"name": "DB_PASSWORD", "value": secret}]}),
        step("create", BUCKET, "url", new={"database": f"postgres://shop:{'s3cretPassw0rd'}@10.0.0.1/shop"}),
        step("delete", BUCKET, "out", old={"a": 1}, was={"outputs": {"k": secret}, "additionalSecretOutputs": ["k"]}),
        step(
            "update",
            BUCKET,
            "computed",
            old={"a": 1},
            new={"a": 1},
            was={"outputs": {"privateKey": secret}},
            detailedDiff={"privateKey": {"kind": "update"}},
        ),
    ]


@FEW
@given(SECRET)
def test_no_secret_value_is_ever_written(secret: str) -> None:
    """By name, by mark, on one side only, in an environment, an address, an output; and echoed in messages."""
    assume(not leaks(secret, innocent()))
    message = f"ACC-3 Title\n  where  x\n  found  the value is {secret} here\n  fix    y"
    bodies = (
        {"policyEvent": policy("bucket-private", "named", message=message)},
        {"diagnosticEvent": {"severity": "error", "message": f"could not connect with {secret}!"}},
        {"diagnosticEvent": {"severity": "warning", "message": f"token {secret}"}},
    )
    with tempfile.TemporaryDirectory() as folder:
        review = review_of(Path(folder) / "run", hidden(secret), *bodies)
        texts = bundled(review, Path(folder) / "bundle")
    for text in (*texts, *outputs(review)):
        assert not leaks(secret, text)
        assert "s3cretPassw0rd" not in text


@pytest.mark.parametrize(
    "secret",
    [
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "AIzaSyA-abcdefghijklmnopqrstuvwxyz01234",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    ],
)
def test_what_looks_like_a_credential_is_masked(tmp_path: Path, secret: str) -> None:
    """Under an innocent name, unmarked, and cut by no length limit before it is masked."""
    one = step("create", BUCKET, "b", new={"note": "x" * 290 + " " + secret})
    for text in outputs(review_of(tmp_path, [one])):
        assert not any(part in text for part in (secret, secret[:20], secret[-20:]))


def test_unknown_values_are_named(tmp_path: Path) -> None:
    """The engine's placeholder is nobody's word; where the value comes from is."""
    edges = {"propertyDependencies": {"key": [f"urn:pulumi:prod::example::{BUCKET}::source"]}}
    one = step("create", BUCKET, "b", new={"key": UNKNOWN, "in": f"a-{UNKNOWN}"}, now=edges)
    body = {"policyEvent": policy("r", "b", message=f"ACC-3 t\n  found  {UNKNOWN}")}
    review = review_of(tmp_path, [one], body)
    assert {a.path: a.after for a in review.changes[0].attributes} == {
        "in": "a-(known after apply)",
        "key": "(known after apply, from source)",
    }
    assert not any(UNKNOWN in text for text in outputs(review))


@FEW
@given(st.lists(NOISY, min_size=4, max_size=4))
def test_any_text_anywhere_gives_readable_outputs(texts: list[str]) -> None:
    """Whatever names, values and messages are made of: XML and JSON parse, the limit holds."""
    name, value, message, key = texts
    one = step("update", BUCKET, name, old={"x": value}, new={"x": message, key: value})
    grant = step("create", MEMBER, name, new={"bucket": value, "role": key, "member": message})
    bodies = (
        {"policyEvent": policy("bucket-private", name, message=message)},
        {"diagnosticEvent": {"severity": "error", "message": value}},
    )
    with tempfile.TemporaryDirectory() as folder:
        review = review_of(Path(folder), [one, grant], *bodies)
    ElementTree.fromstring(junit.write(review))  # noqa: S314  written here
    assert json.loads(sarif.write(review))["version"] == "2.1.0"
    assert json.loads(document.write(review))["schema"] == 1
    assert comment.length(comment.write(review)) <= comment.LIMIT
    assert page.write(review).count("<script>") == 1


@FEW
@given(st.integers(1, 40), st.integers(2_000, 70_000), st.integers(1, 4_000))
def test_comment_keeps_any_limit(number: int, limit: int, width: int) -> None:
    """Many or few, long or short names: never longer than allowed."""
    steps = [step("create", BUCKET, f"{i}" + "🔥`<" * width, new={"x": "y" * width}) for i in range(number)]
    with tempfile.TemporaryDirectory() as folder:
        review = review_of(Path(folder), steps)
    assert comment.length(comment.write(review, limit=limit)) <= limit


@FEW
@given(st.randoms(use_true_random=False))
def test_any_order_of_steps_gives_the_same_outputs(shuffle: random.Random) -> None:
    """The engine works in parallel; two runs of the same change are to read the same."""
    steps = [
        *hidden("correct horse battery"),
        step("create", MEMBER, "g", new={"bucket": "b", "role": "r", "member": "allUsers"}),
        step("delete", MEMBER, "h", old={"bucket": "b", "role": "r", "member": "user:a@example.com"}),
    ]
    bodies = [{"policyEvent": policy(f"rule-{i}", "named")} for i in range(4)]
    with tempfile.TemporaryDirectory() as folder:
        first = build(digest=None, events=write(Path(folder) / "1", [], events=events_of(steps, *bodies))["events"])
        shuffle.shuffle(steps)
        shuffle.shuffle(bodies)
        second = build(digest=None, events=write(Path(folder) / "2", [], events=events_of(steps, *bodies))["events"])
    for ours, theirs in ((first, second),):
        assert ours.changes == theirs.changes
        assert (ours.gained, ours.lost, ours.findings, ours.headline) == (
            theirs.gained,
            theirs.lost,
            theirs.findings,
            theirs.headline,
        )
        assert comment.write(ours) == comment.write(theirs)


def test_a_thousand_resources_in_two_seconds_of_work(tmp_path: Path) -> None:
    """Reading, ranking and the comment, in processor time: a busy machine does not decide."""
    inputs = {
        "name": "n",
        "location": "EUROPE-WEST1",
        "labels": {"a": "1"},
        "settings": {"a": {"b": [1, 2, {"c": "d"}]}},
    }
    after = {**inputs, "location": "EUROPE-WEST4", "labels": {"a": "2"}}
    steps = [step("update", BUCKET, f"b{i}", old=inputs, new=after) for i in range(700)]
    steps += [
        step("create", MEMBER, f"m{i}", new={"bucket": "b", "role": "r", "member": f"group:g{i}@example.com"})
        for i in range(300)
    ]
    names = [f"rule-{i}" for i in range(20)]
    judged = [
        {"policyAnalyzeSummaryEvent": {"resourceUrn": s["urn"], "policyPackName": "secure-hosting", "passed": names}}
        for s in steps
    ]
    files = write(tmp_path, steps, *judged)
    started = time.process_time()
    text = comment.write(build(**files))
    assert time.process_time() - started < 2.0
    assert comment.length(text) <= comment.LIMIT


@pytest.mark.slow
def test_ten_thousand_resources_in_fifteen_seconds_and_half_a_gigabyte(tmp_path: Path) -> None:
    """The command as a person calls it: processor time and memory of its process, 400,000 verdicts included."""
    inputs = {"name": "n", "location": "EUROPE-WEST1", "labels": {"a": "1"}, "settings": {"a": [1, {"c": "d"}]}}
    steps = [
        step("update", BUCKET, f"b{i}", old={**inputs, "name": f"n{i}"}, new={**inputs, "location": "EU"})
        for i in range(7_000)
    ]
    steps += [
        step("create", MEMBER, f"m{i}", new={"bucket": f"n{i}", "role": "r", "member": f"group:g{i}@example.com"})
        for i in range(3_000)
    ]
    names = [f"rule-{i}" for i in range(40)]
    judged = [
        {"policyAnalyzeSummaryEvent": {"resourceUrn": s["urn"], "policyPackName": "secure-hosting", "passed": names}}
        for s in steps
    ]
    files = write(tmp_path, steps, *judged)
    words = [
        "comment",
        "--digest",
        str(files["digest"]),
        "--events",
        str(files["events"]),
        "-o",
        str(tmp_path / "c.md"),
    ]
    measured = "import re, resource, sys; from review.cli import app; app(sys.argv[1:], standalone_mode=False);"
    measured += "u = resource.getrusage(resource.RUSAGE_SELF); high = open('/proc/self/status').read();"
    measured += r"print(u.ru_utime + u.ru_stime, re.search(r'VmHWM:\s+(\d+)', high)[1])"
    done = subprocess.run(
        [sys.executable, "-c", measured, *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 15
    assert kilobytes < 512 * 1024
    assert comment.length((tmp_path / "c.md").read_text()) <= comment.LIMIT
