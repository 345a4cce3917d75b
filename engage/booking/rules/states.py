"""The states of a visit, and what may be done with it, as one table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from engage.kernel.errors import N_

STATES: Final = {
    "requested": N_("Requested"),
    "confirmed": N_("Confirmed"),
    "checked_in": N_("Checked in"),
    "in_treatment": N_("In treatment"),
    "completed": N_("Completed"),
    "cancelled": N_("Cancelled"),
    "no_show": N_("No-show"),
}

# The colour family of a state, the same everywhere (faces).
TONES: Final = {
    "requested": "waiting",
    "confirmed": "confirmed",
    "checked_in": "good",
    "in_treatment": "good",
    "completed": "good",
    "cancelled": "ended",
    "no_show": "bad",
}

# A patient with a visit in one of these is nowhere else at that time.
LIVE: Final = ("requested", "confirmed", "checked_in", "in_treatment")
# To come: these count towards how many may be booked.
OPEN: Final = ("requested", "confirmed")
# The patient came, or is there.
CAME: Final = ("checked_in", "in_treatment", "completed")

CHANNELS: Final = {
    "wechat": N_("WeChat"),
    "desk": N_("Front desk"),
}

PATIENT, STAFF = "patient", "staff"

CHECK_IN_FROM: Final = dt.timedelta(hours=12)
# Patients check in by the store's code, when the visit is near and not over.
ARRIVE_FROM: Final = dt.timedelta(hours=2)
CORRECT_WITHIN: Final = dt.timedelta(hours=72)
UNDO_WITHIN: Final = dt.timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done with a visit: from which states, to which, by whom.

    `to` None leaves the state; `sets` names the time that is written, `clears` those that are taken
    back. `undoes` names the action that was a slip. `permission` is what staff need. `event` says what
    happened, `label` and `tone` draw the button.
    """

    from_states: tuple[str, ...]
    to: str | None
    by: frozenset[str]
    permission: str
    event: str
    label: str
    sets: str | None = None
    clears: tuple[str, ...] = ()
    undoes: str | None = None
    needs_reason: bool = False
    tone: str = "plain"


_PATIENT: Final = frozenset({PATIENT})
_STAFF: Final = frozenset({STAFF})
_BOTH: Final = frozenset({PATIENT, STAFF})
_MANAGE: Final = "appointments.manage"
_TREAT: Final = "appointments.treat"

# One table: it draws the buttons, and the services obey it.
ACTIONS: Final[Mapping[str, Action]] = {
    "approve": Action(
        ("requested",), "confirmed", _STAFF, _MANAGE, "booking.confirmed", N_("Approve"), tone="primary"
    ),
    "decline": Action(
        ("requested",),
        "cancelled",
        _STAFF,
        _MANAGE,
        "booking.declined",
        N_("Decline"),
        sets="cancelled_at",
        needs_reason=True,
        tone="danger",
    ),
    "check_in": Action(
        ("confirmed",),
        "checked_in",
        _STAFF,
        _MANAGE,
        "booking.checked_in",
        N_("Check in"),
        sets="checked_in_at",
        tone="primary",
    ),
    "arrive": Action(
        ("confirmed",),
        "checked_in",
        _PATIENT,
        _MANAGE,
        "booking.checked_in",
        N_("I am here"),
        sets="checked_in_at",
        tone="primary",
    ),
    "call": Action(("checked_in",), None, _STAFF, _TREAT, "booking.called", N_("Call in"), sets="called_at"),
    "start": Action(
        ("checked_in",),
        "in_treatment",
        _STAFF,
        _TREAT,
        "booking.treatment_started",
        N_("Start treatment"),
        sets="treatment_at",
        tone="primary",
    ),
    "complete": Action(
        ("checked_in", "in_treatment"),
        "completed",
        _STAFF,
        _TREAT,
        "booking.completed",
        N_("Complete"),
        sets="completed_at",
        tone="primary",
    ),
    "leave": Action(
        ("checked_in", "in_treatment", "completed"),
        None,
        _STAFF,
        _MANAGE,
        "booking.left",
        N_("Has left"),
        sets="left_at",
    ),
    "attend": Action(
        ("confirmed",),
        None,
        _BOTH,
        _MANAGE,
        "booking.attendance_confirmed",
        N_("Will come"),
        sets="attendance_confirmed_at",
    ),
    "change": Action(OPEN, None, _BOTH, _MANAGE, "booking.changed", N_("Change")),
    "no_show": Action(
        ("confirmed",),
        "no_show",
        _STAFF,
        _MANAGE,
        "booking.no_show",
        N_("Did not come"),
        sets="no_show_at",
        tone="danger",
    ),
    "correct": Action(
        ("no_show",),
        "confirmed",
        _STAFF,
        _MANAGE,
        "booking.corrected",
        N_("Came after all"),
        sets="corrected_at",
        clears=("no_show_at",),
        undoes="no_show",
    ),
    "cancel": Action(
        OPEN,
        "cancelled",
        _BOTH,
        _MANAGE,
        "booking.cancelled",
        N_("Cancel the visit"),
        sets="cancelled_at",
        needs_reason=True,
        tone="danger",
    ),
    "undo_check_in": Action(
        ("checked_in",),
        "confirmed",
        _STAFF,
        _MANAGE,
        "booking.undone",
        N_("Undo: checked in"),
        clears=("checked_in_at", "called_at", "left_at"),
        undoes="check_in",
    ),
    "undo_start": Action(
        ("in_treatment",),
        "checked_in",
        _STAFF,
        _TREAT,
        "booking.undone",
        N_("Undo: in treatment"),
        clears=("treatment_at",),
        undoes="start",
    ),
    "undo_complete": Action(
        ("completed",),
        "in_treatment",
        _STAFF,
        _TREAT,
        "booking.undone",
        N_("Undo: completed"),
        clears=("completed_at", "left_at"),
        undoes="complete",
    ),
    # Of a visit that was completed without its treatment having been noted.
    "reopen": Action(
        ("completed",),
        "checked_in",
        _STAFF,
        _TREAT,
        "booking.undone",
        N_("Undo: completed"),
        clears=("completed_at", "left_at"),
        undoes="complete",
    ),
    "undo_leave": Action(
        CAME,
        None,
        _STAFF,
        _MANAGE,
        "booking.undone",
        N_("Undo: has left"),
        clears=("left_at",),
        undoes="leave",
    ),
}

# These have services of their own: they move places, or want the code of the store.
APART: Final = frozenset({"change", "cancel", "decline", "arrive"})


class Guest(Protocol):
    """What of somebody with an appointment, or without one, decides about what can be done with them."""

    @property
    def state(self) -> str:
        """How far they are."""

    @property
    def called_at(self) -> dt.datetime | None:
        """When they were called in."""


class Visit(Guest, Protocol):
    """What of an appointment decides about what can be done with it; its state is one of STATES."""

    @property
    def starts_at(self) -> dt.datetime:
        """When it begins."""

    @property
    def ends_at(self) -> dt.datetime:
        """When it ends."""

    @property
    def checked_in_at(self) -> dt.datetime | None:
        """When the patient was seen to be there."""

    @property
    def treatment_at(self) -> dt.datetime | None:
        """When the treatment began."""

    @property
    def completed_at(self) -> dt.datetime | None:
        """When it was completed."""

    @property
    def no_show_at(self) -> dt.datetime | None:
        """When it was noted that the patient did not come."""

    @property
    def left_at(self) -> dt.datetime | None:
        """When the patient left the store."""

    @property
    def attendance_confirmed_at(self) -> dt.datetime | None:
        """When the patient promised to come."""


def actions(
    visit: Visit, who: str, *, now: dt.datetime, change_until: dt.timedelta = dt.timedelta()
) -> Mapping[str, Action]:
    """Give what a patient or staff may do with a visit now, by name, in the order of buttons.

    `change_until` is how long before the visit patients may still change it.
    """
    return {
        name: action
        for name, action in ACTIONS.items()
        if visit.state in action.from_states
        and who in action.by
        and is_time_for(name, visit, who, now=now, change_until=change_until)
    }


def is_time_for(
    name: str, visit: Visit, who: str, *, now: dt.datetime, change_until: dt.timedelta = dt.timedelta()
) -> bool:
    """Whether the time has come for an action, and is not over; states are not looked at."""
    action = ACTIONS[name]
    if action.undoes is not None and name not in _TIMES:
        return is_undoable(action, visit, now=now)
    is_fact = action.to is None and action.sets is not None
    if is_fact and getattr(visit, str(action.sets)) is not None:
        return False
    if name == "change":
        return who == STAFF or now <= visit.starts_at - change_until
    if name == "cancel":
        return who == STAFF or now < visit.starts_at
    return name not in _TIMES or _TIMES[name](visit, now)


# When the time has come for actions that wait for one.
_TIMES: Final[Mapping[str, Callable[[Visit, dt.datetime], bool]]] = {
    "check_in": lambda visit, now: now >= visit.starts_at - CHECK_IN_FROM,
    "arrive": lambda visit, now: visit.starts_at - ARRIVE_FROM <= now < visit.ends_at,
    "no_show": lambda visit, now: now >= visit.starts_at,
    "correct": lambda visit, now: visit.no_show_at is not None and now <= visit.no_show_at + CORRECT_WITHIN,
    "attend": lambda visit, now: now < visit.starts_at,
}


def is_undoable(action: Action, visit: Visit, *, now: dt.datetime) -> bool:
    """Whether what an action undoes has only just been done; who was not yet in treatment waits again."""
    if action.undoes == "complete" and (visit.treatment_at is not None) != (action.to == "in_treatment"):
        return False
    return is_fresh(action, visit, now=now)


def is_fresh(action: Action, guest: Guest, *, now: dt.datetime) -> bool:
    """Whether what an action takes back was noted only just now."""
    at: dt.datetime | None = getattr(guest, action.clears[0])
    return at is not None and now <= at + UNDO_WITHIN


def is_kept(starts_at: dt.datetime, checked_in_at: dt.datetime, grace: dt.timedelta) -> bool:
    """Whether somebody who checked in then has kept an appointment (BK-16)."""
    return checked_in_at <= starts_at + grace
