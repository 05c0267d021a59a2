"""The jobs as they are deployed: identity, image, schedule, rights, and who hears when they fail or are silent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from components.job_catalogue import EVERY_DATABASE, KINDS, RENDER_KINDS
from components.jobs import DRILL_PREFIX
from tests.recording import ROOT, Recorded, Recording, record_stack, stack_file

JOB = "gcp:cloudrunv2/job:Job"
SCHEDULE = "gcp:cloudscheduler/job:Job"
ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"
ROLE = "gcp:projects/iAMCustomRole:IAMCustomRole"


def of_jobs(recording: Recording, kind: str) -> list[Recorded]:
    """Resources inside of the component."""
    return [resource for resource in recording.of(kind) if "hosting:jobs:" in resource.urn]


def own(recording: Recording, kind: str) -> list[Recorded]:
    """Resources of the jobs of the house; the company's own tasks have tests of their own."""
    kinds = tuple(kind.name for kind in KINDS)
    return [resource for resource in recording.of(kind) if resource.name.startswith(kinds)]


def container(job: Recorded) -> dict[str, Any]:
    """The one container of a job."""
    (found,) = job.inputs["template"]["template"]["containers"]
    return found  # type: ignore[no-any-return]


def environment(job: Recorded) -> dict[str, str]:
    """Its variables."""
    return {one["name"]: one["value"] for one in container(job)["envs"]}


def test_every_database_has_its_jobs(production: Recording) -> None:
    """An export, a drill of it, and a recovery to a point in time."""
    databases = stack_file()["secure-hosting:databases"]
    names = {job.name for job in own(production, JOB)}
    assert {f"{kind.name}-{name}" for kind in EVERY_DATABASE for name in databases} <= names
    assert {"reencryption", "log-canary", "activity-anchor-orders"} <= names
    assert len(names) == 2 * 3 + 3


def test_every_job_runs_our_image_as_an_identity_of_its_own(production: Recording) -> None:
    """By digest, attested, in our network, without a place to write to but the scratch folder."""
    accounts = {a.outputs["email"] for a in production.of("gcp:serviceaccount/account:Account")}
    for job in own(production, JOB):
        template = job.inputs["template"]["template"]
        assert template["serviceAccount"] in accounts
        assert template["serviceAccount"].startswith(f"{job.name}@")
        assert re.search(r"/images/jobs@sha256:[0-9a-f]{64}$", container(job)["image"])
        assert job.inputs["binaryAuthorization"] == {"useDefault": True}
        assert template["vpcAccess"]["egress"] == "ALL_TRAFFIC"
        assert template["volumes"][0]["name"] == "scratch"
        assert environment(job)["TMPDIR"] == "/scratch"
        assert job.protect


def test_every_job_is_started_by_its_schedule_and_by_nobody_else(production: Recording) -> None:
    """The starter may start jobs, and nothing else."""
    jobs = {job.name for job in own(production, JOB)}
    started = {
        schedule.inputs["httpTarget"]["uri"].rpartition("/jobs/")[2]: schedule for schedule in own(production, SCHEDULE)
    }
    assert set(started) == {f"{name}:run" for name in jobs}
    for schedule in started.values():
        assert schedule.inputs["paused"] is False
        assert schedule.inputs["httpTarget"]["oauthToken"]["serviceAccountEmail"].startswith("job-starter@")
    grants = own(production, "gcp:cloudrunv2/jobIamMember:JobIamMember")
    assert {grant.inputs["name"] for grant in grants} == jobs
    assert {grant.inputs["member"] for grant in grants} == {
        "serviceAccount:job-starter@example-prod-workload.iam.gserviceaccount.com"
    }
    assert permissions(production, "jobStarter") == {"run.jobs.run"}
    elsewhere = [
        r.urn for r in production if "job-starter@" in json.dumps(r.inputs.get("member", "")) and r not in grants
    ]
    assert elsewhere == []


def permissions(recording: Recording, role_id: str) -> set[str]:
    """What a custom role allows."""
    (role,) = {r.inputs["roleId"]: r for r in recording.of(ROLE) if r.inputs["roleId"] == role_id}.values()
    return set(role.inputs["permissions"])


def test_only_recovered_instances_can_be_deleted_by_a_job(production: Recording) -> None:
    """The right to delete databases ends at a name that no database of ours has."""
    for name in stack_file()["secure-hosting:databases"]:
        grant = production.one("gcp:projects/iAMMember:IAMMember", f"recovery-drill-{name}-own")
        prefix = f"projects/example-prod-workload/instances/{DRILL_PREFIX}{name}-"
        assert grant.inputs["role"].endswith("/databaseDropper")
        assert grant.inputs["condition"]["expression"].startswith(f'resource.name.startsWith("{prefix}")')
    assert "cloudsql.instances.delete" in permissions(production, "databaseDropper")
    others = [
        r.inputs["roleId"]
        for r in production.of(ROLE)
        if "cloudsql.instances.delete" in r.inputs["permissions"] and r.inputs["roleId"] != "databaseDropper"
    ]
    assert others == []
    assert not any(name.startswith(DRILL_PREFIX) for name in stack_file()["secure-hosting:databases"])


def test_who_seals_exports_cannot_open_them(production: Recording) -> None:
    """And the other way around."""
    uses: dict[str, set[str]] = {}
    for grant in of_jobs(production, "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"):
        if grant.inputs["cryptoKeyId"].endswith("/export-sealing"):
            member = grant.inputs["member"].partition(":")[2].partition("@")[0]
            uses.setdefault(member, set()).update(permissions(production, grant.inputs["role"].rpartition("/")[2]))
    assert uses == {
        "backup-export-inventory": {"cloudkms.cryptoKeyVersions.useToEncrypt"},
        "backup-export-orders": {"cloudkms.cryptoKeyVersions.useToEncrypt"},
        "restore-drill-inventory": {"cloudkms.cryptoKeyVersions.useToDecrypt"},
        "restore-drill-orders": {"cloudkms.cryptoKeyVersions.useToDecrypt"},
    }


def test_evidence_is_locked_and_signed_with_a_key_of_the_jobs(production: Recording) -> None:
    """For as long as logs are, in the audit project."""
    bucket = production.one("gcp:storage/bucket:Bucket", "evidence")
    assert bucket.inputs["project"] == "example-prod-audit"
    assert bucket.inputs["retentionPolicy"] == {"retentionPeriod": str(400 * 86_400), "isLocked": True}
    for job in own(production, JOB):
        if job.name.startswith("backup-export"):
            assert "JOBS_EVIDENCE" not in environment(job), "its manifest is what it leaves"
            continue
        assert environment(job)["JOBS_EVIDENCE"] == "gs://example-prod-audit-evidence"
        assert environment(job)["JOBS_SIGN"].endswith("/cryptoKeys/evidence-signing/cryptoKeyVersions/1")


def test_silence_is_an_alert_for_every_job(production: Recording) -> None:
    """Within 26 hours where it runs daily; a job that never ran is silent as well."""
    alerts = {alert.name: alert for alert in of_jobs(production, ALERT)}
    for job in own(production, JOB):
        kind = next(kind for kind in KINDS if job.name.startswith(kind.name))
        alert = alerts[f"{job.name}-missing"]
        (condition,) = alert.inputs["conditions"]
        query = condition["conditionPrometheusQueryLanguage"]["query"]
        assert f'job_name="{job.name}"' in query
        assert f"[{kind.silent_hours}h]" in query
        assert query.endswith("or vector(0)) < 0.5")
        assert kind.silent_hours <= 26 or kind.name == "recovery-drill"
        assert len(alert.inputs["notificationChannels"]) == 2


def test_failure_is_an_alert_that_shows_the_finding(production: Recording) -> None:
    """By the job's own words, and by how its container ended where it had none."""
    alerts = {alert.name: alert for alert in of_jobs(production, ALERT)}
    for kind in KINDS:
        alert = alerts[f"{kind.name}-failed"]
        said, ended = (c["conditionThreshold"]["filter"] for c in alert.inputs["conditions"])
        assert 'metric.type="logging.googleapis.com/user/jobs/failed"' in said
        assert 'metric.label.result="failed"' in ended
        assert f'full_match("{kind.name}' in said
        assert "${metric.label.finding}" in alert.inputs["documentation"]["content"]
        assert len(alert.inputs["notificationChannels"]) == 2
    extractors = production.one("gcp:logging/metric:Metric", "jobs-failed").inputs["labelExtractors"]
    assert extractors == {
        "deployment": "EXTRACT(jsonPayload.deployment)",
        "finding": "EXTRACT(jsonPayload.message)",
    }


@pytest.mark.parametrize("kind", [*KINDS, *RENDER_KINDS], ids=lambda kind: kind.name)
def test_an_alert_says_which_job_what_failed_what_to_trust_and_where_to_read_on(kind: Any) -> None:
    """The runbook is there, and so is the place in it."""
    one = "orders" if kind.each else ""
    text = kind.failed(one)
    assert text.startswith(f"{kind.title.format(one=one)} failed: ${{metric.label.finding}}")
    assert kind.trust in text
    assert f"{kind.silent_hours} hours" in kind.missing(one)
    file, _, anchor = kind.runbook.partition("#")
    page = (ROOT / "docs" / "runbooks" / file).read_text(encoding="utf-8")
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.+)$", page, re.M)}
    assert anchor in anchors, anchors


def test_the_small_stack_has_the_same_jobs() -> None:
    """A small company's data is all it has."""
    small = record_stack(stack="small")
    assert {job.name for job in own(small, JOB)} == {
        "backup-export-shop",
        "restore-drill-shop",
        "recovery-drill-shop",
        "reencryption",
        "log-canary",
        "activity-anchor-shop",
    }
