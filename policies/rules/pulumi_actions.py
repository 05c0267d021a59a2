"""Declaring some resources describes no state but fires an action: none of them belongs into a stack (trap 51)."""

from __future__ import annotations

from collections.abc import Iterator

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule
from policies.rules import _render as render

RENDER_ACTIONS: dict[str, str] = {
    "render:cron-jobs:RunCronJob": "runs the job now",
    "render:disks:RestoreSnapshot": "puts an old snapshot over the live disk",
    "render:postgres:FailoverPostgres": "fails the database over",
    "render:postgres:PostgresExport": "makes a downloadable copy of the database",
    "render:postgres:RecoverPostgres": "recovers the database into a second one",
    "render:postgres:RestartPostgres": "restarts the database",
    "render:postgres:ResumePostgres": "resumes the database",
    "render:postgres:SuspendPostgres": "takes the database offline",
    "render:services:CancelDeploy": "cancels a deployment",
    "render:services:CancelJob": "cancels a job",
    "render:services:Deploy": "deploys whatever commit or image it names, past the pipeline",
    "render:services:Job": "runs a command on the service",
    "render:services:PreviewService": "makes a preview that inherits the service's secrets",
    "render:services:RefreshCustomDomain": "asks for a new verification of the domain",
    "render:services:RestartService": "restarts the service",
    "render:services:RollbackDeploy": "puts an older release live, past review and checks",
    "render:services:ScaleService": "sets the number of instances once, against the service's own setting",
    "render:services:SuspendService": "takes the service offline",
}
"""Every resource of the Render provider that calls an action of the API: all fire when they are created."""

OTHER_ACTIONS: dict[str, str] = {
    gcp("backupdisasterrecovery/restoreWorkload"): "restores a backup",
    gcp("bigquery/job"): "runs a query, load, copy or export once",
    gcp("storage/batchOperationsJob"): "rewrites or deletes objects in bulk",
    gcp("dataproc/job"): "runs a program on a cluster",
    gcp("colab/notebookExecution"): "runs a notebook",
    gcp("sql/provisionScript"): "runs a script inside the database",
    gcp("kms/secretCiphertext"): "encrypts a value that then lies in the state in plain text",
    "github:index/userInvitationAccepter:UserInvitationAccepter": "accepts an invitation in somebody's name",
    "github:index/repositoryPullRequest:RepositoryPullRequest": "opens a pull request",
    "command:local:Command": "runs a command on whoever's machine runs the engine",
    "command:local:run": "runs a command on whoever's machine runs the engine",
    "command:remote:Command": "runs a command on another machine",
    "null:index/resource:Resource": "exists to run provisioners",
    "terraform:state:RemoteStateReference": "reads another tool's state with all its secrets",
}

_FILE = "github:index/repositoryFile:RepositoryFile"


@rule(
    id="pulumi-no-actions",
    clause="CHG-6",
    title="The stack declares states, never one-time actions",
    severity="critical",
    types=(*RENDER_ACTIONS, *OTHER_ACTIONS),
    scope="stack",
    fix="remove the resource; run the action by its runbook, where it is logged and approved",
    traps=(8, 51),
    good=(Sample(render.WEB, {"name": "web"}), Sample("render:services:AutoscaleService", {"min": 2, "max": 4})),
    bad=(
        *(Sample(t, {"serviceId": "srv-1"}) for t in RENDER_ACTIONS),
        *(Sample(t, {}) for t in OTHER_ACTIONS),
    ),
)
def no_actions(graph: Graph) -> Iterator[Finding]:
    """The action runs with the first `up`, and again whenever the resource is replaced, renamed or put into a second
    stack: a failover, a restore over live data, a release that nobody reviewed."""
    for resource in graph.resources:
        what = RENDER_ACTIONS.get(resource.type) or OTHER_ACTIONS.get(resource.type)
        if what:
            yield fail(resource, "", f"is an action, not a state: creating it {what}")


@rule(
    id="github-no-file-pushed",
    clause="REV-1",
    title="The stack pushes no files into repositories",
    severity="high",
    types=(_FILE,),
    decides=("file",),
    absent="not_applicable",
    fix="add the file through a pull request",
    good=({"repository": "app", "file": "README.md", "branch": "proposals/readme"},),
    bad=(
        {"repository": "app", "file": ".github/workflows/deploy.yml", "branch": "proposals/x"},
        {"repository": "app", "file": "README.md"},
        {"repository": "app", "file": "README.md", "branch": "main"},
    ),
)
def no_file_pushed(file: Resource) -> Iterator[Finding]:
    """The commit goes in without a pull request, by the engine's identity; a workflow file also runs at once."""
    path = file.text("file")
    if path is None:
        yield Finding("not_applicable", "no file is named")
        return
    branch = file.text("branch")
    if path.lower().startswith(".github/workflows/"):
        yield fail(file, "file", f"pushes the workflow {path} past review")
    elif branch is None or branch in ("main", "master", "trunk", "production", "release"):
        yield fail(file, "branch", f"is {file.show('branch')}: the commit goes past review")
