"""Render: services are deployed from the protected branch only, without previews, and stay up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _github as github
from policies.rules import _render as render

_PREVIEWED = (render.WEB, render.PRIVATE, render.WORKER, render.STATIC)
_REPO = "https://github.com/example/app"
_RULESET = {
    "repository": "app",
    "target": "branch",
    "enforcement": "active",
    "conditions": {"refName": {"includes": ["~DEFAULT_BRANCH"], "excludes": []}},
    "rules": {
        "pullRequest": {"requiredApprovingReviewCount": 1},
        "requiredStatusChecks": {"requiredChecks": [{"context": "test"}]},
    },
}


def _service(name: str = "web", **properties: Any) -> Sample:
    return Sample(render.WEB, {"repo": _REPO, "branch": "main", **properties}, name)


@rule(
    id="render-previews-off",
    clause="HOS-5",
    title="Render services make no preview environments from pull requests",
    severity="high",
    types=_PREVIEWED,
    decides=("serviceDetails.previews.generation", "serviceDetails.pullRequestPreviewsEnabled"),
    absent="pass",
    fix='pull_request_previews_enabled="no", previews={"generation": "off"}',
    sources=("https://render.com/docs/service-previews",),
    traps=(50,),
    good=(
        {"serviceDetails": {"previews": {"generation": "off"}, "pullRequestPreviewsEnabled": "no"}},
        {"serviceDetails": {"plan": "pro"}},
    ),
    bad=(
        {"serviceDetails": {"previews": {"generation": "manual"}}},
        {"serviceDetails": {"previews": {"generation": "automatic"}}},
        {"serviceDetails": {"pullRequestPreviewsEnabled": "yes"}},
        Sample(render.STATIC, {"serviceDetails": {"pullRequestPreviewsEnabled": "Yes"}}),
    ),
)
def previews_off(service: Resource) -> Iterator[Finding]:
    """A preview inherits the service's environment variables: whoever can open a pull request can read its secrets.
    Both switches are off by default."""
    path = "serviceDetails.pullRequestPreviewsEnabled"
    if service.known(path) and service.flag(path):
        yield fail(service, path, f"is {service.show(path)}")
    path = "serviceDetails.previews.generation"
    if service.upper(path, "OFF") not in ("OFF", "FALSE"):
        yield fail(service, path, f"is {service.show(path)}")
    service.text("serviceDetails.pullRequestPreviewsEnabled")


@rule(
    id="render-deploys-after-checks",
    clause="CIN-4",
    title="Render deploys a service automatically only from a branch whose checks must pass",
    severity="high",
    types=render.SERVICES,
    decides=("autoDeploy",),
    fix='auto_deploy="no"  # the pipeline deploys after its checks',
    sources=("https://render.com/docs/deploys",),
    graph=True,
    good=(
        _service(autoDeploy="no"),
        _service(autoDeploy=False),
        (
            _service(autoDeploy="yes"),
            Sample(github.RULESET, _RULESET, "protect"),
            Sample(github.REPOSITORY, {"name": "app", "visibility": "private"}, "app"),
        ),
    ),
    bad=(
        _service(autoDeploy="yes"),
        (
            _service(autoDeploy="yes", branch="develop"),
            Sample(github.RULESET, _RULESET, "protect"),
        ),
        (
            _service(autoDeploy="yes"),
            Sample(github.RULESET, {**_RULESET, "rules": {"deletion": True}}, "protect"),
        ),
        Sample(render.STATIC, {"repo": _REPO}),
    ),
    not_applicable=({"image": {"imagePath": "docker.io/example/app", "ownerId": "tea-1"}},),
)
def deploys_after_checks(service: Resource) -> Iterator[Finding]:
    """Automatic deployment is the default and builds every commit that lands on the branch, tested or not. It is safe
    only where a ruleset of the same stack lets nothing land there before its checks pass."""
    if service.has("image") and not service.has("repo"):
        yield skip("the service runs a prebuilt image: Render deploys it only when told")
        return
    if service.has("autoDeploy") and not service.flag("autoDeploy", True):
        return
    if service.upper("autoDeployTrigger") in ("OFF", "CHECKSPASS"):
        return
    guards = github.guards_of_branch(service, service.get("repo"), service.text("branch"))
    if guards.unknown:
        yield unsure(service, "autoDeploy", "deploys automatically, and the repository's protection is not known yet")
    elif not any(github.requires_checks(r) for r in guards.rules):
        yield fail(service, "autoDeploy", f"is {service.show('autoDeploy')}: any commit on the branch goes live")


@rule(
    id="render-branch-protected",
    clause="REV-2",
    title="The branch that Render builds is protected by a ruleset of this stack",
    severity="high",
    types=render.SERVICES,
    decides=("branch",),
    fix='branch="main"  # and a RepositoryRuleset for it in the same stack',
    graph=True,
    good=(
        (
            _service(),
            Sample(github.RULESET, _RULESET, "protect"),
            Sample(github.BRANCH_DEFAULT, {"repository": "app", "branch": "main"}, "default"),
        ),
        (_service(repo="git@github.com:Example/App.git"), Sample(github.RULESET, _RULESET, "protect")),
        (
            _service(),
            Sample(github.REPOSITORY, {"name": "app"}, "app", outputs={"nodeId": "R_1"}),
            Sample(github.BRANCH_PROTECTION, {"pattern": "main", "repositoryId": "R_1"}, "protect"),
        ),
        (
            _service(branch="release"),
            Sample(github.BRANCH_PROTECTION_V3, {"repository": "app", "branch": "release"}, "protect"),
        ),
    ),
    bad=(
        (_service(branch="develop"), Sample(github.RULESET, _RULESET, "protect")),
        (_service(), Sample(github.RULESET, {**_RULESET, "enforcement": "evaluate"}, "protect")),
        (_service(), Sample(github.RULESET, {**_RULESET, "repository": "other"}, "protect")),
        (
            _service(branch="main"),
            Sample(github.RULESET, _RULESET, "protect"),
            Sample(github.BRANCH_DEFAULT, {"repository": "app", "branch": "trunk"}, "default"),
        ),
    ),
    not_applicable=(_service(), {"image": {"imagePath": "example/app@sha256:00"}}),
)
def branch_protected(service: Resource) -> Iterator[Finding]:
    """What is reviewed and what is deployed must be the same branch. Stacks without any GitHub resource are not judged:
    their protection lives elsewhere."""
    if service.has("image") and not service.has("repo"):
        yield skip("the service runs a prebuilt image")
        return
    if not (service.graph and any(t.startswith("github:") for t in service.graph.types)):
        yield skip("the stack manages no GitHub repository")
        return
    branch = service.text("branch")
    if branch is None:
        yield fail(service, "branch", "is not set: whatever is the repository's default branch that day gets deployed")
        return
    guards = github.guards_of_branch(service, service.get("repo"), branch)
    if guards.rules:
        return
    if guards.unknown:
        yield unsure(service, "branch", "is built, and the repository's protection is not known yet")
    else:
        yield fail(service, "branch", f"is {branch!r}, which no active ruleset of this stack protects")


@rule(
    id="render-image-by-digest",
    clause="CIN-3",
    title="Render services that run an image name it by digest",
    severity="high",
    types=render.SERVICES,
    decides=("image.imagePath",),
    fix='image_path="europe-west1-docker.pkg.dev/example/app/web@sha256:…"',
    good=({"image": {"imagePath": "docker.pkg.dev/example/web@sha256:" + "ab" * 32, "ownerId": "tea-1"}},),
    bad=(
        {"image": {"imagePath": "docker.io/example/web:latest", "ownerId": "tea-1"}},
        {"image": {"imagePath": "docker.io/example/web@sha256:short"}},
    ),
    not_applicable=({"repo": _REPO},),
)
def image_by_digest(service: Resource) -> Iterator[Finding]:
    """A tag can be moved after the review; a digest is the image that was tested."""
    if not service.has("image"):
        yield skip("the service is built from a repository")
        return
    if not github.DIGEST.search(service.text("image.imagePath") or ""):
        yield fail(service, "image.imagePath", f"is {service.show('image.imagePath')}, without a sha256 digest")


@rule(
    id="render-web-survives-an-instance",
    clause="MON-5",
    title="Render web and private services run at least two instances",
    severity="medium",
    types=(render.WEB, render.PRIVATE),
    decides=("serviceDetails.numInstances",),
    fix="num_instances=2",
    sources=("https://render.com/docs/scaling",),
    params={"min_instances": 2},
    good=(
        {"serviceDetails": {"numInstances": 2}},
        {"serviceDetails": {"numInstances": 1, "autoscaling": {"enabled": True, "min": 2, "max": 4}}},
    ),
    bad=(
        {"serviceDetails": {"numInstances": "1"}},
        {"serviceDetails": {"numInstances": 3, "autoscaling": {"enabled": True, "min": 1, "max": 4}}},
    ),
    not_applicable=({"serviceDetails": {"disk": {"name": "data", "mountPath": "/data"}}},),
)
def survives_an_instance(service: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """One instance means an outage at every crash and every host replacement. A service with a disk cannot have two."""
    if service.get("serviceDetails.disk"):
        yield skip("a service with a disk runs exactly one instance")
        return
    path = "serviceDetails.numInstances"
    if service.flag("serviceDetails.autoscaling.enabled"):
        path = "serviceDetails.autoscaling.min"
    if (service.number(path) or 1) < float(params["min_instances"]):
        yield fail(service, path, f"is {service.show(path)}, fewer than {params['min_instances']}")


@rule(
    id="render-web-health-check",
    clause="MON-3",
    title="Render web services have a health check",
    severity="medium",
    types=(render.WEB,),
    decides=("serviceDetails.healthCheckPath",),
    fix='health_check_path="/healthz"',
    sources=("https://render.com/docs/health-checks",),
    good=({"serviceDetails": {"healthCheckPath": "/healthz"}},),
    bad=({"serviceDetails": {"healthCheckPath": ""}},),
)
def health_check(service: Resource) -> Iterator[Finding]:
    """Without a path Render only looks whether the port is open, and lets a broken release take over."""
    if service.text("serviceDetails.healthCheckPath") is None:
        yield fail(service, "serviceDetails.healthCheckPath", "is not set: a broken release goes live unnoticed")


@rule(
    id="render-owner-is-a-workspace",
    clause="ACC-1",
    title="Render resources belong to a team workspace, not to one person",
    severity="high",
    types=render.OWNED,
    decides=("ownerId",),
    fix='owner_id="tea-…"',
    good=({"ownerId": "tea-cabc123"},),
    bad=({"ownerId": "usr-cabc123"}, Sample(render.POSTGRES, {"ownerId": "own-1"})),
)
def owner_is_a_workspace(resource: Resource) -> Iterator[Finding]:
    """A personal account has one login and no second administrator; access leaves with the person."""
    if not (resource.text("ownerId") or "").startswith("tea-"):
        yield fail(resource, "ownerId", f"is {resource.show('ownerId')}; the id of a team workspace begins with tea-")
