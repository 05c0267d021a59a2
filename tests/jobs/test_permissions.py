"""Each deployed job has exactly the rights that its code uses: nothing missing, nothing unused.

A job is taken as it is deployed: arguments and variables come from the resources that the production stack declares.
It runs against servers on this machine; every call names the permission that it needs and what on. These are held
against the grants of the job's identity. What Cloud Run's connector and the sign-in to a database need comes without a
call of ours, and is derived from the volume and the arguments.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.__main__ import application
from jobs.activity.command import AnchorSettings, anchor
from jobs.activity.table import SCHEMA
from jobs.canary import Canary
from jobs.canary import run as canary
from jobs.core.evidence import signer
from jobs.core.http import Http
from jobs.core.kms import Kms as KmsClient
from jobs.core.log import Log
from jobs.core.settings import load
from jobs.drill import DrillSettings, drill, last_passed, publish
from jobs.envelope.keys import wrapper
from jobs.export import ExportSettings, export
from jobs.postgres.cluster import Cluster
from jobs.recovery import Source
from jobs.recovery_drill import RecoverySettings
from jobs.recovery_drill import run as recover
from jobs.reencrypt import Reencrypt
from jobs.reencrypt import run as reencrypt
from jobs.storage.opening import open_store
from tests.jobs.cloud_fixtures import cloud
from tests.jobs.loopback import Cloud
from tests.jobs.servers.gcs import Gcs
from tests.jobs.servers.http import serving
from tests.jobs.servers.kms import Kms
from tests.recording import Recorded, Recording, record_stack, stack_file

__all__ = ["cloud"]

PROJECT = "example-prod-workload"
INSTANCE = f"projects/{PROJECT}/instances/orders-abcdef"
JOB = "gcp:cloudrunv2/job:Job"
Right = tuple[str, str]
"""A permission, and what it is on."""


@pytest.fixture(scope="module")
def production() -> Recording:
    """The production stack."""
    return record_stack()


@dataclass(frozen=True)
class Deployed:
    """A job as it is deployed."""

    resource: Recorded
    arguments: list[str]
    environment: dict[str, str]

    @property
    def flags(self) -> dict[str, str]:
        """`--name value` pairs."""
        return {
            flag.removeprefix("--").replace("-", "_"): value
            for flag, value in zip(self.arguments, self.arguments[1:], strict=False)
            if flag.startswith("--")
        }

    def settings(self, model: Any) -> Any:
        """What the code makes of it."""
        return load(model, self.flags, environment=self.environment)


def deployed(recording: Recording, name: str) -> Deployed:
    """One job of the stack."""
    job = recording.one(JOB, name)
    (container,) = job.inputs["template"]["template"]["containers"]
    return Deployed(job, container["args"], {one["name"]: one["value"] for one in container["envs"]})


def rights(recording: Recording, name: str) -> set[Right]:
    """What the identity of a job may do, and on what; a place that ends in * is a prefix."""
    member = f"serviceAccount:{name}@{PROJECT}.iam.gserviceaccount.com"
    allows = {
        role.outputs["name"]: role.inputs["permissions"]
        for role in recording.of("gcp:projects/iAMCustomRole:IAMCustomRole")
    }
    found: set[Right] = set()
    for grant in recording:
        if grant.inputs.get("member") == member:
            permissions = allows.get(grant.inputs["role"])
            assert permissions is not None, f"{grant.inputs['role']} is a role of somebody else"
            found |= {(permission, place(grant)) for permission in permissions}
    return found


def place(grant: Recorded) -> str:
    """What a grant is on."""
    inputs = grant.inputs
    if "bucket" in inputs:
        return f"gs://{inputs['bucket']}"
    if "cryptoKeyId" in inputs:
        return str(inputs["cryptoKeyId"])
    expression = (inputs.get("condition") or {}).get("expression", "")
    if exact := re.search(r'resource\.name == "([^"]+)"', expression):
        return exact[1]
    if prefix := re.search(r'resource\.name\.startsWith\("([^"]+)"\)', expression):
        return f"{prefix[1]}*"
    assert not expression, expression
    return f"projects/{inputs['project']}"


def asked(http: Http) -> set[Right]:
    """What the calls of a run needed."""
    return {(call.permission, call.on.partition("/cryptoKeyVersions/")[0]) for call in http.calls}


def covers(right: Right, need: Right) -> bool:
    """Whether a right is what is needed."""
    where = right[1]
    return right[0] == need[0] and (need[1].startswith(where[:-1]) if where.endswith("*") else need[1] == where)


def without_a_call(job: Deployed) -> set[Right]:
    """What the platform needs: the connector behind the socket, and the sign-in with a token."""
    found: set[Right] = set()
    if any(volume["name"] == "cloudsql" for volume in job.resource.inputs["template"]["template"]["volumes"]):
        assert job.environment["JOBS_HOST"] == f"/cloudsql/{PROJECT}:europe-west1:orders-abcdef"
        found |= {("cloudsql.instances.connect", INSTANCE), ("cloudsql.instances.get", INSTANCE)}
    if job.flags.get("auth") == "iam":
        found.add(("cloudsql.instances.login", INSTANCE))
    return found


def hold(recording: Recording, job: Deployed, needs: set[Right]) -> None:
    """Nothing missing, nothing unused."""
    has = rights(recording, job.resource.name)
    needs = needs | without_a_call(job)
    assert {need for need in needs if not any(covers(right, need) for right in has)} == set(), "missing"
    assert {right for right in has if not any(covers(right, need) for need in needs)} == set(), "unused"


@pytest.fixture
def storage(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gcs]:
    """Storage beside the rest of the cloud."""
    gcs = Gcs()
    for name in ("example-prod-backups-exports", "example-prod-backups-erasures", "example-prod-audit-evidence"):
        gcs.buckets[name] = {}
    with serving(gcs):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
        yield gcs


@pytest.fixture
def session() -> Http:
    """A session that writes down its calls."""
    return Http(Log("test", stream=io.StringIO()))


def test_export_and_drill(
    production: Recording,
    storage: Gcs,
    session: Http,
    source: Cluster,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one seals and never reads; the other reads and never writes but its evidence."""
    with serving(Kms()) as kms:
        monkeypatch.setenv("CLOUD_KMS_ENDPOINT", kms.url)
        here = {"host": source.server.host, "user": source.server.user, "auth": "peer", "database": database}
        job = deployed(production, "backup-export-orders")
        settings = job.settings(ExportSettings)
        assert (settings.database, settings.logical, settings.auth) == ("orders", "orders", "iam")
        stores = [open_store(address, session.log, session) for address in settings.to]
        by = wrapper(settings.key, KmsClient(session))
        assert not export(settings.model_copy(update=here), stores, by, session.log).failed
        hold(production, job, asked(session))

        drilling = Http(Log("test", stream=io.StringIO()))
        job = deployed(production, "restore-drill-orders")
        drills = job.settings(DrillSettings)
        assert str(drills.work_dir) == "/scratch"
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = f'{{"version":1,"erased_at":"{at}","database":"orders","table":"no","column":"id","key":"1",'
        record += '"cascade":[],"reason":"request"}'
        storage.put("example-prod-backups-erasures", f"orders/{at}-0123456789abcdef.json", record.encode())
        done = drill(
            drills.model_copy(update={"work_dir": Path("/tmp")}),
            Source.of(drills, drilling.log, drilling),
            drilling.log,
        )
        evidence = [open_store(address, drilling.log, drilling) for address in drills.evidence]
        publish(done, evidence, signer(drills.sign, KmsClient(drilling)))
        last_passed(evidence, drills.name, drilling.log)
        hold(production, job, asked(drilling))


def test_canary(production: Recording, storage: Gcs, cloud: Cloud, session: Http) -> None:
    """It writes in every project, and reads one log bucket."""
    job = deployed(production, "log-canary")
    settings = job.settings(Canary)
    assert len(settings.projects) == 5
    assert canary(settings, session.log, session).code == 0
    hold(production, job, asked(session))


def metadata(bucket: Recorded) -> dict[str, Any]:
    """A bucket as the API shows it."""
    rules = [
        {
            "action": {"type": rule["action"]["type"]},
            "condition": {
                **({"age": rule["condition"]["age"]} if "age" in rule["condition"] else {}),
                "isLive": rule["condition"].get("withState", "LIVE") == "LIVE",
            },
        }
        for rule in bucket.inputs["lifecycleRules"]
    ]
    return {"encryption": bucket.inputs["encryption"], "lifecycle": {"rule": rules}}


def test_reencryption(production: Recording, storage: Gcs, cloud: Cloud, session: Http) -> None:
    """It encrypts databases again, and reads which key version is the newest."""
    job = deployed(production, "reencryption")
    settings = job.settings(Reencrypt)
    ring = "projects/example-prod-keys/locations/europe-west1/keyRings/data-europe-west1/cryptoKeys"
    for name in settings.instances:
        key = f"{ring}/{'customer' if name.startswith('orders') else 'internal'}"
        cloud.keys[key] = f"{key}/cryptoKeyVersions/2"
        cloud.instances[name] = {
            "name": name,
            "state": "RUNNABLE",
            "settings": {},
            "diskEncryptionStatus": {"kmsKeyVersionName": f"{key}/cryptoKeyVersions/1"},
        }
    assert settings.buckets == tuple(f"{PROJECT}-{name}" for name in stack_file()["secure-hosting:buckets"])
    for name in settings.buckets:
        deployed_as = next(b for b in production.of("gcp:storage/bucket:Bucket") if b.inputs["name"] == name)
        key = deployed_as.inputs["encryption"]["defaultKmsKeyName"]
        cloud.keys[key] = f"{key}/cryptoKeyVersions/2"
        storage.buckets[name] = {}
        storage.metadata[name] = metadata(deployed_as)
        storage.put(name, "one", b"under an older version")
    assert reencrypt(settings, session.log, session).code == 0
    hold(production, job, asked(session))


def test_recovery_drill(
    production: Recording, storage: Gcs, cloud: Cloud, session: Http, source: Cluster, database: str
) -> None:
    """It copies one database, and deletes nothing but such copies."""
    job = deployed(production, "recovery-drill-orders")
    settings = job.settings(RecoverySettings)
    instance = {
        "name": settings.instance,
        "state": "RUNNABLE",
        "databaseVersion": "POSTGRES_17",
        "settings": {"deletionProtectionEnabled": True},
        "ipAddresses": [{"type": "PRIVATE", "ipAddress": source.server.host}],
    }
    cloud.instances[settings.instance] = instance
    assert settings.auth == "iam"
    here = {"user": source.server.user, "auth": "peer", "database": database}
    assert recover(settings.model_copy(update=here), session.log, session).code == 0
    copies = f"projects/{PROJECT}/instances/drill-orders-"
    hold(production, job, asked(session) | {("cloudsql.instances.login", f"{copies}12345678")})


def test_activity_anchor(
    production: Recording, storage: Gcs, cloud: Cloud, session: Http, source: Cluster, database: str
) -> None:
    """It reads the log and earlier anchors, and adds one."""
    job = deployed(production, "activity-anchor-orders")
    settings = job.settings(AnchorSettings)
    with source.server.connect(database, autocommit=True) as owner:
        owner.execute(SCHEMA)
    here = {"host": source.server.host, "user": source.server.user, "auth": "peer", "database": database}
    chosen = settings.model_copy(update=here)
    assert anchor(chosen, session.log, session).code == 0
    again = Http(Log("test", stream=io.StringIO()))
    assert anchor(chosen, again.log, again).code == 0
    hold(production, job, asked(session) | asked(again))


def test_every_deployed_command_exists(production: Recording) -> None:
    """With these arguments, on both clouds: a job that starts with a usage error proves nothing."""
    from typer.main import get_command

    command = get_command(application())
    jobs = [job.name for job in production.of(JOB) if "JOBS_" in str(job.inputs["template"])]
    assert len(jobs) == 9, "two databases with three each, the activity log, the keys, the canary"
    lines = [deployed(production, name).arguments for name in jobs]
    for cron in production.of("render:services:CronJob"):
        line = str(cron.inputs["serviceDetails"]["envSpecificDetails"].get("dockerCommand", ""))
        if line.startswith("python -m jobs "):
            import shlex

            lines.append(shlex.split(line.removeprefix("python -m jobs ")))
    assert len(lines) == len(jobs) + 4
    for line in lines:
        found: Any = command
        rest = list(line)
        while rest and hasattr(found, "commands") and rest[0] in found.commands:
            found = found.commands[rest.pop(0)]
        assert not hasattr(found, "commands"), line
        options = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= options, line
