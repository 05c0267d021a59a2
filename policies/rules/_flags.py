"""A database flag as a rule: the value it may have, and whether leaving it out is a failure of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.model import Resource
from policies.rule import Finding, Severity, fail, rule, skip
from policies.rules._sql import INSTANCE, Engine, engine, flags, inherits

_VERSIONS = {"POSTGRES": "POSTGRES_17", "MYSQL": "MYSQL_8_0", "SQLSERVER": "SQLSERVER_2022_STANDARD"}
_OTHER = {"POSTGRES": "MYSQL_8_0", "MYSQL": "POSTGRES_17", "SQLSERVER": "POSTGRES_17"}
_DOCS = {
    "POSTGRES": "https://cloud.google.com/sql/docs/postgres/flags",
    "MYSQL": "https://cloud.google.com/sql/docs/mysql/flags",
    "SQLSERVER": "https://cloud.google.com/sql/docs/sqlserver/flags",
}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag, the values it may have and what follows when it is not set."""

    id: str
    engine: Engine
    name: str
    title: str
    why: str
    allowed: frozenset[str]
    wanted: str
    wrong: tuple[str, ...]
    refs: tuple[str, ...] = ()
    required: bool = False
    """Whether the missing flag is a failure of this rule, because the engine's default is not allowed."""
    clause: str = "LOG-4"
    severity: Severity = "medium"
    spellings: tuple[str, ...] = ()
    must_state: tuple[str, ...] = ()
    """Foreign ids that ask for the flag to be written out; they get a rule of their own, `<id>-set`."""
    default: str = ""
    """The engine's own default, for the message of that rule."""


def _value(text: str) -> str:
    word = text.strip().lower()
    return "on" if word in ("true", "yes") else "off" if word in ("false", "no") else word


def _wrong_value(flag: Flag) -> Callable[[Resource], Iterator[Finding]]:
    names = (flag.name, *flag.spellings)

    def check(instance: Resource) -> Iterator[Finding]:
        if engine(instance) != flag.engine:
            yield skip(f"{flag.name} is a flag of {flag.engine}")
            return
        found = flags(instance, *names)
        for view in found:
            if _value(view.text("value") or "") not in flag.allowed:
                yield fail(view, "value", f"sets {flag.name} to {view.show('value')}")
        if found or not flag.required:
            return
        if reason := inherits(instance):
            yield skip(reason)
        else:
            yield fail(instance, "settings.databaseFlags", f"does not set {flag.name}")

    return check


def _not_set(flag: Flag) -> Callable[[Resource], Iterator[Finding]]:
    names = (flag.name, *flag.spellings)

    def check(instance: Resource) -> Iterator[Finding]:
        if engine(instance) != flag.engine:
            yield skip(f"{flag.name} is a flag of {flag.engine}")
        elif not flags(instance, *names):
            if reason := inherits(instance):
                yield skip(reason)
            else:
                yield fail(
                    instance, "settings.databaseFlags", f"does not set {flag.name}; the default is {flag.default}"
                )

    return check


def _example(flag: Flag, value: str) -> dict[str, object]:
    return {
        "databaseVersion": _VERSIONS[flag.engine],
        "settings": {"tier": "db-custom-1-3840", "databaseFlags": [{"name": flag.name, "value": value}]},
    }


def register(flag: Flag) -> None:
    """One rule for the value, and one for the missing flag where tools ask for it to be written out."""
    plain = {"databaseVersion": _VERSIONS[flag.engine], "settings": {"tier": "db-custom-1-3840"}}
    other = {"databaseVersion": _OTHER[flag.engine], "settings": {"tier": "db-custom-1-3840"}}
    fix = f'settings={{"database_flags": [{{"name": "{flag.name}", "value": "{flag.wanted}"}}, …]}}'
    rule(
        id=flag.id,
        clause=flag.clause,
        title=flag.title,
        severity=flag.severity,
        types=(INSTANCE,),
        decides=("settings.databaseFlags",),
        absent="fail" if flag.required else "pass",
        fix=fix,
        references=flag.refs,
        sources=(_DOCS[flag.engine],),
        why=flag.why,
        good=(
            _example(flag, flag.wanted),
            _example(flag, flag.wanted.upper()),
            *(() if flag.required else (plain,)),
        ),
        bad=(*(_example(flag, value) for value in flag.wrong), *((plain,) if flag.required else ())),
        not_applicable=(other,),
    )(_wrong_value(flag))
    if flag.must_state:
        rule(
            id=f"{flag.id}-set",
            clause=flag.clause,
            title=f"{flag.name} is written out, not left to the default",
            severity="low",
            types=(INSTANCE,),
            decides=("settings.databaseFlags",),
            fix=fix,
            references=flag.must_state,
            sources=(_DOCS[flag.engine],),
            why=f"{flag.why} The default ({flag.default}) can change with a version, and a value that is not written "
            "shows no drift.",
            good=(_example(flag, flag.wanted),),
            bad=(plain,),
            not_applicable=(other,),
        )(_not_set(flag))
