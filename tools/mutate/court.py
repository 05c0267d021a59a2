"""Asks the judge about mutants: a mutant is caught when a verdict is a failure, or stops, that was none before."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from policies import pack
from policies.graph import Graph
from policies.judge import Judge, Result
from policies.load import resource
from policies.model import Resource
from policies.registers import load as load_registers
from tools.mutate.expected import broken_clauses
from tools.mutate.stack import Mutant, State, apply

Key = tuple[str, str]
Enough = Callable[[Collection[str], Mutant], bool]
"""Whether the clauses found so far settle the matter."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judge said about a mutant: rule, clause and place of each new verdict that stops it."""

    mutant: Mutant
    caught: tuple[tuple[str, str, str], ...] = ()
    """By the nearest rules that say anything: those about the resource, about the stack, about the others."""
    farther: tuple[str, ...] = ()
    """The clauses of what the rules farther away say too, where the nearest are not among the clauses asked for."""

    @property
    def every_clause(self) -> tuple[str, ...]:
        """All the clauses by which it was caught."""
        return tuple(dict.fromkeys((*self.clauses, *self.farther)))

    @property
    def clauses(self) -> tuple[str, ...]:
        """The clauses by which it was caught, in order."""
        return tuple(dict.fromkeys(clause for _, clause, _ in self.caught))


class Court:
    """A judge with the verdicts on the stack as it is, against which mutants are held."""

    def __init__(self, states: Sequence[State], today: dt.date) -> None:
        self._states = {s["urn"]: s for s in states}
        self._judge: Judge = pack.make_judge(pack.rules(), pack.read_config(), today=today, waivers=None)
        self._registers = load_registers(pack.REGISTERS, today)
        self._resources: dict[str, Resource] = {urn: resource(s) for urn, s in self._states.items()}
        graph = self._graph(self._resources.values())
        self.before = list(self._judge.judge_graph(graph))
        self._stopped = {_key(r) for r in self.before if _told(r)}

    def _graph(self, resources: Iterable[Resource]) -> Graph:
        first = next(iter(self._states)).split("::")
        graph = Graph(resources, stack=first[0].rsplit(":", 1)[-1], project=first[1])
        graph.registers = self._registers
        return graph

    def try_mutant(self, mutant: Mutant, enough: Enough = lambda clauses, _: bool(clauses)) -> Verdict:
        """The verdict on one mutant: first by the rules about what was changed, then by others until it is enough."""
        states, changed = apply(self._states, mutant.edits)
        resources = {u: resource(s) if u in changed else self._resources[u] for u, s in states.items()}
        graph = self._graph(resources.values())
        touched = [resources[u] for u in resources if u in changed]
        caught: tuple[tuple[str, str, str], ...] = ()
        farther: list[str] = []
        for round_ in (self._near(touched), self._stack(graph), self._far(resources.values(), changed)):
            new = tuple(
                (r.rule.id, r.rule.clause, f"{r.resource.name if r.resource else ''} {_path(r)}".strip())
                for r in round_
                if _told(r) and _key(r) not in self._stopped
            )
            if caught:
                farther += [clause for _, clause, _ in new]
            caught = caught or new
            if enough({clause for _, clause, _ in caught}.union(farther), mutant):
                break
        return Verdict(mutant, caught, tuple(dict.fromkeys(farther)))

    def _near(self, touched: Sequence[Resource]) -> Iterator[Result]:
        for found in touched:
            yield from self._judge.judge_resource(found)

    def _stack(self, graph: Graph) -> Iterator[Result]:
        yield from self._judge.judge_stack_rules(graph)

    def _far(self, resources: Iterable[Resource], changed: set[str]) -> Iterator[Result]:
        for found in resources:
            if found.urn not in changed:
                yield from self._judge.judge_resource(found, graph_rules=True)


def _told(result: Result) -> bool:
    """Whether a verdict is one that people see as wrong: a failure, or an undecided fact that stops the deployment."""
    return result.outcome == "fail" or result.blocking


def _key(result: Result) -> Key:
    return result.rule.id, result.resource.urn if result.resource else ""


def _path(result: Result) -> str:
    return next((f.path for f in result.findings if f.path), "")


def pairs(singles: Sequence[Mutant], count: int, seed: int = 1) -> list[Mutant]:
    """Pairs of single mutants of different properties, half of them within one resource. The same for the same seed."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable sample, no secret
    by_resource: dict[str, list[Mutant]] = {}
    for single in singles:
        by_resource.setdefault(single.edits[0].urn, []).append(single)
    several = [group for group in by_resource.values() if len({m.path for m in group}) > 1]
    made: list[Mutant] = []
    while len(made) < count and several:
        group = draw.choice(several) if len(made) % 2 else singles
        one, other = draw.choice(group), draw.choice(group)
        if _both(one, other):
            change = f"{one.change}; and {other.name} {other.path or '-'}: {other.change}"
            made.append(Mutant(one.type, one.name, one.path, change, (*one.edits, *other.edits), (one, other)))
    return made


def _both(one: Mutant, other: Mutant) -> bool:
    """Whether both can be done: in two places, and neither takes away or writes over what the other one changes."""
    first, second = one.edits[0], other.edits[0]
    if first.urn != second.urn:
        return True
    same_option = first.kind == second.kind == "option" and first.path == second.path
    return one.path != other.path and "remove" not in (first.kind, second.kind) and not same_option


_COURT: list[Court] = []


def _open(states: Sequence[State], today: dt.date) -> None:
    _COURT[:] = [Court(states, today)]


def _try(mutant: Mutant) -> Verdict:
    return _COURT[0].try_mutant(mutant, rightly)


def rightly(clauses: Collection[str], mutant: Mutant) -> bool:
    """Whether one of the clauses is one that the mutant breaks."""
    return bool(set(clauses) & set(broken_clauses(mutant)))


def try_all(states: Sequence[State], found: Sequence[Mutant], today: dt.date, workers: int) -> list[Verdict]:
    """The verdicts on all mutants, in their order."""
    if workers <= 1:
        court = Court(states, today)
        return [court.try_mutant(m, rightly) for m in found]
    with ProcessPoolExecutor(workers, initializer=_open, initargs=(states, today)) as pool:
        return list(pool.map(_try, found, chunksize=16))


def counts(verdicts: Iterable[Verdict]) -> Mapping[str, int]:
    """How many were caught first by each clause."""
    found: dict[str, int] = {}
    for verdict in verdicts:
        if verdict.clauses:
            found[verdict.clauses[0]] = found.get(verdict.clauses[0], 0) + 1
    return dict(sorted(found.items()))
