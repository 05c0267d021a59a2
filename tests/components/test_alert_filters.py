"""Every alert's filter selects what it must and nothing else, by the logging query language itself."""

from __future__ import annotations

import pytest

from components.alert_catalogue import ALERTS, LogAlert, break_glass, out_of_band
from localcloud.logquery import compile_query, matches

CATALOGUE = (
    *ALERTS,
    break_glass("break-glass@example.com"),
    out_of_band("deployer@example-prod-delivery.iam.gserviceaccount.com", "example-prod-workload"),
)
PAIRS = [
    pytest.param(alert, entry, id=f"{alert.name}-{i}") for alert in CATALOGUE for i, entry in enumerate(alert.selects)
]


@pytest.mark.parametrize(("alert", "entry"), PAIRS)
def test_filter_selects_its_samples(alert: LogAlert, entry: dict[str, object]) -> None:
    """The event that the alert is about fires it."""
    assert matches(alert.filter, entry)


@pytest.mark.parametrize("alert", CATALOGUE, ids=lambda a: a.name)
def test_filter_ignores_its_counter_samples(alert: LogAlert) -> None:
    """The harmless neighbour of the event stays silent."""
    assert alert.ignores
    assert [entry for entry in alert.ignores if matches(alert.filter, entry)] == []


@pytest.mark.parametrize("alert", ALERTS, ids=lambda a: a.name)
def test_filters_do_not_fire_on_each_others_samples(alert: LogAlert) -> None:
    """One event wakes people for one reason."""
    others = [(other.name, entry) for other in ALERTS if other is not alert for entry in other.selects]
    assert [name for name, entry in others if matches(alert.filter, entry)] == []


def test_change_detector_hears_every_event_that_somebody_else_caused() -> None:
    """Each sample of the catalogue is an admin write of a person: the detector selects all of them."""
    detector = CATALOGUE[-1]
    assert [a.name for a in ALERTS for e in a.selects if not matches(detector.filter, e)] == []


def test_filters_fit_the_provider() -> None:
    """Filters are at most 20,000 characters (limit of log-based metrics) and inside the evaluated language."""
    for alert in CATALOGUE:
        compile_query(alert.filter)
        assert len(alert.filter) < 20_000
