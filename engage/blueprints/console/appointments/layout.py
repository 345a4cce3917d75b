"""Where things stand on the board of a day: minutes become steps, what overlaps stands side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

STEP: Final = 5
USUAL: Final = (9 * 60, 18 * 60)
WHOLE_DAY: Final = 24 * 60

# How tall a step is drawn, by the shortest thing of the day: a short one stays readable.
SCALES: Final = ((30, "wide"), (15, "middle"), (0, "close"))
ONE_LINE: Final = {"wide": 20, "middle": 15, "close": 10}


@dataclass(slots=True)
class Thing:
    """A visit or a free place of one column, in minutes of the local day."""

    begin: int
    end: int
    data: dict[str, Any]
    column: int = 0
    columns: int = 1


@dataclass(slots=True)
class Lane:
    """One column of the board: open stretches behind, visits and free places on them.

    `told` is what the template is told of the column as it is; `closed` says why and when it is not open,
    `targets` are the times to which visits can be moved.
    """

    told: dict[str, Any]
    open: list[tuple[int, int]] = field(default_factory=list)
    closed: list[tuple[int, int, str]] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    targets: list[tuple[int, int, int, str]] = field(default_factory=list)


def minutes_of(moment: dt.datetime, day: dt.date) -> int:
    """Give the minutes of a local moment on a day's clock, kept within the day."""
    if moment.date() != day:
        return 0 if moment.date() < day else WHOLE_DAY
    return moment.hour * 60 + moment.minute


def hours(lanes: Iterable[Lane]) -> tuple[int, int]:
    """Give the first and last minute shown: whole hours around all there is, else a usual day."""
    edges = [edge for lane in lanes for thing in lane.things for edge in (thing.begin, thing.end)]
    edges += [edge for lane in lanes for stretch in lane.open for edge in stretch]
    if not edges:
        return USUAL
    return min(edges) // 60 * 60, min(WHOLE_DAY, -(-max(edges) // 60) * 60)


def scale(lanes: Iterable[Lane]) -> str:
    """Give how tall a step is drawn."""
    shortest = min((thing.end - thing.begin for lane in lanes for thing in lane.things), default=30)
    return next(name for minutes, name in SCALES if shortest >= minutes)


def side_by_side(things: Sequence[Thing]) -> list[Thing]:
    """Give things in the order of time; those that overlap share the width of their column."""
    ordered = sorted(things, key=lambda thing: (thing.begin, thing.end))
    ends: list[int] = []
    cluster: list[Thing] = []
    for thing in ordered:
        if cluster and thing.begin >= max(ends):
            _close(cluster, ends)
            cluster, ends = [], []
        free = next((column for column, end in enumerate(ends) if end <= thing.begin), len(ends))
        ends[free:] = [thing.end, *ends[free + 1 :]]
        thing.column = free
        cluster.append(thing)
    _close(cluster, ends)
    return ordered


def joined(stretches: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give stretches that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _close(cluster: Sequence[Thing], ends: Sequence[int]) -> None:
    for thing in cluster:
        thing.columns = len(ends)
