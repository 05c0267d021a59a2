"""The changed resources as a drawing: what needs what, the riskiest first, from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from review.model import Change, Review

MOST: Final = 60
"""Resources that are drawn: with more, nobody follows a line. The rest is counted, and all are in the list."""
_WIDTH: Final = 210
_HEIGHT: Final = 46
_ACROSS: Final = 70
_DOWN: Final = 16
_TALLEST: Final = 14
"""Nodes in one column; more of them go into further columns of the same layer."""
_ALONE: Final = 4
"""Resources in a row below, of those that neither need nor are needed."""
_EDGE: Final = 2
_NAME: Final = 24


@dataclass(frozen=True, kw_only=True)
class Node:
    """One resource with its place."""

    number: int
    """Its place in the review's list of changes, which is its anchor on the page."""
    change: Change
    x: int
    y: int
    needs: tuple[str, ...]
    """Names of what it needs among the drawn."""

    @property
    def title(self) -> str:
        """Its name, cut to what fits."""
        name = self.change.name
        return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"

    @property
    def kind(self) -> str:
        """What happens to what."""
        said = f"{self.change.op} {self.change.type.rsplit(':', 1)[-1]}"
        return said if len(said) <= _NAME + 6 else f"{said[: _NAME + 5]}…"

    @property
    def said(self) -> str:
        """For who hears the page."""
        needs = f"; needs {', '.join(self.needs)}" if self.needs else ""
        return f"{self.change.risk}: {self.change.op} {self.change.name} ({'; '.join(self.change.reasons)}){needs}"


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Nodes and lines, in pixels."""

    nodes: tuple[Node, ...]
    lines: tuple[tuple[int, int, str], ...]
    """Number of the needed one, of the one that needs it, and the path."""
    width: int
    height: int
    left_out: int
    node_width: int = _WIDTH
    node_height: int = _HEIGHT


def draw(review: Review) -> Drawing | None:
    """The drawing; None where nothing changes that lies in a cloud."""
    worth = [(n, c) for n, c in enumerate(review.changes) if not c.logical and c.risk != "noise"]
    chosen = dict(worth[:MOST])
    if not chosen:
        return None
    number_of = {change.urn: number for number, change in chosen.items()}
    needs = {n: [number_of[u] for u in c.needs if u in number_of and u != c.urn] for n, c in chosen.items()}
    places = _places(needs)
    nodes = tuple(
        Node(number=n, change=c, x=places[n][0], y=places[n][1], needs=tuple(chosen[m].name for m in needs[n]))
        for n, c in sorted(chosen.items(), key=lambda entry: (places[entry[0]], entry[0]))
    )
    lines = tuple((m, n, _path(places[m], places[n])) for n in sorted(needs) for m in needs[n])
    return Drawing(
        nodes=nodes,
        lines=lines,
        width=max(x for x, _ in places.values()) + _WIDTH + _EDGE,
        height=max(y for _, y in places.values()) + _HEIGHT + _EDGE,
        left_out=len(worth) - len(chosen),
    )


def _layers(needs: dict[int, list[int]]) -> dict[int, int]:
    """How far each is from what needs nothing. A circle, which no engine makes, is cut where it is met."""
    layers: dict[int, int] = {}

    def layer(number: int, above: frozenset[int]) -> int:
        if number not in layers:
            below = [layer(m, above | {number}) for m in needs[number] if m not in above and m != number]
            layers[number] = 1 + max(below, default=-1)
        return layers[number]

    for number in needs:
        layer(number, frozenset({number}))
    return layers


def _places(needs: dict[int, list[int]]) -> dict[int, tuple[int, int]]:
    """Column by column; within one, beside what they need, so that few lines cross. What stands alone comes below."""
    joined = {n for n, m in needs.items() if m} | {m for found in needs.values() for m in found}
    layers = _layers({n: m for n, m in needs.items() if n in joined})
    places: dict[int, tuple[int, int]] = {}
    column = 0
    for layer in sorted(set(layers.values())):
        members = [n for n in layers if layers[n] == layer]
        members.sort(key=lambda n: (_middle([places[m][1] for m in needs[n] if m in places]), n))
        for start in range(0, len(members), _TALLEST):
            for row, number in enumerate(members[start : start + _TALLEST]):
                places[number] = (_EDGE + column * (_WIDTH + _ACROSS), _EDGE + row * (_HEIGHT + _DOWN))
            column += 1
    below = max((y for _, y in places.values()), default=-2 * _HEIGHT) + 2 * _HEIGHT + _EDGE
    for index, number in enumerate(n for n in needs if n not in joined):
        row, across = divmod(index, _ALONE)
        places[number] = (_EDGE + across * (_WIDTH + _ACROSS), below + row * (_HEIGHT + _DOWN))
    return places


def _middle(heights: list[int]) -> float:
    return sum(heights) / len(heights) if heights else float(1 << 20)


def _path(start: tuple[int, int], end: tuple[int, int]) -> str:
    """A curve from the right side of one to the left side of the other."""
    (x1, y1), (x2, y2) = (start[0] + _WIDTH, start[1] + _HEIGHT // 2), (end[0], end[1] + _HEIGHT // 2)
    bend = max(30, (x2 - x1) // 2)
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 2} {y2}"
