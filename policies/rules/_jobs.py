"""Jobs on a schedule: what a job is for, which database it is about, how often it runs, and which alerts watch it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from policies.graph import Graph, type_of
from policies.iam import plain
from policies.model import UNKNOWN, Resource, gcp
from policies.rules._ours import off_google, ours
from policies.rules._render import CRON, POSTGRES
from policies.rules._sql import INSTANCE, follower
from policies.rules._watch import ALERT, METRIC, narrowed

JOB: Final = gcp("cloudrunv2/job")
SCHEDULE: Final = gcp("cloudscheduler/job")
SCHEMA: Final = gcp("sql/database")
WORKERS: Final = (JOB, CRON)
_NEVER: Final = float("inf")
_START: Final = datetime(2027, 1, 1)  # noqa: DTZ001 - any year shows how often a schedule runs
_DAYS: Final = 800


@dataclass(frozen=True, kw_only=True)
class Duty:
    """One kind of job that a stack has to have."""

    words: str
    """A pattern that is found in the arguments or the name of such a job."""
    each: bool
    """Whether every database has to have one."""

    def done_by(self, worker: Resource) -> bool | None:
        """Whether the job is of this kind, by its command: a name promises nothing, and flags speak of other things.
        None where the word that would tell is not known yet."""
        said = re.sub(r"^.*?\s-m\s+\w+\s+", "", " ".join(arguments(worker)))
        said = re.split(r"\s-", said, maxsplit=1)[0]
        return bool(re.search(self.words, said, re.IGNORECASE)) or (None if LATER in said else False)


def databases(graph: Graph) -> list[Resource]:
    """What has data of its own: Cloud SQL's primaries, and PostgreSQL on Render."""
    return [*(i for i in graph.of(INSTANCE) if follower(i) is None), *graph.of(POSTGRES)]


def why_not(graph: Graph, duty: Duty | None = None) -> str | None:
    """Why the stack is not asked for jobs, or for one of a kind."""
    if not ours(graph):
        return "the stack is not built from this project's components"
    if off_google(graph) and not (duty and duty.each):
        return "the stack runs on Render alone, and this is done on Google Cloud"
    return None if databases(graph) else "the stack has no database"


LATER: Final = "ʔ"
"""Stands in a command for what is not known yet."""


def arguments(worker: Resource) -> list[str]:
    """What the program of a job is told, with a sign for each part that is not known yet."""
    if worker.type == CRON:
        paths = ("serviceDetails.envSpecificDetails.startCommand", "serviceDetails.envSpecificDetails.dockerCommand")
        return _texts([plain(worker.raw(path)) for path in paths])
    if not worker.known("template.template.containers"):
        return [LATER]
    containers = worker.views("template.template.containers")
    told = (plain(container.raw(path)) for container in containers for path in ("commands", "args"))
    return [text for value in told for text in _texts(value if isinstance(value, list) else [value])]


def _texts(values: list[Any]) -> list[str]:
    return [LATER if one is UNKNOWN else str(one) for one in values if one is UNKNOWN or isinstance(one, str)]


def about(database: Resource) -> dict[str, bool]:
    """The jobs that work on a database, by URN: they depend on it, carry its name or that of a schema in it as a value,
    or end in its name. False where a value that is not known yet may be the name: it is none where the job depends on
    another database."""
    subjects, lost = database.graph.once(_subjects) if database.graph else ({}, [])
    within = database.graph.once(_schemas).get(database.urn, ()) if database.graph else ()
    sure = [urn for key in (database.urn, database.name, *within) for urn in subjects.get(key, ())]
    return {**dict.fromkeys(lost, False), **dict.fromkeys(sure, True)}


def _schemas(graph: Graph) -> dict[str, set[str]]:
    """The names of what is in each instance: the instance may have been given another name since."""
    found: dict[str, set[str]] = {}
    for schema in graph.of(SCHEMA):
        name = schema.text("name") or schema.name
        for instance in graph.targets(schema, "instance", INSTANCE):
            found.setdefault(instance.urn, set()).update((name, name.replace("_", "-")))
    return found


def _subjects(graph: Graph) -> tuple[dict[str, list[str]], list[str]]:
    """The jobs by what they depend on and by every ending of a text they carry, and those that may be about any."""
    found: dict[str, list[str]] = {}
    lost: list[str] = []
    for worker in graph.of(*WORKERS):
        before = set(worker.dependencies).union(*worker.property_dependencies.values())
        texts = [worker.name, *(plain(value) for _, value in worker.walk())]
        words = {word for text in texts if isinstance(text, str) for word in _endings(text)}
        for key in before | words:
            found.setdefault(key, []).append(worker.urn)
        if UNKNOWN in texts and not any(type_of(urn) in (INSTANCE, POSTGRES) for urn in before):
            lost.append(worker.urn)
    return found, lost


def _endings(text: str) -> Iterator[str]:
    """The text, and what stands behind each of its blanks and dashes."""
    yield text
    yield from (text[match.end() :] for match in re.finditer(r"[\s-]", text))


def hours_between(worker: Resource) -> list[float | None]:
    """The longest time between two runs, for each schedule that starts the job: infinite for what never comes, None
    where it is not known yet."""
    if worker.type == CRON:
        schedule = plain(worker.raw("serviceDetails.schedule"))
        return [None if schedule is UNKNOWN else longest_gap(str(schedule or ""))]
    gaps: list[float | None] = []
    for trigger, started in starters(worker):
        if trigger.known("paused") and trigger.flag("paused"):
            continue
        known = started and trigger.known("paused") and trigger.known("schedule")
        gaps.append(longest_gap(trigger.text("schedule") or "") if known else None)
    return gaps


def starters(worker: Resource) -> list[tuple[Resource, bool | None]]:
    """The schedules that start a job of Google's, and those (None) that may: the job or the address is not known."""
    triggers = worker.graph.once(_triggers) if worker.graph else {}
    keys = (f"/jobs/{worker.output('name') or worker.name}:run", worker.urn, "", *(() if worker.known("name") else "*"))
    found = {trigger.urn: trigger for key in keys for trigger in triggers.get(key, ())}.values()
    judged = ((trigger, _starts(trigger, worker)) for trigger in found)
    return [(trigger, started) for trigger, started in judged if started is not False]


def _starts(trigger: Resource, worker: Resource) -> bool | None:
    """None where it is not known yet."""
    uri = plain(trigger.raw("httpTarget.uri"))
    edges = trigger.property_dependencies.get("httpTarget", ())
    if not isinstance(uri, str):
        return worker.urn in edges or (None if uri is UNKNOWN and not edges else False)
    if uri.endswith(f"/jobs/{worker.output('name') or worker.name}:run"):
        return True
    return False if worker.known("name") else worker.urn in edges or None


def _triggers(graph: Graph) -> dict[str, list[Resource]]:
    """The schedules by the end of the address they call, by what they come from, under "" those that may call anything,
    and all of them under "*"."""
    found: dict[str, list[Resource]] = {}
    for trigger in graph.of(SCHEDULE):
        uri = plain(trigger.raw("httpTarget.uri"))
        edges = trigger.property_dependencies.get("httpTarget", ())
        keys = [*edges, "*", *([f"/jobs/{uri.rpartition('/jobs/')[2]}"] if isinstance(uri, str) else [])]
        for key in [*keys, ""] if uri is UNKNOWN and not edges else keys:
            found.setdefault(key, []).append(trigger)
    return found


_FIELDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: Final = {
    name: str(number)
    for names in ("sun mon tue wed thu fri sat", " jan feb mar apr may jun jul aug sep oct nov dec")
    for number, name in enumerate(names.split(" "))
    if name
}


@lru_cache(maxsize=1024)
def longest_gap(schedule: str) -> float:
    """Hours between two runs at most; infinite for what is no schedule, or one that never comes."""
    parts = schedule.lower().split()
    if len(parts) != 5:
        return _NEVER
    try:
        minutes, hours, days, months, weekdays = (
            _values(part, low, high) for part, (low, high) in zip(parts, _FIELDS, strict=True)
        )
    except ValueError:
        return _NEVER
    times = sorted(60 * hour + minute for hour in hours for minute in minutes)
    weekdays = {day % 7 for day in weekdays}
    either = parts[2] != "*" and parts[4] != "*"
    longest, last = 0.0, None
    for number in range(_DAYS):
        day = _START + timedelta(days=number)
        by_date, by_weekday = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month not in months or not (by_date or by_weekday if either else by_date and by_weekday):
            continue
        for time in (times[0], times[-1]):
            at = day + timedelta(minutes=time)
            if last is not None and time == times[0]:
                longest = max(longest, (at - last).total_seconds() / 3600)
            last = at
    inside = max((b - a for a, b in pairwise(times)), default=0) / 60
    return max(longest, inside) if longest else _NEVER


def _values(part: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for piece in part.split(","):
        span, _, step = piece.partition("/")
        first, _, last = span.partition("-")
        every = int(step) if step else 1
        if every < 1:
            raise ValueError("no step")
        if span == "*":
            found.update(range(low, high + 1, every))
            continue
        start = int(_NAMES.get(first, first))
        end = int(_NAMES.get(last, last)) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError("no such time")
        found.update(range(start, end + 1, every))
    return found


_RUN_METRIC: Final = re.compile(r"run[._]googleapis[._]com[/:]job[/_]completed_(execution|task_attempt)_count")
_DONE_METRIC: Final = re.compile(r"logging[._]googleapis[._]com[/:]user[/_]")
_LABEL: Final = re.compile(
    r'(?:job_name|deployment|service)\s*=\s*(~|monitoring\.regex\.full_match\(|starts_with\()?\s*"([^"]*)"'
)
_SERIES: Final = r"[\w:]+\{[^{}]*\}\[\d+[smhdw]\]"
_ON_SILENCE: Final = re.compile(
    rf"(\(sum( by \([\w, ]*\))?\((increase|(sum|count)_over_time)\({_SERIES}\)\) or vector\(0\)\) ?< ?(1|0\.\d+)"
    rf"|absent_over_time\({_SERIES}\))"
)
"""Queries that have an answer when nothing is there. Whatever else one says may keep it from ever having one."""
_UNIT: Final = {"s": 1 / 3600, "m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}


def names(text: str, worker: Resource) -> bool:
    """Whether a filter is about this job: it names it, a pattern fits it, or it is about all jobs."""
    name = _name(worker)
    return all(_fits(how, pattern, name) for how, pattern in _LABEL.findall(text))


def _name(worker: Resource) -> str:
    return str(worker.output("name") or worker.name)


def _fits(how: str, pattern: str, name: str) -> bool:
    if how == "starts_with(":
        return name.startswith(pattern)
    try:
        return bool(re.fullmatch(pattern, name)) if how else pattern == name
    except re.error:
        return False


def _is_about_jobs(text: str, worker: Resource) -> bool:
    metric = _DONE_METRIC if worker.type == CRON else _RUN_METRIC
    return bool(metric.search(text) or (_DONE_METRIC.search(text) and _LABEL.search(text))) and names(text, worker)


def _live(alert: Resource) -> bool | None:
    """Whether an alert is switched on and reaches a channel; None where that is not known yet."""
    if not alert.known("enabled"):
        return None
    channels = plain(alert.raw("notificationChannels"))
    if channels is UNKNOWN:
        return True if alert.property_dependencies.get("notificationChannels") else None
    return alert.flag("enabled", default=True) and bool(channels)


def _conditions(alert: Resource) -> list[Any] | None:
    value = plain(alert.raw("conditions"))
    if value is UNKNOWN:
        return None
    return [one for one in value if isinstance(one, dict) or one is UNKNOWN] if isinstance(value, list) else []


def silence(condition: Any, worker: Resource) -> float | None:
    """After how many hours without a success the condition fires; None where it is about something else."""
    if not isinstance(condition, dict):
        return None
    absent = condition.get("conditionAbsent")
    if isinstance(absent, dict) and _is_about_jobs(_text(absent, "filter"), worker):
        return _seconds(absent.get("duration")) / 3600 if _succeeded(_text(absent, "filter")) else None
    prom = condition.get("conditionPrometheusQueryLanguage")
    query = _text(prom, "query") if isinstance(prom, dict) else ""
    if _ON_SILENCE.fullmatch(" ".join(query.split())) and _is_about_jobs(query, worker) and _succeeded(query):
        windows = [float(number) * _UNIT[unit] for number, unit in re.findall(r"\[(\d+)([smhdw])\]", query)]
        waits = _seconds(prom.get("duration")) / 3600 if isinstance(prom, dict) else 0.0
        return max(windows) + waits if windows else None
    return None


def _succeeded(text: str) -> bool:
    """Runs of Google's are counted with their result; our own metric counts what is done."""
    if _RUN_METRIC.search(text):
        return bool(re.search(r'result\s*=\s*"succeeded"', text))
    return "done" in text or "succe" in text


def failure(condition: Any, worker: Resource) -> bool:
    """Whether the condition fires when the job fails."""
    threshold = condition.get("conditionThreshold") if isinstance(condition, dict) else None
    if not isinstance(threshold, dict):
        return False
    text = _text(threshold, "filter")
    above = threshold.get("comparison", "COMPARISON_GT") == "COMPARISON_GT"
    value = threshold.get("thresholdValue") or 0
    at_once = isinstance(value, int | float) and value < 1
    bad = bool(re.search(r'result\s*=\s*"failed"', text)) if _RUN_METRIC.search(text) else "fail" in text
    return above and at_once and bad and _is_about_jobs(text, worker) and not narrowed(text)


def _text(block: Any, key: str) -> str:
    value = block.get(key) if isinstance(block, dict) else None
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)s", value) if isinstance(value, str) else None
    return float(found[1]) if found else (0.0 if value in (None, "") else _NEVER)


@dataclass(frozen=True, slots=True)
class Heard:
    """Which alerts hear of something, as far as it is known."""

    found: tuple[Any, ...]
    open: bool
    """Whether an alert that may be one is not known yet."""


def heard(graph: Graph, worker: Resource, ask: Any) -> Heard:
    """The answers of all conditions of live alerts to a question about a job."""
    conditions = graph.once(_live_conditions)
    found: list[Any] = []
    lost = bool(conditions.lost & {"", worker.urn}) or (bool(conditions.known) and not worker.known("name"))
    for key in (_name(worker), "", *((None,) if worker.type == CRON else ())):
        for live, condition in conditions.known.get(key, ()):
            answer = ask(condition, worker)
            if answer is not None and answer is not False:
                lost = lost or live is None
                found += [answer] if live else []
    return Heard(tuple(found), lost)


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The conditions of alerts that are not silent."""

    known: dict[str | None, list[tuple[bool | None, Any]]]
    """By the job that they name, "" where they do so by a pattern or are about all of Google's, None where a metric of
    our own is all they name; each with whether its alert is live."""
    lost: frozenset[str]
    """URNs of what conditions that are not known yet come from; "" where that may be any job."""


def _job_named(text: str) -> str | None:
    """The one job that a condition names; "" for patterns, several and all of Google's, None for a metric alone."""
    labels = _LABEL.findall(text)
    exact = {name for how, name in labels if how != "starts_with(" and re.fullmatch(r"[\w-]+", name)}
    return exact.pop() if len(exact) == 1 else "" if labels or _RUN_METRIC.search(text) else None


def _live_conditions(graph: Graph) -> _Conditions:
    known: dict[str | None, list[tuple[bool | None, Any]]] = {}
    lost: set[str] = set()
    for alert in graph.of(ALERT):
        live = _live(alert)
        conditions = _conditions(alert) if live is not False else []
        for condition in conditions if conditions is not None else [UNKNOWN]:
            texts = list(_leaves(condition))
            if UNKNOWN in texts:
                edges = alert.property_dependencies.get("conditions", ())
                lost.update(edges if edges and not any(type_of(urn) == METRIC for urn in edges) else ("",))
                continue
            told = " ".join(text for text in texts if isinstance(text, str))
            key = _job_named(told)
            known.setdefault(key, []).append((live, condition))
    return _Conditions(known, frozenset(lost))


def _leaves(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def doing(graph: Graph, duty: Duty) -> list[tuple[Resource, bool]]:
    """The jobs of a kind, and those that may be of it, each with whether that is sure."""
    judged = ((worker, duty.done_by(worker)) for worker in graph.of(*WORKERS))
    return [(worker, bool(done)) for worker, done in judged if done is not False]
