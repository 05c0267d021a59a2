"""Jobs, schedules and alerts for the examples of the rules about them."""

from __future__ import annotations

from typing import Any, Final

from policies.model import UNKNOWN
from policies.rule import Sample
from policies.rules._jobs import JOB, SCHEDULE, SCHEMA
from policies.rules._render import CRON
from policies.rules._sql import INSTANCE
from policies.rules._watch import ALERT

DATABASE: Final = Sample(INSTANCE, {"name": "orders", "databaseVersion": "POSTGRES_17"}, "orders")
RENAMED: Final = (
    Sample(INSTANCE, {"name": "orders-1f2e3d", "databaseVersion": "POSTGRES_17"}, "sales"),
    Sample(SCHEMA, {"name": "orders", "instance": UNKNOWN}, "in-sales", {"instance": ("sales",)}),
)
"""It kept its name in the cloud, and what is named after it."""
CHANNEL: Final = "projects/p/notificationChannels/mail"


def job(argument: str, name: str = "", database: str = "orders") -> Sample:
    container = {"image": "jobs@sha256:00", "args": [argument], "envs": [{"name": "JOBS_DATABASE", "value": database}]}
    props = {"name": name or f"{argument}-{database}", "template": {"template": {"containers": [container]}}}
    return Sample(JOB, props, name or f"{argument}-{database}")


def schedule(job: str, cron: str = "30 2 * * *", **more: Any) -> Sample:
    uri = f"https://run.googleapis.com/v2/projects/p/locations/l/jobs/{job}:run"
    return Sample(SCHEDULE, {"name": job, "schedule": cron, "httpTarget": {"uri": uri}, **more}, f"{job}-schedule")


def missing(job: str, hours: int = 26, **more: Any) -> Sample:
    query = (
        f'(sum(increase(run_googleapis_com:job_completed_execution_count{{job_name="{job}",result="succeeded"}}'
        f"[{hours}h])) or vector(0)) < 0.5"
    )
    condition = {"conditionPrometheusQueryLanguage": {"query": query, "duration": "0s"}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": [CHANNEL], **more}, f"{job}-missing")


def absent(job: str, seconds: int, result: str = "succeeded") -> Sample:
    text = (
        'metric.type="run.googleapis.com/job/completed_execution_count" AND resource.type="cloud_run_job" AND '
        f'metric.labels.result="{result}" AND resource.labels.job_name="{job}"'
    )
    condition = {"conditionAbsent": {"filter": text, "duration": f"{seconds}s"}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": [CHANNEL]}, f"{job}-absent")


def failed(job: str, result: str = "failed", **more: Any) -> Sample:
    text = (
        'metric.type="run.googleapis.com/job/completed_execution_count" AND resource.type="cloud_run_job" AND '
        f'metric.label.result="{result}" AND resource.label.job_name=monitoring.regex.full_match("{job}")'
    )
    condition = {"conditionThreshold": {"filter": text, "comparison": "COMPARISON_GT", "thresholdValue": 0}}
    return Sample(ALERT, {"conditions": [condition], "notificationChannels": [CHANNEL], **more}, "failed")


def cron(argument: str, schedule: str, database: str = "site") -> Sample:
    details = {"schedule": schedule, "envSpecificDetails": {"dockerCommand": f"python -m jobs {argument}"}}
    name = f"render-{argument}-{database}"
    return Sample(CRON, {"name": name, "serviceDetails": details}, name)
