"""The waiting room: who came without an appointment, whose turn it is, and how long it may take (BK-19)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from engage.booking.rules.states import STAFF, Action, Guest, is_fresh
from engage.kernel.errors import N_

WALK_IN_STATES: Final = {
    "waiting": N_("Waiting to be seen"),
    "in_treatment": N_("In treatment"),
    "completed": N_("Completed"),
    "gone": N_("Has gone"),
}
WALK_IN_TONES: Final = {
    "waiting": "waiting",
    "in_treatment": "good",
    "completed": "good",
    "gone": "ended",
}

_STAFF: Final = frozenset({STAFF})
_MANAGE: Final = "appointments.manage"
_TREAT: Final = "appointments.treat"

# What is done with somebody who came without an appointment, as `ACTIONS` tells it of visits.
WALK_IN_ACTIONS: Final[Mapping[str, Action]] = {
    "call": Action(("waiting",), None, _STAFF, _TREAT, "walk_in.called", N_("Call in"), sets="called_at"),
    "start": Action(
        ("waiting",),
        "in_treatment",
        _STAFF,
        _TREAT,
        "walk_in.started",
        N_("Start treatment"),
        sets="treatment_at",
        tone="primary",
    ),
    "complete": Action(
        ("in_treatment",),
        "completed",
        _STAFF,
        _TREAT,
        "walk_in.completed",
        N_("Complete"),
        sets="completed_at",
        tone="primary",
    ),
    "leave": Action(
        ("waiting",), "gone", _STAFF, _MANAGE, "walk_in.gone", N_("Has gone unseen"), sets="gone_at"
    ),
    "undo_start": Action(
        ("in_treatment",),
        "waiting",
        _STAFF,
        _TREAT,
        "walk_in.undone",
        N_("Undo: in treatment"),
        clears=("treatment_at",),
        undoes="start",
    ),
    "undo_complete": Action(
        ("completed",),
        "in_treatment",
        _STAFF,
        _TREAT,
        "walk_in.undone",
        N_("Undo: completed"),
        clears=("completed_at",),
        undoes="complete",
    ),
    "undo_leave": Action(
        ("gone",),
        "waiting",
        _STAFF,
        _MANAGE,
        "walk_in.undone",
        N_("Undo: has gone"),
        clears=("gone_at",),
        undoes="leave",
    ),
}

# What somebody without an item is expected to take, and one who takes longer than planned takes yet.
USUAL: Final = dt.timedelta(minutes=30)
YET: Final = dt.timedelta(minutes=5)
# Whoever is later than this is not waited for any more.
MISSED_AFTER: Final = dt.timedelta(minutes=15)
ROUND: Final = dt.timedelta(minutes=5)

Busy = tuple[dt.datetime, dt.datetime]


class Waiting(Protocol):
    """What of somebody in the waiting room decides about whose turn it is."""

    @property
    def starts_at(self) -> dt.datetime | None:
        """When the visit begins; None of somebody without one."""

    @property
    def arrived_at(self) -> dt.datetime:
        """When they came."""

    @property
    def doctor_id(self) -> int | None:
        """Whom they came to see; None for whoever is free."""


W = TypeVar("W", bound=Waiting)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody who is to be seen: by whom (None: whoever is free), not before when, and for how long."""

    doctor_id: int | None
    not_before: dt.datetime
    length: dt.timedelta


def walk_in_actions(guest: Guest, *, now: dt.datetime) -> Mapping[str, Action]:
    """Give what may be done with a walk-in now, by name, in the order of buttons."""
    return {
        name: action
        for name, action in WALK_IN_ACTIONS.items()
        if guest.state in action.from_states and _is_time_for(action, guest, now=now)
    }


def in_turn(waiting: Iterable[W]) -> list[W]:
    """Put people in the order in which they are called: with an appointment first, by its time."""
    return sorted(
        waiting,
        key=lambda one: (one.starts_at is None, one.starts_at or one.arrived_at, one.arrived_at),
    )


def place_in_line(line: Sequence[Waiting], position: int) -> int:
    """Give whose turn it is before this one's, counted with it: those who may want the same doctor."""
    mine = line[position].doctor_id
    ahead = (other.doctor_id for other in line[:position])
    return 1 + sum(mine is None or other is None or other == mine for other in ahead)


def begins(
    wanted: Sequence[Wanted], chairs: Mapping[int | None, Sequence[Busy]], *, now: dt.datetime
) -> list[dt.datetime]:
    """Give when each is seen: in their order, in the first gap of their doctor that is long enough.

    `chairs` says when each doctor on duty is busy already. A doctor of whom nothing is known is free;
    where nobody is on duty, whoever is free is one doctor.
    """
    taken = {key: sorted(busy) for key, busy in chairs.items()} or {None: []}
    found = []
    for one in wanted:
        doctors = list(taken) if one.doctor_id is None else [one.doctor_id]
        earliest = max(now, one.not_before)
        at, doctor = min(
            ((_gap(taken.get(doctor, []), earliest, one.length), doctor) for doctor in doctors),
            key=lambda offer: offer[0],
        )
        taken[doctor] = sorted([*taken.get(doctor, []), (at, at + one.length)])
        found.append(at)
    return found


def until(began_at: dt.datetime, length: dt.timedelta, *, now: dt.datetime) -> dt.datetime:
    """Say until when somebody who is being seen is expected to be."""
    return max(began_at + length, now + YET)


def is_awaited(starts_at: dt.datetime, *, now: dt.datetime) -> bool:
    """Whether a place is kept for somebody who is not here yet."""
    return now <= starts_at + MISSED_AFTER


def about(wait: dt.timedelta) -> int:
    """Say a wait in minutes as it is told: never less than it is, in steps of five; 0 is none."""
    return max(0, -(-wait // ROUND)) * (ROUND // dt.timedelta(minutes=1))


def _gap(busy: Sequence[Busy], earliest: dt.datetime, length: dt.timedelta) -> dt.datetime:
    at = earliest
    for begin, end in busy:
        if begin >= at + length:
            break
        at = max(at, end)
    return at


def _is_time_for(action: Action, guest: Guest, *, now: dt.datetime) -> bool:
    if action.undoes is not None:
        return is_fresh(action, guest, now=now)
    return action.sets != "called_at" or guest.called_at is None
