"""The logging query language as the judge reads it: precedence, three answers, and agreement with the local cloud."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.alert_catalogue import ALERTS
from localcloud.logquery import matches
from policies.logquery import ANY, Ending, QueryError, selects
from policies.rules._log_events import EVENTS
from policies.rules._log_samples import keeps_everything, may_select_audit
from policies.rules._watch import covers

ENTRY = {
    "severity": "ERROR",
    "resource": {"type": "gce_route"},
    "protoPayload": {"methodName": "compute.routes.insert"},
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", True),
        ('resource.type="gce_route"', True),
        ('resource.type = "GCE_ROUTE"', True),
        ('resource.type="gce_route" protoPayload.methodName:"insert"', True),
        ('resource.type="x" OR resource.type="gce_route" AND severity=INFO', False),
        ('severity=INFO AND resource.type="x" OR resource.type="gce_route"', False),
        ('severity=INFO OR severity=ERROR AND resource.type="gce_route"', True),
        ('NOT resource.type="x" OR severity=INFO', True),
        ('-resource.type="gce_route"', False),
        ("severity>=WARNING", True),
        ("severity<WARNING", False),
        ('resource.type=("x" OR "gce_route")', True),
        ('resource.type=(NOT "gce_route")', False),
        ('protoPayload.methodName=~"^compute\\.routes\\.(insert|delete)$"', True),
        ('protoPayload.methodName!~"routes"', False),
        ("protoPayload.methodName:*", True),
        ("protoPayload.serviceName:*", False),
        ("routes.insert", True),
        ('"nothing like it"', False),
        ('resource.type="gce_route" -- AND severity=INFO', True),
        ("sample(insertId, 0.5)", None),
    ],
)
def test_filter_selects_as_the_language_says(query: str, expected: bool | None) -> None:
    """NOT binds before OR, OR before AND; lines and blanks join by AND; words search everywhere."""
    assert selects(query, ENTRY) is expected


@pytest.mark.parametrize("query", ['a="', "a=(b", "a=b)", "AND a=b", "a=b OR", "=x", 'a=~"("', "NOT"])
def test_what_the_api_would_refuse_is_refused(query: str) -> None:
    """A filter that cannot be read selects nothing quietly nowhere: it is an error."""
    with pytest.raises(QueryError):
        selects(query, ENTRY)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('logName="projects/p/logs/cloudaudit.googleapis.com%2Factivity"', None),
        ('logName="projects/p/logs/stdout"', False),
        ('logName:"cloudaudit.googleapis.com"', True),
        ('logName:"run.googleapis.com/requests"', False),
        ('log_id("cloudaudit.googleapis.com/activity")', True),
        ('log_id("cloudaudit.googleapis.com/data_access")', False),
        ('resource.labels.project_id="p"', None),
        ('NOT resource.labels.project_id="p"', None),
        ('resource.labels.project_id="p" AND severity=INFO', False),
        ('resource.labels.project_id="p" OR severity=NOTICE', True),
    ],
)
def test_an_open_field_gives_maybe_unless_another_decides(query: str, expected: bool | None) -> None:
    """Three answers, not two: what depends on an open field is neither yes nor no."""
    entry = {
        "logName": Ending("/logs/cloudaudit.googleapis.com%2Factivity"),
        "severity": "NOTICE",
        "resource": {"labels": ANY},
    }
    assert selects(query, entry) is expected


SAMPLES = [entry for alert in ALERTS for entry in (*alert.selects, *alert.ignores)]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_judge_and_local_cloud_read_the_same_filter_alike(alert: object) -> None:
    """Two evaluators, written apart, agree on every filter and sample of the catalogue."""
    query = alert.filter  # type: ignore[attr-defined]
    assert [selects(query, e) for e in SAMPLES] == [matches(query, e) for e in SAMPLES]


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever somebody writes is read or refused, nothing else."""
    with contextlib.suppress(QueryError):
        assert selects(text, ENTRY) in (True, False, None)


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e.name)
def test_recommended_filter_covers_its_event_and_no_other_of_its_kind(event: object) -> None:
    """The filter a message recommends passes the rule; leaving somebody out, or one method, does not."""
    assert covers(event.filter, event)  # type: ignore[attr-defined,arg-type]
    assert covers(f'({event.filter}) AND resource.labels.project_id="p"', event)  # type: ignore[attr-defined,arg-type]
    assert not covers(f'({event.filter}) AND protoPayload.methodName!~"."', event)  # type: ignore[attr-defined,arg-type]


def test_a_filter_that_leaves_out_a_person_does_not_cover_an_event() -> None:
    """Whoever is left out can do it unheard."""
    event = EVENTS[0]
    assert not covers(f'{event.filter}\nNOT protoPayload.authenticationInfo.principalEmail="a@example.com"', event)


@pytest.mark.parametrize("query", ["", "severity>=DEFAULT", "severity<ERROR OR severity>=ERROR", "logName:*"])
def test_filters_without_effect_keep_everything(query: str) -> None:
    """An empty filter can be written in many ways."""
    assert keeps_everything(query)


@pytest.mark.parametrize("query", ["severity>DEBUG", 'logName:"cloudaudit"', 'NOT resource.type="k8s_container"'])
def test_filters_with_effect_do_not_keep_everything(query: str) -> None:
    """Anything that may drop an entry is a filter."""
    assert not keeps_everything(query)


@pytest.mark.parametrize(
    ("query", "safe"),
    [
        ('resource.type="http_load_balancer"', True),
        ('resource.type="k8s_container" AND severity<WARNING', True),
        ('severity<ERROR AND NOT logName:"cloudaudit.googleapis.com"', True),
        ("severity<ERROR", False),
        ('resource.type="gcs_bucket"', False),
        ('protoPayload.authenticationInfo.principalEmail="a@example.com"', False),
        ("sample(insertId, 0.9)", False),
    ],
)
def test_exclusions_are_judged_by_what_they_may_drop(query: str, safe: bool) -> None:
    """An exclusion is harmless only if no audit log entry can match it."""
    assert (may_select_audit(query) is None) is safe
