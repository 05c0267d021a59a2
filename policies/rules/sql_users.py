"""Database users: no login without a password, and no password that a person chose or that is kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph, type_of
from policies.model import SECRET_SIGNATURE, SIGNATURE, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._links import linked
from policies.rules._sql import INSTANCE, engine, follower, inherits

USER: Final = gcp("sql/user")
PASSWORD: Final = "random:index/randomPassword:RandomPassword"
_GENERATORS: Final = (
    PASSWORD,
    "random:index/randomBytes:RandomBytes",
    "random:index/randomString:RandomString",
    gcp("secretmanager/secretVersion"),
    gcp("secretmanager/regionalSecretVersion"),
)
_VERSIONS: Final = (gcp("secretmanager/secretVersion"), gcp("secretmanager/regionalSecretVersion"))
_PATHS: Final = {
    USER: ("password", "passwordWo"),
    INSTANCE: ("rootPassword", "rootPasswordWo"),
    gcp("alloydb/user"): ("password", "passwordWo"),
    gcp("alloydb/cluster"): ("initialUser.password", "initialUser.passwordWo"),
}
_SECRET: Final[dict[str, Any]] = {SIGNATURE: SECRET_SIGNATURE, "value": "generated-elsewhere"}


@rule(
    id="sql-root-has-password",
    clause="AUT-2",
    title="The root user of MySQL has a password",
    severity="critical",
    types=(USER,),
    decides=("password",),
    fix="password=random.RandomPassword(…).result, kept in Secret Manager",
    references=("cis-gcp:6.1.1",),
    sources=("https://cloud.google.com/sql/docs/mysql/users",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(USER, {"name": "root", "instance": "main", "password": _SECRET}, depends={"password": ("random",)}),
            Sample(PASSWORD, {"length": 40}, name="random"),
        ),
        {"name": "root", "instance": "main", "host": "%", "passwordWo": "x"},
    ),
    bad=(
        {"name": "root", "instance": "main"},
        {"name": "root", "instance": "main", "password": ""},
        (
            Sample(USER, {"name": "root", "instance": "main"}),
            Sample(INSTANCE, {"name": "main", "databaseVersion": "MYSQL_8_0"}, name="instance"),
        ),
    ),
    not_applicable=(
        {"name": "app", "instance": "main"},
        (
            Sample(USER, {"name": "root", "instance": "main"}),
            Sample(INSTANCE, {"name": "main", "databaseVersion": "POSTGRES_17"}, name="instance"),
        ),
        {"name": "root@example.com", "instance": "main", "type": "CLOUD_IAM_USER"},
    ),
)
def root_has_password(user: Resource) -> Iterator[Finding]:
    """A root user without a password is open to everyone who reaches the port. Only MySQL has a root user."""
    name = (user.text("name") or "").lower()
    if not name.startswith("root") or user.upper("type", "BUILT_IN") != "BUILT_IN":
        yield skip("the user is not root, or signs in by IAM")
        return
    instances = linked(user, "instance", INSTANCE)
    engines = {engine(i) for i in instances if i.known("databaseVersion")} - {None}
    if engines and engines != {"MYSQL"}:
        yield skip("the instance is not MySQL")
    elif not user.has("password") and not user.has("passwordWo"):
        yield fail(user, "password", f"is {user.show('password')}")
    elif not user.known("password") and not _generated(user, "password"):
        yield unsure(user, "password", "is not known yet and comes from no generator: it may be empty")


def _generated(resource: Resource, path: str) -> bool:
    graph = resource.graph
    return bool(graph and graph.sources(resource, path, *_GENERATORS))


@rule(
    id="sql-password-generated",
    clause="AUT-2",
    title="Passwords of database users are generated, not chosen",
    severity="high",
    types=tuple(_PATHS),
    decides=("password",),
    absent="not_applicable",
    fix="password=random.RandomPassword(…).result",
    sources=("https://cloud.google.com/sql/docs/postgres/built-in-authentication",),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(USER, {"name": "app", "instance": "main", "password": _SECRET}, depends={"password": ("random",)}),
            Sample(PASSWORD, {"length": 40}, name="random"),
        ),
    ),
    bad=(
        {"name": "app", "instance": "main", "password": "hunter2"},
        Sample(INSTANCE, {"databaseVersion": "SQLSERVER_2022_STANDARD", "rootPassword": "hunter2"}),
        Sample("alloydb/cluster", {"initialUser": {"user": "postgres", "password": "hunter2"}}),
    ),
    not_applicable=(
        {"name": "app", "instance": "main"},
        {"name": "app@example.iam", "instance": "main", "type": "CLOUD_IAM_SERVICE_ACCOUNT"},
    ),
)
def password_generated(resource: Resource) -> Iterator[Finding]:
    """A chosen password is short, used elsewhere, or known to whoever wrote it down. One that is generated in the stack
    and goes straight to Secret Manager is known to nobody. A secret from the configuration cannot be told apart."""
    paths = [path for path in _PATHS[resource.type] if resource.has(path)]
    if not paths:
        yield skip("no password is set here")
    for path in paths:
        if _generated(resource, path):
            continue
        if resource.is_secret(path) or not resource.known(path):
            yield unsure(resource, path, "comes from no generator of this stack: it may have been chosen by a person")
        else:
            yield fail(resource, path, "is written in the code")


@rule(
    id="sql-password-kept",
    clause="AUT-2",
    title="Generated passwords of database users are kept in Secret Manager",
    severity="medium",
    types=(USER, gcp("alloydb/user")),
    decides=("password",),
    absent="not_applicable",
    fix="gcp.secretmanager.SecretVersion(secret=…, secret_data=password.result)",
    sources=("https://cloud.google.com/secret-manager/docs/overview",),
    graph=True,
    good=(
        (
            Sample(USER, {"name": "app", "instance": "main", "password": _SECRET}, depends={"password": ("random",)}),
            Sample(PASSWORD, {"length": 40}, name="random"),
            Sample(_VERSIONS[0], {"secretData": _SECRET}, name="version", depends={"secretData": ("random",)}),
        ),
    ),
    bad=(
        (
            Sample(USER, {"name": "app", "instance": "main", "password": _SECRET}, depends={"password": ("random",)}),
            Sample(PASSWORD, {"length": 40}, name="random"),
        ),
    ),
    not_applicable=({"name": "app", "instance": "main", "type": "CLOUD_IAM_GROUP"},),
)
def password_kept(user: Resource) -> Iterator[Finding]:
    """A password that lies in the state alone gets read out of the state by whoever needs it. Secret Manager logs who
    took it."""
    if not user.has("password"):
        yield skip("no password is set here")
        return
    graph = user.graph
    origins = graph.sources(user, "password", *_GENERATORS) if graph else []
    if graph is None or not origins:
        yield unsure(user, "password", "comes from no generator of this stack")
        return
    if any(type_of(urn) in _VERSIONS for urn in origins):
        return
    if not graph.once(_kept) & set(origins):
        yield fail(user, "password", "is kept in no secret of Secret Manager")


def _kept(graph: Graph) -> set[str]:
    """The generators whose values lie in Secret Manager."""
    return {urn for v in graph.of(*_VERSIONS) for urn in graph.sources(v, "secretData", *_GENERATORS)}


@rule(
    id="sql-user-not-superuser",
    clause="ACC-10",
    title="Database users with a password have listed roles",
    severity="medium",
    types=(USER,),
    decides=("databaseRoles",),
    fix='database_roles=["app_readwrite"]',
    sources=("https://cloud.google.com/sql/docs/postgres/users",),
    graph=True,
    good=({"name": "app", "instance": "main", "type": "BUILT_IN", "databaseRoles": ["app"]},),
    bad=(
        {"name": "app", "instance": "main"},
        {"name": "app", "instance": "main", "databaseRoles": ["cloudsqlsuperuser"]},
    ),
    not_applicable=(
        {"name": "app", "instance": "main", "type": "CLOUD_IAM_GROUP"},
        (
            Sample(USER, {"name": "app", "instance": "main"}),
            Sample(INSTANCE, {"name": "main", "databaseVersion": "SQLSERVER_2022_WEB"}, name="instance"),
        ),
    ),
)
def user_not_superuser(user: Resource) -> Iterator[Finding]:
    """A built-in user made without roles becomes a member of cloudsqlsuperuser, and reads and changes everything."""
    if user.upper("type", "BUILT_IN") != "BUILT_IN":
        yield skip("the user signs in by IAM and has the roles that SQL gave it")
        return
    instances = linked(user, "instance", INSTANCE)
    if any(i.known("databaseVersion") and engine(i) == "SQLSERVER" for i in instances):
        yield skip("SQL Server users get no role of their own accord")
        return
    roles = user.items("databaseRoles")
    if not roles:
        yield fail(user, "databaseRoles", "is not set: the user becomes a superuser")
    elif any(str(role).lower().startswith("cloudsql") for role in roles) or not user.words("databaseRoles"):
        yield fail(user, "databaseRoles", f"is {user.show('databaseRoles')}: a superuser role")


_POLICY: Final = "settings.passwordValidationPolicy"


@rule(
    id="sql-password-policy",
    clause="AUT-2",
    title="Databases refuse short and guessable passwords",
    severity="low",
    types=(INSTANCE,),
    decides=(f"{_POLICY}.enablePasswordPolicy",),
    fix='settings={"password_validation_policy": {"enable_password_policy": True, "min_length": 16, …}}',
    sources=("https://cloud.google.com/sql/docs/postgres/built-in-authentication#instance_password_policies",),
    params={"min_length": 12},
    good=(
        {
            "databaseVersion": "POSTGRES_17",
            "settings": {
                "passwordValidationPolicy": {
                    "enablePasswordPolicy": True,
                    "minLength": 16,
                    "complexity": "COMPLEXITY_DEFAULT",
                    "disallowUsernameSubstring": True,
                }
            },
        },
    ),
    bad=(
        {"databaseVersion": "MYSQL_8_0", "settings": {"tier": "db-f1-micro"}},
        {
            "databaseVersion": "POSTGRES_17",
            "settings": {"passwordValidationPolicy": {"enablePasswordPolicy": True, "minLength": 8}},
        },
        {
            "databaseVersion": "POSTGRES_17",
            "settings": {
                "passwordValidationPolicy": {
                    "enablePasswordPolicy": True,
                    "minLength": 16,
                    "complexity": "COMPLEXITY_DEFAULT",
                }
            },
        },
    ),
    not_applicable=(
        {"databaseVersion": "SQLSERVER_2022_WEB"},
        {"databaseVersion": "POSTGRES_17", "masterInstanceName": "primary"},
    ),
)
def password_policy(instance: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """What the stack generates is strong; what an administrator sets by hand is as strong as the instance asks for."""
    if reason := inherits(instance) or follower(instance):
        yield skip(reason)
        return
    if engine(instance) == "SQLSERVER":
        yield skip("SQL Server has password rules of its own")
        return
    if not instance.flag(f"{_POLICY}.enablePasswordPolicy"):
        yield fail(instance, f"{_POLICY}.enablePasswordPolicy", "is not on")
        return
    length = instance.number(f"{_POLICY}.minLength")
    if length is None or length < float(params["min_length"]):
        yield fail(instance, f"{_POLICY}.minLength", f"is {instance.show(f'{_POLICY}.minLength')}")
    if instance.upper(f"{_POLICY}.complexity") != "COMPLEXITY_DEFAULT":
        yield fail(instance, f"{_POLICY}.complexity", "does not ask for letters, digits and other characters")
    if not instance.flag(f"{_POLICY}.disallowUsernameSubstring"):
        yield fail(instance, f"{_POLICY}.disallowUsernameSubstring", "is not on")
