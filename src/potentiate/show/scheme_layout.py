"""Where the states of a scheme go: columns by agonists bound, rows by class, layers by drug molecules bound."""

from __future__ import annotations

import dataclasses
from collections import Counter

from ..kinetics.scheme import Edge, Scheme

#: row of a class: open above, desensitized below
ROWS = {"rest": 0, "bound": 0, "open": 1, "desensitized": -1, "blocked": 0}


@dataclasses.dataclass(frozen=True)
class Layout:
    """Places of states.

    Attributes
    ----------
    column, row, layer : tuples of int, one per state
        Columns from 0 to the right, rows upwards; layer m holds m drug (or blocker) molecules.
    """

    column: tuple[int, ...]
    row: tuple[int, ...]
    layer: tuple[int, ...]


def lay_out(scheme: Scheme) -> Layout:
    """Return where every state of a scheme is drawn.

    States of the first layer are placed along the transitions from the resting state, neighbours first; every
    other layer repeats the places of its partners in the first.
    """
    layer = _layers(scheme)
    partner = _partners(scheme, layer)
    place: dict[int, tuple[int, int]] = {}
    for m in sorted(set(layer)):
        taken = {place[s] for s in place if layer[s] == m}
        for s in range(scheme.n):
            if layer[s] == m and partner.get(s) in place:
                place[s] = place[partner[s]]
                taken.add(place[s])
        _grow(scheme, layer, m, place, taken)
    columns = {x: i for i, x in enumerate(sorted({x for x, _ in place.values()}))}
    rows = {y: i for i, y in enumerate(sorted({y for _, y in place.values()}))}
    return Layout(
        tuple(columns[place[s][0]] for s in range(scheme.n)),
        tuple(rows[place[s][1]] for s in range(scheme.n)),
        tuple(layer),
    )


def _layers(scheme: Scheme) -> list[int]:
    """Return the layer of each state: it changes along exchange of a modulator, and into a blocked state."""
    layer = {scheme.rest: 0}
    queue = [scheme.rest]
    while queue:
        at = queue.pop(0)
        for e in scheme.edges:
            for a, b, sign in ((e.source, e.target, 1), (e.target, e.source, -1)):
                if a == at and b not in layer:
                    layer[b] = layer[a] + (sign if e.role in ("modulate", "block") else 0)
                    queue.append(b)
    return [layer[s] for s in range(scheme.n)]


def _partners(scheme: Scheme, layer: list[int]) -> dict[int, int]:
    """Return, for states of upper layers, the state of the lowest layer with the same geometry."""
    found: dict[int, int] = {}
    names = {name: s for s, name in enumerate(scheme.states)}
    suffixes: Counter[str] = Counter()
    for e in scheme.edges:
        if e.role in ("modulate", "block"):
            found[e.target] = e.source
            if scheme.states[e.target].startswith(scheme.states[e.source]):
                suffixes[scheme.states[e.target][len(scheme.states[e.source]) :]] += 1
    for s, name in enumerate(scheme.states):
        for suffix in suffixes:
            if layer[s] and s not in found and name.endswith(suffix) and name[: -len(suffix)] in names:
                found[s] = names[name[: -len(suffix)]]
    for s in list(found):  # down to the first layer
        seen = {s}
        while found[s] in found and found[s] not in seen:
            seen.add(found[s])
            found[s] = found[found[s]]
    return {s: p for s, p in found.items() if layer[s] != layer[p]}


def _grow(
    scheme: Scheme, layer: list[int], m: int, place: dict[int, tuple[int, int]], taken: set[tuple[int, int]]
) -> None:
    """Place the states of a layer that have no place yet, along the edges from placed ones."""
    mine = [s for s in range(scheme.n) if layer[s] == m]
    while any(s not in place for s in mine):
        step = _next(scheme, mine, place)
        if step is None:  # a start of its own: the resting state, or an island of the layer
            s = next(s for s in mine if s not in place)
            wanted = (0, 0) if m == 0 else (scheme.bound[s], ROWS[scheme.classes[s]])
        else:
            s, parent, edge = step
            wanted = _beside(scheme, place[parent], parent, s, edge)
        place[s] = _free(wanted, taken, beside=scheme.classes[s] == "open")
        taken.add(place[s])


def _next(scheme: Scheme, mine: list[int], place: dict[int, tuple[int, int]]) -> tuple[int, int, Edge] | None:
    """Return the next state to place, its placed neighbour and the edge: binding first, then the closest class."""
    rank = {"bind": 0, "convert": 2, "gate": 1, "desensitize": 1, "block": 3, "modulate": 3}
    best = None
    for i, e in enumerate(scheme.edges):
        for a, b in ((e.source, e.target), (e.target, e.source)):
            if a in place and b in mine and b not in place and a in mine:
                from_open = scheme.classes[a] == "open" and scheme.classes[b] == "desensitized"
                key = (rank[e.role] + 2 * from_open, list(place).index(a), i)
                if best is None or key < best[0]:
                    best = (key, (b, a, e))
    return best[1] if best else None


def _beside(scheme: Scheme, at: tuple[int, int], parent: int, s: int, edge: Edge) -> tuple[int, int]:
    x, y = at
    gained = scheme.bound[s] - scheme.bound[parent]
    here, there = scheme.classes[parent], scheme.classes[s]
    row = ROWS[there]
    if edge.role == "bind" and gained:
        return x + gained, y if ROWS[here] == row else row
    if edge.role == "bind":  # another ligand
        return x, y - 1
    if ROWS[here] != row:
        return x + max(gained, 0), row if row else y - ROWS[here]
    if there == "desensitized" and gained == 0 and edge.source == parent:
        return (x, y - 1)
    return x + max(gained, 1), y


def _free(wanted: tuple[int, int], taken: set[tuple[int, int]], *, beside: bool) -> tuple[int, int]:
    """Return the wanted place or the nearest free one; `beside` tries the left first (a second open state)."""
    x, y = wanted
    down = -1 if y < 0 else 1
    left = [(x - 1, y)] if beside and x > 0 else []
    steps = [(1, 0), (0, down), (1, down), (2, 0), (0, -down), (1, -down)]
    options = [(x, y), *left, *((x + i, y + j) for i, j in steps)]
    return next((o for o in options if o not in taken), (max((c for c, _ in taken), default=0) + 1, y))
