"""Stacks built from this project's components: they are held to the whole standard, others to what they declare."""

from __future__ import annotations

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.rule import Finding, Sample, unsure

SERVICE = gcp("projects/service")
BOOTSTRAP = "hosting:bootstrap:Bootstrap"
"""The component of a stack that prepares the ground for another one."""


def prepares(graph: Graph) -> bool:
    """Whether the stack only prepares another: projects, state, identities. `bootstrap-stands-alone` holds it to that,
    and what is asked of a whole stack (alerts, sinks, audit logs) is asked of the one that it prepares."""
    return BOOTSTRAP in graph.types


def ours(graph: Graph) -> bool:
    """Whether the stack is built from this project's components, and more than the ground of one."""
    return any(token.startswith("hosting:") for token in graph.types) and not prepares(graph)


def off_google(graph: Graph) -> bool:
    """Whether the stack has nothing on Google Cloud, so that nothing can happen there: it runs on Render alone."""
    return not any(token.startswith("gcp:") for token in graph.types)


def marked(token: str = "hosting:governance:Governance") -> Sample:
    """A component of ours, for examples."""
    return Sample(token, {}, "ours")


def enabled(project: str, service: str = "run.googleapis.com", name: str = "") -> Sample:
    """A service in use in a project, for examples."""
    return Sample(SERVICE, {"project": project, "service": service}, name or f"{project}-service")


def projects_in_use(graph: Graph) -> tuple[dict[str, Resource], list[Finding]]:
    """The projects in which the stack enables services, each with one of these, and what is not known yet."""
    found: dict[str, Resource] = {}
    lost: list[Finding] = []
    for service in graph.of(SERVICE):
        project = graph.project_of(service)
        for maker in graph.targets(service, "project", gcp("organizations/project")) if project is None else ():
            project = maker.output("projectId")
        if isinstance(project, str):
            found.setdefault(project.removeprefix("projects/"), service)
        else:
            lost.append(unsure(service, "project"))
    return found, lost
