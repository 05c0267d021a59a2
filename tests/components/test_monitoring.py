"""What is watched: every service, site and database has a check, an objective and a place on the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.objectives import BURNS, Objective, Windows
from components.uptime import Site
from tests.recording import Recorded, Recording, record_stack, stack_file

SLO = "gcp:monitoring/slo:Slo"
ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"
CHECK = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig"


def conditions(recording: Recording) -> dict[str, Any]:
    """The threshold of each alert, by its filter."""
    every = [condition for alert in recording.of(ALERT) for condition in alert.inputs["conditions"]]
    found = [one["conditionThreshold"] for one in every if "conditionThreshold" in one]
    return {threshold["filter"]: threshold for threshold in found}


def measured(slo: Recorded) -> str:
    """Everything that an objective looks at."""
    return json.dumps([slo.inputs.get("requestBasedSli"), slo.inputs.get("windowsBasedSli")])


def test_everything_that_is_hosted_has_one_objective(production: Recording) -> None:
    """Services and sites by the name in the stack file, every instance of a database; the goals are the company's."""
    file = stack_file()
    databases = {f"database-{one.name}" for one in production.of("gcp:sql/databaseInstance:DatabaseInstance")}
    sites = {f"render-{n}" for n, s in file["secure-hosting:render"]["services"].items() if "domain" in s}
    slos = {slo.name.removeprefix("objective-"): slo for slo in production.of(SLO)}
    assert set(slos) == {*file["secure-hosting:services"], *databases, *sites}
    for name, slo in slos.items():
        assert slo.inputs["goal"] == (0.999 if name in databases else 0.995)
        assert slo.inputs["rollingPeriodDays"] == 30
        subject = name.removeprefix("database-")
        assert (
            f":{subject}-" in measured(slo) or f'\\"{subject}\\"' in measured(slo) or f"uptime-{name}-" in measured(slo)
        )


def test_a_budget_that_goes_too_fast_wakes_somebody(production: Recording) -> None:
    """Two windows for each objective: 2 % of the month in an hour, 5 % in six (SRE workbook, table 5-8)."""
    alerts = conditions(production)
    for slo in production.of(SLO):
        rates = {
            burn.hours: alerts[f'select_slo_burn_rate("{slo.outputs["name"]}", "{burn.hours * 3600}s")'][
                "thresholdValue"
            ]
            for burn in BURNS
        }
        assert rates == {1: 14.4, 6: 6}
        assert [round(rate * hours / (30 * 24), 3) for hours, rate in rates.items()] == [0.02, 0.05]


def test_the_page_shows_every_budget(production: Recording) -> None:
    """And no two charts lie on each other."""
    board = json.loads(production.one("gcp:monitoring/dashboard:Dashboard").inputs["dashboardJson"])
    tiles = board["mosaicLayout"]["tiles"]
    text = json.dumps(tiles)
    assert [slo.name for slo in production.of(SLO) if slo.outputs["name"] not in text] == []
    assert "logging.googleapis.com/user/security/" in text
    assert len({(tile["xPos"], tile["yPos"]) for tile in tiles}) == len(tiles)
    assert all(tile["xPos"] + tile["width"] <= board["mosaicLayout"]["columns"] for tile in tiles)


def test_sites_on_render_are_asked_from_outside(production: Recording) -> None:
    """Where they have a health check it is that; files are asked for their first page."""
    asked = {
        c.inputs["monitoredResource"]["labels"]["host"]: c.inputs["httpCheck"]["path"] for c in production.of(CHECK)
    }
    assert asked["site.example.com"] == "/healthz"
    assert asked["docs.example.com"] == "/"


def test_findings_reach_a_topic_that_only_their_sender_writes_to(production: Recording) -> None:
    """Severe and open ones; each message raises an alert over both channels."""
    stream = production.one("gcp:securitycenter/v2OrganizationNotificationConfig:V2OrganizationNotificationConfig")
    assert stream.inputs["pubsubTopic"] == "projects/example-prod-audit/topics/findings"
    writers = [m for m in production.of("gcp:pubsub/topicIAMMember:TopicIAMMember") if m.name.startswith("findings")]
    assert [w.inputs["member"] for w in writers] == [
        "serviceAccount:service-org-123456789012@gcp-sa-scc-notification.iam.gserviceaccount.com"
    ]
    assert stream.urn in writers[0].property_dependencies["member"]
    alert = production.one(ALERT, "findings")
    assert 'resource.labels.topic_id="findings"' in alert.inputs["conditions"][0]["conditionThreshold"]["filter"]
    assert len(alert.inputs["notificationChannels"]) == 2


def test_whoever_joins_the_break_glass_group_is_heard_of(production: Recording) -> None:
    """The filter names the group of the stack file; without an organization there is none."""
    metric = production.one("gcp:logging/metric:Metric", "alerts-break-glass")
    assert '"break-glass@example.com"' in metric.inputs["filter"]


def test_without_an_organization_the_rest_is_still_watched() -> None:
    """No findings and no break-glass group; objectives, checks and the page as before."""
    small = record_stack(stack="small")
    assert not [r for r in small if "securitycenter" in r.type or r.name == "alerts-break-glass"]
    assert {slo.name for slo in small.of(SLO)} == {"objective-shop-api", "objective-database-shop"}
    assert len(small.of("gcp:monitoring/dashboard:Dashboard")) == 1


def test_a_new_service_is_watched_from_its_first_day() -> None:
    """A check, an objective, its alerts and the scope; whoever adds a service has nothing to remember."""
    file = stack_file("small")
    new = json.loads(json.dumps(file["secure-hosting:services"]["shop-api"]))
    file["secure-hosting:services"]["second"] = {**new, "domain": "second.example.com"}
    file["secure-hosting:workloads"]["second"] = {
        "purpose": "a second service",
        "permissions": ["monitoring.timeSeries.create"],
    }
    before, after = record_stack(stack="small"), record_stack(file, stack="small")
    added = {r.name for r in after if r.type.startswith("gcp:monitoring/")} - {r.name for r in before}
    assert added == {
        "uptime-second",
        "objective-second",
        "objective-second-fast",
        "objective-second-slow",
    }


@pytest.mark.parametrize("goal", [0.0, 0.89, 1.0, 0.99999])
def test_an_objective_that_means_nothing_is_refused(goal: float) -> None:
    """No budget, or nothing but budget."""
    with pytest.raises(ValueError, match="MON-7"):
        Objective(title="x", goal=goal, measure=Windows(series="x"))


def test_a_path_starts_with_a_slash() -> None:
    """Otherwise the check asks for another host."""
    with pytest.raises(ValueError, match="MON-3"):
        Site(domain="example.com", path="healthz")
