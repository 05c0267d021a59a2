"""What the GitHub rules share: types, which protection covers which branch, and the blocks of both kinds of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, Secret, View
from policies.rules._render import repository_slug


def github(name: str) -> str:
    """`repositoryRuleset` as the full type token."""
    return f"github:index/{name}:{name[0].upper()}{name[1:]}"


RULESET: Final = github("repositoryRuleset")
ORGANIZATION_RULESET: Final = github("organizationRuleset")
RULESETS: Final = (RULESET, ORGANIZATION_RULESET)
BRANCH_PROTECTION: Final = github("branchProtection")
BRANCH_PROTECTION_V3: Final = github("branchProtectionV3")
BRANCH_PROTECTIONS: Final = (BRANCH_PROTECTION, BRANCH_PROTECTION_V3)
PROTECTIONS: Final = (*RULESETS, *BRANCH_PROTECTIONS)
REPOSITORY: Final = github("repository")
BRANCH_DEFAULT: Final = github("branchDefault")
DIGEST: Final = re.compile(r"@sha256:[0-9a-f]{64}$")


def is_ruleset(resource: Resource) -> bool:
    """Whether it is a ruleset of a repository or an organization (else it is an older branch protection)."""
    return resource.type in RULESETS


def about_branches(resource: Resource) -> bool:
    """Whether the protection is about branches; a ruleset for tags or pushes is another thing."""
    return not is_ruleset(resource) or resource.upper("target", "BRANCH") == "BRANCH"


def in_force(resource: Resource) -> bool:
    """Whether the protection binds: a ruleset that is disabled or only evaluates does not."""
    return not is_ruleset(resource) or resource.upper("enforcement") == "ACTIVE"


def repository_keys(resource: Resource) -> tuple[set[str], bool]:
    """What names the resource's repository (names, ids, URNs), and whether something is not known yet."""
    keys: set[str] = set()
    unknown = False
    for path in ("repository", "repositoryId", "repositoryName"):
        value = resource.raw(path)
        if value is UNKNOWN:
            unknown = True
        elif isinstance(value, str) and value:
            keys.add(value.rsplit("/", 1)[-1].lower())
        for repository in resource.graph.of(REPOSITORY) if resource.graph else []:
            names = names_of(repository)
            if keys & names or (resource.graph and repository in resource.graph.targets(resource, path, REPOSITORY)):
                keys |= names
                unknown = False
    return keys, unknown


def names_of(repository: Resource) -> set[str]:
    """All that can mean this repository: its URN, id, node id and name (in small letters)."""
    values: list[Any] = [repository.urn, repository.id]
    values += [repository.output(key) for key in ("name", "nodeId", "repoId")]
    return {str(v).lower() for v in values if v is not None and v != ""}


def same_repository(one: Resource, other: Resource) -> bool:
    """Whether both are about one repository, as far as is known. An organization's ruleset may cover any."""
    if ORGANIZATION_RULESET in (one.type, other.type):
        return True
    return bool(repository_keys(one)[0] & repository_keys(other)[0])


def covers_branch(resource: Resource, branch: str | None, default: str | None) -> bool:
    """Whether the protection covers a branch. `branch=None` or the default branch's name is also `~DEFAULT_BRANCH`."""
    is_default = branch is None or branch == default or (default is None and branch in ("main", "master"))
    names = {f"refs/heads/{branch}", branch} if branch else {f"refs/heads/{default or 'main'}", default or "main"}
    if resource.type == BRANCH_PROTECTION_V3:
        return resource.text("branch") in names
    if resource.type == BRANCH_PROTECTION:
        return any(fnmatchcase(n, resource.text("pattern") or "") for n in names if n)

    def matches(path: str) -> bool:
        for pattern in resource.items(path):
            if pattern == "~ALL" or (pattern == "~DEFAULT_BRANCH" and is_default):
                return True
            if isinstance(pattern, str) and any(fnmatchcase(n, pattern) for n in names if n):
                return True
        return False

    return matches("conditions.refName.includes") and not matches("conditions.refName.excludes")


@dataclass(frozen=True, slots=True)
class Guards:
    """The protections of one branch, and whether some protection could not be read yet."""

    rules: tuple[Resource, ...]
    unknown: bool = False


def guards_of_branch(holder: Resource, repository: str, branch: str | None) -> Guards:
    """The protections in force, in the holder's stack, for a branch of the repository with this URL or name."""
    graph = holder.graph
    if graph is None:
        return Guards(())
    wanted = repository_slug(str(repository)).rsplit("/", 1)[-1]
    default = _default_branch(graph, wanted)
    found: list[Resource] = []
    unknown = False
    for protection in graph.of(*PROTECTIONS):
        keys, hidden = repository_keys(protection)
        if protection.type != ORGANIZATION_RULESET and wanted not in keys:
            unknown = unknown or hidden
            continue
        if about_branches(protection) and in_force(protection) and covers_branch(protection, branch, default):
            found.append(protection)
    return Guards(tuple(found), unknown)


def _default_branch(graph: Graph, repository: str) -> str | None:
    for setting in graph.of(BRANCH_DEFAULT):
        if repository in repository_keys(setting)[0] and setting.known("branch"):
            return setting.text("branch")
    return None


def requires_checks(protection: Resource) -> bool:
    """Whether at least one status check must pass."""
    if is_ruleset(protection):
        return bool(protection.items("rules.requiredStatusChecks.requiredChecks"))
    checks = protection.views("requiredStatusChecks")
    return any(v.get("contexts") or v.get("checks") for v in sorted(checks, key=lambda v: v.data is UNKNOWN))


def review_blocks(protection: Resource) -> list[View]:
    """The blocks that say how pull requests are reviewed, of either kind of protection."""
    path = "rules.pullRequest" if is_ruleset(protection) else "requiredPullRequestReviews"
    return protection.views(path)


def peer_supplies(protection: Resource, path_of_ruleset: str, path_of_branch: str) -> bool:
    """Whether another protection in force for the same repository has the block that this one leaves out.

    GitHub adds protections up, so one ruleset may ask for reviews and another for checks.
    """
    graph = protection.graph
    if graph is None:
        return False
    for peer in graph.of(*PROTECTIONS):
        if peer.urn == protection.urn or not same_repository(peer, protection):
            continue
        path = path_of_ruleset if is_ruleset(peer) else path_of_branch
        value = peer.raw(path)
        present = value is not None and value not in (False, [], {}, "") and not isinstance(value, Secret)
        if present and peer.known("enforcement") and in_force(peer) and about_branches(peer):
            return True
    return False
