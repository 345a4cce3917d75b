"""The states of a visit, and what may be done with it, as one table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
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
CORRECT_WITHIN: Final = dt.timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done with a visit: from which states, to which, by whom.

    `to` None leaves the state; `sets` names the time that is written. `permission` is what staff
    need. `event` says what happened, `label` and `tone` draw the button.
    """

    from_states: tuple[str, ...]
    to: str | None
    by: frozenset[str]
    permission: str
    event: str
    label: str
    sets: str | None = None
    needs_reason: bool = False
    tone: str = "plain"


_STAFF: Final = frozenset({STAFF})
_BOTH: Final = frozenset({PATIENT, STAFF})
_MANAGE: Final = "appointments.manage"
_TREAT: Final = "appointments.treat"

# One table: it draws the buttons, and the services obey it.
ACTIONS: Final[Mapping[str, Action]] = {
    "confirm": Action(
        ("requested",), "confirmed", _STAFF, _MANAGE, "booking.confirmed", N_("Confirm"), tone="primary"
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
        OPEN,
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
    "correct": Action(("no_show",), "confirmed", _STAFF, _MANAGE, "booking.corrected", N_("Came after all")),
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
}

# These have services of their own: they move places.
APART: Final = frozenset({"change", "cancel"})


class Visit(Protocol):
    """What of an appointment decides about what can be done with it."""

    @property
    def state(self) -> str:
        """One of STATES."""

    @property
    def starts_at(self) -> dt.datetime:
        """When it begins."""

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
    if name == "change":
        return who == STAFF or now <= visit.starts_at - change_until
    if name == "cancel":
        return who == STAFF or now < visit.starts_at
    if name == "check_in":
        return now >= visit.starts_at - CHECK_IN_FROM
    if name == "no_show":
        return now >= visit.starts_at
    if name == "correct":
        return visit.no_show_at is not None and now <= visit.no_show_at + CORRECT_WITHIN
    if name == "leave":
        return visit.left_at is None
    if name == "attend":
        return visit.attendance_confirmed_at is None and now < visit.starts_at
    return True
