"""The jobs of the company: what each runs, when, how long without a success is too long, and what an alert says.

A text is for whoever is woken: which job, what failed, what to trust meanwhile, and where to read on. The finding
itself comes from the job's last log entry, as a label of the metric that the alert watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DAY_HOURS: Final = 26
"""BAK-7: a daily job that did not succeed for a day and the two hours that it may take."""
FINDING: Final = "${metric.label.finding}"
"""Cloud Monitoring puts the label's value here. It is empty where the container never started."""


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """One program of `jobs/`, and how it is run."""

    name: str
    """Of the workload, and of the job; a job for each database has the database's name behind it."""
    clause: str
    arguments: tuple[str, ...]
    """After `python -m jobs`."""
    schedule: str
    """Cron, UTC."""
    silent_hours: int
    """Without a success for as long as this, somebody is woken."""
    title: str
    """The job in words; {one} is the database."""
    trust: str
    """What a failure means for what may be relied on."""
    silence: str
    """What it means that nothing was heard."""
    runbook: str
    timeout_minutes: int = 60
    retries: int = 1
    memory: str = "1Gi"
    cpu: str = "1"
    scratch: str = "256Mi"
    """Size of the one place that can be written to, in memory; the image itself is read-only."""
    each: bool = False
    """Whether there is one job for each database."""

    def failed(self, one: str = "") -> str:
        """What the alert on a failure says."""
        job = self.title.format(one=one or "${metric.label.database}")
        return f"{job} failed: {FINDING}\n\n{self.trust}\n\nRunbook: docs/runbooks/{self.runbook}"

    def missing(self, one: str = "") -> str:
        """What the alert on the absence of success says."""
        job = self.title.format(one=one)
        return (
            f"{job} has not succeeded for {self.silent_hours} hours; it may not have run at all.\n\n"
            f"{self.silence}\n\nRunbook: docs/runbooks/{self.runbook}"
        )


EXPORT = JobKind(
    name="backup-export",
    clause="BAK-4",
    arguments=("export",),
    schedule="30 0 * * *",
    silent_hours=DAY_HOURS,
    title="Export of {one}",
    trust="No new copy was made. Those of the days before are whole: a failed export leaves none behind. "
    "Cloud SQL's own backups are made apart from this.",
    silence="There is no independent copy of the last day. The newest one is as old as the last success.",
    runbook="jobs.md#export",
    timeout_minutes=240,
    retries=3,
    memory="2Gi",
    each=True,
)
DRILL = JobKind(
    name="restore-drill",
    clause="BAK-6",
    arguments=("drill",),
    schedule="30 5 * * *",
    silent_hours=DAY_HOURS,
    title="Restore drill of {one}",
    trust="The backup that the finding names is not to be trusted until somebody knows why; the one of the last drill "
    "that passed is.",
    silence="Nobody knows whether the newest copy can be restored. The one of the last drill that passed can.",
    runbook="restore.md#which-backup",
    timeout_minutes=240,
    memory="8Gi",
    cpu="4",
    scratch="6Gi",
    each=True,
)
RECOVERY = JobKind(
    name="recovery-drill",
    clause="BAK-6",
    arguments=("recovery-drill",),
    schedule="0 3 * * 0",
    silent_hours=8 * 24,
    title="Recovery drill of {one}",
    trust="Point-in-time recovery of this database is not to be relied on; the exported copies are checked apart. "
    "An instance that begins with drill- may be left over: the next run deletes it.",
    silence="Nobody knows whether the database can be brought back to a point in time.",
    runbook="jobs.md#recovery-drill",
    timeout_minutes=180,
    each=True,
)
REENCRYPTION = JobKind(
    name="reencryption",
    clause="ENC-8",
    arguments=("reencrypt",),
    schedule="30 2 * * *",
    silent_hours=DAY_HOURS,
    title="Encryption with the newest key versions",
    trust="The data is whole and readable. Some of it still needs an old key version: destroy none until this passes.",
    silence="Nobody knows which key versions the databases need: destroy none.",
    runbook="jobs.md#reencryption",
    timeout_minutes=180,
)
CANARY = JobKind(
    name="log-canary",
    clause="LOG-6",
    arguments=("canary",),
    schedule="15 */6 * * *",
    silent_hours=DAY_HOURS,
    title="Log canary",
    trust="On the ways of logs that the finding names, entries are being lost since the last canary that passed. "
    "What other alerts say about them, or do not say, proves nothing.",
    silence="Nobody knows whether logs arrive. What alerts do not say proves nothing.",
    runbook="jobs.md#log-canary",
    timeout_minutes=30,
)
ANCHOR = JobKind(
    name="activity-anchor",
    clause="LOG-7",
    arguments=("activity", "anchor"),
    schedule="45 1 * * *",
    silent_hours=DAY_HOURS,
    title="Anchor of the activity log of {one}",
    trust="The activity log is not what it was, from the entry on that the finding names. Entries up to the last "
    "anchor can be proved with it; nothing new was anchored.",
    silence="Entries since the last anchor could be cut off without a trace.",
    runbook="jobs.md#activity-log",
    timeout_minutes=60,
    each=True,
)

EVERY_DATABASE: Final = (EXPORT, DRILL, RECOVERY)
"""Without any of these, nobody knows whether the data comes back."""
KINDS: Final = (*EVERY_DATABASE, REENCRYPTION, CANARY, ANCHOR)

RENDER_EXPORT = JobKind(
    name="render-export",
    clause="BAK-4",
    arguments=("export",),
    schedule="20 0 * * *",
    silent_hours=DAY_HOURS,
    title="Export of {one} on Render",
    trust=EXPORT.trust.replace("Cloud SQL", "Render"),
    silence=EXPORT.silence,
    runbook="jobs.md#export",
    each=True,
)
RENDER_DRILL = JobKind(
    name="render-drill",
    clause="BAK-6",
    arguments=("drill",),
    schedule="20 5 * * *",
    silent_hours=DAY_HOURS,
    title="Restore drill of {one} on Render",
    trust=DRILL.trust,
    silence=DRILL.silence,
    runbook=DRILL.runbook,
    each=True,
)
RENDER_SWEEP = JobKind(
    name="render-sweep",
    clause="MIN-1",
    arguments=("sweep",),
    schedule="20 7 * * *",
    silent_hours=DAY_HOURS,
    title="Sweep of exports from Render",
    trust="Exports stay longer than the inventory says. Nothing was lost.",
    silence="Exports may stay longer than the inventory says. Nothing was lost.",
    runbook="jobs.md#sweep",
)
RENDER_CANARY = JobKind(
    name="render-canary",
    clause="LOG-6",
    arguments=("canary", "--emit"),
    schedule="10 * * * *",
    silent_hours=DAY_HOURS,
    title="Canary of Render's log stream",
    trust=CANARY.trust,
    silence="Nothing of Render's logs arrives, or its canary does not run.",
    runbook="jobs.md#log-canary",
)
RENDER_WATCH = JobKind(
    name="render-watch",
    clause="BAK-7",
    arguments=("watch",),
    schedule="50 */6 * * *",
    silent_hours=DAY_HOURS,
    title="Watch over exports and drills on Render",
    trust="No export was made, or no drill passed, for too long. Older ones are there.",
    silence="Nobody would hear it if exports and drills stopped.",
    runbook="jobs.md#watch",
)
"""Only where nothing outside of Render hears the others."""
RENDER_KINDS: Final = (RENDER_EXPORT, RENDER_DRILL, RENDER_SWEEP, RENDER_CANARY, RENDER_WATCH)
