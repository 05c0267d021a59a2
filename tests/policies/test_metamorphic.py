"""Changes that must not change a verdict, made to every place of every example that the rules carry.

One test for each rule and kind of change: nobody has to foresee where an author forgets an unknown, a secret or a
spelling. `-k RULE` runs those of one rule.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from policies import report
from policies.model import SECRET_SIGNATURE, SIGNATURE, UNKNOWN
from policies.rule import Rule, Sample
from policies.rules import load_all
from tests.policies.examples import graph, of_scope, samples, with_value
from tests.policies.test_rules import verdicts

RULES = load_all()
MAPS = re.compile(r"(?i)(labels|annotations|variables|phoneNumbers|mapping|metadata|envVars)$")
"""Properties whose keys are the user's own: maps, not blocks."""
Change = Callable[[str, Any], list[Any]]

PLAIN_TEXT = "asks whether a text stands in the program; what comes out of another resource does not stand there"
LINKED = "finds the other resource by the name; where the engine does not know a name yet it records an edge"
ASKED = "a member that comes from no resource was asked of the cloud, which is how default accounts get in"
IS_SECRET = "asks whether the engine encrypts the value: wrapping it as a secret is the remedy"

GRANT = "the grant itself fails, whatever it is on; this rule only says so again where the thing is known"
OTHERWISE = "the other resource does not exist before it is applied, and its name tells nothing then"

UNKNOWN_BAD_MAY_PASS: dict[str, str] = {
    "backup-independent-copy": OTHERWISE,
    "container-registry-not-public": GRANT,
    "kms-opened-to-nobody": GRANT,
    "log-sink-every-project": OTHERWISE,
    "sql-login-names-instance": "a condition that is not known yet was made from a database's name",
    "storage-access-log-delivered": OTHERWISE,
    "storage-access-log-kept": OTHERWISE,
    "pulumi-no-credential-in-plain-text": PLAIN_TEXT,
    "pulumi-sensitive-property-secret": PLAIN_TEXT,
    "erasure-ledger-append-only": LINKED,
    "iap-internal-run-service": LINKED,
    "inventory-key-of-its-class": LINKED,
    "sql-backup-one-mode": LINKED,
    "sql-mysql-no-open-root": LINKED,
}
"""Rules that may pass while a value of a bad example is unknown, and why that is right."""
UNKNOWN_GOOD_MAY_FAIL: dict[str, str] = {
    "armor-limit-is-low": "a range that is not known may be everybody's",
    "github-limits-present": LINKED,
    "kms-data-reencrypted": LINKED,
    "network-denies-egress": LINKED,
    "network-denies-ingress": LINKED,
    "pulumi-stateful-protected": "labels that excuse from protection have to stand in the program",
    "storage-access-log-delivered": LINKED,
    "render-events-watched": "a switch that is not known may be off",
    "bigquery-table-own-key": LINKED,
    "github-vulnerability-alerts": LINKED,
    "iam-no-default-account-folder": ASKED,
    "iam-no-default-account-organization": ASKED,
    "iam-no-default-account-project": ASKED,
}
"""Rules that may fail while a value of a good example is unknown, and why that is right."""
SECRET_MAY_DIFFER: dict[str, str] = {
    "github-secret-encrypted": IS_SECRET,
    "pulumi-no-credential-in-plain-text": IS_SECRET,
    "pulumi-sensitive-property-secret": IS_SECRET,
    "render-env-var-secret": IS_SECRET,
    "render-secret-file-secret": IS_SECRET,
    "render-token-secret": IS_SECRET,
    "sql-password-generated": "an encrypted password may have been generated, one in plain text was typed",
}
"""Rules whose verdict depends on what is encrypted, and why that is right."""


def outcome(rule: Rule, parts: tuple[Sample, ...]) -> str:
    """The worst outcome; a rule that breaks says so."""
    found = verdicts(rule, graph(parts))
    broken = [r.findings[-1].message for r in found if r.crashed]
    if broken:
        return f"broke: {broken[0]}"
    return next(o for o in ("fail", "undetermined", "not_applicable", "pass") if any(r.outcome == o for r in found))


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every property, block and element with its path; a secret counts as one place."""
    if path:
        yield path, value
    if isinstance(value, dict) and SIGNATURE not in value:
        for key, item in value.items():
            step = str(key) if re.fullmatch(r"[A-Za-z_]\w*", str(key)) else f'["{key}"]'
            yield from places(item, f"{path}.{step}" if path and step[0] != "[" else f"{path}{step}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from places(item, f"{path}[{index}]")


def changed(
    parts: tuple[Sample, ...], change: Change, *, everywhere: bool = False
) -> Iterator[tuple[str, tuple[Sample, ...]]]:
    """The example with one place of the judged resource (or of any) changed, once for every place and change."""
    for index, sample in enumerate(parts[: len(parts) if everywhere else 1]):
        for path, value in places(dict(sample.props)):
            for new in change(path, value):
                made = dataclasses.replace(sample, props=with_value(sample.props, path, new))
                yield f"{sample.name}.{path} = {new!r}", (*parts[:index], made, *parts[index + 1 :])


def without_edges(parts: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The example as if nobody had recorded where its values come from."""
    return tuple(dataclasses.replace(part, depends={}) for part in parts)


def unknown(_path: str, _value: Any) -> list[Any]:
    """Known only after the first `up`."""
    return [UNKNOWN]


def secret(_path: str, value: Any) -> list[Any]:
    """Encrypted by the engine."""
    return [] if isinstance(value, dict | list) else [{SIGNATURE: SECRET_SIGNATURE, "value": value}]


def respelled(_path: str, value: Any) -> list[Any]:
    """The same value as users and templates also write it."""
    if isinstance(value, bool):
        return [str(value), str(value).lower(), str(value).upper()]
    if isinstance(value, int | float):
        return [str(value), float(value)]
    if isinstance(value, str) and value.lower() in ("true", "false", "on", "off", "yes", "no", "enabled", "disabled"):
        return [value.upper(), value.title(), f" {value} "]
    if isinstance(value, str) and re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)*", value) and not value.startswith("AKIA"):
        return [value.lower(), value.title()]
    return []


def listed(path: str, value: Any) -> list[Any]:
    """A lone block as a list of one, as older states and hand-written programs have it."""
    if not isinstance(value, dict) or not value or SIGNATURE in value or path.endswith("]") or MAPS.search(path):
        return []
    return [[value]]


def cases(*kinds: str) -> list[Any]:
    """Every rule about single resources that has examples of these kinds."""
    return of_scope(RULES, "resource", *kinds)


def every(rule: Rule, *kinds: str) -> Iterator[tuple[Sample, ...]]:
    for kind in kinds:
        for example in getattr(rule, kind):
            yield samples(rule, example)


@pytest.mark.parametrize("rule", of_scope(RULES, "stack", "bad"))
def test_an_unknown_anywhere_in_a_bad_stack_is_never_a_pass(rule: Rule) -> None:
    """The same for rules about the whole stack, and for every resource of the example."""
    acquitted = [
        (what, verdict)
        for parts in every(rule, "bad")
        if outcome(rule, without_edges(parts)) == "fail"
        for what, other in changed(without_edges(parts), unknown, everywhere=True)
        if (verdict := outcome(rule, other)) not in ("fail", "undetermined")
    ]
    assert bool(acquitted) == (rule.id in UNKNOWN_BAD_MAY_PASS), acquitted


@pytest.mark.parametrize("rule", of_scope(RULES, "stack", "good"))
def test_an_unknown_anywhere_in_a_good_stack_is_never_a_failure(rule: Rule) -> None:
    """The same for rules about the whole stack, and for every resource of the example."""
    convicted = [
        (what, verdict)
        for parts in every(rule, "good")
        if outcome(rule, without_edges(parts)) == "pass"
        for what, other in changed(without_edges(parts), unknown, everywhere=True)
        if (verdict := outcome(rule, other)) not in ("pass", "undetermined", "not_applicable")
    ]
    assert bool(convicted) == (rule.id in UNKNOWN_GOOD_MAY_FAIL), convicted


@pytest.mark.parametrize("rule", cases("bad"))
def test_an_unknown_in_a_bad_example_is_never_a_pass(rule: Rule) -> None:
    """Any one value of a bad resource may be the bad one: while it is unknown, nobody may call the resource good."""
    acquitted = [
        (what, verdict)
        for parts in every(rule, "bad")
        if outcome(rule, without_edges(parts)) == "fail"
        for what, other in changed(without_edges(parts), unknown)
        if (verdict := outcome(rule, other)) not in ("fail", "undetermined")
    ]
    assert bool(acquitted) == (rule.id in UNKNOWN_BAD_MAY_PASS), acquitted


@pytest.mark.parametrize("rule", cases("good"))
def test_an_unknown_in_a_good_example_is_never_a_failure(rule: Rule) -> None:
    """What was good may still be good while a value is unknown: a first preview raises no false alarm."""
    convicted = [
        (what, verdict)
        for parts in every(rule, "good")
        for what, other in changed(without_edges(parts), unknown)
        if outcome(rule, without_edges(parts)) in ("pass", "undetermined")
        and (verdict := outcome(rule, other)) not in ("pass", "undetermined", "not_applicable")
    ]
    assert bool(convicted) == (rule.id in UNKNOWN_GOOD_MAY_FAIL), convicted


def differing(rule: Rule, change: Change) -> list[tuple[str, str, str]]:
    """Where the change leads to another verdict."""
    return [
        (what, before, after)
        for parts in every(rule, "good", "bad", "not_applicable")
        for before in [outcome(rule, parts)]
        for what, other in changed(parts, change)
        if (after := outcome(rule, other)) != before
    ]


@pytest.mark.parametrize("rule", cases("good", "bad", "not_applicable"))
def test_spelling_makes_no_difference(rule: Rule) -> None:
    """Texts for booleans and numbers, and letter case of enumerations, change no verdict."""
    assert differing(rule, respelled) == []


@pytest.mark.parametrize("rule", cases("good", "bad", "not_applicable"))
def test_a_block_in_a_list_of_one_makes_no_difference(rule: Rule) -> None:
    """A lone block and a list of one are the same thing."""
    assert differing(rule, listed) == []


@pytest.mark.parametrize("rule", cases("good", "bad", "not_applicable"))
def test_encrypting_a_value_makes_no_difference(rule: Rule) -> None:
    """A program that marks too much as secret is judged like any other."""
    found = differing(rule, secret)
    assert bool(found) == (rule.id in SECRET_MAY_DIFFER), found


@pytest.mark.parametrize("rule", cases("bad"))
def test_no_message_shows_an_encrypted_value(rule: Rule) -> None:
    """Whatever a rule says about a failure, it does not say the secret."""
    for parts in every(rule, "bad"):
        for what, other in changed(parts, lambda p, v: secret(p, "zq-" + v) if isinstance(v, str) and v else []):
            hidden = what.split("'value': ", 1)[1].rstrip("}").strip("'\"")
            said = "".join(report.message(r) + json.dumps(report.record(r)) for r in verdicts(rule, graph(other)))
            assert hidden not in said, what
