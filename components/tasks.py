"""The company's own tasks: programs that run to their end on a schedule, with the rights of their workload."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .alert_policy import Threshold, alert_policy
from .base import Component
from .foundation import Foundation
from .governance import Governance
from .hosting import Hosting
from .identities import Identity
from .job_catalogue import JobKind
from .scheduled_job import ScheduledJob, ScheduledJobArgs, ended_badly, who_starts
from .stores import Stores

if TYPE_CHECKING:
    from config import StackConfig
    from settings.tasks import Task


class Tasks(Component):
    """Each is a job like those of the house: image by digest, secrets by reference, direct egress into the network,
    started by an identity that may do nothing else, and somebody hears when it is silent."""

    token = "hosting:run:Tasks"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-5", "ACC-10", "CHG-2", "MON-3")

    tasks: dict[str, ScheduledJob]

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        stores: Stores,
        governance: Governance,
        hosting: Hosting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation, self._stores = config, foundation, stores
        self._governance, self._hosting = governance, hosting
        self.tasks = {}
        if config.tasks:
            starter, role = who_starts(
                self,
                foundation.workload,
                account_id="task-starter",
                purpose="starts the company's tasks on their schedule",
                role_name="task-starter",
                role_id="taskStarter",
                title="Starts a task",
            )
            self.tasks = {task: self._task(task, spec, starter, role) for task, spec in config.tasks.items()}
            for task, job in self.tasks.items():
                self._hear_of_failure(task, job.job_name)
        self.register_outputs({})

    def _hear_of_failure(self, task: str, job: str) -> None:
        """Cloud Run counts runs by how their container ended; why it did so stands in the log of the run."""
        alert_policy(
            self,
            f"{job}-failed",
            project=self._foundation.audit,
            channels=self._governance.channels.ids,
            title=f"MON-3 task {task} failed",
            do="Look at the log of the newest run (docs/runbooks/jobs.md#tasks-of-the-company).",
            severity="ERROR",
            threshold=Threshold(
                filter=ended_badly(self._foundation.workload.project_id, f'"{job}"'),
                aligner="ALIGN_SUM",
            ),
            labels=self._config.company.labels,
        )

    def _task(self, name: str, spec: Task, starter: Identity, role: pulumi.Output[str]) -> ScheduledJob:
        config, foundation, workload = self._config, self._foundation, self._config.workloads[name]
        return ScheduledJob(
            f"task-{name}",
            ScheduledJobArgs(
                project=foundation.workload,
                network=foundation.network,
                region=config.regions.primary,
                kind=JobKind(
                    name=name,
                    clause="MON-3",
                    arguments=spec.arguments,
                    schedule=spec.schedule,
                    silent_hours=spec.silent_hours,
                    title=f"Task {name}",
                    trust=f"What {name} does was not done: {workload.purpose}.",
                    silence=f"What {name} does was not done since then: {workload.purpose}.",
                    runbook="jobs.md#tasks-of-the-company",
                    timeout_minutes=spec.timeout_minutes,
                    retries=spec.retries,
                    cpu=spec.cpu,
                    memory=spec.memory,
                ),
                image=self._hosting.registry + spec.image,
                registry=self._hosting.registry,
                identity=self._stores.identities[name],
                starter=starter,
                start_role=role,
                environment={**spec.environment, **self._hosting.addresses(name)},
                secrets=self._hosting.secrets(name),
                watcher=foundation.audit,
                channels=self._governance.channels,
                labels=config.company.labels,
                protected=config.protects(f"task-{name}"),
            ),
            self.child(),
        )
